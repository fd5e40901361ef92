//! `extract` and `date_part`: one field of a date, time, timestamp or interval, as `numeric` or `double precision`.
//!
//! PostgreSQL gives each field of `extract` its own number of decimals. Ours are in the type, so the binder says which
//! with the constant [`extract_scale`] gives it.

use arrow::array::ArrayRef;
use arrow::datatypes::IntervalMonthDayNano;
use kura_pgtypes::calendar::UNIX_EPOCH_JULIAN;
use kura_pgtypes::{PgType, Scalar};

use super::calendar::{self, DAY, HOUR, MINUTE, SECOND, is_finite};
use super::clock::Clock;
use super::unit::{self, Unit};
use super::{Keys, TEXT};
use crate::failure::{Outcome, numeric_overflow, unsupported};
use crate::kernel::column::{Date, Interval, Read, Stamp, Time};
use crate::kernel::lift::rows;
use crate::kernel::{Args, function};
use crate::numeric::{full, pow10};
use crate::op::temporal::{DATE, INTERVAL, TIME, TIMESTAMP, TIMESTAMPTZ, micros};
use crate::registry::{Call, Function, Returns};

mod part;

use part::Part;

/// Decimals of `extract` when nothing says which field it is.
const SCALE_DEFAULT: i64 = 6;
/// Decimals of a Julian date that is no midnight.
const JULIAN_SCALE: i64 = 20;

/// The decimals `EXTRACT(field FROM source)` has in PostgreSQL.
///
/// The binder passes it as the constant of the first argument (`constants[0]`) of the function `extract`; without it
/// the result has 6 decimals, of a date none. A field that does not exist has 0; it is an error when executed.
#[must_use]
pub fn extract_scale(field: &str, source: PgType) -> i64 {
    if source.scalar == Scalar::Date {
        return 0;
    }
    match unit::field(&unit::folded(field)) {
        Some(Unit::Epoch | Unit::Second) => 6,
        Some(Unit::Milliseconds) => 3,
        Some(Unit::Julian) => JULIAN_SCALE,
        _ => 0,
    }
}

fn extract_type(types: &[PgType], constants: &[Option<i64>]) -> PgType {
    let default = if types.get(1).is_some_and(|ty| ty.scalar == Scalar::Date) { 0 } else { SCALE_DEFAULT };
    full(constants.first().copied().flatten().unwrap_or(default).clamp(0, JULIAN_SCALE) as i8)
}

pub(super) fn functions() -> Vec<Function> {
    const EXTRACT: Returns = Returns::Computed(extract_type);
    const PART: Returns = Returns::Fixed(PgType::FLOAT8);
    vec![
        Function::new("extract", &[TEXT, DATE], EXTRACT, |call| plain::<Date>(call, PgType::DATE, of_date)),
        Function::new("extract", &[TEXT, TIME], EXTRACT, |call| plain::<Time>(call, PgType::TIME, of_time)),
        Function::new("extract", &[TEXT, TIMESTAMP], EXTRACT, |call| plain::<Stamp>(call, PgType::TIMESTAMP, of_timestamp)),
        Function::new("extract", &[TEXT, TIMESTAMPTZ], EXTRACT, instants).stable(),
        Function::new("extract", &[TEXT, INTERVAL], EXTRACT, |call| plain::<Interval>(call, PgType::INTERVAL, of_interval)),
        // `date_part` takes a date for its midnight, `extract` does not.
        Function::new("date_part", &[TEXT, DATE], PART, |call| {
            plain::<Date>(call, PgType::TIMESTAMP, |unit, date| of_timestamp(unit, calendar::midnight(date)?))
        }),
        Function::new("date_part", &[TEXT, TIME], PART, |call| plain::<Time>(call, PgType::TIME, of_time)),
        Function::new("date_part", &[TEXT, TIMESTAMP], PART, |call| plain::<Stamp>(call, PgType::TIMESTAMP, of_timestamp)),
        Function::new("date_part", &[TEXT, TIMESTAMPTZ], PART, instants).stable(),
        Function::new("date_part", &[TEXT, INTERVAL], PART, |call| plain::<Interval>(call, PgType::INTERVAL, of_interval)),
    ]
}

