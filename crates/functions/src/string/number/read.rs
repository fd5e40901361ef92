//! A text through a picture: `to_number`.

use super::picture::{Picture, SignPlace, Token};
use crate::failure::{Outcome, unsupported};

struct Reader<'a> {
    picture: &'a Picture,
    /// What is left of the text.
    rest: &'a str,
    sign: char,
    digits: String,
    before: usize,
    after: usize,
    point: bool,
}

/// The number a text shows under a picture, as `[sign]digits[.digits]`; the sign is a blank where there is none.
pub(super) fn read(picture: &Picture, text: &str) -> Outcome<String> {
    if picture.roman {
        return Err(unsupported("\"RN\" not supported for input"));
    }
    if picture.exponent {
        return Err(unsupported("\"EEEE\" not supported for input"));
    }
    let mut reader = Reader { picture, rest: text, sign: ' ', digits: String::new(), before: 0, after: 0, point: false };
    for token in &picture.tokens {
        if reader.rest.is_empty() {
            break;
        }
        reader.token(*token);
    }
    if reader.digits.ends_with('.') {
        reader.digits.pop();
    }
    Ok(format!("{}{}", reader.sign, reader.digits))
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self) {
        let mut characters = self.rest.chars();
        characters.next();
        self.rest = characters.as_str();
    }

    /// Skips up to `n` characters that cannot belong to a number.
    fn skip_words(&mut self, n: usize) {
        for _ in 0..n {
            match self.peek() {
                Some(c) if !matches!(c, '0'..='9' | '.' | ',' | '+' | '-') => self.skip(),
                _ => return,
            }
        }
    }

    fn token(&mut self, token: Token) {
        match token {
            Token::Nine | Token::Zero | Token::Point | Token::LocalePoint => self.digit(token),
            Token::Comma | Token::Group => {
                if self.peek() == Some(',') {
                    self.skip();
                }
            }
            Token::Currency => self.skip_words(1),
            Token::Ordinal | Token::OrdinalLower => {
                if !(self.sign == '-' || self.picture.point) {
                    self.skip_words(2);
                }
            }
            Token::Minus => self.sign_character(&['-']),
            Token::Plus => self.sign_character(&['+']),
            Token::Sign => self.sign_character(&['-', '+']),
            Token::Literal(_) => self.skip(),
            Token::Silent | Token::Roman | Token::RomanLower => {}
        }
    }

    fn sign_character(&mut self, allowed: &[char]) {
        match self.peek() {
            Some(c) if allowed.contains(&c) => {
                self.sign = c;
                self.skip();
            }
            _ => self.skip_words(1),
        }
    }

    fn digit(&mut self, token: Token) {
        if self.peek() == Some(' ') {
            self.skip();
        }
        if self.sign == ' ' && matches!(token, Token::Nine | Token::Zero) && self.before + self.after == 0 {
            self.leading_sign();
        }
        let mut read = false;
        match self.peek() {
            None => return,
            Some(c @ '0'..='9') => {
                if self.point && self.after == self.picture.post {
                    return;
                }
                self.digits.push(c);
                if self.point {
                    self.after += 1;
                } else {
                    self.before += 1;
                }
                read = true;
            }
            Some('.') if self.picture.point && !self.point => {
                self.digits.push('.');
                self.point = true;
                read = true;
            }
            Some(_) => {}
        }
        if self.sign == ' ' && self.before + self.after > 0 {
            self.trailing_sign(read);
        }
        self.skip();
    }

    fn leading_sign(&mut self) {
        let locale = self.picture.sign == SignPlace::Before;
        match self.peek() {
            Some('-') => self.sign = '-',
            Some('<') if self.picture.bracket && !locale => self.sign = '-',
            Some('+') => self.sign = '+',
            _ => return,
        }
        self.skip();
    }

    /// A sign right behind the last digit.
    fn trailing_sign(&mut self, read: bool) {
        if self.picture.sign != SignPlace::None {
            let mut ahead = self.rest.chars();
            ahead.next();
            if read && let Some(sign @ ('-' | '+')) = ahead.next() {
                self.sign = sign;
                self.skip();
            }
        } else if !read
            && !self.picture.plus
            && !self.picture.minus
            && let Some(sign @ ('-' | '+')) = self.peek()
        {
            self.sign = sign;
        }
    }
}
