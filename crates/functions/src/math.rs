//! Mathematical functions with PostgreSQL's errors. Operators are in [`crate::op`].

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, SqlError, SqlState};

use crate::failure::{Outcome, division_by_zero, out_of_range, value_overflow, value_underflow};
use crate::kernel::column::{Float4, Float8, Int2, Int4, Int8, Numeric};
use crate::kernel::lift::{map1, map2};
use crate::registry::{ArgType, Call, Function, Returns};

mod bucket;
mod decimal;
mod trigonometry;

pub(crate) const INT2: ArgType = ArgType::Exact(PgType::INT2);
pub(crate) const INT4: ArgType = ArgType::Exact(PgType::INT4);
pub(crate) const INT8: ArgType = ArgType::Exact(PgType::INT8);
pub(crate) const FLOAT4: ArgType = ArgType::Exact(PgType::FLOAT4);
pub(crate) const FLOAT8: ArgType = ArgType::Exact(PgType::FLOAT8);
pub(crate) const NUMERIC: ArgType = ArgType::Exact(PgType::NUMERIC);

/// The functions of this family.
pub(crate) fn functions() -> Vec<Function> {
    let mut all = integers();
    all.extend(floats());
    all.extend(decimal::functions());
    all.extend(trigonometry::functions());
    all.extend(bucket::functions());
    all
}

fn integers() -> Vec<Function> {
    const FIRST: Returns = Returns::SameAs(0);
    vec![
        Function::new("abs", &[INT2], FIRST, |call| map1::<Int2, i16>(call, |a| a.checked_abs().ok_or_else(|| out_of_range("smallint")))),
        Function::new("abs", &[INT4], FIRST, |call| map1::<Int4, i32>(call, |a| a.checked_abs().ok_or_else(|| out_of_range("integer")))),
        Function::new("abs", &[INT8], FIRST, |call| map1::<Int8, i64>(call, |a| a.checked_abs().ok_or_else(|| out_of_range("bigint")))),
        Function::new("mod", &[INT2, INT2], FIRST, |call| {
            map2::<Int2, Int2, i16>(call, |a, b| remainder(a.into(), b.into()).map(|r| r as i16))
        }),
        Function::new("mod", &[INT4, INT4], FIRST, |call| {
            map2::<Int4, Int4, i32>(call, |a, b| remainder(a.into(), b.into()).map(|r| r as i32))
        }),
        Function::new("mod", &[INT8, INT8], FIRST, |call| map2::<Int8, Int8, i64>(call, remainder)),
        Function::new("gcd", &[INT4, INT4], FIRST, |call| {
            map2::<Int4, Int4, i32>(call, |a, b| i32::try_from(gcd(a.into(), b.into())).map_err(|_| out_of_range("integer")))
        }),
        Function::new("gcd", &[INT8, INT8], FIRST, |call| {
            map2::<Int8, Int8, i64>(call, |a, b| i64::try_from(gcd(a.into(), b.into())).map_err(|_| out_of_range("bigint")))
        }),
        Function::new("lcm", &[INT4, INT4], FIRST, |call| {
            map2::<Int4, Int4, i32>(call, |a, b| i32::try_from(lcm(a.into(), b.into())).map_err(|_| out_of_range("integer")))
        }),
        Function::new("lcm", &[INT8, INT8], FIRST, |call| {
            map2::<Int8, Int8, i64>(call, |a, b| i64::try_from(lcm(a.into(), b.into())).map_err(|_| out_of_range("bigint")))
        }),
    ]
}

/// `a % b` with the sign of `a`; the one overflow there is has remainder 0.
pub(crate) fn remainder(a: i64, b: i64) -> Outcome<i64> {
    if b == 0 { Err(division_by_zero()) } else { Ok(a.wrapping_rem(b)) }
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn lcm(a: i128, b: i128) -> i128 {
    if a == 0 || b == 0 { 0 } else { (a / gcd(a, b)).saturating_mul(b).saturating_abs() }
}

/// A function of one `double precision`.
pub(crate) fn float(name: &'static str, make: fn(&Call<'_>) -> Arc<ScalarUDF>) -> Function {
    Function::fixed(name, &[FLOAT8], PgType::FLOAT8, make)
}

