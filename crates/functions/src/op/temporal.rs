//! Arithmetic of dates, times, timestamps and intervals.
//!
//! Days and months of an interval move the calendar of the session's zone where a `timestamptz` is concerned; its
//! hours move the instant.

use arrow::datatypes::IntervalMonthDayNano;
use kura_pgtypes::{PgType, SqlError, SqlState, TimeZone};

use crate::datetime::calendar::{self, DAY};
use crate::failure::{Outcome, division_by_zero, interval_out_of_range, timestamp_out_of_range};
use crate::kernel::column::{Date, Float8, Int4, Interval, Stamp, Time};
use crate::kernel::lift::{map1, map2};
use crate::math::{FLOAT8, INT4};
use crate::registry::{ArgType, Function};

pub(crate) const DATE: ArgType = ArgType::Exact(PgType::DATE);
pub(crate) const TIME: ArgType = ArgType::Exact(PgType::TIME);
pub(crate) const TIMESTAMP: ArgType = ArgType::Exact(PgType::TIMESTAMP);
pub(crate) const TIMESTAMPTZ: ArgType = ArgType::Exact(PgType::TIMESTAMPTZ);
pub(crate) const INTERVAL: ArgType = ArgType::Exact(PgType::INTERVAL);

const NANOS: i64 = 1_000;
const DAYS_PER_MONTH: i64 = 30;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// Builds an interval of months, days and microseconds.
pub(crate) fn interval(months: i64, days: i64, micros: i64) -> Outcome<IntervalMonthDayNano> {
    let months = i32::try_from(months).map_err(|_| interval_out_of_range())?;
    let days = i32::try_from(days).map_err(|_| interval_out_of_range())?;
    let nanos = micros.checked_mul(NANOS).ok_or_else(interval_out_of_range)?;
    Ok(IntervalMonthDayNano::new(months, days, nanos))
}

/// The part of an interval below a day, in microseconds.
pub(crate) fn micros(interval: IntervalMonthDayNano) -> i64 {
    interval.nanoseconds / NANOS
}

/// The value intervals compare by, in microseconds.
pub(crate) fn key(interval: IntervalMonthDayNano) -> i128 {
    let days = i128::from(interval.months) * i128::from(DAYS_PER_MONTH) + i128::from(interval.days);
    days * i128::from(DAY) + i128::from(micros(interval))
}

/// `-interval`
pub(crate) fn negate(a: IntervalMonthDayNano) -> Outcome<IntervalMonthDayNano> {
    interval(-i64::from(a.months), -i64::from(a.days), -micros(a))
}

/// `a + b`
pub(crate) fn add(a: IntervalMonthDayNano, b: IntervalMonthDayNano) -> Outcome<IntervalMonthDayNano> {
    let time = micros(a).checked_add(micros(b)).ok_or_else(interval_out_of_range)?;
    interval(i64::from(a.months) + i64::from(b.months), i64::from(a.days) + i64::from(b.days), time)
}

/// `timestamp + interval`; infinities stay.
pub(crate) fn shift(stamp: i64, by: IntervalMonthDayNano) -> Outcome<i64> {
    if !calendar::is_finite(stamp) {
        return Ok(stamp);
    }
    let stamp = shift_days(stamp, by)?;
    calendar::timestamp(stamp.checked_add(micros(by)))
}

fn shift_days(stamp: i64, by: IntervalMonthDayNano) -> Outcome<i64> {
    if by.months == 0 && by.days == 0 {
        return Ok(stamp);
    }
    let (mut day, time) = calendar::split(stamp);
    if by.months != 0 {
        day = calendar::add_months(day, by.months.into());
    }
    calendar::join(day + i64::from(by.days), time)
}

/// `timestamptz + interval` in a zone; infinities stay.
pub(crate) fn shift_in(zone: &TimeZone, stamp: i64, by: IntervalMonthDayNano) -> Outcome<i64> {
    if !calendar::is_finite(stamp) {
        return Ok(stamp);
    }
    let mut stamp = stamp;
    if by.months != 0 || by.days != 0 {
        let local = zone.utc_to_local(stamp).ok_or_else(timestamp_out_of_range)?;
        // Months first: a month's end is cut before days are counted, and each step reads the clock anew.
        let months = IntervalMonthDayNano::new(by.months, 0, 0);
        let days = IntervalMonthDayNano::new(0, by.days, 0);
        let mut local = shift_days(local, months)?;
        if by.months != 0 && by.days != 0 {
            let instant = zone.local_to_utc(local).ok_or_else(timestamp_out_of_range)?;
            local = zone.utc_to_local(instant).ok_or_else(timestamp_out_of_range)?;
        }
        stamp = zone.local_to_utc(shift_days(local, days)?).ok_or_else(timestamp_out_of_range)?;
    }
    calendar::timestamp(stamp.checked_add(micros(by)))
}

