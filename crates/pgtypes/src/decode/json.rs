//! Checking the syntax of `json`; the text itself is kept as it is.
//!
//! RFC 8259. No recursion: the depth of nesting is bounded by the length of the text only in bits.

use crate::diagnostic::SqlError;
use crate::sqlstate::SqlState;

/// How deep objects and arrays may nest; PostgreSQL's bound is its stack.
const DEPTH_MAX: usize = 6_000;

/// Checks a text. `jsonb` additionally refuses `\u0000`.
///
/// # Errors
/// 22P02 with the token at fault, 22P05 for `\u0000`, 54001 for too deep nesting.
pub(crate) fn validate(text: &str, type_is_jsonb: bool) -> Result<(), SqlError> {
    Parser { text, bytes: text.as_bytes(), at: 0, jsonb: type_is_jsonb }.document()
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    jsonb: bool,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    /// The first value of an array, or its end.
    ValueOrEnd,
    /// The first key of an object, or its end.
    KeyOrEnd,
    Key,
    /// A comma or the end of what is open.
    Next,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<(), SqlError> {
        // For each open container whether it is an object.
        let mut open: Vec<bool> = Vec::new();
        let mut expect = Expect::Value;
        loop {
            self.skip_space();
            let byte = self.bytes.get(self.at).copied();
            match (expect, byte) {
                (Expect::Next, None) if open.is_empty() => return Ok(()),
                (Expect::Next, Some(b',')) if !open.is_empty() => {
                    self.at += 1;
                    expect = if open.last() == Some(&true) { Expect::Key } else { Expect::Value };
                }
                (Expect::Next | Expect::KeyOrEnd, Some(b'}')) if open.last() == Some(&true) => {
                    self.at += 1;
                    open.pop();
                    expect = Expect::Next;
                }
                (Expect::Next | Expect::ValueOrEnd, Some(b']')) if open.last() == Some(&false) => {
                    self.at += 1;
                    open.pop();
                    expect = Expect::Next;
                }
                (Expect::Key | Expect::KeyOrEnd, Some(b'"')) => {
                    self.string()?;
                    self.skip_space();
                    if self.bytes.get(self.at) != Some(&b':') {
                        return Err(self.unexpected("\":\""));
                    }
                    self.at += 1;
                    expect = Expect::Value;
                }
                (Expect::Value | Expect::ValueOrEnd, Some(open_with @ (b'{' | b'['))) => {
                    if open.len() == DEPTH_MAX {
                        return Err(SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
                    }
                    self.at += 1;
                    open.push(open_with == b'{');
                    expect = if open_with == b'{' { Expect::KeyOrEnd } else { Expect::ValueOrEnd };
                }
                (Expect::Value | Expect::ValueOrEnd, Some(_)) => {
                    self.scalar()?;
                    expect = Expect::Next;
                }
                _ => return Err(self.unexpected(wanted(expect, &open))),
            }
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn scalar(&mut self) -> Result<(), SqlError> {
        let rest = &self.bytes[self.at..];
        for word in ["true", "false", "null"] {
            let ends = |after: Option<&u8>| !after.is_some_and(|byte| is_word(*byte));
            if rest.starts_with(word.as_bytes()) && ends(rest.get(word.len())) {
                self.at += word.len();
                return Ok(());
            }
        }
        match rest[0] {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            _ if is_word(rest[0]) => Err(self.invalid_token()),
            b',' | b':' | b'}' | b']' => Err(self.unexpected("JSON value")),
            _ => Err(self.invalid_token()),
        }
    }

    fn number(&mut self) -> Result<(), SqlError> {
        let digits = |at: usize| self.bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut end = self.at + usize::from(self.bytes[self.at] == b'-');
        let whole = digits(end);
        let leading_zero = whole > 1 && self.bytes[end] == b'0';
        let mut valid = whole > 0 && !leading_zero;
        end += whole;
        if self.bytes.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            valid &= fraction > 0;
            end += 1 + fraction;
        }
        if matches!(self.bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits((end + 1 + sign).min(self.bytes.len()));
            valid &= exponent > 0;
            end += 1 + sign + exponent;
        }
        if !valid || self.bytes.get(end).is_some_and(|byte| is_word(*byte)) {
            return Err(self.invalid_token());
        }
        self.at = end;
        Ok(())
    }

    fn string(&mut self) -> Result<(), SqlError> {
        let start = self.at;
        let mut at = start + 1;
        let mut pending_surrogate = false;
        loop {
            let Some(byte) = self.bytes.get(at) else {
                return Err(self.unclosed(start));
            };
            let low_expected = std::mem::take(&mut pending_surrogate);
            match byte {
                b'\\' if self.bytes.get(at + 1) == Some(&b'u') => {
                    let rest = &self.text[at + 2..];
                    let digits = rest.bytes().take(4).take_while(u8::is_ascii_hexdigit).count();
                    if digits < 4 {
                        let Some(other) = rest[digits..].chars().next() else {
                            return Err(self.unclosed(start));
                        };
                        let detail = "\"\\u\" must be followed by four hexadecimal digits.";
                        return Err(self.error_at(detail.to_owned(), at + 2 + digits + other.len_utf8()));
                    }
                    let unit = u16::from_str_radix(&rest[..digits], 16).expect("four hexadecimal digits");
                    if self.jsonb {
                        pending_surrogate = self.check_unit(unit, low_expected)?;
                    }
                    at += 6;
                    continue;
                }
                _ if low_expected => return Err(low_surrogate_missing()),
                b'"' => break,
                b'\\' => {
                    let valid = matches!(self.bytes.get(at + 1), Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'));
                    if !valid {
                        let found = self.text.get(at + 1..).and_then(|rest| rest.chars().next());
                        let found = found.map_or_else(String::new, String::from);
                        let detail = format!("Escape sequence \"\\{found}\" is invalid.");
                        return Err(self.error_at(detail, (at + 1 + found.len()).min(self.bytes.len())));
                    }
                    at += 2;
                }
                0..0x20 => {
                    let detail = format!("Character with value 0x{byte:02x} must be escaped.");
                    return Err(self.error_at(detail, at + 1));
                }
                _ => at += 1,
            }
        }
        self.at = at + 1;
        Ok(())
    }

    /// The string that starts here has no end.
    fn unclosed(&self, start: usize) -> SqlError {
        self.error_at(format!("Token \"{}\" is invalid.", &self.text[start..]), self.bytes.len())
    }

    /// Whether a low surrogate has to follow.
    fn check_unit(&self, unit: u16, low_expected: bool) -> Result<bool, SqlError> {
        match (unit, low_expected) {
            (0xDC00..=0xDFFF, true) => Ok(false),
            (0xDC00..=0xDFFF, false) | (_, true) => Err(low_surrogate_missing()),
            (0xD800..=0xDBFF, false) => Ok(true),
            (0, false) => Err(SqlError::new(SqlState::UNTRANSLATABLE_CHARACTER, "unsupported Unicode escape sequence")
                .detail("\\u0000 cannot be converted to text.")),
            _ => Ok(false),
        }
    }

    /// The token that starts here cannot be part of JSON at all.
    fn invalid_token(&self) -> SqlError {
        let token = self.token();
        self.error_at(format!("Token \"{token}\" is invalid."), self.at + token.len())
    }

    /// The token that starts here cannot stand here.
    fn unexpected(&self, wanted: &str) -> SqlError {
        if self.at == self.bytes.len() {
            return self.error_at("The input string ended unexpectedly.".to_owned(), self.at);
        }
        let token = self.token();
        self.error_at(format!("Expected {wanted}, but found \"{token}\"."), self.at + token.len())
    }

    fn token(&self) -> &str {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(|byte| is_word(*byte)).count();
        if length > 0 {
            return &rest[..length];
        }
        match self.bytes.get(self.at) {
            Some(b'"') => {
                let end = rest[1..].find('"').map_or(rest.len(), |at| at + 2);
                &rest[..end]
            }
            _ => rest.chars().next().map_or("", |first| &rest[..first.len_utf8()]),
        }
    }

    /// The error with the line up to and including the fault as context.
    fn error_at(&self, detail: String, end: usize) -> SqlError {
        let before = self.text.get(..end).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let mut shown = before.rsplit('\n').next().unwrap_or(before);
        let mut prefix = "";
        if shown.len() > 50 {
            let from = (shown.len() - 50..shown.len()).find(|at| shown.is_char_boundary(*at)).unwrap_or(0);
            shown = &shown[from..];
            prefix = "...";
        }
        let goes_on = self.text.get(end..).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('\n'));
        let suffix = if goes_on { "..." } else { "" };
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json")
            .detail(detail)
            .context(format!("JSON data, line {line}: {prefix}{shown}{suffix}"))
    }
}

/// Bytes PostgreSQL takes together as one wrong word.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'.') || byte >= 0x80
}

fn low_surrogate_missing() -> SqlError {
    SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json")
        .detail("Unicode low surrogate must follow a high surrogate.")
}

fn wanted(expect: Expect, open: &[bool]) -> &'static str {
    match (expect, open.last()) {
        (Expect::Value, _) => "JSON value",
        (Expect::ValueOrEnd, _) => "array element or \"]\"",
        (Expect::KeyOrEnd, _) => "string or \"}\"",
        (Expect::Key, _) => "string",
        (Expect::Next, None) => "end of input",
        (Expect::Next, Some(true)) => "\",\" or \"}\"",
        (Expect::Next, Some(false)) => "\",\" or \"]\"",
    }
}
