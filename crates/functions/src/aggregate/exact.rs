//! Sums, averages and variances of integers, decimals and intervals: exact, whatever the order of the rows.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Decimal256Array, Int64Array, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Decimal256Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, i256,
};

use super::fold::Fold;
use crate::failure::{Outcome, arrow, internal, interval_out_of_range, numeric_overflow, out_of_range};
use crate::numeric::{Dec, approx, check};
use crate::op::temporal;

/// The type exported sums have; it holds 39 digits where 128 bits do.
const SUM: DataType = DataType::Decimal128(38, 0);
/// The type exported wide sums have.
const WIDE: DataType = DataType::Decimal256(76, 0);

pub(super) fn open<T: ArrowPrimitiveType>(columns: &[ArrayRef], index: usize) -> Outcome<&PrimitiveArray<T>> {
    columns
        .get(index)
        .and_then(|column| column.as_primitive_opt::<T>())
        .ok_or_else(|| internal(format!("aggregate expected a column of {}", T::DATA_TYPE)))
}

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

impl<T> Fold for Exact<T>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    type State = Total;
    type Input<'a> = &'a PrimitiveArray<T>;

    const RETRACTS: bool = true;

    fn open<'a>(&self, arguments: &'a [ArrayRef]) -> Outcome<Self::Input<'a>> {
        open::<T>(arguments, 0)
    }

    fn add(&self, state: &mut Total, input: &Self::Input<'_>, row: usize) -> Outcome<()> {
        if input.is_valid(row) {
            state.sum = state.sum.checked_add(input.value(row).into()).ok_or_else(numeric_overflow)?;
            state.count += 1;
        }
        Ok(())
    }

    fn retract(&self, state: &mut Total, input: &Self::Input<'_>, row: usize) -> Outcome<()> {
        if input.is_valid(row) {
            state.sum = state.sum.checked_sub(input.value(row).into()).ok_or_else(numeric_overflow)?;
            state.count -= 1;
        }
        Ok(())
    }

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

impl Fold for Intervals {
    type State = IntervalTotal;
    type Input<'a> = &'a PrimitiveArray<IntervalMonthDayNanoType>;

    const RETRACTS: bool = true;

    fn open<'a>(&self, arguments: &'a [ArrayRef]) -> Outcome<Self::Input<'a>> {
        open(arguments, 0)
    }

    fn add(&self, state: &mut IntervalTotal, input: &Self::Input<'_>, row: usize) -> Outcome<()> {
        if input.is_valid(row) {
            *state = state.plus(IntervalTotal::of(input.value(row), 1)).ok_or_else(interval_out_of_range)?;
        }
        Ok(())
    }

    fn retract(&self, state: &mut IntervalTotal, input: &Self::Input<'_>, row: usize) -> Outcome<()> {
        if input.is_valid(row) {
            *state = state.plus(IntervalTotal::of(input.value(row), -1)).ok_or_else(interval_out_of_range)?;
        }
        Ok(())
    }

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

/// Which measure of spread.
#[derive(Clone, Copy)]
pub(super) struct Spread {
    pub(super) sample: bool,
    /// The root of the variance.
    pub(super) deviation: bool,
}

impl Spread {
    /// The measure a function of this name computes.
    pub(super) fn named(name: &str) -> Self {
        Self { sample: !name.ends_with("_pop"), deviation: name.starts_with("stddev") }
    }
}

/// Variance and standard deviation of whole numbers and decimals.
pub(super) struct Variance<T> {
    spread: Spread,
    from: i8,
    to: i8,
    marker: PhantomData<fn() -> T>,
}

impl<T> Variance<T> {
    /// `from`: the scale of the numbers; `to`: that of the result.
    pub(super) fn new(spread: Spread, from: i8, to: i8) -> Self {
        Self { spread, from, to, marker: PhantomData }
    }

