//! Reading intervals: `1 year 2 mons -3 days 04:05:06`, `@ 1 minute ago`, `1-2`, `P1Y2M3DT4H5M6S`, and what a
//! modifier such as `interval day to minute` leaves of them.
//!
//! Chapter "Interval Input" of the PostgreSQL documentation. Arrow's intervals hold the time in nanoseconds, so one of
//! more than about 292 years of hours is out of range here.

use arrow::datatypes::IntervalMonthDayNano;

use crate::calendar::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
use crate::decode::datetime::token::{Shape, Token, tokens};
use crate::decode::datetime::{Clock, Fault, round_micros};
use crate::diagnostic::SqlError;
use crate::pg_type::{INTERVAL_FULL_RANGE, PgType};
use crate::settings::IntervalStyle;
use crate::sqlstate::SqlState;

/// The parts of an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parts {
    months: i64,
    days: i64,
    micros: i64,
}

/// A unit of an interval; the variants are also the bits of the fields already given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    Decade,
    Century,
    Millennium,
}

impl Unit {
    fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

const TIME_BITS: u32 = 0b1_1100;

// PostgreSQL's bits of the fields a modifier allows.
const MONTH: i32 = 1 << 1;
const YEAR: i32 = 1 << 2;
const DAY: i32 = 1 << 3;
const HOUR: i32 = 1 << 10;
const MINUTE: i32 = 1 << 11;
const SECOND: i32 = 1 << 12;

/// `interval`; `ty` gives the modifier, `style` whether a leading sign is that of all fields.
pub(crate) fn parse_interval(text: &str, ty: PgType, style: IntervalStyle) -> Result<IntervalMonthDayNano, SqlError> {
    let parts = read(text, ty.interval_range(), style)
        .or_else(|fault| if fault == Fault::Format { read_iso(text) } else { Err(fault) })
        .map_err(|fault| match fault {
            Fault::Field => Fault::Interval,
            other => other,
        })
        .map_err(|fault| fault.into_error("interval", text))?;
    fit(limit(parts, ty)).ok_or_else(out_of_range)
}

fn out_of_range() -> SqlError {
    SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "interval out of range")
}

/// The value of the three parts the binary form has.
pub(crate) fn from_binary(months: i32, days: i32, micros: i64, ty: PgType) -> Result<IntervalMonthDayNano, SqlError> {
    let parts = Parts { months: i64::from(months), days: i64::from(days), micros };
    fit(limit(parts, ty)).ok_or_else(out_of_range)
}

fn fit(parts: Parts) -> Option<IntervalMonthDayNano> {
    let (months, days) = (i32::try_from(parts.months).ok()?, i32::try_from(parts.days).ok()?);
    Some(IntervalMonthDayNano::new(months, days, parts.micros.checked_mul(1_000)?))
}

/// Drops what the modifier has no field for.
fn limit(mut parts: Parts, ty: PgType) -> Parts {
    let range = ty.interval_range();
    if range != INTERVAL_FULL_RANGE {
        let whole = |micros: i64, unit: i64| micros / unit * unit;
        match range {
            YEAR => parts = Parts { months: parts.months / 12 * 12, days: 0, micros: 0 },
            _ if range & !(YEAR | MONTH) == 0 => parts = Parts { months: parts.months, days: 0, micros: 0 },
            DAY => parts.micros = 0,
            _ if range & (MINUTE | SECOND) == 0 => parts.micros = whole(parts.micros, MICROS_PER_HOUR),
            _ if range & SECOND == 0 => parts.micros = whole(parts.micros, MICROS_PER_MINUTE),
            _ => {}
        }
    }
    parts.micros = round_micros(parts.micros, ty.seconds_precision());
    parts
}

