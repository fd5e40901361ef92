//! Time zones as PostgreSQL has them: names of the IANA database, POSIX strings, plain offsets, abbreviations.
//!
//! Offsets are seconds east of Greenwich, times are microseconds since 1970-01-01. POSIX strings that carry rules for
//! summer time (`FOO5BAR,M3.2.0,M11.1.0`) are not supported; the names of the database are (`EST5EDT`).

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset as _, TimeZone as _};
use chrono_tz::{OffsetName as _, TZ_VARIANTS, Tz};

use crate::calendar::{
    MICROS_PER_SECOND, SECONDS_PER_DAY, TIMESTAMP_INFINITY, TIMESTAMP_MAX, TIMESTAMP_MIN, TIMESTAMP_NEGATIVE_INFINITY, civil_from_days,
    days_from_civil, is_leap, weekday,
};
use crate::diagnostic::SqlError;
use crate::sqlstate::SqlState;

pub(crate) mod abbreviation;
mod posix;

use abbreviation::Abbreviation;

/// A time zone. Cheap to clone.
#[derive(Clone)]
pub struct TimeZone {
    name: Arc<str>,
    rules: Rules,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// Seconds east, always.
    Fixed(i32),
    Named(Tz),
}

/// The greatest offset of a numeric zone: a POSIX string may say up to 167 hours.
const OFFSET_MAX_SECONDS: i32 = 167 * 3600 + 59 * 60 + 59;

impl TimeZone {
    /// `UTC`.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: Arc::from("UTC"), rules: Rules::Fixed(0) }
    }

    /// A fixed offset in seconds east, named as PostgreSQL names it: `<+09>-09`.
    #[must_use]
    pub fn fixed(seconds_east: i32) -> Self {
        let seconds_east = seconds_east.clamp(-OFFSET_MAX_SECONDS, OFFSET_MAX_SECONDS);
        let (hours, minutes, seconds) = split_offset(seconds_east);
        let mut digits = format!("{hours:02}");
        if minutes != 0 || seconds != 0 {
            digits.push_str(&format!(":{minutes:02}"));
        }
        if seconds != 0 {
            digits.push_str(&format!(":{seconds:02}"));
        }
        let name = if seconds_east > 0 { format!("<+{digits}>-{digits}") } else { format!("<-{digits}>+{digits}") };
        let name = if seconds_east == 0 { "<+00>-00".to_owned() } else { name };
        Self { name: Arc::from(name), rules: Rules::Fixed(seconds_east) }
    }

    /// Reads the value of the setting `TimeZone`.
    ///
    /// A bare number is hours *east* (`9`, `+09`, `5.5`); a name of the database is found in any case; everything else
    /// is a POSIX string, whose sign counts *west* (`JST-9`, and also `+09:00`, which therefore lies west). Abbreviations
    /// are no values of the setting; for `AT TIME ZONE` use [`TimeZone::from_expression`].
    ///
    /// # Errors
    /// 22023 `invalid value for parameter "TimeZone": "x"`.
    pub fn from_name(name: &str) -> Result<Self, SqlError> {
        let invalid = || SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid value for parameter \"TimeZone\": \"{name}\""));
        if let Some(hours) = plain_number(name) {
            if hours.abs() > 168.0 {
                return Err(invalid().detail("UTC timezone offset is out of range."));
            }
            return Ok(Self::fixed((hours * 3600.0) as i32));
        }
        Self::from_zone(name).ok_or_else(invalid)
    }

    /// Reads the zone of `AT TIME ZONE`: an abbreviation (`JST`), a name of the database, or a POSIX string, whose
    /// sign counts *west* (`+09` is nine hours behind Greenwich).
    ///
    /// An abbreviation that changed its meaning over the years stands for its zone.
    ///
    /// # Errors
    /// 22023 `time zone "x" not recognized`.
    pub fn from_expression(name: &str) -> Result<Self, SqlError> {
        Self::from_abbreviation(name)
            .or_else(|| Self::from_zone(name))
            .ok_or_else(|| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("time zone \"{name}\" not recognized")))
    }

    /// The zone of an abbreviation, such as `jst`, in any case.
    #[must_use]
    pub fn from_abbreviation(name: &str) -> Option<Self> {
        match abbreviation::find(name)? {
            Abbreviation::Fixed(seconds) => Some(Self { name: Arc::from(name.to_ascii_uppercase()), rules: Rules::Fixed(seconds) }),
            Abbreviation::Zone(zone) => Self::from_zone(zone),
        }
    }

    /// A name of the database or a POSIX string.
    pub(crate) fn from_zone(name: &str) -> Option<Self> {
        if let Some(tz) = find_named(name) {
            // `UTC` and its aliases are by far the most frequent zones and need no table.
            let rules = if matches!(tz, Tz::UTC | Tz::Etc__UTC | Tz::GMT) { Rules::Fixed(0) } else { Rules::Named(tz) };
            return Some(Self { name: Arc::from(tz.name()), rules });
        }
        let seconds = posix::fixed_offset(name)?;
        Some(Self { name: Arc::from(name.to_ascii_uppercase()), rules: Rules::Fixed(seconds) })
    }

    /// The name as SHOW prints it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The offset, where it is the same at all times.
    #[must_use]
    pub fn fixed_offset(&self) -> Option<i32> {
        match self.rules {
            Rules::Fixed(seconds) => Some(seconds),
            Rules::Named(_) => None,
        }
    }

    /// Seconds east at an instant.
    #[must_use]
    pub fn offset_at_utc(&self, micros: i64) -> i32 {
        match self.rules {
            Rules::Fixed(seconds) => seconds,
            Rules::Named(tz) => tz.offset_from_utc_datetime(&clock(micros)).fix().local_minus_utc(),
        }
    }

    /// Seconds east at a time of the zone's own clock.
    ///
    /// As in PostgreSQL, a time the clock skips takes the offset before the change, and a time it shows twice takes
    /// the offset after it.
    #[must_use]
    pub fn offset_at_local(&self, micros: i64) -> i32 {
        let tz = match self.rules {
            Rules::Fixed(seconds) => return seconds,
            Rules::Named(tz) => tz,
        };
        match tz.offset_from_local_datetime(&clock(micros)) {
            LocalResult::Single(offset) => offset.fix().local_minus_utc(),
            LocalResult::Ambiguous(_, later) => later.fix().local_minus_utc(),
            LocalResult::None => self.offset_at_utc(micros.saturating_sub(SECONDS_PER_DAY * MICROS_PER_SECOND)),
        }
    }

    /// What the zone's clock shows at an instant. Infinities stay; `None` beyond the range of timestamps.
    #[must_use]
    pub fn utc_to_local(&self, micros: i64) -> Option<i64> {
        if matches!(micros, TIMESTAMP_INFINITY | TIMESTAMP_NEGATIVE_INFINITY) {
            return Some(micros);
        }
        micros
            .checked_add(i64::from(self.offset_at_utc(micros)) * MICROS_PER_SECOND)
            .filter(|local| (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(local))
    }

    /// The instant the zone's clock shows a time, see [`TimeZone::offset_at_local`]. Infinities stay; `None` beyond
    /// the range of timestamps.
    #[must_use]
    pub fn local_to_utc(&self, micros: i64) -> Option<i64> {
        if matches!(micros, TIMESTAMP_INFINITY | TIMESTAMP_NEGATIVE_INFINITY) {
            return Some(micros);
        }
        micros
            .checked_sub(i64::from(self.offset_at_local(micros)) * MICROS_PER_SECOND)
            .filter(|utc| (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(utc))
    }

    /// The abbreviation in use at an instant: `JST`, `CEST`; of zones without one the offset, `+09`.
    #[must_use]
    pub fn abbreviation_at_utc(&self, micros: i64) -> String {
        if let Rules::Named(tz) = self.rules {
            let offset = tz.offset_from_utc_datetime(&clock(micros));
            if let Some(name) = offset.abbreviation() {
                return name.to_owned();
            }
            // The tz database names such zones by their offset, without a colon.
            return offset_text(self.offset_at_utc(micros)).replace(':', "");
        }
        match &*self.name {
            "UTC" | "GMT" | "Etc/UTC" => self.name.rsplit('/').next().unwrap_or("UTC").to_owned(),
            name => posix::abbreviation(name).map_or_else(|| offset_text(self.offset_at_utc(micros)), str::to_owned),
        }
    }
}

impl PartialEq for TimeZone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.rules == other.rules
    }
}

