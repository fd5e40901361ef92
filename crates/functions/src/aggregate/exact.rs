//! Sums and averages of integers, decimals and intervals: exact, whatever the order of the rows.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, PrimitiveArray};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Decimal128Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType};

use super::fold::Summary;
use super::value_fold::{ValueFold, open};
use crate::failure::{Outcome, arrow, interval_out_of_range, numeric_overflow, out_of_range};
use crate::numeric::{Dec, check};
use crate::op::temporal;

/// The type exported sums have; it holds 39 digits where 128 bits do.
const SUM: DataType = DataType::Decimal128(38, 0);

/// A column of decimals of 38 digits.
pub(super) fn decimals(values: impl Iterator<Item = Outcome<Option<i128>>>, scale: i8) -> Outcome<ArrayRef> {
    let array = values.collect::<Outcome<Decimal128Array>>()?;
    let array = array.with_precision_and_scale(38, scale).map_err(|error| arrow(&error))?;
    Ok(Arc::new(array))
}

/// What an exact sum ends in.
pub(super) enum Goal {
    /// `bigint`
    Bigint,
    /// `numeric(38, scale)`
    Numeric(i8),
    /// The average of numbers of scale `from`, as `numeric(38, to)`.
    Average { from: i8, to: i8 },
}

/// Sum or average of a column of whole numbers or decimals.
pub(super) struct Exact<T> {
    goal: Goal,
    marker: PhantomData<fn() -> T>,
}

impl<T> Exact<T> {
    pub(super) fn new(goal: Goal) -> Self {
        Self { goal, marker: PhantomData }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Total {
    sum: i128,
    count: i64,
}

impl<T: 'static> Summary for Exact<T> {
    type State = Total;

    fn combine(&self, state: &mut Total, other: &Total) -> Outcome<()> {
        state.sum = state.sum.checked_add(other.sum).ok_or_else(numeric_overflow)?;
        state.count += other.count;
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![SUM, DataType::Int64]
    }

    fn export(&self, states: &[Total]) -> Outcome<Vec<ArrayRef>> {
        let sums = Decimal128Array::from_iter_values(states.iter().map(|state| state.sum)).with_data_type(SUM);
        let counts = Int64Array::from_iter_values(states.iter().map(|state| state.count));
        Ok(vec![Arc::new(sums), Arc::new(counts)])
    }

    fn import(&self, columns: &[ArrayRef]) -> Outcome<Vec<Total>> {
        let (sums, counts) = (open::<Decimal128Type>(columns, 0)?, open::<Int64Type>(columns, 1)?);
        Ok(sums.values().iter().zip(counts.values()).map(|(sum, count)| Total { sum: *sum, count: *count }).collect())
    }

    fn finish(&self, states: &[Total]) -> Outcome<ArrayRef> {
        let some = |state: &Total| (state.count > 0).then_some(*state);
        match self.goal {
            Goal::Bigint => {
                let whole = |total: Total| i64::try_from(total.sum).map_err(|_| out_of_range("bigint"));
                let values = states.iter().map(|state| some(state).map(whole).transpose());
                Ok(Arc::new(values.collect::<Outcome<Int64Array>>()?))
            }
            Goal::Numeric(scale) => decimals(states.iter().map(|state| some(state).map(|total| check(total.sum)).transpose()), scale),
            Goal::Average { from, to } => {
                let average = |total: Total| Dec { value: total.sum, scale: from }.divide(Dec::integer(total.count.into()), to);
                decimals(states.iter().map(|state| some(state).map(average).transpose()), to)
            }
        }
    }
}

impl<T> ValueFold for Exact<T>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    type Value = T;

    const RETRACTS: bool = true;

    fn put(&self, state: &mut Total, value: T::Native) -> Outcome<()> {
        self.combine(state, &Total { sum: value.into(), count: 1 })
    }

    fn take(&self, state: &mut Total, value: T::Native) -> Outcome<()> {
        state.sum = state.sum.checked_sub(value.into()).ok_or_else(numeric_overflow)?;
        state.count -= 1;
        Ok(())
    }
}

/// Sum or average of intervals.
pub(super) struct Intervals {
    pub(super) average: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IntervalTotal {
    months: i64,
    days: i64,
    micros: i64,
    count: i64,
}

impl IntervalTotal {
    fn parts(self) -> [i64; 4] {
        [self.months, self.days, self.micros, self.count]
    }

    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            micros: self.micros.checked_add(other.micros)?,
            count: self.count.checked_add(other.count)?,
        })
    }

    fn of(interval: IntervalMonthDayNano, sign: i64) -> Self {
        Self {
            months: i64::from(interval.months) * sign,
            days: i64::from(interval.days) * sign,
            micros: temporal::micros(interval) * sign,
            count: sign,
        }
    }
}

impl Summary for Intervals {
    type State = IntervalTotal;

    fn combine(&self, state: &mut IntervalTotal, other: &IntervalTotal) -> Outcome<()> {
        *state = state.plus(*other).ok_or_else(interval_out_of_range)?;
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Int64; 4]
    }

    fn export(&self, states: &[IntervalTotal]) -> Outcome<Vec<ArrayRef>> {
        let column = |part: usize| Arc::new(Int64Array::from_iter_values(states.iter().map(|s| s.parts()[part]))) as ArrayRef;
        Ok((0..4).map(column).collect())
    }

    fn import(&self, columns: &[ArrayRef]) -> Outcome<Vec<IntervalTotal>> {
        let column = |index| open::<Int64Type>(columns, index);
        let (months, days, micros, count) = (column(0)?, column(1)?, column(2)?, column(3)?);
        let row =
            |row| IntervalTotal { months: months.value(row), days: days.value(row), micros: micros.value(row), count: count.value(row) };
        Ok((0..months.len()).map(row).collect())
    }

    fn finish(&self, states: &[IntervalTotal]) -> Outcome<ArrayRef> {
        let result = |state: &IntervalTotal| {
            if state.count == 0 {
                return Ok(None);
            }
            let sum = temporal::interval(state.months, state.days, state.micros)?;
            if self.average { temporal::divide(sum, state.count as f64).map(Some) } else { Ok(Some(sum)) }
        };
        let values = states.iter().map(result).collect::<Outcome<PrimitiveArray<IntervalMonthDayNanoType>>>()?;
        Ok(Arc::new(values))
    }
}

impl ValueFold for Intervals {
    type Value = IntervalMonthDayNanoType;

    const RETRACTS: bool = true;

    fn put(&self, state: &mut IntervalTotal, value: IntervalMonthDayNano) -> Outcome<()> {
        self.combine(state, &IntervalTotal::of(value, 1))
    }

    fn take(&self, state: &mut IntervalTotal, value: IntervalMonthDayNano) -> Outcome<()> {
        self.combine(state, &IntervalTotal::of(value, -1))
    }
}