/// Reads right to left, so that units come before their numbers.
fn read(text: &str, range: i32, style: IntervalStyle) -> Result<Parts, Fault> {
    let tokens = tokens(text)?;
    let mut parts = Parts::default();
    let mut unit = None;
    let mut seen = 0;
    let mut ago = false;
    let all_negative = style == IntervalStyle::SqlStandard && one_leading_minus(&tokens);
    for token in tokens.iter().rev() {
        let given = match token.shape {
            Shape::Time => {
                let micros = clock_micros(&token.text, range)?;
                parts.add_micros(if all_negative && micros > 0 { -micros } else { micros })?;
                unit = Some(Unit::Day);
                TIME_BITS
            }
            Shape::Signed if token.text.contains(':') && clock_micros(&token.text[1..], range).is_ok() => {
                let micros = clock_micros(&token.text[1..], range)?;
                parts.add_micros(if token.text.starts_with('-') { -micros } else { micros })?;
                unit = Some(Unit::Day);
                TIME_BITS
            }
            Shape::Signed | Shape::Date | Shape::Number => {
                let of = unit.unwrap_or_else(|| implied_unit(range));
                let number = Number::read(&token.text)?;
                let of = if number.is_year_month { Unit::Month } else { of };
                unit = Some(of);
                let number = if all_negative { number.made_negative() } else { number };
                parts.add(of, number)?
            }
            Shape::Word | Shape::SignedWord => match find_unit(&token.text) {
                Some(Meaning::Unit(found)) => {
                    unit = Some(found);
                    0
                }
                Some(Meaning::Ago) => {
                    ago = true;
                    0
                }
                Some(Meaning::Ignored) => 0,
                None => return Err(Fault::Format),
            },
        };
        if given & seen != 0 {
            return Err(Fault::Format);
        }
        seen |= given;
    }
    if seen == 0 {
        return Err(Fault::Format);
    }
    if ago { parts.negated() } else { Ok(parts) }
}

/// Whether the first field has a minus and no other field has a sign.
fn one_leading_minus(tokens: &[Token]) -> bool {
    let signed = |token: &Token| token.text.starts_with(['-', '+']);
    tokens.first().is_some_and(|first| first.text.starts_with('-')) && !tokens.iter().skip(1).any(signed)
}

fn clock_micros(text: &str, range: i32) -> Result<i64, Fault> {
    let mut clock = Clock::read(text)?;
    let two_fields = text.matches(':').count() == 1 && !text.contains('.');
    if two_fields && range == MINUTE | SECOND {
        clock = Clock { hour: 0, minute: clock.hour, second: clock.minute, micros: 0 };
        if clock.minute > 59 {
            return Err(Fault::Field);
        }
    }
    clock
        .hour
        .checked_mul(MICROS_PER_HOUR)
        .and_then(|micros| {
            let rest = clock.minute * MICROS_PER_MINUTE + clock.second * MICROS_PER_SECOND + clock.micros;
            micros.checked_add(rest)
        })
        .ok_or(Fault::Field)
}

/// The unit of a last number without one.
fn implied_unit(range: i32) -> Unit {
    match range {
        INTERVAL_FULL_RANGE => Unit::Second,
        YEAR => Unit::Year,
        _ if range & SECOND != 0 => Unit::Second,
        _ if range & MINUTE != 0 => Unit::Minute,
        _ if range & HOUR != 0 => Unit::Hour,
        _ if range & DAY != 0 => Unit::Day,
        _ => Unit::Month,
    }
}

/// A number of an interval: whole part and fraction of the same sign.
#[derive(Clone, Copy)]
struct Number {
    whole: i64,
    fraction: f64,
    has_fraction: bool,
    /// `years-months`, already in months.
    is_year_month: bool,
}

impl Number {
    fn read(text: &str) -> Result<Self, Fault> {
        let negative = text.starts_with('-');
        let digits = text.trim_start_matches(['+', '-']);
        let plain = |digits: &str| {
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Fault::Format);
            }
            let value = digits.parse::<i64>().map_err(|_| Fault::Field)?;
            Ok(if negative { -value } else { value })
        };
        if let Some((years, months)) = digits.split_once('-') {
            let (years, months) = (plain(years)?, plain(months)?);
            if months.abs() >= 12 {
                return Err(Fault::Field);
            }
            let whole = years.checked_mul(12).and_then(|sum| sum.checked_add(months)).ok_or(Fault::Field)?;
            return Ok(Self { whole, fraction: 0.0, has_fraction: false, is_year_month: true });
        }
        let Some((whole, fraction)) = digits.split_once('.') else {
            return Ok(Self { whole: plain(digits)?, fraction: 0.0, has_fraction: false, is_year_month: false });
        };
        let whole = if whole.is_empty() { 0 } else { plain(whole)? };
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::Format);
        }
        let value: f64 = format!("0.{fraction}0").parse().map_err(|_| Fault::Format)?;
        let fraction = if negative { -value } else { value };
        Ok(Self { whole, fraction, has_fraction: value != 0.0, is_year_month: false })
    }

    fn made_negative(self) -> Self {
        Self { whole: -self.whole.abs(), fraction: -self.fraction.abs(), ..self }
    }
}

