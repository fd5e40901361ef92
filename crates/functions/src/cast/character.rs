//! Casts to strings, and the lengths of `varchar(n)` and `char(n)`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use kura_pgtypes::{PgType, Scalar, SqlError, SqlState};

use super::{Context, Convert, is_text, write_text};
use crate::failure::{self, Outcome};
use crate::kernel::Column;
use crate::kernel::column::Text;
use crate::kernel::lift::text_rows;
use crate::kernel::write::Out;

/// Bytes of a `name`.
const NAME_BYTES_MAX: usize = 63;

/// `true` and `false`.
pub(super) fn boolean_words() -> Convert {
    Arc::new(|array| {
        let words: StringViewArray =
            array.as_boolean().iter().map(|value| value.map(|value| if value { "true" } else { "false" })).collect();
        Ok(Arc::new(words))
    })
}

/// `char(n)` as text: blanks at the end mean nothing.
pub(super) fn without_blanks() -> Convert {
    Arc::new(|array| fit(Arc::clone(array), PgType::TEXT, true, true))
}

/// From any type to a string type.
pub(super) fn to_text(from: PgType, to: PgType, context: Context<'_>) -> Convert {
    let settings = context.session.settings.clone();
    let source: Convert = if from == PgType::BOOL {
        boolean_words()
    } else if !from.array && is_text(from.scalar) {
        Arc::new(|array| arrow::compute::cast(array, &PgType::TEXT.arrow()).map_err(|error| failure::arrow(&error)))
    } else {
        Arc::new(move |array| write_text(array, from, &settings))
    };
    let blanks = from.scalar == Scalar::Bpchar && !from.array && to.scalar != Scalar::Bpchar;
    let explicit = context.explicit;
    Arc::new(move |array| {
        let text = source(array)?;
        if !blanks && matches!(to.scalar, Scalar::Text | Scalar::Unknown) || to.char_length().is_none() && to.scalar == Scalar::Bpchar {
            return Ok(text);
        }
        fit(text, to, blanks, explicit)
    })
}

/// Cuts, pads or refuses strings for a type of limited length. `blanks`: trailing blanks mean nothing.
fn fit(text: ArrayRef, to: PgType, blanks: bool, explicit: bool) -> Outcome<ArrayRef> {
    let column = Column { array: text, constant: false };
    let strings = column.read::<Text>()?;
    text_rows(column.array.len(), |row, out| {
        let Some(value) = strings.get(row) else {
            return Ok(false);
        };
        let value = if blanks { value.trim_end_matches(' ') } else { value };
        match to.scalar {
            Scalar::Varchar | Scalar::Bpchar => limit(value, to, explicit, out)?,
            Scalar::Name => out.push_str(&value[..value.floor_char_boundary(NAME_BYTES_MAX)]),
            Scalar::Char => out.push_str(&value[..value.floor_char_boundary(1).max(first_character(value))]),
            _ => out.push_str(value),
        }
        Ok(true)
    })
}

fn first_character(value: &str) -> usize {
    value.chars().next().map_or(0, char::len_utf8)
}

fn limit(value: &str, to: PgType, explicit: bool, out: &mut Out) -> Outcome<()> {
    let Some(n) = to.char_length() else {
        out.push_str(value);
        return Ok(());
    };
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    // Bytes bound characters from above, which spares most values the counting.
    let end = if value.len() <= n { value.len() } else { value.char_indices().nth(n).map_or(value.len(), |(at, _)| at) };
    if !explicit && value[end..].bytes().any(|byte| byte != b' ') {
        return Err(SqlError::new(SqlState::STRING_DATA_RIGHT_TRUNCATION, format!("value too long for type {}", to.display())));
    }
    out.push_str(&value[..end]);
    if to.scalar == Scalar::Bpchar {
        let blanks = n.saturating_sub(value[..end].chars().count());
        out.admit(end + blanks)?;
        out.text.extend(std::iter::repeat_n(' ', blanks));
    }
    Ok(())
}
