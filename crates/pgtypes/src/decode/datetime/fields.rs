//! What the fields of a date or time mean, which depends on those before them and on the order of `DateStyle`.
//!
//! The decisions are PostgreSQL's (`DecodeDateTime`): `20240310`, `March 10, 2024`, `10-Mar-2024`, `2024.070`,
//! `J2460380`, `20240310T134500+09`, `13:45 PM` and so on read as they do there.

use super::Fault;
use super::token::{Shape, Token, tokens};
use super::words::{self, Word};
use crate::calendar::{
    MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, UNIX_EPOCH_JULIAN, days_from_civil, days_in_month,
};
use crate::settings::DateOrder;
use crate::timezone::TimeZone;

/// A text that was read.
pub(super) enum Reading {
    Moment(Moment),
    Epoch,
    Infinity,
    NegativeInfinity,
}

/// A day, the time of it, and the zone the text names.
pub(super) struct Moment {
    /// Days since 1970.
    pub(super) days: i64,
    /// Microseconds since midnight.
    pub(super) micros: i64,
    pub(super) zone: Option<Zone>,
}

/// The zone a text names.
pub(super) enum Zone {
    /// Seconds east.
    Fixed(i32),
    Named(TimeZone),
}

// The fields a text has given so far.
const YEAR: u16 = 1;
const MONTH: u16 = 1 << 1;
const DAY: u16 = 1 << 2;
const DAY_OF_YEAR: u16 = 1 << 3;
const TIME: u16 = 1 << 4;
const ZONE: u16 = 1 << 5;
const AM_PM: u16 = 1 << 6;
const ERA: u16 = 1 << 7;
const WEEKDAY: u16 = 1 << 8;
const SUMMER_TIME: u16 = 1 << 9;
const SPECIAL: u16 = 1 << 10;
const DATE: u16 = YEAR | MONTH | DAY;

/// A word that says what the next number is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Announced {
    Time,
    Julian,
}

struct Reader {
    order: DateOrder,
    /// Only a time is wanted: numbers are times, and a date may be missing.
    time_only: bool,
    seen: u16,
    year: i64,
    month: i64,
    day: i64,
    day_of_year: i64,
    julian: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    zone: Option<Zone>,
    text_month: bool,
    two_digit_year: bool,
    before_christ: bool,
    /// 12 for PM, 0 for AM.
    half_day: Option<i64>,
    special: Option<Word>,
}

/// Reads a date with or without time.
pub(super) fn read(text: &str, order: DateOrder) -> Result<Reading, Fault> {
    let mut reader = Reader::new(order, false);
    reader.all(&tokens(text)?)?;
    let days = reader.day()?;
    reader.apply_half_day()?;
    match reader.special {
        Some(Word::Infinity) => return Ok(Reading::Infinity),
        Some(Word::NegativeInfinity) => return Ok(Reading::NegativeInfinity),
        Some(_) => return Ok(Reading::Epoch),
        None => {}
    }
    let days = days.ok_or(Fault::Format)?;
    let micros = reader.time_micros();
    Ok(Reading::Moment(Moment { days, micros, zone: reader.zone }))
}

/// Reads a time of day; a date and a zone beside it are read and dropped.
pub(super) fn read_time(text: &str, order: DateOrder) -> Result<Moment, Fault> {
    let mut reader = Reader::new(order, true);
    reader.all(&tokens(text)?)?;
    reader.day()?;
    reader.apply_half_day()?;
    if reader.seen & TIME == 0 || reader.special.is_some() {
        return Err(Fault::Format);
    }
    // A zone that changes its offset means nothing without the day.
    if matches!(&reader.zone, Some(Zone::Named(zone)) if zone.fixed_offset().is_none()) && reader.seen & DATE != DATE {
        return Err(Fault::Format);
    }
    Ok(Moment { days: 0, micros: reader.time_micros(), zone: None })
}

impl Reader {
    fn new(order: DateOrder, time_only: bool) -> Self {
        Self {
            order,
            time_only,
            seen: 0,
            year: 0,
            month: 0,
            day: 0,
            day_of_year: 0,
            julian: None,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
            zone: None,
            text_month: false,
            two_digit_year: false,
            before_christ: false,
            half_day: None,
            special: None,
        }
    }

