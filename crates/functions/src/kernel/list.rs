//! Building columns of text arrays.

use std::sync::Arc;

use arrow::array::{Array, ArrayBuilder, ArrayRef, ListArray, StringViewBuilder};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field};

use super::write::BATCH_BYTES_MAX;
use crate::failure::{self, Outcome, batch_too_large};

/// Elements the arrays of one batch may have together.
pub(crate) const ELEMENTS_MAX: usize = 10_000_000;

/// A column of text arrays under construction: elements first, then the end of their array.
pub(crate) struct TextLists {
    values: StringViewBuilder,
    left: usize,
    offsets: Vec<i32>,
    valid: Vec<bool>,
}

impl TextLists {
    pub(crate) fn new(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { values: StringViewBuilder::new(), left: BATCH_BYTES_MAX, offsets, valid: Vec::with_capacity(rows) }
    }

    /// Appends an element to the array begun.
    pub(crate) fn push(&mut self, value: Option<&str>) -> Outcome<()> {
        if self.values.len() >= ELEMENTS_MAX {
            return Err(batch_too_large());
        }
        self.left = self.left.checked_sub(value.map_or(0, str::len)).ok_or_else(batch_too_large)?;
        self.values.append_option(value);
        Ok(())
    }

    /// Ends an array; `valid`: `false` makes it NULL.
    pub(crate) fn end(&mut self, valid: bool) -> Outcome<()> {
        self.offsets.push(i32::try_from(self.values.len()).map_err(|_| batch_too_large())?);
        self.valid.push(valid);
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Outcome<ArrayRef> {
        let values = Arc::new(self.values.finish());
        nest(values, self.offsets, Some(NullBuffer::from(self.valid)))
    }
}

/// Arrays over a column of elements.
pub(crate) fn nest(values: ArrayRef, offsets: Vec<i32>, nulls: Option<NullBuffer>) -> Outcome<ArrayRef> {
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let list = ListArray::try_new(field, offsets, values, nulls).map_err(|error| failure::arrow(&error))?;
    debug_assert!(matches!(list.data_type(), DataType::List(_)), "a list array");
    Ok(Arc::new(list))
}
