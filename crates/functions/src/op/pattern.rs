//! `~~` (LIKE), `~` (regular expressions) and what `ESCAPE` and `SIMILAR TO` need.
//!
//! PostgreSQL's regular expressions are translated to those of the engine's library, which runs in linear time; back
//! references and look-around have no translation and are refused.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::array::{AsArray, Datum, Scalar};
use arrow::error::ArrowError;
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, SqlError, SqlState};
use regex::Regex;

use crate::failure::{self, Outcome};
use crate::kernel::column::Text;
use crate::kernel::lift::{rows, text1, text2};
use crate::kernel::{Args, Column, function};
use crate::registry::{ArgType, Call, Function};

mod translate;

pub(crate) use translate::Flags;

const TEXT: ArgType = ArgType::Exact(PgType::TEXT);

pub(super) fn operators() -> Vec<Function> {
    let like = |name, make| Function::fixed(name, &[TEXT, TEXT], PgType::BOOL, make);
    vec![
        like("~~", |call| compare(call, arrow::compute::like)),
        like("!~~", |call| compare(call, arrow::compute::nlike)),
        like("~~*", |call| compare(call, arrow::compute::ilike)),
        like("!~~*", |call| compare(call, arrow::compute::nilike)),
        like("~", |call| matches(call, false, false)),
        like("~*", |call| matches(call, true, false)),
        like("!~", |call| matches(call, false, true)),
        like("!~*", |call| matches(call, true, true)),
    ]
}

/// The functions behind `ESCAPE` and `SIMILAR TO`.
pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("like_escape", &[TEXT, TEXT], PgType::TEXT, |call| {
            text2::<Text, Text>(call, |pattern, escape, out| {
                like_escape(pattern, escape, &mut out.text)?;
                Ok(true)
            })
        }),
        Function::fixed("similar_to_escape", &[TEXT], PgType::TEXT, |call| {
            text1::<Text>(call, |pattern, out| {
                translate::similar(pattern, Some('\\'), &mut out.text)?;
                Ok(true)
            })
        }),
        Function::fixed("similar_to_escape", &[TEXT, TEXT], PgType::TEXT, |call| {
            text2::<Text, Text>(call, |pattern, escape, out| {
                translate::similar(pattern, escape_character(escape)?, &mut out.text)?;
                Ok(true)
            })
        }),
    ]
}

type Compare = fn(&dyn Datum, &dyn Datum) -> Result<arrow::array::BooleanArray, ArrowError>;

fn compare(call: &Call<'_>, kernel: Compare) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let (text, pattern) = same_text(args)?;
        if ends_in_escape(&pattern)? {
            return Err(SqlError::new(
                SqlState::INVALID_ESCAPE_SEQUENCE,
                "LIKE pattern must not end with escape character",
            ));
        }
        let result = match (text.constant, pattern.constant) {
            (false, true) => kernel(&text.array, &Scalar::new(&pattern.array)),
            (true, false) => kernel(&text.expanded(args.rows)?, &pattern.array),
            _ => kernel(&text.array, &pattern.array),
        };
        Ok(Arc::new(result.map_err(|error| failure::arrow(&error))?))
    })
}

/// Both arguments in one representation of text.
fn same_text(args: &Args) -> Outcome<(Column, Column)> {
    let view = |column: &Column| -> Outcome<Column> {
        let array = arrow::compute::cast(&column.array, &PgType::TEXT.arrow()).map_err(|error| failure::arrow(&error))?;
        Ok(Column { array, constant: column.constant })
    };
    Ok((view(args.column(0)?)?, view(args.column(1)?)?))
}

fn ends_in_escape(pattern: &Column) -> Outcome<bool> {
    let patterns = pattern.array.as_string_view();
    Ok(patterns.iter().flatten().any(|pattern| {
        let escapes = pattern.bytes().rev().take_while(|byte| *byte == b'\\').count();
        escapes % 2 == 1
    }))
}

fn escape_character(escape: &str) -> Outcome<Option<char>> {
    let mut characters = escape.chars();
    let first = characters.next();
    if characters.next().is_some() {
        return Err(SqlError::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid escape string")
            .hint("Escape string must be empty or one character."));
    }
    Ok(first)
}

/// Rewrites a LIKE pattern so that the backslash is its escape character.
fn like_escape(pattern: &str, escape: &str, out: &mut String) -> Outcome<()> {
    let escape = escape_character(escape)?;
    if escape == Some('\\') {
        out.push_str(pattern);
        return Ok(());
    }
    let mut escaped = false;
    for c in pattern.chars() {
        if !escaped && Some(c) == escape {
            out.push('\\');
            escaped = true;
        } else {
            if c == '\\' && !escaped {
                out.push('\\');
            }
            out.push(c);
            escaped = false;
        }
    }
    Ok(())
}

fn matches(call: &Call<'_>, insensitive: bool, negated: bool) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let (text, pattern) = (args.column(0)?.read::<Text>()?, args.column(1)?.read::<Text>()?);
        let cache = RegexCache::default();
        let flags = Flags { insensitive, ..Flags::default() };
        rows::<bool>(args.rows, &PgType::BOOL.arrow(), |row| {
            let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
                return Ok(None);
            };
            let regex = cache.get(pattern, flags)?;
            Ok(Some(regex.is_match(text) != negated))
        })
    })
}

/// Remembers the last expression compiled, which is nearly always the one asked for next.
#[derive(Default)]
pub(crate) struct RegexCache {
    last: RefCell<Option<(String, Flags, Arc<Regex>)>>,
}

impl RegexCache {
    /// The compiled form of a PostgreSQL regular expression.
    ///
    /// # Errors
    /// 2201B when it is malformed or has no translation.
    pub(crate) fn get(&self, pattern: &str, flags: Flags) -> Outcome<Arc<Regex>> {
        if let Some((text, with, regex)) = &*self.last.borrow()
            && text == pattern
            && *with == flags
        {
            return Ok(Arc::clone(regex));
        }
        let regex = Arc::new(translate::compile(pattern, flags)?);
        *self.last.borrow_mut() = Some((pattern.to_owned(), flags, Arc::clone(&regex)));
        Ok(regex)
    }
}
