//! Writing a moment by a template: the work of `to_char`.

use std::fmt::Write as _;

use kura_pgtypes::calendar::UNIX_EPOCH_JULIAN;
use kura_pgtypes::{SqlError, SqlState};

use super::super::calendar;
use super::super::template::{Case, Field, Item, Node};
use super::{DAYS, MONTHS, Moment, ROMAN_MONTHS};
use crate::failure::{Outcome, internal};
use crate::kernel::write::Out;

/// The widest name of a month or day, which the others are padded to.
const NAME_WIDTH: usize = 9;
const ROMAN_WIDTH: usize = 4;

/// Writes `moment`; always `true`.
pub(super) fn moment(template: &[Node], moment: &Moment, out: &mut Out) -> Outcome<bool> {
    for node in template {
        match node {
            Node::Literal(c) | Node::Separator(c) | Node::Space(c) => out.push(*c),
            Node::Field(field) => {
                if moment.interval && !has_sense(field.keyword.item) {
                    return Err(SqlError::new(SqlState::INVALID_DATETIME_FORMAT, "invalid format specification for an interval value")
                        .hint("Intervals are not tied to specific calendar dates."));
                }
                write_field(*field, moment, out)?;
            }
        }
    }
    Ok(true)
}

/// Whether an interval has the field.
fn has_sense(item: Item) -> bool {
    !matches!(
        item,
        Item::Era { .. }
            | Item::MonthName
            | Item::MonthAbbreviation
            | Item::DayName
            | Item::DayAbbreviation
            | Item::DayOfWeek
            | Item::IsoDayOfWeek
            | Item::ZoneName
            | Item::ZoneHour
            | Item::ZoneMinute
            | Item::Offset
    )
}

fn write_field(field: Field, at: &Moment, out: &mut Out) -> Outcome<()> {
    let case = field.keyword.case;
    match field.keyword.item {
        Item::Fixed => {}
        Item::Meridiem { dots } => meridiem(at.hour.rem_euclid(24) >= 12 && at.hour >= 0, dots, case, out),
        Item::Era { dots } => era(at.year <= 0, dots, case, out),
        Item::MonthName => name(MONTHS.get(index(at.month - 1)).copied(), field, NAME_WIDTH, out),
        Item::MonthAbbreviation => name(MONTHS.get(index(at.month - 1)).and_then(|name| name.get(..3)), field, 0, out),
        Item::DayName => name(DAYS.get(index(at.weekday)).copied(), field, NAME_WIDTH, out),
        Item::DayAbbreviation => name(DAYS.get(index(at.weekday)).and_then(|name| name.get(..3)), field, 0, out),
        Item::RomanMonth => name(roman(at), field, ROMAN_WIDTH, out),
        Item::ZoneName => push_case(&at.zone, if case == Case::Lower { case } else { Case::Capital }, out),
        Item::ZoneHour => push(out, format_args!("{}{:02}", sign(at.offset), at.offset.abs() / 3_600))?,
        Item::ZoneMinute => push(out, format_args!("{:02}", at.offset.abs() % 3_600 / 60))?,
        Item::Offset => {
            let width = if field.fill { 0 } else { 2 };
            push(out, format_args!("{}{:0width$}", sign(at.offset), at.offset.abs() / 3_600))?;
            if at.offset % 3_600 != 0 {
                push(out, format_args!(":{:02}", at.offset.abs() % 3_600 / 60))?;
            }
        }
        Item::YearWithComma => {
            let year = shown_year(at.year, at.interval);
            let start = out.text.len();
            push(out, format_args!("{},{:03}", year / 1_000, year % 1_000))?;
            ordinal(field.ordinal, start, out)?;
        }
        item => {
            let Some((value, width)) = number(item, at) else {
                return Ok(());
            };
            let fixed = matches!(item, Item::Fraction(_) | Item::Milliseconds | Item::Microseconds);
            let width = if field.fill && !fixed { 0 } else { width };
            let start = out.text.len();
            push(out, format_args!("{value:0width$}"))?;
            ordinal(field.ordinal, start, out)?;
        }
    }
    Ok(())
}

