//! The elements and members of JSON as arrays: the binder makes rows of them.
//!
//! `json_each` and `json_each_text` have two columns: the keys are `json_object_keys`, the values in the same order are
//! `json_each_value` and `json_each_text_value`, names PostgreSQL does not have.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;
use kura_pgtypes::json::unescape;

use super::extract::cannot;
use super::scan::{self, Kind, kind};
use super::{JSON, JSONB, TEXT_ARRAY, array_of};
use crate::failure::Outcome;
use crate::kernel::column::Text;
use crate::kernel::function;
use crate::kernel::list::TextLists;
use crate::registry::{Call, Function};

pub(super) fn functions() -> Vec<Function> {
    let (json, jsonb) = (array_of(PgType::JSON), array_of(PgType::JSONB));
    let mut all = vec![
        Function::fixed("json_array_elements", &[JSON], json, |call| elements(call, false)),
        Function::fixed("jsonb_array_elements", &[JSONB], jsonb, |call| elements(call, false)),
        Function::fixed("json_array_elements_text", &[JSON], TEXT_ARRAY, |call| elements(call, true)),
        Function::fixed("jsonb_array_elements_text", &[JSONB], TEXT_ARRAY, |call| elements(call, true)),
        Function::fixed("json_object_keys", &[JSON], TEXT_ARRAY, keys),
        Function::fixed("jsonb_object_keys", &[JSONB], TEXT_ARRAY, keys),
    ];
    for (name, argument, ty) in [("json_each_value", &[JSON], json), ("jsonb_each_value", &[JSONB], jsonb)] {
        all.push(Function::fixed(name, argument, ty, |call| values(call, false)));
    }
    for (name, argument) in [("json_each_text_value", &[JSON]), ("jsonb_each_text_value", &[JSONB])] {
        all.push(Function::fixed(name, argument, TEXT_ARRAY, |call| values(call, true)));
    }
    all
}

/// One list for each value that is not NULL.
fn each(call: &Call<'_>, one: impl Fn(&str, &mut TextLists) -> Outcome<()> + Send + Sync + 'static) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let values = args.column(0)?.read::<Text>()?;
        let mut lists = TextLists::new(args.rows);
        for row in 0..args.rows {
            if let Some(value) = values.get(row) {
                one(value, &mut lists)?;
            }
            lists.end(values.get(row).is_some())?;
        }
        lists.finish()
    })
}

fn elements(call: &Call<'_>, as_text: bool) -> Arc<ScalarUDF> {
    let name = call.name.to_owned();
    let is_jsonb = name.starts_with("jsonb");
    each(call, move |value, lists| {
        match (kind(value), is_jsonb) {
            (Kind::Array, _) => {}
            (Kind::Object, false) => return Err(cannot(format!("cannot call {name} on a non-array"))),
            (Kind::Object, true) => return Err(cannot("cannot extract elements from an object")),
            (_, false) => return Err(cannot(format!("cannot call {name} on a scalar"))),
            (_, true) => return Err(cannot("cannot extract elements from a scalar")),
        }
        scan::elements(value).try_for_each(|element| push(element, as_text, lists))
    })
}

fn push(value: &str, as_text: bool, lists: &mut TextLists) -> Outcome<()> {
    if as_text { lists.push(scan::text_of(value).as_deref()) } else { lists.push(Some(value)) }
}

fn keys(call: &Call<'_>) -> Arc<ScalarUDF> {
    let name = call.name.to_owned();
    each(call, move |value, lists| {
        match kind(value) {
            Kind::Object => {}
            Kind::Array => return Err(cannot(format!("cannot call {name} on an array"))),
            _ => return Err(cannot(format!("cannot call {name} on a scalar"))),
        }
        scan::members(value).try_for_each(|(key, _)| lists.push(Some(&unescape(key))))
    })
}

fn values(call: &Call<'_>, as_text: bool) -> Arc<ScalarUDF> {
    let name = call.name.trim_end_matches("_value").to_owned();
    let is_jsonb = name.starts_with("jsonb");
    each(call, move |value, lists| {
        match (kind(value), is_jsonb) {
            (Kind::Object, _) => {}
            (_, true) => return Err(cannot(format!("cannot call {name} on a non-object"))),
            (Kind::Array, false) => return Err(cannot("cannot deconstruct an array as an object")),
            (_, false) => return Err(cannot("cannot deconstruct a scalar")),
        }
        scan::members(value).try_for_each(|(_, value)| push(value, as_text, lists))
    })
}
