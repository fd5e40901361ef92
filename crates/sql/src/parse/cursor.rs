//! A walk over a statement's significant tokens, for the statements read by hand.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Fault, near};

/// A place in a statement's tokens (white space left out).
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    tokens: &'a [TokenWithSpan],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(tokens: &'a [TokenWithSpan]) -> Self {
        Self { tokens }
    }

    /// The tokens not yet read.
    pub(super) fn rest(&self) -> &'a [TokenWithSpan] {
        self.tokens
    }

    pub(super) fn peek(&self) -> Option<&'a Token> {
        self.tokens.first().map(|t| &t.token)
    }

    pub(super) fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(&first.token)
    }

    pub(super) fn is(&self, token: &Token) -> bool {
        self.peek() == Some(token)
    }

    pub(super) fn eat(&mut self, token: &Token) -> bool {
        let found = self.is(token);
        if found {
            self.next();
        }
        found
    }

    /// Whether the next token is this unquoted word, in any case.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(w)) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.next();
        }
        found
    }

    /// Eats all the words in order, or none.
    pub(super) fn eat_words(&mut self, words: &[&str]) -> bool {
        let mut ahead = self.clone();
        let found = words.iter().all(|word| ahead.eat_word(word));
        if found {
            *self = ahead;
        }
        found
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), Fault> {
        if self.eat_word(word) { Ok(()) } else { Err(self.fault()) }
    }

    pub(super) fn expect(&mut self, token: &Token) -> Result<(), Fault> {
        if self.eat(token) { Ok(()) } else { Err(self.fault()) }
    }

    /// An identifier: quoted as it is, otherwise in lower case.
    pub(super) fn identifier(&mut self) -> Result<String, Fault> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let name = if word.quote_style.is_some() { word.value.clone() } else { word.value.to_lowercase() };
                self.next();
                Ok(name)
            }
            _ => Err(self.fault()),
        }
    }

    /// A string literal.
    pub(super) fn string(&mut self) -> Result<String, Fault> {
        match self.peek() {
            Some(Token::SingleQuotedString(s) | Token::EscapedStringLiteral(s)) => {
                let value = s.clone();
                self.next();
                Ok(value)
            }
            Some(Token::DollarQuotedString(s)) => {
                let value = s.value.clone();
                self.next();
                Ok(value)
            }
            _ => Err(self.fault()),
        }
    }

    /// The tokens between a parenthesis and its match; the cursor goes behind it.
    pub(super) fn parenthesised(&mut self) -> Result<Vec<TokenWithSpan>, Fault> {
        self.expect(&Token::LParen)?;
        let start = self.tokens;
        let mut depth = 1_usize;
        for (index, token) in start.iter().enumerate() {
            match token.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.tokens = start.get(index + 1..).unwrap_or_default();
                return Ok(start.get(..index).unwrap_or_default().to_vec());
            }
        }
        self.tokens = &[];
        Err(self.fault())
    }

    pub(super) fn at_end(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(super) fn expect_end(&self) -> Result<(), Fault> {
        if self.at_end() { Ok(()) } else { Err(self.fault()) }
    }

    /// A syntax error at the next token.
    pub(super) fn fault(&self) -> Fault {
        Fault::Ours(match self.tokens.first() {
            Some(token) => near(token),
            None => near(&TokenWithSpan::wrap(Token::EOF)),
        })
    }
}
