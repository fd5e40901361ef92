//! The locking clauses behind a query: FOR UPDATE and its three kin. The grammar crate reads two of them, with one name each.

use std::fmt;

use datafusion::sql::sqlparser::ast::{Ident, LockClause, LockType, NonBlock, ObjectName, Statement};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Cursor, Fault};
use crate::{Error, Result};

/// How strongly rows are locked, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    KeyShare,
    Share,
    NoKeyUpdate,
    Update,
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyShare => "FOR KEY SHARE",
            Self::Share => "FOR SHARE",
            Self::NoKeyUpdate => "FOR NO KEY UPDATE",
            Self::Update => "FOR UPDATE",
        })
    }
}

/// One locking clause.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Locking {
    pub(crate) strength: Strength,
    /// Names of FROM's tables; all of them when it is empty. Each is one identifier or an error.
    pub(crate) of: Vec<Vec<Ident>>,
    pub(crate) nowait: bool,
}

/// Words with which a query begins.
const QUERY: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];

/// A query's tokens without its locking clauses, and these.
type Unlocked = (Vec<TokenWithSpan>, Vec<Locking>);

/// Cuts the locking clauses at the end of a query (before or behind LIMIT) out of its tokens; `None` when there are none.
pub(super) fn cut(tokens: &[TokenWithSpan]) -> Result<Option<Unlocked>, Fault> {
    let mut cursor = Cursor::new(tokens);
    if !(QUERY.iter().any(|word| cursor.is_word(word)) || cursor.is(&Token::LParen)) {
        return Ok(None);
    }
    let (mut rest, mut clauses, mut depth) = (Vec::new(), Vec::new(), 0_usize);
    while let Some(token) = cursor.rest().first() {
        let here = tokens.len() - cursor.rest().len();
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ if depth == 0 => {
                if let Some(strength) = strength(&mut cursor) {
                    if clauses.is_empty() {
                        rest = tokens.get(..here).unwrap_or_default().to_vec();
                    }
                    clauses.push(clause(strength, &mut cursor)?);
                    continue;
                }
            }
            _ => {}
        }
        if !clauses.is_empty() {
            rest.push(token.clone());
        }
        cursor.next();
    }
    Ok((!clauses.is_empty()).then_some((rest, clauses)))
}

fn strength(cursor: &mut Cursor<'_>) -> Option<Strength> {
    let spelled: [(&[&str], Strength); 4] = [
        (&["FOR", "UPDATE"], Strength::Update),
        (&["FOR", "NO", "KEY", "UPDATE"], Strength::NoKeyUpdate),
        (&["FOR", "SHARE"], Strength::Share),
        (&["FOR", "KEY", "SHARE"], Strength::KeyShare),
    ];
    spelled.into_iter().find_map(|(words, strength)| cursor.eat_words(words).then_some(strength))
}

fn clause(strength: Strength, cursor: &mut Cursor<'_>) -> Result<Locking, Fault> {
    let mut of = Vec::new();
    if cursor.eat_word("OF") {
        loop {
            of.push(name(cursor)?);
            if !cursor.eat(&Token::Comma) {
                break;
            }
        }
    }
    if cursor.eat_words(&["SKIP", "LOCKED"]) {
        return Err(Fault::Ours(skip_locked()));
    }
    Ok(Locking { strength, of, nowait: cursor.eat_word("NOWAIT") })
}

fn name(cursor: &mut Cursor<'_>) -> Result<Vec<Ident>, Fault> {
    let mut parts = Vec::new();
    loop {
        let Some(TokenWithSpan { token: Token::Word(word), span }) = cursor.rest().first() else {
            return Err(cursor.fault());
        };
        parts.push(Ident { value: word.value.clone(), quote_style: word.quote_style, span: *span });
        cursor.next();
        if !cursor.eat(&Token::Period) {
            return Ok(parts);
        }
    }
}

