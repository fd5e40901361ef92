//! Mathematical functions of `numeric`.

use std::cmp::Ordering;

use kura_pgtypes::{PgType, SqlError, SqlState};

use super::{INT4, INT8, NUMERIC};
use crate::failure::{Outcome, invalid_parameter, numeric_overflow};
use crate::kernel::column::{Int4, Int8, Numeric};
use crate::kernel::lift::{map1, map2};
use crate::numeric::{Dec, QUOTIENT_SCALE, approx, check, full, parts, remainder_type};
use crate::registry::{Function, Returns};

const FIRST: Returns = Returns::SameAs(0);
const WHOLE: Returns = Returns::Computed(|_, _| full(0));
const APPROXIMATE: Returns = Returns::Computed(|_, _| full(QUOTIENT_SCALE));
/// Decimals of a square root.
const ROOT_SCALE: i8 = 15;

/// `round(x, n)` and `trunc(x, n)`: as many decimals as a constant `n` asks for, otherwise those of `x`.
const PLACES: Returns = Returns::Computed(|types, constants| {
    let scale = types.first().map_or(0, |ty| parts(*ty).1);
    let places = constants.get(1).copied().flatten();
    full(places.map_or(scale, |places| i8::try_from(places.clamp(0, 38)).unwrap_or(38)))
});

pub(super) fn functions() -> Vec<Function> {
    let mut all = rounding();
    all.extend(roots());
    all.extend(integers());
    all
}

fn rounding() -> Vec<Function> {
    vec![
        Function::new("abs", &[NUMERIC], FIRST, |call| map1::<Numeric, i128>(call, |a| Ok(a.value.abs()))),
        Function::new("sign", &[NUMERIC], WHOLE, |call| map1::<Numeric, i128>(call, |a| Ok(a.value.signum()))),
        Function::new("ceil", &[NUMERIC], WHOLE, |call| map1::<Numeric, i128>(call, Dec::ceil)),
        Function::new("ceiling", &[NUMERIC], WHOLE, |call| map1::<Numeric, i128>(call, Dec::ceil)),
        Function::new("floor", &[NUMERIC], WHOLE, |call| map1::<Numeric, i128>(call, Dec::floor)),
        Function::new("round", &[NUMERIC], WHOLE, |call| map1::<Numeric, i128>(call, Dec::round)),
        Function::new("trunc", &[NUMERIC], WHOLE, |call| map1::<Numeric, i128>(call, |a| a.truncate(0))),
        Function::new("round", &[NUMERIC, INT4], PLACES, |call| {
            let scale = parts(call.returns).1;
            map2::<Numeric, Int4, i128>(call, move |a, n| places(a, n, scale, Dec::rescale))
        }),
        Function::new("trunc", &[NUMERIC, INT4], PLACES, |call| {
            let scale = parts(call.returns).1;
            map2::<Numeric, Int4, i128>(call, move |a, n| places(a, n, scale, Dec::truncate))
        }),
        Function::new("mod", &[NUMERIC, NUMERIC], Returns::Computed(|types, _| remainder_type(types[0], types[1])), |call| {
            let scale = parts(call.returns).1;
            map2::<Numeric, Numeric, i128>(call, move |a, b| a.remainder(b, scale))
        }),
        Function::new("div", &[NUMERIC, NUMERIC], WHOLE, |call| map2::<Numeric, Numeric, i128>(call, Dec::quotient)),
    ]
}

/// Rounds to `n` places with `how`, then writes the result with `scale` decimals.
fn places(a: Dec, n: i32, scale: i8, how: fn(Dec, i8) -> Outcome<i128>) -> Outcome<i128> {
    let n = i8::try_from(n.clamp(-60, 38)).unwrap_or(38).min(a.scale.max(0));
    let rounded = how(a, n)?;
    Dec { value: rounded, scale: n }.rescale(scale)
}

fn roots() -> Vec<Function> {
    vec![
        Function::new("sqrt", &[NUMERIC], Returns::Computed(|types, _| full(parts(types[0]).1.max(ROOT_SCALE))), |call| {
            let scale = parts(call.returns).1;
            map1::<Numeric, i128>(call, move |a| approx::sqrt(a, scale))
        }),
        Function::new("exp", &[NUMERIC], APPROXIMATE, |call| map1::<Numeric, i128>(call, |a| approx::from_computation(a.to_f64().exp()))),
        Function::new("ln", &[NUMERIC], APPROXIMATE, |call| {
            map1::<Numeric, i128>(call, |a| approx::from_computation(super::positive(a.to_f64())?.ln()))
        }),
        Function::new("log", &[NUMERIC], APPROXIMATE, |call| {
            map1::<Numeric, i128>(call, |a| approx::from_computation(super::positive(a.to_f64())?.log10()))
        }),
        Function::new("log10", &[NUMERIC], APPROXIMATE, |call| {
            map1::<Numeric, i128>(call, |a| approx::from_computation(super::positive(a.to_f64())?.log10()))
        }),
        Function::new("log", &[NUMERIC, NUMERIC], APPROXIMATE, |call| map2::<Numeric, Numeric, i128>(call, logarithm)),
        Function::new("power", &[NUMERIC, NUMERIC], Returns::Computed(power_type), |call| {
            let scale = parts(call.returns).1;
            map2::<Numeric, Numeric, i128>(call, move |a, b| power(a, b, scale))
        }),
        Function::new("pow", &[NUMERIC, NUMERIC], Returns::Computed(power_type), |call| {
            let scale = parts(call.returns).1;
            map2::<Numeric, Numeric, i128>(call, move |a, b| power(a, b, scale))
        }),
    ]
}

