//! Dates, times and timestamps in the four output styles of `DateStyle`.
//!
//! Chapter "Date/Time Output" of the PostgreSQL documentation.

use bytes::BufMut;

use crate::calendar::{
    Civil, DATE_INFINITY, DATE_NEGATIVE_INFINITY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, TIMESTAMP_INFINITY,
    TIMESTAMP_NEGATIVE_INFINITY, civil_from_days, split_day, weekday,
};
use crate::encode::Scratch;
use crate::settings::{DateFormat, DateOrder, DateStyle, OutputSettings};
use crate::timezone::split_offset;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// `date`, in days since 1970.
pub(crate) fn write_date<W: BufMut>(days: i32, style: DateStyle, out: &mut W) {
    match days {
        DATE_INFINITY => return out.put_slice(b"infinity"),
        DATE_NEGATIVE_INFINITY => return out.put_slice(b"-infinity"),
        _ => {}
    }
    let civil = civil_from_days(i64::from(days));
    let mut scratch = Scratch::new();
    push_date(civil, style, &mut scratch);
    push_era(civil, &mut scratch);
    out.put_slice(scratch.as_slice());
}

/// `time`, in microseconds since midnight; 24:00:00 exists.
pub(crate) fn write_time<W: BufMut>(micros: i64, out: &mut W) {
    let mut scratch = Scratch::new();
    push_time(micros, &mut scratch);
    out.put_slice(scratch.as_slice());
}

/// `timestamp`, in microseconds since 1970.
pub(crate) fn write_timestamp<W: BufMut>(micros: i64, style: DateStyle, out: &mut W) {
    if let Some(text) = infinity(micros) {
        return out.put_slice(text);
    }
    let mut scratch = Scratch::new();
    push_timestamp(micros, style, None, &mut scratch);
    out.put_slice(scratch.as_slice());
}

/// `timestamptz`, in microseconds since 1970 UTC, shown in the session's zone.
pub(crate) fn write_timestamptz<W: BufMut>(micros: i64, settings: &OutputSettings, out: &mut W) {
    if let Some(text) = infinity(micros) {
        return out.put_slice(text);
    }
    let offset = settings.timezone.offset_at_utc(micros);
    let local = micros.saturating_add(i64::from(offset) * MICROS_PER_SECOND);
    let abbreviation = match settings.date_style.format {
        DateFormat::Iso => None,
        DateFormat::Sql | DateFormat::Postgres | DateFormat::German => Some(settings.timezone.abbreviation_at_utc(micros)),
    };
    let zone = abbreviation.as_deref().map_or(Zone::Offset(offset), Zone::Abbreviation);
    let mut scratch = Scratch::new();
    push_timestamp(local, settings.date_style, Some(zone), &mut scratch);
    out.put_slice(scratch.as_slice());
}

#[derive(Clone, Copy)]
enum Zone<'a> {
    Offset(i32),
    Abbreviation(&'a str),
}

fn infinity(micros: i64) -> Option<&'static [u8]> {
    match micros {
        TIMESTAMP_INFINITY => Some(b"infinity"),
        TIMESTAMP_NEGATIVE_INFINITY => Some(b"-infinity"),
        _ => None,
    }
}

fn push_timestamp(micros: i64, style: DateStyle, zone: Option<Zone<'_>>, out: &mut Scratch) {
    let (days, time) = split_day(micros);
    let civil = civil_from_days(days);
    if style.format == DateFormat::Postgres {
        out.push_str(WEEKDAYS[weekday(days) as usize]);
        out.push(b' ');
        let month = MONTHS[(civil.month - 1) as usize];
        if style.order == DateOrder::Dmy {
            out.push_two(civil.day as u64);
            out.push(b' ');
            out.push_str(month);
        } else {
            out.push_str(month);
            out.push(b' ');
            out.push_two(civil.day as u64);
        }
        out.push(b' ');
        push_time(time, out);
        out.push(b' ');
        push_year(civil, out);
    } else {
        push_date(civil, style, out);
        out.push(b' ');
        push_time(time, out);
    }
    match zone {
        None => {}
        Some(Zone::Offset(seconds)) => push_offset(seconds, out),
        Some(Zone::Abbreviation(name)) => {
            out.push(b' ');
            // Names come from the time zone tables or from a setting, which is bounded here.
            out.push_str(name.get(..name.len().min(64)).unwrap_or_default());
        }
    }
    push_era(civil, out);
}

fn push_date(civil: Civil, style: DateStyle, out: &mut Scratch) {
    let (month, day) = (civil.month as u64, civil.day as u64);
    let separator = match style.format {
        DateFormat::Iso => {
            push_year(civil, out);
            out.push(b'-');
            out.push_two(month);
            out.push(b'-');
            out.push_two(day);
            return;
        }
        DateFormat::Sql => b'/',
        DateFormat::Postgres => b'-',
        DateFormat::German => b'.',
    };
    let day_first = style.format == DateFormat::German || style.order == DateOrder::Dmy;
    out.push_two(if day_first { day } else { month });
    out.push(separator);
    out.push_two(if day_first { month } else { day });
    out.push(separator);
    push_year(civil, out);
}

fn push_year(civil: Civil, out: &mut Scratch) {
    let year = if civil.year > 0 { civil.year } else { 1 - civil.year };
    if (1000..=9999).contains(&year) {
        out.push_two(year as u64 / 100);
        out.push_two(year as u64 % 100);
    } else {
        out.push_padded(year as u64, 4);
    }
}

fn push_era(civil: Civil, out: &mut Scratch) {
    if civil.year <= 0 {
        out.push_str(" BC");
    }
}

fn push_time(micros: i64, out: &mut Scratch) {
    out.push_two((micros / MICROS_PER_HOUR) as u64);
    out.push(b':');
    out.push_two((micros / MICROS_PER_MINUTE % 60) as u64);
    out.push(b':');
    out.push_two((micros / MICROS_PER_SECOND % 60) as u64);
    out.push_fraction((micros % MICROS_PER_SECOND) as u64);
}

fn push_offset(seconds: i32, out: &mut Scratch) {
    let (hours, minutes, rest) = split_offset(seconds);
    out.push(if seconds < 0 { b'-' } else { b'+' });
    out.push_padded(u64::from(hours), 2);
    if minutes != 0 || rest != 0 {
        out.push(b':');
        out.push_two(u64::from(minutes));
    }
    if rest != 0 {
        out.push(b':');
        out.push_two(u64::from(rest));
    }
}
