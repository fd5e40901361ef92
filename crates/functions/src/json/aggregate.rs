//! `json_agg`, `json_object_agg` and their `jsonb` twins.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use datafusion::logical_expr::AggregateUDF;
use kura_pgtypes::PgType;
use kura_pgtypes::json::quote;

use super::build::{bad_key, is_key};
use super::extract::cannot;
use super::write::{JsonOf, formed};
use crate::aggregate::gather::Finish;
use crate::aggregate::udaf;
use crate::cast::TextOf;
use crate::failure::{Outcome, internal};
use crate::kernel::column::{Column, Text};
use crate::kernel::write::TextBuilder;
use crate::registry::{Aggregate, AggregateCall, ArgType, Returns};

/// The aggregates of this family.
pub(crate) fn aggregates() -> Vec<Aggregate> {
    const ANY: ArgType = ArgType::Any;
    const TYPES: [(&str, &str, PgType); 2] =
        [("json_agg", "json_object_agg", PgType::JSON), ("jsonb_agg", "jsonb_object_agg", PgType::JSONB)];
    let both = |(array, object, ty)| {
        [Aggregate::new(array, &[ANY], Returns::Fixed(ty), array_agg), Aggregate::new(object, &[ANY, ANY], Returns::Fixed(ty), object_agg)]
    };
    TYPES.into_iter().flat_map(both).collect()
}

fn argument(call: &AggregateCall<'_>, index: usize) -> PgType {
    call.arguments.get(index).copied().unwrap_or(PgType::TEXT)
}

fn array_agg(call: &AggregateCall<'_>) -> Arc<AggregateUDF> {
    let ty = argument(call, 0);
    let value = JsonOf::new(ty, &call.session.settings);
    // Arrays stand on lines of their own.
    let separator = if ty.array { ", \n " } else { ", " };
    udaf::gather(call, ArrayAgg { value, separator, returns: call.returns }, true)
}

fn object_agg(call: &AggregateCall<'_>) -> Arc<AggregateUDF> {
    let (key_type, settings) = (argument(call, 0), &call.session.settings);
    let finish = ObjectAgg {
        key: is_key(key_type).then(|| TextOf::new(key_type, settings)),
        value: JsonOf::new(argument(call, 1), settings),
        returns: call.returns,
    };
    udaf::gather(call, finish, true)
}

fn text(array: ArrayRef) -> Column {
    Column { array, constant: false }
}

fn column(columns: &[ArrayRef], index: usize) -> Outcome<&ArrayRef> {
    columns.get(index).ok_or_else(|| internal("aggregate called with too few arguments"))
}

/// One JSON text per group, NULL for one without rows: `open`, what `row` writes for each, `close`.
///
/// `row` gets the text so far, the builder to ask for room, the row, and whether it is the first of its group.
fn per_group(
    ranges: &[Range<usize>],
    (open, close): (&str, &str),
    returns: PgType,
    mut row: impl FnMut(&mut String, &TextBuilder, usize, bool) -> Outcome<()>,
) -> Outcome<ArrayRef> {
    let mut builder = TextBuilder::new(ranges.len());
    let mut json = String::new();
    for range in ranges {
        if range.is_empty() {
            builder.append_null();
            continue;
        }
        json.clear();
        json.push_str(open);
        for index in range.clone() {
            row(&mut json, &builder, index, index == range.start)?;
        }
        json.push_str(close);
        builder.append(&json)?;
    }
    formed(builder.finish(), returns)
}

struct ArrayAgg {
    value: JsonOf,
    separator: &'static str,
    returns: PgType,
}

impl Finish for ArrayAgg {
    fn finish(&self, columns: &[ArrayRef], ranges: &[Range<usize>]) -> Outcome<ArrayRef> {
        let values = text(self.value.array(column(columns, 0)?)?);
        let values = values.read::<Text>()?;
        per_group(ranges, ("[", "]"), self.returns, |json, builder, row, first| {
            let value = values.get(row).unwrap_or("null");
            builder.admit(json.len() + value.len())?;
            json.push_str(if first { "" } else { self.separator });
            json.push_str(value);
            Ok(())
        })
    }
}

struct ObjectAgg {
    /// `None`: the type cannot be a key.
    key: Option<TextOf>,
    value: JsonOf,
    returns: PgType,
}

impl Finish for ObjectAgg {
    fn finish(&self, columns: &[ArrayRef], ranges: &[Range<usize>]) -> Outcome<ArrayRef> {
        let key = self.key.as_ref().ok_or_else(bad_key)?;
        let (keys, values) = (text(key.array(column(columns, 0)?)?), text(self.value.array(column(columns, 1)?)?));
        let (keys, values) = (keys.read::<Text>()?, values.read::<Text>()?);
        per_group(ranges, ("{ ", " }"), self.returns, |json, builder, row, first| {
            let key = keys.get(row).ok_or_else(|| cannot("field name must not be null"))?;
            let value = values.get(row).unwrap_or("null");
            builder.admit(json.len() + key.len() + value.len())?;
            json.push_str(if first { "" } else { ", " });
            quote(key, json);
            json.push_str(" : ");
            json.push_str(value);
            Ok(())
        })
    }
}
