//! Aggregates whose result holds every value: `array_agg`, `string_agg`; and the one that holds the only one.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, ListArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field};
use kura_pgtypes::{SqlError, SqlState};

use super::gather::Finish;
use crate::failure::{Outcome, arrow, batch_too_large, internal};
use crate::kernel::Column;
use crate::kernel::column::{Bytea, Text};
use crate::kernel::write::{BATCH_BYTES_MAX, TextBuilder};

fn first(columns: &[ArrayRef]) -> Outcome<&ArrayRef> {
    columns.first().ok_or_else(|| internal("aggregate without a column"))
}

/// `array_agg`: all values, NULLs too; NULL for no rows. Arrays become one of a dimension more.
pub(super) struct ArrayAgg;

impl Finish for ArrayAgg {
    fn finish(&self, columns: &[ArrayRef], ranges: &[Range<usize>]) -> Outcome<ArrayRef> {
        let values = first(columns)?;
        if let Some(arrays) = values.as_list_opt::<i32>() {
            ranges.iter().try_for_each(|range| alike(arrays, range))?;
        }
        let nulls = NullBuffer::from_iter(ranges.iter().map(|range| !range.is_empty()));
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(ranges.iter().map(Range::len));
        let list = ListArray::try_new(field, offsets, Arc::clone(values), Some(nulls)).map_err(|error| arrow(&error))?;
        Ok(Arc::new(list))
    }

    fn returns(&self, arguments: &[DataType]) -> Option<DataType> {
        arguments.first().map(|ty| DataType::List(Arc::new(Field::new_list_field(ty.clone(), true))))
    }
}

/// Arrays of one array must have one shape.
fn alike(arrays: &ListArray, range: &Range<usize>) -> Outcome<()> {
    let mut shape: Option<Vec<usize>> = None;
    for row in range.clone() {
        if arrays.is_null(row) {
            return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "cannot accumulate null arrays"));
        }
        let own = dimensions(&arrays.value(row));
        if own.first() == Some(&0) {
            return Err(SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "cannot accumulate empty arrays"));
        }
        if shape.get_or_insert_with(|| own.clone()) != &own {
            let message = "cannot accumulate arrays of different dimensionality";
            return Err(SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
        }
    }
    Ok(())
}

/// The sizes of an array, outermost first, from the elements of its outermost dimension.
fn dimensions(elements: &ArrayRef) -> Vec<usize> {
    let mut sizes = vec![elements.len()];
    let mut inner = Arc::clone(elements);
    while let Some(list) = Arc::clone(&inner).as_list_opt::<i32>() {
        if list.is_empty() || list.is_null(0) {
            break;
        }
        inner = list.value(0);
        sizes.push(inner.len());
    }
    sizes
}

/// `string_agg(text, text)`: the values with the delimiter of each before it, but for the first.
pub(super) struct StringAgg;

impl Finish for StringAgg {
    fn finish(&self, columns: &[ArrayRef], ranges: &[Range<usize>]) -> Outcome<ArrayRef> {
        let [values, delimiters] = columns else {
            return Err(internal("string_agg takes two arguments"));
        };
        let (values, delimiters) = (column(values), column(delimiters));
        let (values, delimiters) = (values.read::<Text>()?, delimiters.read::<Text>()?);
        let mut builder = TextBuilder::new(ranges.len());
        let mut text = String::new();
        for range in ranges {
            text.clear();
            let mut any = false;
            for row in range.clone() {
                let Some(value) = values.get(row) else { continue };
                let delimiter = if any { delimiters.get(row).unwrap_or("") } else { "" };
                builder.admit(text.len() + delimiter.len() + value.len())?;
                text.push_str(delimiter);
                text.push_str(value);
                any = true;
            }
            if any { builder.append(&text)? } else { builder.append_null() }
        }
        Ok(builder.finish())
    }
}

/// `string_agg(bytea, bytea)`
pub(super) struct BytesAgg;

impl Finish for BytesAgg {
    fn finish(&self, columns: &[ArrayRef], ranges: &[Range<usize>]) -> Outcome<ArrayRef> {
        let [values, delimiters] = columns else {
            return Err(internal("string_agg takes two arguments"));
        };
        let (values, delimiters) = (column(values), column(delimiters));
        let (values, delimiters) = (values.read::<Bytea>()?, delimiters.read::<Bytea>()?);
        let mut results: Vec<Option<Vec<u8>>> = Vec::with_capacity(ranges.len());
        let mut left = BATCH_BYTES_MAX;
        for range in ranges {
            let mut bytes: Option<Vec<u8>> = None;
            for row in range.clone() {
                let Some(value) = values.get(row) else { continue };
                let delimiter = if bytes.is_some() { delimiters.get(row).unwrap_or_default() } else { &[] };
                left = left.checked_sub(value.len() + delimiter.len()).ok_or_else(batch_too_large)?;
                let all = bytes.get_or_insert_default();
                all.extend_from_slice(delimiter);
                all.extend_from_slice(value);
            }
            results.push(bytes);
        }
        Ok(Arc::new(BinaryArray::from_iter(results)))
    }
}

fn column(array: &ArrayRef) -> Column {
    Column { array: Arc::clone(array), constant: false }
}

/// The value of the only row; NULL for none.
pub(super) struct SingleValue;

impl Finish for SingleValue {
    fn finish(&self, columns: &[ArrayRef], ranges: &[Range<usize>]) -> Outcome<ArrayRef> {
        if ranges.iter().any(|range| range.len() > 1) {
            let message = "more than one row returned by a subquery used as an expression";
            return Err(SqlError::new(SqlState::CARDINALITY_VIOLATION, message));
        }
        let rows = ranges.iter().map(|range| u32::try_from(range.start).ok().filter(|_| !range.is_empty()));
        take(first(columns)?, &UInt32Array::from_iter(rows), None).map_err(|error| arrow(&error))
    }

    fn returns(&self, arguments: &[DataType]) -> Option<DataType> {
        arguments.first().cloned()
    }
}
