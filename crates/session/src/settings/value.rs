//! Values of settings: what a text means for a setting, its canonical spelling, and how it is shown.
//!
//! Nothing is stored here. Messages are PostgreSQL's (`guc.c`, `variable.c`).

use kura_pgtypes::{DateStyle, SqlError, SqlState, TimeZone, identifier};

use super::table::{Definition, Kind};

/// Longest value of a setting in bytes.
pub(crate) const VALUE_BYTES_MAX: usize = 16 * 1024;
/// Longest `application_name` in bytes, as PostgreSQL's names.
const NAME_BYTES_MAX: usize = 63;

/// The canonical spelling of `text` for this setting.
///
/// # Errors
/// 22023 with PostgreSQL's message when the setting does not take it.
pub(crate) fn canonical(definition: &Definition, text: &str) -> Result<String, SqlError> {
    if text.len() > VALUE_BYTES_MAX {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("value for parameter \"{}\" is too long", definition.name)));
    }
    match definition.kind {
        Kind::Bool => boolean(text).map(|on| if on { "on".to_owned() } else { "off".to_owned() }).ok_or_else(|| {
            SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("parameter \"{}\" requires a Boolean value", definition.name))
        }),
        Kind::Integer { min, max, milliseconds } => integer(definition, text, min, max, milliseconds),
        Kind::Enum(words) => word(definition, text, words),
        Kind::Text if definition.name == "application_name" => Ok(printable(text)),
        Kind::Text => Ok(text.to_owned()),
        Kind::SearchPath => {
            let names = identifier::split(text, ',').ok_or_else(|| invalid(definition, text).detail("List syntax is invalid."))?;
            Ok(names.iter().map(|name| quote_identifier(name)).collect::<Vec<_>>().join(", "))
        }
        Kind::DateStyle => date_style(definition, text, DateStyle::default()),
        Kind::TimeZone => TimeZone::from_name(text.trim()).map(|zone| zone.name().to_owned()).map_err(|_| invalid(definition, text)),
        Kind::Encoding => encoding(definition, text),
    }
}

/// How SHOW prints a canonical value: times with their largest whole unit.
pub(crate) fn shown(definition: &Definition, value: &str) -> String {
    let Kind::Integer { milliseconds: true, .. } = definition.kind else {
        return value.to_owned();
    };
    let Ok(number) = value.parse::<i64>() else {
        return value.to_owned();
    };
    if number == 0 {
        return "0".to_owned();
    }
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")];
    let (size, unit) = units.into_iter().find(|(size, _)| number % size == 0).expect("one divides everything");
    format!("{}{unit}", number / size)
}

/// The name, quoted where PostgreSQL's `quote_ident` would.
pub(crate) fn quote_identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let prefix = |word: &str| !text.is_empty() && word.starts_with(&text);
    match text.as_str() {
        "on" | "1" => Some(true),
        "off" | "of" | "0" => Some(false),
        _ if prefix("true") || prefix("yes") => Some(true),
        _ if prefix("false") || prefix("no") => Some(false),
        _ => None,
    }
}

fn invalid(definition: &Definition, text: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid value for parameter \"{}\": \"{text}\"", definition.name))
}

fn word(definition: &Definition, text: &str, words: &[&str]) -> Result<String, SqlError> {
    let found = words.iter().find(|word| word.eq_ignore_ascii_case(text.trim())).copied();
    // A setting of which only one of on and off can be had takes every spelling of it.
    let found = found.or_else(|| {
        let on = boolean(text)?;
        words.iter().find(|word| **word == if on { "on" } else { "off" }).copied()
    });
    if let Some(word) = found {
        return Ok(word.to_owned());
    }
    Err(invalid(definition, text).hint(format!("Available values: {}.", words.join(", "))))
}

fn integer(definition: &Definition, text: &str, min: i64, max: i64, milliseconds: bool) -> Result<String, SqlError> {
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E').unwrap_or(trimmed.len());
    let (digits, unit) = (trimmed[..split].trim(), trimmed[split..].trim());
    let factor = match (milliseconds, unit) {
        (_, "") | (true, "ms") => 1.0,
        (true, "us") => 0.001,
        (true, "s") => 1_000.0,
        (true, "min") => 60_000.0,
        (true, "h") => 3_600_000.0,
        (true, "d") => 86_400_000.0,
        (true, _) => {
            let hint = "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".";
            return Err(invalid(definition, text).hint(hint));
        }
        (false, _) => return Err(invalid(definition, text)),
    };
    let number: f64 = digits.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| invalid(definition, text))?;
    let number = (number * factor).round_ties_even();
    if !(-2_147_483_648.0..=2_147_483_647.0).contains(&number) {
        return Err(invalid(definition, text).hint("Value exceeds integer range."));
    }
    let number = number as i64;
    if number < min || number > max {
        let unit = if milliseconds { " ms" } else { "" };
        let message = format!("{number}{unit} is outside the valid range for parameter \"{}\" ({min} .. {max})", definition.name);
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    Ok(number.to_string())
}

fn printable(text: &str) -> String {
    let mut name = String::with_capacity(text.len().min(NAME_BYTES_MAX));
    for byte in text.bytes().take(NAME_BYTES_MAX) {
        name.push(if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '?' });
    }
    name
}

/// The canonical `DateStyle`: what `text` does not mention stays as in force.
pub(crate) fn date_style(definition: &Definition, text: &str, in_force: DateStyle) -> Result<String, SqlError> {
    if let Some(style) = in_force.parse(text) {
        return Ok(style.name().to_owned());
    }
    let unknown = text.split(',').map(str::trim).find(|word| in_force.parse(word).is_none());
    Err(invalid(definition, text).detail(match unknown {
        Some(word) => format!("Unrecognized key word: \"{word}\"."),
        None => "Conflicting \"datestyle\" specifications.".to_owned(),
    }))
}

fn encoding(definition: &Definition, text: &str) -> Result<String, SqlError> {
    let key: String = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    match key.as_str() {
        "utf8" | "unicode" => Ok("UTF8".to_owned()),
        // Bytes pass unchanged, which is what PostgreSQL does for this pair of encodings.
        "sqlascii" => Ok("SQL_ASCII".to_owned()),
        _ if OTHER_ENCODINGS.contains(&key.as_str()) => {
            let message = format!("conversion between {} and UTF8 is not supported", text.to_uppercase());
            Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message).hint("Use client_encoding UTF8."))
        }
        _ => Err(invalid(definition, text)),
    }
}

/// Encodings that PostgreSQL knows and this server does not convert.
const OTHER_ENCODINGS: &[&str] = &[
    "latin1",
    "latin2",
    "latin3",
    "latin4",
    "latin5",
    "latin6",
    "latin7",
    "latin8",
    "latin9",
    "latin10",
    "iso88591",
    "iso88592",
    "iso88595",
    "iso88596",
    "iso88597",
    "iso88598",
    "iso885915",
    "win1250",
    "win1251",
    "win1252",
    "win1253",
    "win1254",
    "win1255",
    "win1256",
    "win1257",
    "win1258",
    "win866",
    "win874",
    "windows1250",
    "windows1251",
    "windows1252",
    "eucjp",
    "eucjis2004",
    "euckr",
    "euccn",
    "euctw",
    "sjis",
    "shiftjis",
    "shiftjis2004",
    "big5",
    "gbk",
    "gb18030",
    "johab",
    "koi8r",
    "koi8u",
    "uhc",
    "muleinternal",
];
