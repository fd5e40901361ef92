//! One value as text: a call per type. The rules of each type are in its own file.

use bytes::BufMut;

use crate::diagnostic::SqlError;
use crate::encode::column::Values;
use crate::encode::numeric::{Digits, write_numeric_text};
use crate::encode::{Column, Output, Scratch, array, datetime, write_float4, write_float8, write_interval};
use crate::pg_type::PgType;
use crate::settings::{ByteaOutput, OutputSettings};

impl Column {
    /// Appends the text of a value that is not null.
    pub(crate) fn write_text<W: Output>(&self, row: usize, settings: &OutputSettings, out: &mut W) -> Result<(), SqlError> {
        match &self.values {
            Values::Null => {}
            Values::Bool(values) => out.put_slice(if values.value(row) { b"t" } else { b"f" }),
            Values::Int2(values) => out.put_slice(itoa::Buffer::new().format(values.value(row)).as_bytes()),
            Values::Int4(values) => out.put_slice(itoa::Buffer::new().format(values.value(row)).as_bytes()),
            Values::Int8(values) => out.put_slice(itoa::Buffer::new().format(values.value(row)).as_bytes()),
            Values::Oid(values) => out.put_slice(itoa::Buffer::new().format(values.value(row)).as_bytes()),
            Values::Object(values) => write_object(values.value(row), out),
            Values::Regtype(values) => write_regtype(values.value(row), out),
            Values::Float4(values) => write_float4(values.value(row), settings.extra_float_digits, out),
            Values::Float8(values) => write_float8(values.value(row), settings.extra_float_digits, out),
            Values::Decimal128(values, scale) => write_numeric_text(&Digits::from_i128(values.value(row)), *scale, out),
            Values::Decimal256(values, scale) => write_numeric_text(&Digits::from_i256(values.value(row)), *scale, out),
            Values::Utf8(values, _) => out.put_slice(values.value(row).as_bytes()),
            Values::LargeUtf8(values, _) => out.put_slice(values.value(row).as_bytes()),
            Values::Utf8View(values, _) | Values::Json(values) => out.put_slice(values.value(row).as_bytes()),
            Values::Binary(values) => write_bytea(values.value(row), settings.bytea_output, out),
            Values::LargeBinary(values) => write_bytea(values.value(row), settings.bytea_output, out),
            Values::BinaryView(values) => write_bytea(values.value(row), settings.bytea_output, out),
            Values::FixedBinary(values) => write_bytea(values.value(row), settings.bytea_output, out),
            Values::Uuid(values) => write_uuid(values.value(row), out),
            Values::Date(values) => datetime::write_date(values.value(row), settings.date_style, out),
            Values::Time(values) => datetime::write_time(values.value(row), out),
            Values::Timestamp(values) => datetime::write_timestamp(values.value(row), settings.date_style, out),
            Values::Timestamptz(values) => datetime::write_timestamptz(values.value(row), settings, out),
            Values::Interval(values) => write_interval(values.value(row), settings.interval_style, out),
            Values::Lists(lists) => array::write_text(lists, row, settings, out)?,
            Values::Dictionary(keys, values) => values.write_text(keys[row], settings, out)?,
        }
        Ok(())
    }

    /// Whether the text of a value may need quotes inside an array.
    pub(super) fn may_need_quotes(&self) -> bool {
        match &self.values {
            Values::Null
            | Values::Bool(_)
            | Values::Int2(_)
            | Values::Int4(_)
            | Values::Int8(_)
            | Values::Oid(_)
            | Values::Object(_)
            | Values::Float4(_)
            | Values::Float8(_)
            | Values::Decimal128(_, _)
            | Values::Decimal256(_, _)
            | Values::Uuid(_)
            | Values::Time(_)
            | Values::Lists(_) => false,
            Values::Dictionary(_, values) => values.may_need_quotes(),
            _ => true,
        }
    }
}

/// The name of a type, as `regtypeout`: the number of one that is not known, `-` for none.
fn write_regtype<W: BufMut>(oid: u32, out: &mut W) {
    match PgType::from_oid(oid) {
        Some(ty) => out.put_slice(ty.display().as_bytes()),
        None => write_object(oid, out),
    }
}

/// The number of an object, `-` for none.
fn write_object<W: BufMut>(oid: u32, out: &mut W) {
    match oid {
        0 => out.put_u8(b'-'),
        oid => out.put_slice(itoa::Buffer::new().format(oid).as_bytes()),
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn write_bytea<W: BufMut>(bytes: &[u8], style: ByteaOutput, out: &mut W) {
    match style {
        ByteaOutput::Hex => {
            out.put_slice(b"\\x");
            for chunk in bytes.chunks(64) {
                let mut digits = [0_u8; 128];
                for (pair, byte) in digits.chunks_exact_mut(2).zip(chunk) {
                    pair[0] = HEX[usize::from(byte >> 4)];
                    pair[1] = HEX[usize::from(byte & 15)];
                }
                out.put_slice(&digits[..chunk.len() * 2]);
            }
        }
        ByteaOutput::Escape => {
            for byte in bytes {
                match byte {
                    b'\\' => out.put_slice(b"\\\\"),
                    0x20..=0x7E => out.put_u8(*byte),
                    _ => out.put_slice(&[b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]),
                }
            }
        }
    }
}

fn write_uuid<W: BufMut>(bytes: &[u8], out: &mut W) {
    let mut scratch = Scratch::new();
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            scratch.push(b'-');
        }
        scratch.push(HEX[usize::from(byte >> 4)]);
        scratch.push(HEX[usize::from(byte & 15)]);
    }
    out.put_slice(scratch.as_slice());
}
