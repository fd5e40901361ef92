//! Text to statements: splits a string at its semicolons and parses each part.
//!
//! Statements that PostgreSQL clients send and the SQL grammar crate reads differently (COPY, SET, transaction control,
//! `PARTITIONED BY`) are read here from the same tokens. Nothing is looked up and nothing is printed and parsed again.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{CreateTable, Expr, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use kura_pgtypes::SqlState;

use crate::bind::query_is_select_into;
use crate::{Error, Result};

mod alter;
mod command;
mod copy;
mod cursor;
mod depth;
mod dialect;
mod locking;
mod merge;
mod modify;
mod session;
mod table;

pub(crate) use alter::{Action, Alter, AlterKind, RoleName};
pub use command::{SessionCommand, SetValue, TransactionModes};
pub(crate) use copy::{Copy, CopySubject, CopyValue};
use cursor::Cursor;
use dialect::KuraDialect;
pub(crate) use locking::{Locking, Strength};
pub(crate) use merge::{Matching, Merge, MergeAction, MergeClause};
pub(crate) use modify::body as modified;
pub(crate) use table::{Like, TableExtras};

/// The longest string of statements accepted, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 << 20;

/// Characters of a statement that an error repeats, at most.
const QUOTED_CHARS_MAX: usize = 1_000;

/// One statement of a string.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The statement's own text, without its semicolon.
    pub text: Arc<str>,
    /// Characters before it in the string it came in.
    pub offset: usize,
    /// Who answers it.
    pub kind: Kind,
    pub(crate) ast: Arc<Ast>,
}

impl Parsed {
    /// The command's name, when it is one for transaction blocks only.
    pub fn needs_block(&self) -> Option<&'static str> {
        match &*self.ast {
            Ast::Statement(statement) if matches!(&**statement, Statement::Lock(_)) => Some("LOCK TABLE"),
            _ => None,
        }
    }

    /// The command's name, when a read-only transaction refuses it whatever it names.
    pub fn defines(&self) -> Option<&'static str> {
        use datafusion::sql::sqlparser::ast::ObjectType;
        match &*self.ast {
            Ast::CreateTable(table, _) if table.query.is_none() => Some("CREATE TABLE"),
            Ast::Alter(alter) if alter.kind == AlterKind::Table => Some("ALTER TABLE"),
            Ast::Alter(alter) if alter.kind == AlterKind::View => Some("ALTER VIEW"),
            Ast::Alter(alter) if alter.kind == AlterKind::Schema => Some("ALTER SCHEMA"),
            Ast::Statement(statement) => match &**statement {
                Statement::CreateSchema { .. } => Some("CREATE SCHEMA"),
                Statement::CreateView(_) => Some("CREATE VIEW"),
                Statement::Truncate(_) => Some("TRUNCATE TABLE"),
                Statement::Comment { .. } => Some("COMMENT"),
                Statement::Drop { object_type: ObjectType::Table, .. } => Some("DROP TABLE"),
                Statement::Drop { object_type: ObjectType::View, .. } => Some("DROP VIEW"),
                Statement::Drop { object_type: ObjectType::Schema, .. } => Some("DROP SCHEMA"),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Who answers a statement.
#[derive(Clone, Debug)]
pub enum Kind {
    /// The session itself.
    Session(SessionCommand),
    /// Bound and run; returns rows.
    Query,
    /// Bound and run; returns a command tag, or a COPY.
    Utility,
}

/// The syntax tree behind a statement.
#[derive(Debug)]
pub(crate) enum Ast {
    /// Read by the grammar crate.
    Statement(Box<Statement>),
    /// CREATE TABLE, with the parts of it that the grammar crate does not read.
    CreateTable(Box<CreateTable>, TableExtras),
    /// ALTER TABLE, ALTER VIEW, ALTER SCHEMA.
    Alter(Alter),
    /// COPY.
    Copy(Copy),
    /// MERGE.
    Merge(Box<Merge>),
    /// A query with FOR UPDATE or its kin at its end.
    Locked(Box<datafusion::sql::sqlparser::ast::Query>, Vec<Locking>),
    /// Answered by the session; nothing to bind.
    Session,
}

/// Parses a string of statements. An empty string, or one of comments and semicolons, has none.
///
/// # Errors
/// 42601 with its position; 54001 for nesting or chains too deep; 54000 for a text that is too long.
pub fn parse(text: &str) -> Result<Vec<Parsed>> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("statement of {} bytes is too long", text.len()))
            .hint("The limit is 64 MiB; use COPY for bulk data."));
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location().map_err(|error| {
        let position = character(text, error.location);
        tokenizer_error(&error.message, text.chars().skip(position.saturating_sub(1)).take(QUOTED_CHARS_MAX).collect()).at(Some(position))
    })?;
    let mut places = Places::new(text);
    let mut statements = Vec::new();
    for part in tokens.split(|token| token.token == Token::SemiColon) {
        if part.iter().all(|token| matches!(token.token, Token::Whitespace(_) | Token::EOF)) {
            continue;
        }
        statements.push(parse_one(text, part, &mut places)?);
    }
    Ok(statements)
}