    fn all(&mut self, tokens: &[Token]) -> Result<(), Fault> {
        let mut announced = None;
        for (index, token) in tokens.iter().enumerate() {
            let given = match token.shape {
                Shape::Date => self.date_token(token, &mut announced)?,
                Shape::Time => {
                    if announced.take().is_some_and(|announced| announced != Announced::Time) {
                        return Err(Fault::Format);
                    }
                    self.clock(&token.text)?
                }
                Shape::Signed => {
                    self.zone = Some(Zone::Fixed(parse_offset(&token.text)?));
                    ZONE
                }
                Shape::Number => match announced.take() {
                    Some(Announced::Time) => self.run_together(&token.text, DATE)?,
                    Some(Announced::Julian) => self.julian_day(&token.text)?,
                    None => self.number_token(&token.text)?,
                },
                Shape::Word | Shape::SignedWord => {
                    let next = tokens.get(index + 1).map(|token| token.shape);
                    self.word(&token.text, next, &mut announced)?
                }
            };
            if given & self.seen != 0 {
                return Err(Fault::Format);
            }
            self.seen |= given;
        }
        if announced.is_some() { Err(Fault::Format) } else { Ok(()) }
    }

    fn has_date(&self) -> bool {
        self.seen & DATE == DATE
    }

    fn date_token(&mut self, token: &Token, announced: &mut Option<Announced>) -> Result<u16, Fault> {
        let text = token.text.as_str();
        let starts_with_digit = text.starts_with(|c: char| c.is_ascii_digit());
        if announced.is_none() && self.seen & (MONTH | DAY) != MONTH | DAY && (!self.time_only || starts_with_digit) {
            return self.date_fields(text);
        }
        match announced.take() {
            Some(Announced::Julian) => {
                // A Julian day with its zone run together.
                let at = text.find('-').ok_or(Fault::Format)?;
                self.zone = Some(Zone::Fixed(parse_offset(&text[at..])?));
                return Ok(self.julian_day(&text[..at])? | ZONE);
            }
            None if !starts_with_digit => {
                let zone = TimeZone::from_zone(text).ok_or_else(|| Fault::Zone(text.to_owned()))?;
                self.zone = Some(Zone::Named(zone));
                return Ok(ZONE);
            }
            Some(Announced::Time) | None => {}
        }
        // A time with its zone run together: hhmmss-zz.
        if self.seen & TIME != 0 {
            return Err(Fault::Format);
        }
        let at = text.find('-').ok_or(Fault::Format)?;
        self.zone = Some(Zone::Fixed(parse_offset(&text[at..])?));
        Ok(self.run_together(&text[..at], self.seen)? | ZONE)
    }

    /// Splits a date with separators. A month by name is found first, as it leaves less doubt about the numbers.
    fn date_fields(&mut self, text: &str) -> Result<u16, Fault> {
        let mut parts = split_date(text);
        let mut given = 0;
        let before = self.seen;
        let mut text_month = self.text_month;
        for part in &mut parts {
            if !part.starts_with(|c: char| c.is_ascii_alphabetic()) {
                continue;
            }
            match words::find(part) {
                Some(Word::Ignored) => {}
                Some(Word::Month(month)) if (self.seen | given) & MONTH == 0 => {
                    self.month = month;
                    text_month = true;
                    given |= MONTH;
                }
                _ => return Err(Fault::Format),
            }
            *part = "";
        }
        for part in parts.iter().filter(|part| !part.is_empty()) {
            self.seen = before | given;
            let field = self.number(part, text_month);
            self.seen = before;
            let field = field?;
            if (before | given) & field != 0 {
                return Err(Fault::Format);
            }
            given |= field;
        }
        // A date in one piece has to be complete, and only a zone may stand before it.
        if (before | given) & !(DAY_OF_YEAR | ZONE) != DATE {
            return Err(Fault::Format);
        }
        Ok(given)
    }

