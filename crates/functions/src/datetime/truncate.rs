//! `date_trunc` and `date_bin`.
//!
//! With a constant unit a column of timestamps is truncated by arithmetic alone.

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{IntervalMonthDayNano, TimestampMicrosecondType};
use kura_pgtypes::{PgType, SqlError, SqlState, TimeZone};

use super::calendar::{self, DAY, HOUR, MINUTE, SECOND, is_finite};
use super::clock::Clock;
use super::unit::{self, Unit};
use super::{Keys, TEXT};
use crate::failure::{Outcome, internal, interval_out_of_range, timestamp_out_of_range, unsupported};
use crate::kernel::column::{Interval, Stamp};
use crate::kernel::lift::{map3, rows};
use crate::kernel::write::relabel;
use crate::kernel::{Args, Column, function};
use crate::op::temporal::{INTERVAL, TIMESTAMP, TIMESTAMPTZ, interval, micros};
use crate::registry::Function;

type Stamps = PrimitiveArray<TimestampMicrosecondType>;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("date_trunc", &[TEXT, TIMESTAMP], PgType::TIMESTAMP, |call| function(call, timestamps)),
        Function::fixed("date_trunc", &[TEXT, TIMESTAMPTZ], PgType::TIMESTAMPTZ, |call| {
            let zone = call.session.timezone.clone();
            function(call, move |args| instants(args, Some(&zone)))
        })
        .stable(),
        Function::fixed("date_trunc", &[TEXT, TIMESTAMPTZ, TEXT], PgType::TIMESTAMPTZ, |call| function(call, |args| instants(args, None)))
            .stable(),
        Function::fixed("date_trunc", &[TEXT, INTERVAL], PgType::INTERVAL, |call| function(call, intervals)),
        Function::fixed("date_bin", &[INTERVAL, TIMESTAMP, TIMESTAMP], PgType::TIMESTAMP, |call| {
            map3::<Interval, Stamp, Stamp, i64>(call, bin)
        }),
        Function::fixed("date_bin", &[INTERVAL, TIMESTAMPTZ, TIMESTAMPTZ], PgType::TIMESTAMPTZ, |call| {
            map3::<Interval, Stamp, Stamp, i64>(call, bin)
        }),
    ]
}

/// The unit of a name, which must be one that values of this type can be cut to.
fn unit_of(name: &str, ty: PgType) -> Outcome<Unit> {
    let name = unit::folded(name);
    match unit::unit(&name) {
        None => Err(unit::unrecognized(&name, ty)),
        Some(Unit::Timezone | Unit::TimezoneHour | Unit::TimezoneMinute) => Err(unit::unsupported(&name, ty)),
        Some(Unit::Week) if ty == PgType::INTERVAL => Err(unit::unsupported(&name, ty).detail("Months usually have fractional weeks.")),
        Some(unit) => Ok(unit),
    }
}

/// Microseconds of a unit that is cut by division.
fn length(unit: Unit) -> Option<i64> {
    match unit {
        Unit::Microseconds => Some(1),
        Unit::Milliseconds => Some(1_000),
        Unit::Second => Some(SECOND),
        Unit::Minute => Some(MINUTE),
        Unit::Hour => Some(HOUR),
        _ => None,
    }
}

/// The start of the day's unit; units below a day leave the day.
fn first_day(unit: Unit, day: i64) -> i64 {
    let year = |truncate: fn(i64) -> i64| calendar::days(truncate(calendar::civil(day).year), 1, 1);
    match unit {
        Unit::Week => day - calendar::iso_weekday(day) + 1,
        Unit::Month => day - calendar::civil(day).day + 1,
        Unit::Quarter => {
            let date = calendar::civil(day);
            calendar::days(date.year, (date.month - 1) / 3 * 3 + 1, 1)
        }
        Unit::Year => year(|year| year),
        Unit::Decade => year(|year| if year > 0 { year / 10 * 10 } else { -((8 - (year - 1)) / 10) * 10 }),
        Unit::Century => year(|year| whole_years(year, 100)),
        Unit::Millennium => year(|year| whole_years(year, 1_000)),
        _ => day,
    }
}