impl Parts {
    fn add_micros(&mut self, micros: i64) -> Result<(), Fault> {
        self.micros = self.micros.checked_add(micros).ok_or(Fault::Field)?;
        Ok(())
    }

    fn add_days(&mut self, days: i64) -> Result<(), Fault> {
        self.days = self.days.checked_add(days).filter(|days| i32::try_from(*days).is_ok()).ok_or(Fault::Field)?;
        Ok(())
    }

    fn add_months(&mut self, months: i64) -> Result<(), Fault> {
        self.months = self.months.checked_add(months).filter(|months| i32::try_from(*months).is_ok()).ok_or(Fault::Field)?;
        Ok(())
    }

    /// A fraction of `unit` microseconds, rounded to the nearest one.
    fn add_fraction_micros(&mut self, fraction: f64, unit: i64) -> Result<(), Fault> {
        if fraction == 0.0 {
            return Ok(());
        }
        let value = fraction * unit as f64;
        let whole = value as i64;
        let rest = value - whole as f64;
        let rounding = if rest > 0.5 {
            1
        } else if rest < -0.5 {
            -1
        } else {
            0
        };
        self.add_micros(whole + rounding)
    }

    /// A fraction of `unit` days; what is no whole day becomes time.
    fn add_fraction_days(&mut self, fraction: f64, unit: i64) -> Result<(), Fault> {
        let value = fraction * unit as f64;
        let whole = value as i64;
        self.add_days(whole)?;
        self.add_fraction_micros(value - whole as f64, MICROS_PER_DAY)
    }

    /// Adds a number of a unit and gives the bits of the fields this fills.
    fn add(&mut self, unit: Unit, number: Number) -> Result<u32, Fault> {
        let Number { whole, fraction, .. } = number;
        let scaled = |factor: i64| whole.checked_mul(factor).ok_or(Fault::Field);
        let mut bits = unit.bit();
        match unit {
            Unit::Microsecond => {
                self.add_micros(whole)?;
                self.add_fraction_micros(fraction, 1)?;
            }
            Unit::Millisecond => {
                self.add_micros(scaled(1_000)?)?;
                self.add_fraction_micros(fraction, 1_000)?;
            }
            Unit::Second => {
                self.add_micros(scaled(MICROS_PER_SECOND)?)?;
                self.add_fraction_micros(fraction, MICROS_PER_SECOND)?;
                if number.has_fraction {
                    bits |= Unit::Millisecond.bit() | Unit::Microsecond.bit();
                }
            }
            Unit::Minute => {
                self.add_micros(scaled(MICROS_PER_MINUTE)?)?;
                self.add_fraction_micros(fraction, MICROS_PER_MINUTE)?;
            }
            Unit::Hour => {
                self.add_micros(scaled(MICROS_PER_HOUR)?)?;
                self.add_fraction_micros(fraction, MICROS_PER_HOUR)?;
            }
            Unit::Day => {
                self.add_days(whole)?;
                self.add_fraction_micros(fraction, MICROS_PER_DAY)?;
            }
            Unit::Week => {
                self.add_days(scaled(7)?)?;
                self.add_fraction_days(fraction, 7)?;
            }
            Unit::Month => {
                self.add_months(whole)?;
                self.add_fraction_days(fraction, 30)?;
            }
            Unit::Year | Unit::Decade | Unit::Century | Unit::Millennium => {
                let months = match unit {
                    Unit::Decade => 120,
                    Unit::Century => 1_200,
                    Unit::Millennium => 12_000,
                    _ => 12,
                };
                self.add_months(scaled(months)?)?;
                self.add_months((fraction * months as f64).round_ties_even() as i64)?;
            }
        }
        Ok(bits)
    }

    fn negated(&self) -> Result<Self, Fault> {
        let micros = self.micros.checked_neg().ok_or(Fault::Field)?;
        Ok(Self { months: -self.months, days: -self.days, micros })
    }
}

