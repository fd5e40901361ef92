//! Values as PostgreSQL's input functions read them, text and binary, into Arrow arrays.
//!
//! [`ColumnBuilder`] is the way of COPY and of literals; [`parse_array`] is `text::type` for whole columns;
//! [`parameter`] reads the parameters of Bind. The canonical Arrow types come out, see [`PgType::arrow`].
//!
//! Two things PostgreSQL can hold and the canonical types cannot: `numeric` has neither NaN nor infinities and one
//! scale per column, and a column of arrays has a fixed number of dimensions, usually one.

use arrow::array::{Array, ArrayRef, AsArray, StringArrayType};
use arrow::datatypes::DataType;

use crate::diagnostic::SqlError;
use crate::encode::cast;
use crate::pg_type::{PgType, Scalar};
use crate::settings::{Format, OutputSettings};
use crate::sqlstate::SqlState;

mod array;
mod binary;
mod builder;
mod bytes;
mod datetime;
mod interval;
mod json;
mod jsonb;
mod number;
mod numeric;
mod syntax;
mod text;

pub(crate) use binary::text as utf8;
pub use builder::ColumnBuilder;

/// Reads every string of a column as a value of `ty`: `x::ty` of a text. Nulls stay nulls.
///
/// `strings`: an array of any string type, or a dictionary of one.
///
/// # Errors
/// What PostgreSQL's input function of the type answers to the first bad string; XX000 if `strings` are none.
pub fn parse_array(strings: &dyn Array, ty: PgType, settings: &OutputSettings) -> Result<ArrayRef, SqlError> {
    if matches!(ty.scalar, Scalar::Text | Scalar::Unknown) && !ty.array || *strings.data_type() == DataType::Null {
        return cast(strings, &ty.arrow());
    }
    match strings.data_type() {
        DataType::Utf8 => parse_strings(strings.as_string::<i32>(), ty, settings),
        DataType::LargeUtf8 => parse_strings(strings.as_string::<i64>(), ty, settings),
        DataType::Utf8View => parse_strings(strings.as_string_view(), ty, settings),
        DataType::Dictionary(_, _) => parse_strings(cast(strings, &DataType::Utf8View)?.as_string_view(), ty, settings),
        other => Err(SqlError::new(SqlState::INTERNAL_ERROR, format!("cannot read Arrow type {other} as text"))),
    }
}

fn parse_strings<'a>(strings: impl StringArrayType<'a>, ty: PgType, settings: &OutputSettings) -> Result<ArrayRef, SqlError> {
    let mut builder = ColumnBuilder::new(ty, settings);
    for row in 0..strings.len() {
        if strings.is_null(row) {
            builder.append_null();
        } else {
            builder.append_text(strings.value(row))?;
        }
    }
    Ok(builder.finish())
}

/// Reads one parameter of Bind; `None` is NULL. The array has one row.
///
/// An array value comes as a list nested as deep as the value has dimensions.
///
/// # Errors
/// What the input or receive function of the type answers; 22021 for a text that is not UTF-8.
pub fn parameter(ty: PgType, format: Format, value: Option<&[u8]>, settings: &OutputSettings) -> Result<ArrayRef, SqlError> {
    let Some(value) = value else {
        let mut builder = ColumnBuilder::new(ty, settings);
        builder.append_null();
        return Ok(builder.finish());
    };
    let dimensions = match (ty.element(), format) {
        (None, _) => 1,
        (Some(_), Format::Text) => array::parse_literal(binary::text(value)?)?.sizes.len(),
        (Some(element), Format::Binary) => binary::array(value, element.oid())?.sizes.len(),
    };
    let mut builder = ColumnBuilder::with_dimensions(ty, dimensions.max(1), settings);
    match format {
        Format::Text => builder.append_text(binary::text(value)?)?,
        Format::Binary => builder.append_binary(value)?,
    }
    Ok(builder.finish())
}

/// How many dimensions an array literal has; 0 for the empty array.
///
/// # Errors
/// 22P02 `malformed array literal`.
pub fn array_dimensions(literal: &str) -> Result<usize, SqlError> {
    Ok(array::parse_literal(literal)?.sizes.len())
}
