//! The parts of CREATE TABLE that the grammar crate does not read: `PARTITIONED BY`, LIKE among the columns, Redshift's
//! options, a list of bare column names before AS, and WITH \[NO\] DATA behind the query.

use datafusion::sql::sqlparser::ast::{Expr, Ident};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Cursor, Fault, expressions};

mod like;
mod redshift;

pub(crate) use like::Like;

/// What was cut out of a CREATE TABLE before the grammar crate read it.
#[derive(Debug, Default)]
pub(crate) struct TableExtras {
    /// Expressions of `PARTITIONED BY`.
    pub(crate) partition: Vec<Expr>,
    /// LIKE clauses in the list of columns.
    pub(crate) likes: Vec<Like>,
    /// Options that ask for what needs no doing here, by name.
    pub(crate) needless: Vec<&'static str>,
    /// Column names of CREATE TABLE AS.
    pub(crate) names: Vec<Ident>,
    /// Whether WITH NO DATA stood at the end.
    pub(crate) no_data: bool,
}

/// Splits a statement into what the grammar crate reads and what it does not.
pub(super) fn split(tokens: &[TokenWithSpan]) -> Result<(Vec<TokenWithSpan>, TableExtras), Fault> {
    let mut extras = TableExtras::default();
    if !tokens.first().is_some_and(|t| is_word(t, "CREATE")) {
        return Ok((tokens.to_vec(), extras));
    }
    let mut rest = cut_partition(tokens, &mut extras)?;
    // A table that need not outlive a crash may do so.
    if rest.get(1).is_some_and(|t| is_word(t, "UNLOGGED")) && rest.get(2).is_some_and(|t| is_word(t, "TABLE")) {
        rest.remove(1);
    }
    if let Some(name) = behind_name(&rest) {
        redshift::cut_options(&mut rest, name, &mut extras)?;
        if let Some(list) = column_list(&rest, name) {
            let items = redshift::cut_attributes(items(&rest, &list), &mut extras)?;
            let items = like::cut(items, &mut extras)?;
            if !(extras.likes.is_empty() && extras.needless.is_empty()) {
                put_back(&mut rest, list, items);
            }
        }
        cut_names(&mut rest, name, &mut extras);
        cut_data(&mut rest, &mut extras);
    }
    Ok((rest, extras))
}

fn is_word(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

/// The place behind the name of the table that is created; `None` when something else is.
fn behind_name(tokens: &[TokenWithSpan]) -> Option<usize> {
    let table = tokens.iter().take(4).position(|t| is_word(t, "TABLE"))?;
    let mut cursor = Cursor::new(tokens.get(table + 1..)?);
    cursor.eat_words(&["IF", "NOT", "EXISTS"]);
    cursor.identifier().ok()?;
    while cursor.eat(&Token::Period) {
        cursor.identifier().ok()?;
    }
    Some(tokens.len() - cursor.rest().len())
}

/// Where the list of columns stands, without its parentheses.
fn column_list(tokens: &[TokenWithSpan], name: usize) -> Option<std::ops::Range<usize>> {
    if tokens.get(name)?.token != Token::LParen {
        return None;
    }
    let mut cursor = Cursor::new(tokens.get(name..)?);
    let inside = cursor.parenthesised().ok()?;
    Some(name + 1..name + 1 + inside.len())
}

/// The parts of a list between its commas.
fn items(tokens: &[TokenWithSpan], list: &std::ops::Range<usize>) -> Vec<Vec<TokenWithSpan>> {
    let mut depth = 0_usize;
    let mut items = vec![Vec::new()];
    for token in tokens.get(list.clone()).unwrap_or_default() {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => {
                items.push(Vec::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = items.last_mut() {
            last.push(token.clone());
        }
    }
    items
}

fn put_back(tokens: &mut Vec<TokenWithSpan>, list: std::ops::Range<usize>, items: Vec<Vec<TokenWithSpan>>) {
    let mut joined: Vec<TokenWithSpan> = Vec::with_capacity(list.len());
    for (index, item) in items.into_iter().enumerate() {
        if let (Some(first), true) = (item.first(), index > 0) {
            joined.push(TokenWithSpan::new(Token::Comma, first.span));
        }
        joined.extend(item);
    }
    tokens.splice(list, joined);
}

fn cut_partition(tokens: &[TokenWithSpan], extras: &mut TableExtras) -> Result<Vec<TokenWithSpan>, Fault> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ if depth == 0 && is_word(token, "PARTITIONED") => {
                let mut cursor = Cursor::new(tokens.get(index + 1..).unwrap_or_default());
                if cursor.eat_word("BY") && cursor.is(&Token::LParen) {
                    extras.partition = expressions(cursor.parenthesised()?)?;
                    let mut rest = tokens.get(..index).unwrap_or_default().to_vec();
                    rest.extend_from_slice(cursor.rest());
                    return Ok(rest);
                }
            }
            _ => {}
        }
    }
    Ok(tokens.to_vec())
}

/// `CREATE TABLE t (a, b) AS`: the list behind the name at `open` is cut when it holds names only.
fn cut_names(tokens: &mut Vec<TokenWithSpan>, open: usize, extras: &mut TableExtras) {
    if tokens.get(open).is_none_or(|t| t.token != Token::LParen) {
        return;
    }
    let mut names = Vec::new();
    let mut close = open + 1;
    loop {
        let Some(Token::Word(word)) = tokens.get(close).map(|t| &t.token) else {
            return;
        };
        let span = tokens.get(close).map(|t| t.span).unwrap_or_else(datafusion::sql::sqlparser::tokenizer::Span::empty);
        names.push(Ident { value: word.value.clone(), quote_style: word.quote_style, span });
        match tokens.get(close + 1).map(|t| &t.token) {
            Some(Token::Comma) => close += 2,
            Some(Token::RParen) => break,
            _ => return,
        }
    }
    if tokens.get(close + 2).is_some_and(|t| is_word(t, "AS")) {
        tokens.drain(open..=close + 1);
        extras.names = names;
    }
}

fn cut_data(tokens: &mut Vec<TokenWithSpan>, extras: &mut TableExtras) {
    let ends_with = |words: &[&str]| {
        tokens.len() >= words.len() && tokens.iter().skip(tokens.len() - words.len()).zip(words).all(|(t, w)| is_word(t, w))
    };
    let (length, no_data) = if ends_with(&["WITH", "NO", "DATA"]) {
        (3, true)
    } else if ends_with(&["WITH", "DATA"]) {
        (2, false)
    } else {
        return;
    };
    tokens.truncate(tokens.len() - length);
    extras.no_data = no_data;
}