/// `timestamp - timestamp`: whole days and the rest.
pub(crate) fn difference(a: i64, b: i64) -> Outcome<IntervalMonthDayNano> {
    if !calendar::is_finite(a) || !calendar::is_finite(b) {
        return Err(SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "cannot subtract infinite timestamps"));
    }
    let micros = a.checked_sub(b).ok_or_else(interval_out_of_range)?;
    interval(0, micros / DAY, micros % DAY)
}

/// Rounds seconds to microseconds, as PostgreSQL does between steps.
fn round_micros(seconds: f64) -> f64 {
    (seconds * 1e6).round_ties_even() / 1e6
}

fn whole(value: f64) -> Outcome<i64> {
    if value.is_nan() || value.abs() > f64::from(i32::MAX) { Err(interval_out_of_range()) } else { Ok(value as i64) }
}

/// Every field scaled by `apply`; fractions of months become days, fractions of days become time.
fn scale(a: IntervalMonthDayNano, apply: impl Fn(f64) -> f64) -> Outcome<IntervalMonthDayNano> {
    let (months_exact, days_exact) = (apply(f64::from(a.months)), apply(f64::from(a.days)));
    let (months, mut days) = (whole(months_exact)?, whole(days_exact)?);
    let days_of_months = round_micros((months_exact - months as f64) * DAYS_PER_MONTH as f64);
    let mut seconds = round_micros((days_exact - days as f64 + days_of_months - days_of_months.trunc()) * SECONDS_PER_DAY);
    if seconds.abs() >= SECONDS_PER_DAY {
        let more = (seconds / SECONDS_PER_DAY).trunc();
        days += more as i64;
        seconds -= more * SECONDS_PER_DAY;
    }
    days += days_of_months.trunc() as i64;
    let time = (apply(micros(a) as f64) + seconds * 1e6).round_ties_even();
    if time.is_nan() || time.abs() >= 9.2e18 {
        return Err(interval_out_of_range());
    }
    interval(months, days, time as i64)
}

/// `interval * factor`
pub(crate) fn multiply(a: IntervalMonthDayNano, factor: f64) -> Outcome<IntervalMonthDayNano> {
    scale(a, |field| field * factor)
}

/// `interval / divisor`
pub(crate) fn divide(a: IntervalMonthDayNano, divisor: f64) -> Outcome<IntervalMonthDayNano> {
    if divisor == 0.0 { Err(division_by_zero()) } else { scale(a, |field| field / divisor) }
}

fn add_days(date: i32, days: i64) -> Outcome<i32> {
    if calendar::is_finite_date(date) { calendar::date(i64::from(date).checked_add(days)) } else { Ok(date) }
}

fn at_time(date: i32, time: i64) -> Outcome<i64> {
    let midnight = calendar::midnight(date)?;
    if calendar::is_finite(midnight) { calendar::timestamp(midnight.checked_add(time)) } else { Ok(midnight) }
}

pub(super) fn operators() -> Vec<Function> {
    let mut all = dates();
    all.extend(timestamps());
    all.extend(intervals());
    all
}

fn dates() -> Vec<Function> {
    vec![
        Function::fixed("+", &[DATE, INT4], PgType::DATE, |call| map2::<Date, Int4, i32>(call, |a, b| add_days(a, b.into()))),
        Function::fixed("+", &[INT4, DATE], PgType::DATE, |call| map2::<Int4, Date, i32>(call, |a, b| add_days(b, a.into()))),
        Function::fixed("-", &[DATE, INT4], PgType::DATE, |call| map2::<Date, Int4, i32>(call, |a, b| add_days(a, -i64::from(b)))),
        Function::fixed("-", &[DATE, DATE], PgType::INT4, |call| {
            map2::<Date, Date, i32>(call, |a, b| {
                if calendar::is_finite_date(a) && calendar::is_finite_date(b) {
                    return i32::try_from(i64::from(a) - i64::from(b)).map_err(|_| crate::failure::out_of_range("integer"));
                }
                Err(SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "cannot subtract infinite dates"))
            })
        }),
        Function::fixed("+", &[DATE, INTERVAL], PgType::TIMESTAMP, |call| {
            map2::<Date, Interval, i64>(call, |a, b| shift(calendar::midnight(a)?, b))
        }),
        Function::fixed("+", &[INTERVAL, DATE], PgType::TIMESTAMP, |call| {
            map2::<Interval, Date, i64>(call, |a, b| shift(calendar::midnight(b)?, a))
        }),
        Function::fixed("-", &[DATE, INTERVAL], PgType::TIMESTAMP, |call| {
            map2::<Date, Interval, i64>(call, |a, b| shift(calendar::midnight(a)?, negate(b)?))
        }),
        Function::fixed("+", &[DATE, TIME], PgType::TIMESTAMP, |call| map2::<Date, Time, i64>(call, at_time)),
        Function::fixed("+", &[TIME, DATE], PgType::TIMESTAMP, |call| map2::<Time, Date, i64>(call, |a, b| at_time(b, a))),
    ]
}

