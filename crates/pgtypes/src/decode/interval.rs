//! Reading intervals: `1 year 2 mons -3 days 04:05:06`, `@ 1 minute ago`, `1-2`, `P1Y2M3DT4H5M6S`, and what a
//! modifier such as `interval day to minute` leaves of them.
//!
//! Chapter "Interval Input" of the PostgreSQL documentation. Arrow's intervals hold the time in nanoseconds, so one of
//! more than about 292 years of hours is out of range here.

use arrow::datatypes::IntervalMonthDayNano;

use crate::calendar::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
use crate::decode::datetime::token::{Shape, Token, tokens};
use crate::decode::datetime::{Clock, Fault, round_micros};
use crate::diagnostic::SqlError;
use crate::pg_type::{INTERVAL_FULL_RANGE, PgType};
use crate::settings::IntervalStyle;
use crate::sqlstate::SqlState;
use crate::time_unit::TimeUnit;

mod iso;
mod parts;

use iso::read_iso;
use parts::{Number, Parts};

/// The bits of seconds, minutes and hours.
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
                unit = Some(TimeUnit::Day);
                TIME_BITS
            }
            Shape::Signed if token.text.contains(':') && clock_micros(&token.text[1..], range).is_ok() => {
                let micros = clock_micros(&token.text[1..], range)?;
                parts.add_micros(if token.text.starts_with('-') { -micros } else { micros })?;
                unit = Some(TimeUnit::Day);
                TIME_BITS
            }
            Shape::Signed | Shape::Date | Shape::Number => {
                let of = unit.unwrap_or_else(|| implied_unit(range));
                let number = Number::read(&token.text)?;
                let of = if number.is_year_month { TimeUnit::Month } else { of };
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
fn implied_unit(range: i32) -> TimeUnit {
    match range {
        INTERVAL_FULL_RANGE => TimeUnit::Second,
        YEAR => TimeUnit::Year,
        _ if range & SECOND != 0 => TimeUnit::Second,
        _ if range & MINUTE != 0 => TimeUnit::Minute,
        _ if range & HOUR != 0 => TimeUnit::Hour,
        _ if range & DAY != 0 => TimeUnit::Day,
        _ => TimeUnit::Month,
    }
}

enum Meaning {
    Unit(TimeUnit),
    Ago,
    Ignored,
}

fn find_unit(word: &str) -> Option<Meaning> {
    match word {
        "ago" => Some(Meaning::Ago),
        "at" | "on" => Some(Meaning::Ignored),
        _ => TimeUnit::named(word).map(Meaning::Unit),
    }
}