fn float2(name: &'static str, make: fn(&Call<'_>) -> Arc<ScalarUDF>) -> Function {
    Function::fixed(name, &[FLOAT8, FLOAT8], PgType::FLOAT8, make)
}

fn floats() -> Vec<Function> {
    vec![
        Function::new("abs", &[FLOAT4], Returns::SameAs(0), |call| map1::<Float4, f32>(call, |a| Ok(a.abs()))),
        float("abs", |call| map1::<Float8, f64>(call, |a| Ok(a.abs()))),
        float("ceil", |call| map1::<Float8, f64>(call, |a| Ok(a.ceil()))),
        float("ceiling", |call| map1::<Float8, f64>(call, |a| Ok(a.ceil()))),
        float("floor", |call| map1::<Float8, f64>(call, |a| Ok(a.floor()))),
        float("round", |call| map1::<Float8, f64>(call, |a| Ok(a.round_ties_even()))),
        float("trunc", |call| map1::<Float8, f64>(call, |a| Ok(a.trunc()))),
        float("sign", |call| {
            map1::<Float8, f64>(call, |a| {
                Ok(if a > 0.0 {
                    1.0
                } else if a < 0.0 {
                    -1.0
                } else {
                    a + 0.0
                })
            })
        }),
        float("sqrt", |call| map1::<Float8, f64>(call, square_root)),
        float("cbrt", |call| map1::<Float8, f64>(call, |a| Ok(a.cbrt()))),
        float("exp", |call| map1::<Float8, f64>(call, |a| checked(a.exp(), a.is_finite(), a.is_finite()))),
        float("ln", |call| map1::<Float8, f64>(call, |a| positive(a).map(f64::ln))),
        float("log", |call| map1::<Float8, f64>(call, |a| positive(a).map(f64::log10))),
        float("log10", |call| map1::<Float8, f64>(call, |a| positive(a).map(f64::log10))),
        float2("power", |call| map2::<Float8, Float8, f64>(call, power)),
        float2("pow", |call| map2::<Float8, Float8, f64>(call, power)),
        Function::fixed("pi", &[], PgType::FLOAT8, |call| {
            crate::kernel::function(call, |args| {
                crate::kernel::lift::rows::<f64>(args.rows, &PgType::FLOAT8.arrow(), |_| Ok(Some(std::f64::consts::PI)))
            })
        }),
    ]
}

fn square_root(a: f64) -> Outcome<f64> {
    if a < 0.0 {
        return Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, "cannot take square root of a negative number"));
    }
    Ok(a.sqrt())
}

/// The argument of a logarithm.
pub(crate) fn positive(a: f64) -> Outcome<f64> {
    let message = if a == 0.0 {
        "cannot take logarithm of zero"
    } else if a < 0.0 {
        "cannot take logarithm of a negative number"
    } else {
        return Ok(a);
    };
    Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_LOG, message))
}

/// `a ^ b` of `double precision`, with PostgreSQL's errors.
pub(crate) fn power(a: f64, b: f64) -> Outcome<f64> {
    if a == 0.0 && b < 0.0 {
        return Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, "zero raised to a negative power is undefined"));
    }
    if a < 0.0 && b.fract() != 0.0 && b.is_finite() {
        return Err(SqlError::new(
            SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "a negative number raised to a non-integer power yields a complex result",
        ));
    }
    let finite = a.is_finite() && b.is_finite();
    checked(a.powf(b), finite, finite && a != 0.0)
}

/// A float result: 22003 when it became infinite or zero and the arguments gave no reason to.
pub(crate) fn checked(value: f64, overflow: bool, underflow: bool) -> Outcome<f64> {
    if value.is_infinite() && overflow {
        return Err(value_overflow());
    }
    if value == 0.0 && underflow {
        return Err(value_underflow());
    }
    Ok(value)
}

pub(crate) use decimal::{power as numeric_power, power_type};

/// Kept beside the markers so that families name one place.
pub(crate) type Decimal = Numeric;