/// The first year of a century or millennium; the first of them begin with year 1.
fn whole_years(year: i64, length: i64) -> i64 {
    if year > 0 { (year + length - 1) / length * length - (length - 1) } else { -((length - 1 - (year - 1)) / length) * length + 1 }
}

/// `date_trunc(unit, timestamp)`; infinities stay.
fn truncate(unit: Unit, stamp: i64) -> Outcome<i64> {
    if !is_finite(stamp) {
        return Ok(stamp);
    }
    match length(unit) {
        Some(length) => Ok(stamp - stamp.rem_euclid(length)),
        None => calendar::join(first_day(unit, stamp.div_euclid(DAY)), 0),
    }
}

/// Cuts a column to a multiple of `UNIT` microseconds.
fn cut<const UNIT: i64>(stamps: &Stamps, offset: i64) -> Stamps {
    // Values under NULL may be anything, hence no overflow checks.
    stamps.unary(|stamp| if is_finite(stamp) { stamp.wrapping_sub(stamp.wrapping_add(offset).rem_euclid(UNIT)) } else { stamp })
}

/// Truncates a column as a clock with a fixed offset shows it.
fn truncate_all(unit: Unit, stamps: &Stamps, offset: i64) -> Outcome<Stamps> {
    Ok(match unit {
        Unit::Microseconds => stamps.clone(),
        Unit::Milliseconds => cut::<1_000>(stamps, offset),
        Unit::Second => cut::<SECOND>(stamps, offset),
        Unit::Minute => cut::<MINUTE>(stamps, offset),
        Unit::Hour => cut::<HOUR>(stamps, offset),
        // Days before the first one are out of range only where the clock is not that of Greenwich.
        Unit::Day if offset == 0 => cut::<DAY>(stamps, 0),
        _ => stamps.try_unary(|stamp| {
            if !is_finite(stamp) {
                return Ok(stamp);
            }
            let local = stamp.checked_add(offset).ok_or_else(timestamp_out_of_range)?;
            calendar::timestamp(truncate(unit, local)?.checked_sub(offset))
        })?,
    })
}

/// Whether a column has rows of its own that are not NULL. Only then may constants be read ahead of them: a unit that
/// does not exist is no error where there is no value.
fn has_values(column: &Column) -> bool {
    !column.constant && column.array.null_count() < column.array.len()
}

fn stamps(array: &ArrayRef) -> Outcome<&Stamps> {
    array.as_primitive_opt().ok_or_else(|| internal(format!("date_trunc of {}", array.data_type())))
}

fn timestamps(args: &Args) -> Outcome<ArrayRef> {
    let data_type = PgType::TIMESTAMP.arrow();
    let (names, values) = (args.column(0)?, args.column(1)?);
    let mut units = Keys::open(names)?;
    let read = |name: &str| unit_of(name, PgType::TIMESTAMP);
    if names.constant
        && has_values(values)
        && let Some(unit) = units.get(0, read)?
    {
        return relabel(&truncate_all(*unit, stamps(&values.array)?, 0)?, &data_type);
    }
    let values = values.read::<Stamp>()?;
    rows::<i64>(args.rows, &data_type, |row| {
        let Some(stamp) = values.get(row) else {
            return Ok(None);
        };
        units.get(row, read)?.map(|unit| truncate(*unit, stamp)).transpose()
    })
}

/// `date_trunc` of a `timestamptz`, as the clock of a zone shows it.
fn truncate_in(clock: &mut Clock<'_>, unit: Unit, stamp: i64) -> Outcome<i64> {
    if !is_finite(stamp) {
        return Ok(stamp);
    }
    let offset = clock.offset(stamp);
    let local = stamp.checked_add(offset).ok_or_else(timestamp_out_of_range)?;
    let start = truncate(unit, local)?;
    // Hours and less keep the offset they had: the clock may show them twice.
    if length(unit).is_some() { calendar::timestamp(start.checked_sub(offset)) } else { clock.instant(start) }
}

