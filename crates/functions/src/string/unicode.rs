//! `unistr` and the normal forms of Unicode.

use kura_pgtypes::{PgType, SqlError, SqlState};
use unicode_normalization::UnicodeNormalization;

use super::TEXT;
use crate::failure::{Outcome, invalid_parameter};
use crate::kernel::column::Text;
use crate::kernel::lift::{map1, map2, text1, text2};
use crate::kernel::write::Out;
use crate::registry::Function;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("unistr", &[TEXT], PgType::TEXT, |call| {
            text1::<Text>(call, |a, out| {
                unescape(a, &mut out.text)?;
                Ok(true)
            })
        }),
        Function::fixed("normalize", &[TEXT], PgType::TEXT, |call| text1::<Text>(call, |a, out| normalize(a, "NFC", out))),
        Function::fixed("normalize", &[TEXT, TEXT], PgType::TEXT, |call| text2::<Text, Text>(call, normalize)),
        Function::fixed("is_normalized", &[TEXT], PgType::BOOL, |call| map1::<Text, bool>(call, |a| is_normalized(a, "NFC"))),
        Function::fixed("is_normalized", &[TEXT, TEXT], PgType::BOOL, |call| map2::<Text, Text, bool>(call, is_normalized)),
    ]
}

fn normal_form(text: &str, form: &str, out: &mut String) -> Outcome<()> {
    match form.to_ascii_uppercase().as_str() {
        "NFC" => out.extend(text.nfc()),
        "NFD" => out.extend(text.nfd()),
        "NFKC" => out.extend(text.nfkc()),
        "NFKD" => out.extend(text.nfkd()),
        _ => return Err(invalid_parameter(format!("invalid normalization form: {form}"))),
    }
    Ok(())
}

fn normalize(text: &str, form: &str, out: &mut Out) -> Outcome<bool> {
    // A character decomposes into 18 at most; the usual case is far below, so only the sure part is asked for.
    out.admit(text.len())?;
    normal_form(text, form, &mut out.text)?;
    out.admit(out.text.len())?;
    Ok(true)
}

fn is_normalized(text: &str, form: &str) -> Outcome<bool> {
    let mut normal = String::with_capacity(text.len());
    normal_form(text, form, &mut normal)?;
    Ok(normal == text)
}

/// Replaces `\XXXX`, `\+XXXXXX`, `\uXXXX` and `\UXXXXXXXX` by the characters they name.
fn unescape(text: &str, out: &mut String) -> Outcome<()> {
    let invalid = || {
        SqlError::new(SqlState::SYNTAX_ERROR, "invalid Unicode escape")
            .hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.")
    };
    let pair = || SqlError::new(SqlState::SYNTAX_ERROR, "invalid Unicode surrogate pair");
    let mut high: Option<u32> = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c != '\\' || rest[1..].starts_with('\\') {
            if high.is_some() {
                return Err(pair());
            }
            out.push(c);
            rest = &rest[if c == '\\' { 2 } else { c.len_utf8() }..];
            continue;
        }
        let (prefix, digits) = match rest[1..].chars().next() {
            Some('+') => (2, 6),
            Some('u') => (2, 4),
            Some('U') => (2, 8),
            _ => (1, 4),
        };
        let code = rest
            .get(prefix..prefix + digits)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(invalid)?;
        rest = &rest[prefix + digits..];
        match (high.take(), code) {
            (None, 0xD800..=0xDBFF) => high = Some(code),
            (Some(first), 0xDC00..=0xDFFF) => {
                out.extend(char::from_u32(0x10000 + ((first - 0xD800) << 10) + (code - 0xDC00)));
            }
            (Some(_), _) | (None, 0xDC00..=0xDFFF) => return Err(pair()),
            (None, code) => match char::from_u32(code).filter(|c| *c != '\0') {
                Some(c) => out.push(c),
                None => {
                    return Err(invalid_parameter(format!("invalid Unicode code point: {code:04X}")));
                }
            },
        }
    }
    if high.is_some() { Err(pair()) } else { Ok(()) }
}
