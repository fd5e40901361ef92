//! Errors of rows that a table does not take, with the row as PostgreSQL shows it.

use crate::diagnostic::SqlError;
use crate::sqlstate::SqlState;

/// Bytes of a value that an error shows.
const SHOWN_BYTES_MAX: usize = 64;

/// 23502. `row`: the text of all its values in the table's order, `None` for NULL.
pub fn not_null_violation<'a>(table: &str, column: &str, row: impl IntoIterator<Item = Option<&'a str>>) -> SqlError {
    let message = format!("null value in column \"{column}\" of relation \"{table}\" violates not-null constraint");
    SqlError::new(SqlState::NOT_NULL_VIOLATION, message).detail(failing_row(row))
}

/// `Failing row contains (1, null, some text).`
pub fn failing_row<'a>(row: impl IntoIterator<Item = Option<&'a str>>) -> String {
    let shown = |value: Option<&str>| match value {
        None => "null".to_owned(),
        Some(text) if text.len() <= SHOWN_BYTES_MAX => text.to_owned(),
        Some(text) => format!("{}...", &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)]),
    };
    let values: Vec<String> = row.into_iter().map(shown).collect();
    format!("Failing row contains ({}).", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_between_characters() {
        let long = format!("{}é", "x".repeat(63));
        let exact = "y".repeat(64);
        let shown = failing_row([Some(long.as_str()), None, Some(exact.as_str()), Some("")]);
        assert_eq!(shown, format!("Failing row contains ({}..., null, {exact}, ).", "x".repeat(63)));
    }
}
