//! Reading `bytea` and `uuid`.

use crate::decode::syntax::{invalid_syntax, is_space};
use crate::diagnostic::SqlError;
use crate::sqlstate::SqlState;

/// `bytea`, in the hex or the escape form.
pub(crate) fn parse_bytea(text: &str) -> Result<Vec<u8>, SqlError> {
    match text.as_bytes() {
        [b'\\', b'x', digits @ ..] => parse_hex(digits, text),
        escaped => parse_escaped(escaped),
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// White space may stand between the pairs.
fn parse_hex(digits: &[u8], text: &str) -> Result<Vec<u8>, SqlError> {
    let invalid = |message: String| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message);
    let digit = |at: usize| {
        hex_digit(digits[at]).ok_or_else(|| {
            let found = text.get(at + 2..).and_then(|rest| rest.chars().next()).unwrap_or('\u{FFFD}');
            invalid(format!("invalid hexadecimal digit: \"{found}\""))
        })
    };
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    let mut at = 0;
    while at < digits.len() {
        if is_space(digits[at]) {
            at += 1;
            continue;
        }
        let high = digit(at)?;
        if at + 1 == digits.len() {
            return Err(invalid("invalid hexadecimal data: odd number of digits".to_owned()));
        }
        bytes.push(high << 4 | digit(at + 1)?);
        at += 2;
    }
    Ok(bytes)
}

fn parse_escaped(mut rest: &[u8]) -> Result<Vec<u8>, SqlError> {
    let mut bytes = Vec::with_capacity(rest.len());
    loop {
        match rest {
            [] => return Ok(bytes),
            [b'\\', b'\\', tail @ ..] => {
                bytes.push(b'\\');
                rest = tail;
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = tail;
            }
            [b'\\', ..] => {
                return Err(SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type bytea"));
            }
            [byte, tail @ ..] => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
}

/// `uuid`: 32 digits, optionally in braces, with an optional hyphen after every fourth digit.
pub(crate) fn parse_uuid(text: &str) -> Result<[u8; 16], SqlError> {
    read_uuid(text.as_bytes()).ok_or_else(|| invalid_syntax("uuid", text))
}

fn read_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let mut rest = match text {
        [b'{', inner @ .., b'}'] => inner,
        [b'{', ..] => return None,
        plain => plain,
    };
    let mut uuid = [0; 16];
    for (index, byte) in uuid.iter_mut().enumerate() {
        let [high, low, tail @ ..] = rest else { return None };
        *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
        rest = tail;
        if let (true, [b'-', tail @ ..]) = (index % 2 == 1 && index < 15, rest) {
            rest = tail;
        }
    }
    rest.is_empty().then_some(uuid)
}
