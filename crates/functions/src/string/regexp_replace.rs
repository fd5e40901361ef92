//! `regexp_replace` in all its forms.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;

use super::TEXT;
use super::regexp::{Spans, invalid_value, start_of};
use crate::failure::{Outcome, invalid_parameter};
use crate::kernel::column::{Int4, Text, Typed};
use crate::kernel::function;
use crate::kernel::lift::text_rows;
use crate::kernel::write::Out;
use crate::math::INT4;
use crate::op::pattern::{Expression, Flags, RegexCache};
use crate::registry::{ArgType, Call, Function};

pub(super) fn functions() -> Vec<Function> {
    const FORMS: [&[ArgType]; 5] = [
        &[TEXT, TEXT, TEXT],
        &[TEXT, TEXT, TEXT, TEXT],
        &[TEXT, TEXT, TEXT, INT4],
        &[TEXT, TEXT, TEXT, INT4, INT4],
        &[TEXT, TEXT, TEXT, INT4, INT4, TEXT],
    ];
    FORMS.map(|arguments| Function::fixed("regexp_replace", arguments, PgType::TEXT, replace)).into()
}

/// A column of the argument at `index`, when there is one of this type.
enum Extra<'a> {
    Number(Typed<'a, Int4>),
    Flags(Typed<'a, Text>),
}

fn replace(call: &Call<'_>) -> Arc<ScalarUDF> {
    let numbers: Vec<bool> = call.arguments.iter().skip(3).map(|ty| ty.with_typmod(-1) == PgType::INT4).collect();
    function(call, move |args| {
        let (text, pattern) = (args.column(0)?.read::<Text>()?, args.column(1)?.read::<Text>()?);
        let replacement = args.column(2)?.read::<Text>()?;
        let mut extra = Vec::with_capacity(numbers.len());
        for (index, number) in numbers.iter().enumerate() {
            let column = args.column(index + 3)?;
            extra.push(if *number { Extra::Number(column.read()?) } else { Extra::Flags(column.read()?) });
        }
        let cache = RegexCache::default();
        text_rows(args.rows, |row, out| {
            let (Some(text), Some(pattern), Some(replacement)) = (text.get(row), pattern.get(row), replacement.get(row)) else {
                return Ok(false);
            };
            let Some(options) = Options::read(&extra, row) else {
                return Ok(false);
            };
            let (flags, start, which) = options.check()?;
            let expression = cache.get(pattern, Flags { global: false, ..flags })?;
            Replacement { expression: &expression, text, with: replacement }.write(start_of(text, start)?, which, out)?;
            Ok(true)
        })
    })
}

#[derive(Default)]
struct Options<'a> {
    flags: &'a str,
    start: Option<i32>,
    /// Which match is replaced; 0 is all.
    n: Option<i32>,
}

impl<'a> Options<'a> {
    /// `None`: one of them is NULL.
    fn read(extra: &[Extra<'a>], row: usize) -> Option<Self> {
        let mut options = Self::default();
        for extra in extra {
            match extra {
                Extra::Flags(column) => options.flags = column.get(row)?,
                Extra::Number(column) if options.start.is_none() => options.start = Some(column.get(row)?),
                Extra::Number(column) => options.n = Some(column.get(row)?),
            }
        }
        Some(options)
    }

    /// The flags, the first character looked at, and which match is replaced.
    fn check(&self) -> Outcome<(Flags, i32, i32)> {
        if self.start.is_none()
            && let Some(digit) = self.flags.chars().next().filter(char::is_ascii_digit)
        {
            return Err(invalid_parameter(format!("invalid regular expression option: \"{digit}\""))
                .hint("If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly."));
        }
        let flags = Flags::parse(self.flags)?;
        let start = self.start.unwrap_or(1);
        if start <= 0 {
            return Err(invalid_value("start", start));
        }
        let which = self.n.unwrap_or(i32::from(!flags.global));
        if which < 0 { Err(invalid_value("n", which)) } else { Ok((flags, start, which)) }
    }
}

struct Replacement<'a> {
    expression: &'a Expression,
    text: &'a str,
    with: &'a str,
}

impl Replacement<'_> {
    /// `start`: the byte matches are searched from.
    fn write(&self, start: usize, which: i32, out: &mut Out) -> Outcome<()> {
        let mut copied = 0;
        let mut count = 0;
        super::regexp::each_match(self.expression, self.text, start, |spans| {
            count += 1;
            if which > 0 && count != which {
                return Ok(true);
            }
            let (from, to) = spans.first().copied().flatten().unwrap_or((0, 0));
            out.push_str(&self.text[copied..from]);
            self.expand(spans, out);
            copied = to;
            out.admit(out.text.len())?;
            Ok(which == 0)
        })?;
        out.push_str(&self.text[copied..]);
        out.admit(out.text.len())
    }

    /// Writes the replacement of one match: `\1` to `\9` are its groups, `\&` all of it.
    fn expand(&self, spans: &Spans, out: &mut Out) {
        let mut characters = self.with.chars();
        while let Some(c) = characters.next() {
            if c != '\\' {
                out.push(c);
                continue;
            }
            let mut ahead = characters.clone();
            let group = match ahead.next() {
                Some('\\') => {
                    out.push('\\');
                    characters = ahead;
                    continue;
                }
                Some('&') => 0,
                Some(digit @ '1'..='9') => digit as usize - '0' as usize,
                _ => {
                    out.push('\\');
                    continue;
                }
            };
            characters = ahead;
            if let Some((from, to)) = spans.get(group).copied().flatten() {
                out.push_str(&self.text[from..to]);
            }
        }
    }
}
