//! Redshift's options of tables and columns. Where rows lie among machines and how columns are compressed is nothing to be
//! said here, so such options are cut out and noted; an order of the rows would have to be kept, so it is refused.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Cursor, Fault, TableExtras, is_word};
use crate::Error;

/// Cuts options behind the table's name and its list of columns, up to AS.
pub(super) fn cut_options(tokens: &mut Vec<TokenWithSpan>, name: usize, extras: &mut TableExtras) -> Result<(), Fault> {
    let (mut at, mut depth) = (name, 0_usize);
    while let Some(token) = tokens.get(at) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ if is_word(token, "AS") => return Ok(()),
            _ => {
                let mut cursor = Cursor::new(tokens.get(at..).unwrap_or_default());
                if let Some(option) = table_option(&mut cursor)? {
                    let end = tokens.len() - cursor.rest().len();
                    tokens.drain(at..end);
                    note(extras, option);
                    continue;
                }
            }
        }
        at += 1;
    }
    Ok(())
}

/// Cuts the attributes of columns.
pub(super) fn cut_attributes(items: Vec<Vec<TokenWithSpan>>, extras: &mut TableExtras) -> Result<Vec<Vec<TokenWithSpan>>, Fault> {
    items.into_iter().map(|item| cut_from_column(item, extras)).collect()
}

/// A column's name and type come first: neither is an attribute.
fn cut_from_column(mut item: Vec<TokenWithSpan>, extras: &mut TableExtras) -> Result<Vec<TokenWithSpan>, Fault> {
    let (mut at, mut depth) = (2, 0_usize);
    while let Some(token) = item.get(at) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ if is_word(token, "SORTKEY") => return Err(no_sort_keys()),
            _ if is_word(token, "DISTKEY") => {
                item.remove(at);
                note(extras, "DISTKEY");
                continue;
            }
            _ if is_word(token, "ENCODE") && item.get(at + 1).is_some_and(|next| matches!(next.token, Token::Word(_))) => {
                item.drain(at..at + 2);
                note(extras, "ENCODE");
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(item)
}

/// Reads an option of the table that may be left out.
fn table_option(cursor: &mut Cursor<'_>) -> Result<Option<&'static str>, Fault> {
    if cursor.is_word("SORTKEY") || cursor.eat_words(&["COMPOUND", "SORTKEY"]) || cursor.eat_words(&["INTERLEAVED", "SORTKEY"]) {
        return Err(no_sort_keys());
    }
    if cursor.eat_word("DISTKEY") {
        cursor.parenthesised()?;
        return Ok(Some("DISTKEY"));
    }
    if cursor.eat_word("DISTSTYLE") {
        let known = ["AUTO", "EVEN", "KEY", "ALL"];
        return if known.iter().any(|word| cursor.eat_word(word)) { Ok(Some("DISTSTYLE")) } else { Err(cursor.fault()) };
    }
    if cursor.eat_words(&["ENCODE", "AUTO"]) {
        return Ok(Some("ENCODE"));
    }
    Ok(None)
}

fn note(extras: &mut TableExtras, option: &'static str) {
    if !extras.needless.contains(&option) {
        extras.needless.push(option);
    }
}

fn no_sort_keys() -> Fault {
    Fault::Ours(
        Error::unsupported("SORTKEY is not supported yet")
            .hint("Leave it away; PARTITIONED BY (column, …) keeps the rows of one value together."),
    )
}
