//! The pictures of numbers, such as `FM9,990.00`: read once, then followed by writer and reader.
//!
//! The documentation is PostgreSQL's chapter "Data Type Formatting Functions"; where it says nothing, the rules are
//! those a PostgreSQL 15 server shows.

use kura_pgtypes::{SqlError, SqlState};

use crate::failure::Outcome;

/// One element of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Nine,
    Zero,
    Point,
    /// `D`: the point of the locale, which is a point.
    LocalePoint,
    Comma,
    /// `G`: the group separator of the locale, which is a comma.
    Group,
    Currency,
    Roman,
    RomanLower,
    Ordinal,
    OrdinalLower,
    Minus,
    Plus,
    Sign,
    /// Known, and nothing by itself: `S`, `PR`, `FM`, `V`, `B`, `C`, `EEEE`, `SP`.
    Silent,
    /// A character copied as it is.
    Literal(char),
}

/// Where `S` puts the sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SignPlace {
    #[default]
    None,
    Before,
    After,
}

/// A picture and what its elements amount to.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) tokens: Vec<Token>,
    /// Digits before the decimal point.
    pub(super) pre: usize,
    /// Digits after it.
    pub(super) post: usize,
    /// Digits after `V`, by which the value is shifted.
    pub(super) shift: usize,
    /// Digit positions before the first `0`; `None` without one.
    pub(super) zero_start: Option<usize>,
    /// Digit positions up to the last `0`.
    pub(super) zero_end: usize,
    /// `FM`
    pub(super) fill: bool,
    pub(super) point: bool,
    /// `S`
    pub(super) sign: SignPlace,
    /// Digits before an `S` in front of the decimal point.
    pub(super) digits_before_sign: usize,
    /// `MI` or `SG`
    pub(super) minus: bool,
    /// `PL` or `SG`
    pub(super) plus: bool,
    /// `PR`
    pub(super) bracket: bool,
    pub(super) roman: bool,
    /// `EEEE`
    pub(super) exponent: bool,
    blank: bool,
    shifted: bool,
}

fn syntax(message: &str) -> SqlError {
    SqlError::new(SqlState::SYNTAX_ERROR, message)
}

/// Words and what they are; a longer word stands before its beginnings.
const WORDS: &[(&str, Word)] = &[
    ("EEEE", Word::Exponent),
    ("FM", Word::Fill),
    ("MI", Word::Minus),
    ("PL", Word::Plus),
    ("PR", Word::Bracket),
    ("SG", Word::BothSigns),
    ("SP", Word::Nothing),
    ("B", Word::Blank),
    ("C", Word::Nothing),
    ("D", Word::LocalePoint),
    ("G", Word::Group),
    ("L", Word::Currency),
    ("S", Word::Sign),
    ("V", Word::Shift),
];

#[derive(Clone, Copy)]
enum Word {
    Exponent,
    Fill,
    Minus,
    Plus,
    Bracket,
    BothSigns,
    Nothing,
    Blank,
    LocalePoint,
    Group,
    Currency,
    Sign,
    Shift,
}

