//! Reading dates, times and timestamps in the many forms PostgreSQL takes.
//!
//! Chapter "Date/Time Input Interpretation" of the PostgreSQL documentation. The form almost all data has,
//! `2024-03-10 13:45:00.5+09`, is read directly; everything else goes through [`token`] and [`fields`].
//! The words `now`, `today`, `tomorrow` and `yesterday` need a clock, which is the caller's: here they are bad syntax.

use crate::calendar::{
    DATE_INFINITY, DATE_MAX, DATE_MIN, DATE_NEGATIVE_INFINITY, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND,
    TIMESTAMP_INFINITY, TIMESTAMP_MAX, TIMESTAMP_MIN, TIMESTAMP_NEGATIVE_INFINITY, days_from_civil, days_in_month,
};
use crate::decode::syntax::trim;
use crate::diagnostic::SqlError;
use crate::settings::DateOrder;
use crate::sqlstate::SqlState;
use crate::timezone::TimeZone;

mod fields;
pub(super) mod token;
mod words;

pub(super) use fields::Clock;
use fields::{Moment, Reading, Zone};

/// Why a text is no date or time; the message depends on the type that was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// 22007 `invalid input syntax`
    Format,
    /// 22008 `date/time field value out of range`
    Field,
    /// The same, where the order of the fields may be to blame.
    FieldOrder,
    /// 22015 `interval field value out of range`
    Interval,
    /// 22009 `time zone displacement out of range`
    Displacement,
    /// 22023 `time zone "x" not recognized`
    Zone(String),
}

impl Fault {
    pub(super) fn into_error(self, type_name: &str, text: &str) -> SqlError {
        let field = format!("date/time field value out of range: \"{text}\"");
        match self {
            Self::Format => {
                SqlError::new(SqlState::INVALID_DATETIME_FORMAT, format!("invalid input syntax for type {type_name}: \"{text}\""))
            }
            Self::Field => SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, field),
            Self::FieldOrder => {
                SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, field).hint("Perhaps you need a different \"datestyle\" setting.")
            }
            Self::Interval => SqlError::new(SqlState::INTERVAL_FIELD_OVERFLOW, format!("interval field value out of range: \"{text}\"")),
            Self::Displacement => {
                SqlError::new(SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE, format!("time zone displacement out of range: \"{text}\""))
            }
            Self::Zone(name) => SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("time zone \"{name}\" not recognized")),
        }
    }
}

fn out_of_range(what: &str, text: &str) -> SqlError {
    SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, format!("{what} out of range: \"{text}\""))
}

/// `date`, in days since 1970.
pub(crate) fn parse_date(text: &str, order: DateOrder) -> Result<i32, SqlError> {
    if let Some(iso) = iso(text) {
        return i32::try_from(iso.days).map_err(|_| out_of_range("date", text));
    }
    let reading = fields::read(text, order).map_err(|fault| fault.into_error("date", text))?;
    match reading {
        Reading::Epoch => Ok(0),
        Reading::Infinity => Ok(DATE_INFINITY),
        Reading::NegativeInfinity => Ok(DATE_NEGATIVE_INFINITY),
        Reading::Moment(moment) => i32::try_from(moment.days)
            .ok()
            .filter(|days| (DATE_MIN..=DATE_MAX).contains(&i64::from(*days)))
            .ok_or_else(|| out_of_range("date", text)),
    }
}

/// `timestamp`, in microseconds since 1970; a zone in the text is read and ignored, as PostgreSQL does.
pub(crate) fn parse_timestamp(text: &str, order: DateOrder, precision: Option<u32>) -> Result<i64, SqlError> {
    let moment = match moment(text, order, "timestamp")? {
        Reading::Moment(moment) => moment,
        special => return Ok(special_timestamp(&special)),
    };
    let micros = local_micros(&moment).ok_or_else(|| out_of_range("timestamp", text))?;
    Ok(round_micros(micros, precision))
}

