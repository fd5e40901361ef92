//! Reading `numeric`, as text and in groups of four digits, into the unscaled value of an Arrow decimal.
//!
//! Arrow's decimals have one scale per column and hold neither NaN nor infinities: the value is rounded half away from
//! zero to the column's scale, and what cannot be held is 22003.

use arrow::datatypes::{DataType, i256};

use crate::decode::syntax::{invalid_syntax, trim};
use crate::diagnostic::SqlError;
use crate::pg_type::PgType;
use crate::sqlstate::SqlState;

/// The precision and scale values are made to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Digits a value may have: the modifier's precision, at most what Arrow holds.
    pub(crate) precision: u8,
    pub(crate) scale: i8,
    /// The precision of the modifier for messages.
    declared: (i32, i32),
}

impl Target {
    /// Of a `numeric` type.
    pub(crate) fn new(ty: PgType) -> Self {
        let (arrow_precision, scale) = match (PgType { array: false, ..ty }).arrow() {
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => (precision, scale),
            _ => crate::arrow::NUMERIC_DEFAULT,
        };
        let declared = ty.numeric_modifier().unwrap_or((i32::from(arrow_precision), i32::from(scale)));
        let precision = u8::try_from(declared.0).map_or(arrow_precision, |precision| precision.min(arrow_precision));
        Self { precision, scale, declared }
    }

    pub(crate) fn overflow(&self) -> SqlError {
        let (precision, scale) = self.declared;
        let limit = match precision - scale {
            0 => "1".to_owned(),
            digits => format!("10^{digits}"),
        };
        SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow")
            .detail(format!("A field with precision {precision}, scale {scale} must round to an absolute value less than {limit}."))
    }
}

/// The decimal digits of a value: `0.DIGITS * 10^point`.
struct Decimal<'a> {
    negative: bool,
    /// Digits (0..=9) before and after the point; together they are the value's digits in order.
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

/// The unscaled value of a `numeric` text.
pub(crate) fn parse_numeric(text: &str, target: Target) -> Result<i256, SqlError> {
    let word = trim(text);
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    if unsigned.len() == word.len() && word.eq_ignore_ascii_case("nan") {
        return Err(not_storable("NaN"));
    }
    if unsigned.eq_ignore_ascii_case("infinity") || unsigned.eq_ignore_ascii_case("inf") {
        return Err(not_storable(if word.starts_with('-') { "-Infinity" } else { "Infinity" }));
    }
    let decimal = split(word.as_bytes()).ok_or_else(|| invalid_syntax("numeric", text))?;
    round(&decimal, target).ok_or_else(|| target.overflow())
}

/// The same for columns whose values fit 128 bits.
pub(crate) fn parse_numeric128(text: &str, target: Target) -> Result<i128, SqlError> {
    if let Some(value) = parse_plain(text.as_bytes(), target) {
        return Ok(value);
    }
    parse_numeric(text, target)?.to_i128().ok_or_else(|| target.overflow())
}

/// The frequent case: at most 18 digits, no exponent, not more digits after the point than the scale has.
fn parse_plain(text: &[u8], target: Target) -> Option<i128> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0_u64;
    let mut point = None;
    for (index, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(index),
            _ => return None,
        }
    }
    let fraction = point.map_or(0, |point| digits.len() - point - 1);
    if point.is_some() && digits.len() == 1 {
        return None;
    }
    let missing = u32::try_from(i32::from(target.scale) - fraction as i32).ok()?;
    let value = i128::from(value).checked_mul(10_i128.checked_pow(missing)?)?;
    if value >= 10_i128.checked_pow(u32::from(target.precision))? {
        return None;
    }
    Some(if negative { -value } else { value })
}

fn not_storable(name: &str) -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("cannot store {name} in a value of type numeric"))
        .hint("Use double precision for values that are not finite.")
}

/// Splits `[+-]digits[.digits][e[+-]digits]`.
fn split(text: &[u8]) -> Option<Decimal<'_>> {
    let (negative, rest) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&rest[..at], parse_exponent(&rest[at + 1..])?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &[][..]),
    };
    let all_digits = whole.iter().chain(fraction).all(u8::is_ascii_digit);
    (all_digits && !(whole.is_empty() && fraction.is_empty())).then_some(Decimal { negative, whole, fraction, exponent })
}

/// PostgreSQL refuses exponents from half of the integers on as bad syntax.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let exponent: i64 = text.parse().ok()?;
    (exponent.abs() < i64::from(i32::MAX / 2)).then_some(exponent)
}

/// Rounds half away from zero to the target's scale; `None` if the result has too many digits.
fn round(decimal: &Decimal<'_>, target: Target) -> Option<i256> {
    let digits = || decimal.whole.iter().chain(decimal.fraction).map(|byte| byte - b'0');
    let leading = digits().take_while(|digit| *digit == 0).count();
    let significant = decimal.whole.len() + decimal.fraction.len() - leading;
    if significant == 0 {
        return Some(i256::ZERO);
    }
    // How many of the digits stand before the place that is rounded to.
    let kept = decimal.whole.len() as i64 - leading as i64 + decimal.exponent + i64::from(target.scale);
    if kept < 0 {
        return Some(i256::ZERO);
    }
    if kept > i64::from(target.precision) {
        return None;
    }
    let kept = usize::try_from(kept).ok()?;
    let mut rest = digits().skip(leading);
    let ten = i256::from_i128(10);
    let mut value = i256::ZERO;
    let mut small = 0_u64;
    // 18 digits at a time fit a machine word.
    for index in 0..kept {
        small = small * 10 + u64::from(rest.next().unwrap_or(0));
        if index % 18 == 17 || index + 1 == kept {
            let factor = ten.checked_pow((index % 18 + 1) as u32)?;
            value = value.checked_mul(factor)?.checked_add(i256::from_i128(i128::from(small)))?;
            small = 0;
        }
    }
    if rest.next().unwrap_or(0) >= 5 {
        value = value.checked_add(i256::ONE)?;
    }
    if value >= ten.checked_pow(u32::from(target.precision))? {
        return None;
    }
    Some(if decimal.negative { value.wrapping_neg() } else { value })
}

