//! PostgreSQL's regular expressions (documentation chapter "Pattern Matching") in the syntax of the crate `regex`.

use kura_pgtypes::{SqlError, SqlState};
use regex::{Regex, RegexBuilder};

use crate::failure::{Outcome, invalid_parameter};

/// Bytes one compiled expression may take.
const COMPILED_BYTES_MAX: usize = 16 << 20;

/// The options of a regular expression.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Flags {
    /// `i`
    pub(crate) insensitive: bool,
    /// `.` and negated brackets do not match a line end: `n`, `m`, `p`
    pub(crate) line_dot: bool,
    /// `^` and `$` match at line ends: `n`, `m`, `w`
    pub(crate) line_anchors: bool,
    /// `x`: white space and comments are ignored
    pub(crate) expanded: bool,
    /// `q`: the expression is a plain string
    pub(crate) literal: bool,
    /// `g`, which only functions understand
    pub(crate) global: bool,
}

impl Flags {
    /// Reads the flags argument of the `regexp_` functions.
    ///
    /// # Errors
    /// 22023 for an unknown letter.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let mut flags = Self::default();
        for letter in text.chars() {
            flags.set(letter).ok_or_else(|| invalid_parameter(format!("invalid regular expression option: \"{letter}\"")))?;
        }
        Ok(flags)
    }

    fn set(&mut self, letter: char) -> Option<()> {
        match letter {
            'g' => self.global = true,
            'i' => self.insensitive = true,
            'c' => self.insensitive = false,
            'm' | 'n' => (self.line_dot, self.line_anchors) = (true, true),
            'p' => (self.line_dot, self.line_anchors) = (true, false),
            's' => (self.line_dot, self.line_anchors) = (false, false),
            'w' => (self.line_dot, self.line_anchors) = (false, true),
            'x' => self.expanded = true,
            't' => self.expanded = false,
            'q' => self.literal = true,
            'e' | 'b' => {}
            _ => return None,
        }
        Some(())
    }
}

fn invalid(reason: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_REGULAR_EXPRESSION, format!("invalid regular expression: {reason}"))
}

/// Compiles a PostgreSQL regular expression.
pub(crate) fn compile(pattern: &str, flags: Flags) -> Outcome<Regex> {
    let (translated, flags) = translate(pattern, flags)?;
    RegexBuilder::new(&translated)
        .case_insensitive(flags.insensitive)
        .dot_matches_new_line(!flags.line_dot)
        .multi_line(flags.line_anchors)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "regular expression is too complex")
            }
            error => invalid(error.to_string().lines().last().unwrap_or("syntax error").trim_start_matches("error: ")),
        })
}

/// Whatever a prefix such as `(?i)` or `***=` says is in the flags returned.
fn translate(pattern: &str, flags: Flags) -> Outcome<(String, Flags)> {
    let mut flags = flags;
    let mut rest = pattern;
    if let Some(literal) = rest.strip_prefix("***=") {
        return Ok((regex::escape(literal), flags));
    }
    rest = rest.strip_prefix("***:").unwrap_or(rest);
    if flags.literal {
        return Ok((regex::escape(rest), flags));
    }
    if let Some(options) = rest.strip_prefix("(?")
        && options.starts_with(|c: char| c.is_ascii_alphabetic())
        && let Some((letters, after)) = options.split_once(')')
    {
        for letter in letters.chars() {
            flags.set(letter).ok_or_else(|| invalid("invalid embedded option"))?;
        }
        rest = after;
    }
    let mut translator = Translator { input: rest.chars().peekable(), out: String::with_capacity(rest.len() + 8), flags };
    translator.run()?;
    Ok((translator.out, flags))
}

struct Translator<'a> {
    input: std::iter::Peekable<std::str::Chars<'a>>,
    out: String,
    flags: Flags,
}