/// `timestamptz`, in microseconds since 1970 UTC; a text without zone is in the session's.
pub(crate) fn parse_timestamptz(text: &str, order: DateOrder, session: &TimeZone, precision: Option<u32>) -> Result<i64, SqlError> {
    let moment = match moment(text, order, "timestamp with time zone")? {
        Reading::Moment(moment) => moment,
        special => return Ok(special_timestamp(&special)),
    };
    let local = local_micros(&moment).ok_or_else(|| out_of_range("timestamp", text))?;
    let micros = match &moment.zone {
        None => session.local_to_utc(local),
        Some(Zone::Fixed(seconds)) => {
            local.checked_sub(i64::from(*seconds) * MICROS_PER_SECOND).filter(|utc| (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(utc))
        }
        Some(Zone::Named(zone)) => zone.local_to_utc(local),
    };
    micros.map(|micros| round_micros(micros, precision)).ok_or_else(|| out_of_range("timestamp", text))
}

/// `time`, in microseconds since midnight, up to and including 24:00:00.
pub(crate) fn parse_time(text: &str, order: DateOrder, precision: Option<u32>) -> Result<i64, SqlError> {
    let bytes = text.as_bytes();
    if let Some((micros, [])) = iso_time(bytes) {
        return Ok(round_micros(micros, precision));
    }
    let moment = fields::read_time(text, order).map_err(|fault| fault.into_error("time", text))?;
    Ok(round_micros(moment.micros, precision))
}

fn moment(text: &str, order: DateOrder, type_name: &str) -> Result<Reading, SqlError> {
    match iso(text) {
        Some(moment) => Ok(Reading::Moment(moment)),
        None => fields::read(text, order).map_err(|fault| fault.into_error(type_name, text)),
    }
}

fn special_timestamp(reading: &Reading) -> i64 {
    match reading {
        Reading::Epoch | Reading::Moment(_) => 0,
        Reading::Infinity => TIMESTAMP_INFINITY,
        Reading::NegativeInfinity => TIMESTAMP_NEGATIVE_INFINITY,
    }
}

fn local_micros(moment: &Moment) -> Option<i64> {
    moment.days.checked_mul(MICROS_PER_DAY)?.checked_add(moment.micros).filter(|micros| (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(micros))
}

/// Rounds half away from zero to a number of digits of fractional seconds.
pub(crate) fn round_micros(micros: i64, precision: Option<u32>) -> i64 {
    let Some(unit) = precision.and_then(|digits| 6_u32.checked_sub(digits)).map(|digits| 10_i64.pow(digits)) else {
        return micros;
    };
    let half = unit / 2;
    let away = if micros >= 0 { micros.checked_add(half) } else { micros.checked_sub(half) };
    away.map_or(micros, |away| away / unit * unit)
}

/// Reads `YYYY-MM-DD`, then perhaps a space or `T` and a time, then perhaps a zone `Z`, `+09`, `+0900` or `+09:00`.
/// `None` for everything else, including values out of range.
fn iso(text: &str) -> Option<Moment> {
    let text = trim(text).as_bytes();
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, rest @ ..] = text else { return None };
    let year = i64::from(two(*y1, *y2)?) * 100 + i64::from(two(*y3, *y4)?);
    let (month, day) = (i64::from(two(*m1, *m2)?), i64::from(two(*d1, *d2)?));
    if year == 0 || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    let [b' ' | b'T', time @ ..] = rest else {
        return rest.is_empty().then_some(Moment { days, micros: 0, zone: None });
    };
    let (micros, rest) = iso_time(time)?;
    let zone = match rest {
        [] => None,
        b"Z" => Some(Zone::Fixed(0)),
        _ => Some(Zone::Fixed(iso_offset(rest)?)),
    };
    Some(Moment { days, micros, zone })
}

/// `HH:MM:SS` with up to six digits of a fraction, below 24:00:00; also gives what follows.
fn iso_time(text: &[u8]) -> Option<(i64, &[u8])> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text else { return None };
    let (hour, minute, second) = (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = i64::from(hour) * MICROS_PER_HOUR + i64::from(minute) * MICROS_PER_MINUTE + i64::from(second) * MICROS_PER_SECOND;
    let [b'.', fraction @ ..] = rest else { return Some((micros, rest)) };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > 6 {
        return None;
    }
    let value = fraction[..digits].iter().fold(0, |value, byte| value * 10 + i64::from(byte - b'0'));
    micros += value * 10_i64.pow(6 - digits as u32);
    Some((micros, &fraction[digits..]))
}

fn iso_offset(text: &[u8]) -> Option<i32> {
    let (sign, digits) = match text.split_first()? {
        (b'+', digits) => (1, digits),
        (b'-', digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [h1, h2] => (two(*h1, *h2)?, 0),
        [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => (two(*h1, *h2)?, two(*m1, *m2)?),
        _ => return None,
    };
    (hours <= 15 && minutes <= 59).then_some(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60))
}

fn two(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}