enum Meaning {
    Unit(Unit),
    Ago,
    Ignored,
}

fn find_unit(word: &str) -> Option<Meaning> {
    // Compared by the first ten characters, as PostgreSQL does.
    let unit = match word.get(..10).unwrap_or(word) {
        "ago" => return Some(Meaning::Ago),
        "at" | "on" => return Some(Meaning::Ignored),
        "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecon" => Unit::Microsecond,
        "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisecon" => Unit::Millisecond,
        "s" | "sec" | "second" | "seconds" | "secs" => Unit::Second,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Minute,
        "h" | "hour" | "hours" | "hr" | "hrs" => Unit::Hour,
        "d" | "day" | "days" => Unit::Day,
        "w" | "week" | "weeks" => Unit::Week,
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "y" | "year" | "years" | "yr" | "yrs" => Unit::Year,
        "dec" | "decs" | "decade" | "decades" => Unit::Decade,
        "c" | "cent" | "century" | "centuries" => Unit::Century,
        "mil" | "mils" | "millennium" | "millennia" => Unit::Millennium,
        _ => return None,
    };
    Some(Meaning::Unit(unit))
}

/// `P1Y2M3DT4H5M6S`, `P3W`, `P0001-02-03T04:05:06`, `P00010203T040506`
fn read_iso(text: &str) -> Result<Parts, Fault> {
    let body = text.strip_prefix('P').ok_or(Fault::Format)?;
    if body.is_empty() {
        return Err(Fault::Format);
    }
    let (date, time) = body.split_once('T').map_or((body, None), |(date, time)| (date, Some(time)));
    let mut parts = Parts::default();
    read_iso_half(date, &[('Y', Unit::Year), ('M', Unit::Month), ('W', Unit::Week), ('D', Unit::Day)], &mut parts)
        .or_else(|fault| read_iso_date(date, fault, &mut parts))?;
    if let Some(time) = time {
        let before = parts;
        read_iso_half(time, &[('H', Unit::Hour), ('M', Unit::Minute), ('S', Unit::Second)], &mut parts).or_else(|fault| {
            parts = before;
            read_iso_time(time, fault, &mut parts)
        })?;
    }
    Ok(parts)
}

/// Numbers each followed by the letter of its unit; no unit twice.
fn read_iso_half(text: &str, units: &[(char, Unit)], parts: &mut Parts) -> Result<(), Fault> {
    let mut rest = text;
    let mut seen = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).ok_or(Fault::Format)?;
        let (number, tail) = rest.split_at(end);
        let letter = tail.chars().next().ok_or(Fault::Format)?;
        let (_, unit) = units.iter().find(|(name, _)| *name == letter).ok_or(Fault::Format)?;
        let number = Number::read(number)?;
        if number.is_year_month || seen & unit.bit() != 0 {
            return Err(Fault::Format);
        }
        seen |= unit.bit();
        parts.add(*unit, number)?;
        rest = &tail[1..];
    }
    Ok(())
}

/// `0001-02-03` or `00010203`
fn read_iso_date(text: &str, fault: Fault, parts: &mut Parts) -> Result<(), Fault> {
    let eight = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let fields: Vec<&str> = if eight { vec![&text[..4], &text[4..6], &text[6..]] } else { text.split('-').collect() };
    if fields.len() > 3 {
        return Err(fault);
    }
    *parts = Parts::default();
    for (field, unit) in fields.iter().zip([Unit::Year, Unit::Month, Unit::Day]) {
        let number = Number::read(field).map_err(|_| fault.clone())?;
        parts.add(unit, number)?;
    }
    Ok(())
}

/// `04:05:06` or `040506`
fn read_iso_time(text: &str, fault: Fault, parts: &mut Parts) -> Result<(), Fault> {
    let six = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    let fields: Vec<&str> = if six { vec![&text[..2], &text[2..4], &text[4..]] } else { text.split(':').collect() };
    if fields.len() > 3 {
        return Err(fault);
    }
    for (field, unit) in fields.iter().zip([Unit::Hour, Unit::Minute, Unit::Second]) {
        let number = Number::read(field).map_err(|_| fault.clone())?;
        parts.add(unit, number)?;
    }
    Ok(())
}