impl Translator<'_> {
    fn run(&mut self) -> Outcome<()> {
        while let Some(c) = self.input.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.bracket()?,
                '(' => self.group()?,
                '{' => self.brace(),
                '$' if !self.flags.line_anchors => self.out.push_str("\\z"),
                '#' if self.flags.expanded => while self.input.next_if(|c| *c != '\n').is_some() {},
                c if self.flags.expanded && c.is_whitespace() => {}
                // The library has no special meaning for `}` and `]` outside their places.
                c => self.out.push(c),
            }
        }
        Ok(())
    }

    fn group(&mut self) -> Outcome<()> {
        self.out.push('(');
        if self.input.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        match self.input.next() {
            Some(':') => self.out.push_str("?:"),
            Some('#') => {
                // A comment; the group it opened goes with it.
                self.out.pop();
                while self.input.next().is_some_and(|c| c != ')') {}
            }
            Some('=' | '!' | '<') => return Err(invalid("lookaround constraints are not supported")),
            _ => return Err(invalid("quantifier operand invalid")),
        }
        Ok(())
    }

    /// A brace that no digit follows is an ordinary character.
    fn brace(&mut self) {
        let bound = self.input.peek().is_some_and(char::is_ascii_digit);
        self.out.push_str(if bound { "{" } else { "\\{" });
    }

    fn escape(&mut self) -> Outcome<()> {
        let Some(c) = self.input.next() else {
            return Err(invalid("invalid escape \\ sequence"));
        };
        match c {
            'm' => self.out.push_str("\\b{start}"),
            'M' => self.out.push_str("\\b{end}"),
            'y' => self.out.push_str("\\b"),
            'Y' => self.out.push_str("\\B"),
            'Z' => self.out.push_str("\\z"),
            'A' | 'd' | 'D' | 'w' | 'W' | 's' | 'S' => self.out.extend(['\\', c]),
            '1'..='9' => return Err(invalid("back references are not supported")),
            c => {
                let literal = self.character(c)?;
                push_literal(&mut self.out, literal);
            }
        }
        Ok(())
    }

    /// The character an escape other than a class stands for. `c`: what followed the backslash.
    fn character(&mut self, c: char) -> Outcome<char> {
        Ok(match c {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'B' => '\\',
            'e' => '\u{1b}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '0' => '\0',
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            'x' => self.code(6)?,
            'c' => {
                let control = self.input.next().ok_or_else(|| invalid("invalid escape \\ sequence"))?;
                char::from_u32(u32::from(control) & 31).unwrap_or('\0')
            }
            c if c.is_ascii_alphanumeric() => return Err(invalid("invalid escape \\ sequence")),
            c => c,
        })
    }

    fn code(&mut self, digits: usize) -> Outcome<char> {
        let mut text = String::new();
        while text.len() < digits {
            match self.input.next_if(char::is_ascii_hexdigit) {
                Some(digit) => text.push(digit),
                None => break,
            }
        }
        u32::from_str_radix(&text, 16).ok().and_then(char::from_u32).ok_or_else(|| invalid("invalid escape \\ sequence"))
    }

    fn bracket(&mut self) -> Outcome<()> {
        // `[[:<:]]` and `[[:>:]]` stand for the ends of a word.
        let ahead: String = self.input.clone().take(6).collect();
        if let Some(word) = [("[:<:]]", "\\b{start}"), ("[:>:]]", "\\b{end}")].iter().find(|(text, _)| *text == ahead) {
            self.input.nth(5);
            self.out.push_str(word.1);
            return Ok(());
        }
        self.out.push('[');
        if self.input.next_if_eq(&'^').is_some() {
            self.out.push('^');
            if self.flags.line_dot {
                self.out.push_str("\\n");
            }
        }
        let mut first = true;
        loop {
            let Some(c) = self.input.next() else {
                return Err(invalid("brackets [] not balanced"));
            };
            match c {
                ']' if !first => break,
                '[' if self.input.peek() == Some(&':') => self.class()?,
                '[' if matches!(self.input.peek(), Some('.' | '=')) => self.collating()?,
                '\\' => self.bracket_escape()?,
                '-' if !first && self.input.peek() != Some(&']') => self.out.push('-'),
                c => push_in_bracket(&mut self.out, c),
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    fn bracket_escape(&mut self) -> Outcome<()> {
        match self.input.next() {
            Some(c @ ('d' | 'D' | 'w' | 'W' | 's' | 'S')) => self.out.extend(['\\', c]),
            Some(c) => {
                let c = self.character(c)?;
                push_in_bracket(&mut self.out, c);
            }
            None => return Err(invalid("brackets [] not balanced")),
        }
        Ok(())
    }

    /// `[:alpha:]`
    fn class(&mut self) -> Outcome<()> {
        let mut name = String::new();
        self.input.next();
        while let Some(c) = self.input.next_if(|c| *c != ':') {
            name.push(c);
        }
        if self.input.next() != Some(':') || self.input.next() != Some(']') {
            return Err(invalid("invalid character class"));
        }
        self.out.push_str(match name.as_str() {
            "alnum" => "\\p{Alphabetic}\\p{Nd}",
            "alpha" => "\\p{Alphabetic}",
            "blank" => " \\t",
            "cntrl" => "\\p{Cc}",
            "digit" => "0-9",
            "graph" => "\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}",
            "lower" => "\\p{Lowercase}",
            "print" => "\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\p{Zs}",
            "punct" => "!-/:-@\\[-`\\{-~",
            "space" => "\\s",
            "upper" => "\\p{Uppercase}",
            "word" => "\\w",
            "xdigit" => "0-9A-Fa-f",
            _ => return Err(invalid("invalid character class")),
        });
        Ok(())
    }

    /// `[.x.]` and `[=x=]` of a single character.
    fn collating(&mut self) -> Outcome<()> {
        let mark = self.input.next();
        let c = self.input.next().ok_or_else(|| invalid("invalid collating element"))?;
        if self.input.next() != mark || self.input.next() != Some(']') {
            return Err(invalid("invalid collating element"));
        }
        push_in_bracket(&mut self.out, c);
        Ok(())
    }
}

fn push_literal(out: &mut String, c: char) {
    let mut buffer = [0; 4];
    out.push_str(&regex::escape(c.encode_utf8(&mut buffer)));
}

fn push_in_bracket(out: &mut String, c: char) {
    if matches!(c, '[' | ']' | '\\' | '^' | '-' | '&' | '~') {
        out.push('\\');
    }
    out.push(c);
}

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
