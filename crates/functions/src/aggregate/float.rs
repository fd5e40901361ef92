//! Aggregates in binary floating point, by the algorithms of PostgreSQL's `float.c` (Youngs and Cramer).
//!
//! None forgets rows: taking a number away from a sum does not give the sum of the others.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float32Array, Float64Array, Int64Array};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int64Type};

use super::fold::{Fold, Summary};
use super::spread::Spread;
use super::value_fold::{Pairwise, ValueFold, open};
use crate::failure::{Outcome, value_overflow};

fn floats(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

/// `a + b`, which may be infinite only where a term is.
fn plus(a: f64, b: f64) -> Outcome<f64> {
    let sum = a + b;
    if sum.is_infinite() && a.is_finite() && b.is_finite() { Err(value_overflow()) } else { Ok(sum) }
}

/// `sum(real)`, added up in single precision.
pub(super) struct SumReal;

impl Pairwise for SumReal {
    type Value = Float32Type;

    fn pair(&self, first: f32, second: f32) -> Outcome<f32> {
        let sum = first + second;
        if sum.is_infinite() && first.is_finite() && second.is_finite() { Err(value_overflow()) } else { Ok(sum) }
    }
}

/// `sum(double precision)`, and the average of either float type.
pub(super) struct SumDouble<T> {
    average: bool,
    marker: PhantomData<fn() -> T>,
}

impl<T> SumDouble<T> {
    pub(super) fn new(average: bool) -> Self {
        Self { average, marker: PhantomData }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FloatTotal {
    sum: f64,
    count: i64,
}

impl<T: 'static> Summary for SumDouble<T> {
    type State = FloatTotal;

    fn combine(&self, state: &mut FloatTotal, other: &FloatTotal) -> Outcome<()> {
        if other.count > 0 {
            // A first term stands as it is, so that the sum of nothing but -0 is -0.
            state.sum = if state.count == 0 { other.sum } else { plus(state.sum, other.sum)? };
            state.count += other.count;
        }
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Float64, DataType::Int64]
    }

    fn export(&self, states: &[FloatTotal]) -> Outcome<Vec<ArrayRef>> {
        let counts = Int64Array::from_iter_values(states.iter().map(|state| state.count));
        Ok(vec![floats(states.iter().map(|state| state.sum)), Arc::new(counts)])
    }

    fn import(&self, columns: &[ArrayRef]) -> Outcome<Vec<FloatTotal>> {
        let (sums, counts) = (open::<Float64Type>(columns, 0)?, open::<Int64Type>(columns, 1)?);
        let totals = sums.values().iter().zip(counts.values());
        Ok(totals.map(|(sum, count)| FloatTotal { sum: *sum, count: *count }).collect())
    }

    fn finish(&self, states: &[FloatTotal]) -> Outcome<ArrayRef> {
        let result = |state: &FloatTotal| (state.count > 0).then(|| if self.average { state.sum / state.count as f64 } else { state.sum });
        Ok(Arc::new(Float64Array::from_iter(states.iter().map(result))))
    }
}

impl<T> ValueFold for SumDouble<T>
where
    T: ArrowPrimitiveType,
    T::Native: Into<f64>,
{
    type Value = T;

    fn put(&self, state: &mut FloatTotal, value: T::Native) -> Outcome<()> {
        self.combine(state, &FloatTotal { sum: value.into(), count: 1 })
    }
}

/// Which number pairs are summed up to: `y` is the first argument, `x` the second.
#[derive(Clone, Copy, Debug)]
pub(super) enum Measure {
    Count,
    AverageX,
    AverageY,
    SquaresX,
    SquaresY,
    Products,
    Covariance {
        sample: bool,
    },
    Correlation,
    Determination,
    Slope,
    Intercept,
    /// Of one column, taken as `x`.
    Variance(Spread),
}

/// Sums over pairs of numbers, and over single ones: `corr`, `regr_*`, `covar_*`, `variance` and their kin.
pub(super) struct Pairs {
    pub(super) measure: Measure,
}

/// Number, sums, and sums of squares and products of the distances from the mean.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    n: f64,
    sx: f64,
    sxx: f64,
    sy: f64,
    syy: f64,
    sxy: f64,
}

