//! `make_date`, `make_time`, `make_timestamp`, `make_timestamptz` and `make_interval`.

use std::sync::Arc;

use arrow::datatypes::IntervalMonthDayNano;
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, SqlError, SqlState, TimeZone};

use super::calendar::{self, DAY, HOUR, MINUTE};
use super::clock::Clock;
use super::{Keys, TEXT};
use crate::failure::{Outcome, interval_out_of_range, invalid_parameter};
use crate::kernel::column::{Float8, Int4, Typed};
use crate::kernel::lift::{map3, rows};
use crate::kernel::{Args, function};
use crate::math::{FLOAT8, INT4};
use crate::op::temporal::interval;
use crate::registry::{Call, Function};

const FIELDS: &[&str] = &["year", "month", "mday", "hour", "min", "sec"];
const ZONED_FIELDS: &[&str] = &["year", "month", "mday", "hour", "min", "sec", "timezone"];
/// A year whose days are far out of any range, yet do not overflow.
const YEAR_MAX: i64 = 6_000_000;

pub(super) fn functions() -> Vec<Function> {
    let mut make_interval = Function::fixed("make_interval", &[INT4, INT4, INT4, INT4, INT4, INT4, FLOAT8], PgType::INTERVAL, interval_of)
        .named(&["years", "months", "weeks", "days", "hours", "mins", "secs"]);
    // Every argument has the default 0.
    make_interval.optional = 7;
    vec![
        Function::fixed("make_date", &[INT4, INT4, INT4], PgType::DATE, |call| {
            map3::<Int4, Int4, Int4, i32>(call, |year, month, day| {
                // Its errors show the year as it is counted, 1 BC being 0.
                let shown = if year < 0 { i64::from(year) + 1 } else { year.into() };
                date(year, month, day, shown).and_then(|day| calendar::date(Some(day)))
            })
        })
        .named(&["year", "month", "day"]),
        Function::fixed("make_time", &[INT4, INT4, FLOAT8], PgType::TIME, |call| map3::<Int4, Int4, Float8, i64>(call, time))
            .named(&["hour", "min", "sec"]),
        Function::fixed("make_timestamp", &[INT4, INT4, INT4, INT4, INT4, FLOAT8], PgType::TIMESTAMP, |call| {
            function(call, |args| {
                let fields = Fields::open(args)?;
                rows::<i64>(args.rows, &PgType::TIMESTAMP.arrow(), |row| fields.timestamp(row))
            })
        })
        .named(FIELDS),
        Function::fixed("make_timestamptz", &[INT4, INT4, INT4, INT4, INT4, FLOAT8], PgType::TIMESTAMPTZ, |call| {
            let zone = call.session.timezone.clone();
            function(call, move |args| {
                let fields = Fields::open(args)?;
                let mut clock = Clock::new(&zone);
                rows::<i64>(args.rows, &PgType::TIMESTAMPTZ.arrow(), |row| match fields.timestamp(row)? {
                    Some(local) => clock.instant(local).map(Some),
                    None => Ok(None),
                })
            })
        })
        .named(FIELDS)
        .stable(),
        Function::fixed("make_timestamptz", &[INT4, INT4, INT4, INT4, INT4, FLOAT8, TEXT], PgType::TIMESTAMPTZ, |call| {
            function(call, |args| {
                let fields = Fields::open(args)?;
                let mut zones = Keys::open(args.column(6)?)?;
                rows::<i64>(args.rows, &PgType::TIMESTAMPTZ.arrow(), |row| match (fields.timestamp(row)?, zones.get(row, zone)?) {
                    (Some(local), Some(zone)) => Clock::new(zone).instant(local).map(Some),
                    _ => Ok(None),
                })
            })
        })
        .named(ZONED_FIELDS)
        .stable(),
        make_interval,
    ]
}

fn out_of_range(message: String) -> SqlError {
    SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
}

/// The day of a date. Negative years are BC. `shown`: the year in errors.
fn date(year: i32, month: i32, day: i32, shown: i64) -> Outcome<i64> {
    let astronomical = if year < 0 { i64::from(year) + 1 } else { i64::from(year) };
    let (m, d) = (i64::from(month), i64::from(day));
    if year == 0 || !(1..=12).contains(&m) || d < 1 || d > calendar::month_length(astronomical, m) {
        return Err(out_of_range(format!("date field value out of range: {shown}-{month:02}-{day:02}")));
    }
    let days = (astronomical.abs() <= YEAR_MAX).then(|| calendar::days(astronomical, m, d));
    calendar::date(days).map(i64::from).map_err(|_| out_of_range(format!("date out of range: {shown}-{month:02}-{day:02}")))
}

/// Microseconds of a time of day, up to 24:00:00; 60 seconds are allowed.
fn time(hour: i32, minute: i32, second: f64) -> Outcome<i64> {
    let micros = (second * 1e6).round_ties_even();
    let valid = (0..=24).contains(&hour) && (0..=59).contains(&minute) && (0.0..=60e6).contains(&micros);
    let time = i64::from(hour) * HOUR + i64::from(minute) * MINUTE + micros as i64;
    if valid && time <= DAY {
        return Ok(time);
    }
    Err(out_of_range(format!("time field value out of range: {hour}:{minute:02}:{:0>2}", general(second))))
}

