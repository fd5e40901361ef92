//! Cuts COPY's data into lines, wherever its pieces were cut (`CopyReadLineText` in PostgreSQL's `copyfromparse.c`).
//!
//! A line of csv goes on inside quotes. What the fields of a line are is not decided here.

use std::ops::Range;

use memchr::memchr3;

use super::options::{CopyFormat, CopyOptions};
use crate::diagnostic::SqlError;
use crate::sqlstate::SqlState;

/// The longest line, in bytes (`MaxAllocSize`).
const LINE_BYTES_MAX: usize = 0x3FFF_FFFF;

/// How lines end: as the first one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Newline,
    Return,
    Both,
}

/// What was found at a place that may end a line.
enum Found {
    /// More data is needed to tell.
    Unclear,
    /// The line goes on after this many bytes.
    Data(usize),
    /// The line ends here, with an ending of this many bytes.
    End(usize),
    /// The marker that ends all data stands here.
    Marker,
}

/// Data that waits to be cut, and how far it was looked at.
#[derive(Debug)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// How far that line was looked at.
    at: usize,
    /// Quote and escape of csv; the escape is left out where it is the quote.
    quoting: Option<(u8, Option<u8>)>,
    in_quotes: bool,
    escaped: bool,
    ending: Option<Ending>,
    /// The line that is being read, as PostgreSQL counts them: newlines within quotes count.
    number: u64,
    begun: bool,
    /// The marker was seen: what follows does not count.
    ended: bool,
}

impl Lines {
    pub(super) fn new(options: &CopyOptions) -> Self {
        let quoting = match options.format {
            CopyFormat::Text => None,
            CopyFormat::Csv => Some((options.quote, Some(options.escape).filter(|escape| *escape != options.quote))),
        };
        Self {
            buffer: Vec::new(),
            start: 0,
            at: 0,
            quoting,
            in_quotes: false,
            escaped: false,
            ending: None,
            number: 0,
            begun: false,
            ended: false,
        }
    }