impl Moments {
    fn parts(&self) -> [f64; 6] {
        [self.n, self.sx, self.sxx, self.sy, self.syy, self.sxy]
    }

    fn add(&mut self, x: f64, y: f64) -> Outcome<()> {
        let before = *self;
        self.n += 1.0;
        self.sx += x;
        self.sy += y;
        if before.n > 0.0 {
            let (from_x, from_y) = (x * self.n - self.sx, y * self.n - self.sy);
            let scale = 1.0 / (self.n * before.n);
            self.sxx += from_x * from_x * scale;
            self.syy += from_y * from_y * scale;
            self.sxy += from_x * from_y * scale;
            self.settle(&before, x, y)
        } else {
            if !x.is_finite() {
                self.sxx = f64::NAN;
                self.sxy = f64::NAN;
            }
            if !y.is_finite() {
                self.syy = f64::NAN;
                self.sxy = f64::NAN;
            }
            Ok(())
        }
    }

    /// Infinities out of finite numbers are an error; out of infinite ones the squares are not a number.
    fn settle(&mut self, before: &Self, x: f64, y: f64) -> Outcome<()> {
        let sums = [self.sx, self.sxx, self.sy, self.syy, self.sxy];
        if !sums.iter().any(|sum| sum.is_infinite()) {
            return Ok(());
        }
        let (calm_x, calm_y) = (!before.sx.is_infinite() && !x.is_infinite(), !before.sy.is_infinite() && !y.is_infinite());
        if ((self.sx.is_infinite() || self.sxx.is_infinite()) && calm_x)
            || ((self.sy.is_infinite() || self.syy.is_infinite()) && calm_y)
            || (self.sxy.is_infinite() && calm_x && calm_y)
        {
            return Err(value_overflow());
        }
        for squares in [&mut self.sxx, &mut self.syy, &mut self.sxy] {
            if squares.is_infinite() {
                *squares = f64::NAN;
            }
        }
        Ok(())
    }

    fn combined(&self, other: &Self) -> Outcome<Self> {
        if self.n == 0.0 {
            return Ok(*other);
        }
        if other.n == 0.0 {
            return Ok(*self);
        }
        let n = self.n + other.n;
        let (apart_x, apart_y) = (self.sx / self.n - other.sx / other.n, self.sy / self.n - other.sy / other.n);
        let weight = self.n * other.n / n;
        let squares = |a: f64, b: f64, term: f64| {
            let sum = a + b + weight * term;
            if sum.is_infinite() && a.is_finite() && b.is_finite() { Err(value_overflow()) } else { Ok(sum) }
        };
        Ok(Self {
            n,
            sx: plus(self.sx, other.sx)?,
            sxx: squares(self.sxx, other.sxx, apart_x * apart_x)?,
            sy: plus(self.sy, other.sy)?,
            syy: squares(self.syy, other.syy, apart_y * apart_y)?,
            sxy: squares(self.sxy, other.sxy, apart_x * apart_y)?,
        })
    }

