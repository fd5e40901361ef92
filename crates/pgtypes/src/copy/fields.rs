//! Cuts a line of COPY's data into fields (`CopyReadAttributesText` and `CopyReadAttributesCSV` in PostgreSQL's
//! `copyfromparse.c`). What type a field has is not asked here.

use std::ops::Range;

use memchr::memchr2;

use super::options::{CopyFormat, CopyOptions};
use crate::diagnostic::SqlError;
use crate::sqlstate::SqlState;

/// Where a field's text is.
#[derive(Clone, Debug)]
enum Field {
    Null,
    /// In the line, as it stands there.
    Plain(Range<usize>),
    /// In the scratch, without escapes and quotes.
    Converted(Range<usize>),
}

/// The fields of one line; kept from line to line for its memory.
#[derive(Debug, Default)]
pub(super) struct Fields {
    fields: Vec<Field>,
    scratch: Vec<u8>,
}

impl Fields {
    /// Cuts `line`.
    ///
    /// # Errors
    /// 22P04 for a quote that is not closed, 22021 for escapes that make no text.
    pub(super) fn cut(&mut self, line: &str, options: &CopyOptions) -> Result<(), SqlError> {
        self.fields.clear();
        self.scratch.clear();
        match options.format {
            CopyFormat::Text => self.cut_text(line.as_bytes(), options),
            CopyFormat::Csv => self.cut_csv(line.as_bytes(), options)?,
        }
        match std::str::from_utf8(&self.scratch) {
            Ok(_) if !self.scratch.contains(&0) => Ok(()),
            Ok(_) => Err(invalid_bytes(&[0])),
            Err(error) => Err(invalid_utf8(&self.scratch, &error)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field's text; `None` is NULL. `line` is the one that was cut.
    pub(super) fn get<'a>(&'a self, index: usize, line: &'a str) -> Option<&'a str> {
        match self.fields.get(index)? {
            Field::Null => None,
            Field::Plain(range) => line.get(range.clone()),
            Field::Converted(range) => self.scratch.get(range.clone()).and_then(|bytes| std::str::from_utf8(bytes).ok()),
        }
    }

    fn cut_text(&mut self, line: &[u8], options: &CopyOptions) {
        let mut at = 0;
        loop {
            let (start, from) = (at, self.scratch.len());
            let mut copied = start;
            let end = loop {
                match memchr2(options.delimiter, b'\\', &line[at..]) {
                    None => break line.len(),
                    Some(offset) if line[at + offset] == options.delimiter => break at + offset,
                    Some(offset) => {
                        self.scratch.extend_from_slice(&line[copied..at + offset]);
                        at = self.escape(line, at + offset + 1);
                        copied = at;
                    }
                }
            };
            let plain = copied == start;
            self.fields.push(if line[start..end] == *options.null.as_bytes() {
                self.scratch.truncate(from);
                Field::Null
            } else if plain {
                Field::Plain(start..end)
            } else {
                self.scratch.extend_from_slice(&line[copied..end]);
                Field::Converted(from..self.scratch.len())
            });
            if end == line.len() {
                return;
            }
            at = end + 1;
        }
    }

    /// What a backslash stands for with what follows it at `at`; returns where the text goes on.
    fn escape(&mut self, line: &[u8], at: usize) -> usize {
        let Some(byte) = line.get(at) else {
            return at;
        };
        let digits = |from: usize, most: usize, radix: u32| {
            let digits = line[from..].iter().take(most).map_while(|byte| char::from(*byte).to_digit(radix));
            digits.fold((0, 0_u32), |(count, value), digit| (count + 1, value * radix + digit))
        };
        let (count, value) = match byte {
            b'0'..=b'7' => digits(at, 3, 8),
            b'x' => match digits(at + 1, 2, 16) {
                (0, _) => (1, u32::from(b'x')),
                (count, value) => (count + 1, value),
            },
            b'b' => (1, 8),
            b'f' => (1, 12),
            b'n' => (1, 10),
            b'r' => (1, 13),
            b't' => (1, 9),
            b'v' => (1, 11),
            other => (1, u32::from(*other)),
        };
        self.scratch.push((value & 0xff) as u8);
        at + count
    }

    fn cut_csv(&mut self, line: &[u8], options: &CopyOptions) -> Result<(), SqlError> {
        let mut at = 0;
        loop {
            let (start, from) = (at, self.scratch.len());
            let mut quoted = false;
            let end = loop {
                match memchr2(options.delimiter, options.quote, &line[at..]) {
                    None => break line.len(),
                    Some(offset) if line[at + offset] == options.delimiter => break at + offset,
                    Some(offset) => {
                        // What stands before the quote, or between two quoted parts.
                        self.scratch.extend_from_slice(&line[at..at + offset]);
                        quoted = true;
                        at = self.unquote(line, at + offset + 1, options)?;
                    }
                }
            };
            self.fields.push(if quoted {
                self.scratch.extend_from_slice(&line[at..end]);
                Field::Converted(from..self.scratch.len())
            } else if line[start..end] == *options.null.as_bytes() {
                Field::Null
            } else {
                Field::Plain(start..end)
            });
            if end == line.len() {
                return Ok(());
            }
            at = end + 1;
        }
    }

    /// The text within quotes from `at`; returns where the line goes on after the closing one.
    fn unquote(&mut self, line: &[u8], mut at: usize, options: &CopyOptions) -> Result<usize, SqlError> {
        loop {
            let Some(offset) = memchr2(options.quote, options.escape, &line[at..]) else {
                let message = "unterminated CSV quoted field";
                return Err(SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, message));
            };
            self.scratch.extend_from_slice(&line[at..at + offset]);
            at += offset;
            let byte = line[at];
            let next = line.get(at + 1).copied();
            if byte == options.escape
                && let Some(next) = next.filter(|next| *next == options.quote || *next == options.escape)
            {
                self.scratch.push(next);
                at += 2;
                continue;
            }
            at += 1;
            if byte == options.quote {
                return Ok(at);
            }
            self.scratch.push(byte);
        }
    }
}

/// 22021 for bytes that are no UTF-8.
pub(super) fn invalid_utf8(bytes: &[u8], error: &std::str::Utf8Error) -> SqlError {
    let start = error.valid_up_to();
    // As many bytes as the first one promises.
    let length = match bytes[start] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    invalid_bytes(&bytes[start..bytes.len().min(start + length)])
}

/// 22021 for these bytes.
pub(super) fn invalid_bytes(bytes: &[u8]) -> SqlError {
    let hex: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
    let message = format!("invalid byte sequence for encoding \"UTF8\": {}", hex.join(" "));
    SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message)
}
