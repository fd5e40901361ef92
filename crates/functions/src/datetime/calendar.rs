//! Arithmetic on days and microseconds since 1970-01-01: what may be computed, weeks, months. No zones, no text.

pub(crate) use kura_pgtypes::calendar::{
    DATE_INFINITY, DATE_NEGATIVE_INFINITY, MICROS_PER_DAY as DAY, MICROS_PER_HOUR as HOUR, MICROS_PER_MINUTE as MINUTE,
    MICROS_PER_SECOND as SECOND, TIMESTAMP_INFINITY as INFINITY, TIMESTAMP_NEGATIVE_INFINITY as NEGATIVE_INFINITY,
    civil_from_days as civil, days_in_month as month_length, split_day as split, weekday,
};
use kura_pgtypes::calendar::{DATE_MAX, DATE_MIN, TIMESTAMP_MIN, days_from_civil};
use kura_pgtypes::{SqlError, SqlState};

use crate::failure::{Outcome, date_out_of_range, timestamp_out_of_range};

/// The day of a date. Months and days may be outside their range and count on.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let months = year * 12 + (month - 1);
    days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1, day)
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
        days => timestamp(i64::from(days).checked_mul(DAY))
            .map_err(|_| SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "date out of range for timestamp")),
    }
}

#[cfg(test)]
mod tests {
    use kura_pgtypes::calendar::Civil;

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
