//! `format`: C's `sprintf` cut down to `%s`, `%I` and `%L`.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, SqlError, SqlState};

use super::TEXT;
use super::concat::{texts, writers};
use super::length::characters_of;
use super::quote::{push_identifier, push_literal};
use crate::failure::{Outcome, invalid_parameter, out_of_range};
use crate::kernel::column::{Column, Text};
use crate::kernel::function;
use crate::kernel::lift::text_rows;
use crate::kernel::write::Out;
use crate::registry::{ArgType, Call, Function};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("format", &[TEXT], PgType::TEXT, format).stable(),
        Function::fixed("format", &[TEXT, ArgType::Any], PgType::TEXT, format).variadic().lenient().stable(),
    ]
}

fn format(call: &Call<'_>) -> Arc<ScalarUDF> {
    let writers = writers(call);
    function(call, move |args| {
        let columns = texts(&writers, args)?;
        let columns = columns.iter().map(Column::read::<Text>).collect::<Outcome<Vec<_>>>()?;
        text_rows(args.rows, |row, out| {
            let Some(pattern) = columns.first().and_then(|column| column.get(row)) else {
                return Ok(false);
            };
            let value = |index: usize| columns.get(index).map(|column| column.get(row));
            Formatter { rest: pattern, next: 1, value: &value, piece: String::new() }.run(out)?;
            Ok(true)
        })
    })
}

struct Formatter<'a, F> {
    rest: &'a str,
    /// The argument used when the specifier names none.
    next: usize,
    /// An argument, counted from 1; the outer `None` when there are not as many.
    value: &'a F,
    piece: String,
}

/// How wide a value is written.
#[derive(Clone, Copy, Default)]
struct Width {
    size: usize,
    left: bool,
}

fn unterminated() -> SqlError {
    invalid_parameter("unterminated format() type specifier").hint("For a single \"%\" use \"%%\".")
}

impl<'a, F: Fn(usize) -> Option<Option<&'a str>>> Formatter<'a, F> {
    fn run(mut self, out: &mut Out) -> Outcome<()> {
        while let Some(at) = self.rest.find('%') {
            out.push_str(&self.rest[..at]);
            self.rest = &self.rest[at + 1..];
            if let Some(after) = self.rest.strip_prefix('%') {
                out.push('%');
                self.rest = after;
            } else {
                self.specifier(out)?;
            }
            out.admit(out.text.len())?;
        }
        out.push_str(self.rest);
        out.admit(out.text.len())
    }

    fn specifier(&mut self, out: &mut Out) -> Outcome<()> {
        let mut position = None;
        let mut width = Width::default();
        let digits = self.number()?;
        if let Some(number) = digits
            && let Some(after) = self.rest.strip_prefix('$')
        {
            self.rest = after;
            position = Some(argument(number)?);
            width = self.width()?;
        } else {
            width = if digits.is_some() { Width { size: digits.unwrap_or(0), ..width } } else { self.width()? };
        }
        let kind = self.rest.chars().next().ok_or_else(unterminated)?;
        if !matches!(kind, 's' | 'I' | 'L') {
            return Err(
                invalid_parameter(format!("unrecognized format() type specifier \"{kind}\"")).hint("For a single \"%\" use \"%%\".")
            );
        }
        self.rest = &self.rest[1..];
        let value = self.take(position)?;
        self.piece.clear();
        match (kind, value) {
            ('I', None) => {
                return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "null values cannot be formatted as an SQL identifier"));
            }
            ('I', Some(value)) => push_identifier(value, &mut self.piece),
            ('L', None) => self.piece.push_str("NULL"),
            ('L', Some(value)) => push_literal(value, &mut self.piece),
            (_, value) => self.piece.push_str(value.unwrap_or_default()),
        }
        let blanks = width.size.saturating_sub(characters_of(&self.piece));
        out.admit(out.text.len().saturating_add(self.piece.len()).saturating_add(blanks))?;
        if !width.left {
            out.text.extend(std::iter::repeat_n(' ', blanks));
        }
        out.push_str(&self.piece);
        if width.left {
            out.text.extend(std::iter::repeat_n(' ', blanks));
        }
        Ok(())
    }

    /// Flags and width after an optional position.
    fn width(&mut self) -> Outcome<Width> {
        let mut width = Width::default();
        while let Some(after) = self.rest.strip_prefix('-') {
            width.left = true;
            self.rest = after;
        }
        let Some(after) = self.rest.strip_prefix('*') else {
            width.size = self.number()?.unwrap_or(0);
            return Ok(width);
        };
        self.rest = after;
        let position = match self.number()? {
            Some(number) => {
                self.rest =
                    self.rest.strip_prefix('$').ok_or_else(|| invalid_parameter("width argument position must be ended by \"$\""))?;
                Some(argument(number)?)
            }
            None => None,
        };
        let size: i32 = match self.take(position)? {
            Some(text) => text.trim().parse().map_err(|_| {
                SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid input syntax for type integer: \"{text}\""))
            })?,
            None => 0,
        };
        if size < 0 {
            width.left = true;
        }
        width.size = size.unsigned_abs() as usize;
        Ok(width)
    }

    fn number(&mut self) -> Outcome<Option<usize>> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        if end == 0 {
            return Ok(None);
        }
        let (digits, after) = self.rest.split_at(end);
        self.rest = after;
        if after.is_empty() {
            return Err(unterminated());
        }
        let number: i32 = digits.parse().map_err(|_| out_of_range("number is"))?;
        Ok(Some(number.unsigned_abs() as usize))
    }

    fn take(&mut self, position: Option<usize>) -> Outcome<Option<&'a str>> {
        let index = position.unwrap_or(self.next);
        self.next = index + 1;
        (self.value)(index).ok_or_else(|| invalid_parameter("too few arguments for format()"))
    }
}

fn argument(number: usize) -> Outcome<usize> {
    if number == 0 {
        return Err(invalid_parameter("format specifies argument 0, but arguments are numbered from 1"));
    }
    Ok(number)
}
