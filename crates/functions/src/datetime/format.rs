//! `to_char` of timestamps and intervals, `to_date` and `to_timestamp` of text: fields and templates put together.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::IntervalMonthDayNano;
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, TimeZone};

use super::calendar::{self, HOUR, MINUTE, SECOND};
use super::clock::Clock;
use super::template::{self, Item, Node};
use super::{Keys, TEXT};
use crate::failure::Outcome;
use crate::kernel::column::{Interval, Stamp, Text};
use crate::kernel::lift::{rows, text_rows};
use crate::kernel::write::Out;
use crate::kernel::{Args, function};
use crate::op::temporal::{INTERVAL, TIMESTAMP, TIMESTAMPTZ, micros};
use crate::registry::{Call, Function};

mod read;
mod resolve;
mod write;

/// The days of the week from Sunday.
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/// The months.
pub(super) const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
/// The months in Roman numerals, from December on, so that no numeral begins a later one.
const ROMAN_MONTHS: [&str; 12] = ["XII", "XI", "X", "IX", "VIII", "VII", "VI", "V", "IV", "III", "II", "I"];

/// Bytes one character of a template can grow to.
const GROWTH_MAX: usize = 16;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("to_char", &[TIMESTAMP, TEXT], PgType::TEXT, |call| {
            function(call, |args| {
                let values = args.column(0)?.read::<Stamp>()?;
                written(args, |row, template, out| match values.get(row) {
                    Some(stamp) if calendar::is_finite(stamp) => write::moment(template, &Moment::of_stamp(stamp), out),
                    _ => Ok(false),
                })
            })
        })
        .stable(),
        Function::fixed("to_char", &[TIMESTAMPTZ, TEXT], PgType::TEXT, |call| {
            let zone = call.session.timezone.clone();
            function(call, move |args| instants(args, &zone))
        })
        .stable(),
        Function::fixed("to_char", &[INTERVAL, TEXT], PgType::TEXT, |call| {
            function(call, |args| {
                let values = args.column(0)?.read::<Interval>()?;
                written(args, |row, template, out| match values.get(row) {
                    Some(value) => write::moment(template, &Moment::of_interval(value), out),
                    None => Ok(false),
                })
            })
        })
        .stable(),
        Function::fixed("to_date", &[TEXT, TEXT], PgType::DATE, |call| {
            function(call, |args| {
                let texts = args.column(0)?.read::<Text>()?;
                let mut templates = Keys::open(args.column(1)?)?;
                rows::<i32>(args.rows, &PgType::DATE.arrow(), |row| {
                    match (texts.get(row), templates.get(row, |text| Ok(template::parse(text)))?) {
                        (Some(text), Some(template)) => read::date(text, template).map(Some),
                        _ => Ok(None),
                    }
                })
            })
        })
        .stable(),
        Function::fixed("to_timestamp", &[TEXT, TEXT], PgType::TIMESTAMPTZ, to_timestamp).stable(),
    ]
}

fn to_timestamp(call: &Call<'_>) -> Arc<ScalarUDF> {
    let zone = call.session.timezone.clone();
    function(call, move |args| {
        let texts = args.column(0)?.read::<Text>()?;
        let mut templates = Keys::open(args.column(1)?)?;
        let mut clock = Clock::new(&zone);
        rows::<i64>(args.rows, &PgType::TIMESTAMPTZ.arrow(), |row| {
            match (texts.get(row), templates.get(row, |text| Ok(template::parse(text)))?) {
                (Some(text), Some(template)) => read::timestamp(text, template, &mut clock).map(Some),
                _ => Ok(None),
            }
        })
    })
}

/// Text written by the template of the second argument; an empty template gives NULL.
fn written(args: &Args, write: impl Fn(usize, &[Node], &mut Out) -> Outcome<bool>) -> Outcome<ArrayRef> {
    let mut templates = Keys::open(args.column(1)?)?;
    text_rows(args.rows, |row, out| match templates.get(row, non_empty)? {
        Some(Some(template)) => {
            out.admit(template.len() * GROWTH_MAX)?;
            write(row, template, out)
        }
        _ => Ok(false),
    })
}

fn non_empty(text: &str) -> Outcome<Option<Vec<Node>>> {
    Ok((!text.is_empty()).then(|| template::parse(text)))
}

fn instants(args: &Args, zone: &TimeZone) -> Outcome<ArrayRef> {
    let values = args.column(0)?.read::<Stamp>()?;
    let mut clock = Clock::new(zone);
    let mut templates = Keys::open(args.column(1)?)?;
    text_rows(args.rows, |row, out| {
        let (Some(stamp), Some(Some(template))) = (values.get(row), templates.get(row, non_empty)?) else {
            return Ok(false);
        };
        if !calendar::is_finite(stamp) {
            return Ok(false);
        }
        out.admit(template.len() * GROWTH_MAX)?;
        let mut moment = Moment::of_stamp(clock.local(stamp)?);
        moment.offset = clock.offset(stamp) / SECOND;
        let named = |node: &Node| matches!(node, Node::Field(field) if field.keyword.item == Item::ZoneName);
        if template.iter().any(named) {
            moment.zone = clock.zone().abbreviation_at_utc(stamp);
        }
        write::moment(template, &moment, out)
    })
}

/// The fields of a timestamp or an interval, as templates show them.
#[derive(Clone, Debug, Default)]
struct Moment {
    /// Year 0 is 1 BC; of an interval, whole years.
    year: i64,
    /// Of an interval 0 where there are none; all its fields may be negative.
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// Sunday is 0.
    weekday: i64,
    day_of_year: i64,
    /// Seconds east.
    offset: i64,
    /// The abbreviation of the zone, where there is one.
    zone: String,
    interval: bool,
}

impl Moment {
    fn of_stamp(stamp: i64) -> Self {
        let (day, time) = calendar::split(stamp);
        let date = calendar::civil(day);
        Self {
            year: date.year,
            month: date.month,
            day: date.day,
            weekday: calendar::weekday(day),
            day_of_year: day - calendar::days(date.year, 1, 1) + 1,
            ..Self::of_time(time)
        }
    }

    fn of_interval(value: IntervalMonthDayNano) -> Self {
        let (months, days) = (i64::from(value.months), i64::from(value.days));
        Self {
            year: months / 12,
            month: months % 12,
            day: days,
            day_of_year: months * 30 + days,
            interval: true,
            ..Self::of_time(micros(value))
        }
    }

    fn of_time(time: i64) -> Self {
        Self { hour: time / HOUR, minute: time / MINUTE % 60, second: time / SECOND % 60, micros: time % SECOND, ..Self::default() }
    }
}
