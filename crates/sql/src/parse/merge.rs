//! MERGE, of which the grammar crate does not read DO NOTHING and INSERT DEFAULT VALUES, nor a join as the source.
//!
//! A MERGE may stand behind a WITH list or inside EXPLAIN. What stands around it is read by the grammar crate, with
//! `SELECT 1` in the place of the MERGE.

use datafusion::sql::sqlparser::ast::{Assignment, Expr, ObjectName, SelectItem, Statement, TableFactor, TableWithJoins};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{IsOptional, Parser};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Fault, KuraDialect, depth, near, whole_statement};

/// A MERGE.
#[derive(Debug)]
pub(crate) struct Merge {
    /// What stands around it: a query whose WITH list is the MERGE's, or EXPLAIN of one.
    pub(crate) around: Option<Box<Statement>>,
    /// The table whose rows change.
    pub(crate) table: TableFactor,
    /// What is merged into it.
    pub(crate) source: TableWithJoins,
    /// When a row of the source matches one of the table.
    pub(crate) on: Expr,
    /// The WHEN clauses, in order; at least one.
    pub(crate) clauses: Vec<MergeClause>,
    /// The list of RETURNING.
    pub(crate) returning: Option<Vec<SelectItem>>,
}

/// A WHEN clause.
#[derive(Debug)]
pub(crate) struct MergeClause {
    /// Which rows it is about.
    pub(crate) matching: Matching,
    /// The condition behind AND.
    pub(crate) condition: Option<Expr>,
    /// What it does.
    pub(crate) action: MergeAction,
}

/// Which rows a WHEN clause is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matching {
    /// MATCHED: pairs of a row of the source and a row of the table.
    Matched,
    /// NOT MATCHED \[BY TARGET\]: rows of the source without one of the table.
    ByTarget,
    /// NOT MATCHED BY SOURCE: rows of the table without one of the source.
    BySource,
}

/// What a WHEN clause does.
#[derive(Debug)]
pub(crate) enum MergeAction {
    /// DO NOTHING.
    Nothing,
    /// DELETE.
    Delete,
    /// UPDATE SET.
    Update(Vec<Assignment>),
    /// INSERT.
    Insert {
        /// The columns named; none is all of them.
        columns: Vec<ObjectName>,
        /// The values; `None` is DEFAULT VALUES.
        values: Option<Vec<Expr>>,
    },
}

/// Reads a MERGE; `None` when the statement is something else.
pub(super) fn parse(tokens: &[TokenWithSpan]) -> Result<Option<Merge>, Fault> {
    let Some(start) = start(tokens) else {
        return Ok(None);
    };
    let (before, own) = tokens.split_at(start);
    let around = if before.is_empty() { None } else { Some(Box::new(around(before, own)?)) };
    let dialect = KuraDialect;
    let own = own.get(1..).unwrap_or_default().to_vec();
    let mut parser = Parser::new(&dialect).with_recursion_limit(depth::PARSER_DEPTH).with_tokens_with_locations(own);
    parser.expect_keyword_is(Keyword::INTO)?;
    let table = parser.parse_table_factor()?;
    parser.expect_keyword_is(Keyword::USING)?;
    let source = parser.parse_table_and_joins()?;
    parser.expect_keyword_is(Keyword::ON)?;
    let on = parser.parse_expr()?;
    let mut clauses = vec![clause(&mut parser)?];
    while parser.peek_keyword(Keyword::WHEN) {
        clauses.push(clause(&mut parser)?);
    }
    let returning =
        if parser.parse_keyword(Keyword::RETURNING) { Some(parser.parse_comma_separated(Parser::parse_select_item)?) } else { None };
    let next = parser.peek_token();
    if next.token != Token::EOF {
        return Err(Fault::Ours(near(&next)));
    }
    Ok(Some(Merge { around, table, source, on, clauses, returning }))
}

/// Where the statement's MERGE begins: at its start, or behind EXPLAIN or a WITH list.
fn start(tokens: &[TokenWithSpan]) -> Option<usize> {
    let is_merge = |index: usize| is_word(tokens, index, "MERGE") && is_word(tokens, index + 1, "INTO");
    if is_word(tokens, 0, "MERGE") {
        return Some(0);
    }
    if !is_word(tokens, 0, "WITH") && !is_word(tokens, 0, "EXPLAIN") {
        return None;
    }
    let mut nesting = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen => nesting += 1,
            Token::RParen => nesting = nesting.saturating_sub(1),
            _ if nesting == 0 && is_merge(index) => return Some(index),
            Token::Word(_) if nesting == 0 && is_word(tokens, index, "SELECT") => return None,
            _ => {}
        }
    }
    None
}

fn is_word(tokens: &[TokenWithSpan], index: usize, word: &str) -> bool {
    tokens.get(index).is_some_and(|t| matches!(&t.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word)))
}

/// What stands before the MERGE, around a query in its place.
fn around(before: &[TokenWithSpan], own: &[TokenWithSpan]) -> Result<Statement, Fault> {
    let mut tokens = before.to_vec();
    if let Some(merge) = own.first() {
        tokens.push(TokenWithSpan::new(Token::make_keyword("SELECT"), merge.span));
        tokens.push(TokenWithSpan::new(Token::Number("1".to_owned(), false), merge.span));
    }
    whole_statement(tokens)
}

