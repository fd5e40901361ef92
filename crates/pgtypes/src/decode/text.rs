//! Limits on strings: the lengths of `varchar(n)`, `character(n)`, `name` and `"char"`.

use std::borrow::Cow;

use crate::diagnostic::SqlError;
use crate::pg_type::{PgType, Scalar};
use crate::sqlstate::SqlState;

/// `NAMEDATALEN` less the end.
const NAME_BYTES_MAX: usize = 63;

/// The string as a value of `ty`: cut, padded or refused by the rules of assignment.
pub(crate) fn fit(text: &str, ty: PgType) -> Result<Cow<'_, str>, SqlError> {
    match ty.scalar {
        Scalar::Varchar | Scalar::Bpchar => match ty.char_length() {
            Some(limit) => fit_length(text, limit as usize, ty),
            None => Ok(Cow::Borrowed(text)),
        },
        Scalar::Name if text.len() > NAME_BYTES_MAX => Ok(Cow::Borrowed(&text[..text.floor_char_boundary(NAME_BYTES_MAX)])),
        Scalar::Char => Ok(Cow::Borrowed(text.chars().next().map_or("", |first| &text[..first.len_utf8()]))),
        _ => Ok(Cow::Borrowed(text)),
    }
}

/// Blanks beyond the limit are cut; anything else beyond it is an error. `character(n)` is padded.
fn fit_length(text: &str, limit: usize, ty: PgType) -> Result<Cow<'_, str>, SqlError> {
    // A string of n bytes has at most n characters.
    let end = if text.len() <= limit { None } else { text.char_indices().nth(limit).map(|(at, _)| at) };
    if let Some(end) = end {
        let (kept, excess) = text.split_at(end);
        if excess.bytes().all(|byte| byte == b' ') {
            return Ok(Cow::Borrowed(kept));
        }
        return Err(SqlError::new(
            SqlState::STRING_DATA_RIGHT_TRUNCATION,
            format!("value too long for type {}", PgType { array: false, ..ty }.display()),
        ));
    }
    if ty.scalar == Scalar::Varchar {
        return Ok(Cow::Borrowed(text));
    }
    let missing = limit - text.chars().count();
    if missing == 0 {
        return Ok(Cow::Borrowed(text));
    }
    let mut padded = String::with_capacity(text.len() + missing);
    padded.push_str(text);
    padded.extend(std::iter::repeat_n(' ', missing));
    Ok(Cow::Owned(padded))
}
