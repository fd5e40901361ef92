//! `+ - * / % ^`, unary minus and `@` over numbers. Every overflow is 22003, every division by zero 22012.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, SqlError};

use crate::failure::{Outcome, division_by_zero, internal, out_of_range, value_overflow, value_underflow};
use crate::kernel::column::{Float4, Float8, Int2, Int4, Int8, Numeric};
use crate::kernel::lift::{map1, map2};
use crate::kernel::{Column, function};
use crate::math::{FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC};
use crate::registry::{Call, Function, Returns};

mod decimal;

const FIRST: Returns = Returns::SameAs(0);

pub(super) fn operators() -> Vec<Function> {
    let mut all = vec![];
    all.extend(integers());
    all.extend(floats());
    all.extend(decimal::operators());
    all.extend(prefix());
    all
}

/// The values of a column, repeated when it is constant.
pub(super) enum Values<'a, T: ArrowPrimitiveType> {
    Each(&'a [T::Native]),
    Same(T::Native),
}

impl<T: ArrowPrimitiveType> Values<'_, T> {
    pub(super) fn at(&self, row: usize) -> T::Native {
        match self {
            Self::Each(values) => values[row],
            Self::Same(value) => *value,
        }
    }
}

/// Opens a column for bulk work: its values, and where they are NULL.
pub(super) fn open<T: ArrowPrimitiveType>(column: &Column, rows: usize) -> Outcome<(Values<'_, T>, Option<NullBuffer>)> {
    let array: &PrimitiveArray<T> =
        column.array.as_primitive_opt().ok_or_else(|| internal(format!("arithmetic on {}", column.array.data_type())))?;
    if !column.constant {
        return Ok((Values::Each(array.values()), array.nulls().cloned()));
    }
    let nulls = array.is_null(0).then(|| NullBuffer::new_null(rows));
    Ok((Values::Same(array.value(0)), nulls))
}

/// Combines two columns value by value. `f` gives the result and whether it is wrong; `error` says why, and is asked
/// only for rows that are not NULL.
pub(super) fn zip<T: ArrowPrimitiveType>(
    a: &Column,
    b: &Column,
    rows: usize,
    f: impl Fn(T::Native, T::Native) -> (T::Native, bool),
    error: impl Fn(T::Native, T::Native) -> Option<SqlError>,
) -> Outcome<ArrayRef> {
    let ((a, a_nulls), (b, b_nulls)) = (open::<T>(a, rows)?, open::<T>(b, rows)?);
    let nulls = NullBuffer::union(a_nulls.as_ref(), b_nulls.as_ref());
    let mut wrong = false;
    let mut step = |a, b| {
        let (value, bad) = f(a, b);
        wrong |= bad;
        value
    };
    let values: Vec<T::Native> = match (&a, &b) {
        (Values::Each(a), Values::Each(b)) => a.iter().zip(*b).map(|(a, b)| step(*a, *b)).collect(),
        (Values::Each(a), Values::Same(b)) => a.iter().map(|a| step(*a, *b)).collect(),
        (Values::Same(a), Values::Each(b)) => b.iter().map(|b| step(*a, *b)).collect(),
        (Values::Same(a), Values::Same(b)) => vec![step(*a, *b); rows],
    };
    if wrong {
        for row in (0..rows).filter(|row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row))) {
            if let Some(error) = error(a.at(row), b.at(row)) {
                return Err(error);
            }
        }
    }
    Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls)))
}

macro_rules! integer_operators {
    ($all:ident, $arrow:ty, $native:ty, $ty:expr, $name:literal) => {
        $all.push(Function::new("+", &[$ty, $ty], FIRST, |call| {
            bulk::<$arrow>(call, |a, b| a.overflowing_add(b), |a, b| a.checked_add(b).is_none().then(|| out_of_range($name)))
        }));
        $all.push(Function::new("-", &[$ty, $ty], FIRST, |call| {
            bulk::<$arrow>(call, |a, b| a.overflowing_sub(b), |a, b| a.checked_sub(b).is_none().then(|| out_of_range($name)))
        }));
        $all.push(Function::new("*", &[$ty, $ty], FIRST, |call| {
            bulk::<$arrow>(call, |a, b| a.overflowing_mul(b), |a, b| a.checked_mul(b).is_none().then(|| out_of_range($name)))
        }));
        $all.push(Function::new("/", &[$ty, $ty], FIRST, |call| {
            bulk::<$arrow>(
                call,
                |a, b| if b == 0 { (0, true) } else { a.overflowing_div(b) },
                |a, b| if b == 0 { Some(division_by_zero()) } else { a.checked_div(b).is_none().then(|| out_of_range($name)) },
            )
        }));
        $all.push(Function::new("%", &[$ty, $ty], FIRST, |call| {
            bulk::<$arrow>(call, |a, b| if b == 0 { (0, true) } else { (a.wrapping_rem(b), false) }, |_, b| (b == 0).then(division_by_zero))
        }));
    };
}

fn bulk<T: ArrowPrimitiveType>(
    call: &Call<'_>,
    f: impl Fn(T::Native, T::Native) -> (T::Native, bool) + Send + Sync + 'static,
    error: impl Fn(T::Native, T::Native) -> Option<SqlError> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    function(call, move |args| zip::<T>(args.column(0)?, args.column(1)?, args.rows, &f, &error))
}