/// Whether values of a type have a field; both errors of PostgreSQL if not.
fn field_of(name: &str, ty: PgType) -> Outcome<Unit> {
    let name = unit::folded(name);
    let unit = unit::field(&name).ok_or_else(|| unit::unrecognized(&name, ty))?;
    let time = matches!(unit, Unit::Microseconds | Unit::Milliseconds | Unit::Second | Unit::Minute | Unit::Hour);
    let zone = matches!(unit, Unit::Timezone | Unit::TimezoneHour | Unit::TimezoneMinute);
    let known = match ty.scalar {
        Scalar::Date => !time && !zone,
        Scalar::Time => time || unit == Unit::Epoch,
        Scalar::Interval => {
            time || matches!(
                unit,
                Unit::Epoch | Unit::Day | Unit::Month | Unit::Quarter | Unit::Year | Unit::Decade | Unit::Century | Unit::Millennium
            )
        }
        Scalar::Timestamp => !zone,
        _ => true,
    };
    match unit {
        Unit::Reserved if matches!(ty.scalar, Scalar::Time | Scalar::Interval) => Err(unit::unrecognized(&name, ty)),
        Unit::Reserved => Err(unit::unsupported(&name, ty)),
        _ if !known => Err(unit::unsupported(&name, ty)),
        unit => Ok(unit),
    }
}

/// `extract` or `date_part` of values that need no zone. `ty`: the type errors speak of.
fn plain<T: Read>(
    call: &Call<'_>,
    ty: PgType,
    part: impl for<'a> Fn(Unit, T::Item<'a>) -> Outcome<Part> + Send + Sync + 'static,
) -> std::sync::Arc<datafusion::logical_expr::ScalarUDF> {
    let result = Result::of(call.returns);
    function(call, move |args| {
        let values = args.column(1)?.read::<T>()?;
        result.collect(args, ty, |row| values.get(row), &part)
    })
}

fn instants(call: &Call<'_>) -> std::sync::Arc<datafusion::logical_expr::ScalarUDF> {
    let result = Result::of(call.returns);
    let zone = call.session.timezone.clone();
    function(call, move |args| {
        let values = args.column(1)?.read::<Stamp>()?;
        let mut clock = Clock::new(&zone);
        result.collect(args, PgType::TIMESTAMPTZ, |row| values.get(row), |unit, stamp| of_instant(unit, stamp, &mut clock))
    })
}

/// What the fields are given back as.
#[derive(Clone)]
struct Result {
    ty: PgType,
    /// Decimals of a numeric.
    scale: Option<u32>,
}

impl Result {
    fn of(ty: PgType) -> Self {
        let scale = ty.numeric_parts().map(|(_, scale)| u32::from(scale.unsigned_abs()));
        Self { ty, scale }
    }

    /// `part` of every value.
    fn collect<V>(
        &self,
        args: &Args,
        ty: PgType,
        value: impl Fn(usize) -> Option<V>,
        mut part: impl FnMut(Unit, V) -> Outcome<Part>,
    ) -> Outcome<ArrayRef> {
        let mut units = Keys::open(args.column(0)?)?;
        let data_type = self.ty.arrow();
        let mut next = |row| {
            // A unit that does not exist is no error where there is no value.
            let Some(value) = value(row) else {
                return Ok(Part::Missing);
            };
            match units.get(row, |name| field_of(name, ty))? {
                Some(unit) => part(*unit, value),
                None => Ok(Part::Missing),
            }
        };
        match self.scale {
            None => rows::<f64>(args.rows, &data_type, |row| Ok(next(row)?.float())),
            Some(scale) => rows::<i128>(args.rows, &data_type, |row| next(row)?.numeric(scale)),
        }
    }
}

/// Fields that grow with time are infinite at infinity, the others have no value there.
fn at_infinity(unit: Unit, positive: bool) -> Part {
    match unit {
        Unit::Year | Unit::Decade | Unit::Century | Unit::Millennium | Unit::Julian | Unit::IsoYear | Unit::Epoch => {
            Part::Infinite(positive)
        }
        _ => Part::Missing,
    }
}