/// Moves a position in a statement's own text to the whole string.
fn moved(error: Error, offset: usize) -> Error {
    let mut sql = error.into_sql();
    sql.position = sql.position.map(|position| position + offset);
    Error::Sql(sql)
}

fn parse_one(text: &str, part: &[TokenWithSpan], places: &mut Places<'_>) -> Result<Parsed> {
    depth::check(part)?;
    let mut significant: Vec<TokenWithSpan> =
        part.iter().filter(|t| !matches!(t.token, Token::Whitespace(_) | Token::EOF)).cloned().collect();
    let start = places.byte(significant.first().map_or(Location::new(1, 1), |t| t.span.start));
    let end = places.byte(significant.last().map_or(Location::new(1, 1), |t| t.span.end));
    let own: Arc<str> = Arc::from(text.get(start..end).unwrap_or(text));
    let offset = text.get(..start).unwrap_or_default().chars().count();
    make_relative(&mut significant);
    continued_strings(&mut significant).map_err(|error| moved(unpack(error, &own), offset))?;
    modify::spelled_out(&mut significant);
    spelled_out(&mut significant);
    let (kind, ast) = parse_tokens(&own, offset, &significant).map_err(|fault| moved(locate(fault, &own), offset))?;
    Ok(Parsed { text: own, offset, kind, ast: Arc::new(ast) })
}

/// What a parse step found wrong: a message of the grammar crate (with its own place), or an error of ours.
enum Fault {
    Grammar(ParserError),
    Ours(Error),
}