    /// Takes more data.
    pub(super) fn push(&mut self, data: &[u8]) {
        if self.ended {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.at -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(data);
    }

    /// The number of the line last begun, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What [`Self::next`] found, until more data is pushed.
    pub(super) fn bytes(&self, line: Range<usize>) -> &[u8] {
        &self.buffer[line]
    }

    /// The next line without its ending; `None` when it is not complete. `last`: there is no more data.
    ///
    /// # Errors
    /// 22P04 for an ending unlike those before and for a marker that is none; 54000 for a line that is too long.
    pub(super) fn next(&mut self, last: bool) -> Result<Option<Range<usize>>, SqlError> {
        if self.ended || (self.start == self.buffer.len()) {
            return Ok(None);
        }
        if !self.begun {
            self.begun = true;
            self.number += 1;
        }
        loop {
            let Some(place) = self.special() else {
                return self.rest(last);
            };
            match self.look(place, last)? {
                Found::Unclear => {
                    self.at = place;
                    return Ok(None);
                }
                Found::Data(bytes) => self.at = place + bytes,
                Found::End(bytes) => return Ok(Some(self.cut(place, place + bytes))),
                Found::Marker => {
                    self.ended = true;
                    let line = self.cut(place, place);
                    return Ok(Some(line).filter(|line| !line.is_empty()));
                }
            }
        }
    }

    /// What is left when nothing special is.
    fn rest(&mut self, last: bool) -> Result<Option<Range<usize>>, SqlError> {
        let end = self.buffer.len();
        if last {
            return Ok(Some(self.cut(end, end)));
        }
        self.escaped &= self.at == end;
        self.at = end;
        if end - self.start > LINE_BYTES_MAX {
            let message = format!("a line of COPY exceeds the maximum of {LINE_BYTES_MAX} bytes");
            return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        Ok(None)
    }

    /// Ends the line at `end`; the next begins at `next`.
    fn cut(&mut self, end: usize, next: usize) -> Range<usize> {
        let start = self.start;
        self.start = next;
        self.at = next;
        self.begun = false;
        self.escaped = false;
        start..end
    }

    /// The next place that may mean something.
    fn special(&self) -> Option<usize> {
        let rest = &self.buffer[self.at..];
        let found = match self.quoting {
            None => memchr3(b'\n', b'\r', b'\\', rest),
            Some((quote, escape)) if self.in_quotes => memchr3(quote, escape.unwrap_or(quote), self.counted(), rest),
            // The marker counts at the beginning of a line only.
            Some(_) if self.at == self.start && rest.first() == Some(&b'\\') => Some(0),
            Some((quote, _)) => memchr3(b'\n', b'\r', quote, rest),
        };
        found.map(|offset| self.at + offset)
    }

    /// The byte that counts as a line within quotes.
    fn counted(&self) -> u8 {
        if self.ending == Some(Ending::Newline) { b'\n' } else { b'\r' }
    }

    fn look(&mut self, place: usize, last: bool) -> Result<Found, SqlError> {
        let byte = self.buffer[place];
        if let Some((quote, escape)) = self.quoting
            && (self.in_quotes || byte == quote)
        {
            self.quoted(place, byte, quote, escape);
            return Ok(Found::Data(1));
        }
        match byte {
            b'\n' => self.newline(),
            b'\r' => self.carriage_return(place, last),
            _ => self.backslash(place, last),
        }
    }

    /// A quote, or something within quotes.
    fn quoted(&mut self, place: usize, byte: u8, quote: u8, escape: Option<u8>) {
        self.escaped &= place == self.at;
        if self.in_quotes && Some(byte) == escape {
            self.escaped = !self.escaped;
        }
        if byte == quote && !self.escaped {
            self.in_quotes = !self.in_quotes;
        }
        if Some(byte) != escape {
            self.escaped = false;
        }
        if self.in_quotes && byte == self.counted() {
            self.number += 1;
        }
    }

    fn newline(&mut self) -> Result<Found, SqlError> {
        match self.ending {
            None => self.ending = Some(Ending::Newline),
            Some(Ending::Newline) => {}
            Some(Ending::Return | Ending::Both) => return Err(self.literal("newline", "\\n")),
        }
        Ok(Found::End(1))
    }

    fn carriage_return(&mut self, place: usize, last: bool) -> Result<Found, SqlError> {
        if self.ending == Some(Ending::Newline) {
            return Err(self.literal("carriage return", "\\r"));
        }
        if self.ending == Some(Ending::Return) {
            return Ok(Found::End(1));
        }
        match self.buffer.get(place + 1) {
            None if !last => Ok(Found::Unclear),
            Some(b'\n') => {
                self.ending = Some(Ending::Both);
                Ok(Found::End(2))
            }
            _ if self.ending == Some(Ending::Both) => Err(self.literal("carriage return", "\\r")),
            _ => {
                self.ending = Some(Ending::Return);
                Ok(Found::End(1))
            }
        }
    }

    /// A backslash: in text it takes the next byte with it, unless both are the marker.
    fn backslash(&self, place: usize, last: bool) -> Result<Found, SqlError> {
        let csv = self.quoting.is_some();
        match self.buffer.get(place + 1) {
            None if last => return Ok(Found::Data(1)),
            None => return Ok(Found::Unclear),
            Some(b'.') => {}
            Some(_) => return Ok(Found::Data(if csv { 1 } else { 2 })),
        }
        let mut next = place + 2;
        if self.ending == Some(Ending::Both) {
            match self.buffer.get(next) {
                None if !last => return Ok(Found::Unclear),
                Some(b'\r') => next += 1,
                _ if csv => return Ok(Found::Data(1)),
                Some(b'\n') => return Err(other_ending()),
                _ => return Err(corrupt()),
            }
        }
        let found = match self.buffer.get(next) {
            None if !last => return Ok(Found::Unclear),
            Some(b'\n') => b'\n',
            Some(b'\r') => b'\r',
            _ if csv => return Ok(Found::Data(1)),
            _ => return Err(corrupt()),
        };
        match self.ending {
            Some(Ending::Newline | Ending::Both) if found != b'\n' => Err(other_ending()),
            Some(Ending::Return) if found != b'\r' => Err(other_ending()),
            _ => Ok(Found::Marker),
        }
    }

    fn literal(&self, what: &str, escape: &str) -> SqlError {
        let (message, hint) = if self.quoting.is_some() {
            (format!("unquoted {what} found in data"), format!("Use quoted CSV field to represent {what}."))
        } else {
            (format!("literal {what} found in data"), format!("Use \"{escape}\" to represent {what}."))
        };
        SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, message).hint(hint)
    }
}

fn corrupt() -> SqlError {
    SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, "end-of-copy marker corrupt")
}

fn other_ending() -> SqlError {
    SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, "end-of-copy marker does not match previous newline style")
}
