//! Cuts a date, time or interval into fields, by the characters alone.
//!
//! What a field means is found in [`super::fields`] and in the reading of intervals.

use super::Fault;
use crate::decode::syntax::is_space;

/// The shape of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Shape {
    /// Digits, perhaps with a point.
    Number,
    /// Letters.
    Word,
    /// Something with the separators of a date; also names of zones, `America/New_York`.
    Date,
    /// Digits with colons.
    Time,
    /// A sign and digits: an offset, or a signed number of an interval.
    Signed,
    /// A sign and letters: `-infinity`.
    SignedWord,
}

/// One field, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::decode) struct Token {
    pub(in crate::decode) shape: Shape,
    pub(in crate::decode) text: String,
}

/// PostgreSQL's bounds on the number of fields and on the length of all of them.
const TOKENS_MAX: usize = 25;
const BYTES_MAX: usize = 128 + 25;

struct Cursor<'a> {
    rest: &'a [u8],
    text: String,
}

impl Cursor<'_> {
    fn peek(&self) -> u8 {
        self.rest.first().copied().unwrap_or(0)
    }

    fn take(&mut self) {
        if let Some((byte, rest)) = self.rest.split_first() {
            self.text.push(char::from(byte.to_ascii_lowercase()));
            self.rest = rest;
        }
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) {
        while !self.rest.is_empty() && accept(self.peek()) {
            self.take();
        }
    }
}

/// Cuts a text into its fields.
pub(in crate::decode) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut total = 0;
    let mut cursor = Cursor { rest: text.as_bytes(), text: String::new() };
    loop {
        while is_space(cursor.peek()) {
            cursor.rest = &cursor.rest[1..];
        }
        if cursor.rest.is_empty() {
            return Ok(tokens);
        }
        let Some(shape) = next(&mut cursor)? else { continue };
        let text = std::mem::take(&mut cursor.text);
        total += text.len() + 1;
        if tokens.len() == TOKENS_MAX || total > BYTES_MAX {
            return Err(Fault::Format);
        }
        tokens.push(Token { shape, text });
    }
}

/// Reads one field; `None` for a character that only separates.
fn next(cursor: &mut Cursor<'_>) -> Result<Option<Shape>, Fault> {
    match cursor.peek() {
        b'0'..=b'9' => Ok(Some(digits_first(cursor))),
        b'.' => {
            cursor.take();
            cursor.take_while(|byte| byte.is_ascii_digit());
            Ok(Some(Shape::Number))
        }
        byte if byte.is_ascii_alphabetic() => Ok(Some(letters_first(cursor))),
        b'+' | b'-' => {
            cursor.take();
            while is_space(cursor.peek()) {
                cursor.rest = &cursor.rest[1..];
            }
            if cursor.peek().is_ascii_digit() {
                cursor.take_while(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'-'));
                Ok(Some(Shape::Signed))
            } else if cursor.peek().is_ascii_alphabetic() {
                cursor.take_while(|byte| byte.is_ascii_alphabetic());
                Ok(Some(Shape::SignedWord))
            } else {
                Err(Fault::Format)
            }
        }
        byte if byte.is_ascii_punctuation() => {
            cursor.rest = &cursor.rest[1..];
            Ok(None)
        }
        _ => Err(Fault::Format),
    }
}

fn digits_first(cursor: &mut Cursor<'_>) -> Shape {
    cursor.take_while(|byte| byte.is_ascii_digit());
    match cursor.peek() {
        b':' => {
            cursor.take_while(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
            Shape::Time
        }
        separator @ (b'-' | b'/' | b'.') => {
            cursor.take();
            if !cursor.peek().is_ascii_digit() {
                cursor.take_while(|byte| byte.is_ascii_alphanumeric() || byte == separator);
                return Shape::Date;
            }
            cursor.take_while(|byte| byte.is_ascii_digit());
            if cursor.peek() == separator {
                cursor.take_while(|byte| byte.is_ascii_digit() || byte == separator);
                return Shape::Date;
            }
            if separator == b'.' { Shape::Number } else { Shape::Date }
        }
        _ => Shape::Number,
    }
}

fn letters_first(cursor: &mut Cursor<'_>) -> Shape {
    cursor.take_while(|byte| byte.is_ascii_alphabetic());
    let goes_on = match cursor.peek() {
        b'-' | b'/' | b'.' => true,
        b'+' | b'0'..=b'9' => super::words::find(&cursor.text).is_none(),
        _ => false,
    };
    if !goes_on {
        return Shape::Word;
    }
    cursor.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'/' | b'_' | b'.' | b':'));
    Shape::Date
}
