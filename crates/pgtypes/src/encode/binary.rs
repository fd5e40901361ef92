//! One value in binary: what PostgreSQL's send functions write, without the length before it.

use arrow::datatypes::IntervalMonthDayNano;
use bytes::BufMut;

use crate::calendar::{
    DATE_INFINITY, DATE_NEGATIVE_INFINITY, POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_MICROS, TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY,
};
use crate::diagnostic::SqlError;
use crate::encode::column::{TextKind, Values};
use crate::encode::numeric::{Digits, write_numeric_binary};
use crate::encode::{Column, Output, array};
use crate::settings::OutputSettings;

/// The only version of the binary form of `jsonb`.
const JSONB_VERSION: u8 = 1;

impl Column {
    /// Appends the binary form of a value that is not null.
    pub(crate) fn write_binary<W: Output>(&self, row: usize, settings: &OutputSettings, out: &mut W) -> Result<(), SqlError> {
        match &self.values {
            Values::Null => {}
            Values::Bool(values) => out.put_u8(u8::from(values.value(row))),
            Values::Int2(values) => out.put_i16(values.value(row)),
            Values::Int4(values) => out.put_i32(values.value(row)),
            Values::Int8(values) => out.put_i64(values.value(row)),
            Values::Oid(values) | Values::Object(values) | Values::Regtype(values) => out.put_u32(values.value(row)),
            Values::Float4(values) => out.put_f32(values.value(row)),
            Values::Float8(values) => out.put_f64(values.value(row)),
            Values::Decimal128(values, scale) => {
                write_numeric_binary(&Digits::from_i128(values.value(row)), *scale, out);
            }
            Values::Decimal256(values, scale) => {
                write_numeric_binary(&Digits::from_i256(values.value(row)), *scale, out);
            }
            Values::Utf8(values, kind) => put_text(values.value(row), *kind, out),
            Values::LargeUtf8(values, kind) => put_text(values.value(row), *kind, out),
            Values::Utf8View(values, kind) => put_text(values.value(row), *kind, out),
            Values::Json(values) => put_text(values.value(row), TextKind::Plain, out),
            Values::Binary(values) => out.put_slice(values.value(row)),
            Values::LargeBinary(values) => out.put_slice(values.value(row)),
            Values::BinaryView(values) => out.put_slice(values.value(row)),
            Values::FixedBinary(values) | Values::Uuid(values) => out.put_slice(values.value(row)),
            Values::Date(values) => out.put_i32(date(values.value(row))),
            Values::Time(values) => out.put_i64(values.value(row)),
            Values::Timestamp(values) | Values::Timestamptz(values) => out.put_i64(timestamp(values.value(row))),
            Values::Interval(values) => put_interval(values.value(row), out),
            Values::Lists(lists) => array::write_binary(lists, row, settings, out)?,
            Values::Dictionary(keys, values) => values.write_binary(keys[row], settings, out)?,
        }
        Ok(())
    }
}

fn put_text<W: BufMut>(text: &str, kind: TextKind, out: &mut W) {
    if kind == TextKind::Jsonb {
        out.put_u8(JSONB_VERSION);
    }
    out.put_slice(text.as_bytes());
}

fn date(days: i32) -> i32 {
    match days {
        DATE_INFINITY | DATE_NEGATIVE_INFINITY => days,
        _ => days.saturating_sub(POSTGRES_EPOCH_DAYS),
    }
}

fn timestamp(micros: i64) -> i64 {
    match micros {
        TIMESTAMP_INFINITY | TIMESTAMP_NEGATIVE_INFINITY => micros,
        _ => micros.saturating_sub(POSTGRES_EPOCH_MICROS),
    }
}

fn put_interval<W: BufMut>(value: IntervalMonthDayNano, out: &mut W) {
    out.put_i64(value.nanoseconds / 1_000);
    out.put_i32(value.days);
    out.put_i32(value.months);
}
