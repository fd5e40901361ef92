//! Finding one's way in the text of valid JSON, without a tree and without recursion.

use std::borrow::Cow;

use kura_pgtypes::json::{string_end, unescape};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl Kind {
    /// As `json_typeof` says it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Null => "null",
        }
    }

    pub(super) fn is_scalar(self) -> bool {
        !matches!(self, Self::Object | Self::Array)
    }
}

pub(super) fn kind(value: &str) -> Kind {
    match trim(value).as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}

/// The text without the blanks JSON allows around values.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// The end of the value that starts at `at`.
fn value_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at),
        Some(b'{' | b'[') => {
            let (mut depth, mut end) = (0_usize, at);
            while let Some(byte) = bytes.get(end) {
                match byte {
                    b'"' => {
                        end = string_end(bytes, end);
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                end += 1;
                if depth == 0 {
                    return end;
                }
            }
            bytes.len()
        }
        _ => {
            let plain = |byte: &&u8| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
            at + bytes.get(at..).unwrap_or_default().iter().take_while(plain).count()
        }
    }
}

/// The elements of an array; nothing for anything else.
pub(super) fn elements(array: &str) -> Elements<'_> {
    let text = trim(array);
    Elements { text, at: if kind(text) == Kind::Array { 1 } else { text.len() } }
}

/// See [`elements`].
#[derive(Clone)]
pub(super) struct Elements<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let mut at = skip_space(bytes, self.at);
        if bytes.get(at) == Some(&b',') {
            at = skip_space(bytes, at + 1);
        }
        if matches!(bytes.get(at), None | Some(b']')) {
            self.at = bytes.len();
            return None;
        }
        let end = value_end(bytes, at);
        self.at = end;
        self.text.get(at..end)
    }
}

/// The members of an object, each as the token of its key and its value; nothing for anything else.
pub(super) fn members(object: &str) -> Members<'_> {
    let text = trim(object);
    Members { text, at: if kind(text) == Kind::Object { 1 } else { text.len() } }
}

/// See [`members`].
#[derive(Clone)]
pub(super) struct Members<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let bytes = self.text.as_bytes();
        let mut at = skip_space(bytes, self.at);
        if bytes.get(at) == Some(&b',') {
            at = skip_space(bytes, at + 1);
        }
        if bytes.get(at) != Some(&b'"') {
            self.at = bytes.len();
            return None;
        }
        let key_end = string_end(bytes, at);
        let colon = skip_space(bytes, key_end);
        let start = skip_space(bytes, colon + 1);
        let end = value_end(bytes, start);
        self.at = end;
        Some((self.text.get(at..key_end)?, self.text.get(start..end)?))
    }
}

/// The value of a key; of equal keys the last. `None` for anything but an object.
pub(super) fn get<'a>(object: &'a str, key: &str) -> Option<&'a str> {
    members(object).filter(|(token, _)| unescape(token) == key).last().map(|(_, value)| value)
}

/// The element with a number, from 0 on, negative ones from the end.
pub(super) fn nth(array: &str, index: i64) -> Option<&str> {
    let index = if index < 0 { i64::try_from(elements(array).count()).ok()? + index } else { index };
    elements(array).nth(usize::try_from(index).ok()?)
}

/// One step of a path: into an object by key, into an array by number.
pub(super) fn step<'a>(value: &'a str, key: &str) -> Option<&'a str> {
    match kind(value) {
        Kind::Object => get(value, key),
        Kind::Array => nth(value, index(key)?),
        _ => None,
    }
}

/// A path element read as an array index.
pub(super) fn index(key: &str) -> Option<i64> {
    key.trim_start().parse::<i32>().ok().map(i64::from)
}

/// A value as text: strings without quotes, `None` for null.
pub(super) fn text_of(value: &str) -> Option<Cow<'_, str>> {
    match kind(value) {
        Kind::Null => None,
        Kind::String => Some(unescape(trim(value))),
        _ => Some(Cow::Borrowed(trim(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_out_as_written() {
        let text = r#" { "a" : [1, {"b":"]}"} , "x\"y"] , "k\u0041": null, "a": 2 }"#;
        let keys: Vec<_> = members(text).map(|(key, _)| unescape(key).into_owned()).collect();
        assert_eq!(keys, ["a", "kA", "a"]);
        assert_eq!(get(text, "a"), Some("2"));
        let first = members(text).next().map(|(_, value)| value);
        assert_eq!(first, Some(r#"[1, {"b":"]}"} , "x\"y"]"#));
        let array = first.unwrap_or_default();
        assert_eq!(elements(array).collect::<Vec<_>>(), ["1", r#"{"b":"]}"}"#, r#""x\"y""#]);
        assert_eq!(nth(array, -1).and_then(text_of), Some(Cow::Borrowed("x\"y")));
        assert_eq!(nth(array, 3), None);
        assert_eq!(elements("[]").count() + members("{}").count(), 0);
    }
}
