//! Exact decimal arithmetic on [`Dec`]: 128 bit values with a scale, 256 bits in between.
//!
//! A result that does not fit 38 digits is an error, never rounded away silently beyond its scale.

use std::cmp::Ordering;

use arrow::datatypes::i256;
use kura_pgtypes::{PgType, SqlError, SqlState};

use crate::failure::{Outcome, division_by_zero, numeric_overflow};

pub(crate) mod approx;

/// Digits a value may have.
pub(crate) const PRECISION_MAX: u8 = 38;
/// Decimals of a quotient, an average and of everything irrational.
pub(crate) const QUOTIENT_SCALE: i8 = 16;
/// Decimals a product keeps at least before it is rounded for lack of digits.
const PRODUCT_SCALE: i8 = 18;
/// One more than the greatest value of 38 digits.
const LIMIT: i128 = 10i128.pow(38);

/// A decimal number: `value / 10^scale`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dec {
    pub(crate) value: i128,
    pub(crate) scale: i8,
}

/// 10^n; `None` beyond 128 bits.
pub(crate) fn pow10(n: u32) -> Option<i128> {
    10i128.checked_pow(n)
}

fn wide_pow10(n: u32) -> Option<i256> {
    i256::from_i128(10).checked_pow(n)
}

/// Precision and scale of a numeric type; without modifier those of its Arrow type.
pub(crate) fn parts(ty: PgType) -> (u8, i8) {
    ty.numeric_parts().map_or((PRECISION_MAX, 9), |(precision, scale)| (precision.max(scale.unsigned_abs()).min(PRECISION_MAX), scale))
}

/// The numeric type that holds every value of this type: what a cast before arithmetic goes to.
#[must_use]
pub fn exact_type(ty: PgType) -> PgType {
    use kura_pgtypes::Scalar;
    match ty.scalar {
        Scalar::Int2 => PgType::numeric(5, 0),
        Scalar::Int4 => PgType::numeric(10, 0),
        Scalar::Int8 => PgType::numeric(19, 0),
        Scalar::Numeric if ty.numeric_parts().is_some() => ty,
        _ => PgType::NUMERIC,
    }
}

/// `numeric(38, scale)`
pub(crate) fn full(scale: i8) -> PgType {
    PgType::numeric(PRECISION_MAX, scale.clamp(0, 38))
}

/// The type of `a + b` and `a - b`.
pub(crate) fn sum_type(a: PgType, b: PgType) -> PgType {
    let ((p1, s1), (p2, s2)) = (parts(a), parts(b));
    let scale = s1.max(s2);
    let whole = (i16::from(p1) - i16::from(s1)).max(i16::from(p2) - i16::from(s2));
    PgType::numeric(clamp_precision(whole + i16::from(scale) + 1), scale)
}

/// The type of `a * b`.
pub(crate) fn product_type(a: PgType, b: PgType) -> PgType {
    let ((p1, s1), (p2, s2)) = (parts(a), parts(b));
    let precision = i16::from(p1) + i16::from(p2);
    let scale = s1.saturating_add(s2);
    if precision <= i16::from(PRECISION_MAX) && scale <= 38 {
        return PgType::numeric(clamp_precision(precision), scale);
    }
    full(scale.min(PRODUCT_SCALE.max(s1).max(s2)))
}

/// The type of `a / b`.
pub(crate) fn quotient_type(a: PgType, b: PgType) -> PgType {
    let ((_, s1), (_, s2)) = (parts(a), parts(b));
    full(s1.max(s2).max(QUOTIENT_SCALE))
}

/// The type of `a % b`.
pub(crate) fn remainder_type(a: PgType, b: PgType) -> PgType {
    let ((_, s1), (_, s2)) = (parts(a), parts(b));
    full(s1.max(s2))
}

fn clamp_precision(precision: i16) -> u8 {
    u8::try_from(precision.clamp(1, i16::from(PRECISION_MAX))).unwrap_or(PRECISION_MAX)
}

/// `value` divided by `divisor`, rounded half away from zero. `divisor` is positive.
fn divide_rounded(value: i256, divisor: i256) -> Option<i256> {
    let quotient = value.checked_div(divisor)?;
    let remainder = value.checked_rem(divisor)?;
    let twice = remainder.checked_mul(i256::from_i128(2))?.wrapping_abs();
    if twice < divisor.wrapping_abs() {
        return Some(quotient);
    }
    let negative = (value < i256::ZERO) != (divisor < i256::ZERO);
    if negative { quotient.checked_sub(i256::ONE) } else { quotient.checked_add(i256::ONE) }
}

fn narrow(value: i256) -> Outcome<i128> {
    value.to_i128().filter(|value| value.unsigned_abs() < LIMIT.unsigned_abs()).ok_or_else(numeric_overflow)
}

