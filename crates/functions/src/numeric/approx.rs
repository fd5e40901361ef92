//! Between binary floating point and decimals: casts as PostgreSQL makes them, and the functions of a decimal that
//! have no exact result. Those are computed in `double precision`, so they agree to about fifteen digits.

use kura_pgtypes::{SqlError, SqlState};

use super::{Dec, QUOTIENT_SCALE, check};
use crate::failure::{Outcome, numeric_overflow, unsupported};

/// The decimal PostgreSQL prints for `value` with this many significant digits, at `scale`.
pub(crate) fn from_float(value: f64, significant: usize, scale: i8) -> Outcome<i128> {
    if !value.is_finite() {
        return Err(unsupported(format!("cannot convert {} to numeric", if value.is_nan() { "NaN" } else { "infinity" })));
    }
    let text = format!("{value:.*e}", significant - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits: i128 = digits.parse().unwrap_or(0);
    let decimals = i32::try_from(significant).unwrap_or(15) - 1 - exponent;
    shifted(digits, decimals, scale)
}

/// `digits / 10^decimals` at `scale`, for any number of decimals.
pub(crate) fn shifted(digits: i128, decimals: i32, scale: i8) -> Outcome<i128> {
    let by = i32::from(scale) - decimals;
    if by < -76 {
        return Ok(0);
    }
    if by > 38 {
        return if digits == 0 { Ok(0) } else { Err(numeric_overflow()) };
    }
    match i8::try_from(decimals) {
        Ok(decimals) => Dec { value: digits, scale: decimals }.rescale(scale),
        Err(_) => Ok(0),
    }
}

/// The result of a float computation as a decimal of [`QUOTIENT_SCALE`] decimals.
pub(crate) fn from_computation(value: f64) -> Outcome<i128> {
    if value.is_infinite() {
        return Err(numeric_overflow());
    }
    from_float(value, 17, QUOTIENT_SCALE)
}

/// The square root, exact to `scale` decimals.
pub(crate) fn sqrt(value: Dec, scale: i8) -> Outcome<i128> {
    if value.value < 0 {
        return Err(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, "cannot take square root of a negative number"));
    }
    let mut root = from_float(value.to_f64().sqrt(), 17, scale)?;
    // Newton's step on the exact residue takes the fifteen digits of the estimate to thirty.
    for _ in 0..2 {
        if root == 0 {
            break;
        }
        let quotient = value.divide(Dec { value: root, scale }, scale)?;
        let sum = root.checked_add(quotient).ok_or_else(numeric_overflow)?;
        root = (sum + 1) / 2;
    }
    check(root)
}

/// `base ^ exponent` for a whole exponent, exact as long as the digits last; `None` where they do not.
pub(crate) fn whole_power(base: Dec, exponent: i128, scale: i8) -> Option<Outcome<i128>> {
    let size = u32::try_from(exponent.unsigned_abs()).ok().filter(|size| *size <= 4096)?;
    let mut value: i128 = 1;
    for _ in 0..size {
        value = value.checked_mul(base.value)?;
    }
    let decimals = i32::from(base.scale).checked_mul(i32::try_from(size).ok()?)?;
    if exponent >= 0 {
        return Some(shifted(value, decimals, scale));
    }
    let power = Dec { value, scale: i8::try_from(decimals).ok()? };
    Some(Dec::integer(1).divide(power, scale))
}