/// The number a field shows and the digits it is padded to; `None` where an interval has no month.
fn number(item: Item, at: &Moment) -> Option<(i64, usize)> {
    // A minus sign takes a place of its own.
    let padded = |value: i64, width: usize| (value, if value >= 0 { width } else { width + 1 });
    let year = |year: i64, digits: u32| {
        let value = shown_year(year, at.interval);
        let width = digits as usize + usize::from(value < 0 && digits > 1);
        (if digits < 4 { value % 10i64.pow(digits) } else { value }, width)
    };
    let day = || calendar::days(at.year, at.month, at.day);
    Some(match item {
        Item::Hour12 => {
            let hour = if at.hour % 12 == 0 { 12 } else { at.hour % 12 };
            (hour, if at.hour >= 0 { 2 } else { 3 })
        }
        Item::Hour24 => padded(at.hour, 2),
        Item::Minute => padded(at.minute, 2),
        Item::Second => padded(at.second, 2),
        Item::Fraction(digits) => (at.micros / 10i64.pow(6 - digits), digits as usize),
        Item::Milliseconds => (at.micros / 1_000, 3),
        Item::Microseconds => (at.micros, 6),
        Item::SecondsOfDay => (at.hour * 3_600 + at.minute * 60 + at.second, 0),
        Item::Month => padded(at.month, 2),
        Item::DayOfYear => (at.day_of_year, 3),
        Item::IsoDayOfYear => (day() - calendar::iso_year_start(calendar::iso_week(day()).0) + 1, 3),
        Item::DayOfMonth => (at.day, 2),
        Item::DayOfWeek => (at.weekday + 1, 0),
        Item::IsoDayOfWeek => (if at.weekday == 0 { 7 } else { at.weekday }, 0),
        Item::Week => ((at.day_of_year - 1) / 7 + 1, 2),
        Item::IsoWeek => (calendar::iso_week(day()).1, 2),
        Item::WeekOfMonth => ((at.day - 1) / 7 + 1, 0),
        Item::Quarter if at.month == 0 => return None,
        Item::Quarter => ((at.month - 1) / 3 + 1, 0),
        Item::Century => {
            let century = match at.year {
                year if at.interval => year / 100,
                year if year > 0 => (year - 1) / 100 + 1,
                year => year / 100 - 1,
            };
            if (-99..=99).contains(&century) { padded(century, 2) } else { (century, 0) }
        }
        Item::Julian => (day() + UNIX_EPOCH_JULIAN, 0),
        Item::Year(digits) => year(at.year, digits),
        Item::IsoYear(digits) => year(calendar::iso_week(day()).0, digits),
        _ => return None,
    })
}

/// The year as it is written: 1 BC is 1.
fn shown_year(year: i64, interval: bool) -> i64 {
    if interval || year > 0 { year } else { 1 - year }
}

fn index(value: i64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn sign(offset: i64) -> char {
    if offset < 0 { '-' } else { '+' }
}

fn push(out: &mut Out, text: std::fmt::Arguments<'_>) -> Outcome<()> {
    out.text.write_fmt(text).map_err(|_| internal("text could not be written"))
}

fn push_case(text: &str, case: Case, out: &mut Out) {
    match case {
        Case::Upper => text.chars().for_each(|c| out.push(c.to_ascii_uppercase())),
        Case::Lower => text.chars().for_each(|c| out.push(c.to_ascii_lowercase())),
        Case::Capital => out.push_str(text),
    }
}

fn name(name: Option<&str>, field: Field, width: usize, out: &mut Out) {
    let Some(name) = name else {
        return;
    };
    push_case(name, field.keyword.case, out);
    let translated = field.translated && field.keyword.item != Item::RomanMonth;
    if !field.fill && !translated {
        (name.len()..width).for_each(|_| out.push(' '));
    }
}

/// The Roman numeral of the month; intervals count backwards below zero and show whole years as December or January.
fn roman(at: &Moment) -> Option<&'static str> {
    let place = match at.month {
        0 if at.year == 0 => return None,
        0 => {
            if at.year >= 0 {
                0
            } else {
                11
            }
        }
        month if month < 0 => -(month + 1),
        month => 12 - month,
    };
    ROMAN_MONTHS.get(index(place)).copied()
}

fn meridiem(afternoon: bool, dots: bool, case: Case, out: &mut Out) {
    let text = match (afternoon, dots) {
        (false, false) => "AM",
        (true, false) => "PM",
        (false, true) => "A.M.",
        (true, true) => "P.M.",
    };
    push_case(text, case, out);
}

fn era(before: bool, dots: bool, case: Case, out: &mut Out) {
    let text = match (before, dots) {
        (false, false) => "AD",
        (true, false) => "BC",
        (false, true) => "A.D.",
        (true, true) => "B.C.",
    };
    push_case(text, case, out);
}

/// Appends `st`, `nd`, `rd` or `th` to the number that was written from `start` on.
fn ordinal(case: Option<Case>, start: usize, out: &mut Out) -> Outcome<()> {
    let Some(case) = case else {
        return Ok(());
    };
    let digits = out.text.as_bytes().get(start..).unwrap_or_default();
    let ending = match digits {
        [.., b'1', _] => "TH",
        [.., b'1'] => "ST",
        [.., b'2'] => "ND",
        [.., b'3'] => "RD",
        _ => "TH",
    };
    push_case(ending, case, out);
    Ok(())
}
