//! PostgreSQL's regular expressions (documentation chapter "Pattern Matching") in the syntax of the crate `regex`.

use std::iter::Peekable;
use std::str::Chars;

use kura_pgtypes::{SqlError, SqlState};
use regex::RegexBuilder;
use regex_syntax::ParserBuilder;
use regex_syntax::ast::ErrorKind;
use regex_syntax::hir::Hir;

use super::Expression;
use super::flags::Flags;
use super::tree::{FIRST_MARK, LONGEST, SHORTEST, Tree};
use crate::failure::{Outcome, unsupported};

/// Bytes one compiled expression may take.
const COMPILED_BYTES_MAX: usize = 16 << 20;
/// The greatest count of a bound.
const REPEAT_MAX: u16 = 255;

fn invalid(reason: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_REGULAR_EXPRESSION, format!("invalid regular expression: {reason}"))
}

/// What a character from [`FIRST_MARK`] on stands for in a translated expression.
#[derive(Debug)]
pub(super) enum Mark {
    /// A reference back to a group.
    Back(usize),
    /// A look at what follows or precedes.
    Around { ahead: bool, negated: bool, inner: Hir, marks: Vec<Mark> },
}

/// Compiles a PostgreSQL regular expression.
pub(crate) fn compile(pattern: &str, flags: Flags) -> Outcome<Expression> {
    let (translated, flags, marks) = translate(pattern, flags)?;
    let hir = parse(&translated, flags)?;
    let tree = Tree::new(&hir, &marks);
    if !marks.is_empty() || translated.contains("(?P<") {
        return Ok(Expression::new(None, tree));
    }
    let regex = RegexBuilder::new(&translated)
        .case_insensitive(flags.insensitive)
        .dot_matches_new_line(!flags.line_dot)
        .multi_line(flags.line_anchors)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|_| SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "regular expression is too complex"))?;
    Ok(Expression::new(Some(regex), tree))
}

fn parse(translated: &str, flags: Flags) -> Outcome<Hir> {
    let mut parser = ParserBuilder::new()
        .case_insensitive(flags.insensitive)
        .dot_matches_new_line(!flags.line_dot)
        .multi_line(flags.line_anchors)
        .build();
    parser.parse(translated).map_err(|error| {
        let regex_syntax::Error::Parse(error) = &error else {
            return invalid("invalid character class");
        };
        invalid(match error.kind() {
            ErrorKind::GroupUnclosed | ErrorKind::GroupUnopened => "parentheses () not balanced",
            ErrorKind::ClassUnclosed => "brackets [] not balanced",
            ErrorKind::ClassRangeInvalid => "invalid character range",
            ErrorKind::RepetitionMissing => "quantifier operand invalid",
            ErrorKind::RepetitionCountInvalid
            | ErrorKind::RepetitionCountDecimalEmpty
            | ErrorKind::DecimalInvalid
            | ErrorKind::DecimalEmpty => "invalid repetition count(s)",
            ErrorKind::RepetitionCountUnclosed => "braces {} not balanced",
            ErrorKind::NestLimitExceeded(_) => "regular expression is too complex",
            _ => "invalid escape \\ sequence",
        })
    })
}

/// Whatever a prefix such as `(?i)` or `***=` says is in the flags returned.
fn translate(pattern: &str, flags: Flags) -> Outcome<(String, Flags, Vec<Mark>)> {
    let mut flags = flags;
    let mut rest = pattern;
    if let Some(literal) = rest.strip_prefix("***=") {
        return Ok((regex::escape(literal), flags, vec![]));
    }
    rest = rest.strip_prefix("***:").unwrap_or(rest);
    if flags.literal {
        return Ok((regex::escape(rest), flags, vec![]));
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
    if rest.chars().any(|c| u32::from(c) >= FIRST_MARK) {
        return Err(unsupported("characters of the last private plane are not supported in regular expressions"));
    }
    let mut translator = Translator::new(rest.chars().peekable(), flags, false);
    translator.run()?;
    if translator.input.next().is_some() {
        return Err(invalid("parentheses () not balanced"));
    }
    Ok((translator.out, flags, translator.marks))
}

struct Translator<'a> {
    input: Peekable<Chars<'a>>,
    out: String,
    flags: Flags,
    marks: Vec<Mark>,
    /// Whether this is the inside of a constraint, where parentheses do not capture.
    inside: bool,
    /// Groups that stand for nothing but a preference.
    preferences: usize,
    /// The groups opened, by the place in `out` where each begins.
    open: Vec<usize>,
    /// Where the last atom begins in `out`, as long as it may be quantified.
    atom: Option<usize>,
}

impl<'a> Translator<'a> {
    fn new(input: Peekable<Chars<'a>>, flags: Flags, inside: bool) -> Self {
        Self { input, out: String::new(), flags, marks: vec![], inside, preferences: 0, open: vec![], atom: None }
    }