impl From<ParserError> for Fault {
    fn from(error: ParserError) -> Self {
        Self::Grammar(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

fn parse_tokens(own: &Arc<str>, offset: usize, tokens: &[TokenWithSpan]) -> Result<(Kind, Ast), Fault> {
    let mut cursor = Cursor::new(tokens);
    if let Some(command) = session::parse(&mut cursor, own, offset)? {
        return Ok((Kind::Session(command), Ast::Session));
    }
    if cursor.is_word("COPY") {
        let copy = copy::parse(&mut cursor)?;
        return Ok((Kind::Utility, Ast::Copy(copy)));
    }
    if let Some(alter) = alter::parse(tokens)? {
        return Ok((Kind::Utility, Ast::Alter(alter)));
    }
    modify::refuse(tokens)?;
    if let Some(merge) = merge::parse(tokens)? {
        let explains = matches!(merge.around.as_deref(), Some(Statement::Explain { .. }));
        let kind = if explains || merge.returning.is_some() { Kind::Query } else { Kind::Utility };
        return Ok((kind, Ast::Merge(Box::new(merge))));
    }
    if let Some((rest, clauses)) = locking::cut(tokens)? {
        return Ok((Kind::Query, Ast::Locked(locking::query(whole_statement(rest)?)?, clauses)));
    }
    locking::refuse_nested(tokens)?;
    let (rest, extras) = table::split(tokens)?;
    let mut rest = rest;
    if cursor.is_word("COMMENT") {
        plain_strings(&mut rest);
    }
    let statement = whole_statement(rest)?;
    Ok(match statement {
        Statement::CreateTable(table) => (Kind::Utility, Ast::CreateTable(Box::new(table), extras)),
        other if !extras.partition.is_empty() => {
            return Err(Fault::Ours(Error::unsupported(format!("PARTITIONED BY is for CREATE TABLE, not for {}", first_word(&other)))));
        }
        other => {
            let kind = if returns_rows(&other) { Kind::Query } else { Kind::Utility };
            (kind, Ast::Statement(Box::new(other)))
        }
    })
}

/// String literals on consecutive lines are one, as in the SQL standard; on one line they are an error.
fn continued_strings(tokens: &mut Vec<TokenWithSpan>) -> Result<()> {
    let mut index = 1;
    while let (Some(before), Some(token)) = (tokens.get(index - 1), tokens.get(index)) {
        if let (Token::SingleQuotedString(first), Token::SingleQuotedString(second)) = (&before.token, &token.token) {
            if token.span.start.line == before.span.end.line {
                return Err(near(token));
            }
            let (joined, end) = (format!("{first}{second}"), token.span.end);
            if let Some(before) = tokens.get_mut(index - 1) {
                before.token = Token::SingleQuotedString(joined);
                before.span.end = end;
            }
            tokens.remove(index);
        } else {
            index += 1;
        }
    }
    Ok(())
}

/// `TABLE name` as a query is written `SELECT * FROM name`, `ISNULL` as `IS NULL`: the grammar crate knows only these.
fn spelled_out(tokens: &mut Vec<TokenWithSpan>) {
    let word = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
        _ => None,
    };
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        let span = token.span;
        let before = index.checked_sub(1).and_then(|i| tokens.get(i));
        let starts_query = before.is_none_or(|t| {
            t.token == Token::LParen || word(t).is_some_and(|w| matches!(w.as_str(), "UNION" | "ALL" | "EXCEPT" | "INTERSECT" | "AS"))
        });
        let names = matches!(tokens.get(index + 1).map(|t| &t.token), Some(Token::Word(_)));
        let replacement: &[&str] = match word(token).as_deref() {
            Some("TABLE") if starts_query && names => &["SELECT", "*", "FROM"],
            Some("ISNULL") if before.is_some_and(|t| ends_operand(&t.token)) => &["IS", "NULL"],
            _ => {
                index += 1;
                continue;
            }
        };
        let spelled = replacement.iter().map(|text| {
            let token = if *text == "*" { Token::Mul } else { Token::make_keyword(text) };
            TokenWithSpan::new(token, span)
        });
        tokens.splice(index..=index, spelled.collect::<Vec<_>>());
        index += replacement.len();
    }
}

/// Whether an operand may end with the token, so that a postfix operator may follow.
fn ends_operand(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            word.quote_style.is_some()
                || !matches!(word.value.to_ascii_uppercase().as_str(), "SELECT" | "AS" | "BY" | "WHERE" | "AND" | "OR" | "ON")
        }
        Token::Number(..) | Token::SingleQuotedString(_) | Token::RParen | Token::RBracket | Token::Placeholder(_) => true,
        _ => false,
    }
}

/// COMMENT takes a string in any quotes; the grammar crate knows single ones.
fn plain_strings(tokens: &mut [TokenWithSpan]) {
    for token in tokens {
        let text = match &token.token {
            Token::DollarQuotedString(text) => text.value.clone(),
            Token::EscapedStringLiteral(text) | Token::UnicodeStringLiteral(text) => text.clone(),
            _ => continue,
        };
        token.token = Token::SingleQuotedString(text);
    }
}

