//! Padding, trimming and repeating.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;

use super::length::characters_of;
use super::part::byte_of;
use super::{BYTEA, TEXT};
use crate::failure::{Outcome, too_large};
use crate::kernel::column::{Bytea, Int4, Text};
use crate::kernel::lift::{map2, text1, text2, text3};
use crate::kernel::write::Out;
use crate::math::INT4;
use crate::registry::{Call, Function};

pub(super) fn functions() -> Vec<Function> {
    let mut all = pads();
    all.extend(trims());
    all.push(Function::fixed("repeat", &[TEXT, INT4], PgType::TEXT, |call| {
        text2::<Text, Int4>(call, |a, n, out| {
            let times = usize::try_from(n).unwrap_or(0);
            out.admit(a.len().checked_mul(times).ok_or_else(too_large)?)?;
            for _ in 0..if a.is_empty() { 0 } else { times } {
                out.push_str(a);
            }
            Ok(true)
        })
    }));
    all
}

fn pads() -> Vec<Function> {
    vec![
        Function::fixed("lpad", &[TEXT, INT4], PgType::TEXT, |call| text2::<Text, Int4>(call, |a, n, out| pad(a, n, " ", true, out))),
        Function::fixed("lpad", &[TEXT, INT4, TEXT], PgType::TEXT, |call| {
            text3::<Text, Int4, Text>(call, |a, n, fill, out| pad(a, n, fill, true, out))
        }),
        Function::fixed("rpad", &[TEXT, INT4], PgType::TEXT, |call| text2::<Text, Int4>(call, |a, n, out| pad(a, n, " ", false, out))),
        Function::fixed("rpad", &[TEXT, INT4, TEXT], PgType::TEXT, |call| {
            text3::<Text, Int4, Text>(call, |a, n, fill, out| pad(a, n, fill, false, out))
        }),
    ]
}

/// Fills up to `n` characters, or cuts at the right to as many.
fn pad(text: &str, n: i32, fill: &str, left: bool, out: &mut Out) -> Outcome<bool> {
    let n = usize::try_from(n).unwrap_or(0);
    let kept = &text[..byte_of(text, n)];
    let missing = if fill.is_empty() { 0 } else { n - characters_of(kept).min(n) };
    let widest = fill.chars().map(char::len_utf8).max().unwrap_or(1);
    out.admit(missing.checked_mul(widest).and_then(|bytes| bytes.checked_add(kept.len())).ok_or_else(too_large)?)?;
    if !left {
        out.push_str(kept);
    }
    out.text.extend(fill.chars().cycle().take(missing));
    if left {
        out.push_str(kept);
    }
    Ok(true)
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
    Both,
}

impl Side {
    fn trim<'a>(self, text: &'a str, characters: &str) -> &'a str {
        let mut single = characters.chars();
        if let (Some(c), None) = (single.next(), single.next()) {
            return match self {
                Self::Left => text.trim_start_matches(c),
                Self::Right => text.trim_end_matches(c),
                Self::Both => text.trim_matches(c),
            };
        }
        let listed = |c: char| characters.contains(c);
        match self {
            Self::Left => text.trim_start_matches(listed),
            Self::Right => text.trim_end_matches(listed),
            Self::Both => text.trim_matches(listed),
        }
    }

    fn trim_bytes<'a>(self, bytes: &'a [u8], listed: &[u8]) -> &'a [u8] {
        let mut rest = bytes;
        if matches!(self, Self::Left | Self::Both) {
            while let Some((_, after)) = rest.split_first().filter(|(first, _)| listed.contains(first)) {
                rest = after;
            }
        }
        if matches!(self, Self::Right | Self::Both) {
            while let Some((_, before)) = rest.split_last().filter(|(last, _)| listed.contains(last)) {
                rest = before;
            }
        }
        rest
    }
}

fn trims() -> Vec<Function> {
    type Make = fn(&Call<'_>) -> Arc<ScalarUDF>;
    let all: [(&'static str, Make, Make, Make); 3] = [
        ("ltrim", |call| blanks(call, Side::Left), |call| listed(call, Side::Left), |call| bytes(call, Side::Left)),
        ("rtrim", |call| blanks(call, Side::Right), |call| listed(call, Side::Right), |call| bytes(call, Side::Right)),
        ("btrim", |call| blanks(call, Side::Both), |call| listed(call, Side::Both), |call| bytes(call, Side::Both)),
    ];
    let mut functions = vec![];
    for (name, one, two, binary) in all {
        functions.push(Function::fixed(name, &[TEXT], PgType::TEXT, one));
        functions.push(Function::fixed(name, &[TEXT, TEXT], PgType::TEXT, two));
        functions.push(Function::fixed(name, &[BYTEA, BYTEA], PgType::BYTEA, binary));
    }
    functions
}

fn blanks(call: &Call<'_>, side: Side) -> Arc<ScalarUDF> {
    text1::<Text>(call, move |a, out| {
        out.push_str(side.trim(a, " "));
        Ok(true)
    })
}

fn listed(call: &Call<'_>, side: Side) -> Arc<ScalarUDF> {
    text2::<Text, Text>(call, move |a, characters, out| {
        out.push_str(side.trim(a, characters));
        Ok(true)
    })
}

fn bytes(call: &Call<'_>, side: Side) -> Arc<ScalarUDF> {
    map2::<Bytea, Bytea, Vec<u8>>(call, move |a, listed| Ok(side.trim_bytes(a, listed).to_vec()))
}