/// Whether a value has no more than 38 digits.
pub(crate) fn check(value: i128) -> Outcome<i128> {
    if value.unsigned_abs() < LIMIT.unsigned_abs() { Ok(value) } else { Err(numeric_overflow()) }
}

impl Dec {
    pub(crate) fn integer(value: i128) -> Self {
        Self { value, scale: 0 }
    }

    /// The value at another scale, rounded half away from zero.
    pub(crate) fn rescale(self, scale: i8) -> Outcome<i128> {
        let by = i32::from(scale) - i32::from(self.scale);
        if by == 0 || self.value == 0 {
            return Ok(self.value);
        }
        if by > 0 {
            let factor = pow10(by.unsigned_abs());
            return factor.and_then(|factor| self.value.checked_mul(factor)).ok_or_else(numeric_overflow).and_then(check);
        }
        let Some(divisor) = pow10(by.unsigned_abs()) else {
            return Ok(0);
        };
        let (quotient, remainder) = (self.value / divisor, self.value % divisor);
        // Twice the remainder may not fit, its distance to the divisor does.
        let up = remainder.unsigned_abs() >= divisor.unsigned_abs() - remainder.unsigned_abs();
        Ok(if up { quotient + self.value.signum() } else { quotient })
    }

    /// The value at a lower scale, cut towards zero; a higher scale extends it.
    pub(crate) fn truncate(self, scale: i8) -> Outcome<i128> {
        if scale >= self.scale {
            return self.rescale(scale);
        }
        let by = (i32::from(self.scale) - i32::from(scale)).unsigned_abs();
        Ok(pow10(by).map_or(0, |divisor| self.value / divisor))
    }

    /// The greatest integer not above the value.
    pub(crate) fn floor(self) -> Outcome<i128> {
        let divisor = pow10(u32::from(self.scale.max(0).unsigned_abs())).unwrap_or(LIMIT);
        Ok(if self.scale <= 0 { self.rescale(0)? } else { self.value.div_euclid(divisor) })
    }

    /// The smallest integer not below the value.
    pub(crate) fn ceil(self) -> Outcome<i128> {
        Ok(-Self { value: -self.value, scale: self.scale }.floor()?)
    }

    fn aligned(self, other: Self) -> Option<(i256, i256, i8)> {
        let scale = self.scale.max(other.scale);
        let widen = |dec: Self| {
            let factor = wide_pow10((i32::from(scale) - i32::from(dec.scale)).unsigned_abs())?;
            i256::from_i128(dec.value).checked_mul(factor)
        };
        Some((widen(self)?, widen(other)?, scale))
    }

    pub(crate) fn compare(self, other: Self) -> Ordering {
        if self.scale == other.scale {
            return self.value.cmp(&other.value);
        }
        // Scales are at most 76 apart, so both sides fit 256 bits unless one is far greater.
        self.aligned(other).map_or_else(|| self.to_f64().total_cmp(&other.to_f64()), |(a, b, _)| a.cmp(&b))
    }

    /// `self + other` at `scale`.
    pub(crate) fn add(self, other: Self, scale: i8) -> Outcome<i128> {
        let (a, b, common) = self.aligned(other).ok_or_else(numeric_overflow)?;
        at_scale(a.checked_add(b).ok_or_else(numeric_overflow)?, common, scale)
    }

    /// `self - other` at `scale`.
    pub(crate) fn subtract(self, other: Self, scale: i8) -> Outcome<i128> {
        self.add(Self { value: -other.value, scale: other.scale }, scale)
    }

    /// `self * other` at `scale`.
    pub(crate) fn multiply(self, other: Self, scale: i8) -> Outcome<i128> {
        let product = i256::from_i128(self.value).checked_mul(i256::from_i128(other.value)).ok_or_else(numeric_overflow)?;
        let common = i32::from(self.scale) + i32::from(other.scale);
        wide_at_scale(product, common, scale)
    }

    /// `self / other` at `scale`, rounded half away from zero.
    pub(crate) fn divide(self, other: Self, scale: i8) -> Outcome<i128> {
        if other.value == 0 {
            return Err(division_by_zero());
        }
        let by = i32::from(scale) + i32::from(other.scale) - i32::from(self.scale);
        let (mut numerator, mut divisor) = (i256::from_i128(self.value), i256::from_i128(other.value));
        let factor = wide_pow10(by.unsigned_abs()).ok_or_else(numeric_overflow)?;
        if by >= 0 {
            numerator = numerator.checked_mul(factor).ok_or_else(numeric_overflow)?;
        } else {
            divisor = divisor.checked_mul(factor).ok_or_else(numeric_overflow)?;
        }
        narrow(divide_rounded(numerator, divisor).ok_or_else(numeric_overflow)?)
    }