impl Picture {
    /// # Errors
    /// 42601 for elements that exclude another.
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let mut picture = Self::default();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            rest = match c {
                '9' => picture.digit(Token::Nine, after)?,
                '0' => picture.digit(Token::Zero, after)?,
                '.' => picture.decimal_point(Token::Point, after)?,
                ',' => picture.push(Token::Comma, after),
                '"' => picture.quoted(after),
                '\\' if after.starts_with('"') => picture.push(Token::Literal('"'), &after[1..]),
                _ => picture.word(rest)?,
            };
        }
        Ok(picture)
    }

    fn push<'a>(&mut self, token: Token, after: &'a str) -> &'a str {
        self.tokens.push(token);
        after
    }

    fn quoted<'a>(&mut self, text: &'a str) -> &'a str {
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            match c {
                '"' => break,
                '\\' => self.tokens.extend(characters.next().map(Token::Literal)),
                c => self.tokens.push(Token::Literal(c)),
            }
        }
        characters.as_str()
    }

    fn guard_exponent(&self) -> Outcome<()> {
        if self.exponent {
            return Err(syntax("\"EEEE\" must be the last pattern used"));
        }
        Ok(())
    }

    fn digit<'a>(&mut self, token: Token, after: &'a str) -> Outcome<&'a str> {
        self.guard_exponent()?;
        if self.bracket {
            let name = if token == Token::Nine { "9" } else { "0" };
            return Err(syntax(&format!("\"{name}\" must be ahead of \"PR\"")));
        }
        if token == Token::Zero {
            if self.zero_start.is_none() && !self.point {
                self.zero_start = Some(self.pre);
            }
            self.count();
            self.zero_end = self.pre + self.post;
        } else if self.shifted {
            // Only nines shift; a zero behind `V` is one more digit before the point.
            self.shift += 1;
        } else {
            self.count();
        }
        Ok(self.push(token, after))
    }

    fn count(&mut self) {
        if self.point {
            self.post += 1;
        } else {
            self.pre += 1;
        }
    }

    fn decimal_point<'a>(&mut self, token: Token, after: &'a str) -> Outcome<&'a str> {
        self.guard_exponent()?;
        if self.point {
            return Err(syntax("multiple decimal points"));
        }
        if self.shifted {
            return Err(syntax("cannot use \"V\" and decimal point together"));
        }
        self.point = true;
        Ok(self.push(token, after))
    }

    fn word<'a>(&mut self, rest: &'a str) -> Outcome<&'a str> {
        let ordinal = [("TH", Token::Ordinal), ("th", Token::OrdinalLower), ("RN", Token::Roman), ("rn", Token::RomanLower)];
        if let Some((word, token)) = ordinal.into_iter().find(|(word, _)| rest.starts_with(word)) {
            self.guard_exponent()?;
            self.roman |= matches!(token, Token::Roman | Token::RomanLower);
            return Ok(self.push(token, &rest[word.len()..]));
        }
        let found = WORDS.iter().find(|(word, _)| rest.starts_with(word) || rest.starts_with(&word.to_ascii_lowercase()));
        let Some((word, meaning)) = found else {
            let c = rest.chars().next().unwrap_or_default();
            return Ok(self.push(Token::Literal(c), &rest[c.len_utf8()..]));
        };
        let after = &rest[word.len()..];
        if matches!(meaning, Word::LocalePoint) {
            return self.decimal_point(Token::LocalePoint, after);
        }
        self.guard_exponent()?;
        let token = self.meaning(*meaning)?;
        Ok(self.push(token, after))
    }

    fn meaning(&mut self, word: Word) -> Outcome<Token> {
        match word {
            Word::Nothing => {}
            Word::Fill => self.fill = true,
            Word::Blank => self.blank |= self.pre == 0 && self.post == 0 && self.zero_start.is_none(),
            Word::Group => return Ok(Token::Group),
            Word::Currency => return Ok(Token::Currency),
            Word::Shift => {
                if self.point {
                    return Err(syntax("cannot use \"V\" and decimal point together"));
                }
                self.shifted = true;
            }
            Word::Sign => self.locale_sign()?,
            Word::Minus => {
                self.exclude_locale_sign("MI")?;
                self.minus = true;
                return Ok(Token::Minus);
            }
            Word::Plus => {
                self.exclude_locale_sign("PL")?;
                self.plus = true;
                return Ok(Token::Plus);
            }
            Word::BothSigns => {
                self.exclude_locale_sign("SG")?;
                (self.minus, self.plus) = (true, true);
                return Ok(Token::Sign);
            }
            Word::Bracket => {
                if self.sign != SignPlace::None || self.plus || self.minus {
                    return Err(syntax("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together"));
                }
                self.bracket = true;
            }
            Word::Exponent => {
                let mixed = self.blank
                    || self.fill
                    || self.sign != SignPlace::None
                    || self.bracket
                    || self.minus
                    || self.plus
                    || self.roman
                    || self.shifted;
                if mixed {
                    return Err(syntax("\"EEEE\" is incompatible with other formats")
                        .detail("\"EEEE\" may only be used together with digit and decimal point patterns."));
                }
                self.exponent = true;
            }
            Word::LocalePoint => return Ok(Token::LocalePoint),
        }
        Ok(Token::Silent)
    }

    fn exclude_locale_sign(&self, word: &str) -> Outcome<()> {
        if self.sign == SignPlace::None {
            return Ok(());
        }
        Err(syntax(&format!("cannot use \"S\" and \"{word}\" together")))
    }

    fn locale_sign(&mut self) -> Outcome<()> {
        if self.sign != SignPlace::None {
            return Err(syntax("cannot use \"S\" twice"));
        }
        if self.plus || self.minus || self.bracket {
            return Err(syntax("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together"));
        }
        if self.point {
            self.sign = SignPlace::After;
        } else {
            self.sign = SignPlace::Before;
            self.digits_before_sign = self.pre;
        }
        Ok(())
    }
}
