//! The parts of CREATE TABLE that the grammar crate does not read: `PARTITIONED BY`, a list of bare column names before
//! AS, and WITH \[NO\] DATA behind the query.

use datafusion::sql::sqlparser::ast::{Expr, Ident};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Cursor, Fault, expressions};

/// What was cut out of a CREATE TABLE before the grammar crate read it.
#[derive(Debug, Default)]
pub(crate) struct TableExtras {
    /// Expressions of `PARTITIONED BY`.
    pub(crate) partition: Vec<Expr>,
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
    if rest.iter().take(4).any(|t| is_word(t, "TABLE")) {
        cut_names(&mut rest, &mut extras);
        cut_data(&mut rest, &mut extras);
    }
    Ok((rest, extras))
}

fn is_word(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
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

/// `CREATE TABLE t (a, b) AS`: the list is cut when it holds names only.
fn cut_names(tokens: &mut Vec<TokenWithSpan>, extras: &mut TableExtras) {
    let Some(open) = tokens.iter().position(|t| t.token == Token::LParen) else {
        return;
    };
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
