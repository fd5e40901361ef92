//! Casts from and between `json` and `jsonb`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringViewArray};
use kura_pgtypes::{PgType, Scalar, SqlError, SqlState};
use serde_json::Value;

use super::{Context, Convert};
use crate::decode;
use crate::failure::{Outcome, internal};
use crate::kernel::Column;
use crate::kernel::column::Text;

/// The conversion between two types of this family; `None` for any other.
pub(super) fn converter(from: PgType, to: PgType, context: Context<'_>) -> Option<Convert> {
    let settings = context.session.settings.clone();
    match (from.scalar, to.scalar) {
        (Scalar::Json, Scalar::Jsonb) => Some(Arc::new(move |array| decode::parse_array(array.as_ref(), to, &settings))),
        (Scalar::Jsonb, Scalar::Bool | Scalar::Int2 | Scalar::Int4 | Scalar::Int8 | Scalar::Float4 | Scalar::Float8 | Scalar::Numeric) => {
            // Numbers go through numeric, so that 1.5 becomes 2 as an integer.
            let through = if to.scalar == Scalar::Bool { PgType::BOOL } else { wide(to) };
            let then = if to.scalar == Scalar::Bool { None } else { super::converter(through, to, context) };
            Some(Arc::new(move |array| {
                let parsed = decode::parse_array(scalars(array, to)?.as_ref(), through, &settings)?;
                then.as_ref().map_or_else(|| Ok(Arc::clone(&parsed)), |then| then(&parsed))
            }))
        }
        _ => None,
    }
}

/// The numeric type a JSON number is read as on its way.
fn wide(to: PgType) -> PgType {
    match to.scalar {
        Scalar::Float4 | Scalar::Float8 => PgType::FLOAT8,
        Scalar::Numeric => to,
        _ => PgType::numeric(38, 6),
    }
}

/// The text of JSON scalars of the kind the target wants.
fn scalars(array: &ArrayRef, to: PgType) -> Outcome<ArrayRef> {
    let column = Column { array: Arc::clone(array), constant: false };
    let texts = column.read::<Text>()?;
    let mut values = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        values.push(match texts.get(row) {
            Some(text) => scalar(text, to)?,
            None => None,
        });
    }
    Ok(Arc::new(StringViewArray::from_iter(values)))
}

fn scalar(text: &str, to: PgType) -> Outcome<Option<String>> {
    let value: Value = serde_json::from_str(text).map_err(|error| internal(error.to_string()))?;
    let kind = match &value {
        Value::Bool(value) if to.scalar == Scalar::Bool => return Ok(Some(value.to_string())),
        Value::Number(_) if to.scalar != Scalar::Bool => return Ok(Some(text.trim().to_owned())),
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "numeric",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("cannot cast jsonb {kind} to type {}", to.with_typmod(-1).display())))
}
