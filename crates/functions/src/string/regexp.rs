//! The `regexp_` functions and the forms of `substring` that take a pattern.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, SqlError};

use super::TEXT;
use super::part::byte_of;
use crate::failure::{Outcome, internal, invalid_parameter};
use crate::kernel::column::{Int4, Text, Typed};
use crate::kernel::lift::{rows, text_rows};
use crate::kernel::list::{TextLists, nest};
use crate::kernel::write::Write;
use crate::kernel::{Args, function, scalar_udf, signature_text};
use crate::op::pattern::{Expression, Flags, RegexCache, similar_expression};
use crate::registry::{ArgType, Call, Function};

pub(super) const TEXTS: PgType = PgType { array: true, ..PgType::TEXT };

pub(super) fn functions() -> Vec<Function> {
    let mut all = matching();
    all.extend(super::regexp_count::functions());
    all.extend(super::regexp_replace::functions());
    all
}

fn matching() -> Vec<Function> {
    let mut all = vec![];
    for arguments in [&[TEXT, TEXT] as &'static [ArgType], &[TEXT, TEXT, TEXT]] {
        all.push(Function::fixed("regexp_match", arguments, TEXTS, first_match));
        all.push(Function::fixed("regexp_matches", arguments, TEXTS, all_matches));
        all.push(Function::fixed("regexp_split_to_array", arguments, TEXTS, split));
        all.push(Function::fixed("regexp_like", arguments, PgType::BOOL, like));
    }
    all.push(Function::fixed("substring", &[TEXT, TEXT], PgType::TEXT, |call| {
        parts(call, |reader, input| part(&*reader.expression(input, "substring")?, input.text))
    }));
    all.push(Function::fixed("substring", &[TEXT, TEXT, TEXT], PgType::TEXT, similar_part));
    all
}

/// Where an argument beyond text and pattern is read from.
enum Extra<'a> {
    Number(Typed<'a, Int4>),
    Words(Typed<'a, Text>),
}

/// The arguments of a `regexp_` function: text, pattern, then numbers in the function's order and flags among them.
pub(super) struct Reader<'a> {
    text: Typed<'a, Text>,
    pattern: Typed<'a, Text>,
    extra: Vec<Extra<'a>>,
    cache: RegexCache,
}

/// The arguments of one row, none of which is NULL.
pub(super) struct Input<'a> {
    pub(super) text: &'a str,
    pub(super) pattern: &'a str,
    pub(super) flags: &'a str,
    /// The numbers, in order; `None` beyond those given.
    pub(super) numbers: [Option<i32>; 4],
}

impl<'a> Reader<'a> {
    /// `types`: those of the arguments after text and pattern; empty means none of them is read.
    pub(super) fn open(args: &'a Args, types: &[PgType]) -> Outcome<Self> {
        let mut extra = Vec::with_capacity(types.len());
        for (index, ty) in types.iter().enumerate() {
            let column = args.column(index + 2)?;
            extra.push(if *ty == PgType::INT4 { Extra::Number(column.read()?) } else { Extra::Words(column.read()?) });
        }
        Ok(Self { text: args.column(0)?.read()?, pattern: args.column(1)?.read()?, extra, cache: RegexCache::default() })
    }

    /// `None`: an argument is NULL. A text beyond the pattern is the flags.
    pub(super) fn row(&self, row: usize) -> Option<Input<'a>> {
        let mut input = Input { text: self.text.get(row)?, pattern: self.pattern.get(row)?, flags: "", numbers: [None; 4] };
        let mut numbers = input.numbers.iter_mut();
        for extra in &self.extra {
            match extra {
                Extra::Number(column) => *numbers.next()? = Some(column.get(row)?),
                Extra::Words(column) => input.flags = column.get(row)?,
            }
        }
        Some(input)
    }

    /// The compiled pattern of a function that has no use for the flag `g`.
    pub(super) fn expression(&self, input: &Input<'_>, name: &str) -> Outcome<Arc<Expression>> {
        let flags = Flags::parse(input.flags)?;
        if flags.global {
            let error = invalid_parameter(format!("{name}() does not support the \"global\" option"));
            return Err(if name == "regexp_match" { error.hint("Use the regexp_matches function instead.") } else { error });
        }
        self.cache.get(input.pattern, flags)
    }

    pub(super) fn compiled(&self, pattern: &str, flags: Flags) -> Outcome<Arc<Expression>> {
        self.cache.get(pattern, flags)
    }
}