fn instants(args: &Args, session: Option<&TimeZone>) -> Outcome<ArrayRef> {
    let data_type = PgType::TIMESTAMPTZ.arrow();
    let (names, values) = (args.column(0)?, args.column(1)?);
    let mut units = Keys::open(names)?;
    let read = |name: &str| unit_of(name, PgType::TIMESTAMPTZ);
    if let Some(zone) = session {
        let mut clock = Clock::new(zone);
        if let (true, true, Some(offset)) = (names.constant, has_values(values), clock.fixed())
            && let Some(unit) = units.get(0, read)?
        {
            return relabel(&truncate_all(*unit, stamps(&values.array)?, offset)?, &data_type);
        }
        let values = values.read::<Stamp>()?;
        return rows::<i64>(args.rows, &data_type, |row| {
            let Some(stamp) = values.get(row) else {
                return Ok(None);
            };
            units.get(row, read)?.map(|unit| truncate_in(&mut clock, *unit, stamp)).transpose()
        });
    }
    let zones = args.column(2)?;
    if zones.constant
        && has_values(values)
        && let Some(zone) = Keys::open(zones)?.get(0, TimeZone::from_expression)?
    {
        return instants(args, Some(zone));
    }
    let mut zones = Keys::open(zones)?;
    let values = values.read::<Stamp>()?;
    rows::<i64>(args.rows, &data_type, |row| {
        let Some(stamp) = values.get(row) else {
            return Ok(None);
        };
        match (units.get(row, read)?, zones.get(row, TimeZone::from_expression)?) {
            (Some(unit), Some(zone)) => truncate_in(&mut Clock::new(zone), *unit, stamp).map(Some),
            _ => Ok(None),
        }
    })
}

fn intervals(args: &Args) -> Outcome<ArrayRef> {
    let mut units = Keys::open(args.column(0)?)?;
    let values = args.column(1)?.read::<Interval>()?;
    rows::<IntervalMonthDayNano>(args.rows, &PgType::INTERVAL.arrow(), |row| {
        let Some(value) = values.get(row) else {
            return Ok(None);
        };
        let unit = units.get(row, |name| unit_of(name, PgType::INTERVAL))?;
        unit.map(|unit| truncate_interval(*unit, value)).transpose()
    })
}

/// `date_trunc(unit, interval)`, towards zero.
fn truncate_interval(unit: Unit, value: IntervalMonthDayNano) -> Outcome<IntervalMonthDayNano> {
    if let Some(length) = length(unit) {
        return interval(value.months.into(), value.days.into(), micros(value) / length * length);
    }
    let months = match unit {
        Unit::Day => return interval(value.months.into(), value.days.into(), 0),
        Unit::Quarter => 3,
        Unit::Year => 12,
        Unit::Decade => 120,
        Unit::Century => 1_200,
        Unit::Millennium => 12_000,
        _ => 1,
    };
    interval(i64::from(value.months / months * months), 0, 0)
}

/// `date_bin(stride, timestamp, origin)`
fn bin(stride: IntervalMonthDayNano, stamp: i64, origin: i64) -> Outcome<i64> {
    let range = |message: &str| SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, message);
    if !is_finite(stamp) {
        return Ok(stamp);
    }
    if !is_finite(origin) {
        return Err(range("origin out of range"));
    }
    if stride.months != 0 {
        return Err(unsupported("timestamps cannot be binned into intervals containing months or years"));
    }
    let days = i64::from(stride.days).checked_mul(DAY);
    let stride = days.and_then(|days| days.checked_add(micros(stride))).ok_or_else(interval_out_of_range)?;
    if stride <= 0 {
        return Err(range("stride must be greater than zero"));
    }
    let distance = stamp.checked_sub(origin).ok_or_else(interval_out_of_range)?;
    calendar::timestamp(stamp.checked_sub(distance.rem_euclid(stride)))
}