/// Refuses what the grammar crate would call a syntax error: a locking clause it does not know, in a query inside another.
pub(super) fn refuse_nested(tokens: &[TokenWithSpan]) -> Result<(), Fault> {
    let mut cursor = Cursor::new(tokens);
    while cursor.next().is_some() {
        if !cursor.is_word("FOR") {
            continue;
        }
        if let Some(strength @ (Strength::NoKeyUpdate | Strength::KeyShare)) = strength(&mut cursor.clone()) {
            return Err(Fault::Ours(Error::unsupported(format!("{strength} is supported only at the end of a statement that is a query"))));
        }
    }
    Ok(())
}

fn skip_locked() -> Error {
    Error::unsupported("SKIP LOCKED is not supported").hint("Rows are locked a table at a time; use NOWAIT.")
}

impl Locking {
    /// A clause as the grammar crate reads it.
    pub(crate) fn of_clause(clause: &LockClause) -> Result<Self> {
        let strength = match clause.lock_type {
            LockType::Share => Strength::Share,
            LockType::Update => Strength::Update,
        };
        let nowait = match clause.nonblock {
            None => false,
            Some(NonBlock::Nowait) => true,
            Some(NonBlock::SkipLocked) => return Err(skip_locked()),
        };
        let name = |ObjectName(parts): &ObjectName| parts.iter().filter_map(|part| part.as_ident().cloned()).collect();
        Ok(Self { strength, of: clause.of.iter().map(name).collect(), nowait })
    }
}

/// The statement a locking clause was cut from, if it is one that can have it.
pub(super) fn query(statement: Statement) -> Result<Box<datafusion::sql::sqlparser::ast::Query>, Fault> {
    match statement {
        Statement::Query(query) if super::modified(&query.body).is_none() => Ok(query),
        _ => Err(Fault::Ours(Error::unsupported("FOR UPDATE is not supported in a statement that changes rows"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::parse::{Ast, parse};

    fn clauses(text: &str) -> String {
        match parse(text) {
            Err(error) => error.into_sql().message,
            Ok(statements) => match statements.first().map(|statement| &*statement.ast) {
                Some(Ast::Locked(query, clauses)) => {
                    let of = |of: &Vec<Vec<super::Ident>>| of.iter().map(|name| name.len()).collect::<Vec<_>>();
                    let written = clauses.iter().map(|clause| format!("{} {:?} {}", clause.strength, of(&clause.of), clause.nowait));
                    format!("{query}; {}", written.collect::<Vec<_>>().join("; "))
                }
                _ => "none".to_owned(),
            },
        }
    }

    #[test]
    fn clauses_are_cut_out_wherever_they_stand() {
        assert_eq!(clauses("SELECT 1 FROM t FOR NO KEY UPDATE"), "SELECT 1 FROM t; FOR NO KEY UPDATE [] false");
        assert_eq!(
            clauses("SELECT 1 FROM t, u FOR KEY SHARE OF t, s.u NOWAIT FOR UPDATE LIMIT 1"),
            "SELECT 1 FROM t, u LIMIT 1; FOR KEY SHARE [1, 2] true; FOR UPDATE [] false"
        );
        assert_eq!(clauses("SELECT substring('abc' FOR 2), 'FOR UPDATE' FROM t"), "none");
        assert_eq!(clauses("SELECT 1 FROM (SELECT 2 FROM t FOR UPDATE) s"), "none");
    }

    #[test]
    fn what_is_not_supported_is_refused_as_such() {
        assert_eq!(clauses("SELECT 1 FROM t FOR UPDATE SKIP LOCKED"), "SKIP LOCKED is not supported");
        let nested = "FOR KEY SHARE is supported only at the end of a statement that is a query";
        assert_eq!(clauses("SELECT 1 FROM (SELECT 2 FROM t FOR KEY SHARE) s"), nested);
        assert_eq!(clauses("SELECT 1 FROM t FOR UPDATE FOR"), "syntax error at end of input");
    }
}
