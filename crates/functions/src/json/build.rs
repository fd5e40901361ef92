//! Making JSON out of SQL values: `to_json`, `json_build_object`, `json_build_array`, `json_object`.

use std::sync::Arc;

use arrow::array::ArrayRef;
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::json::quote;
use kura_pgtypes::{PgType, Scalar, SqlError, SqlState};

use super::extract::cannot;
use super::write::{JsonOf, formed};
use super::{BOOL, TEXTS};
use crate::array::{lists, span};
use crate::cast::TextOf;
use crate::failure::Outcome;
use crate::kernel::column::{Bool, Column, Text};
use crate::kernel::lift::text_rows;
use crate::kernel::write::Out;
use crate::kernel::{Args, function};
use crate::registry::{ArgType, Call, Function};

pub(super) fn functions() -> Vec<Function> {
    const ANY: ArgType = ArgType::Any;
    let mut all = vec![
        Function::fixed("array_to_json", &[ArgType::AnyArray], PgType::JSON, to_json).stable(),
        Function::fixed("array_to_json", &[ArgType::AnyArray, BOOL], PgType::JSON, array_to_json).stable(),
        // Not PostgreSQL's: a row, as names and values in turn, for `row_to_json`.
        Function::fixed("json_row", &[ANY], PgType::JSON, |call| object(call, &COMPACT)).variadic().stable().lenient(),
    ];
    for (one, object_name, array_name, text_name, ty) in [
        ("to_json", "json_build_object", "json_build_array", "json_object", PgType::JSON),
        ("to_jsonb", "jsonb_build_object", "jsonb_build_array", "jsonb_object", PgType::JSONB),
    ] {
        all.extend([
            Function::fixed(one, &[ANY], ty, to_json).stable(),
            Function::fixed(object_name, &[], ty, |call| object(call, &SPACED)).stable().lenient(),
            Function::fixed(object_name, &[ANY], ty, |call| object(call, &SPACED)).variadic().stable().lenient(),
            Function::fixed(array_name, &[], ty, array).stable().lenient(),
            Function::fixed(array_name, &[ANY], ty, array).variadic().stable().lenient(),
            Function::fixed(text_name, &[TEXTS], ty, text_object),
            Function::fixed(text_name, &[TEXTS, TEXTS], ty, two_text_object),
        ]);
    }
    all
}

/// What stands between the parts of an object.
pub(super) struct Spacing {
    colon: &'static str,
    comma: &'static str,
}

/// As PostgreSQL's constructors write objects.
const SPACED: Spacing = Spacing { colon: " : ", comma: ", " };
/// As it writes rows.
const COMPACT: Spacing = Spacing { colon: ":", comma: "," };

fn to_json(call: &Call<'_>) -> Arc<ScalarUDF> {
    let writer = JsonOf::new(call.arguments.first().copied().unwrap_or(PgType::TEXT), &call.session.settings);
    let returns = call.returns;
    function(call, move |args| {
        let json = writer.column(args.column(0)?)?;
        formed(json.expanded(args.rows)?, returns)
    })
}

/// `array_to_json(array, pretty)`: pretty puts a line feed between the elements of the outermost dimension.
fn array_to_json(call: &Call<'_>) -> Arc<ScalarUDF> {
    let writer = JsonOf::new(call.arguments.first().copied().unwrap_or(PgType::TEXT), &call.session.settings);
    function(call, move |args| {
        let json = writer.column(args.column(0)?)?;
        let (json, pretty) = (json.read::<Text>()?, args.column(1)?.read::<Bool>()?);
        text_rows(args.rows, |row, out| {
            let (Some(json), Some(pretty)) = (json.get(row), pretty.get(row)) else {
                return Ok(false);
            };
            if !pretty {
                out.push_str(json);
                return Ok(true);
            }
            out.push('[');
            for (index, element) in super::scan::elements(json).enumerate() {
                out.push_str(if index > 0 { ",\n " } else { "" });
                out.push_str(element);
            }
            out.push(']');
            Ok(true)
        })
    })
}

/// All arguments as JSON.
fn written(args: &Args, writers: &[JsonOf]) -> Outcome<Vec<Column>> {
    args.columns.iter().zip(writers).map(|(column, writer)| writer.column(column)).collect()
}

fn writers(call: &Call<'_>) -> Vec<JsonOf> {
    call.arguments.iter().map(|ty| JsonOf::new(*ty, &call.session.settings)).collect()
}

fn array(call: &Call<'_>) -> Arc<ScalarUDF> {
    let (writers, returns) = (writers(call), call.returns);
    function(call, move |args| {
        let columns = written(args, &writers)?;
        let columns = columns.iter().map(Column::read::<Text>).collect::<Outcome<Vec<_>>>()?;
        let json = text_rows(args.rows, |row, out| {
            out.push('[');
            for (index, column) in columns.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                append(column.get(row).unwrap_or("null"), out)?;
            }
            out.push(']');
            Ok(true)
        })?;
        formed(json, returns)
    })
}

