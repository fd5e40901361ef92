//! Arrow values as PostgreSQL's output functions write them, text and binary.
//!
//! [`RowEncoder`] is the way of result sets; [`text_array`] is `x::text`; [`write_text`] and [`write_binary`] are for
//! single values. What a client is told about the columns (`RowDescription`) is the protocol's affair.

use std::sync::Arc;

use arrow::array::{Array, StringViewArray, StringViewBuilder, make_array};

use crate::diagnostic::SqlError;
use crate::pg_type::PgType;
use crate::settings::OutputSettings;

mod array;
mod binary;
mod column;
mod datetime;
mod float;
mod interval;
mod json;
mod numeric;
mod output;
mod row;
mod text;

pub(crate) use array::DIMENSIONS_MAX as ARRAY_DIMENSIONS_MAX;
pub(crate) use column::Column;
pub(crate) use float::{write_float4, write_float8};
pub(crate) use interval::write_interval;
pub(crate) use output::{Output, Scratch};
pub use row::RowEncoder;

/// Writes every value of a column as its text: `x::text`. Nulls stay nulls.
///
/// # Errors
/// XX000 if the Arrow type cannot hold values of `ty`; 22003 if a value does not fit `ty`.
pub fn text_array(array: &dyn Array, ty: PgType, settings: &OutputSettings) -> Result<StringViewArray, SqlError> {
    let column = Column::new(&make_array(array.to_data()), ty)?;
    if let Some(strings) = column.as_string_view() {
        return Ok(strings);
    }
    let mut builder = StringViewBuilder::with_capacity(array.len());
    let mut buffer = Vec::with_capacity(64);
    for row in 0..array.len() {
        if column.is_null(row) {
            builder.append_null();
            continue;
        }
        buffer.clear();
        column.write_text(row, settings, &mut buffer)?;
        builder.append_value(utf8(&buffer)?);
    }
    Ok(builder.finish())
}

/// Appends the text of one value. A null appends nothing: the caller asks for nulls first.
///
/// # Errors
/// As [`text_array`].
pub fn write_text(array: &dyn Array, row: usize, ty: PgType, settings: &OutputSettings, out: &mut Vec<u8>) -> Result<(), SqlError> {
    let column = Column::new(&array.slice(row, 1), ty)?;
    if column.is_null(0) {
        return Ok(());
    }
    column.write_text(0, settings, out)
}

/// Appends the binary form of one value, without length. A null appends nothing.
///
/// # Errors
/// As [`text_array`]; 2202E for a ragged multidimensional array.
pub fn write_binary(array: &dyn Array, row: usize, ty: PgType, settings: &OutputSettings, out: &mut Vec<u8>) -> Result<(), SqlError> {
    let column = Column::new(&array.slice(row, 1), ty)?;
    if column.is_null(0) {
        return Ok(());
    }
    column.write_binary(0, settings, out)
}

/// The bytes written for a value as a string.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, SqlError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let state = crate::SqlState::CHARACTER_NOT_IN_REPERTOIRE;
        SqlError::new(state, format!("invalid byte sequence for encoding \"UTF8\": {error}"))
    })
}

/// Nothing but a shorter name for what every conversion of Arrow's may answer.
pub(crate) fn arrow_error(error: &arrow::error::ArrowError) -> SqlError {
    use arrow::error::ArrowError;
    let state = match error {
        ArrowError::CastError(_) | ArrowError::ArithmeticOverflow(_) | ArrowError::ComputeError(_) => {
            crate::SqlState::NUMERIC_VALUE_OUT_OF_RANGE
        }
        _ => crate::SqlState::INTERNAL_ERROR,
    };
    SqlError::new(state, error.to_string())
}

/// A cast by Arrow's rules in which a value that does not fit is an error.
pub(crate) fn cast(array: &dyn Array, to: &arrow::datatypes::DataType) -> Result<Arc<dyn Array>, SqlError> {
    let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
    arrow::compute::cast_with_options(array, to, &options).map_err(|error| arrow_error(&error))
}
