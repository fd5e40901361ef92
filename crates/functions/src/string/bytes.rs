//! `bytea`: its text encodings, digests, single bytes and bits, conversion from and to text.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, SqlError, SqlState};
use md5::Md5;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::{BYTEA, TEXT};
use crate::failure::{Outcome, invalid_parameter, unsupported};
use crate::kernel::column::{Bytea, Int4, Int8, Text};
use crate::kernel::lift::{map1, map2, map3, text1, text2};
use crate::kernel::write::Out;
use crate::math::{INT4, INT8};
use crate::registry::{ArgType, Call, Function};

/// Characters of a line of base64.
const BASE64_LINE: usize = 76;

pub(super) fn functions() -> Vec<Function> {
    const NAME: ArgType = ArgType::Exact(PgType::NAME);
    let mut all = digests();
    all.extend(elements());
    all.push(Function::fixed("encode", &[BYTEA, TEXT], PgType::TEXT, |call| {
        text2::<Bytea, Text>(call, |a, format, out| {
            encode(a, format, out)?;
            Ok(true)
        })
    }));
    all.push(Function::fixed("decode", &[TEXT, TEXT], PgType::BYTEA, |call| map2::<Text, Text, Vec<u8>>(call, decode)));
    all.push(Function::fixed("convert_from", &[BYTEA, NAME], PgType::TEXT, |call| {
        text2::<Bytea, Text>(call, |a, encoding, out| {
            utf8_only(encoding)?;
            out.push_str(std::str::from_utf8(a).map_err(|error| not_utf8(a, error))?);
            Ok(true)
        })
    }));
    all.push(Function::fixed("convert_to", &[TEXT, NAME], PgType::BYTEA, |call| {
        map2::<Text, Text, Vec<u8>>(call, |a, encoding| {
            utf8_only(encoding)?;
            Ok(a.as_bytes().to_vec())
        })
    }));
    all
}

fn utf8_only(encoding: &str) -> Outcome<()> {
    let letters: String = encoding.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if matches!(letters.as_str(), "utf8" | "unicode") {
        return Ok(());
    }
    Err(unsupported(format!("conversion from or to encoding \"{encoding}\" is not supported")).hint("Use UTF8."))
}

fn not_utf8(bytes: &[u8], error: std::str::Utf8Error) -> SqlError {
    let rest = &bytes[error.valid_up_to()..];
    let width = match rest.first() {
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF7) => 4,
        _ => 1,
    };
    let shown: Vec<String> = rest.iter().take(width).map(|byte| format!("0x{byte:02x}")).collect();
    SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" ")))
}

fn hex(bytes: &[u8], out: &mut Out) -> Outcome<()> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.admit(bytes.len().saturating_mul(2))?;
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    Ok(())
}

fn unknown_encoding(format: &str) -> SqlError {
    invalid_parameter(format!("unrecognized encoding: \"{format}\""))
}

fn encode(bytes: &[u8], format: &str, out: &mut Out) -> Outcome<()> {
    match format.to_ascii_lowercase().as_str() {
        "hex" => hex(bytes, out),
        "base64" => {
            out.admit(bytes.len().saturating_mul(3) / 2)?;
            for (line, chunk) in bytes.chunks(BASE64_LINE / 4 * 3).enumerate() {
                if line > 0 {
                    out.push('\n');
                }
                BASE64_STANDARD.encode_string(chunk, &mut out.text);
            }
            Ok(())
        }
        "escape" => {
            let size = bytes
                .iter()
                .map(|byte| match byte {
                    0 | 0x80.. => 4,
                    b'\\' => 2,
                    _ => 1,
                })
                .sum();
            out.admit(size)?;
            for byte in bytes {
                match byte {
                    0 | 0x80.. => out.push_str(&format!("\\{byte:03o}")),
                    b'\\' => out.push_str("\\\\"),
                    byte => out.push(char::from(*byte)),
                }
            }
            Ok(())
        }
        _ => Err(unknown_encoding(format)),
    }
}

fn decode(text: &str, format: &str) -> Outcome<Vec<u8>> {
    match format.to_ascii_lowercase().as_str() {
        "hex" => decode_hex(text),
        "base64" => decode_base64(text),
        "escape" => decode_escape(text),
        _ => Err(unknown_encoding(format)),
    }
}

fn blank(c: char) -> bool {
    matches!(c, ' ' | '\n' | '\t' | '\r')
}

fn decode_hex(text: &str) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    // White space is allowed between bytes, not within one.
    for c in text.chars() {
        if high.is_none() && blank(c) {
            continue;
        }
        let digit = c.to_digit(16).ok_or_else(|| invalid_parameter(format!("invalid hexadecimal digit: \"{c}\"")))? as u8;
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    if high.is_some() {
        return Err(invalid_parameter("invalid hexadecimal data: odd number of digits"));
    }
    Ok(bytes)
}

