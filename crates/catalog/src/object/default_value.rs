//! Column defaults: SQL text here, a literal or an expression in `DuckLake`. Evaluates nothing.

/// A default as `ducklake_column` holds it: `default_value` and `default_value_type`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoredDefault {
    pub(crate) value: String,
    pub(crate) kind: &'static str,
}

/// How "no default" is written.
const NONE: &str = "NULL";

/// Turns SQL text into what is stored. Plain constants become literals, which every reader understands.
pub(crate) fn store(sql: Option<&str>) -> StoredDefault {
    let Some(sql) = sql.map(str::trim).filter(|text| !text.eq_ignore_ascii_case(NONE)) else {
        return StoredDefault { value: NONE.to_owned(), kind: "literal" };
    };
    match literal(sql) {
        Some(value) if value != NONE => StoredDefault { value, kind: "literal" },
        _ => StoredDefault { value: sql.to_owned(), kind: "expression" },
    }
}

/// Turns what is stored into SQL text; `None` for no default. `numeric`: whether the column's type is a number.
pub(crate) fn load(value: Option<&str>, kind: Option<&str>, numeric: bool) -> Option<String> {
    let value = value?;
    if kind == Some("expression") {
        return Some(value.to_owned());
    }
    if value == NONE {
        return None;
    }
    if numeric && is_number(value) {
        return Some(value.to_owned());
    }
    Some(format!("'{}'", value.replace('\'', "''")))
}

/// The value of a number, a boolean or a plain string constant.
fn literal(sql: &str) -> Option<String> {
    if is_number(sql) || sql.eq_ignore_ascii_case("true") || sql.eq_ignore_ascii_case("false") {
        return Some(sql.to_ascii_lowercase());
    }
    let body = sql.strip_prefix('\'')?.strip_suffix('\'')?;
    let text = body.replace("''", "\u{0}");
    (!text.contains('\'') && !body.contains('\u{0}')).then(|| text.replace('\u{0}', "'"))
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    all_digits(whole) && all_digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_literals_and_the_rest_expressions() {
        let stored = |sql| {
            let default = store(Some(sql));
            (default.value, default.kind)
        };
        assert_eq!(stored("42"), ("42".to_owned(), "literal"));
        assert_eq!(stored("-1.50"), ("-1.50".to_owned(), "literal"));
        assert_eq!(stored("'it''s'"), ("it's".to_owned(), "literal"));
        assert_eq!(stored("TRUE"), ("true".to_owned(), "literal"));
        assert_eq!(stored("null"), ("NULL".to_owned(), "literal"));
        assert_eq!(stored("'NULL'"), ("'NULL'".to_owned(), "expression"));
        assert_eq!(stored("now()"), ("now()".to_owned(), "expression"));
        assert_eq!(stored("'a' || 'b'"), ("'a' || 'b'".to_owned(), "expression"));
        assert_eq!(store(None).value, "NULL");
    }

    #[test]
    fn stored_defaults_are_sql_again() {
        assert_eq!(load(Some("NULL"), Some("literal"), false), None);
        assert_eq!(load(Some("NULL"), Some(""), false), None);
        assert_eq!(load(Some("007"), Some("literal"), false).as_deref(), Some("'007'"));
        assert_eq!(load(Some("007"), Some("literal"), true).as_deref(), Some("007"));
        assert_eq!(load(Some("it's"), Some("literal"), false).as_deref(), Some("'it''s'"));
        assert_eq!(load(Some("now()"), Some("expression"), false).as_deref(), Some("now()"));
    }
}
