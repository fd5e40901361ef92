//! The form PostgreSQL prints `jsonb` in: keys by length and bytes without duplicates, one blank after `,` and `:`,
//! numbers without exponent, strings with no more escapes than needed.
//!
//! What is not JSON is found by [`super::json`] first.

use std::borrow::Cow;

use crate::decode::json;
use crate::diagnostic::SqlError;
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
    String(String),
    Array(Vec<Value<'a>>),
    Object(Vec<(String, Value<'a>)>),
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
        let mut pairs: Vec<(String, Value<'a>)> = Vec::new();
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

    /// A string, unescaped. The text is valid, so every escape is complete.
    fn string(&mut self) -> String {
        let mut out = String::new();
        let mut high: Option<u16> = None;
        let mut chars = self.text[self.at + 1..].char_indices();
        let start = self.at + 1;
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + at + 1;
                    break;
                }
                '\\' => match chars.next().map(|(_, escaped)| escaped) {
                    Some('u') => {
                        let digits: String = chars.by_ref().take(4).map(|(_, digit)| digit).collect();
                        let unit = u16::from_str_radix(&digits, 16).unwrap_or(0xFFFD);
                        let units: Vec<u16> = high.take().into_iter().chain([unit]).collect();
                        match String::from_utf16(&units) {
                            Ok(decoded) => out.push_str(&decoded),
                            Err(_) => high = Some(unit),
                        }
                    }
                    Some('b') => out.push('\u{8}'),
                    Some('f') => out.push('\u{C}'),
                    Some('n') => out.push('\n'),
                    Some('r') => out.push('\r'),
                    Some('t') => out.push('\t'),
                    Some(other) => out.push(other),
                    None => {}
                },
                other => out.push(other),
            }
        }
        out
    }
}

impl Value<'_> {
    fn write(&self, out: &mut String) {
        match self {
            Value::Plain(text) => out.push_str(text),
            Value::String(text) => write_string(text, out),
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
                    write_string(key, out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{C}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
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
