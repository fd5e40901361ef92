//! The proleptic Gregorian calendar on days and microseconds since 1970-01-01. No zones, no text.

use crate::failure::{Outcome, date_out_of_range, timestamp_out_of_range};

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// `infinity` as a timestamp.
pub(crate) const INFINITY: i64 = i64::MAX;
/// `-infinity` as a timestamp.
pub(crate) const NEGATIVE_INFINITY: i64 = i64::MIN;
/// `infinity` as a date.
pub(crate) const DATE_INFINITY: i32 = i32::MAX;
/// `-infinity` as a date.
pub(crate) const DATE_NEGATIVE_INFINITY: i32 = i32::MIN;

/// The first day: 4714-11-24 BC, Julian day 0.
pub(crate) const DATE_MIN: i64 = -2_440_588;
const DATE_MAX: i64 = 2_145_042_905;
const TIMESTAMP_MIN: i64 = DATE_MIN * DAY;

/// A date as the calendar names it. Year 0 is 1 BC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// 1 to 12
    pub(crate) month: i64,
    /// 1 to 31
    pub(crate) day: i64,
}

/// The date of a day.
pub(crate) fn civil(days: i64) -> Civil {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    Civil { year: year_of_era + era * 400 + i64::from(month <= 2), month, day: day_of_year - (153 * shifted_month + 2) / 5 + 1 }
}

/// The day of a date. Months and days may be outside their range and count on.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let months = year * 12 + (month - 1);
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468 + day - 1
}

pub(crate) fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

pub(crate) fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Sunday is 0.
pub(crate) fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// Monday is 1, Sunday is 7.
pub(crate) fn iso_weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// The ISO 8601 year and week of a day.
pub(crate) fn iso_week(day: i64) -> (i64, i64) {
    // The week belongs to the year of its Thursday.
    let thursday = day - iso_weekday(day) + 4;
    let year = civil(thursday).year;
    (year, (thursday - days(year, 1, 1)) / 7 + 1)
}

/// The Monday of week 1 of an ISO year.
pub(crate) fn iso_year_start(year: i64) -> i64 {
    let fourth = days(year, 1, 4);
    fourth - iso_weekday(fourth) + 1
}

/// Day and microsecond of the day.
pub(crate) fn split(micros: i64) -> (i64, i64) {
    (micros.div_euclid(DAY), micros.rem_euclid(DAY))
}

pub(crate) fn is_finite(micros: i64) -> bool {
    micros != INFINITY && micros != NEGATIVE_INFINITY
}

pub(crate) fn is_finite_date(days: i32) -> bool {
    days != DATE_INFINITY && days != DATE_NEGATIVE_INFINITY
}

/// A computed timestamp, if it is in PostgreSQL's range and ours.
pub(crate) fn timestamp(micros: Option<i64>) -> Outcome<i64> {
    micros.filter(|micros| is_finite(*micros) && *micros >= TIMESTAMP_MIN).ok_or_else(timestamp_out_of_range)
}

/// Joins a day and microseconds (any number) to a timestamp.
pub(crate) fn join(days: i64, micros: i64) -> Outcome<i64> {
    timestamp(days.checked_mul(DAY).and_then(|start| start.checked_add(micros)))
}

/// A computed date, if it is in PostgreSQL's range.
pub(crate) fn date(days: Option<i64>) -> Outcome<i32> {
    days.filter(|days| (DATE_MIN..=DATE_MAX).contains(days)).and_then(|days| i32::try_from(days).ok()).ok_or_else(date_out_of_range)
}

/// The date `months` later, on the last day of its month where the month is too short.
pub(crate) fn add_months(day: i64, months: i64) -> i64 {
    let date = civil(day);
    let total = date.year * 12 + (date.month - 1) + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    days(year, month, date.day.min(month_length(year, month)))
}

/// Midnight of a date as a timestamp; infinities stay.
pub(crate) fn midnight(days: i32) -> Outcome<i64> {
    match days {
        DATE_INFINITY => Ok(INFINITY),
        DATE_NEGATIVE_INFINITY => Ok(NEGATIVE_INFINITY),
        days => timestamp(i64::from(days).checked_mul(DAY)).map_err(|_| {
            kura_pgtypes::SqlError::new(kura_pgtypes::SqlState::DATETIME_VALUE_OUT_OF_RANGE, "date out of range for timestamp")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        for day in (-800_000..800_000).step_by(37) {
            let date = civil(day);
            assert_eq!(days(date.year, date.month, date.day), day);
        }
        assert_eq!(civil(19_782), Civil { year: 2024, month: 2, day: 29 });
        assert_eq!(iso_week(days(2021, 1, 3)), (2020, 53));
        assert_eq!(civil(DATE_MIN), Civil { year: -4713, month: 11, day: 24 });
    }
}
