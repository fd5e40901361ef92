//! `age`, the `justify_` functions and `isfinite`.

use arrow::datatypes::IntervalMonthDayNano;
use kura_pgtypes::PgType;

use super::calendar::{self, DAY, is_finite};
use super::clock::Clock;
use crate::failure::{Outcome, timestamp_out_of_range};
use crate::kernel::column::{Date, Interval, Stamp};
use crate::kernel::function;
use crate::kernel::lift::{map1, map2, rows};
use crate::op::temporal::{DATE, INTERVAL, TIMESTAMP, TIMESTAMPTZ, interval, micros};
use crate::registry::{Call, Function};

const MONTH_DAYS: i64 = 30;

pub(super) fn functions() -> Vec<Function> {
    let mut all = vec![
        Function::fixed("age", &[TIMESTAMP, TIMESTAMP], PgType::INTERVAL, |call| {
            map2::<Stamp, Stamp, IntervalMonthDayNano>(call, |a, b| age(a, b, a < b))
        }),
        Function::fixed("age", &[TIMESTAMPTZ, TIMESTAMPTZ], PgType::INTERVAL, |call| {
            let zone = call.session.timezone.clone();
            function(call, move |args| {
                let (a, b) = (args.column(0)?.read::<Stamp>()?, args.column(1)?.read::<Stamp>()?);
                let mut clock = Clock::new(&zone);
                rows::<IntervalMonthDayNano>(args.rows, &PgType::INTERVAL.arrow(), |row| match (a.get(row), b.get(row)) {
                    (Some(a), Some(b)) => age(clock.local(a)?, clock.local(b)?, a < b).map(Some),
                    _ => Ok(None),
                })
            })
        }),
        Function::fixed("age", &[TIMESTAMP], PgType::INTERVAL, |call| {
            let today = today(call);
            map1::<Stamp, IntervalMonthDayNano>(call, move |then| {
                let today = today.clone()?;
                age(today, then, today < then)
            })
        })
        .stable(),
        Function::fixed("age", &[TIMESTAMPTZ], PgType::INTERVAL, |call| {
            let (zone, today) = (call.session.timezone.clone(), today(call));
            function(call, move |args| {
                let stamps = args.column(0)?.read::<Stamp>()?;
                let mut clock = Clock::new(&zone);
                let today = today.clone()?;
                let midnight = clock.instant(today)?;
                rows::<IntervalMonthDayNano>(args.rows, &PgType::INTERVAL.arrow(), |row| match stamps.get(row) {
                    Some(then) => age(today, clock.local(then)?, midnight < then).map(Some),
                    None => Ok(None),
                })
            })
        })
        .stable(),
    ];
    all.extend(simple());
    all
}

fn simple() -> Vec<Function> {
    vec![
        Function::fixed("justify_hours", &[INTERVAL], PgType::INTERVAL, |call| map1::<Interval, IntervalMonthDayNano>(call, justify_hours)),
        Function::fixed("justify_days", &[INTERVAL], PgType::INTERVAL, |call| map1::<Interval, IntervalMonthDayNano>(call, justify_days)),
        Function::fixed("justify_interval", &[INTERVAL], PgType::INTERVAL, |call| map1::<Interval, IntervalMonthDayNano>(call, justify)),
        Function::fixed("isfinite", &[DATE], PgType::BOOL, |call| map1::<Date, bool>(call, |date| Ok(calendar::is_finite_date(date)))),
        Function::fixed("isfinite", &[TIMESTAMP], PgType::BOOL, |call| map1::<Stamp, bool>(call, |stamp| Ok(is_finite(stamp)))),
        Function::fixed("isfinite", &[TIMESTAMPTZ], PgType::BOOL, |call| map1::<Stamp, bool>(call, |stamp| Ok(is_finite(stamp)))),
        // Intervals have no infinity in PostgreSQL 15.
        Function::fixed("isfinite", &[INTERVAL], PgType::BOOL, |call| map1::<Interval, bool>(call, |_| Ok(true))),
    ]
}

/// Midnight of `current_date`, as the session's clock shows it.
fn today(call: &Call<'_>) -> Outcome<i64> {
    let now = call.session.timezone.utc_to_local(call.session.now_micros).ok_or_else(timestamp_out_of_range)?;
    Ok(now - now.rem_euclid(DAY))
}

/// `age(a, b)`: the difference field by field, of what the clock shows. `negative`: whether `a` is before `b`.
pub(super) fn age(a: i64, b: i64, negative: bool) -> Outcome<IntervalMonthDayNano> {
    if !is_finite(a) || !is_finite(b) {
        return Err(timestamp_out_of_range());
    }
    let ((day_a, time_a), (day_b, time_b)) = (calendar::split(a), calendar::split(b));
    let (date_a, date_b) = (calendar::civil(day_a), calendar::civil(day_b));
    let sign = if negative { -1 } else { 1 };
    let mut time = sign * (time_a - time_b);
    let mut days = sign * (date_a.day - date_b.day);
    let mut months = sign * ((date_a.year - date_b.year) * 12 + date_a.month - date_b.month);
    if time < 0 {
        time += DAY;
        days -= 1;
    }
    // A missing day is borrowed from the month of the earlier date.
    let earlier = if negative { date_a } else { date_b };
    while days < 0 {
        days += calendar::month_length(earlier.year, earlier.month);
        months -= 1;
    }
    interval(sign * months, sign * days, sign * time)
}

/// Moves a day between days and hours so that both have one sign.
fn align(days: i64, time: i64) -> (i64, i64) {
    match () {
        () if days > 0 && time < 0 => (days - 1, time + DAY),
        () if days < 0 && time > 0 => (days + 1, time - DAY),
        () => (days, time),
    }
}

fn justify_hours(value: IntervalMonthDayNano) -> Outcome<IntervalMonthDayNano> {
    let time = micros(value);
    let (days, time) = align(i64::from(value.days) + time / DAY, time % DAY);
    interval(value.months.into(), days, time)
}

fn justify_days(value: IntervalMonthDayNano) -> Outcome<IntervalMonthDayNano> {
    let days = i64::from(value.days);
    let (mut months, mut days) = (i64::from(value.months) + days / MONTH_DAYS, days % MONTH_DAYS);
    if months > 0 && days < 0 {
        (months, days) = (months - 1, days + MONTH_DAYS);
    } else if months < 0 && days > 0 {
        (months, days) = (months + 1, days - MONTH_DAYS);
    }
    interval(months, days, micros(value))
}

fn justify(value: IntervalMonthDayNano) -> Outcome<IntervalMonthDayNano> {
    let time = micros(value);
    let days = i64::from(value.days) + time / DAY;
    let time = time % DAY;
    let (mut months, mut days) = (i64::from(value.months) + days / MONTH_DAYS, days % MONTH_DAYS);
    if months > 0 && (days < 0 || (days == 0 && time < 0)) {
        (months, days) = (months - 1, days + MONTH_DAYS);
    } else if months < 0 && (days > 0 || (days == 0 && time > 0)) {
        (months, days) = (months + 1, days - MONTH_DAYS);
    }
    let (days, time) = align(days, time);
    interval(months, days, time)
}