fn decode_base64(text: &str) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut count, mut end) = (0u32, 0, 0);
    for c in text.chars().filter(|c| !blank(*c)) {
        let value = match c {
            'A'..='Z' => u32::from(c) - 65,
            'a'..='z' => u32::from(c) - 71,
            '0'..='9' => u32::from(c) + 4,
            '+' => 62,
            '/' => 63,
            '=' => {
                if end == 0 {
                    end = match count {
                        2 => 1,
                        3 => 2,
                        _ => return Err(invalid_parameter("unexpected \"=\" while decoding base64 sequence")),
                    };
                }
                0
            }
            c => return Err(invalid_parameter(format!("invalid symbol \"{c}\" found while decoding base64 sequence"))),
        };
        group = group << 6 | value;
        count += 1;
        if count == 4 {
            let [_, first, second, third] = group.to_be_bytes();
            bytes.push(first);
            if end == 0 || end > 1 {
                bytes.push(second);
            }
            if end == 0 || end > 2 {
                bytes.push(third);
            }
            (group, count) = (0, 0);
        }
    }
    if count != 0 {
        return Err(invalid_parameter("invalid base64 end sequence")
            .hint("Input data is missing padding, is truncated, or is otherwise corrupted."));
    }
    Ok(bytes)
}

fn decode_escape(text: &str) -> Outcome<Vec<u8>> {
    let invalid = || SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type bytea");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'\\', [b'\\', after @ ..]) => {
                bytes.push(b'\\');
                after
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            (b'\\', _) => return Err(invalid()),
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    Ok(bytes)
}

fn digest<D: Digest>(call: &Call<'_>) -> Arc<ScalarUDF> {
    map1::<Bytea, Vec<u8>>(call, |a| Ok(D::digest(a).to_vec()))
}

fn digests() -> Vec<Function> {
    vec![
        Function::fixed("md5", &[TEXT], PgType::TEXT, |call| {
            text1::<Text>(call, |a, out| {
                hex(&Md5::digest(a.as_bytes()), out)?;
                Ok(true)
            })
        }),
        Function::fixed("md5", &[BYTEA], PgType::TEXT, |call| {
            text1::<Bytea>(call, |a, out| {
                hex(&Md5::digest(a), out)?;
                Ok(true)
            })
        }),
        Function::fixed("sha224", &[BYTEA], PgType::BYTEA, digest::<Sha224>),
        Function::fixed("sha256", &[BYTEA], PgType::BYTEA, digest::<Sha256>),
        Function::fixed("sha384", &[BYTEA], PgType::BYTEA, digest::<Sha384>),
        Function::fixed("sha512", &[BYTEA], PgType::BYTEA, digest::<Sha512>),
    ]
}

/// The index of a byte or bit, when there is one with this number.
fn index(n: i64, count: usize) -> Outcome<usize> {
    usize::try_from(n).ok().filter(|index| *index < count).ok_or_else(|| {
        let last = i64::try_from(count).unwrap_or(i64::MAX) - 1;
        SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, format!("index {n} out of valid range, 0..{last}"))
    })
}

fn elements() -> Vec<Function> {
    vec![
        Function::fixed("get_byte", &[BYTEA, INT4], PgType::INT4, |call| {
            map2::<Bytea, Int4, i32>(call, |a, n| Ok(i32::from(a[index(n.into(), a.len())?])))
        }),
        Function::fixed("set_byte", &[BYTEA, INT4, INT4], PgType::BYTEA, |call| {
            map3::<Bytea, Int4, Int4, Vec<u8>>(call, |a, n, value| {
                let index = index(n.into(), a.len())?;
                let mut bytes = a.to_vec();
                bytes[index] = value as u8;
                Ok(bytes)
            })
        }),
        Function::fixed("get_bit", &[BYTEA, INT8], PgType::INT4, |call| {
            map2::<Bytea, Int8, i32>(call, |a, n| {
                let index = index(n, a.len().saturating_mul(8))?;
                Ok(i32::from(a[index / 8] >> (index % 8) & 1))
            })
        }),
        Function::fixed("set_bit", &[BYTEA, INT8, INT4], PgType::BYTEA, |call| {
            map3::<Bytea, Int8, Int4, Vec<u8>>(call, |a, n, value| {
                let index = index(n, a.len().saturating_mul(8))?;
                if !matches!(value, 0 | 1) {
                    return Err(invalid_parameter("new bit must be 0 or 1"));
                }
                let mut bytes = a.to_vec();
                let mask = 1u8 << (index % 8);
                bytes[index / 8] = if value == 1 { bytes[index / 8] | mask } else { bytes[index / 8] & !mask };
                Ok(bytes)
            })
        }),
        Function::fixed("bit_count", &[BYTEA], PgType::INT8, |call| {
            map1::<Bytea, i64>(call, |a| Ok(a.iter().map(|byte| i64::from(byte.count_ones())).sum()))
        }),
    ]
}