    fn result(&self, measure: Measure) -> Option<f64> {
        let some = |value: f64| (self.n > 0.0).then_some(value);
        let sloped = |value: f64| (self.n > 0.0 && self.sxx != 0.0).then_some(value);
        match measure {
            Measure::Count => Some(self.n),
            Measure::AverageX => some(self.sx / self.n),
            Measure::AverageY => some(self.sy / self.n),
            Measure::SquaresX => some(self.sxx),
            Measure::SquaresY => some(self.syy),
            Measure::Products => some(self.sxy),
            Measure::Covariance { sample: false } => some(self.sxy / self.n),
            Measure::Covariance { sample: true } => (self.n > 1.0).then(|| self.sxy / (self.n - 1.0)),
            Measure::Correlation => (self.n > 0.0 && self.sxx != 0.0 && self.syy != 0.0).then(|| self.sxy / (self.sxx * self.syy).sqrt()),
            Measure::Determination if self.syy == 0.0 => sloped(1.0),
            Measure::Determination => sloped((self.sxy * self.sxy) / (self.sxx * self.syy)),
            Measure::Slope => sloped(self.sxy / self.sxx),
            Measure::Intercept => sloped((self.sy - self.sx * self.sxy / self.sxx) / self.n),
            Measure::Variance(spread) => {
                let divisor = if spread.sample { self.n - 1.0 } else { self.n };
                let variance = (divisor > 0.0).then(|| self.sxx / divisor);
                if spread.deviation { variance.map(f64::sqrt) } else { variance }
            }
        }
    }
}

/// The columns [`Pairs`] reads; without a second, the first is `x`.
pub(super) struct PairColumns<'a> {
    x: Numbers<'a>,
    y: Option<Numbers<'a>>,
}

enum Numbers<'a> {
    Real(&'a Float32Array),
    Double(&'a Float64Array),
}

impl Numbers<'_> {
    fn open(arguments: &[ArrayRef], index: usize) -> Outcome<Numbers<'_>> {
        match arguments.get(index).map(|column| column.data_type()) {
            Some(DataType::Float32) => open(arguments, index).map(Numbers::Real),
            _ => open(arguments, index).map(Numbers::Double),
        }
    }

    fn get(&self, row: usize) -> Option<f64> {
        match self {
            Numbers::Real(array) => array.is_valid(row).then(|| f64::from(array.value(row))),
            Numbers::Double(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

impl Summary for Pairs {
    type State = Moments;

    fn combine(&self, state: &mut Moments, other: &Moments) -> Outcome<()> {
        *state = state.combined(other)?;
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Float64; 6]
    }

    fn export(&self, states: &[Moments]) -> Outcome<Vec<ArrayRef>> {
        Ok((0..6).map(|part| floats(states.iter().map(|state| state.parts()[part]))).collect())
    }

    fn import(&self, columns: &[ArrayRef]) -> Outcome<Vec<Moments>> {
        let column = |index| open::<Float64Type>(columns, index);
        let (n, sx, sxx, sy, syy, sxy) = (column(0)?, column(1)?, column(2)?, column(3)?, column(4)?, column(5)?);
        let row = |row| Moments {
            n: n.value(row),
            sx: sx.value(row),
            sxx: sxx.value(row),
            sy: sy.value(row),
            syy: syy.value(row),
            sxy: sxy.value(row),
        };
        Ok((0..n.len()).map(row).collect())
    }

    fn finish(&self, states: &[Moments]) -> Outcome<ArrayRef> {
        if matches!(self.measure, Measure::Count) {
            return Ok(Arc::new(Int64Array::from_iter_values(states.iter().map(|state| state.n as i64))));
        }
        Ok(Arc::new(Float64Array::from_iter(states.iter().map(|state| state.result(self.measure)))))
    }
}

impl Fold for Pairs {
    type Input<'a> = PairColumns<'a>;

    fn open<'a>(&self, arguments: &'a [ArrayRef]) -> Outcome<PairColumns<'a>> {
        if matches!(self.measure, Measure::Variance(_)) {
            return Ok(PairColumns { x: Numbers::open(arguments, 0)?, y: None });
        }
        Ok(PairColumns { x: Numbers::open(arguments, 1)?, y: Some(Numbers::open(arguments, 0)?) })
    }

    fn add(&self, state: &mut Moments, input: &PairColumns<'_>, row: usize) -> Outcome<()> {
        let y = match &input.y {
            None => Some(0.0),
            Some(column) => column.get(row),
        };
        match (input.x.get(row), y) {
            (Some(x), Some(y)) => state.add(x, y),
            _ => Ok(()),
        }
    }
}
