//! Parts of strings: `substring`, `left`, `right`, `split_part`, positions, `overlay`, `replace`, `translate`.
//!
//! The forms of `substring` with a pattern are with the regular expressions.

use kura_pgtypes::{PgType, SqlError, SqlState};

use super::length::characters_of;
use super::{BYTEA, TEXT};
use crate::failure::{Outcome, invalid_parameter, out_of_range, too_large};
use crate::kernel::column::{Bytea, Int4, Text};
use crate::kernel::function;
use crate::kernel::lift::{map2, map3, rows, text_rows, text2, text3};
use crate::kernel::write::{Out, VALUE_BYTES_MAX};
use crate::math::INT4;
use crate::registry::{Call, Function};

pub(super) fn functions() -> Vec<Function> {
    let mut all = substrings();
    all.extend(positions());
    all.extend(overlays());
    all.extend(replacements());
    all
}

/// The byte at which the character with this index begins; the end of the string when there is none.
pub(super) fn byte_of(text: &str, character: usize) -> usize {
    if character >= text.len() {
        // A string has no more characters than bytes.
        return text.len();
    }
    if text.is_ascii() { character } else { text.char_indices().nth(character).map_or(text.len(), |(at, _)| at) }
}

/// The characters `substring(x, start, length)` means: from (inclusive, 0-based) and their end (exclusive; `None` is
/// the end of the string).
fn window(start: i32, length: Option<i32>) -> Outcome<(usize, Option<usize>)> {
    let from = usize::try_from(i64::from(start) - 1).unwrap_or(0);
    let Some(length) = length else {
        return Ok((from, None));
    };
    if length < 0 {
        return Err(SqlError::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed"));
    }
    let end = i64::from(start) + i64::from(length) - 1;
    Ok((from, Some(usize::try_from(end).unwrap_or(0).max(from))))
}

fn substring(text: &str, start: i32, length: Option<i32>) -> Outcome<&str> {
    let (from, to) = window(start, length)?;
    let rest = &text[byte_of(text, from)..];
    Ok(match to {
        Some(to) => &rest[..byte_of(rest, to - from)],
        None => rest,
    })
}

fn bytes_part(bytes: &[u8], start: i32, length: Option<i32>) -> Outcome<&[u8]> {
    let (from, to) = window(start, length)?;
    let to = to.unwrap_or(bytes.len()).min(bytes.len());
    Ok(&bytes[from.min(to)..to])
}

fn substrings() -> Vec<Function> {
    let mut all = vec![];
    for name in ["substring", "substr"] {
        all.push(Function::fixed(name, &[TEXT, INT4], PgType::TEXT, |call| {
            text2::<Text, Int4>(call, |a, start, out| push(out, substring(a, start, None)?))
        }));
        all.push(Function::fixed(name, &[TEXT, INT4, INT4], PgType::TEXT, |call| {
            text3::<Text, Int4, Int4>(call, |a, start, length, out| push(out, substring(a, start, Some(length))?))
        }));
        all.push(Function::fixed(name, &[BYTEA, INT4], PgType::BYTEA, |call| {
            map2::<Bytea, Int4, Vec<u8>>(call, |a, start| Ok(bytes_part(a, start, None)?.to_vec()))
        }));
        all.push(Function::fixed(name, &[BYTEA, INT4, INT4], PgType::BYTEA, |call| {
            map3::<Bytea, Int4, Int4, Vec<u8>>(call, |a, start, length| Ok(bytes_part(a, start, Some(length))?.to_vec()))
        }));
    }
    all.push(Function::fixed("left", &[TEXT, INT4], PgType::TEXT, |call| {
        text2::<Text, Int4>(call, |a, n, out| push(out, &a[..byte_of(a, edge(a, n))]))
    }));
    all.push(Function::fixed("right", &[TEXT, INT4], PgType::TEXT, |call| {
        text2::<Text, Int4>(call, |a, n, out| {
            let skipped = if n < 0 { n.unsigned_abs() as usize } else { characters_of(a).saturating_sub(n.unsigned_abs() as usize) };
            push(out, &a[byte_of(a, skipped)..])
        })
    }));
    all.push(Function::fixed("split_part", &[TEXT, TEXT, INT4], PgType::TEXT, |call| {
        text3::<Text, Text, Int4>(call, |a, separator, n, out| push(out, split_part(a, separator, n)?))
    }));
    all
}

fn push(out: &mut Out, text: &str) -> Outcome<bool> {
    out.push_str(text);
    Ok(true)
}

/// How many characters `left(text, n)` keeps.
fn edge(text: &str, n: i32) -> usize {
    let size = n.unsigned_abs() as usize;
    if n < 0 { characters_of(text).saturating_sub(size) } else { size }
}

fn split_part<'a>(text: &'a str, separator: &str, n: i32) -> Outcome<&'a str> {
    if n == 0 {
        return Err(invalid_parameter("field position must not be zero"));
    }
    if text.is_empty() {
        return Ok("");
    }
    if separator.is_empty() {
        return Ok(if n == 1 || n == -1 { text } else { "" });
    }
    let size = n.unsigned_abs() as usize;
    // Parts are told apart from the left, also when they are counted from the right.
    let index = if n > 0 { Some(size - 1) } else { text.split(separator).count().checked_sub(size) };
    Ok(index.and_then(|index| text.split(separator).nth(index)).unwrap_or(""))
}

/// The character, counted from 1, at which a string begins in another; 0 when it does not.
fn position(text: &str, part: &str) -> Outcome<i32> {
    let found = text.find(part).map_or(0, |at| characters_of(&text[..at]) + 1);
    i32::try_from(found).map_err(|_| out_of_range("integer"))
}

