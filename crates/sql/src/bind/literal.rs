//! Literals: numbers typed by their size, strings without a type until one is asked for.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, lit};
use datafusion::sql::sqlparser::ast::{self, Value};
use kura_pgtypes::{PgType, SqlState};

use super::typed::Typed;
use super::{Binder, type_name};
use crate::{Error, Result};

/// Digits a literal may have in a 128-bit decimal.
const DIGITS_MAX: usize = 38;

impl Binder<'_> {
    pub(crate) fn literal(&self, value: &Value) -> Result<Typed> {
        match value {
            Value::Number(text, _) => self.number(text),
            Value::SingleQuotedString(text)
            | Value::EscapedStringLiteral(text)
            | Value::UnicodeStringLiteral(text)
            | Value::NationalStringLiteral(text) => string(text),
            Value::DollarQuotedString(text) => string(&text.value),
            Value::Boolean(value) => Ok(Typed::bool(lit(*value))),
            Value::Null => Ok(null()),
            Value::Placeholder(name) => {
                let number = name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok());
                match number {
                    Some(number) => self.parameter(number),
                    None => Err(Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{name}\""))),
                }
            }
            other => Err(Error::unsupported(format!("the literal {other} is not supported"))),
        }
    }

    /// An integer literal is int4, int8 or numeric by its size, one with a point or an exponent numeric.
    fn number(&self, text: &str) -> Result<Typed> {
        let text = text.replace('_', "");
        if text.bytes().all(|b| b.is_ascii_digit()) {
            if let Ok(value) = text.parse::<i32>() {
                return Ok(Typed::new(lit(value), PgType::INT4));
            }
            if let Ok(value) = text.parse::<i64>() {
                return Ok(Typed::new(lit(value), PgType::INT8));
            }
        }
        if text.contains(['e', 'E']) && decimal(&text).is_err() {
            // Beyond 38 digits only double precision has room for it.
            let value = text.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| too_long(&text))?;
            return Ok(Typed::new(lit(value), PgType::FLOAT8));
        }
        let (value, precision, scale) = decimal(&text)?;
        Ok(Typed::new(lit(ScalarValue::Decimal128(Some(value), precision, scale)), PgType::numeric(precision, scale)))
    }

    /// `- literal`, so that the smallest integers can be written.
    pub(crate) fn negative_literal(&self, inner: &ast::Expr) -> Result<Option<Typed>> {
        let ast::Expr::Value(value) = inner else {
            return Ok(None);
        };
        let Value::Number(text, _) = &value.value else {
            return Ok(None);
        };
        // As in PostgreSQL's grammar the sign belongs to the number: -2147483648 is an integer.
        if let Ok(value) = format!("-{}", text.replace('_', "")).parse::<i64>() {
            return Ok(Some(match i32::try_from(value) {
                Ok(value) => Typed::new(lit(value), PgType::INT4),
                Err(_) => Typed::new(lit(value), PgType::INT8),
            }));
        }
        let typed = self.number(text)?;
        Ok(typed.literal().and_then(|v| v.arithmetic_negate().ok()).map(|v| Typed::new(lit(v), typed.ty)))
    }

    /// `type 'text'`.
    pub(crate) fn typed_string(&self, typed: &ast::TypedString) -> Result<Typed> {
        let ty = type_name::resolve(&typed.data_type)?;
        let text = self.literal(&typed.value.value)?;
        self.cast(text, ty)
    }

    /// `interval '1' day`, `interval '1 day'`.
    pub(crate) fn interval(&self, interval: &ast::Interval) -> Result<Typed> {
        let ast::Expr::Value(value) = &*interval.value else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "INTERVAL needs a string literal"));
        };
        let typed = self.literal(&value.value)?;
        let Some(text) = typed.unknown_text() else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "INTERVAL needs a string literal"));
        };
        if let Some(last) = &interval.last_field {
            let year_to_month =
                matches!(interval.leading_field, Some(ast::DateTimeField::Year)) && matches!(last, ast::DateTimeField::Month);
            if !year_to_month {
                return Err(Error::unsupported(format!("INTERVAL ... TO {last} is not supported"))
                    .hint("Write the units into the string: interval '10 minutes 20 seconds'."));
            }
        }
        if interval.leading_precision.is_some() || interval.fractional_seconds_precision.is_some() {
            return Err(Error::unsupported("the precision of an INTERVAL is not supported"));
        }
        let seconds = matches!(interval.leading_field, Some(ast::DateTimeField::Second));
        if interval.leading_field.is_some() && !seconds && text.contains('.') {
            return Err(Error::unsupported("fractions in INTERVAL 'number' unit are not supported")
                .hint("Write the unit into the string: interval '1.5 hours'."));
        }
        let text = match &interval.leading_field {
            Some(field) if text.trim().parse::<f64>().is_ok() => format!("{text} {}", field.to_string().to_lowercase()),
            _ => text.to_owned(),
        };
        self.cast(Typed::new(lit(ScalarValue::Utf8View(Some(text))), PgType::UNKNOWN), PgType::INTERVAL)
    }
}