/// A value per row; NULL where an argument is.
pub(super) fn values<R: Write + 'static>(
    call: &Call<'_>,
    f: impl Fn(&Reader<'_>, &Input<'_>) -> Outcome<R> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    let (types, returns) = (extra_types(call), call.returns.arrow());
    function(call, move |args| {
        let reader = Reader::open(args, &types)?;
        rows(args.rows, &returns, |row| reader.row(row).map(|input| f(&reader, &input)).transpose())
    })
}

/// A part of the text per row; NULL where an argument is, or where there is none.
pub(super) fn parts(
    call: &Call<'_>,
    f: impl for<'a> Fn(&Reader<'_>, &Input<'a>) -> Outcome<Option<&'a str>> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    let types = extra_types(call);
    function(call, move |args| {
        let reader = Reader::open(args, &types)?;
        text_rows(args.rows, |row, out| {
            let Some(input) = reader.row(row) else {
                return Ok(false);
            };
            let found = f(&reader, &input)?;
            out.push_str(found.unwrap_or_default());
            Ok(found.is_some())
        })
    })
}

/// The types after text and pattern.
fn extra_types(call: &Call<'_>) -> Vec<PgType> {
    call.arguments.iter().skip(2).map(|ty| ty.with_typmod(-1)).collect()
}

/// Spans of a match: the whole, then the groups; bytes.
pub(super) type Spans = Vec<Option<(usize, usize)>>;

/// All matches from a byte on, one after the other. `visit` gets the spans and says whether to go on.
pub(super) fn each_match(expression: &Expression, text: &str, start: usize, mut visit: impl FnMut(&Spans) -> Outcome<bool>) -> Outcome<()> {
    let mut spans = Spans::new();
    let mut at = start;
    while at <= text.len() && expression.find_at(text, at, &mut spans)? {
        let Some((from, to)) = spans.first().copied().flatten() else {
            return Err(internal("match without extent"));
        };
        if !visit(&spans)? {
            return Ok(());
        }
        at = if from == to { after_character(text, to) } else { to };
    }
    Ok(())
}

/// The byte after the character that begins here; beyond the end at the end.
pub(super) fn after_character(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}

/// The byte a start parameter means; beyond the end when the text is shorter.
pub(super) fn start_of(text: &str, start: i32) -> Outcome<usize> {
    if start <= 0 {
        return Err(invalid_value("start", start));
    }
    let characters = start.unsigned_abs() as usize - 1;
    let at = byte_of(text, characters);
    Ok(if at == text.len() && super::length::characters_of(text) < characters { text.len() + 1 } else { at })
}

pub(super) fn invalid_value(parameter: &str, value: i32) -> SqlError {
    invalid_parameter(format!("invalid value for parameter \"{parameter}\": {value}"))
}

/// The first group of the first match, or all of it when there is no group.
fn part<'a>(expression: &Expression, text: &'a str) -> Outcome<Option<&'a str>> {
    let mut spans = Spans::new();
    if !expression.find_at(text, 0, &mut spans)? {
        return Ok(None);
    }
    let group = usize::from(expression.groups() > 0);
    Ok(spans.get(group).copied().flatten().map(|(from, to)| &text[from..to]))
}