    /// A number that no word announced.
    fn number_token(&mut self, text: &str) -> Result<u16, Fault> {
        if self.time_only && (!text.contains('.') || self.has_date()) {
            return self.run_together(text, self.seen | DATE);
        }
        let point = text.find('.');
        match point {
            Some(_) if self.seen & DATE == 0 && !self.time_only => self.date_fields(text),
            Some(at) if at > 2 => self.run_together(text, self.seen | if self.time_only { DATE } else { 0 }),
            None if text.len() >= 6 && (!self.has_date() || self.seen & TIME == 0) => self.run_together(text, self.seen),
            _ => self.number(text, self.text_month),
        }
    }

    /// One number of a date. What it is follows from what is known already.
    fn number(&mut self, text: &str, text_month: bool) -> Result<u16, Fault> {
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::Format);
        }
        let value = i64::from(whole.parse::<i32>().map_err(|_| Fault::Field)?);
        if let Some(fraction) = fraction {
            if whole.len() > 2 {
                return self.run_together(text, self.seen | DATE);
            }
            self.micros = parse_fraction(fraction)?;
        }
        if text.len() == 3 && self.seen & DATE == YEAR && (1..=366).contains(&value) {
            self.day_of_year = value;
            return Ok(DAY_OF_YEAR | MONTH | DAY);
        }
        let year_first = text.len() >= 3 || self.order == DateOrder::Ymd;
        let field = match self.seen & DATE {
            0 if year_first => YEAR,
            0 if self.order == DateOrder::Dmy => DAY,
            0 | YEAR | DAY => MONTH,
            MONTH if text_month && year_first => YEAR,
            MONTH => DAY,
            YEAR_MONTH if text_month && text.len() >= 3 && self.two_digit_year => {
                // The first number was the day after all.
                self.day = self.year;
                self.year = value;
                self.two_digit_year = false;
                return Ok(DAY);
            }
            YEAR_MONTH => DAY,
            MONTH_DAY => YEAR,
            DATE => return self.run_together(text, self.seen),
            _ => return Err(Fault::Format),
        };
        match field {
            YEAR => {
                self.year = value;
                self.two_digit_year = text.len() <= 2;
            }
            MONTH => self.month = value,
            _ => self.day = value,
        }
        Ok(field)
    }

    /// `20240310`, `240310`, `134500.5`, `1345`: a date or a time without separators.
    fn run_together(&mut self, text: &str, seen: u16) -> Result<u16, Fault> {
        let (digits, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::Format);
        }
        let number = |from: usize, to: usize| digits[from..to].parse::<i32>().map(i64::from).map_err(|_| Fault::Field);
        let length = digits.len();
        match fraction {
            Some(fraction) => self.micros = parse_fraction(fraction)?,
            None if seen & DATE != DATE && length >= 6 => {
                self.day = number(length - 2, length)?;
                self.month = number(length - 4, length - 2)?;
                self.year = number(0, length - 4)?;
                self.two_digit_year = length == 6;
                return Ok(DATE);
            }
            None => {}
        }
        if seen & TIME != 0 || !matches!(length, 4 | 6) {
            return Err(Fault::Format);
        }
        self.hour = number(0, 2)?;
        self.minute = number(2, 4)?;
        self.second = if length == 6 { number(4, 6)? } else { 0 };
        self.check_time()?;
        Ok(TIME)
    }

    fn julian_day(&mut self, text: &str) -> Result<u16, Fault> {
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        let day = whole.parse::<i32>().map_err(|_| Fault::Field)?;
        self.julian = Some(i64::from(day) - UNIX_EPOCH_JULIAN);
        let Some(fraction) = fraction else { return Ok(DATE) };
        let part: f64 = format!("0.{fraction}0").parse().map_err(|_| Fault::Format)?;
        // The part of a day, split as the reading of a clock would leave it.
        let micros = (part * MICROS_PER_DAY as f64) as i64;
        self.hour = micros / MICROS_PER_HOUR;
        self.minute = micros / MICROS_PER_MINUTE % 60;
        self.second = micros / MICROS_PER_SECOND % 60;
        self.micros = micros % MICROS_PER_SECOND;
        Ok(DATE | TIME)
    }

    /// `13:45`, `13:45:00.5`
    fn clock(&mut self, text: &str) -> Result<u16, Fault> {
        let clock = Clock::read(text)?;
        (self.hour, self.minute, self.second, self.micros) = (clock.hour, clock.minute, clock.second, clock.micros);
        self.check_time()?;
        Ok(TIME)
    }

    fn check_time(&self) -> Result<(), Fault> {
        let inside = self.hour <= 24 && self.minute <= 59 && self.second <= 60 && self.time_micros() <= MICROS_PER_DAY;
        if inside { Ok(()) } else { Err(Fault::Field) }
    }

    fn time_micros(&self) -> i64 {
        self.hour * MICROS_PER_HOUR + self.minute * MICROS_PER_MINUTE + self.second * MICROS_PER_SECOND + self.micros
    }

    fn word(&mut self, text: &str, next: Option<Shape>, announced: &mut Option<Announced>) -> Result<u16, Fault> {
        if let Some(zone) = TimeZone::from_abbreviation(text) {
            self.zone = Some(match zone.fixed_offset() {
                Some(seconds) => Zone::Fixed(seconds),
                None => Zone::Named(zone),
            });
            return Ok(ZONE);
        }
        let Some(word) = words::find(text) else {
            self.zone = Some(Zone::Named(TimeZone::from_zone(text).ok_or(Fault::Format)?));
            return Ok(ZONE);
        };
        match word {
            Word::Ignored => Ok(0),
            Word::Month(month) => {
                let swapped = self.seen & (MONTH | DAY) == MONTH && !self.text_month && (1..=31).contains(&self.month);
                if swapped {
                    // The number taken for the month was the day.
                    self.day = self.month;
                }
                self.month = month;
                self.text_month = true;
                Ok(if swapped { DAY } else { MONTH })
            }
            Word::Weekday => Ok(WEEKDAY),
            Word::Am | Word::Pm => {
                self.half_day = Some(if word == Word::Pm { 12 } else { 0 });
                Ok(AM_PM)
            }
            Word::Ad | Word::Bc => {
                self.before_christ = word == Word::Bc;
                Ok(ERA)
            }
            Word::SummerTime => {
                if let Some(Zone::Fixed(seconds)) = &mut self.zone {
                    *seconds += 3600;
                }
                Ok(SUMMER_TIME)
            }
            Word::Midnight => {
                (self.hour, self.minute, self.second) = (0, 0, 0);
                self.zone = Some(Zone::Fixed(0));
                Ok(TIME | ZONE)
            }
            Word::Infinity | Word::NegativeInfinity | Word::Epoch => {
                self.special = Some(word);
                Ok(DATE | TIME | ZONE | SPECIAL)
            }
            Word::Julian => {
                *announced = Some(Announced::Julian);
                Ok(0)
            }
            Word::Time => {
                let follows = matches!(next, Some(Shape::Number | Shape::Time | Shape::Date));
                if !follows || (!self.has_date() && !self.time_only) {
                    return Err(Fault::Format);
                }
                *announced = Some(Announced::Time);
                Ok(0)
            }
            Word::Refused => Err(Fault::Format),
        }
    }

    /// The day the date fields name, once all of them are known; `None` if some are missing.
    fn day(&mut self) -> Result<Option<i64>, Fault> {
        if self.special.is_some() {
            return Ok(None);
        }
        if let Some(days) = self.julian {
            return Ok(Some(days));
        }
        if self.seen & YEAR != 0 {
            if self.before_christ {
                if self.year <= 0 {
                    return Err(Fault::Field);
                }
                self.year = 1 - self.year;
            } else if self.two_digit_year {
                self.year += if self.year < 70 { 2000 } else { 1900 };
            } else if self.year <= 0 {
                return Err(Fault::Field);
            }
        }
        if self.seen & DAY_OF_YEAR != 0 {
            return Ok(Some(days_from_civil(self.year, 1, self.day_of_year)));
        }
        let bad_month = self.seen & MONTH != 0 && !(1..=12).contains(&self.month);
        let bad_day = self.seen & DAY != 0 && !(1..=31).contains(&self.day);
        if bad_month || bad_day {
            return Err(Fault::FieldOrder);
        }
        if !self.has_date() {
            return Ok(None);
        }
        if self.day > days_in_month(self.year, self.month) {
            return Err(Fault::Field);
        }
        Ok(Some(days_from_civil(self.year, self.month, self.day)))
    }

    fn apply_half_day(&mut self) -> Result<(), Fault> {
        let Some(half) = self.half_day else { return Ok(()) };
        if self.hour > 12 {
            return Err(Fault::Field);
        }
        self.hour = self.hour % 12 + half;
        Ok(())
    }
}

