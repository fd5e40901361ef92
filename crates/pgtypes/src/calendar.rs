//! The proleptic Gregorian calendar over the range PostgreSQL has: days and microseconds to fields and back.
//!
//! Days and microseconds count from 1970-01-01, as Arrow has them. Years are astronomical: year 0 is 1 BC.

/// Microseconds of a second.
pub const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds of a minute.
pub const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
/// Microseconds of an hour.
pub const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
/// Microseconds of a day without clock change.
pub const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;
/// Seconds of a day without clock change.
pub const SECONDS_PER_DAY: i64 = 86_400;

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
pub const POSTGRES_EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub const POSTGRES_EPOCH_MICROS: i64 = POSTGRES_EPOCH_DAYS as i64 * MICROS_PER_DAY;
/// Days from Julian day 0 to 1970-01-01.
pub const UNIX_EPOCH_JULIAN: i64 = 2_440_588;

/// `infinity` of a date.
pub const DATE_INFINITY: i32 = i32::MAX;
/// `-infinity` of a date.
pub const DATE_NEGATIVE_INFINITY: i32 = i32::MIN;
/// `infinity` of a timestamp.
pub const TIMESTAMP_INFINITY: i64 = i64::MAX;
/// `-infinity` of a timestamp.
pub const TIMESTAMP_NEGATIVE_INFINITY: i64 = i64::MIN;

/// The first day PostgreSQL can hold, 4714-11-24 BC, Julian day 0.
pub const DATE_MIN: i64 = -UNIX_EPOCH_JULIAN;
/// The last day of a date, 5874897-12-31.
pub const DATE_MAX: i64 = 2_145_042_905;
/// The first timestamp, the start of [`DATE_MIN`].
pub const TIMESTAMP_MIN: i64 = DATE_MIN * MICROS_PER_DAY;
/// The last timestamp. PostgreSQL's is at the end of 294276; counted from 1970, 64 bits end in January 294247.
pub const TIMESTAMP_MAX: i64 = i64::MAX - 1;

/// A day as year, month and day of the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year 0 is 1 BC.
    pub year: i64,
    /// 1 to 12
    pub month: i64,
    /// 1 to 31
    pub day: i64,
}

/// The fields of a day. Any day of an `i32` or of the timestamp range is valid.
#[must_use]
pub fn civil_from_days(days: i64) -> Civil {
    // Years counted from 1 March keep the leap day at the end; 400 years are one era of 146,097 days.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil { year, month, day }
}

/// The day of a date. The day of the month may exceed the month and runs on.
#[must_use]
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Whether the year has a 29 February.
#[must_use]
pub fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

/// Days of a month (1..=12).
#[must_use]
pub fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Day of the week, 0 for Sunday.
#[must_use]
pub fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// Splits microseconds into days and the microseconds of that day.
#[must_use]
pub fn split_day(micros: i64) -> (i64, i64) {
    (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_over_the_range() {
        for days in (DATE_MIN..=DATE_MAX).step_by(97_003).chain([DATE_MIN, DATE_MAX, 0, -1, 59, 60]) {
            let civil = civil_from_days(days);
            assert_eq!(days_from_civil(civil.year, civil.month, civil.day), days);
        }
    }

    #[test]
    fn known_days() {
        assert_eq!(civil_from_days(0), Civil { year: 1970, month: 1, day: 1 });
        assert_eq!(civil_from_days(DATE_MIN), Civil { year: -4713, month: 11, day: 24 });
        assert_eq!(civil_from_days(DATE_MAX), Civil { year: 5_874_897, month: 12, day: 31 });
        assert_eq!(days_from_civil(2000, 1, 1), i64::from(POSTGRES_EPOCH_DAYS));
        assert_eq!(weekday(0), 4);
        assert!(is_leap(2000) && !is_leap(1900) && is_leap(0));
        assert_eq!(days_in_month(2024, 2), 29);
    }
}