fn append(text: &str, out: &mut Out) -> Outcome<()> {
    out.admit(out.text.len() + text.len())?;
    out.push_str(text);
    Ok(())
}

/// Whether values of a type may be the keys of an object.
pub(super) fn is_key(ty: PgType) -> bool {
    !ty.array && !matches!(ty.scalar, Scalar::Json | Scalar::Jsonb)
}

pub(super) fn bad_key() -> SqlError {
    cannot("key value must be scalar, not array, composite, or json")
}

fn object(call: &Call<'_>, spacing: &'static Spacing) -> Arc<ScalarUDF> {
    let (name, returns) = (call.name.to_owned(), call.returns);
    let values = writers(call);
    let keys: Vec<TextOf> = call.arguments.iter().map(|ty| TextOf::new(*ty, &call.session.settings)).collect();
    let scalar = call.arguments.iter().step_by(2).all(|ty| is_key(*ty));
    function(call, move |args| {
        if args.columns.len() % 2 != 0 {
            let hint = format!("The arguments of {name}() must consist of alternating keys and values.");
            return Err(cannot("argument list must have even number of elements").hint(hint));
        }
        if !scalar {
            return Err(bad_key());
        }
        let mut columns = Vec::with_capacity(args.columns.len());
        for (index, column) in args.columns.iter().enumerate() {
            columns.push(if index % 2 == 0 { keys[index].column(column)? } else { values[index].column(column)? });
        }
        let columns = columns.iter().map(Column::read::<Text>).collect::<Outcome<Vec<_>>>()?;
        let json = text_rows(args.rows, |row, out| {
            out.push('{');
            for (index, pair) in columns.chunks_exact(2).enumerate() {
                let key = pair[0].get(row).ok_or_else(|| null_key(&name, index * 2 + 1))?;
                out.push_str(if index > 0 { spacing.comma } else { "" });
                out.admit(out.text.len() + key.len())?;
                quote(key, &mut out.text);
                out.push_str(spacing.colon);
                append(pair[1].get(row).unwrap_or("null"), out)?;
            }
            out.push('}');
            Ok(true)
        })?;
        formed(json, returns)
    })
}

fn null_key(name: &str, argument: usize) -> SqlError {
    if name.starts_with("jsonb") {
        cannot(format!("argument {argument}: key must not be null"))
    } else {
        cannot(format!("argument {argument} cannot be null")).hint("Object keys should be text.")
    }
}

fn pairs(out: &mut Out, pairs: impl Iterator<Item = (Option<String>, Option<String>)>) -> Outcome<()> {
    out.push('{');
    for (index, (key, value)) in pairs.enumerate() {
        let key = key.ok_or_else(|| SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "null value not allowed for object key"))?;
        out.admit(out.text.len() + key.len() + value.as_ref().map_or(4, String::len))?;
        out.push_str(if index > 0 { ", " } else { "" });
        quote(&key, &mut out.text);
        out.push_str(" : ");
        match value {
            Some(value) => quote(&value, &mut out.text),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    Ok(())
}

fn texts(list: &arrow::array::ListArray) -> Column {
    let values: ArrayRef = Arc::clone(list.values());
    Column { array: values, constant: false }
}

/// `json_object('{a,1,b,2}')`
fn text_object(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns;
    function(call, move |args| {
        let list = lists(args, 0)?;
        let column = texts(&list);
        let values = column.read::<Text>()?;
        let json = text_rows(args.rows, |row, out| {
            let Some(places) = span(&list, row) else {
                return Ok(false);
            };
            if places.len() % 2 != 0 {
                return Err(SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "array must have even number of elements"));
            }
            let text = |place: usize| values.get(place).map(str::to_owned);
            pairs(out, places.step_by(2).map(|place| (text(place), text(place + 1))))?;
            Ok(true)
        })?;
        formed(json, returns)
    })
}

/// `json_object('{a,b}', '{1,2}')`
fn two_text_object(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns;
    function(call, move |args| {
        let (keys, values) = (lists(args, 0)?, lists(args, 1)?);
        let (key_column, value_column) = (texts(&keys), texts(&values));
        let (key_texts, value_texts) = (key_column.read::<Text>()?, value_column.read::<Text>()?);
        let json = text_rows(args.rows, |row, out| {
            let (Some(first), Some(second)) = (span(&keys, row), span(&values, row)) else {
                return Ok(false);
            };
            if first.len() != second.len() {
                return Err(SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "mismatched array dimensions"));
            }
            let both = first.zip(second);
            let text = |(key, value)| (key_texts.get(key).map(str::to_owned), value_texts.get(value).map(str::to_owned));
            pairs(out, both.map(text))?;
            Ok(true)
        })?;
        formed(json, returns)
    })
}
