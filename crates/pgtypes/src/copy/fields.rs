//! A line of COPY data as its fields (`CopyReadAttributesText`, `CopyReadAttributesCSV`).
//!
//! The null string is recognised here; `FORCE_NULL` and the like are the reader's affair.

use memchr::memchr2;

use crate::copy::options::{CopyFormat, CopyOptions};
use crate::decode;
use crate::diagnostic::SqlError;
use crate::sqlstate::SqlState;

/// Where the value of a field stands.
#[derive(Clone, Copy, Debug)]
enum Field {
    Null,
    /// In the line, from and to.
    Plain(usize, usize),
    /// In `decoded`, from and to.
    Decoded(usize, usize),
}

/// The fields of one line, used again for the next.
#[derive(Debug)]
pub(super) struct Fields {
    format: CopyFormat,
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: String,
    fields: Vec<Field>,
    /// Fields kept; more are only counted.
    kept_max: usize,
    count: usize,
    /// Values that had escapes or quotes, one after the other.
    decoded: String,
    /// The value being decoded.
    raw: Vec<u8>,
}

impl Fields {
    /// `columns`: how many fields a line should have.
    pub(super) fn new(options: &CopyOptions, columns: usize) -> Self {
        Self {
            format: options.format,
            delimiter: options.delimiter,
            quote: options.quote,
            escape: options.escape,
            null: options.null.clone(),
            fields: Vec::with_capacity(columns),
            kept_max: columns,
            count: 0,
            decoded: String::new(),
            raw: Vec::new(),
        }
    }

    /// How many fields the line has.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The value of a field of `line`, the line split last; `None` is NULL.
    pub(super) fn value<'a>(&'a self, line: &'a str, index: usize) -> Option<&'a str> {
        match self.fields.get(index)? {
            Field::Null => None,
            Field::Plain(from, to) => Some(&line[*from..*to]),
            Field::Decoded(from, to) => Some(&self.decoded[*from..*to]),
        }
    }

    /// Splits a line. `special`: it has backslashes (text) or quotes (csv).
    ///
    /// # Errors
    /// 22P04 for a quote that is not closed; 22021 if escapes give no UTF-8.
    pub(super) fn split(&mut self, line: &str, special: bool) -> Result<(), SqlError> {
        self.fields.clear();
        self.decoded.clear();
        self.count = 0;
        if self.kept_max == 0 && line.is_empty() {
            return Ok(());
        }
        if !special {
            self.split_plain(line);
            return Ok(());
        }
        let mut at = Some(0);
        while let Some(from) = at {
            at = match self.format {
                CopyFormat::Text => self.text_field(line, from)?,
                CopyFormat::Csv => self.csv_field(line, from)?,
            };
        }
        Ok(())
    }

    fn split_plain(&mut self, line: &str) {
        let mut from = 0;
        for end in memchr::memchr_iter(self.delimiter, line.as_bytes()) {
            self.plain(line, from, end);
            from = end + 1;
        }
        self.plain(line, from, line.len());
    }

    fn push(&mut self, field: Field) {
        self.count += 1;
        if self.count <= self.kept_max {
            self.fields.push(field);
        }
    }

    fn plain(&mut self, line: &str, from: usize, to: usize) {
        let is_null = line.as_bytes()[from..to] == *self.null.as_bytes();
        self.push(if is_null { Field::Null } else { Field::Plain(from, to) });
    }

    /// Keeps what was decoded into `raw`.
    fn decoded(&mut self) -> Result<(), SqlError> {
        let value = decode::utf8(&self.raw)?;
        let from = self.decoded.len();
        self.decoded.push_str(value);
        let to = self.decoded.len();
        self.push(Field::Decoded(from, to));
        Ok(())
    }

