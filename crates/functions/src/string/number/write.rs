//! A number through a picture: `to_char`.

use super::picture::{Picture, SignPlace, Token};
use crate::kernel::write::Out;

/// Columns of a Roman numeral without `FM`.
const ROMAN_WIDTH: usize = 15;

struct Writer<'a> {
    picture: &'a Picture,
    /// The digits, with a decimal point where there are decimals.
    number: &'a [u8],
    /// The next of them to write.
    at: usize,
    negative: bool,
    /// Digit positions the number leaves empty at the left.
    blanks: usize,
    /// With `FM` and a decimal point: the last digit that counts, or the point itself.
    last_relevant: Option<usize>,
    sign: SignPlace,
    sign_written: bool,
    bracket: bool,
    positions: i64,
    /// Digit positions passed.
    position: usize,
    /// Whether the picture asked for a digit behind the last; nothing is written from there on.
    ended: bool,
    /// Whether a digit was written, so that separators have something to separate.
    inside: bool,
    out: &'a mut Out,
}

/// Writes `digits` (no sign) through the picture. `post`: decimals the number has been given.
pub(super) fn write(picture: &Picture, digits: &str, negative: bool, blanks: usize, post: usize, out: &mut Out) {
    let separate = picture.plus || picture.minus;
    let bracket = picture.bracket && (negative || !picture.fill || separate);
    let sign_written = if separate { !picture.plus || picture.minus } else { !negative && picture.fill && picture.sign == SignPlace::None };
    let pre = picture.pre + picture.shift;
    let mut sign = picture.sign;
    if !separate && sign == SignPlace::Before && pre == picture.digits_before_sign {
        sign = SignPlace::After;
    }
    let mut positions = (pre + post) as i64 - 1;
    if !sign_written && blanks == 0 {
        positions += 1;
    }
    let last_relevant = if picture.fill && picture.point { last_relevant(picture, digits, blanks) } else { None };
    let mut writer = Writer {
        picture,
        number: digits.as_bytes(),
        at: 0,
        negative,
        blanks,
        last_relevant,
        sign,
        sign_written,
        bracket,
        positions,
        position: 0,
        ended: false,
        inside: false,
        out,
    };
    for token in &picture.tokens {
        writer.token(*token);
    }
}

/// The last digit after the point that is not zero, or that a `0` of the picture insists on.
fn last_relevant(picture: &Picture, digits: &str, blanks: usize) -> Option<usize> {
    let point = digits.find('.')?;
    let last = digits.bytes().enumerate().skip(point + 1).rfind(|(_, byte)| *byte != b'0');
    let last = last.map_or(point, |(at, _)| at);
    if picture.zero_end > blanks {
        return Some(last.max((digits.len() - 1).min(picture.zero_end - blanks)));
    }
    Some(last)
}

