//! Reading booleans, integers, OIDs and floats as PostgreSQL's input functions do.
//!
//! `numeric` is in [`super::numeric`].

use crate::decode::syntax::{invalid_syntax, trim, value_out_of_range};
use crate::diagnostic::SqlError;
use crate::pg_type::{PgType, Scalar};
use crate::sqlstate::SqlState;

/// A unique prefix of true, false, yes, no, on, off, or 1 and 0.
pub(crate) fn parse_bool(text: &str) -> Result<bool, SqlError> {
    let word = trim(text).as_bytes();
    let is = |full: &str, least: usize| {
        word.len() >= least && word.len() <= full.len() && full.as_bytes()[..word.len()].eq_ignore_ascii_case(word)
    };
    if is("true", 1) || is("yes", 1) || is("on", 2) || word == b"1" {
        return Ok(true);
    }
    if is("false", 1) || is("no", 1) || is("off", 2) || word == b"0" {
        return Ok(false);
    }
    Err(invalid_syntax("boolean", text))
}

/// An integer within `min..=max`, with white space around it.
pub(crate) fn parse_integer(text: &str, type_name: &str, min: i64, max: i64) -> Result<i64, SqlError> {
    let digits = trim(text).as_bytes();
    let (negative, digits) = match digits.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, digits),
    };
    if digits.is_empty() {
        return Err(invalid_syntax(type_name, text));
    }
    // Counting down covers the one value more that is negative.
    let mut value = 0_i64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return Err(invalid_syntax(type_name, text));
        }
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_sub(i64::from(byte - b'0')))
            .filter(|value| *value >= min)
            .ok_or_else(|| value_out_of_range(type_name, text))?;
    }
    if negative {
        return Ok(value);
    }
    value.checked_neg().filter(|value| *value <= max).ok_or_else(|| value_out_of_range(type_name, text))
}

/// `smallint`
pub(crate) fn parse_int2(text: &str) -> Result<i16, SqlError> {
    let value = parse_integer(text, "smallint", i64::from(i16::MIN), i64::from(i16::MAX))?;
    i16::try_from(value).map_err(|_| value_out_of_range("smallint", text))
}

/// `integer`
pub(crate) fn parse_int4(text: &str) -> Result<i32, SqlError> {
    let value = parse_integer(text, "integer", i64::from(i32::MIN), i64::from(i32::MAX))?;
    i32::try_from(value).map_err(|_| value_out_of_range("integer", text))
}

/// `bigint`
pub(crate) fn parse_int8(text: &str) -> Result<i64, SqlError> {
    parse_integer(text, "bigint", i64::MIN, i64::MAX)
}

/// `oid`; a negative 32 bit number is taken for its bits, as PostgreSQL does.
pub(crate) fn parse_oid(text: &str) -> Result<u32, SqlError> {
    let limit = i64::from(u32::MAX);
    let value = parse_integer(text, "oid", -limit, limit)?;
    if let Ok(value) = u32::try_from(value) {
        return Ok(value);
    }
    i32::try_from(value).map(i32::cast_unsigned).map_err(|_| value_out_of_range("oid", text))
}

/// `oid` and the types that name an object. Names need a catalog, which is the caller's; only those of types are known
/// here. `-` is no object.
pub(crate) fn parse_object(text: &str, scalar: Scalar) -> Result<u32, SqlError> {
    let unknown = |state: SqlState, kind: &str| SqlError::new(state, format!("{kind} \"{text}\" does not exist"));
    let is_number = text.starts_with(|c: char| c.is_ascii_digit());
    match scalar {
        Scalar::Regclass | Scalar::Regtype | Scalar::Regnamespace | Scalar::Regproc if text == "-" => Ok(0),
        Scalar::Regclass if !is_number => Err(unknown(SqlState::UNDEFINED_TABLE, "relation")),
        Scalar::Regtype if !is_number => {
            PgType::parse_name(text).map(PgType::oid).ok_or_else(|| unknown(SqlState::UNDEFINED_OBJECT, "type"))
        }
        Scalar::Regnamespace if !is_number => Err(unknown(SqlState::INVALID_SCHEMA_NAME, "schema")),
        Scalar::Regproc if !is_number => Err(unknown(SqlState::UNDEFINED_FUNCTION, "function")),
        _ => parse_oid(text),
    }
}

/// `double precision`
pub(crate) fn parse_float8(text: &str) -> Result<f64, SqlError> {
    parse_float(text, "double precision", |digits| digits.parse().ok(), f64::is_finite, |value| value == 0.0)
}

/// `real`
pub(crate) fn parse_float4(text: &str) -> Result<f32, SqlError> {
    parse_float(text, "real", |digits| digits.parse().ok(), f32::is_finite, |value| value == 0.0)
}

fn parse_float<F: Copy>(
    text: &str,
    type_name: &str,
    parse: impl Fn(&str) -> Option<F>,
    is_finite: impl Fn(F) -> bool,
    is_zero: impl Fn(F) -> bool,
) -> Result<F, SqlError> {
    let word = trim(text);
    if let Some(name) = special_float(word) {
        return parse(name).ok_or_else(|| invalid_syntax(type_name, text));
    }
    // Rust's grammar is C's without hexadecimal digits, except for the names handled above.
    let is_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    if !word.bytes().all(is_number) {
        return Err(invalid_syntax(type_name, text));
    }
    let value = parse(word).ok_or_else(|| invalid_syntax(type_name, text))?;
    let mantissa = word.split(['e', 'E']).next().unwrap_or(word);
    let underflow = is_zero(value) && mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    if !is_finite(value) || underflow {
        return Err(SqlError::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("\"{}\" is out of range for type {type_name}", text.trim_start_matches(|c: char| c.is_ascii_whitespace())),
        ));
    }
    Ok(value)
}

/// The names of values that are no numbers, as Rust spells them.
fn special_float(word: &str) -> Option<&'static str> {
    let (sign, name) = match word.as_bytes().first()? {
        b'+' => ("+", &word[1..]),
        b'-' => ("-", &word[1..]),
        _ => ("", word),
    };
    let is = |full: &str| name.eq_ignore_ascii_case(full);
    if is("nan") {
        return Some("NaN");
    }
    if is("inf") || is("infinity") {
        return Some(if sign == "-" { "-inf" } else { "inf" });
    }
    None
}
