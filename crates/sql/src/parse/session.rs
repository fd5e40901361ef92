//! Statements about the session: transaction control, SET and its kin, PREPARE and its kin.

use std::sync::Arc;

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use kura_pgtypes::PgType;

use super::{Cursor, Fault, Kind, Parsed, SessionCommand, SetValue, TransactionModes, parse_tokens};
use crate::Error;
use crate::bind::type_name;

/// Reads a session command; `None` when the statement is something else.
pub(super) fn parse(cursor: &mut Cursor<'_>, own: &Arc<str>, offset: usize) -> Result<Option<SessionCommand>, Fault> {
    let Some(Token::Word(word)) = cursor.peek() else {
        return Ok(None);
    };
    if word.quote_style.is_some() {
        return Ok(None);
    }
    let keyword = word.value.to_ascii_uppercase();
    let mut ahead = cursor.clone();
    ahead.next();
    let command = match keyword.as_str() {
        "BEGIN" => {
            transaction_noise(&mut ahead);
            begin(&mut ahead)?
        }
        "START" => {
            ahead.expect_word("TRANSACTION")?;
            begin(&mut ahead)?
        }
        "COMMIT" | "END" => {
            transaction_noise(&mut ahead);
            SessionCommand::Commit { chain: chain(&mut ahead)? }
        }
        "ROLLBACK" | "ABORT" => {
            transaction_noise(&mut ahead);
            rollback(&mut ahead)?
        }
        "SAVEPOINT" => SessionCommand::Savepoint(ahead.identifier()?),
        "RELEASE" => {
            ahead.eat_word("SAVEPOINT");
            SessionCommand::Release(ahead.identifier()?)
        }
        "SET" => set(&mut ahead)?,
        "SHOW" => SessionCommand::Show(setting_name(&mut ahead)?),
        "RESET" => SessionCommand::Reset(setting_name(&mut ahead)?),
        "DISCARD" => SessionCommand::Discard(ahead.identifier()?),
        "PREPARE" => return prepare(&mut ahead, own, offset).map(Some),
        "EXECUTE" => execute(&mut ahead)?,
        "DEALLOCATE" => {
            ahead.eat_word("PREPARE");
            SessionCommand::Deallocate(if ahead.eat_word("ALL") { None } else { Some(ahead.identifier()?) })
        }
        _ => return Ok(None),
    };
    ahead.expect_end()?;
    Ok(Some(command))
}

fn transaction_noise(cursor: &mut Cursor<'_>) {
    let _ = cursor.eat_word("WORK") || cursor.eat_word("TRANSACTION");
}

/// `AND [NO] CHAIN`
fn chain(cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
    let chain = cursor.eat_words(&["AND", "CHAIN"]);
    if !chain && !cursor.eat_words(&["AND", "NO", "CHAIN"]) && cursor.is_word("AND") {
        return Err(cursor.fault());
    }
    Ok(chain)
}

fn rollback(cursor: &mut Cursor<'_>) -> Result<SessionCommand, Fault> {
    if cursor.eat_word("TO") {
        cursor.eat_word("SAVEPOINT");
        return Ok(SessionCommand::RollbackTo(cursor.identifier()?));
    }
    Ok(SessionCommand::Rollback { chain: chain(cursor)? })
}

fn begin(cursor: &mut Cursor<'_>) -> Result<SessionCommand, Fault> {
    modes(cursor).map(SessionCommand::Begin)
}

/// `[ISOLATION LEVEL …] [READ ONLY | READ WRITE] [[NOT] DEFERRABLE]`, with or without commas.
fn modes(cursor: &mut Cursor<'_>) -> Result<TransactionModes, Fault> {
    let mut modes = TransactionModes::default();
    while !cursor.at_end() {
        if cursor.eat_words(&["ISOLATION", "LEVEL"]) {
            modes.isolation = Some(level(cursor)?);
        } else if cursor.eat_words(&["READ", "ONLY"]) {
            modes.read_only = Some(true);
        } else if cursor.eat_words(&["READ", "WRITE"]) {
            modes.read_only = Some(false);
        } else if cursor.eat_word("DEFERRABLE") {
            modes.deferrable = Some(true);
        } else if cursor.eat_words(&["NOT", "DEFERRABLE"]) {
            modes.deferrable = Some(false);
        } else {
            return Err(cursor.fault());
        }
        cursor.eat(&Token::Comma);
    }
    Ok(modes)
}

fn level(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let levels: [(&[&str], &str); 4] = [
        (&["SERIALIZABLE"], "serializable"),
        (&["REPEATABLE", "READ"], "repeatable read"),
        (&["READ", "COMMITTED"], "read committed"),
        (&["READ", "UNCOMMITTED"], "read uncommitted"),
    ];
    for (words, name) in levels {
        if cursor.eat_words(words) {
            return Ok(name.to_owned());
        }
    }
    Err(cursor.fault())
}

