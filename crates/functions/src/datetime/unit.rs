//! The names of units and fields: what `date_trunc`, `date_part` and `extract` take as their first argument.

use kura_pgtypes::{PgType, SqlError, SqlState, TimeUnit};

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

impl From<TimeUnit> for Unit {
    fn from(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::Microsecond => Self::Microseconds,
            TimeUnit::Millisecond => Self::Milliseconds,
            TimeUnit::Second => Self::Second,
            TimeUnit::Minute => Self::Minute,
            TimeUnit::Hour => Self::Hour,
            TimeUnit::Day => Self::Day,
            TimeUnit::Week => Self::Week,
            TimeUnit::Month => Self::Month,
            TimeUnit::Year => Self::Year,
            TimeUnit::Decade => Self::Decade,
            TimeUnit::Century => Self::Century,
            TimeUnit::Millennium => Self::Millennium,
        }
    }
}

/// The name as PostgreSQL reports it: in lower case.
pub(super) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn key(name: &str) -> &str {
    name.get(..TimeUnit::NAME_LENGTH_MAX).unwrap_or(name)
}

/// A unit of time. `name`: lower case.
pub(super) fn unit(name: &str) -> Option<Unit> {
    let further = || match key(name) {
        "qtr" | "quarter" => Some(Unit::Quarter),
        "timezone" => Some(Unit::Timezone),
        "timezone_h" => Some(Unit::TimezoneHour),
        "timezone_m" => Some(Unit::TimezoneMinute),
        _ => None,
    };
    TimeUnit::named(name).map(Unit::from).or_else(further)
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
