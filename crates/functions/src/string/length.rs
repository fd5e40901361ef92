//! Lengths, letter case, single characters: what looks at a string as a whole.

use kura_pgtypes::{PgType, SqlError, SqlState};

use super::{BPCHAR, BYTEA, TEXT};
use crate::failure::{Outcome, out_of_range};
use crate::kernel::column::{Bytea, Int4, Int8, Read, Text};
use crate::kernel::lift::{map1, map2, text1};
use crate::math::{INT4, INT8};
use crate::registry::{ArgType, Function};

pub(super) fn functions() -> Vec<Function> {
    let mut all = lengths();
    all.extend(cases());
    all.extend(characters());
    all
}

/// Characters of a string.
pub(super) fn characters_of(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

fn count(n: usize) -> Outcome<i32> {
    i32::try_from(n).map_err(|_| out_of_range("integer"))
}

fn bits(bytes: usize) -> Outcome<i32> {
    count(bytes.saturating_mul(8))
}

fn lengths() -> Vec<Function> {
    let mut all = vec![];
    for name in ["length", "char_length", "character_length"] {
        all.push(Function::fixed(name, &[TEXT], PgType::INT4, |call| map1::<Text, i32>(call, |a| count(characters_of(a)))));
        all.push(Function::fixed(name, &[BPCHAR], PgType::INT4, |call| {
            map1::<Text, i32>(call, |a| count(characters_of(a.trim_end_matches(' '))))
        }));
    }
    all.push(Function::fixed("length", &[BYTEA], PgType::INT4, |call| map1::<Bytea, i32>(call, |a| count(a.len()))));
    for ty in [&[TEXT], &[BPCHAR]] as [&'static [ArgType]; 2] {
        all.push(Function::fixed("octet_length", ty, PgType::INT4, |call| map1::<Text, i32>(call, |a| count(a.len()))));
    }
    all.push(Function::fixed("octet_length", &[BYTEA], PgType::INT4, |call| map1::<Bytea, i32>(call, |a| count(a.len()))));
    all.push(Function::fixed("bit_length", &[TEXT], PgType::INT4, |call| map1::<Text, i32>(call, |a| bits(a.len()))));
    all.push(Function::fixed("bit_length", &[BYTEA], PgType::INT4, |call| map1::<Bytea, i32>(call, |a| bits(a.len()))));
    all
}

/// The upper case of a character where that is one character; `ß` stays.
fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => upper,
        // Greek letters with iota subscript have a capital of their own; the library spells it as two letters.
        _ => match c {
            '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => char::from_u32(u32::from(c) + 8).unwrap_or(c),
            '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(u32::from(c) + 9).unwrap_or(c),
            c => c,
        },
    }
}

/// The lower case of a character; `İ` becomes `i`.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

pub(super) fn push_upper(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        out[start..].make_ascii_uppercase();
    } else {
        out.extend(text.chars().map(upper));
    }
}

pub(super) fn push_lower(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        out[start..].make_ascii_lowercase();
    } else {
        out.extend(text.chars().map(lower));
    }
}

fn cases() -> Vec<Function> {
    vec![
        Function::fixed("upper", &[TEXT], PgType::TEXT, |call| {
            text1::<Text>(call, |a, out| {
                push_upper(a, &mut out.text);
                Ok(true)
            })
        }),
        Function::fixed("lower", &[TEXT], PgType::TEXT, |call| {
            text1::<Text>(call, |a, out| {
                push_lower(a, &mut out.text);
                Ok(true)
            })
        }),
        Function::fixed("initcap", &[TEXT], PgType::TEXT, |call| {
            text1::<Text>(call, |a, out| {
                let mut inside = false;
                for c in a.chars() {
                    out.push(if inside { lower(c) } else { upper(c) });
                    inside = c.is_alphanumeric();
                }
                Ok(true)
            })
        }),
        Function::fixed("reverse", &[TEXT], PgType::TEXT, |call| {
            text1::<Text>(call, |a, out| {
                out.text.extend(a.chars().rev());
                Ok(true)
            })
        }),
    ]
}

fn characters() -> Vec<Function> {
    vec![
        Function::fixed("ascii", &[TEXT], PgType::INT4, |call| {
            map1::<Text, i32>(call, |a| Ok(a.chars().next().map_or(0, |c| u32::from(c) as i32)))
        }),
        Function::fixed("chr", &[INT4], PgType::TEXT, |call| {
            text1::<Int4>(call, |code, out| {
                out.push(character(code)?);
                Ok(true)
            })
        }),
        Function::fixed("to_hex", &[INT4], PgType::TEXT, |call| hex::<Int4>(call, |a| u64::from(a as u32))),
        Function::fixed("to_hex", &[INT8], PgType::TEXT, |call| hex::<Int8>(call, |a| a as u64)),
        Function::fixed("starts_with", &[TEXT, TEXT], PgType::BOOL, |call| map2::<Text, Text, bool>(call, |a, b| Ok(a.starts_with(b)))),
    ]
}

fn hex<T: Read>(
    call: &crate::registry::Call<'_>,
    unsigned: impl for<'a> Fn(T::Item<'a>) -> u64 + Send + Sync + 'static,
) -> std::sync::Arc<datafusion::logical_expr::ScalarUDF> {
    text1::<T>(call, move |a, out| {
        out.push_str(&format!("{:x}", unsigned(a)));
        Ok(true)
    })
}

/// The character with a code.
fn character(code: i32) -> Outcome<char> {
    let limit = |message: String| Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    match u32::try_from(code) {
        Err(_) => Err(crate::failure::invalid_parameter("character number must be positive")),
        Ok(0) => limit("null character not permitted".to_owned()),
        Ok(code) if code > 0x0010_FFFF => limit(format!("requested character too large for encoding: {code}")),
        Ok(code) => match char::from_u32(code) {
            Some(c) => Ok(c),
            None => limit(format!("requested character not valid for encoding: {code}")),
        },
    }
}

/// `^@`
pub(super) fn operators() -> Vec<Function> {
    vec![Function::fixed("^@", &[TEXT, TEXT], PgType::BOOL, |call| map2::<Text, Text, bool>(call, |a, b| Ok(a.starts_with(b))))]
}
