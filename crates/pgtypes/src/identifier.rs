//! Names as users write them inside a value: `public."My table"`, `"$user", public`.

/// The names of a list, unquoted ones in lower case; `None` where it is none.
///
/// PostgreSQL's rule for values, which is laxer than the grammar: without quotes anything but a blank is part of a name.
#[must_use]
pub fn split(text: &str, separator: char) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text.trim_start();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = rest.find(|c: char| c == separator || c.is_whitespace()).unwrap_or(rest.len());
                if end == 0 {
                    return None;
                }
                (rest[..end].to_lowercase(), &rest[end..])
            }
        };
        names.push(name);
        rest = after.trim_start();
        match rest.strip_prefix(separator) {
            Some(next) => rest = next.trim_start(),
            None => return rest.is_empty().then_some(names),
        }
    }
}

/// A quoted name, and what follows its closing quote; `None` where there is none. `text`: what follows the opening quote.
#[must_use]
pub fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(next) => {
                name.push('"');
                rest = next;
            }
            None => return Some((name, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names() {
        let cases: [(&str, char, Option<&[&str]>); 9] = [
            ("public.Flights", '.', Some(&["public", "flights"])),
            (r#" "My ""own"".one" . b "#, '.', Some(&[r#"My "own".one"#, "b"])),
            (r#""$user", Public"#, ',', Some(&["$user", "public"])),
            ("", ',', Some(&[])),
            ("a b", '.', None),
            ("a.", '.', None),
            (".a", '.', None),
            (r#""open"#, '.', None),
            (r#""""#, '.', Some(&[""])),
        ];
        for (text, separator, expected) in cases {
            let found = split(text, separator);
            assert_eq!(found.as_ref().map(|names| names.iter().map(String::as_str).collect()), expected.map(<[_]>::to_vec), "{text}");
        }
    }
}