fn clause(parser: &mut Parser<'_>) -> Result<MergeClause, Fault> {
    parser.expect_keyword_is(Keyword::WHEN)?;
    let negated = parser.parse_keyword(Keyword::NOT);
    parser.expect_keyword_is(Keyword::MATCHED)?;
    let matching = if !negated {
        Matching::Matched
    } else if parser.parse_keywords(&[Keyword::BY, Keyword::SOURCE]) {
        Matching::BySource
    } else {
        let _is_said = parser.parse_keywords(&[Keyword::BY, Keyword::TARGET]);
        Matching::ByTarget
    };
    let condition = if parser.parse_keyword(Keyword::AND) { Some(parser.parse_expr()?) } else { None };
    parser.expect_keyword_is(Keyword::THEN)?;
    let adds = matching == Matching::ByTarget;
    let action = if parser.parse_keywords(&[Keyword::DO, Keyword::NOTHING]) {
        MergeAction::Nothing
    } else if adds && parser.parse_keyword(Keyword::INSERT) {
        insert(parser)?
    } else if !adds && parser.parse_keyword(Keyword::DELETE) {
        MergeAction::Delete
    } else if !adds && parser.parse_keywords(&[Keyword::UPDATE, Keyword::SET]) {
        MergeAction::Update(parser.parse_comma_separated(Parser::parse_assignment)?)
    } else {
        return Err(Fault::Ours(near(&parser.peek_token())));
    };
    Ok(MergeClause { matching, condition, action })
}

fn insert(parser: &mut Parser<'_>) -> Result<MergeAction, Fault> {
    if parser.parse_keywords(&[Keyword::DEFAULT, Keyword::VALUES]) {
        return Ok(MergeAction::Insert { columns: Vec::new(), values: None });
    }
    let columns = parser.parse_parenthesized_qualified_column_list(IsOptional::Optional, false)?;
    parser.expect_keyword_is(Keyword::VALUES)?;
    parser.expect_token(&Token::LParen)?;
    let values = parser.parse_comma_separated(Parser::parse_expr)?;
    parser.expect_token(&Token::RParen)?;
    Ok(MergeAction::Insert { columns, values: Some(values) })
}

#[cfg(test)]
mod tests {
    use super::super::{Ast, Kind, parse};
    use super::*;

    fn merge(text: &str, check: impl FnOnce(&Kind, &Merge)) {
        let parsed = parse(text).expect("parses");
        let Ast::Merge(merge) = &*parsed[0].ast else { unreachable!("a MERGE") };
        check(&parsed[0].kind, merge);
    }

    fn fault(text: &str) -> (String, Option<usize>) {
        let error = parse(text).expect_err("must fail").into_sql();
        (error.message, error.position)
    }

    #[test]
    fn clauses_in_order() {
        let text = "merge into t as a using s join r on s.i = r.i on a.i = s.i \
                    when matched and s.x > 1 then update set (b, c) = (1, default), d = 2 \
                    when matched then delete when not matched by source then do nothing \
                    when not matched by target and true then insert (b) values (default) when not matched then insert default values";
        merge(text, |kind, merge| {
            assert!(matches!(kind, Kind::Utility) && merge.around.is_none() && merge.returning.is_none());
            assert_eq!(merge.source.joins.len(), 1);
            let kinds: Vec<(Matching, bool)> = merge.clauses.iter().map(|c| (c.matching, c.condition.is_some())).collect();
            use Matching::{BySource, ByTarget, Matched};
            assert_eq!(kinds, [(Matched, true), (Matched, false), (BySource, false), (ByTarget, true), (ByTarget, false)]);
            assert!(matches!(&merge.clauses[0].action, MergeAction::Update(list) if list.len() == 2));
            assert!(
                matches!(&merge.clauses[3].action, MergeAction::Insert { columns, values: Some(values) } if columns.len() + values.len() == 2)
            );
            assert!(matches!(&merge.clauses[4].action, MergeAction::Insert { values: None, .. }));
        });
    }

    #[test]
    fn what_stands_around() {
        merge("with s as (select 1 as i) merge into t using s on true when matched then delete returning *", |kind, merge| {
            assert!(matches!(kind, Kind::Query) && merge.returning.is_some());
            assert!(matches!(merge.around.as_deref(), Some(Statement::Query(query)) if query.with.is_some()));
        });
        merge("explain (verbose) with s as (select 1) merge into t using s on true when matched then delete", |kind, merge| {
            assert!(matches!(kind, Kind::Query));
            let Some(Statement::Explain { statement, .. }) = merge.around.as_deref() else { unreachable!("EXPLAIN") };
            assert!(matches!(&**statement, Statement::Query(query) if query.with.is_some()));
        });
        assert!(parse("with merge as (select 1 as into_) select merge from merge").is_ok());
    }

    #[test]
    fn actions_that_a_kind_does_not_have() {
        let near = |word: &str, at| (format!("syntax error at or near \"{word}\""), Some(at));
        assert_eq!(fault("merge into t using s on true when matched then insert values (1)"), near("insert", 48));
        assert_eq!(fault("merge into t using s on true when not matched then delete"), near("delete", 52));
        assert_eq!(fault("merge t using s on true when matched then delete"), near("t", 7));
        assert_eq!(fault("merge into t using s on true").0, "syntax error at end of input");
    }
}
