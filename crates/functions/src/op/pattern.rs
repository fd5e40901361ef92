//! `~~` (LIKE), `~` (regular expressions) and what `ESCAPE` and `SIMILAR TO` need.
//!
//! PostgreSQL's regular expressions are translated to those of the engine's library, which runs in linear time. What
//! it has no word for, and matches it would choose otherwise, are found here, with a limit on the steps they may take.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::array::{AsArray, Datum, Scalar};
use arrow::error::ArrowError;
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, SqlError, SqlState};

use crate::failure::{self, Outcome};
use crate::kernel::column::Text;
use crate::kernel::lift::{rows, text_rows, text1, text2};
use crate::kernel::{Args, Column, function};
use crate::registry::{ArgType, Call, Function};

mod backtrack;
mod expression;
mod flags;
mod search;
mod similar;
mod translate;
mod tree;

pub(crate) use expression::Expression;
pub(crate) use flags::Flags;

const TEXT: ArgType = ArgType::Exact(PgType::TEXT);

const BPCHAR: ArgType = ArgType::Exact(PgType::BPCHAR);

/// The symbols of PostgreSQL, and under the words of the grammar the forms with `ESCAPE`.
pub(super) fn operators() -> Vec<Function> {
    type Make = fn(&Call<'_>) -> Arc<ScalarUDF>;
    let all: [(&'static str, &'static str, Make); 4] = [
        ("~~", "like", |call| compare(call, arrow::compute::like)),
        ("!~~", "not like", |call| compare(call, arrow::compute::nlike)),
        ("~~*", "ilike", |call| compare(call, arrow::compute::ilike)),
        ("!~~*", "not ilike", |call| compare(call, arrow::compute::nilike)),
    ];
    let regular: [(&'static str, Make); 4] = [
        ("~", |call| matches(call, false, false)),
        ("~*", |call| matches(call, true, false)),
        ("!~", |call| matches(call, false, true)),
        ("!~*", |call| matches(call, true, true)),
    ];
    let mut functions = vec![];
    for (symbol, word, make) in all {
        for name in [symbol, word] {
            functions.push(Function::fixed(name, &[TEXT, TEXT], PgType::BOOL, make));
            functions.push(Function::fixed(name, &[BPCHAR, TEXT], PgType::BOOL, make));
        }
        functions.push(Function::fixed(word, &[TEXT, TEXT, TEXT], PgType::BOOL, make));
        functions.push(Function::fixed(word, &[BPCHAR, TEXT, TEXT], PgType::BOOL, make));
    }
    for (symbol, make) in regular {
        functions.push(Function::fixed(symbol, &[TEXT, TEXT], PgType::BOOL, make));
        functions.push(Function::fixed(symbol, &[BPCHAR, TEXT], PgType::BOOL, make));
    }
    functions.push(Function::fixed("similar to", &[TEXT, TEXT], PgType::BOOL, similar));
    functions.push(Function::fixed("similar to", &[TEXT, TEXT, TEXT], PgType::BOOL, similar));
    functions
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
                similar::similar(pattern, Some('\\'), &mut out.text)?;
                Ok(true)
            })
        }),
        Function::fixed("similar_to_escape", &[TEXT, TEXT], PgType::TEXT, |call| {
            text2::<Text, Text>(call, |pattern, escape, out| {
                similar::similar(pattern, escape_character(escape)?, &mut out.text)?;
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
            return Err(SqlError::new(SqlState::INVALID_ESCAPE_SEQUENCE, "LIKE pattern must not end with escape character"));
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
    let (text, pattern) = (view(args.column(0)?)?, view(args.column(1)?)?);
    let Some(escape) = args.columns.get(2) else {
        return Ok((text, pattern));
    };
    // With ESCAPE, the pattern is rewritten to one whose escape character is the backslash.
    let constant = pattern.constant && escape.constant;
    let (patterns, escapes) = (pattern.read::<Text>()?, escape.read::<Text>()?);
    let array = text_rows(if constant { 1 } else { args.rows }, |row, out| match (patterns.get(row), escapes.get(row)) {
        (Some(pattern), Some(escape)) => {
            out.admit(pattern.len() * 2)?;
            like_escape(pattern, escape, &mut out.text)?;
            Ok(true)
        }
        _ => Ok(false),
    })?;
    Ok((text, Column { array, constant }))
}

/// `SIMILAR TO`, with or without `ESCAPE`.
fn similar(call: &Call<'_>) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let (text, pattern) = (args.column(0)?.read::<Text>()?, args.column(1)?.read::<Text>()?);
        let escape = args.columns.get(2).map(Column::read::<Text>).transpose()?;
        let cache = RegexCache::default();
        let mut expression = String::new();
        rows::<bool>(args.rows, &PgType::BOOL.arrow(), |row| {
            let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
                return Ok(None);
            };
            let escape = match &escape {
                None => Some('\\'),
                Some(escape) => match escape.get(row) {
                    Some(escape) => escape_character(escape)?,
                    None => return Ok(None),
                },
            };
            expression.clear();
            similar::similar(pattern, escape, &mut expression)?;
            cache.get(&expression, Flags::default())?.is_match(text).map(Some)
        })
    })
}

fn ends_in_escape(pattern: &Column) -> Outcome<bool> {
    let patterns = pattern.array.as_string_view();
    Ok(patterns.iter().flatten().any(|pattern| {
        let escapes = pattern.bytes().rev().take_while(|byte| *byte == b'\\').count();
        escapes % 2 == 1
    }))
}

/// The regular expression that stands for a `SIMILAR TO` pattern with this escape string.
pub(crate) fn similar_expression(pattern: &str, escape: &str) -> Outcome<String> {
    let mut expression = String::new();
    similar::similar(pattern, escape_character(escape)?, &mut expression)?;
    Ok(expression)
}

fn escape_character(escape: &str) -> Outcome<Option<char>> {
    let mut characters = escape.chars();
    let first = characters.next();
    if characters.next().is_some() {
        return Err(
            SqlError::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid escape string").hint("Escape string must be empty or one character.")
        );
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
            Ok(Some(regex.is_match(text)? != negated))
        })
    })
}

/// Remembers the last expression compiled, which is nearly always the one asked for next.
#[derive(Default)]
pub(crate) struct RegexCache {
    last: RefCell<Option<(String, Flags, Arc<Expression>)>>,
}

impl RegexCache {
    /// The compiled form of a PostgreSQL regular expression.
    ///
    /// # Errors
    /// 2201B when it is malformed or has no translation.
    pub(crate) fn get(&self, pattern: &str, flags: Flags) -> Outcome<Arc<Expression>> {
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
