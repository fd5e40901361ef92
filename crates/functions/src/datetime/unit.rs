//! The names of units and fields: what `date_trunc`, `date_part` and `extract` take as their first argument.

use kura_pgtypes::{PgType, SqlError, SqlState};

/// A unit of time or a field of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Microseconds,
    Milliseconds,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    Julian,
    IsoYear,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
    Epoch,
    /// A word of dates that is no field, such as `now`.
    Reserved,
}

/// PostgreSQL compares the first ten characters only.
const LENGTH_MAX: usize = 10;

/// The name as PostgreSQL reports it: in lower case.
pub(super) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn key(name: &str) -> &str {
    name.get(..LENGTH_MAX).unwrap_or(name)
}

/// A unit of time, as intervals have it. `name`: lower case.
pub(super) fn unit(name: &str) -> Option<Unit> {
    Some(match key(name) {
        "us" | "usec" | "usecond" | "useconds" | "usecs" | "microsecon" => Unit::Microseconds,
        "ms" | "msec" | "msecond" | "mseconds" | "msecs" | "millisecon" => Unit::Milliseconds,
        "s" | "sec" | "second" | "seconds" | "secs" => Unit::Second,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Minute,
        "h" | "hour" | "hours" | "hr" | "hrs" => Unit::Hour,
        "d" | "day" | "days" => Unit::Day,
        "w" | "week" | "weeks" => Unit::Week,
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "qtr" | "quarter" => Unit::Quarter,
        "y" | "year" | "years" | "yr" | "yrs" => Unit::Year,
        "dec" | "decade" | "decades" | "decs" => Unit::Decade,
        "c" | "cent" | "centuries" | "century" => Unit::Century,
        "mil" | "millennia" | "millennium" | "mils" => Unit::Millennium,
        "timezone" => Unit::Timezone,
        "timezone_h" => Unit::TimezoneHour,
        "timezone_m" => Unit::TimezoneMinute,
        _ => return None,
    })
}

/// A unit or a field of a date. `name`: lower case.
pub(super) fn field(name: &str) -> Option<Unit> {
    unit(name).or_else(|| {
        Some(match key(name) {
            "epoch" => Unit::Epoch,
            "dow" => Unit::DayOfWeek,
            "isodow" => Unit::IsoDayOfWeek,
            "doy" => Unit::DayOfYear,
            "isoyear" => Unit::IsoYear,
            "julian" | "jd" | "j" => Unit::Julian,
            "mm" => Unit::Minute,
            "now" | "today" | "tomorrow" | "yesterday" | "infinity" | "-infinity" | "allballs" => Unit::Reserved,
            _ => return None,
        })
    })
}

/// 0A000
pub(super) fn unsupported(name: &str, ty: PgType) -> SqlError {
    SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("unit \"{name}\" not supported for type {}", ty.display()))
}

/// 22023
pub(super) fn unrecognized(name: &str, ty: PgType) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("unit \"{name}\" not recognized for type {}", ty.display()))
}
