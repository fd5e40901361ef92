//! SQL values as JSON, as `to_json` writes them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use kura_pgtypes::json::quote;
use kura_pgtypes::{DateStyle, OutputSettings, PgType, Scalar};

use crate::cast::TextOf;
use crate::decode::parse_array;
use crate::failure::Outcome;
use crate::kernel::Column;
use crate::kernel::column::Text;
use crate::kernel::lift::text_rows;

/// How values of one type are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The text is JSON already.
    Plain,
    /// A number, unless it is NaN or infinite.
    Number,
    /// A string.
    Quoted,
    /// A string with the `T` between date and time.
    Stamp,
}

/// Writes columns of one type as JSON.
pub(super) struct JsonOf {
    form: Form,
    text: TextOf,
    /// Of an array: how many times over its elements are lists is seen in the values.
    array: bool,
}

impl JsonOf {
    pub(super) fn new(ty: PgType, settings: &OutputSettings) -> Self {
        let element = ty.element().unwrap_or(ty);
        let form = match element.scalar {
            Scalar::Bool | Scalar::Json | Scalar::Jsonb => Form::Plain,
            Scalar::Int2 | Scalar::Int4 | Scalar::Int8 | Scalar::Numeric | Scalar::Float4 | Scalar::Float8 => Form::Number,
            Scalar::Timestamp | Scalar::Timestamptz => Form::Stamp,
            _ => Form::Quoted,
        };
        let settings = OutputSettings { date_style: DateStyle::default(), ..settings.clone() };
        // As a string, char(n) keeps its blanks: the output function's text, but for booleans.
        let text = if element == PgType::BOOL { TextOf::new(element, &settings) } else { TextOf::output(element, &settings) };
        Self { form, text, array: ty.array }
    }

    /// The JSON of every value of an array; NULL stays NULL.
    pub(super) fn array(&self, array: &ArrayRef) -> Outcome<ArrayRef> {
        if let Some(list) = array.as_list_opt::<i32>().filter(|_| self.array) {
            let inner = Column { array: self.array(list.values())?, constant: false };
            let inner = inner.read::<Text>()?;
            return text_rows(list.len(), |row, out| {
                let Some(places) = crate::array::span(list, row) else {
                    return Ok(false);
                };
                out.push('[');
                for (index, place) in places.enumerate() {
                    let value = inner.get(place).unwrap_or("null");
                    out.admit(out.text.len() + value.len())?;
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(value);
                }
                out.push(']');
                Ok(true)
            });
        }
        let texts = Column { array: self.text.array(array)?, constant: false };
        if self.form == Form::Plain {
            return Ok(texts.array);
        }
        let texts = texts.read::<Text>()?;
        text_rows(array.len(), |row, out| {
            let Some(text) = texts.get(row) else {
                return Ok(false);
            };
            out.admit(text.len())?;
            match self.form {
                Form::Number if !text.contains(['N', 'I']) => out.push_str(text),
                Form::Stamp => quote(&stamp(text), &mut out.text),
                _ => quote(text, &mut out.text),
            }
            Ok(true)
        })
    }

    /// As [`JsonOf::array`], of an argument that may be constant.
    pub(super) fn column(&self, column: &Column) -> Outcome<Column> {
        Ok(Column { array: self.array(&column.array)?, constant: column.constant })
    }
}

/// `2024-01-01 10:00:00+00` as `2024-01-01T10:00:00+00:00`.
fn stamp(text: &str) -> String {
    let Some((date, rest)) = text.split_once(' ').filter(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit())) else {
        return text.to_owned();
    };
    let (time, era) = rest.split_once(' ').map_or((rest, ""), |(time, _)| (time, " BC"));
    // The offset from UTC always has minutes.
    let minutes = match time.rfind(['+', '-']) {
        Some(at) if time.len() - at == 3 => ":00",
        _ => "",
    };
    format!("{date}T{time}{minutes}{era}")
}

/// A column of JSON in the form of its type: `jsonb` has one of its own.
pub(super) fn formed(array: ArrayRef, ty: PgType) -> Outcome<ArrayRef> {
    if ty != PgType::JSONB {
        return Ok(array);
    }
    parse_array(array.as_ref(), ty, &OutputSettings::default()).map(|array| Arc::clone(&array))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_a_t_and_minutes() {
        assert_eq!(stamp("2024-01-02 03:04:05.6"), "2024-01-02T03:04:05.6");
        assert_eq!(stamp("2024-01-02 03:04:05+09"), "2024-01-02T03:04:05+09:00");
        assert_eq!(stamp("2024-01-02 03:04:05-03:30"), "2024-01-02T03:04:05-03:30");
        assert_eq!(stamp("0044-03-15 00:00:00 BC"), "0044-03-15T00:00:00 BC");
        assert_eq!(stamp("infinity"), "infinity");
    }
}