/// The type of `a ^ b`.
pub(crate) fn power_type(types: &[PgType], _constants: &[Option<i64>]) -> PgType {
    full(types.iter().map(|ty| parts(*ty).1).max().unwrap_or(0).max(QUOTIENT_SCALE))
}

fn logarithm(base: Dec, a: Dec) -> Outcome<i128> {
    let (base, a) = (super::positive(base.to_f64())?.ln(), super::positive(a.to_f64())?.ln());
    if base == 0.0 {
        return Err(crate::failure::division_by_zero());
    }
    approx::from_computation(a / base)
}

/// `a ^ b` of `numeric`: exact for whole exponents, as long as the digits last.
pub(crate) fn power(a: Dec, b: Dec, scale: i8) -> Outcome<i128> {
    let undefined = |message: &str| Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message));
    if a.value == 0 && b.value < 0 {
        return undefined("zero raised to a negative power is undefined");
    }
    if a.value < 0 && !b.is_integer() {
        return undefined("a negative number raised to a non-integer power yields a complex result");
    }
    if b.is_integer()
        && let Some(exact) = approx::whole_power(a, b.truncate(0)?, scale)
    {
        return exact;
    }
    let value = a.to_f64().powf(b.to_f64());
    if value.is_infinite() { Err(numeric_overflow()) } else { approx::from_float(value, 17, scale) }
}

fn integers() -> Vec<Function> {
    vec![
        Function::new("gcd", &[NUMERIC, NUMERIC], Returns::Computed(|types, _| remainder_type(types[0], types[1])), |call| {
            let scale = parts(call.returns).1;
            map2::<Numeric, Numeric, i128>(call, move |a, b| Ok(gcd(a.rescale(scale)?, b.rescale(scale)?)))
        }),
        Function::new("lcm", &[NUMERIC, NUMERIC], Returns::Computed(|types, _| remainder_type(types[0], types[1])), |call| {
            let scale = parts(call.returns).1;
            map2::<Numeric, Numeric, i128>(call, move |a, b| {
                let (a, b) = (a.rescale(scale)?, b.rescale(scale)?);
                let common = gcd(a, b);
                if common == 0 { Ok(0) } else { (a / common).checked_mul(b).ok_or_else(numeric_overflow).map(i128::abs).and_then(check) }
            })
        }),
        Function::new("factorial", &[INT8], WHOLE, |call| map1::<Int8, i128>(call, factorial)),
        Function::fixed("scale", &[NUMERIC], PgType::INT4, |call| map1::<Numeric, i32>(call, |a| Ok(i32::from(a.scale)))),
        Function::fixed("min_scale", &[NUMERIC], PgType::INT4, |call| {
            map1::<Numeric, i32>(call, |a| {
                let mut scale = a.scale.max(0);
                let mut value = a.value;
                while scale > 0 && value % 10 == 0 {
                    value /= 10;
                    scale -= 1;
                }
                Ok(i32::from(scale))
            })
        }),
        // Trailing zeros belong to the type here, so there is nothing to trim from a value.
        Function::new("trim_scale", &[NUMERIC], FIRST, |call| map1::<Numeric, i128>(call, |a| Ok(a.value))),
    ]
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn factorial(n: i64) -> Outcome<i128> {
    if n < 0 {
        return Err(SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "factorial of a negative number is undefined"));
    }
    // 34! is the first that does not fit.
    (1..=i128::from(n).min(34)).try_fold(1i128, i128::checked_mul).ok_or_else(numeric_overflow).and_then(check)
}

/// Whether a bucket's bounds and operand allow `width_bucket`.
pub(super) fn width_bucket(operand: Dec, low: Dec, high: Dec, count: i32) -> Outcome<i32> {
    super::bucket::count(count)?;
    let invalid = |message: &str| Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION, message));
    match low.compare(high) {
        Ordering::Equal => invalid("lower bound cannot equal upper bound"),
        Ordering::Less if operand.compare(low) == Ordering::Less => Ok(0),
        Ordering::Less if operand.compare(high) != Ordering::Less => super::bucket::above(count),
        Ordering::Greater if operand.compare(low) == Ordering::Greater => Ok(0),
        Ordering::Greater if operand.compare(high) != Ordering::Greater => super::bucket::above(count),
        _ => {
            let scale = operand.scale.max(low.scale).max(high.scale);
            let distance = Dec { value: operand.subtract(low, scale)?, scale };
            let range = Dec { value: high.subtract(low, scale)?, scale };
            let scaled = Dec { value: distance.multiply(Dec::integer(count.into()), scale)?, scale };
            let bucket = scaled.quotient(range)? + 1;
            i32::try_from(bucket).map_err(|_| invalid_parameter("bucket out of range"))
        }
    }
}

/// Reads beside [`Int4`] where a family needs both.
pub(super) type Count = Int4;