fn set(cursor: &mut Cursor<'_>) -> Result<SessionCommand, Fault> {
    if cursor.eat_words(&["SESSION", "CHARACTERISTICS", "AS", "TRANSACTION"]) {
        return Ok(SessionCommand::SetTransaction { session: true, modes: modes(cursor)? });
    }
    if cursor.eat_word("TRANSACTION") {
        if cursor.is_word("SNAPSHOT") {
            return Err(Fault::Ours(Error::unsupported("SET TRANSACTION SNAPSHOT is not supported")));
        }
        return Ok(SessionCommand::SetTransaction { session: false, modes: modes(cursor)? });
    }
    let local = cursor.eat_word("LOCAL");
    if !local {
        cursor.eat_word("SESSION");
    }
    if cursor.eat_words(&["TIME", "ZONE"]) {
        let value =
            if cursor.eat_word("LOCAL") || cursor.eat_word("DEFAULT") { SetValue::Default } else { SetValue::Values(vec![value(cursor)?]) };
        return Ok(SessionCommand::Set { name: "timezone".to_owned(), value, local });
    }
    if cursor.eat_word("NAMES") {
        let value = if cursor.at_end() || cursor.eat_word("DEFAULT") { SetValue::Default } else { SetValue::Values(vec![value(cursor)?]) };
        return Ok(SessionCommand::Set { name: "client_encoding".to_owned(), value, local });
    }
    let name = dotted_name(cursor)?;
    if !(cursor.eat(&Token::Eq) || cursor.eat_word("TO")) {
        return Err(cursor.fault());
    }
    if cursor.eat_word("DEFAULT") {
        return Ok(SessionCommand::Set { name, value: SetValue::Default, local });
    }
    let mut values = vec![value(cursor)?];
    while cursor.eat(&Token::Comma) {
        values.push(value(cursor)?);
    }
    Ok(SessionCommand::Set { name, value: SetValue::Values(values), local })
}

/// One value of a SET: a string, a word or a signed number.
fn value(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let sign = if cursor.eat(&Token::Minus) {
        "-"
    } else {
        cursor.eat(&Token::Plus);
        ""
    };
    match cursor.peek() {
        Some(Token::Number(number, _)) => {
            let text = format!("{sign}{number}");
            cursor.next();
            Ok(text)
        }
        _ if !sign.is_empty() => Err(cursor.fault()),
        Some(Token::Word(_)) => cursor.identifier(),
        _ => cursor.string(),
    }
}

fn dotted_name(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let mut name = cursor.identifier()?.to_lowercase();
    while cursor.eat(&Token::Period) {
        name.push('.');
        name.push_str(&cursor.identifier()?.to_lowercase());
    }
    Ok(name)
}

/// The name after SHOW or RESET, with its two-word spellings.
fn setting_name(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    if cursor.eat_words(&["TIME", "ZONE"]) {
        return Ok("timezone".to_owned());
    }
    if cursor.eat_words(&["TRANSACTION", "ISOLATION", "LEVEL"]) {
        return Ok("transaction_isolation".to_owned());
    }
    if cursor.eat_words(&["SESSION", "AUTHORIZATION"]) {
        return Ok("session_authorization".to_owned());
    }
    dotted_name(cursor)
}

fn prepare(cursor: &mut Cursor<'_>, own: &Arc<str>, offset: usize) -> Result<SessionCommand, Fault> {
    let name = cursor.identifier()?;
    let types = if cursor.is(&Token::LParen) { prepared_types(cursor.parenthesised()?)? } else { Vec::new() };
    cursor.expect_word("AS")?;
    let tokens = cursor.rest();
    if cursor.peek().is_none() {
        return Err(cursor.fault());
    }
    let (kind, ast) = parse_tokens(own, offset, tokens)?;
    if matches!(kind, Kind::Session(_)) {
        return Err(cursor.fault());
    }
    let statement = Box::new(Parsed { text: Arc::clone(own), offset, kind, ast: Arc::new(ast) });
    Ok(SessionCommand::Prepare { name, types, statement })
}

fn prepared_types(tokens: Vec<TokenWithSpan>) -> Result<Vec<PgType>, Fault> {
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let types = parser.parse_comma_separated(Parser::parse_data_type)?;
    types.iter().map(|ty| type_name::resolve(ty).map_err(Fault::Ours)).collect()
}

fn execute(cursor: &mut Cursor<'_>) -> Result<SessionCommand, Fault> {
    let name = cursor.identifier()?;
    let mut arguments = Vec::new();
    if cursor.eat(&Token::LParen) && !cursor.eat(&Token::RParen) {
        loop {
            arguments.push(argument(cursor)?);
            if !cursor.eat(&Token::Comma) {
                break;
            }
        }
        cursor.expect(&Token::RParen)?;
    }
    Ok(SessionCommand::Execute { name, arguments })
}

/// An argument of EXECUTE: a literal, possibly with a type before or behind it, which the parameter's own type outranks.
fn argument(cursor: &mut Cursor<'_>) -> Result<Option<String>, Fault> {
    if cursor.eat_word("NULL") {
        return Ok(None);
    }
    if cursor.is_word("ARRAY") {
        return Err(Fault::Ours(Error::unsupported("EXECUTE takes literals only").hint("Write an array as '{1,2}'.")));
    }
    let mut ahead = cursor.clone();
    ahead.next();
    if matches!((cursor.peek(), ahead.peek()), (Some(Token::Word(_)), Some(Token::SingleQuotedString(_)))) {
        cursor.next();
    }
    let text = value(cursor)?;
    if cursor.eat(&Token::DoubleColon) {
        cursor.identifier()?;
        if cursor.is(&Token::LParen) {
            cursor.parenthesised()?;
        }
    }
    Ok(Some(text))
}
