//! `SIMILAR TO` patterns in terms of regular expressions.

use kura_pgtypes::{SqlError, SqlState};

use crate::failure::Outcome;

/// A `SIMILAR TO` pattern as a regular expression of PostgreSQL. `escape`: `None` when there is none.
///
/// # Errors
/// 2200C when the escape character separates more than three parts.
pub(super) fn similar(pattern: &str, escape: Option<char>, out: &mut String) -> Outcome<()> {
    out.push_str("^(?:");
    let mut separators = 0;
    let mut in_bracket = false;
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        if Some(c) == escape {
            match characters.next() {
                Some('"') if !in_bracket => {
                    separators += 1;
                    out.push_str(match separators {
                        1 => "){1,1}?(",
                        2 => "){1,1}(?:",
                        _ => {
                            return Err(SqlError::new(
                                SqlState::INVALID_USE_OF_ESCAPE_CHARACTER,
                                "SQL regular expression may not contain more than two escape-double-quote separators",
                            ));
                        }
                    });
                }
                Some(next) => out.extend(['\\', next]),
                None => {}
            }
            continue;
        }
        match c {
            ']' if in_bracket => {
                in_bracket = false;
                out.push(']');
            }
            '[' if !in_bracket => {
                in_bracket = true;
                out.push('[');
                if let Some(c) = characters.next_if_eq(&'^') {
                    out.push(c);
                }
                if let Some(c) = characters.next_if_eq(&']') {
                    out.push(c);
                }
            }
            '\\' => out.push_str("\\\\"),
            c if in_bracket => out.push(c),
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '(' => out.push_str("(?:"),
            '.' | '^' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push_str(")$");
    Ok(())
}
