//! Casts among dates, times, timestamps and intervals, in the session's zone, and their precisions.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, IntervalMonthDayNano};
use kura_pgtypes::calendar::POSTGRES_EPOCH_MICROS;
use kura_pgtypes::{PgType, Scalar, TimeZone};

use super::{Context, Convert};
use crate::datetime::calendar::{self, DAY};
use crate::failure::{Outcome, timestamp_out_of_range};
use crate::kernel::Column;
use crate::kernel::column::{Date, Interval, Read, Stamp, Time};
use crate::kernel::lift::rows;
use crate::kernel::write::Write;
use crate::op::temporal::{interval, micros};

/// The conversion between two types of this family; `None` for any other.
pub(super) fn converter(from: PgType, to: PgType, context: Context<'_>) -> Option<Convert> {
    let zone = context.session.timezone.clone();
    let data_type = to.arrow();
    Some(match (from.scalar, to.scalar) {
        (Scalar::Date, Scalar::Timestamp) => precise(each::<Date, i64>(data_type, calendar::midnight), to),
        (Scalar::Date, Scalar::Timestamptz) => {
            precise(each::<Date, i64>(data_type, move |date| to_utc(&zone, calendar::midnight(date)?)), to)
        }
        (Scalar::Timestamp, Scalar::Date) => each::<Stamp, i32>(data_type, to_date),
        (Scalar::Timestamptz, Scalar::Date) => each::<Stamp, i32>(data_type, move |stamp| to_date(to_local(&zone, stamp)?)),
        (Scalar::Timestamp, Scalar::Timestamptz) => precise(each::<Stamp, i64>(data_type, move |stamp| to_utc(&zone, stamp)), to),
        (Scalar::Timestamptz, Scalar::Timestamp) => precise(each::<Stamp, i64>(data_type, move |stamp| to_local(&zone, stamp)), to),
        (Scalar::Timestamp, Scalar::Time) => precise(maybe::<Stamp, i64>(data_type, |stamp| Ok(to_time(stamp))), to),
        (Scalar::Timestamptz, Scalar::Time) => {
            precise(maybe::<Stamp, i64>(data_type, move |stamp| Ok(to_time(to_local(&zone, stamp)?))), to)
        }
        (Scalar::Time, Scalar::Interval) => each::<Time, IntervalMonthDayNano>(data_type, |time| interval(0, 0, time)),
        (Scalar::Interval, Scalar::Time) => precise(each::<Interval, i64>(data_type, |value| Ok(micros(value).rem_euclid(DAY))), to),
        (a, b) if a == b => match a {
            Scalar::Time | Scalar::Timestamp | Scalar::Timestamptz => precise(Arc::new(|array| Ok(Arc::clone(array))), to),
            Scalar::Interval => {
                let unit = unit(to);
                each::<Interval, IntervalMonthDayNano>(data_type, move |value| {
                    interval(value.months.into(), value.days.into(), round(micros(value), unit, 0))
                })
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn each<A: Read, B: Write + 'static>(
    data_type: DataType,
    f: impl for<'a> Fn(A::Item<'a>) -> Outcome<B> + Send + Sync + 'static,
) -> Convert {
    maybe::<A, B>(data_type, move |value| f(value).map(Some))
}

fn maybe<A: Read, B: Write + 'static>(
    data_type: DataType,
    f: impl for<'a> Fn(A::Item<'a>) -> Outcome<Option<B>> + Send + Sync + 'static,
) -> Convert {
    Arc::new(move |array: &ArrayRef| {
        let column = Column { array: Arc::clone(array), constant: false };
        let values = column.read::<A>()?;
        rows::<B>(array.len(), &data_type, |row| match values.get(row) {
            Some(value) => f(value),
            None => Ok(None),
        })
    })
}

/// What the zone's clock shows at an instant.
pub(crate) fn to_local(zone: &TimeZone, stamp: i64) -> Outcome<i64> {
    zone.utc_to_local(stamp).ok_or_else(timestamp_out_of_range)
}

/// The instant at which the zone's clock shows a time.
pub(crate) fn to_utc(zone: &TimeZone, stamp: i64) -> Outcome<i64> {
    zone.local_to_utc(stamp).ok_or_else(timestamp_out_of_range)
}

/// The date of a timestamp; infinities stay.
pub(crate) fn to_date(stamp: i64) -> Outcome<i32> {
    match stamp {
        calendar::INFINITY => Ok(calendar::DATE_INFINITY),
        calendar::NEGATIVE_INFINITY => Ok(calendar::DATE_NEGATIVE_INFINITY),
        stamp => calendar::date(Some(stamp.div_euclid(DAY))),
    }
}

/// The time of day; an infinity has none.
fn to_time(stamp: i64) -> Option<i64> {
    calendar::is_finite(stamp).then(|| stamp.rem_euclid(DAY))
}

/// Microseconds of the last digit a type keeps.
fn unit(ty: PgType) -> i64 {
    ty.seconds_precision().map_or(1, |digits| 10i64.pow(6u32.saturating_sub(digits)))
}

/// Rounds to a unit, half away from `origin`.
fn round(value: i64, unit: i64, origin: i64) -> i64 {
    if unit == 1 {
        return value;
    }
    let Some(distance) = value.checked_sub(origin) else {
        return value;
    };
    let rounded = (distance.unsigned_abs() + unit.unsigned_abs() / 2) / unit.unsigned_abs() * unit.unsigned_abs();
    let rounded = i64::try_from(rounded).unwrap_or(i64::MAX);
    origin.saturating_add(if distance < 0 { -rounded } else { rounded })
}

/// Adds the rounding of `timestamp(p)` and `time(p)` to a conversion.
fn precise(convert: Convert, to: PgType) -> Convert {
    let unit = unit(to);
    if unit == 1 {
        return convert;
    }
    let data_type = to.arrow();
    let timestamp = to.scalar != Scalar::Time;
    Arc::new(move |array| {
        let column = Column { array: convert(array)?, constant: false };
        if timestamp {
            let values = column.read::<Stamp>()?;
            return rows::<i64>(column.array.len(), &data_type, |row| {
                Ok(values.get(row).map(|value| if calendar::is_finite(value) { round(value, unit, POSTGRES_EPOCH_MICROS) } else { value }))
            });
        }
        let values = column.read::<Time>()?;
        rows::<i64>(column.array.len(), &data_type, |row| Ok(values.get(row).map(|value| round(value, unit, 0))))
    })
}
