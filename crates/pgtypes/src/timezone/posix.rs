//! POSIX time zone strings with a fixed offset: `JST-9`, `<+09>-09`, and without name `+09:30`.
//!
//! The sign counts west of Greenwich. Strings that go on with summer time are refused.

/// Seconds east of a POSIX string; `None` if it is none, or has summer time.
pub(super) fn fixed_offset(text: &str) -> Option<i32> {
    let (_, offset) = split(text)?;
    let (west, digits) = match offset.as_bytes().first()? {
        b'-' => (false, &offset[1..]),
        b'+' => (true, &offset[1..]),
        _ => (true, offset),
    };
    let mut parts = digits.split(':');
    let hours = part(parts.next()?, 167)?;
    let minutes = parts.next().map_or(Some(0), |text| part(text, 59))?;
    let seconds = parts.next().map_or(Some(0), |text| part(text, 59))?;
    if parts.next().is_some() {
        return None;
    }
    let size = hours * 3600 + minutes * 60 + seconds;
    Some(if west { -size } else { size })
}

/// The abbreviation in a POSIX string, empty where it names none (`+09`).
pub(super) fn abbreviation(text: &str) -> Option<&str> {
    split(text).map(|(name, _)| name)
}

/// Splits into name and offset.
fn split(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('<') {
        return quoted.split_once('>');
    }
    let end = text.find(|c: char| c.is_ascii_digit() || matches!(c, ',' | '-' | '+'))?;
    Some(text.split_at(end))
}

fn part(text: &str, max: i32) -> Option<i32> {
    if text.is_empty() || text.len() > 3 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| *value <= max)
}