const YEAR_MONTH: u16 = YEAR | MONTH;
const MONTH_DAY: u16 = MONTH | DAY;

/// A clock's reading, shared with intervals, whose hours have no bound.
pub(in crate::decode) struct Clock {
    pub(in crate::decode) hour: i64,
    pub(in crate::decode) minute: i64,
    pub(in crate::decode) second: i64,
    pub(in crate::decode) micros: i64,
}

impl Clock {
    /// Reads `h:m`, `h:m:s`, `h:m:s.f`; two fields with a fraction are `m:s.f`.
    pub(in crate::decode) fn read(text: &str) -> Result<Self, Fault> {
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        let micros = fraction.map_or(Ok(0), parse_fraction)?;
        let mut parts = whole.split(':').map(|part| {
            if part.is_empty() {
                // C's number reading takes nothing for 0.
                return Ok(0);
            }
            part.parse::<i64>().map_err(|_| Fault::Field)
        });
        let first = parts.next().ok_or(Fault::Format)??;
        let second = parts.next().ok_or(Fault::Format)??;
        let third = parts.next().transpose()?;
        if parts.next().is_some() {
            return Err(Fault::Format);
        }
        let clock = match (third, fraction) {
            (Some(third), _) => Self { hour: first, minute: second, second: third, micros },
            (None, Some(_)) => Self { hour: 0, minute: first, second, micros },
            (None, None) => Self { hour: first, minute: second, second: 0, micros },
        };
        if clock.minute > 59 || clock.second > 60 { Err(Fault::Field) } else { Ok(clock) }
    }
}

