//! `min` and `max` of what the engine orders otherwise than PostgreSQL: intervals and arrays.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalMonthDayNanoType};

use super::arrange::to_rows;
use super::gather::Finish;
use super::value_fold::Pairwise;
use crate::failure::{Outcome, arrow};
use crate::op::temporal;

/// The shortest or longest interval.
pub(super) struct Intervals {
    pub(super) greatest: bool,
}

impl Pairwise for Intervals {
    type Value = IntervalMonthDayNanoType;

    const IDEMPOTENT: bool = true;

    fn pair(&self, first: IntervalMonthDayNano, second: IntervalMonthDayNano) -> Outcome<IntervalMonthDayNano> {
        let (a, b) = (temporal::key(first), temporal::key(second));
        // Of equal ones the last, as in PostgreSQL: `1 mon` equals `30 days`.
        let second_is_better = if self.greatest { b >= a } else { b <= a };
        Ok(if second_is_better { second } else { first })
    }
}

/// The least or greatest array, element by element, NULL elements last.
pub(super) struct Arrays {
    pub(super) greatest: bool,
}

impl Finish for Arrays {
    fn finish(&self, columns: &[ArrayRef], ranges: &[Range<usize>]) -> Outcome<ArrayRef> {
        let Some(column) = columns.first() else {
            return Err(crate::failure::internal("aggregate without a column"));
        };
        let ascending = SortOptions { descending: false, nulls_first: false };
        let rows = to_rows(vec![(Arc::clone(column), ascending)])?;
        let best = |range: &Range<usize>| {
            let rows = rows.as_ref()?;
            let candidates = range.clone().filter(|row| column.is_valid(*row));
            let row = if self.greatest {
                candidates.max_by(|a, b| rows.row(*a).cmp(&rows.row(*b)))
            } else {
                candidates.min_by(|a, b| rows.row(*a).cmp(&rows.row(*b)))
            };
            row.and_then(|row| u32::try_from(row).ok())
        };
        let chosen = UInt32Array::from_iter(ranges.iter().map(best));
        take(column, &chosen, None).map_err(|error| arrow(&error))
    }

    fn returns(&self, arguments: &[DataType]) -> Option<DataType> {
        arguments.first().cloned()
    }
}
