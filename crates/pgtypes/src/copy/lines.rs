//! Where the lines of COPY data end (`CopyReadLineText`): newline styles, newlines in quotes, the end-of-copy marker.
//!
//! Bytes are looked at once, however the data is cut. What stands in a line is read by [`super::fields`].

use memchr::{memchr2, memchr3};

use crate::copy::options::{CopyFormat, CopyOptions};
use crate::diagnostic::SqlError;
use crate::sqlstate::SqlState;

/// One line, without its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Offset of the first byte.
    pub(super) start: usize,
    /// Offset behind the last byte.
    pub(super) end: usize,
    /// The 1-based number PostgreSQL gives it in errors.
    pub(super) number: u64,
    /// Whether it has backslashes (text) or quotes (csv).
    pub(super) special: bool,
}

/// How lines end; the first end decides for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Newline {
    Lf,
    Cr,
    CrLf,
}

/// Finds lines in a buffer that grows at its end.
#[derive(Debug)]
pub(super) struct Lines {
    csv: bool,
    quote: u8,
    /// `None` when the quote escapes itself: then it is enough to know whether their number is even.
    escape: Option<u8>,
    newline: Option<Newline>,
    /// Where the current line starts.
    start: usize,
    /// Where to look on.
    at: usize,
    /// Number of the current line.
    number: u64,
    special: bool,
    inside: bool,
    escaped: bool,
    /// Whether the current line is known not to be the end-of-copy marker (csv).
    ordinary: bool,
    ended: bool,
}

/// What a backslash turned out to be.
enum Marker {
    /// More data is needed to know.
    Unknown,
    /// Something else.
    Other,
    /// The end of the data.
    End,
}

impl Lines {
    pub(super) fn new(options: &CopyOptions) -> Self {
        Self {
            csv: options.format == CopyFormat::Csv,
            quote: options.quote,
            escape: (options.escape != options.quote).then_some(options.escape),
            newline: None,
            start: 0,
            at: 0,
            number: 1,
            special: false,
            inside: false,
            escaped: false,
            ordinary: false,
            ended: false,
        }
    }

    /// Where the line that is not complete yet starts: everything before was given out.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Number of the line being read.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether nothing more is read: the end-of-copy marker was seen.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The buffer lost its first bytes, none of them behind [`Lines::start`].
    pub(super) fn shift(&mut self, bytes: usize) {
        self.start -= bytes;
        self.at -= bytes;
    }

    /// The next line; `None` if it is not complete, or at the end of the data. `last`: no more data will come.
    ///
    /// # Errors
    /// 22P04 for newlines of different styles and a broken end-of-copy marker, without context.
    pub(super) fn next(&mut self, buffer: &[u8], last: bool) -> Result<Option<Line>, SqlError> {
        if self.ended {
            return Ok(None);
        }
        let line = if self.csv { self.next_csv(buffer, last)? } else { self.next_text(buffer, last)? };
        if line.is_some() || !last || self.ended {
            return Ok(line);
        }
        self.ended = true;
        Ok((self.start < buffer.len()).then(|| self.line_to(buffer.len(), buffer.len())))
    }

    fn next_text(&mut self, buffer: &[u8], last: bool) -> Result<Option<Line>, SqlError> {
        loop {
            let Some(found) = memchr3(b'\n', b'\r', b'\\', &buffer[self.at..]) else {
                self.at = buffer.len();
                return Ok(None);
            };
            self.at += found;
            if buffer[self.at] != b'\\' {
                return self.line_end(buffer, last);
            }
            self.special = true;
            match self.marker(buffer, last)? {
                Marker::Unknown => return Ok(None),
                Marker::End => return Ok(self.end_of_copy()),
                // The character after a backslash ends nothing, whatever it is.
                Marker::Other => self.at = (self.at + 2).min(buffer.len()),
            }
        }
    }

    fn next_csv(&mut self, buffer: &[u8], last: bool) -> Result<Option<Line>, SqlError> {
        if !self.ordinary && buffer.get(self.start) == Some(&b'\\') {
            match self.marker(buffer, last)? {
                Marker::Unknown => return Ok(None),
                Marker::End => return Ok(self.end_of_copy()),
                Marker::Other => {}
            }
        }
        self.ordinary = self.start < buffer.len();
        loop {
            if self.inside {
                if !self.skip_quoted(buffer) {
                    return Ok(None);
                }
                continue;
            }
            let Some(found) = memchr3(b'\n', b'\r', self.quote, &buffer[self.at..]) else {
                self.at = buffer.len();
                return Ok(None);
            };
            self.at += found;
            if buffer[self.at] != self.quote {
                return self.line_end(buffer, last);
            }
            self.at += 1;
            self.special = true;
            self.inside = true;
        }
    }

