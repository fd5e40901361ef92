//! Strings of JSON: how text is escaped in them, where one ends, and what one stands for.
//!
//! For text that is known to be JSON; what is not is found by [`decode`](crate::decode).

use std::borrow::Cow;
use std::fmt::Write;

/// Appends a string with quotes and with no more escapes than needed.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{C}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a String does not fail"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The byte behind the string whose opening quote is at `at`; the end of the text where it is not closed.
#[must_use]
pub fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'"' => return end + 1,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    bytes.len()
}

/// The text a string stands for. `token`: the string with its quotes.
#[must_use]
pub fn unescape(token: &str) -> Cow<'_, str> {
    let inner = token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    // The first half of a pair of surrogates.
    let mut high: Option<u16> = None;
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let unit = u16::from_str_radix(&digits, 16).unwrap_or(0xFFFD);
                let units: Vec<u16> = high.take().into_iter().chain([unit]).collect();
                match String::from_utf16(&units) {
                    Ok(text) => out.push_str(&text),
                    Err(_) => high = Some(unit),
                }
            }
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{C}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back() {
        for text in ["", "plain", "\"\\/\u{8}\u{C}\n\r\t\u{1}\u{1f}é😀"] {
            let mut token = String::new();
            quote(text, &mut token);
            assert_eq!(string_end(token.as_bytes(), 0), token.len());
            assert_eq!(unescape(&token), text);
        }
    }

    #[test]
    fn all_escapes_are_read() {
        assert_eq!(unescape(r#""\u0041\/\u00e9\ud83d\ude00""#), "A/é😀");
        assert_eq!(string_end(br#"["a\"b", 1]"#, 1), 7);
        assert_eq!(string_end(br#""open\"#, 0), 6);
    }
}