fn first_word(statement: &Statement) -> String {
    statement.to_string().split(' ').next().unwrap_or_default().to_owned()
}

fn returns_rows(statement: &Statement) -> bool {
    match statement {
        Statement::Query(query) if query_is_select_into(query) => false,
        Statement::Query(query) => modify::body(&query.body).is_none_or(modify::returns_rows),
        Statement::Explain { .. } => true,
        other => modify::returns_rows(other),
    }
}

fn whole_statement(tokens: Vec<TokenWithSpan>) -> Result<Statement, Fault> {
    let dialect = KuraDialect;
    let mut parser = Parser::new(&dialect).with_recursion_limit(depth::PARSER_DEPTH).with_tokens_with_locations(tokens);
    let statement = parser.parse_statement()?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        return Err(Fault::Ours(near(&next)));
    }
    Ok(statement)
}

/// Parses expressions separated by commas.
fn expressions(tokens: Vec<TokenWithSpan>) -> Result<Vec<Expr>, Fault> {
    let dialect = KuraDialect;
    let mut parser = Parser::new(&dialect).with_recursion_limit(depth::PARSER_DEPTH).with_tokens_with_locations(tokens);
    let list = parser.parse_comma_separated(Parser::parse_expr)?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        return Err(Fault::Ours(near(&next)));
    }
    Ok(list)
}

/// Parses the text of one expression, as a stored default is.
///
/// # Errors
/// 42601.
pub(crate) fn parse_expression(text: &str) -> Result<Expr> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
        .tokenize_with_location()
        .map_err(|error| tokenizer_error(&error.message, text.to_owned()))?;
    depth::check(&tokens)?;
    let mut list = expressions(tokens).map_err(|fault| locate(fault, text))?;
    match (list.pop(), list.is_empty()) {
        (Some(expr), true) => Ok(expr),
        _ => Err(Error::new(SqlState::SYNTAX_ERROR, format!("\"{text}\" is not one expression"))),
    }
}

/// Bytes of the statement's text before its first top-level `keyword`, the keyword included.
pub(crate) fn end_of_keyword(text: &str, keyword: &str) -> Option<usize> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location().ok()?;
    let mut depth = 0_usize;
    for token in tokens {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 && word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword) => {
                return Some(Places::new(text).byte(token.span.end));
            }
            _ => {}
        }
    }
    None
}

/// Parses a query standing alone in `tokens`, as in COPY (query).
fn whole_query(tokens: Vec<TokenWithSpan>) -> Result<Box<datafusion::sql::sqlparser::ast::Query>, Fault> {
    let dialect = KuraDialect;
    let mut parser = Parser::new(&dialect).with_recursion_limit(depth::PARSER_DEPTH).with_tokens_with_locations(tokens);
    let query = parser.parse_query()?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        return Err(Fault::Ours(near(&next)));
    }
    Ok(query)
}

fn near(token: &TokenWithSpan) -> Error {
    match token.token {
        Token::EOF => Error::new(SqlState::SYNTAX_ERROR, "syntax error at end of input"),
        _ => Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{}\"", token.token)).at(place(token.span.start)),
    }
}

/// Makes places count from the statement's own first character instead of the whole string's.
fn make_relative(tokens: &mut [TokenWithSpan]) {
    let Some(first) = tokens.first().map(|t| t.span.start) else {
        return;
    };
    let shift = |at: &mut Location| {
        if at.line == first.line {
            at.column = at.column.saturating_sub(first.column) + 1;
        }
        at.line = at.line.saturating_sub(first.line) + 1;
    };
    for token in tokens {
        shift(&mut token.span.start);
        shift(&mut token.span.end);
    }
}

/// A location carried as one number in an error's position until [`locate`] or the binder turns it into characters.
fn place(location: Location) -> Option<usize> {
    crate::bind::pack(location.line, location.column)
}