    /// Goes on to the next character within quotes that matters; `false` when the buffer has none.
    fn skip_quoted(&mut self, buffer: &[u8]) -> bool {
        // PostgreSQL counts lines by carriage returns until it has seen how lines end.
        let counted = if self.newline == Some(Newline::Lf) { b'\n' } else { b'\r' };
        let rest = &buffer[self.at..];
        let found = match self.escape {
            None => memchr2(self.quote, counted, rest),
            Some(escape) => memchr3(self.quote, escape, counted, rest),
        };
        let Some(found) = found else {
            self.escaped &= rest.is_empty();
            self.at = buffer.len();
            return false;
        };
        self.escaped &= found == 0;
        let byte = rest[found];
        self.at += found + 1;
        if Some(byte) == self.escape {
            self.escaped = !self.escaped;
            return true;
        }
        if byte == self.quote {
            self.inside = self.escaped;
        } else {
            self.number += 1;
        }
        self.escaped = false;
        true
    }

    /// At a newline or a carriage return outside quotes.
    fn line_end(&mut self, buffer: &[u8], last: bool) -> Result<Option<Line>, SqlError> {
        if buffer[self.at] == b'\n' {
            if matches!(self.newline, Some(Newline::Cr | Newline::CrLf)) {
                return Err(self.stray("newline", "\\n"));
            }
            self.newline = Some(Newline::Lf);
            return Ok(Some(self.line_to(self.at, self.at + 1)));
        }
        match self.newline {
            Some(Newline::Lf) => Err(self.stray("carriage return", "\\r")),
            Some(Newline::Cr) => Ok(Some(self.line_to(self.at, self.at + 1))),
            None | Some(Newline::CrLf) => match buffer.get(self.at + 1) {
                None if !last => Ok(None),
                Some(b'\n') => {
                    self.newline = Some(Newline::CrLf);
                    Ok(Some(self.line_to(self.at, self.at + 2)))
                }
                _ if self.newline.is_some() => Err(self.stray("carriage return", "\\r")),
                _ => {
                    self.newline = Some(Newline::Cr);
                    Ok(Some(self.line_to(self.at, self.at + 1)))
                }
            },
        }
    }

    /// The current line, ending before `end`; the next one starts at `next`.
    fn line_to(&mut self, end: usize, next: usize) -> Line {
        let line = Line { start: self.start, end, number: self.number, special: self.special };
        self.start = next;
        self.at = next;
        self.number += 1;
        self.special = false;
        self.inside = false;
        self.escaped = false;
        self.ordinary = false;
        line
    }

    /// At the end-of-copy marker: what stands before it in its line is the last line.
    fn end_of_copy(&mut self) -> Option<Line> {
        self.ended = true;
        (self.start < self.at).then(|| self.line_to(self.at, self.at))
    }

    /// Whether the backslash at `at` starts the end-of-copy marker.
    fn marker(&self, buffer: &[u8], last: bool) -> Result<Marker, SqlError> {
        let corrupt = || SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, "end-of-copy marker corrupt");
        let mismatch = || {
            let message = "end-of-copy marker does not match previous newline style";
            SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, message)
        };
        let other = || if self.csv { Ok(Marker::Other) } else { Err(corrupt()) };
        let byte = |offset: usize| buffer.get(self.at + offset).copied();
        match byte(1) {
            None if last => return Ok(Marker::Other),
            None => return Ok(Marker::Unknown),
            Some(b'.') => {}
            Some(_) => return Ok(Marker::Other),
        }
        let mut end = 2;
        if self.newline == Some(Newline::CrLf) {
            match byte(2) {
                None if !last => return Ok(Marker::Unknown),
                Some(b'\r') => end = 3,
                Some(b'\n') if !self.csv => return Err(mismatch()),
                _ => return other(),
            }
        }
        match (byte(end), self.newline) {
            (None, _) if !last => Ok(Marker::Unknown),
            (Some(b'\n'), None | Some(Newline::Lf | Newline::CrLf)) | (Some(b'\r'), None | Some(Newline::Cr)) => Ok(Marker::End),
            (Some(b'\n' | b'\r'), _) => Err(mismatch()),
            _ => other(),
        }
    }

    fn stray(&self, what: &str, escape: &str) -> SqlError {
        let (kind, hint) = if self.csv {
            ("unquoted", format!("Use quoted CSV field to represent {what}."))
        } else {
            ("literal", format!("Use \"{escape}\" to represent {what}."))
        };
        SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, format!("{kind} {what} found in data")).hint(hint)
    }
}
