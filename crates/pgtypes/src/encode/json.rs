//! Structs, maps and unions as JSON text, for which PostgreSQL has no column type of ours.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringViewArray, StringViewBuilder};
use arrow::datatypes::{Field, FieldRef};
use arrow::json::writer::{EncoderOptions, make_encoder};

use crate::diagnostic::SqlError;
use crate::encode::{arrow_error, utf8};

/// One JSON text per row; nulls stay nulls.
pub(super) fn text(array: &ArrayRef) -> Result<StringViewArray, SqlError> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let field: FieldRef = Arc::new(Field::new("value", array.data_type().clone(), true));
    let mut encoder = make_encoder(&field, array, &options).map_err(|error| arrow_error(&error))?;
    let mut builder = StringViewBuilder::with_capacity(array.len());
    let mut buffer = Vec::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_null();
            continue;
        }
        buffer.clear();
        encoder.encode(row, &mut buffer);
        builder.append_value(utf8(&buffer)?);
    }
    Ok(builder.finish())
}