fn similar_part(call: &Call<'_>) -> Arc<ScalarUDF> {
    function(call, |args| {
        let (text, pattern) = (args.column(0)?.read::<Text>()?, args.column(1)?.read::<Text>()?);
        let escape = args.column(2)?.read::<Text>()?;
        let cache = RegexCache::default();
        text_rows(args.rows, |row, out| {
            let (Some(text), Some(pattern), Some(escape)) = (text.get(row), pattern.get(row), escape.get(row)) else {
                return Ok(false);
            };
            let expression = cache.get(&similar_expression(pattern, escape)?, Flags::default())?;
            let found = part(&expression, text)?;
            out.push_str(found.unwrap_or_default());
            Ok(found.is_some())
        })
    })
}

fn like(call: &Call<'_>) -> Arc<ScalarUDF> {
    values(call, |reader, input| reader.expression(input, "regexp_like")?.is_match(input.text))
}

/// Appends the groups of a match, or the match where there are none.
fn push_groups(spans: &Spans, text: &str, lists: &mut TextLists) -> Outcome<()> {
    let groups = if spans.len() > 1 { &spans[1..] } else { spans };
    for span in groups {
        lists.push(span.map(|(from, to)| &text[from..to]))?;
    }
    lists.end(true)
}

fn first_match(call: &Call<'_>) -> Arc<ScalarUDF> {
    let types = extra_types(call);
    function(call, move |args| {
        let reader = Reader::open(args, &types)?;
        let mut lists = TextLists::new(args.rows);
        let mut spans = Spans::new();
        for row in 0..args.rows {
            let found = match reader.row(row) {
                Some(input) => {
                    let expression = reader.expression(&input, "regexp_match")?;
                    expression.find_at(input.text, 0, &mut spans)?.then_some(input.text)
                }
                None => None,
            };
            match found {
                Some(text) => push_groups(&spans, text, &mut lists)?,
                None => lists.end(false)?,
            }
        }
        lists.finish()
    })
}

/// `regexp_matches`: an array of the rows it yields, each an array of text.
fn all_matches(call: &Call<'_>) -> Arc<ScalarUDF> {
    let types = extra_types(call);
    let inner = TEXTS.arrow();
    let returns = arrow::datatypes::DataType::new_list(inner, true);
    let key = signature_text(call.name, call.arguments, call.returns);
    scalar_udf(call.name, key, returns, call.volatility, move |args| {
        let reader = Reader::open(args, &types)?;
        let mut lists = TextLists::new(args.rows);
        let mut offsets = vec![0i32];
        let mut count = 0i32;
        for row in 0..args.rows {
            if let Some(input) = reader.row(row) {
                let flags = Flags::parse(input.flags)?;
                let expression = reader.compiled(input.pattern, Flags { global: false, ..flags })?;
                each_match(&expression, input.text, 0, |spans| {
                    push_groups(spans, input.text, &mut lists)?;
                    count += 1;
                    Ok(flags.global)
                })?;
            }
            offsets.push(count);
        }
        nest(lists.finish()?, offsets, None)
    })
}

fn split(call: &Call<'_>) -> Arc<ScalarUDF> {
    let types = extra_types(call);
    function(call, move |args| {
        let reader = Reader::open(args, &types)?;
        let mut lists = TextLists::new(args.rows);
        for row in 0..args.rows {
            let Some(input) = reader.row(row) else {
                lists.end(false)?;
                continue;
            };
            let expression = reader.expression(&input, "regexp_split_to_array")?;
            let text = input.text;
            let (mut piece, mut last_end) = (0, 0);
            each_match(&expression, text, 0, |spans| {
                let (from, to) = spans.first().copied().flatten().unwrap_or((0, 0));
                // An empty match at the ends of the text or right behind another match separates nothing.
                if from < text.len() && to > last_end {
                    lists.push(Some(&text[piece..from]))?;
                    piece = to;
                }
                last_end = to;
                Ok(true)
            })?;
            lists.push(Some(&text[piece..]))?;
            lists.end(true)?;
        }
        lists.finish()
    })
}
