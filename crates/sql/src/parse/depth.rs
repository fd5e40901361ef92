//! Limits on nesting and on chains, checked on the tokens before anything recurses over them.
//!
//! A chain such as `1+1+…` nests as deeply as parentheses do once it is a tree. AND and OR chains and UNION arms are
//! balanced or flattened by the binder, so they may be longer.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use kura_pgtypes::SqlState;

use crate::Error;

/// Nesting the grammar may recurse into; statements are parsed on a thread with a stack for it.
pub(super) const PARSER_DEPTH: usize = 4_000;
/// Parentheses, brackets and CASE inside one another.
const NESTING_MAX: usize = 500;
/// Operators in one chain, other than AND and OR.
const CHAIN_MAX: usize = 2_000;
/// ANDs and ORs in one chain.
const LOGIC_MAX: usize = 50_000;
/// Set operations in one statement.
const ARMS_MAX: usize = 1_000;
/// Joins in one statement.
const JOINS_MAX: usize = 500;

/// One level of nesting: what has been chained in it so far.
#[derive(Default, Clone, Copy)]
struct Level {
    chain: usize,
    logic: usize,
}

/// Refuses statements that would nest too deeply as trees.
///
/// # Errors
/// 54001, as PostgreSQL's stack depth limit.
pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<(), Error> {
    let mut levels = vec![Level::default()];
    let mut total = 0_usize;
    let (mut arms, mut joins, mut cases) = (0_usize, 0_usize, 0_usize);
    for token in tokens {
        let nested = levels.len() > 1;
        let level = levels.last_mut().expect("the outermost level is never popped");
        match &token.token {
            Token::LParen | Token::LBracket => {
                total += level.chain;
                levels.push(Level::default());
            }
            Token::RParen | Token::RBracket if nested => {
                levels.pop();
                total -= levels.last().map_or(0, |l| l.chain).min(total);
            }
            Token::Comma => *level = Level::default(),
            Token::Word(word) => match word.keyword {
                Keyword::AND | Keyword::OR => {
                    level.logic += 1;
                    level.chain = 0;
                }
                Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT => {
                    arms += 1;
                    *level = Level::default();
                }
                Keyword::JOIN => joins += 1,
                Keyword::CASE => {
                    cases += 1;
                    level.chain += 1;
                }
                Keyword::END => cases = cases.saturating_sub(1),
                Keyword::SELECT | Keyword::FROM | Keyword::WHERE | Keyword::WHEN | Keyword::THEN | Keyword::ELSE => level.chain = 0,
                Keyword::NOT | Keyword::IS | Keyword::COLLATE => level.chain += 1,
                _ => {}
            },
            other if chains(other) => level.chain += 1,
            _ => {}
        }
        let level = levels.last().copied().unwrap_or_default();
        if levels.len() + cases > NESTING_MAX
            || total + level.chain > CHAIN_MAX
            || level.logic > LOGIC_MAX
            || arms > ARMS_MAX
            || joins > JOINS_MAX
        {
            return Err(too_deep());
        }
    }
    Ok(())
}

/// Whether the token joins an expression before it with one behind it.
fn chains(token: &Token) -> bool {
    !matches!(
        token,
        Token::EOF
            | Token::Word(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::DollarQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::Placeholder(_)
            | Token::Period
            | Token::SemiColon
            | Token::Whitespace(_)
            | Token::Colon
    )
}

/// PostgreSQL's error for a statement that needs too much stack.
pub(super) fn too_deep() -> Error {
    Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
        .hint("The statement nests or chains too deeply: use IN (...) or VALUES for long lists, and fewer operators in one expression.")
}
