//! Statements that change rows: what the grammar crate reads otherwise than PostgreSQL, and what PostgreSQL knows and Kura does
//! not, told from syntax errors.

use datafusion::sql::sqlparser::ast::{SetExpr, Statement};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::{Cursor, Fault, place};
use crate::Error;

/// Words behind which ONLY says something of the table behind it.
const PRECEDES_ONLY: [&str; 5] = ["FROM", "UPDATE", "JOIN", "INTO", "USING"];

/// Brings a statement's tokens to what the grammar crate reads: ONLY before a table that is read or changed and `*` behind one
/// that is changed are left out, as no table inherits from another; `INSERT … TABLE name` has a query; TOP is a name.
pub(super) fn spelled_out(tokens: &mut Vec<TokenWithSpan>) {
    let starts = |words: &[&str]| words.iter().any(|word| is_word(tokens.first(), word));
    let (inserts, changes) = (starts(&["INSERT", "WITH"]), starts(&["UPDATE", "DELETE", "WITH", "EXPLAIN", "MERGE"]));
    let mut index = 1;
    while index < tokens.len() {
        let (before, after) = (tokens.get(index - 1), tokens.get(index + 1));
        let token = tokens.get(index);
        let names = after.is_some_and(|t| matches!(t.token, Token::Word(_)));
        if is_word(token, "ONLY") && names && PRECEDES_ONLY.iter().any(|word| is_word(before, word))
            || changes && ends_changed_table(tokens, index)
        {
            tokens.remove(index);
            continue;
        }
        if inserts && is_word(token, "TABLE") && names && !is_word(before, "INTO") {
            let span = token.map_or_else(datafusion::sql::sqlparser::tokenizer::Span::empty, |t| t.span);
            let query = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
            tokens.splice(index..=index, query.map(|token| TokenWithSpan::new(token, span)));
            continue;
        }
        let counts = after.is_some_and(|t| matches!(t.token, Token::Number(..) | Token::LParen));
        let is_top = is_word(token, "TOP") && !counts && ["SELECT", "DISTINCT", "ALL"].iter().any(|word| is_word(before, word));
        if let (true, Some(TokenWithSpan { token: Token::Word(word), .. })) = (is_top, tokens.get_mut(index)) {
            *word =
                Word { value: "top".to_owned(), quote_style: Some('"'), keyword: datafusion::sql::sqlparser::keywords::Keyword::NoKeyword };
        }
        index += 1;
    }
}

/// Whether a `*` stands behind the name of the table of `UPDATE name *`, `DELETE FROM name *`, `MERGE INTO name *`.
fn ends_changed_table(tokens: &[TokenWithSpan], index: usize) -> bool {
    if tokens.get(index).is_none_or(|t| t.token != Token::Mul) {
        return false;
    }
    let mut start = index;
    while let Some(name) = start.checked_sub(1).filter(|at| matches!(tokens.get(*at).map(|t| &t.token), Some(Token::Word(_)))) {
        start = name;
        match start.checked_sub(1) {
            Some(period) if tokens.get(period).is_some_and(|t| t.token == Token::Period) => start = period,
            _ => break,
        }
    }
    let behind = |steps: usize| start.checked_sub(steps).and_then(|at| tokens.get(at));
    start < index
        && (is_word(behind(1), "UPDATE")
            || is_word(behind(1), "FROM") && is_word(behind(2), "DELETE")
            || is_word(behind(1), "INTO") && is_word(behind(2), "MERGE"))
}

fn is_word(token: Option<&TokenWithSpan>, word: &str) -> bool {
    token.is_some_and(|t| matches!(&t.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word)))
}

/// Refuses `WHERE CURRENT OF` and `OVERRIDING … VALUE`, which the grammar crate does not read.
///
/// # Errors
/// 0A000.
pub(super) fn refuse(tokens: &[TokenWithSpan]) -> Result<(), Fault> {
    let mut cursor = Cursor::new(tokens);
    if !["INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "EXPLAIN"].iter().any(|word| cursor.is_word(word)) {
        return Ok(());
    }
    while let Some(here) = cursor.rest().first() {
        let unsupported = |what: &str| Err(Fault::Ours(Error::unsupported(what).at(place(here.span.start))));
        if cursor.eat_words(&["WHERE", "CURRENT", "OF"]) {
            return unsupported("WHERE CURRENT OF is not supported");
        }
        if cursor.eat_words(&["OVERRIDING", "USER", "VALUE"]) || cursor.eat_words(&["OVERRIDING", "SYSTEM", "VALUE"]) {
            return unsupported("OVERRIDING is not supported yet");
        }
        cursor.next();
    }
    Ok(())
}

/// Whether a statement that changes rows returns some.
pub(super) fn returns_rows(statement: &Statement) -> bool {
    match statement {
        Statement::Insert(insert) => insert.returning.is_some(),
        Statement::Update(update) => update.returning.is_some(),
        Statement::Delete(delete) => delete.returning.is_some(),
        _ => false,
    }
}

/// The statement in the place of a query's body: `WITH … INSERT`.
pub(crate) fn body(query: &SetExpr) -> Option<&Statement> {
    match query {
        SetExpr::Insert(statement) | SetExpr::Update(statement) | SetExpr::Delete(statement) | SetExpr::Merge(statement) => Some(statement),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use kura_pgtypes::SqlState;

    use super::super::{Kind, parse};

    #[test]
    fn what_is_not_supported_is_no_syntax_error() {
        for (text, position) in
            [("update t set a = 1 where current of c", 20), ("insert into t (a) overriding system value values (1)", 19)]
        {
            let error = parse(text).expect_err("must fail").into_sql();
            assert_eq!((error.state, error.position), (SqlState::FEATURE_NOT_SUPPORTED, Some(position)), "{text}");
        }
        assert!(parse("select overriding from t where current = 1").is_ok());
    }

    #[test]
    fn only_says_nothing() {
        for text in ["delete from only t", "update only s.t * set a = 1 * 2", "select * from only t join only s on true"] {
            let parsed = parse(text).map(|parsed| format!("{:?}", parsed[0].ast).contains("\"only\""));
            assert_eq!(parsed.ok(), Some(false), "{text}");
        }
        assert!(parse("delete from t * where a * 2 = 4").is_ok() && parse("update t set a = 2 * 3").is_ok());
        assert!(parse("insert into t (a) table s").is_ok() && parse("with x as (select 1) insert into t table x").is_ok());
        assert!(parse("select top from t").is_ok() && parse("select substring(a from b * 2) from t").is_ok());
    }

    #[test]
    fn rows_are_returned_by_returning() {
        let is_query = |text: &str| matches!(parse(text).expect("parses")[0].kind, Kind::Query);
        assert!(is_query("delete from t returning *") && !is_query("delete from t"));
        assert!(is_query("with x as (select 1) insert into t select * from x returning a"));
        assert!(!is_query("with x as (select 1) insert into t select * from x"));
        assert!(is_query("with x as (delete from t returning a) select * from x"));
    }
}
