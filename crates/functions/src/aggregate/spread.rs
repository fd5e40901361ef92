//! Variance and standard deviation of integers and decimals: exact, whatever the order of the rows.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal256Array, Int64Array};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Decimal256Type, Int64Type, i256};

use super::exact::decimals;
use super::fold::Summary;
use super::value_fold::{ValueFold, open};
use crate::failure::{Outcome, numeric_overflow};
use crate::numeric::{Dec, approx, check};

/// The type exported wide sums have.
const WIDE: DataType = DataType::Decimal256(76, 0);

/// Which measure of spread.
#[derive(Clone, Copy, Debug)]
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

impl<T: 'static> Summary for Variance<T> {
    type State = Squares;

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

impl<T> ValueFold for Variance<T>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    type Value = T;

    const RETRACTS: bool = true;

    fn put(&self, state: &mut Squares, value: T::Native) -> Outcome<()> {
        self.combine(state, &Squares::of(value.into())?)
    }

    fn take(&self, state: &mut Squares, value: T::Native) -> Outcome<()> {
        let gone = Squares::of(value.into())?;
        self.combine(state, &Squares { count: -1, sum: gone.sum.wrapping_neg(), squares: gone.squares.wrapping_neg() })
    }
}