fn timestamps() -> Vec<Function> {
    vec![
        Function::fixed("+", &[TIMESTAMP, INTERVAL], PgType::TIMESTAMP, |call| map2::<Stamp, Interval, i64>(call, shift)),
        Function::fixed("+", &[INTERVAL, TIMESTAMP], PgType::TIMESTAMP, |call| map2::<Interval, Stamp, i64>(call, |a, b| shift(b, a))),
        Function::fixed("-", &[TIMESTAMP, INTERVAL], PgType::TIMESTAMP, |call| {
            map2::<Stamp, Interval, i64>(call, |a, b| shift(a, negate(b)?))
        }),
        Function::fixed("-", &[TIMESTAMP, TIMESTAMP], PgType::INTERVAL, |call| {
            map2::<Stamp, Stamp, IntervalMonthDayNano>(call, difference)
        }),
        Function::fixed("+", &[TIMESTAMPTZ, INTERVAL], PgType::TIMESTAMPTZ, |call| {
            let zone = call.session.timezone.clone();
            map2::<Stamp, Interval, i64>(call, move |a, b| shift_in(&zone, a, b))
        })
        .stable(),
        Function::fixed("+", &[INTERVAL, TIMESTAMPTZ], PgType::TIMESTAMPTZ, |call| {
            let zone = call.session.timezone.clone();
            map2::<Interval, Stamp, i64>(call, move |a, b| shift_in(&zone, b, a))
        })
        .stable(),
        Function::fixed("-", &[TIMESTAMPTZ, INTERVAL], PgType::TIMESTAMPTZ, |call| {
            let zone = call.session.timezone.clone();
            map2::<Stamp, Interval, i64>(call, move |a, b| shift_in(&zone, a, negate(b)?))
        })
        .stable(),
        Function::fixed("-", &[TIMESTAMPTZ, TIMESTAMPTZ], PgType::INTERVAL, |call| {
            map2::<Stamp, Stamp, IntervalMonthDayNano>(call, difference)
        }),
    ]
}

fn intervals() -> Vec<Function> {
    vec![
        Function::fixed("-", &[INTERVAL], PgType::INTERVAL, |call| map1::<Interval, IntervalMonthDayNano>(call, negate)),
        Function::fixed("+", &[INTERVAL, INTERVAL], PgType::INTERVAL, |call| map2::<Interval, Interval, IntervalMonthDayNano>(call, add)),
        Function::fixed("-", &[INTERVAL, INTERVAL], PgType::INTERVAL, |call| {
            map2::<Interval, Interval, IntervalMonthDayNano>(call, |a, b| add(a, negate(b)?))
        }),
        Function::fixed("*", &[INTERVAL, FLOAT8], PgType::INTERVAL, |call| map2::<Interval, Float8, IntervalMonthDayNano>(call, multiply)),
        Function::fixed("*", &[FLOAT8, INTERVAL], PgType::INTERVAL, |call| {
            map2::<Float8, Interval, IntervalMonthDayNano>(call, |a, b| multiply(b, a))
        }),
        Function::fixed("/", &[INTERVAL, FLOAT8], PgType::INTERVAL, |call| map2::<Interval, Float8, IntervalMonthDayNano>(call, divide)),
        Function::fixed("+", &[TIME, INTERVAL], PgType::TIME, |call| {
            map2::<Time, Interval, i64>(call, |a, b| Ok((a + micros(b) % DAY).rem_euclid(DAY)))
        }),
        Function::fixed("+", &[INTERVAL, TIME], PgType::TIME, |call| {
            map2::<Interval, Time, i64>(call, |a, b| Ok((b + micros(a) % DAY).rem_euclid(DAY)))
        }),
        Function::fixed("-", &[TIME, INTERVAL], PgType::TIME, |call| {
            map2::<Time, Interval, i64>(call, |a, b| Ok((a - micros(b) % DAY).rem_euclid(DAY)))
        }),
        Function::fixed("-", &[TIME, TIME], PgType::INTERVAL, |call| {
            map2::<Time, Time, IntervalMonthDayNano>(call, |a, b| interval(0, 0, a - b))
        }),
    ]
}
