//! `LIKE table [INCLUDING | EXCLUDING what]` in the list of columns.

use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Cursor, Fault, TableExtras, is_word};

/// What LIKE can include that is no part of any table here: there is nothing of it to copy.
const ABSENT: [&str; 7] = ["COMPRESSION", "CONSTRAINTS", "GENERATED", "IDENTITY", "INDEXES", "STATISTICS", "STORAGE"];

/// A LIKE clause.
#[derive(Debug)]
pub(crate) struct Like {
    /// How many column definitions stand before it.
    pub(crate) at: usize,
    /// The table or view it names.
    pub(crate) name: Vec<Ident>,
    /// Whether defaults are copied.
    pub(crate) defaults: bool,
    /// Whether comments on columns are copied.
    pub(crate) comments: bool,
}

/// Takes the LIKE clauses out of the list of columns.
pub(super) fn cut(items: Vec<Vec<TokenWithSpan>>, extras: &mut TableExtras) -> Result<Vec<Vec<TokenWithSpan>>, Fault> {
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        if item.first().is_some_and(|token| is_word(token, "LIKE")) {
            extras.likes.push(like(&item, kept.len())?);
        } else {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn like(item: &[TokenWithSpan], at: usize) -> Result<Like, Fault> {
    let mut cursor = Cursor::new(item);
    cursor.expect_word("LIKE")?;
    let mut name = vec![part(&mut cursor)?];
    while cursor.eat(&Token::Period) {
        name.push(part(&mut cursor)?);
    }
    let mut like = Like { at, name, defaults: false, comments: false };
    while !cursor.at_end() {
        let include = cursor.eat_word("INCLUDING");
        if !include {
            cursor.expect_word("EXCLUDING")?;
        }
        if cursor.eat_word("ALL") {
            (like.defaults, like.comments) = (include, include);
        } else if cursor.eat_word("DEFAULTS") {
            like.defaults = include;
        } else if cursor.eat_word("COMMENTS") {
            like.comments = include;
        } else if !ABSENT.iter().any(|word| cursor.eat_word(word)) {
            return Err(cursor.fault());
        }
    }
    Ok(like)
}

fn part(cursor: &mut Cursor<'_>) -> Result<Ident, Fault> {
    match cursor.rest().first() {
        Some(TokenWithSpan { token: Token::Word(word), span }) => {
            let ident = word.clone().into_ident(*span);
            cursor.next();
            Ok(ident)
        }
        _ => Err(cursor.fault()),
    }
}