    /// Reads the field at `from`; returns where the next one starts.
    fn text_field(&mut self, line: &str, from: usize) -> Result<Option<usize>, SqlError> {
        let bytes = line.as_bytes();
        let next = |end: usize| (end < bytes.len()).then_some(end + 1);
        let mut at = match memchr2(self.delimiter, b'\\', &bytes[from..]) {
            Some(found) if bytes[from + found] == b'\\' => from + found,
            found => {
                let end = found.map_or(bytes.len(), |found| from + found);
                self.plain(line, from, end);
                return Ok(next(end));
            }
        };
        self.raw.clear();
        self.raw.extend_from_slice(&bytes[from..at]);
        let mut end = bytes.len();
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if at + 1 == bytes.len() => {
                    // A backslash that ends the data stands for nothing.
                    end = at;
                    break;
                }
                b'\\' => {
                    let (byte, length) = unescape(&bytes[at + 1..]);
                    self.raw.push(byte);
                    at += 1 + length;
                }
                byte if byte == self.delimiter => {
                    end = at;
                    break;
                }
                _ => {
                    let plain = memchr2(self.delimiter, b'\\', &bytes[at..]).unwrap_or(bytes.len() - at);
                    self.raw.extend_from_slice(&bytes[at..at + plain]);
                    at += plain;
                }
            }
        }
        // The null string is compared before escapes are resolved.
        if bytes[from..end] == *self.null.as_bytes() {
            self.push(Field::Null);
        } else {
            self.decoded()?;
        }
        Ok(if bytes.get(end) == Some(&self.delimiter) { next(end) } else { None })
    }

    /// As [`Fields::text_field`]. Quoted and other parts may follow each other in one field.
    fn csv_field(&mut self, line: &str, from: usize) -> Result<Option<usize>, SqlError> {
        let bytes = line.as_bytes();
        let mut at = from;
        self.raw.clear();
        let mut quoted = false;
        loop {
            let found = memchr2(self.delimiter, self.quote, &bytes[at..]);
            let end = found.map_or(bytes.len(), |found| at + found);
            let opens = found.is_some() && bytes[end] == self.quote;
            if !quoted && !opens {
                self.plain(line, from, end);
                return Ok(found.map(|_| end + 1));
            }
            self.raw.extend_from_slice(&bytes[at..end]);
            if !opens {
                self.decoded()?;
                return Ok(found.map(|_| end + 1));
            }
            let first = !quoted && end == from;
            quoted = true;
            // The usual case: one quoted part without anything to resolve is the whole field.
            if let (true, Some((close, next))) = (first, self.simple_quoted(bytes, end + 1)) {
                self.push(Field::Plain(end + 1, close));
                return Ok(next);
            }
            at = self.quoted_part(bytes, end + 1)?;
        }
    }

    /// If the quote closed at the next quote or escape ends the field: where it is, and where the next field starts.
    fn simple_quoted(&self, bytes: &[u8], from: usize) -> Option<(usize, Option<usize>)> {
        let close = from + memchr2(self.quote, self.escape, &bytes[from..])?;
        if bytes[close] != self.quote {
            return None;
        }
        match bytes.get(close + 1) {
            None => Some((close, None)),
            Some(byte) if *byte == self.delimiter => Some((close, Some(close + 2))),
            Some(_) => None,
        }
    }

    /// Decodes up to the closing quote; returns where to go on.
    fn quoted_part(&mut self, bytes: &[u8], from: usize) -> Result<usize, SqlError> {
        let mut at = from;
        loop {
            let Some(found) = memchr2(self.quote, self.escape, &bytes[at..]) else {
                return Err(SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, "unterminated CSV quoted field"));
            };
            self.raw.extend_from_slice(&bytes[at..at + found]);
            at += found;
            let byte = bytes[at];
            at += 1;
            let next = bytes.get(at).copied().filter(|next| *next == self.escape || *next == self.quote);
            if let (true, Some(next)) = (byte == self.escape, next) {
                self.raw.push(next);
                at += 1;
                continue;
            }
            if byte == self.quote {
                return Ok(at);
            }
            self.raw.push(byte);
        }
    }
}

/// What the characters after a backslash mean, and how many there are. `bytes` is not empty.
fn unescape(bytes: &[u8]) -> (u8, usize) {
    let first = bytes[0];
    match first {
        b'0'..=b'7' => {
            let digits = bytes.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7'));
            let (value, length) = digits.fold((0_u16, 0), |(value, length), digit| (value * 8 + u16::from(digit - b'0'), length + 1));
            ((value & 0xFF) as u8, length)
        }
        b'x' => {
            let digits = bytes[1..].iter().take(2).map_while(|byte| char::from(*byte).to_digit(16));
            let (value, length) = digits.fold((0_u32, 1), |(value, length), digit| (value * 16 + digit, length + 1));
            if length == 1 { (b'x', 1) } else { ((value & 0xFF) as u8, length) }
        }
        b'b' => (0x08, 1),
        b'f' => (0x0C, 1),
        b'n' => (b'\n', 1),
        b'r' => (b'\r', 1),
        b't' => (b'\t', 1),
        b'v' => (0x0B, 1),
        other => (other, 1),
    }
}