fn positions() -> Vec<Function> {
    let mut all = vec![];
    for name in ["position", "strpos"] {
        all.push(Function::fixed(name, &[TEXT, TEXT], PgType::INT4, |call| map2::<Text, Text, i32>(call, position)));
    }
    all.push(Function::fixed("position", &[BYTEA, BYTEA], PgType::INT4, |call| {
        map2::<Bytea, Bytea, i32>(call, |a, b| {
            let found = if b.is_empty() { Some(0) } else { a.windows(b.len()).position(|window| window == b) };
            i32::try_from(found.map_or(0, |at| at + 1)).map_err(|_| out_of_range("integer"))
        })
    }));
    all
}

/// Where `overlay` cuts: the start and the first position after the part replaced, both counted from 1.
fn cut(start: i32, length: i32) -> Outcome<(i32, i32)> {
    if start <= 0 {
        return Err(SqlError::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed"));
    }
    let after = start.checked_add(length).ok_or_else(|| out_of_range("integer"))?;
    Ok((start, after))
}

fn overlay(text: &str, new: &str, start: i32, length: i32, out: &mut Out) -> Outcome<()> {
    let (start, after) = cut(start, length)?;
    let (head, tail) = (substring(text, 1, Some(start - 1))?, substring(text, after, None)?);
    out.admit(head.len().saturating_add(new.len()).saturating_add(tail.len()))?;
    for part in [head, new, tail] {
        out.push_str(part);
    }
    Ok(())
}

fn overlay_bytes(bytes: &[u8], new: &[u8], start: i32, length: i32) -> Outcome<Vec<u8>> {
    let (start, after) = cut(start, length)?;
    let (head, tail) = (bytes_part(bytes, 1, Some(start - 1))?, bytes_part(bytes, after, None)?);
    if head.len() + new.len() + tail.len() > VALUE_BYTES_MAX {
        return Err(too_large());
    }
    Ok([head, new, tail].concat())
}

fn overlays() -> Vec<Function> {
    vec![
        Function::fixed("overlay", &[TEXT, TEXT, INT4], PgType::TEXT, |call| {
            text3::<Text, Text, Int4>(call, |a, new, start, out| {
                let length = i32::try_from(characters_of(new)).map_err(|_| out_of_range("integer"))?;
                overlay(a, new, start, length, out)?;
                Ok(true)
            })
        }),
        Function::fixed("overlay", &[TEXT, TEXT, INT4, INT4], PgType::TEXT, overlay4),
        Function::fixed("overlay", &[BYTEA, BYTEA, INT4], PgType::BYTEA, |call| {
            map3::<Bytea, Bytea, Int4, Vec<u8>>(call, |a, new, start| {
                overlay_bytes(a, new, start, i32::try_from(new.len()).map_err(|_| out_of_range("integer"))?)
            })
        }),
        Function::fixed("overlay", &[BYTEA, BYTEA, INT4, INT4], PgType::BYTEA, |call| {
            let data_type = call.returns.arrow();
            function(call, move |args| {
                let (a, new) = (args.column(0)?.read::<Bytea>()?, args.column(1)?.read::<Bytea>()?);
                let (start, length) = (args.column(2)?.read::<Int4>()?, args.column(3)?.read::<Int4>()?);
                rows::<Vec<u8>>(args.rows, &data_type, |row| match (a.get(row), new.get(row), start.get(row), length.get(row)) {
                    (Some(a), Some(new), Some(start), Some(length)) => overlay_bytes(a, new, start, length).map(Some),
                    _ => Ok(None),
                })
            })
        }),
    ]
}

fn overlay4(call: &Call<'_>) -> std::sync::Arc<datafusion::logical_expr::ScalarUDF> {
    function(call, move |args| {
        let (a, new) = (args.column(0)?.read::<Text>()?, args.column(1)?.read::<Text>()?);
        let (start, length) = (args.column(2)?.read::<Int4>()?, args.column(3)?.read::<Int4>()?);
        text_rows(args.rows, |row, out| match (a.get(row), new.get(row), start.get(row), length.get(row)) {
            (Some(a), Some(new), Some(start), Some(length)) => {
                overlay(a, new, start, length, out)?;
                Ok(true)
            }
            _ => Ok(false),
        })
    })
}

fn replacements() -> Vec<Function> {
    vec![
        Function::fixed("replace", &[TEXT, TEXT, TEXT], PgType::TEXT, |call| {
            text3::<Text, Text, Text>(call, |a, from, to, out| {
                replace(a, from, to, out)?;
                Ok(true)
            })
        }),
        Function::fixed("translate", &[TEXT, TEXT, TEXT], PgType::TEXT, |call| {
            text3::<Text, Text, Text>(call, |a, from, to, out| {
                translate(a, from, to, out)?;
                Ok(true)
            })
        }),
    ]
}

fn replace(text: &str, from: &str, to: &str, out: &mut Out) -> Outcome<()> {
    if from.is_empty() {
        out.push_str(text);
        return Ok(());
    }
    if to.len() > from.len() {
        let more = text.matches(from).count().checked_mul(to.len() - from.len()).and_then(|more| more.checked_add(text.len()));
        out.admit(more.ok_or_else(too_large)?)?;
    }
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        out.push_str(&rest[..at]);
        out.push_str(to);
        rest = &rest[at + from.len()..];
    }
    out.push_str(rest);
    Ok(())
}

fn translate(text: &str, from: &str, to: &str, out: &mut Out) -> Outcome<()> {
    out.admit(text.len().saturating_mul(if to.is_ascii() { 1 } else { 4 }).min(VALUE_BYTES_MAX))?;
    for c in text.chars() {
        match from.chars().position(|candidate| candidate == c) {
            None => out.push(c),
            Some(index) => out.text.extend(to.chars().nth(index)),
        }
    }
    Ok(())
}
