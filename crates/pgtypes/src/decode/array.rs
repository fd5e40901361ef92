//! Reading array literals: `{1,NULL,"a b"}`, `{{1,2},{3,4}}`, `[0:1]={1,2}`.
//!
//! Chapter "Array Input and Output Syntax" of the PostgreSQL documentation. Lower bounds are read and dropped: an
//! array here starts at 1. The elements stay text; their type reads them.

use std::borrow::Cow;

use crate::decode::syntax::is_space;
use crate::diagnostic::SqlError;
use crate::encode::ARRAY_DIMENSIONS_MAX;
use crate::sqlstate::SqlState;

/// An array as its elements in order and the size of each dimension; none for the empty array.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal<'a> {
    pub(crate) sizes: Vec<usize>,
    /// `None` is NULL.
    pub(crate) elements: Vec<Option<Cow<'a, str>>>,
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    sizes: Vec<Option<usize>>,
    elements: Vec<Option<Cow<'a, str>>>,
    /// The depth elements stand at, known from the first one on.
    leaf_depth: Option<usize>,
}

/// Reads a literal.
pub(crate) fn parse_literal(text: &str) -> Result<Literal<'_>, SqlError> {
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, sizes: Vec::new(), elements: Vec::new(), leaf_depth: None };
    let declared = parser.bounds()?;
    parser.skip_space();
    if parser.peek() != Some(b'{') {
        let detail = if declared.is_some() {
            "Array contents must start with \"{\"."
        } else {
            "Array value must start with \"{\" or dimension information."
        };
        return Err(parser.malformed(detail));
    }
    parser.list(0)?;
    parser.skip_space();
    if parser.at != parser.bytes.len() {
        return Err(parser.malformed("Junk after closing right brace."));
    }
    let sizes = if parser.elements.is_empty() { Vec::new() } else { parser.sizes.iter().map(|size| size.unwrap_or(0)).collect::<Vec<_>>() };
    if declared.is_some_and(|declared| declared != sizes) {
        return Err(parser.malformed("Specified array dimensions do not match array contents."));
    }
    Ok(Literal { sizes, elements: parser.elements })
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn malformed(&self, detail: impl Into<String>) -> SqlError {
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("malformed array literal: \"{}\"", self.text)).detail(detail)
    }

    /// `[1:2][0:1]=`, of which the sizes are kept.
    fn bounds(&mut self) -> Result<Option<Vec<usize>>, SqlError> {
        let mut sizes = Vec::new();
        loop {
            self.skip_space();
            if self.peek() != Some(b'[') {
                break;
            }
            self.at += 1;
            if sizes.len() == ARRAY_DIMENSIONS_MAX {
                return Err(self.too_deep(sizes.len() + 1));
            }
            let first = self.bound()?;
            let (lower, upper) = if self.peek() == Some(b':') {
                self.at += 1;
                (first, self.bound()?)
            } else {
                (1, first)
            };
            if self.peek() != Some(b']') {
                return Err(self.malformed("Missing \"]\" after array dimensions."));
            }
            self.at += 1;
            if upper < lower {
                return Err(SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "upper bound cannot be less than lower bound"));
            }
            let size = usize::try_from(upper - lower + 1).map_err(|_| self.too_large())?;
            sizes.push(size);
        }
        if sizes.is_empty() {
            return Ok(None);
        }
        self.skip_space();
        if self.peek() != Some(b'=') {
            return Err(self.malformed("Missing \"=\" after array dimensions."));
        }
        self.at += 1;
        Ok(Some(sizes))
    }

    fn bound(&mut self) -> Result<i64, SqlError> {
        let start = self.at;
        if matches!(self.peek(), Some(b'+' | b'-')) {
            self.at += 1;
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        match text.parse::<i32>() {
            Ok(bound) => Ok(i64::from(bound)),
            Err(_) if text.trim_start_matches(['+', '-']).is_empty() => {
                Err(self.malformed("\"[\" must introduce explicitly-specified array dimensions."))
            }
            Err(_) => Err(self.too_large()),
        }
    }

    fn too_large(&self) -> SqlError {
        SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (134217727)")
    }

    fn too_deep(&self, dimensions: usize) -> SqlError {
        SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("number of array dimensions ({dimensions}) exceeds the maximum allowed ({ARRAY_DIMENSIONS_MAX})"),
        )
    }

    /// Reads from an opening brace to its closing one.
    fn list(&mut self, depth: usize) -> Result<(), SqlError> {
        if depth == ARRAY_DIMENSIONS_MAX {
            return Err(self.too_deep(depth + 1));
        }
        if self.sizes.len() == depth {
            self.sizes.push(None);
        }
        self.at += 1;
        let mut count = 0;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return self.close(depth, 0);
        }
        loop {
            self.skip_space();
            match self.peek() {
                None => return Err(self.end_of_input()),
                Some(b'{') => {
                    if self.leaf_depth.is_some_and(|leaf| leaf <= depth) {
                        return Err(self.malformed("Unexpected \"{\" character."));
                    }
                    self.list(depth + 1)?;
                }
                Some(found @ (b'}' | b',')) => {
                    return Err(self.malformed(format!("Unexpected \"{}\" character.", char::from(found))));
                }
                Some(_) => {
                    if self.sizes.len() > depth + 1 {
                        return Err(self.malformed("Unexpected array element."));
                    }
                    self.leaf_depth = Some(depth);
                    let element = self.element()?;
                    self.elements.push(element);
                }
            }
            count += 1;
            self.skip_space();
            match self.peek() {
                None => return Err(self.end_of_input()),
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return self.close(depth, count);
                }
                Some(b'{') => return Err(self.malformed("Unexpected \"{\" character.")),
                Some(_) => return Err(self.malformed("Unexpected array element.")),
            }
        }
    }

    fn close(&mut self, depth: usize, count: usize) -> Result<(), SqlError> {
        match self.sizes[depth] {
            Some(size) if size != count => Err(self.malformed("Multidimensional arrays must have sub-arrays with matching dimensions.")),
            _ => {
                self.sizes[depth] = Some(count);
                Ok(())
            }
        }
    }

    fn end_of_input(&self) -> SqlError {
        self.malformed("Unexpected end of input.")
    }

    /// One element, quoted or not; an unquoted NULL in any case is the null.
    fn element(&mut self) -> Result<Option<Cow<'a, str>>, SqlError> {
        if self.peek() == Some(b'"') {
            return self.quoted().map(Some);
        }
        let start = self.at;
        let mut unescaped: Option<String> = None;
        let mut kept = start;
        loop {
            match self.peek() {
                None => return Err(self.end_of_input()),
                Some(b',' | b'}') => break,
                Some(b'{') => return Err(self.malformed("Unexpected \"{\" character.")),
                Some(b'"') => return Err(self.malformed("Unexpected array element.")),
                Some(b'\\') => {
                    let out = unescaped.get_or_insert_default();
                    out.push_str(&self.text[kept..self.at]);
                    self.at += 1;
                    let escaped = self.text[self.at..].chars().next().ok_or_else(|| self.end_of_input())?;
                    out.push(escaped);
                    self.at += escaped.len_utf8();
                    kept = self.at;
                }
                Some(_) => self.at += 1,
            }
        }
        let tail = &self.text[kept..self.at];
        let tail = tail.trim_end_matches(|c: char| u8::try_from(c).is_ok_and(is_space));
        Ok(match unescaped {
            Some(mut out) => {
                out.push_str(tail);
                Some(Cow::Owned(out))
            }
            None if tail.eq_ignore_ascii_case("null") => None,
            None => Some(Cow::Borrowed(tail)),
        })
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, SqlError> {
        self.at += 1;
        let mut unescaped: Option<String> = None;
        let mut kept = self.at;
        loop {
            let special = memchr::memchr2(b'"', b'\\', &self.bytes[self.at..]).ok_or_else(|| self.end_of_input())?;
            self.at += special;
            let before = &self.text[kept..self.at];
            if self.peek() == Some(b'"') {
                self.at += 1;
                return Ok(match unescaped {
                    Some(mut out) => {
                        out.push_str(before);
                        Cow::Owned(out)
                    }
                    None => Cow::Borrowed(before),
                });
            }
            let out = unescaped.get_or_insert_default();
            out.push_str(before);
            self.at += 1;
            let escaped = self.text[self.at..].chars().next().ok_or_else(|| self.end_of_input())?;
            out.push(escaped);
            self.at += escaped.len_utf8();
            kept = self.at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Vec<usize>, Vec<Option<String>>), String> {
        parse_literal(text)
            .map(|literal| (literal.sizes, literal.elements.into_iter().map(|element| element.map(Cow::into_owned)).collect()))
            .map_err(|error| error.detail.unwrap_or(error.message))
    }

    #[test]
    fn elements_and_dimensions() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("{}"), Ok((vec![], vec![])));
        assert_eq!(
            read("{1, null ,\"a \\\"b\", c d ,\"NULL\", \\x}"),
            Ok((vec![6], vec![some("1"), None, some("a \"b"), some("c d"), some("NULL"), some("x")]))
        );
        assert_eq!(read("{{1,2},{3,4}}"), Ok((vec![2, 2], vec![some("1"), some("2"), some("3"), some("4")])));
        assert_eq!(read("[0:1]={1,2}"), Ok((vec![2], vec![some("1"), some("2")])));
        let mismatch = "Specified array dimensions do not match array contents.";
        assert_eq!(read("[1:1]={}"), Err(mismatch.to_owned()));
        assert_eq!(read("[1:2]={1}"), Err(mismatch.to_owned()));
    }

    #[test]
    fn faults() {
        for text in ["", "1,2", "{1,2", "{1}}", "{1,{2}}", "{{1},2}", "{{1},{2,3}}", "{,}", "{1,}", "{\"a\"b}", "{a{b}"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
