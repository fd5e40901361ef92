//! Intervals as ISO 8601 writes them: with the letters of the units, or with the shape of a date and a time.

use super::super::datetime::Fault;
use super::parts::{Number, Parts, bit};
use crate::time_unit::TimeUnit;

/// `P1Y2M3DT4H5M6S`, `P3W`, `P0001-02-03T04:05:06`, `P00010203T040506`
pub(super) fn read_iso(text: &str) -> Result<Parts, Fault> {
    let body = text.strip_prefix('P').ok_or(Fault::Format)?;
    if body.is_empty() {
        return Err(Fault::Format);
    }
    let (date, time) = body.split_once('T').map_or((body, None), |(date, time)| (date, Some(time)));
    let mut parts = Parts::default();
    read_iso_half(date, &[('Y', TimeUnit::Year), ('M', TimeUnit::Month), ('W', TimeUnit::Week), ('D', TimeUnit::Day)], &mut parts)
        .or_else(|fault| read_iso_date(date, fault, &mut parts))?;
    if let Some(time) = time {
        let before = parts;
        read_iso_half(time, &[('H', TimeUnit::Hour), ('M', TimeUnit::Minute), ('S', TimeUnit::Second)], &mut parts).or_else(|fault| {
            parts = before;
            read_iso_time(time, fault, &mut parts)
        })?;
    }
    Ok(parts)
}

/// Numbers each followed by the letter of its unit; no unit twice.
fn read_iso_half(text: &str, units: &[(char, TimeUnit)], parts: &mut Parts) -> Result<(), Fault> {
    let mut rest = text;
    let mut seen = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).ok_or(Fault::Format)?;
        let (number, tail) = rest.split_at(end);
        let letter = tail.chars().next().ok_or(Fault::Format)?;
        let (_, unit) = units.iter().find(|(name, _)| *name == letter).ok_or(Fault::Format)?;
        let number = Number::read(number)?;
        if number.is_year_month || seen & bit(*unit) != 0 {
            return Err(Fault::Format);
        }
        seen |= bit(*unit);
        parts.add(*unit, number)?;
        rest = &tail[1..];
    }
    Ok(())
}

/// `0001-02-03` or `00010203`
fn read_iso_date(text: &str, fault: Fault, parts: &mut Parts) -> Result<(), Fault> {
    let eight = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let fields: Vec<&str> = if eight { vec![&text[..4], &text[4..6], &text[6..]] } else { text.split('-').collect() };
    if fields.len() > 3 {
        return Err(fault);
    }
    *parts = Parts::default();
    for (field, unit) in fields.iter().zip([TimeUnit::Year, TimeUnit::Month, TimeUnit::Day]) {
        let number = Number::read(field).map_err(|_| fault.clone())?;
        parts.add(unit, number)?;
    }
    Ok(())
}

/// `04:05:06` or `040506`
fn read_iso_time(text: &str, fault: Fault, parts: &mut Parts) -> Result<(), Fault> {
    let six = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    let fields: Vec<&str> = if six { vec![&text[..2], &text[2..4], &text[4..]] } else { text.split(':').collect() };
    if fields.len() > 3 {
        return Err(fault);
    }
    for (field, unit) in fields.iter().zip([TimeUnit::Hour, TimeUnit::Minute, TimeUnit::Second]) {
        let number = Number::read(field).map_err(|_| fault.clone())?;
        parts.add(unit, number)?;
    }
    Ok(())
}