fn of_date(unit: Unit, date: i32) -> Outcome<Part> {
    if !calendar::is_finite_date(date) {
        return Ok(at_infinity(unit, date > 0));
    }
    Ok(match unit {
        Unit::Epoch => Part::Whole(i64::from(date) * (DAY / SECOND)),
        Unit::Julian => Part::Whole(i64::from(date) + UNIX_EPOCH_JULIAN),
        unit => of_day(unit, date.into()),
    })
}

fn of_time(unit: Unit, time: i64) -> Outcome<Part> {
    Ok(match unit {
        Unit::Epoch => Part::Micros(time.into()),
        unit => of_clock(unit, time),
    })
}

fn of_timestamp(unit: Unit, stamp: i64) -> Outcome<Part> {
    if !is_finite(stamp) {
        return Ok(at_infinity(unit, stamp > 0));
    }
    let (day, time) = calendar::split(stamp);
    Ok(match unit {
        Unit::Epoch => Part::Micros(stamp.into()),
        Unit::Julian => Part::Julian { day: day + UNIX_EPOCH_JULIAN, time },
        Unit::Microseconds | Unit::Milliseconds | Unit::Second | Unit::Minute | Unit::Hour => of_clock(unit, time),
        unit => of_day(unit, day),
    })
}

fn of_instant(unit: Unit, stamp: i64, clock: &mut Clock<'_>) -> Outcome<Part> {
    if unit == Unit::Epoch || !is_finite(stamp) {
        return of_timestamp(unit, stamp);
    }
    let offset = clock.offset(stamp) / SECOND;
    match unit {
        Unit::Timezone => Ok(Part::Whole(offset)),
        Unit::TimezoneHour => Ok(Part::Whole(offset / 3_600)),
        Unit::TimezoneMinute => Ok(Part::Whole(offset / 60 % 60)),
        unit => of_timestamp(unit, clock.local(stamp)?),
    }
}

fn of_interval(unit: Unit, value: IntervalMonthDayNano) -> Outcome<Part> {
    let time = micros(value);
    let (years, months) = (i64::from(value.months / 12), i64::from(value.months % 12));
    Ok(match unit {
        Unit::Epoch => Part::Span { years, months, days: value.days.into(), time },
        Unit::Hour => Part::Whole(time / HOUR),
        Unit::Day => Part::Whole(value.days.into()),
        Unit::Month => Part::Whole(months),
        Unit::Quarter => Part::Whole(months / 3 + 1),
        Unit::Year => Part::Whole(years),
        Unit::Decade => Part::Whole(years / 10),
        Unit::Century => Part::Whole(years / 100),
        Unit::Millennium => Part::Whole(years / 1_000),
        unit => of_clock(unit, time),
    })
}

/// A field of a time of day, or of the part of an interval below a day.
fn of_clock(unit: Unit, time: i64) -> Part {
    match unit {
        Unit::Hour => Part::Whole(time / HOUR),
        Unit::Minute => Part::Whole(time / MINUTE % 60),
        Unit::Second => Part::Seconds(time % MINUTE),
        Unit::Milliseconds => Part::Milliseconds(time % MINUTE),
        _ => Part::Whole(time % MINUTE),
    }
}

/// A field of a day.
fn of_day(unit: Unit, day: i64) -> Part {
    let date = calendar::civil(day);
    let year = date.year;
    Part::Whole(match unit {
        Unit::Year => {
            if year > 0 {
                year
            } else {
                year - 1
            }
        }
        Unit::Quarter => (date.month - 1) / 3 + 1,
        Unit::Month => date.month,
        Unit::Day => date.day,
        Unit::Decade => {
            if year >= 0 {
                year / 10
            } else {
                -((8 - (year - 1)) / 10)
            }
        }
        Unit::Century => part::whole_years(year, 100),
        Unit::Millennium => part::whole_years(year, 1_000),
        Unit::Week => calendar::iso_week(day).1,
        Unit::IsoYear => match calendar::iso_week(day).0 {
            year if year > 0 => year,
            year => year - 1,
        },
        Unit::DayOfWeek => calendar::weekday(day),
        Unit::IsoDayOfWeek => calendar::iso_weekday(day),
        _ => day - calendar::days(year, 1, 1) + 1,
    })
}