fn integers() -> Vec<Function> {
    let mut all = vec![];
    integer_operators!(all, Int16Type, i16, INT2, "smallint");
    integer_operators!(all, Int32Type, i32, INT4, "integer");
    integer_operators!(all, Int64Type, i64, INT8, "bigint");
    all
}

/// What is wrong with a float result.
fn float_error(a: f64, b: f64, result: f64, zero_allowed: bool) -> Option<SqlError> {
    if result.is_infinite() && a.is_finite() && b.is_finite() {
        return Some(value_overflow());
    }
    (result == 0.0 && !zero_allowed).then(value_underflow)
}

fn add_error(a: f64, b: f64) -> Option<SqlError> {
    float_error(a, b, a + b, true)
}

fn subtract_error(a: f64, b: f64) -> Option<SqlError> {
    float_error(a, b, a - b, true)
}

fn multiply_error(a: f64, b: f64) -> Option<SqlError> {
    float_error(a, b, a * b, a == 0.0 || b == 0.0)
}

fn divide_error(a: f64, b: f64) -> Option<SqlError> {
    if b == 0.0 && !a.is_nan() {
        return Some(division_by_zero());
    }
    float_error(a, b, a / b, a == 0.0 || b.is_infinite())
}

type FloatRule = (&'static str, fn(f64, f64) -> f64, fn(f64, f64) -> Option<SqlError>);

fn floats() -> Vec<Function> {
    let mut all = vec![];
    macro_rules! float_operators {
        ($symbol:literal, $operator:tt, $error:ident) => {
            all.push(Function::fixed($symbol, &[FLOAT8, FLOAT8], PgType::FLOAT8, |call| {
                bulk::<Float64Type>(call, |a, b| { let r = a $operator b; (r, !r.is_finite() || r == 0.0) }, $error)
            }));
            all.push(Function::fixed($symbol, &[FLOAT4, FLOAT4], PgType::FLOAT4, |call| {
                bulk::<Float32Type>(call, |a, b| { let r = a $operator b; (r, !r.is_finite() || r == 0.0) }, |a, b| {
                    let wide = $error(a.into(), b.into());
                    let r = a $operator b;
                    wide.or_else(|| (r.is_infinite() && a.is_finite() && b.is_finite()).then(value_overflow))
                })
            }));
            all.push(Function::fixed($symbol, &[FLOAT4, FLOAT8], PgType::FLOAT8, |call| {
                map2::<Float4, Float8, f64>(call, |a, b| mixed(f64::from(a), b, ("", |a, b| a $operator b, $error)))
            }));
            all.push(Function::fixed($symbol, &[FLOAT8, FLOAT4], PgType::FLOAT8, |call| {
                map2::<Float8, Float4, f64>(call, |a, b| mixed(a, f64::from(b), ("", |a, b| a $operator b, $error)))
            }));
        };
    }
    float_operators!("+", +, add_error);
    float_operators!("-", -, subtract_error);
    float_operators!("*", *, multiply_error);
    float_operators!("/", /, divide_error);
    all.push(Function::fixed("^", &[FLOAT8, FLOAT8], PgType::FLOAT8, |call| map2::<Float8, Float8, f64>(call, crate::math::power)));
    all
}

fn mixed(a: f64, b: f64, (_, f, error): FloatRule) -> Outcome<f64> {
    match error(a, b) {
        Some(error) => Err(error),
        None => Ok(f(a, b)),
    }
}

fn prefix() -> Vec<Function> {
    let mut all = vec![
        Function::new("-", &[INT2], FIRST, |call| map1::<Int2, i16>(call, |a| a.checked_neg().ok_or_else(|| out_of_range("smallint")))),
        Function::new("-", &[INT4], FIRST, |call| map1::<Int4, i32>(call, |a| a.checked_neg().ok_or_else(|| out_of_range("integer")))),
        Function::new("-", &[INT8], FIRST, |call| map1::<Int8, i64>(call, |a| a.checked_neg().ok_or_else(|| out_of_range("bigint")))),
        Function::new("-", &[FLOAT4], FIRST, |call| map1::<Float4, f32>(call, |a| Ok(-a))),
        Function::new("-", &[FLOAT8], FIRST, |call| map1::<Float8, f64>(call, |a| Ok(-a))),
        Function::new("-", &[NUMERIC], FIRST, |call| map1::<Numeric, i128>(call, |a| Ok(-a.value))),
    ];
    for ty in [&[INT2], &[INT4], &[INT8], &[FLOAT4], &[FLOAT8], &[NUMERIC]] {
        all.push(Function::new("+", ty, FIRST, |call| function(call, |args| args.column(0)?.expanded(args.rows))));
    }
    for (symbol, name) in [("@", "abs"), ("|/", "sqrt"), ("||/", "cbrt")] {
        for mut entry in crate::math::functions().into_iter().filter(|entry| entry.name == name) {
            entry.name = symbol;
            all.push(entry);
        }
    }
    all
}

/// The decimals of a column and what they are.
pub(super) fn decimal_scale(column: &Column) -> Outcome<i8> {
    match column.array.data_type() {
        DataType::Decimal128(_, scale) => Ok(*scale),
        other => Err(internal(format!("decimal arithmetic on {other}"))),
    }
}

/// Arrow's name for the values of `numeric`.
pub(super) type DecimalArrow = Decimal128Type;
