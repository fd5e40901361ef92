//! `timezone(zone, x)`, which is what `x AT TIME ZONE zone` calls, and `to_timestamp` of seconds.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, IntervalMonthDayNanoArray};
use arrow::datatypes::IntervalMonthDayNano;
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::calendar::POSTGRES_EPOCH_MICROS;
use kura_pgtypes::{OutputSettings, PgType, SqlError, SqlState, TimeZone, encode};

use super::calendar::{self, SECOND};
use super::clock::Clock;
use super::{Keys, TEXT};
use crate::failure::{Outcome, invalid_parameter, unsupported};
use crate::kernel::column::{Float8, Interval, Stamp};
use crate::kernel::function;
use crate::kernel::lift::{map1, rows};
use crate::math::FLOAT8;
use crate::op::temporal::{INTERVAL, TIME, TIMESTAMP, TIMESTAMPTZ, micros};
use crate::registry::{Call, Function};

/// Seconds from 1970 to 2000, where PostgreSQL counts from.
const POSTGRES_EPOCH_SECONDS: f64 = 946_684_800.0;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("timezone", &[TEXT, TIMESTAMP], PgType::TIMESTAMPTZ, |call| named(call, |clock, local| clock.instant(local))),
        Function::fixed("timezone", &[TEXT, TIMESTAMPTZ], PgType::TIMESTAMP, |call| named(call, |clock, stamp| clock.local(stamp))),
        Function::fixed("timezone", &[INTERVAL, TIMESTAMP], PgType::TIMESTAMPTZ, |call| shifted(call, -1)),
        Function::fixed("timezone", &[INTERVAL, TIMESTAMPTZ], PgType::TIMESTAMP, |call| shifted(call, 1)),
        Function::fixed("timezone", &[TEXT, TIME], PgType::TIME, refused),
        Function::fixed("timezone", &[INTERVAL, TIME], PgType::TIME, refused),
        Function::fixed("to_timestamp", &[FLOAT8], PgType::TIMESTAMPTZ, |call| map1::<Float8, i64>(call, from_seconds)),
    ]
}

type Convert = for<'c, 'z> fn(&'c mut Clock<'z>, i64) -> Outcome<i64>;

fn named(call: &Call<'_>, convert: Convert) -> Arc<ScalarUDF> {
    let data_type = call.returns.arrow();
    function(call, move |args| {
        let (names, stamps) = (args.column(0)?, args.column(1)?);
        // A zone that does not exist is no error where there is no value.
        let ahead = names.constant && stamps.array.null_count() < stamps.array.len();
        let stamps = stamps.read::<Stamp>()?;
        let mut zones = Keys::open(names)?;
        if ahead {
            let Some(zone) = zones.get(0, TimeZone::from_expression)? else {
                return rows::<i64>(args.rows, &data_type, |_| Ok(None));
            };
            let mut clock = Clock::new(zone);
            return rows::<i64>(args.rows, &data_type, |row| stamps.get(row).map(|stamp| convert(&mut clock, stamp)).transpose());
        }
        rows::<i64>(args.rows, &data_type, |row| {
            let Some(stamp) = stamps.get(row) else {
                return Ok(None);
            };
            zones.get(row, TimeZone::from_expression)?.map(|zone| convert(&mut Clock::new(zone), stamp)).transpose()
        })
    })
}

/// A zone given as its distance from Greenwich.
fn shifted(call: &Call<'_>, sign: i64) -> Arc<ScalarUDF> {
    let data_type = call.returns.arrow();
    let settings = call.session.settings.clone();
    function(call, move |args| {
        let zones = args.column(0)?.read::<Interval>()?;
        let stamps = args.column(1)?.read::<Stamp>()?;
        rows::<i64>(args.rows, &data_type, |row| {
            let (Some(zone), Some(stamp)) = (zones.get(row), stamps.get(row)) else {
                return Ok(None);
            };
            if !calendar::is_finite(stamp) {
                return Ok(Some(stamp));
            }
            if zone.months != 0 || zone.days != 0 {
                return Err(invalid_parameter(format!(
                    "interval time zone \"{}\" must not include months or days",
                    interval_text(zone, &settings)?
                )));
            }
            let offset = micros(zone) / SECOND * SECOND;
            calendar::timestamp(stamp.checked_add(sign * offset)).map(Some)
        })
    })
}

fn interval_text(value: IntervalMonthDayNano, settings: &OutputSettings) -> Outcome<String> {
    let array: ArrayRef = Arc::new(IntervalMonthDayNanoArray::from(vec![value]));
    let mut text = Vec::new();
    encode::write_text(array.as_ref() as &dyn Array, 0, PgType::INTERVAL, settings, &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn refused(call: &Call<'_>) -> Arc<ScalarUDF> {
    function(call, |_| {
        Err(unsupported("type time with time zone is not supported").hint("Add the time to a date and convert the timestamp."))
    })
}

/// `to_timestamp(seconds since 1970)`
fn from_seconds(seconds: f64) -> Outcome<i64> {
    let error = |message: String| SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, message);
    if seconds.is_nan() {
        return Err(error("timestamp cannot be NaN".to_owned()));
    }
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 { calendar::INFINITY } else { calendar::NEGATIVE_INFINITY });
    }
    // In PostgreSQL's steps, so that the same digits are lost.
    let micros = ((seconds - POSTGRES_EPOCH_SECONDS) * 1e6).round_ties_even();
    let stamp = if micros.abs() < 9.3e18 { i128::from(micros as i64).checked_add(i128::from(POSTGRES_EPOCH_MICROS)) } else { None };
    calendar::timestamp(stamp.and_then(|stamp| i64::try_from(stamp).ok()))
        .map_err(|_| error(format!("timestamp out of range: \"{}\"", super::make::general(seconds))))
}
