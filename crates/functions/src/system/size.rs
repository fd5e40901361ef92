//! Sizes of values, and sizes in words.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, Scalar, SqlError};

use crate::cast::TextOf;
use crate::failure::{Outcome, invalid_parameter, out_of_range, unsupported};
use crate::kernel::column::{Int8, Numeric, Text};
use crate::kernel::function;
use crate::kernel::lift::{map1, rows, text1};
use crate::math::{INT8, NUMERIC};
use crate::numeric::Dec;
use crate::registry::{ArgType, Call, Function};

/// Units, each 1024 of the one before.
const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];

/// Bytes PostgreSQL puts before a value of variable length.
const HEADER: usize = 4;

pub(super) fn functions() -> Vec<Function> {
    const TEXT: ArgType = ArgType::Exact(PgType::TEXT);
    vec![
        Function::fixed("pg_size_pretty", &[INT8], PgType::TEXT, |call| {
            text1::<Int8>(call, |a, out| {
                out.push_str(&pretty(a.into()));
                Ok(true)
            })
        }),
        Function::fixed("pg_size_pretty", &[NUMERIC], PgType::TEXT, |call| {
            text1::<Numeric>(call, |a, out| {
                out.push_str(&pretty(a.truncate(0)?));
                Ok(true)
            })
        }),
        Function::fixed("pg_size_bytes", &[TEXT], PgType::INT8, |call| map1::<Text, i64>(call, bytes)),
        Function::fixed("pg_column_size", &[ArgType::Any], PgType::INT4, column_size).stable(),
    ]
}

/// A size in the greatest unit that leaves it at least five digits, rounded.
fn pretty(size: i128) -> String {
    let mut size = size;
    let mut unit = 0;
    // One bit is kept for rounding until the unit is found.
    let mut halves = false;
    while unit + 1 < UNITS.len() {
        let limit = if halves { 20 * 1024 - 1 } else { 10 * 1024 };
        if size.abs() < limit {
            break;
        }
        size = if halves { size / 1024 } else { size / 512 };
        halves = true;
        unit += 1;
    }
    if halves {
        size = (size + size.signum()) / 2;
    }
    format!("{size} {}", UNITS[unit])
}

/// Reads `1.5 GB` and the like.
fn bytes(text: &str) -> Outcome<i64> {
    let trimmed = text.trim();
    let invalid = || invalid_parameter(format!("invalid size: \"{text}\""));
    let end = trimmed
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || *c == '.' || *at == 0 && matches!(c, '-' | '+')))
        .map_or(trimmed.len(), |(at, _)| at);
    let (number, unit) = trimmed.split_at(end);
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{decimals}");
    if !digits.bytes().any(|byte| byte.is_ascii_digit()) || decimals.contains('.') {
        return Err(invalid());
    }
    let scale = i8::try_from(decimals.len()).ok().filter(|scale| *scale <= 20).ok_or_else(invalid)?;
    let value: i128 = digits.parse().map_err(|_| invalid())?;
    let unit = unit.trim();
    let power = match unit.to_ascii_lowercase().as_str() {
        "" | "b" | "bytes" => 0,
        "kb" => 1,
        "mb" => 2,
        "gb" => 3,
        "tb" => 4,
        "pb" => 5,
        _ => {
            return Err(invalid()
                .detail(format!("Invalid size unit: \"{unit}\"."))
                .hint("Valid units are \"bytes\", \"B\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\"."));
        }
    };
    let value = value.checked_mul(1i128 << (10 * power)).ok_or_else(overflow)?;
    i64::try_from(Dec { value, scale }.round()?).map_err(|_| overflow())
}

fn overflow() -> SqlError {
    out_of_range("bigint")
}

/// The bytes of a value as PostgreSQL would hold it, uncompressed.
fn column_size(call: &Call<'_>) -> Arc<ScalarUDF> {
    let ty = call.arguments.first().copied().unwrap_or(PgType::TEXT);
    let writer = TextOf::output(ty, &call.session.settings);
    function(call, move |args| {
        let column = args.column(0)?;
        let fixed = usize::try_from(ty.len()).ok();
        let texts = if fixed.is_none() { Some(writer.column(column)?) } else { None };
        let texts = texts.as_ref().map(crate::kernel::Column::read::<Text>).transpose()?;
        rows::<i32>(args.rows, &PgType::INT4.arrow(), |row| {
            if column.is_null(row) {
                return Ok(None);
            }
            let size = match fixed {
                Some(size) => size,
                None => variable(texts.as_ref().and_then(|texts| texts.get(row)).unwrap_or(""), ty)?,
            };
            i32::try_from(size).map(Some).map_err(|_| out_of_range("integer"))
        })
    })
}

/// The size of a value of variable length, from its text.
fn variable(text: &str, ty: PgType) -> Outcome<usize> {
    Ok(match ty.scalar {
        Scalar::Numeric if !ty.array => {
            // Digits are held in groups of four on each side of the decimal point, without zeros at the ends.
            let unsigned = text.trim_start_matches('-');
            let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, ""));
            let groups = format!(
                "{whole:0>before$}{decimals:0<after$}",
                before = whole.len().next_multiple_of(4),
                after = decimals.len().next_multiple_of(4)
            );
            let groups: Vec<&[u8]> = groups.as_bytes().chunks(4).collect();
            let zero = |group: &&&[u8]| **group == b"0000";
            let leading = groups.iter().take_while(zero).count();
            let trailing = groups.iter().skip(leading).rev().take_while(zero).count();
            HEADER + 2 + 2 * (groups.len() - leading - trailing)
        }
        Scalar::Bytea if !ty.array => HEADER + text.len().saturating_sub(2) / 2,
        Scalar::Text | Scalar::Varchar | Scalar::Bpchar | Scalar::Json | Scalar::Unknown if !ty.array => HEADER + text.len(),
        _ => return Err(unsupported(format!("pg_column_size of {} is not supported", ty.display())).hint("Measure its text.")),
    })
}
