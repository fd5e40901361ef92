//! The elements of lists: reading them, comparing them, and picking them into new lists.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, PrimitiveArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{SortOptions, cast, interleave};
use arrow::datatypes::{DataType, Decimal128Type, Field, Float32Type, Float64Type, IntervalMonthDayNanoType};
use arrow::row::{RowConverter, Rows, SortField};
use kura_pgtypes::{SqlError, SqlState};

use super::ELEMENTS_MAX;
use crate::failure::{Outcome, arrow, internal, unsupported};
use crate::kernel::Args;
use crate::op::temporal;

/// An argument as lists, one for each row.
pub(crate) fn lists(args: &Args, index: usize) -> Outcome<ListArray> {
    let array = args.column(index)?.expanded(args.rows)?;
    let list = array.as_list_opt::<i32>().cloned();
    list.ok_or_else(|| internal(format!("function expected an array, got {}", array.data_type())))
}

/// As [`lists`], of one dimension.
pub(super) fn flat_lists(args: &Args, index: usize) -> Outcome<ListArray> {
    let list = lists(args, index)?;
    if matches!(list.value_type(), DataType::List(_)) {
        return Err(unsupported("function is not supported for multidimensional arrays"));
    }
    Ok(list)
}

/// Where a row's elements stand among all elements; `None` for NULL.
pub(crate) fn span(list: &ListArray, row: usize) -> Option<std::ops::Range<usize>> {
    let offsets = list.value_offsets();
    list.is_valid(row).then(|| offsets[row] as usize..offsets[row + 1] as usize)
}

/// Values in a form whose bytes compare as PostgreSQL compares the values: intervals by their length, floats with one
/// zero and one NaN.
pub(crate) fn comparable(array: &ArrayRef) -> ArrayRef {
    if let Some(intervals) = array.as_primitive_opt::<IntervalMonthDayNanoType>() {
        return Arc::new(PrimitiveArray::<Decimal128Type>::from_iter(intervals.iter().map(|value| value.map(temporal::key))));
    }
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        let one = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
        return Arc::new(floats.unary::<_, Float64Type>(one));
    }
    if let Some(floats) = array.as_primitive_opt::<Float32Type>() {
        let one = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
        return Arc::new(floats.unary::<_, Float32Type>(one));
    }
    Arc::clone(array)
}

/// Columns of one type as rows that compare with each other, NULL last.
pub(super) fn rows_of(columns: &[&ArrayRef]) -> Outcome<Vec<Rows>> {
    let Some(first) = columns.first() else {
        return Ok(Vec::new());
    };
    let ty = comparable(first).data_type().clone();
    let options = SortOptions { descending: false, nulls_first: false };
    let converter = RowConverter::new(vec![SortField::new_with_options(ty.clone(), options)]).map_err(|error| arrow(&error))?;
    let rows = |column: &&ArrayRef| {
        let column = typed(&comparable(column), &ty)?;
        converter.convert_columns(&[column]).map_err(|error| arrow(&error))
    };
    columns.iter().map(rows).collect()
}

/// A column in a type of the same family.
pub(super) fn typed(array: &ArrayRef, ty: &DataType) -> Outcome<ArrayRef> {
    if array.data_type() == ty { Ok(Arc::clone(array)) } else { cast(array, ty).map_err(|error| arrow(&error)) }
}

/// 54000 for arrays too large.
pub(super) fn too_many() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (10000000)")
        .detail("The arrays of one batch of rows may have ten million elements together.")
}

/// Lists under construction out of elements of other columns.
#[derive(Default)]
pub(crate) struct Picks {
    picks: Vec<(usize, usize)>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
    /// Elements of the rows that are ended.
    ended: usize,
}

impl Picks {
    /// Adds an element: of which column, and its place there.
    pub(crate) fn pick(&mut self, column: usize, place: usize) -> Outcome<()> {
        if self.picks.len() >= ELEMENTS_MAX {
            return Err(too_many());
        }
        self.picks.push((column, place));
        Ok(())
    }

    pub(crate) fn pick_all(&mut self, column: usize, places: impl Iterator<Item = usize>) -> Outcome<()> {
        for place in places {
            self.pick(column, place)?;
        }
        Ok(())
    }

    /// Ends a row: the elements added since the last one.
    pub(crate) fn end(&mut self) {
        self.close(self.picks.len() - self.ended, true);
    }

    /// A row that is NULL.
    pub(crate) fn null(&mut self) {
        self.close(0, false);
    }

    fn close(&mut self, length: usize, valid: bool) {
        self.ended = self.picks.len();
        self.lengths.push(length);
        self.valid.push(valid);
    }

    /// The lists. `returns`: their Arrow type.
    pub(crate) fn finish(self, columns: &[&ArrayRef], returns: &DataType) -> Outcome<ArrayRef> {
        let DataType::List(field) = returns else {
            return Err(internal("an array function that returns no array"));
        };
        let columns = columns.iter().map(|column| typed(column, field.data_type())).collect::<Outcome<Vec<_>>>()?;
        let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
        let values = interleave(&columns, &self.picks).map_err(|error| arrow(&error))?;
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        let nulls = NullBuffer::from(self.valid);
        let list = ListArray::try_new(field, OffsetBuffer::from_lengths(self.lengths), values, Some(nulls));
        Ok(Arc::new(list.map_err(|error| arrow(&error))?))
    }
}
