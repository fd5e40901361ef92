//! The form PostgreSQL prints `jsonb` in: keys by length and bytes without duplicates, one blank after `,` and `:`,
//! numbers without exponent, strings with no more escapes than needed.
//!
//! What is not JSON is found by [`super::json`] first.

use std::borrow::Cow;

use crate::decode::json;
use crate::diagnostic::SqlError;
use crate::json::{quote, string_end, unescape};
use crate::sqlstate::SqlState;

/// How deep objects and arrays may nest here, where nesting is recursion.
const DEPTH_MAX: usize = 1_000;
/// PostgreSQL's bound on the digits of a number before the point, and after it.
const DIGITS_BEFORE_MAX: i64 = 131_072;
const DIGITS_AFTER_MAX: i64 = 16_383;

/// The text of a `jsonb` value as PostgreSQL prints it.
///
/// # Errors
/// Those of [`json::validate`]; 54001 for nesting deeper than 1000; 22003 for a number of too many digits.
pub(crate) fn normalize(text: &str) -> Result<Cow<'_, str>, SqlError> {
    json::validate(text, true)?;
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    let mut out = String::with_capacity(text.len() + 16);
    value.write(&mut out);
    Ok(if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) })
}

enum Value<'a> {
    /// `true`, `false`, `null`, and numbers already in their form.
    Plain(Cow<'a, str>),
    String(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        bytes.get(self.at).copied().unwrap_or(0)
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, SqlError> {
        if depth > DEPTH_MAX {
            return Err(SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
        }
        match self.peek() {
            b'"' => Ok(Value::String(self.string())),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            _ => {
                let rest = &self.text[self.at..];
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | '.')).unwrap_or(rest.len());
                self.at += end;
                let word = &rest[..end];
                let is_number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit());
                Ok(Value::Plain(if is_number { number(word)? } else { Cow::Borrowed(word) }))
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, SqlError> {
        let mut values = Vec::new();
        self.at += 1;
        loop {
            match self.peek() {
                b']' => {
                    self.at += 1;
                    return Ok(Value::Array(values));
                }
                b',' => self.at += 1,
                _ => values.push(self.value(depth + 1)?),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, SqlError> {
        let mut pairs: Vec<(Cow<'a, str>, Value<'a>)> = Vec::new();
        self.at += 1;
        loop {
            match self.peek() {
                b'}' => {
                    self.at += 1;
                    break;
                }
                b',' => self.at += 1,
                _ => {
                    let key = self.string();
                    self.peek();
                    self.at += 1;
                    pairs.push((key, self.value(depth + 1)?));
                }
            }
        }
        // The last of equal keys wins; the sort is stable, so it is the last of its run.
        pairs.sort_by(|(a, _), (b, _)| (a.len(), a.as_bytes()).cmp(&(b.len(), b.as_bytes())));
        pairs.reverse();
        pairs.dedup_by(|(a, _), (b, _)| a == b);
        pairs.reverse();
        Ok(Value::Object(pairs))
    }

    /// A string, unescaped. The text is valid, so it has an end.
    fn string(&mut self) -> Cow<'a, str> {
        let end = string_end(self.text.as_bytes(), self.at);
        let token = &self.text[self.at..end];
        self.at = end;
        unescape(token)
    }
}

impl Value<'_> {
    fn write(&self, out: &mut String) {
        match self {
            Value::Plain(text) => out.push_str(text),
            Value::String(text) => quote(text, out),
            Value::Array(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Value::Object(pairs) => {
                out.push('{');
                for (index, (key, value)) in pairs.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    quote(key, out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// A number in the form of `numeric`: all digits, the scale it was written with.
fn number(word: &str) -> Result<Cow<'_, str>, SqlError> {
    let (sign, digits) = word.strip_prefix('-').map_or(("", word), |rest| ("-", rest));
    let zero = !digits.split(['e', 'E']).next().unwrap_or(digits).bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    let Some((mantissa, exponent)) = digits.split_once(['e', 'E']) else {
        return Ok(if zero { Cow::Borrowed(digits) } else { Cow::Borrowed(word) });
    };
    let overflow = || SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format");
    let exponent: i64 = exponent.parse().map_err(|_| overflow())?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let scale = (fraction.len() as i64).checked_sub(exponent).ok_or_else(overflow)?.max(0);
    let point = (whole.len() as i64).checked_add(exponent).ok_or_else(overflow)?;
    if scale > DIGITS_AFTER_MAX || (point > DIGITS_BEFORE_MAX && !zero) {
        return Err(overflow());
    }
    let all = [whole, fraction].concat();
    let digit = |index: i64| usize::try_from(index).ok().and_then(|index| all.as_bytes().get(index)).unwrap_or(&b'0');
    let mut out = String::from(if zero { "" } else { sign });
    let from = (0..point.min(all.len() as i64)).find(|index| *digit(*index) != b'0').unwrap_or(point);
    if zero || from >= point {
        out.push('0');
    } else {
        (from..point).for_each(|index| out.push(char::from(*digit(index))));
    }
    if scale > 0 {
        out.push('.');
        (point..point + scale).for_each(|index| out.push(char::from(*digit(index))));
    }
    Ok(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_postgresql_prints() {
        let cases = [
            (r#"{"bb":1,"a":[1,2 , {}],"a":null}"#, r#"{"a": null, "bb": 1}"#),
            (r#" [1.10, 1e2, 1E-3, -0, 12.5e1, 0e5, -0.0] "#, "[1.10, 100, 0.001, 0, 125, 0, 0.0]"),
            (r#""\u0041\/\u00e9\ud83d\ude00\u0001\n""#, "\"A/é😀\\u0001\\n\""),
            ("true", "true"),
            ("[]", "[]"),
        ];
        for (text, shown) in cases {
            assert_eq!(normalize(text).expect("valid"), shown);
        }
        assert!(normalize(&"[".repeat(2_000)).is_err());
        assert!(normalize(&("[".repeat(2_000) + &"]".repeat(2_000))).is_err());
        assert!(normalize("1e200000").is_err());
    }
}