    fn result(&self, state: &Squares) -> Option<Outcome<i128>> {
        let divisor = if self.spread.sample { state.count - 1 } else { state.count };
        if divisor < 1 {
            return None;
        }
        if !self.spread.deviation {
            return Some(self.variance(state, divisor, self.to).ok_or_else(numeric_overflow).and_then(check));
        }
        // A root has half the digits: the variance is taken with twice as many, as far as they fit.
        let exact = (self.to..=self.to.saturating_mul(2).min(37))
            .rev()
            .find_map(|scale| self.variance(state, divisor, scale).filter(|value| check(*value).is_ok()).map(|value| Dec { value, scale }));
        Some(exact.ok_or_else(numeric_overflow).and_then(|variance| approx::sqrt(variance, self.to)))
    }

    /// `(n * sum(x²) - sum(x)²) / (n * divisor)` at a scale, rounded; `None` where it does not fit.
    fn variance(&self, state: &Squares, divisor: i64, scale: i8) -> Option<i128> {
        let count = i256::from_i128(state.count.into());
        let mut above = count.checked_mul(state.squares)?.checked_sub(state.sum.checked_mul(state.sum)?)?;
        let mut below = count.checked_mul(i256::from_i128(divisor.into()))?;
        let by = i32::from(scale) - 2 * i32::from(self.from);
        let factor = i256::from_i128(10).checked_pow(by.unsigned_abs())?;
        if by >= 0 {
            above = above.checked_mul(factor)?;
        } else {
            below = below.checked_mul(factor)?;
        }
        let half = below.checked_div(i256::from_i128(2))?;
        above.checked_add(half)?.checked_div(below)?.to_i128()
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Squares {
    count: i64,
    sum: i256,
    squares: i256,
}

impl Squares {
    fn plus(self, other: Self) -> Outcome<Self> {
        Ok(Self {
            count: self.count + other.count,
            sum: self.sum.checked_add(other.sum).ok_or_else(numeric_overflow)?,
            squares: self.squares.checked_add(other.squares).ok_or_else(numeric_overflow)?,
        })
    }

    fn of(value: i128) -> Outcome<Self> {
        let value = i256::from_i128(value);
        Ok(Self { count: 1, sum: value, squares: value.checked_mul(value).ok_or_else(numeric_overflow)? })
    }
}

impl<T> Fold for Variance<T>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    type State = Squares;
    type Input<'a> = &'a PrimitiveArray<T>;

    const RETRACTS: bool = true;

    fn open<'a>(&self, arguments: &'a [ArrayRef]) -> Outcome<Self::Input<'a>> {
        open::<T>(arguments, 0)
    }

    fn add(&self, state: &mut Squares, input: &Self::Input<'_>, row: usize) -> Outcome<()> {
        if input.is_valid(row) {
            *state = state.plus(Squares::of(input.value(row).into())?)?;
        }
        Ok(())
    }

    fn retract(&self, state: &mut Squares, input: &Self::Input<'_>, row: usize) -> Outcome<()> {
        if input.is_valid(row) {
            let gone = Squares::of(input.value(row).into())?;
            let negated = Squares { count: -1, sum: gone.sum.wrapping_neg(), squares: gone.squares.wrapping_neg() };
            *state = state.plus(negated)?;
        }
        Ok(())
    }

    fn combine(&self, state: &mut Squares, other: &Squares) -> Outcome<()> {
        *state = state.plus(*other)?;
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Int64, WIDE, WIDE]
    }

    fn export(&self, states: &[Squares]) -> Outcome<Vec<ArrayRef>> {
        let wide = |part: fn(&Squares) -> i256| {
            Arc::new(Decimal256Array::from_iter_values(states.iter().map(part)).with_data_type(WIDE)) as ArrayRef
        };
        let counts = Int64Array::from_iter_values(states.iter().map(|state| state.count));
        Ok(vec![Arc::new(counts), wide(|state| state.sum), wide(|state| state.squares)])
    }

    fn import(&self, columns: &[ArrayRef]) -> Outcome<Vec<Squares>> {
        let counts = open::<Int64Type>(columns, 0)?;
        let (sums, squares) = (open::<Decimal256Type>(columns, 1)?, open::<Decimal256Type>(columns, 2)?);
        let row = |row| Squares { count: counts.value(row), sum: sums.value(row), squares: squares.value(row) };
        Ok((0..counts.len()).map(row).collect())
    }

    fn finish(&self, states: &[Squares]) -> Outcome<ArrayRef> {
        decimals(states.iter().map(|state| self.result(state).transpose()), self.to)
    }
}