/// The unscaled value of PostgreSQL's binary form, with the bytes after the length.
pub(crate) fn read_numeric(bytes: &[u8], target: Target) -> Result<i256, SqlError> {
    let invalid = |what: &str| SqlError::new(SqlState::INVALID_BINARY_REPRESENTATION, what.to_owned());
    let (header, groups) = bytes.split_at_checked(8).ok_or_else(super::binary::insufficient_data)?;
    let word = |index: usize| u16::from_be_bytes([header[index * 2], header[index * 2 + 1]]);
    let (count, weight, sign) = (usize::from(word(0)), word(1).cast_signed(), word(2));
    match sign {
        0x0000 | 0x4000 => {}
        0xC000 => return Err(not_storable("NaN")),
        0xD000 => return Err(not_storable("Infinity")),
        0xF000 => return Err(not_storable("-Infinity")),
        _ => return Err(invalid("invalid sign in external \"numeric\" value")),
    }
    if word(3) > 0x3FFF {
        return Err(invalid("invalid scale in external \"numeric\" value"));
    }
    if groups.len() < count * 2 {
        return Err(super::binary::insufficient_data());
    }
    if groups.len() > count * 2 {
        return Err(super::binary::incorrect_format());
    }
    let mut digits = Vec::with_capacity(count * 4);
    for group in groups.chunks_exact(2) {
        let group = u16::from_be_bytes([group[0], group[1]]);
        if group > 9999 {
            return Err(invalid("invalid digit in external \"numeric\" value"));
        }
        digits.extend([group / 1000, group / 100 % 10, group / 10 % 10, group % 10].map(|digit| b'0' + digit as u8));
    }
    // All digits stand after a point that the exponent moves right by (weight + 1) groups.
    let decimal = Decimal { negative: sign == 0x4000, whole: &[], fraction: &digits, exponent: (i64::from(weight) + 1) * 4 };
    round(&decimal, target).ok_or_else(|| target.overflow())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, ty: PgType) -> Result<String, String> {
        parse_numeric(text, Target::new(ty)).map(|value| value.to_string()).map_err(|error| error.message)
    }

    #[test]
    fn rounding_and_limits() {
        let ty = PgType::numeric(4, 2);
        assert_eq!(parse("1.005", ty).as_deref(), Ok("101"));
        assert_eq!(parse("-1.005", ty).as_deref(), Ok("-101"));
        assert_eq!(parse("99.994", ty).as_deref(), Ok("9999"));
        assert_eq!(parse("99.995", ty), Err("numeric field overflow".to_owned()));
        assert_eq!(parse("1e1", ty).as_deref(), Ok("1000"));
        assert_eq!(parse(".5", ty).as_deref(), Ok("50"));
        assert_eq!(parse("5.", ty).as_deref(), Ok("500"));
        assert_eq!(parse("1e-400", ty).as_deref(), Ok("0"));
        assert_eq!(parse("0e400", ty).as_deref(), Ok("0"));
        assert_eq!(parse("0.005", ty).as_deref(), Ok("1"));
        assert_eq!(parse("149", PgType::numeric(3, -2)).as_deref(), Ok("1"));
        assert_eq!(parse("150", PgType::numeric(3, -2)).as_deref(), Ok("2"));
        assert!(parse(".", ty).is_err() && parse("1e", ty).is_err() && parse("1 2", ty).is_err());
        assert_eq!(
            Target::new(PgType::numeric(2, 2)).overflow().detail.as_deref(),
            Some("A field with precision 2, scale 2 must round to an absolute value less than 1.")
        );
    }

    #[test]
    fn wide_values() {
        let nines = "9".repeat(76);
        assert_eq!(parse(&nines, PgType::numeric(76, 0)).as_deref(), Ok(nines.as_str()));
        assert!(parse(&format!("{nines}9"), PgType::numeric(76, 0)).is_err());
        assert_eq!(parse(&"9".repeat(29), PgType::NUMERIC), Ok("9".repeat(29) + "000000000"));
        assert!(parse(&"9".repeat(30), PgType::NUMERIC).is_err());
    }

    #[test]
    fn the_short_way_agrees() {
        for text in ["0", "-0.5", "12.34", "99.99", "123.4", "1.", ".1", "-", ".", "1.005", "1e1", " 1"] {
            let target = Target::new(PgType::numeric(4, 2));
            let long = parse_numeric(text, target).ok().and_then(i256::to_i128);
            if let Some(value) = parse_plain(text.as_bytes(), target) {
                assert_eq!(Some(value), long, "{text}");
            }
            assert_eq!(parse_numeric128(text, target).ok(), long, "{text}");
        }
    }
}