/// A float as PostgreSQL's `%g` writes it: six significant digits.
pub(super) fn general(value: f64) -> String {
    if !value.is_finite() {
        return match () {
            () if value.is_nan() => "NaN".to_owned(),
            () if value > 0.0 => "Infinity".to_owned(),
            () => "-Infinity".to_owned(),
        };
    }
    let scientific = format!("{value:.5e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..6).contains(&exponent) {
        return trimmed(&format!("{value:.*}", (5 - exponent) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
}

/// The first six arguments of `make_timestamp`.
struct Fields<'a> {
    numbers: [Typed<'a, Int4>; 5],
    seconds: Typed<'a, Float8>,
}

impl<'a> Fields<'a> {
    fn open(args: &'a Args) -> Outcome<Self> {
        let number = |index: usize| args.column(index)?.read::<Int4>();
        Ok(Self { numbers: [number(0)?, number(1)?, number(2)?, number(3)?, number(4)?], seconds: args.column(5)?.read::<Float8>()? })
    }

    fn timestamp(&self, row: usize) -> Outcome<Option<i64>> {
        let [year, month, day, hour, minute] = [0, 1, 2, 3, 4].map(|index: usize| self.numbers[index].get(row));
        let (Some(year), Some(month), Some(day), Some(hour), Some(minute), Some(second)) =
            (year, month, day, hour, minute, self.seconds.get(row))
        else {
            return Ok(None);
        };
        let (days, time) = (date(year, month, day, year.into())?, time(hour, minute, second)?);
        let stamp = calendar::join(days, time).map_err(|_| {
            out_of_range(format!("timestamp out of range: {year}-{month:02}-{day:02} {hour}:{minute:02}:{:0>2}", general(second)))
        })?;
        Ok(Some(stamp))
    }
}

/// The zone of `make_timestamptz`: here a number counts east of Greenwich, unlike in `AT TIME ZONE`.
fn zone(name: &str) -> Outcome<TimeZone> {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(invalid_parameter(format!("invalid input syntax for type numeric time zone: \"{name}\""))
            .hint("Numeric time zones must have \"-\" or \"+\" as first character."));
    }
    let (sign, digits) = match name.split_at_checked(1) {
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        _ => return TimeZone::from_expression(name),
    };
    match offset(digits) {
        Some(Some(seconds)) => Ok(TimeZone::fixed(sign * seconds)),
        Some(None) => Err(invalid_parameter(format!("numeric time zone \"{name}\" out of range"))),
        None => TimeZone::from_expression(name),
    }
}

/// Seconds of `9`, `0930`, `9:30` or `9:30:15`. `None`: no number; `Some(None)`: out of range.
fn offset(text: &str) -> Option<Option<i32>> {
    let number = |text: &str| -> Option<(i32, usize)> {
        let length = text.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 { None } else { Some((text.get(..length)?.parse().unwrap_or(i32::MAX), length)) }
    };
    let (mut hours, length) = number(text)?;
    let (mut minutes, mut seconds) = (0, 0);
    let mut rest = text.get(length..)?;
    if let Some(more) = rest.strip_prefix(':') {
        let (value, length) = number(more).unwrap_or((0, 0));
        minutes = value;
        rest = more.get(length..)?;
        if let Some(more) = rest.strip_prefix(':') {
            seconds = number(more).map_or(0, |(value, _)| value);
        }
    } else if rest.is_empty() && length > 2 {
        (hours, minutes) = (hours / 100, hours % 100);
    }
    let valid = (0..=15).contains(&hours) && (0..60).contains(&minutes) && (0..60).contains(&seconds);
    Some(valid.then(|| hours * 3_600 + minutes * 60 + seconds))
}

/// `make_interval`; arguments left out are 0.
fn interval_of(call: &Call<'_>) -> Arc<ScalarUDF> {
    let given = call.arguments.len();
    function(call, move |args| {
        let numbers = (0..given.min(6)).map(|index| args.column(index)?.read::<Int4>()).collect::<Outcome<Vec<_>>>()?;
        let seconds = if given > 6 { Some(args.column(6)?.read::<Float8>()?) } else { None };
        rows::<IntervalMonthDayNano>(args.rows, &PgType::INTERVAL.arrow(), |row| {
            let mut values = [0i64; 6];
            for (value, column) in values.iter_mut().zip(&numbers) {
                let Some(given) = column.get(row) else {
                    return Ok(None);
                };
                *value = given.into();
            }
            let seconds = match &seconds {
                Some(column) => match column.get(row) {
                    Some(seconds) => seconds,
                    None => return Ok(None),
                },
                None => 0.0,
            };
            let [years, months, weeks, days, hours, minutes] = values;
            let micros = (seconds * 1e6).round_ties_even();
            if !micros.is_finite() || micros.abs() >= 9.2e18 {
                return Err(interval_out_of_range());
            }
            let time = hours * HOUR + minutes * MINUTE;
            let time = time.checked_add(micros as i64).ok_or_else(interval_out_of_range)?;
            interval(years * 12 + months, weeks * 7 + days, time).map(Some)
        })
    })
}