    /// Runs to the end of the expression, or up to the parenthesis that closes a constraint.
    fn run(&mut self) -> Outcome<()> {
        while let Some(c) = self.input.peek().copied() {
            if c == ')' && self.open.is_empty() {
                break;
            }
            self.input.next();
            let begins = self.out.len();
            match c {
                '#' if self.flags.expanded => {
                    while self.input.next_if(|c| *c != '\n').is_some() {}
                    continue;
                }
                c if self.flags.expanded && c.is_whitespace() => continue,
                '(' => {
                    self.group()?;
                    continue;
                }
                ')' => {
                    self.out.push(')');
                    self.atom = self.open.pop();
                    continue;
                }
                '*' | '+' | '?' => {
                    self.quantifier(c)?;
                    continue;
                }
                '{' if self.input.peek().is_some_and(char::is_ascii_digit) => {
                    self.bound()?;
                    continue;
                }
                '|' | '^' => {
                    self.out.push(c);
                    self.atom = None;
                    continue;
                }
                '$' => {
                    self.out.push_str(if self.flags.line_anchors { "$" } else { "\\z" });
                    self.atom = None;
                    continue;
                }
                '\\' => self.escape()?,
                '[' => self.bracket()?,
                '.' => self.out.push('.'),
                c => push_literal(&mut self.out, c),
            }
            self.atom = Some(begins);
        }
        if self.open.is_empty() { Ok(()) } else { Err(invalid("parentheses () not balanced")) }
    }

    fn mark(&mut self, mark: Mark) -> Outcome<char> {
        let code = u32::try_from(self.marks.len()).ok().and_then(|index| char::from_u32(FIRST_MARK + index));
        let c = code.ok_or_else(|| invalid("regular expression is too complex"))?;
        self.marks.push(mark);
        Ok(c)
    }

    fn quantifier(&mut self, c: char) -> Outcome<()> {
        self.atom.take().ok_or_else(|| invalid("quantifier operand invalid"))?;
        self.out.push(c);
        if self.input.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        Ok(())
    }

    /// `{m}`, `{m,}` and `{m,n}`.
    fn bound(&mut self) -> Outcome<()> {
        let begins = self.atom.take().ok_or_else(|| invalid("quantifier operand invalid"))?;
        let mut text = String::new();
        while let Some(c) = self.input.next_if(|c| c.is_ascii_digit() || *c == ',') {
            text.push(c);
        }
        match self.input.next() {
            Some('}') => {}
            None => return Err(invalid("braces {} not balanced")),
            Some(_) => return Err(invalid("invalid repetition count(s)")),
        }
        let lazy = self.input.next_if_eq(&'?').is_some();
        let count = |text: &str| text.parse::<u16>().ok().filter(|count| *count <= REPEAT_MAX);
        let counts = || invalid("invalid repetition count(s)");
        let (least, most) = match text.split_once(',') {
            None => (count(&text), count(&text)),
            Some((least, "")) => (count(least), Some(u16::MAX)),
            Some((least, most)) => (count(least), count(most)),
        };
        let (least, most) = (least.ok_or_else(counts)?, most.ok_or_else(counts)?);
        if least > most {
            return Err(counts());
        }
        self.out.push_str(&format!("{{{text}}}"));
        if least != most {
            self.out.push_str(if lazy { "?" } else { "" });
        } else if text.contains(',') {
            // The count leaves no choice, but the preference is that of the branch.
            let name = if lazy { SHORTEST } else { LONGEST };
            self.out.insert_str(begins, &format!("(?P<{name}{}>", self.preferences));
            self.out.push(')');
            self.preferences += 1;
        }
        Ok(())
    }

    fn group(&mut self) -> Outcome<()> {
        let begins = self.out.len();
        if self.input.next_if_eq(&'?').is_none() {
            self.out.push_str(if self.inside { "(?:" } else { "(" });
            self.open.push(begins);
            self.atom = None;
            return Ok(());
        }
        match self.input.next() {
            Some(':') => {
                self.out.push_str("(?:");
                self.open.push(begins);
                self.atom = None;
            }
            Some('#') => while self.input.next().is_some_and(|c| c != ')') {},
            Some(c @ ('=' | '!')) => self.around(true, c == '!')?,
            Some('<') => match self.input.next() {
                Some(c @ ('=' | '!')) => self.around(false, c == '!')?,
                _ => return Err(invalid("quantifier operand invalid")),
            },
            _ => return Err(invalid("quantifier operand invalid")),
        }
        Ok(())
    }

    /// A constraint, from behind its opening on.
    fn around(&mut self, ahead: bool, negated: bool) -> Outcome<()> {
        let mut inner = Translator::new(self.input.clone(), self.flags, true);
        inner.run()?;
        if inner.input.next() != Some(')') {
            return Err(invalid("parentheses () not balanced"));
        }
        self.input = inner.input;
        let hir = parse(&inner.out, self.flags)?;
        let mark = self.mark(Mark::Around { ahead, negated, inner: hir, marks: inner.marks })?;
        self.out.push(mark);
        self.atom = None;
        Ok(())
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
            '1'..='9' => self.back_reference(c)?,
            c => {
                let literal = self.character(c)?;
                push_literal(&mut self.out, literal);
            }
        }
        Ok(())
    }

    fn back_reference(&mut self, first: char) -> Outcome<()> {
        let mut text = String::from(first);
        // Further digits belong to it as long as there are so many groups.
        let others = ["(?:", "(?P<", "\\("].map(|other| self.out.matches(other).count());
        let groups = self.out.matches('(').count().saturating_sub(others.iter().sum());
        while let Some(digit) = self.input.peek().filter(|c| c.is_ascii_digit()).copied() {
            let longer = format!("{text}{digit}");
            if longer.parse::<usize>().is_ok_and(|group| group > groups) {
                break;
            }
            text = longer;
            self.input.next();
        }
        let group: usize = text.parse().unwrap_or(usize::MAX);
        if group > groups || self.inside {
            return Err(invalid("invalid backreference number"));
        }
        let mark = self.mark(Mark::Back(group))?;
        self.out.push(mark);
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
