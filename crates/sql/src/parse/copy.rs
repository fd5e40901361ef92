//! COPY, in its current form and in the forms before PostgreSQL 9.0 that drivers still send.

use datafusion::sql::sqlparser::ast::{Ident, Query};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::{Cursor, Fault, whole_query};

/// A COPY statement as written.
#[derive(Debug)]
pub(crate) struct Copy {
    /// What is copied.
    pub(crate) subject: CopySubject,
    /// FROM (true) or TO.
    pub(crate) from: bool,
    /// The server-side file; `None` is the client.
    pub(crate) file: Option<String>,
    /// Options by lower-case name, with their values as words or strings.
    pub(crate) options: Vec<(String, CopyValue)>,
}

/// What a COPY copies.
#[derive(Debug)]
pub(crate) enum CopySubject {
    /// A table: its name's parts and the columns named.
    Table(Vec<Ident>, Vec<String>),
    /// The rows of a query.
    Query(Box<Query>),
}

/// The value of a COPY option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CopyValue {
    /// None given.
    Absent,
    /// A word or a string.
    Text(String),
    /// A column list.
    Columns(Vec<String>),
    /// `*`.
    All,
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Copy, Fault> {
    cursor.expect_word("COPY")?;
    let legacy_binary = cursor.eat_word("BINARY");
    let subject = if cursor.is(&Token::LParen) { CopySubject::Query(whole_query(cursor.parenthesised()?)?) } else { table(cursor)? };
    let from = if cursor.eat_word("FROM") {
        true
    } else {
        cursor.expect_word("TO")?;
        false
    };
    let file = if cursor.eat_word("STDIN") || cursor.eat_word("STDOUT") {
        None
    } else if cursor.is_word("PROGRAM") {
        return Err(Fault::Ours(
            crate::Error::unsupported("COPY to or from a program is not supported")
                .hint("Use COPY ... STDIN or STDOUT and a pipe at the client."),
        ));
    } else {
        Some(cursor.string()?)
    };
    let mut options = Vec::new();
    if legacy_binary {
        options.push(("format".to_owned(), CopyValue::Text("binary".to_owned())));
    }
    let with = cursor.eat_word("WITH");
    if cursor.eat(&Token::LParen) {
        current_options(cursor, &mut options)?;
    } else {
        legacy_options(cursor, &mut options, with)?;
    }
    if cursor.is_word("WHERE") {
        return Err(Fault::Ours(
            crate::Error::unsupported("COPY FROM ... WHERE is not supported")
                .hint("Load into a table first, then INSERT ... SELECT with the condition."),
        ));
    }
    cursor.expect_end()?;
    Ok(Copy { subject, from, file, options })
}

fn table(cursor: &mut Cursor<'_>) -> Result<CopySubject, Fault> {
    let mut name = vec![Ident::with_quote('"', cursor.identifier()?)];
    while cursor.eat(&Token::Period) {
        name.push(Ident::with_quote('"', cursor.identifier()?));
    }
    let columns = if cursor.is(&Token::LParen) { columns(cursor)? } else { Vec::new() };
    Ok(CopySubject::Table(name, columns))
}

fn columns(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Fault> {
    cursor.expect(&Token::LParen)?;
    let mut names = vec![cursor.identifier()?];
    while cursor.eat(&Token::Comma) {
        names.push(cursor.identifier()?);
    }
    cursor.expect(&Token::RParen)?;
    Ok(names)
}

/// `(name [value], …)`, the parenthesis read already.
fn current_options(cursor: &mut Cursor<'_>, options: &mut Vec<(String, CopyValue)>) -> Result<(), Fault> {
    loop {
        let name = cursor.identifier()?;
        let value = match cursor.peek() {
            Some(Token::Comma | Token::RParen) => CopyValue::Absent,
            Some(Token::LParen) => CopyValue::Columns(columns(cursor)?),
            Some(Token::Mul) => {
                cursor.next();
                CopyValue::All
            }
            Some(Token::Word(_)) => CopyValue::Text(cursor.identifier()?),
            Some(Token::Number(number, _)) => {
                let text = number.clone();
                cursor.next();
                CopyValue::Text(text)
            }
            _ => CopyValue::Text(cursor.string()?),
        };
        options.push((name, value));
        if !cursor.eat(&Token::Comma) {
            break;
        }
    }
    cursor.expect(&Token::RParen)
}

/// `[BINARY] [DELIMITER [AS] 'c'] [NULL [AS] 's'] [CSV [HEADER] [QUOTE [AS] 'c'] …]`.
fn legacy_options(cursor: &mut Cursor<'_>, options: &mut Vec<(String, CopyValue)>, with: bool) -> Result<(), Fault> {
    if with && cursor.at_end() {
        return Err(cursor.fault());
    }
    while !cursor.at_end() && !cursor.is_word("WHERE") {
        let name = cursor.identifier()?;
        match name.as_str() {
            "binary" | "csv" => options.push(("format".to_owned(), CopyValue::Text(name))),
            "header" => options.push((name, CopyValue::Absent)),
            "delimiter" | "delimiters" | "null" | "quote" | "escape" | "encoding" => {
                cursor.eat_word("AS");
                let name = if name == "delimiters" { "delimiter".to_owned() } else { name };
                options.push((name, CopyValue::Text(cursor.string()?)));
            }
            "force" => {
                let name = if cursor.eat_word("QUOTE") {
                    "force_quote"
                } else if cursor.eat_words(&["NOT", "NULL"]) {
                    "force_not_null"
                } else {
                    cursor.expect_word("NULL")?;
                    "force_null"
                };
                let value = if cursor.eat(&Token::Mul) { CopyValue::All } else { CopyValue::Columns(bare_columns(cursor)?) };
                options.push((name.to_owned(), value));
            }
            _ => return Err(cursor.fault()),
        }
    }
    Ok(())
}

fn bare_columns(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Fault> {
    let mut names = vec![cursor.identifier()?];
    while cursor.eat(&Token::Comma) {
        names.push(cursor.identifier()?);
    }
    Ok(names)
}
