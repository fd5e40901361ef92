//! `min` and `max` of what the engine orders otherwise than PostgreSQL: intervals and arrays.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, PrimitiveArray, UInt32Array};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalMonthDayNanoType};

use super::exact::open;
use super::fold::Fold;
use super::gather::{Finish, to_rows};
use crate::failure::{Outcome, arrow};
use crate::op::temporal;

/// The shortest or longest interval.
pub(super) struct Intervals {
    pub(super) greatest: bool,
}

impl Fold for Intervals {
    type State = Option<IntervalMonthDayNano>;
    type Input<'a> = &'a PrimitiveArray<IntervalMonthDayNanoType>;

    const IDEMPOTENT: bool = true;

    fn open<'a>(&self, arguments: &'a [ArrayRef]) -> Outcome<Self::Input<'a>> {
        open(arguments, 0)
    }

    fn add(&self, state: &mut Self::State, input: &Self::Input<'_>, row: usize) -> Outcome<()> {
        let value = input.is_valid(row).then(|| input.value(row));
        self.combine(state, &value)
    }

    fn combine(&self, state: &mut Self::State, other: &Self::State) -> Outcome<()> {
        let better = match (&*state, other) {
            (Some(a), Some(b)) => {
                let (a, b) = (temporal::key(*a), temporal::key(*b));
                // Of equal ones the last, as in PostgreSQL: `1 mon` equals `30 days`.
                if self.greatest { b >= a } else { b <= a }
            }
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if better {
            *state = *other;
        }
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![<IntervalMonthDayNanoType as arrow::datatypes::ArrowPrimitiveType>::DATA_TYPE]
    }

    fn export(&self, states: &[Self::State]) -> Outcome<Vec<ArrayRef>> {
        Ok(vec![self.finish(states)?])
    }

    fn import(&self, columns: &[ArrayRef]) -> Outcome<Vec<Self::State>> {
        Ok(open::<IntervalMonthDayNanoType>(columns, 0)?.iter().collect())
    }

    fn finish(&self, states: &[Self::State]) -> Outcome<ArrayRef> {
        Ok(Arc::new(PrimitiveArray::<IntervalMonthDayNanoType>::from_iter(states.iter().copied())))
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