/// Gives a fault its position: 1-based, in characters of the statement's own text.
fn locate(fault: Fault, own: &str) -> Error {
    match fault {
        Fault::Ours(error) => unpack(error, own),
        Fault::Grammar(ParserError::RecursionLimitExceeded) => depth::too_deep(),
        Fault::Grammar(ParserError::TokenizerError(message)) => tokenizer_error(&message, String::new()),
        Fault::Grammar(ParserError::ParserError(message)) => grammar_error(&message, own),
    }
}

/// Turns an error's packed place into a character of `own`.
pub(crate) fn unpack(error: Error, own: &str) -> Error {
    let mut sql = error.into_sql();
    sql.position = sql.position.map(|packed| {
        let (line, column) = (packed >> 32, packed & 0xffff_ffff);
        if line == 0 { packed } else { character(own, Location::new(line as u64, column as u64)) }
    });
    Error::Sql(sql)
}

/// The grammar crate says `Expected: …, found: X at Line: 1, Column: 8`; PostgreSQL says `syntax error at or near "X"`.
fn grammar_error(message: &str, own: &str) -> Error {
    let location = message.rsplit_once(" at Line: ").and_then(|(_, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some(Location::new(line.trim().parse().ok()?, column.trim().parse().ok()?))
    });
    let Some(location) = location else {
        if message.contains("found: EOF") {
            return Error::new(SqlState::SYNTAX_ERROR, "syntax error at end of input");
        }
        return Error::new(SqlState::SYNTAX_ERROR, format!("syntax error: {message}"));
    };
    let position = character(own, location);
    let word = token_at(own, position);
    if word.eq_ignore_ascii_case("exclude") {
        return Error::unsupported("EXCLUDE in a window frame is not supported").at(Some(position));
    }
    Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{word}\"")).at(Some(position))
}

/// A token without its end; `rest`: the text from where it starts.
fn tokenizer_error(message: &str, rest: String) -> Error {
    let lower = message.to_ascii_lowercase();
    let what = if lower.contains("dollar") {
        "unterminated dollar-quoted string"
    } else if lower.contains("comment") {
        "unterminated /* comment"
    } else if lower.contains("close delimiter") {
        "unterminated quoted identifier"
    } else if lower.contains("unterminated") {
        "unterminated quoted string"
    } else {
        return Error::new(SqlState::SYNTAX_ERROR, format!("syntax error: {message}"));
    };
    let near = if rest.is_empty() { String::new() } else { format!(" at or near \"{rest}\"") };
    Error::new(SqlState::SYNTAX_ERROR, format!("{what}{near}"))
}

/// The token that starts at a 1-based character, as PostgreSQL would quote it.
fn token_at(text: &str, position: usize) -> String {
    let rest: String = text.chars().skip(position.saturating_sub(1)).take(64).collect();
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, &rest).with_unescape(false).tokenize() else {
        return rest.split_whitespace().next().unwrap_or_default().to_owned();
    };
    tokens.first().map(ToString::to_string).unwrap_or_default()
}

/// 1-based character of a location in `text`.
fn character(text: &str, location: Location) -> usize {
    let (line, column) = (usize::try_from(location.line).unwrap_or(1), usize::try_from(location.column).unwrap_or(1));
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(|l| l.chars().count()).sum();
    before + column.max(1)
}

/// Turns rising locations into byte offsets in one pass over the text.
struct Places<'a> {
    rest: std::str::CharIndices<'a>,
    at: Location,
    length: usize,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.char_indices(), at: Location::new(1, 1), length: text.len() }
    }

    /// Byte offset of `location`, which must not lie before an earlier one.
    fn byte(&mut self, location: Location) -> usize {
        loop {
            let mut ahead = self.rest.clone();
            let Some((index, character)) = ahead.next() else {
                return self.length;
            };
            if (self.at.line, self.at.column) >= (location.line, location.column) {
                return index;
            }
            if character == '\n' {
                self.at = Location::new(self.at.line + 1, 1);
            } else {
                self.at.column += 1;
            }
            self.rest = ahead;
        }
    }
}

#[cfg(test)]
mod tests;