impl Writer<'_> {
    fn token(&mut self, token: Token) {
        if self.ended {
            return;
        }
        let fill = self.picture.fill;
        match token {
            Token::Nine | Token::Zero | Token::Point | Token::LocalePoint => self.digit(token),
            Token::Comma | Token::Group if self.inside => self.out.push(','),
            Token::Comma | Token::Group if fill => {}
            Token::Comma | Token::Group => self.out.push(' '),
            Token::Currency => self.out.push(' '),
            Token::Ordinal | Token::OrdinalLower => self.ordinal(token == Token::Ordinal),
            Token::Minus if self.negative => self.out.push('-'),
            Token::Plus if !self.negative => self.out.push('+'),
            Token::Minus | Token::Plus if fill => {}
            Token::Minus | Token::Plus => self.out.push(' '),
            Token::Sign => self.out.push(if self.negative { '-' } else { '+' }),
            Token::Silent | Token::Roman | Token::RomanLower => {}
            Token::Literal(c) => self.out.push(c),
        }
    }

    fn ordinal(&mut self, upper: bool) {
        if self.negative || self.picture.point || self.number.first() == Some(&b'#') {
            return;
        }
        let tail = &self.number[self.number.len().saturating_sub(2)..];
        let teen = tail.len() == 2 && tail[0] == b'1';
        let suffix = match tail.last() {
            Some(b'1') if !teen => "st",
            Some(b'2') if !teen => "nd",
            Some(b'3') if !teen => "rd",
            _ => "th",
        };
        self.out.push_str(&if upper { suffix.to_ascii_uppercase() } else { suffix.to_owned() });
    }

    /// Whether the digit to be written is the lone zero before a decimal point, as in ` .5`.
    fn is_lone_zero(&self) -> bool {
        self.picture.zero_start.is_none() && self.at == 0 && self.number.first() == Some(&b'0') && self.post() != 0
    }

    fn post(&self) -> usize {
        self.number.iter().position(|byte| *byte == b'.').map_or(0, |point| self.number.len() - point - 1)
    }

    fn ends_at_point(&self) -> bool {
        self.last_relevant.is_some_and(|last| self.number.get(last) == Some(&b'.'))
    }

    fn digit(&mut self, token: Token) {
        self.inside = false;
        let zero_begun = self.picture.zero_start.is_some_and(|start| start <= self.position);
        self.write_sign();
        if self.position < self.blanks && !zero_begun {
            if !self.picture.fill {
                self.out.push(' ');
            }
        } else if self.position < self.blanks {
            self.out.push('0');
            self.inside = true;
        } else {
            self.write_digit(token);
            if self.at < self.number.len() {
                self.at += 1;
            }
        }
        self.write_end();
        self.position += 1;
    }

    fn write_sign(&mut self) {
        let begins = self.position >= self.blanks || self.picture.zero_start == Some(self.position);
        if self.sign_written || !begins || (self.is_lone_zero() && !self.ends_at_point()) {
            return;
        }
        match (self.sign, self.bracket, self.negative) {
            (SignPlace::Before, _, negative) => self.out.push(if negative { '-' } else { '+' }),
            (SignPlace::After, _, _) => return,
            (SignPlace::None, true, negative) => self.out.push(if negative { '<' } else { ' ' }),
            (SignPlace::None, false, true) => self.out.push('-'),
            (SignPlace::None, false, false) if !self.picture.fill => self.out.push(' '),
            (SignPlace::None, false, false) => {}
        }
        self.sign_written = true;
    }

    fn write_digit(&mut self, token: Token) {
        match self.number.get(self.at) {
            Some(b'.') => self.out.push('.'),
            digit => {
                if self.last_relevant.is_some_and(|last| self.at > last) && token != Token::Zero {
                    return;
                }
                if self.is_lone_zero() {
                    if !self.picture.fill {
                        self.out.push(' ');
                    } else if self.ends_at_point() {
                        self.out.push('0');
                    }
                } else if let Some(digit) = digit {
                    self.out.push(char::from(*digit));
                    self.inside = true;
                } else {
                    self.ended = true;
                }
            }
        }
    }

    /// The closing bracket or sign behind the last digit.
    fn write_end(&mut self) {
        let mut end = self.positions + i64::from(self.blanks > 0) + i64::from(self.picture.point);
        if self.last_relevant == Some(self.at) {
            end = self.position as i64;
        }
        if self.position as i64 + 1 != end || self.ended {
            return;
        }
        if self.sign_written && self.bracket {
            self.out.push(if self.negative { '>' } else { ' ' });
        } else if self.sign == SignPlace::After {
            self.out.push(if self.negative { '-' } else { '+' });
        }
    }
}

/// Writes a Roman numeral; numbers that have none are `#`.
pub(super) fn roman(picture: &Picture, value: i32, out: &mut Out) {
    const NUMERALS: [(i32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut numeral = String::new();
    if (1..=3999).contains(&value) {
        let mut left = value;
        for (size, letters) in NUMERALS {
            while left >= size {
                numeral.push_str(letters);
                left -= size;
            }
        }
    } else {
        numeral = "#".repeat(ROMAN_WIDTH);
    }
    for token in &picture.tokens {
        let lower = match token {
            Token::Roman => false,
            Token::RomanLower => true,
            Token::Literal(c) => {
                out.push(*c);
                continue;
            }
            _ => continue,
        };
        let numeral = if lower { numeral.to_ascii_lowercase() } else { numeral.clone() };
        out.push_str(&if picture.fill { numeral } else { format!("{numeral:>ROMAN_WIDTH$}") });
    }
}
