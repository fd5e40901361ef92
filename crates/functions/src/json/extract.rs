//! Taking parts out of JSON: `->`, `#>`, `json_extract_path`, and what kind a value is.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, SqlError, SqlState};

use super::scan::{self, Kind, kind};
use super::{JSON, JSONB, TEXT};
use crate::array::{lists, span};
use crate::failure::{Outcome, invalid_parameter};
use crate::kernel::column::{Int4, Text};
use crate::kernel::lift::{map1, text_rows, text1};
use crate::kernel::write::Out;
use crate::kernel::{Column, function};
use crate::registry::{Call, Function};

pub(super) fn functions() -> Vec<Function> {
    let mut all = vec![];
    for (name, argument) in [("json_typeof", &[JSON]), ("jsonb_typeof", &[JSONB])] {
        all.push(Function::fixed(name, argument, PgType::TEXT, |call| {
            text1::<Text>(call, |value, out| {
                out.push_str(kind(value).name());
                Ok(true)
            })
        }));
    }
    for (name, argument) in [("json_array_length", &[JSON]), ("jsonb_array_length", &[JSONB])] {
        all.push(Function::fixed(name, argument, PgType::INT4, |call| map1::<Text, i32>(call, length)));
    }
    for (name, argument, ty) in [("json_extract_path", &[JSON, TEXT], PgType::JSON), ("jsonb_extract_path", &[JSONB, TEXT], PgType::JSONB)]
    {
        all.push(Function::fixed(name, argument, ty, |call| spelled_path(call, false)).variadic());
    }
    for (name, argument) in [("json_extract_path_text", &[JSON, TEXT]), ("jsonb_extract_path_text", &[JSONB, TEXT])] {
        all.push(Function::fixed(name, argument, PgType::TEXT, |call| spelled_path(call, true)).variadic());
    }
    all
}

fn length(value: &str) -> Outcome<i32> {
    match kind(value) {
        Kind::Array => Ok(i32::try_from(scan::elements(value).count()).unwrap_or(i32::MAX)),
        Kind::Object => Err(invalid_parameter("cannot get array length of a non-array")),
        _ => Err(invalid_parameter("cannot get array length of a scalar")),
    }
}

/// Writes a part that was found; `false` for none.
fn put(part: Option<&str>, as_text: bool, out: &mut Out) -> Outcome<bool> {
    let Some(part) = part else {
        return Ok(false);
    };
    if !as_text {
        out.admit(part.len())?;
        out.push_str(part);
        return Ok(true);
    }
    match scan::text_of(part) {
        Some(text) => {
            out.admit(text.len())?;
            out.push_str(&text);
            Ok(true)
        }
        None => Ok(false),
    }
}

/// `json -> key`
pub(super) fn member(call: &Call<'_>, as_text: bool) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let (values, keys) = (args.column(0)?.read::<Text>()?, args.column(1)?.read::<Text>()?);
        text_rows(args.rows, |row, out| match (values.get(row), keys.get(row)) {
            (Some(value), Some(key)) => put(scan::get(value, key), as_text, out),
            _ => Ok(false),
        })
    })
}

/// `json -> number`
pub(super) fn element(call: &Call<'_>, as_text: bool) -> Arc<ScalarUDF> {
    let is_jsonb = call.arguments.first() == Some(&PgType::JSONB);
    function(call, move |args| {
        let (values, indexes) = (args.column(0)?.read::<Text>()?, args.column(1)?.read::<Int4>()?);
        text_rows(args.rows, |row, out| match (values.get(row), indexes.get(row)) {
            // A bare scalar of `jsonb` is stored as an array of one.
            (Some(value), Some(0 | -1)) if is_jsonb && kind(value).is_scalar() => put(Some(value), as_text, out),
            (Some(value), Some(index)) => put(scan::nth(value, index.into()), as_text, out),
            _ => Ok(false),
        })
    })
}

/// `json #> {a,b}`; a NULL in the path finds nothing, an empty path the whole.
pub(super) fn path(call: &Call<'_>, as_text: bool) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let values = args.column(0)?.read::<Text>()?;
        let paths = lists(args, 1)?;
        let steps = Column { array: Arc::clone(paths.values()), constant: false };
        let steps = steps.read::<Text>()?;
        text_rows(args.rows, |row, out| {
            let (Some(value), Some(path)) = (values.get(row), span(&paths, row)) else {
                return Ok(false);
            };
            let part = path.into_iter().try_fold(scan::trim(value), |value, place| scan::step(value, steps.get(place)?));
            put(part, as_text, out)
        })
    })
}

/// `json_extract_path(json, 'a', 'b')`
fn spelled_path(call: &Call<'_>, as_text: bool) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let values = args.column(0)?.read::<Text>()?;
        let steps = args.columns.iter().skip(1).map(Column::read::<Text>).collect::<Outcome<Vec<_>>>()?;
        text_rows(args.rows, |row, out| {
            let Some(value) = values.get(row) else {
                return Ok(false);
            };
            let part = steps.iter().try_fold(scan::trim(value), |value, step| scan::step(value, step.get(row)?));
            put(part, as_text, out)
        })
    })
}

/// 22023 in the words of PostgreSQL.
pub(super) fn cannot(what: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, what)
}