impl Eq for TimeZone {}

impl fmt::Debug for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeZone({})", self.name)
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Hours, minutes and seconds of an offset's size.
pub(crate) fn split_offset(seconds: i32) -> (u32, u32, u32) {
    let size = seconds.unsigned_abs();
    (size / 3600, size / 60 % 60, size % 60)
}

/// An offset as timestamps show it: `+09`, `-03:30`, `+00:19:32`.
fn offset_text(seconds: i32) -> String {
    let (hours, minutes, rest) = split_offset(seconds);
    let sign = if seconds < 0 { '-' } else { '+' };
    match (minutes, rest) {
        (0, 0) => format!("{sign}{hours:02}"),
        (_, 0) => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{rest:02}"),
    }
}

/// A decimal number and nothing else.
fn plain_number(text: &str) -> Option<f64> {
    let digits = text.trim_start().trim_start_matches(['+', '-']);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.trim_start().parse().ok()
}

fn find_named(name: &str) -> Option<Tz> {
    if let Ok(tz) = name.parse::<Tz>() {
        return Some(tz);
    }
    TZ_VARIANTS.iter().find(|tz| tz.name().eq_ignore_ascii_case(name)).copied()
}

/// The first year whose rules are taken from an equal year before it.
const FOLDED_FROM_YEAR: i64 = 2066;
/// The first year rules are taken from; 28 years hold every combination of weekday and leap year.
const FOLD_YEARS_FROM: i64 = 2038;

/// The time as the time zone tables can be asked for it.
///
/// The tables end in 2100 while the rules go on, so later years ask for an equal year in the tables.
fn clock(micros: i64) -> NaiveDateTime {
    let mut seconds = micros.div_euclid(MICROS_PER_SECOND);
    // 3_029_443_200 is 2066-01-01.
    if seconds >= 3_029_443_200 {
        let days = seconds.div_euclid(SECONDS_PER_DAY);
        let year = civil_from_days(days).year;
        let first = days_from_civil(year, 1, 1);
        let equal = (FOLD_YEARS_FROM..FOLDED_FROM_YEAR)
            .find(|same| is_leap(*same) == is_leap(year) && weekday(days_from_civil(*same, 1, 1)) == weekday(first))
            .unwrap_or(FOLD_YEARS_FROM);
        seconds -= (first - days_from_civil(equal, 1, 1)) * SECONDS_PER_DAY;
    }
    DateTime::from_timestamp(seconds, 0).map_or(NaiveDateTime::MIN, |time| time.naive_utc())
}

#[cfg(test)]
mod tests;