/// The digits after a point as microseconds, rounded; up to 1,000,000.
pub(in crate::decode) fn parse_fraction(digits: &str) -> Result<i64, Fault> {
    if digits.is_empty() {
        return Ok(0);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Format);
    }
    let fraction: f64 = format!("0.{digits}").parse().map_err(|_| Fault::Format)?;
    Ok((fraction * MICROS_PER_SECOND as f64).round_ties_even() as i64)
}

/// `+9`, `+09`, `+0930`, `+09:30`, `+09:30:15` as seconds east.
fn parse_offset(text: &str) -> Result<i32, Fault> {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'+') => (1, &text[1..]),
        Some(b'-') => (-1, &text[1..]),
        _ => return Err(Fault::Format),
    };
    let number = |part: &str| {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::Format);
        }
        part.parse::<i32>().map_err(|_| Fault::Displacement)
    };
    let mut parts = digits.split(':');
    let first = number(parts.next().ok_or(Fault::Format)?)?;
    let (hours, minutes, seconds) = match (parts.next(), parts.next(), parts.next()) {
        (None, _, _) if digits.len() > 2 => (first / 100, first % 100, 0),
        (None, _, _) => (first, 0, 0),
        (Some(minutes), None, _) => (first, number(minutes)?, 0),
        (Some(minutes), Some(seconds), None) => (first, number(minutes)?, number(seconds)?),
        (Some(_), Some(_), Some(_)) => return Err(Fault::Format),
    };
    if hours > 15 || minutes > 59 || seconds > 59 {
        return Err(Fault::Displacement);
    }
    Ok(sign * (hours * 3600 + minutes * 60 + seconds))
}

/// The runs of digits and of letters in a date.
fn split_date(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        rest = &rest[start..];
        let digit = rest.starts_with(|c: char| c.is_ascii_digit());
        let same = |c: char| if digit { c.is_ascii_digit() } else { c.is_ascii_alphabetic() };
        let end = rest.find(|c: char| !same(c)).unwrap_or(rest.len());
        parts.push(&rest[..end]);
        rest = &rest[end..];
    }
    parts
}