    /// `self % other` with the sign of `self`, at `scale`.
    pub(crate) fn remainder(self, other: Self, scale: i8) -> Outcome<i128> {
        if other.value == 0 {
            return Err(division_by_zero());
        }
        let (a, b, common) = self.aligned(other).ok_or_else(numeric_overflow)?;
        at_scale(a.checked_rem(b).ok_or_else(numeric_overflow)?, common, scale)
    }

    /// `trunc(self / other)`
    pub(crate) fn quotient(self, other: Self) -> Outcome<i128> {
        if other.value == 0 {
            return Err(division_by_zero());
        }
        let (a, b, _) = self.aligned(other).ok_or_else(numeric_overflow)?;
        narrow(a.checked_div(b).ok_or_else(numeric_overflow)?)
    }

    /// The nearest `double precision`.
    pub(crate) fn to_f64(self) -> f64 {
        const EXACT: u128 = 1 << 53;
        if self.value.unsigned_abs() < EXACT && (0..=22).contains(&self.scale) {
            return self.value as f64 / 10f64.powi(i32::from(self.scale));
        }
        format!("{}e{}", self.value, -i32::from(self.scale)).parse().unwrap_or(f64::NAN)
    }

    /// Rounds half away from zero to an integer.
    pub(crate) fn round(self) -> Outcome<i128> {
        self.rescale(0)
    }

    pub(crate) fn is_integer(self) -> bool {
        self.scale <= 0 || self.truncate(0).is_ok_and(|whole| Self::integer(whole).compare(self) == Ordering::Equal)
    }
}

fn at_scale(value: i256, from: i8, to: i8) -> Outcome<i128> {
    wide_at_scale(value, i32::from(from), to)
}

fn wide_at_scale(value: i256, from: i32, to: i8) -> Outcome<i128> {
    let by = i32::from(to) - from;
    let factor = wide_pow10(by.unsigned_abs()).ok_or_else(numeric_overflow)?;
    let value = match by.cmp(&0) {
        Ordering::Equal => Some(value),
        Ordering::Greater => value.checked_mul(factor),
        Ordering::Less => divide_rounded(value, factor),
    };
    narrow(value.ok_or_else(numeric_overflow)?)
}

/// 22003 as `numeric(precision, scale)` raises it for a value too great.
pub(crate) fn field_overflow(precision: u8, scale: i8) -> SqlError {
    let whole = i32::from(precision) - i32::from(scale);
    let bound = if whole == 0 { "1".to_owned() } else { format!("10^{whole}") };
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow")
        .detail(format!("A field with precision {precision}, scale {scale} must round to an absolute value less than {bound}."))
}

/// The value as `numeric(precision, scale)`, at that scale.
pub(crate) fn to_field(dec: Dec, precision: u8, scale: i8) -> Outcome<i128> {
    let overflow = || field_overflow(precision, scale);
    let value = dec.rescale(scale).map_err(|_| overflow())?;
    let fits = pow10(u32::from(precision)).is_none_or(|limit| value.unsigned_abs() < limit.unsigned_abs());
    if fits { check(value).map_err(|_| overflow()) } else { Err(overflow()) }
}

/// A number as text without superfluous decimals, for messages and JSON.
pub(crate) fn plain_text(value: i128, scale: i8) -> String {
    let negative = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs().to_string();
    if scale <= 0 {
        let zeros = if value == 0 { 0 } else { usize::from(scale.unsigned_abs()) };
        return format!("{negative}{digits}{}", "0".repeat(zeros));
    }
    let scale = usize::from(scale.unsigned_abs());
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, decimals) = padded.split_at(padded.len() - scale);
    format!("{negative}{whole}.{decimals}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(value: i128, scale: i8) -> Dec {
        Dec { value, scale }
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        assert_eq!(dec(25, 1).round(), Ok(3));
        assert_eq!(dec(-25, 1).round(), Ok(-3));
        assert_eq!(dec(24, 1).round(), Ok(2));
        assert_eq!(dec(-25, 1).floor(), Ok(-3));
        assert_eq!(dec(-25, 1).ceil(), Ok(-2));
    }

    #[test]
    fn quotients_have_their_scale() {
        assert_eq!(dec(70, 1).divide(dec(2, 0), 16), Ok(35_000_000_000_000_000));
        assert_eq!(dec(2, 0).divide(dec(3, 0), 4), Ok(6667));
        assert!(dec(1, 0).divide(dec(0, 0), 4).is_err());
    }

    #[test]
    fn text_has_all_decimals() {
        assert_eq!(plain_text(-5, 2), "-0.05");
        assert_eq!(plain_text(500, 2), "5.00");
    }
}