/// A numeric parameter with the decimals it needs: its type does not say how many, and the widest would show as zeros.
pub(crate) fn trimmed(value: ScalarValue, ty: PgType) -> (ScalarValue, PgType) {
    match value {
        ScalarValue::Decimal128(Some(mut digits), precision, mut scale) if ty == PgType::NUMERIC => {
            while scale > 0 && digits % 10 == 0 {
                digits /= 10;
                scale -= 1;
            }
            (ScalarValue::Decimal128(Some(digits), precision, scale), PgType::numeric(precision, scale))
        }
        other => (other, ty),
    }
}

pub(crate) fn null() -> Typed {
    Typed::new(Expr::Literal(ScalarValue::Utf8View(None), None), PgType::UNKNOWN)
}

fn string(text: &str) -> Result<Typed> {
    if text.contains('\0') {
        return Err(Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\": 0x00"));
    }
    Ok(Typed::new(lit(ScalarValue::Utf8View(Some(text.to_owned()))), PgType::UNKNOWN))
}

/// A parameter without its value.
pub(crate) fn placeholder(number: usize, ty: PgType) -> Expr {
    Expr::Placeholder(Placeholder { id: format!("${number}"), field: Some(Arc::new(Field::new("", ty.arrow(), true))) })
}

/// The number of a placeholder.
pub(crate) fn placeholder_number(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Placeholder(placeholder) => placeholder.id.strip_prefix('$')?.parse().ok(),
        _ => None,
    }
}

/// Reads a decimal literal: its unscaled value, precision and scale.
fn decimal(text: &str) -> Result<(i128, u8, i8)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| too_long(text))?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    let mut scale = i32::try_from(fraction.len()).unwrap_or(i32::MAX).saturating_sub(exponent);
    if scale < 0 {
        let zeros = usize::try_from(scale.unsigned_abs()).unwrap_or(usize::MAX);
        if zeros > DIGITS_MAX {
            return Err(too_long(text));
        }
        digits.push_str(&"0".repeat(zeros));
        scale = 0;
    }
    let significant = digits.trim_start_matches('0');
    let scale_digits = usize::try_from(scale).unwrap_or(usize::MAX);
    let precision = significant.len().max(scale_digits).max(1);
    if precision > DIGITS_MAX {
        return Err(too_long(text));
    }
    let value = if significant.is_empty() { 0 } else { significant.parse::<i128>().map_err(|_| too_long(text))? };
    let precision = u8::try_from(precision).map_err(|_| too_long(text))?;
    let scale = i8::try_from(scale).map_err(|_| too_long(text))?;
    Ok((value, precision, scale))
}

fn too_long(text: &str) -> Error {
    let short: String = text.chars().take(60).collect();
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("the number {short} has more than {DIGITS_MAX} digits"))
        .hint("numeric holds 38 digits; write the number as double precision.")
}
