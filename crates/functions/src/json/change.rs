//! Changing JSON: `||`, `-`, `#-`, `jsonb_set`, `jsonb_insert`, `json_strip_nulls`, `jsonb_pretty`.

use std::sync::Arc;

use arrow::array::{Array, ListArray};
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::json::{quote, unescape};
use kura_pgtypes::{PgType, SqlError, SqlState};

use super::extract::cannot;
use super::scan::{self, Kind, kind};
use super::write::formed;
use super::{BOOL, JSON, JSONB, TEXTS};
use crate::array::{lists, span};
use crate::failure::Outcome;
use crate::kernel::column::{Bool, Column, Int4, Text};
use crate::kernel::function;
use crate::kernel::lift::{text_rows, text1, text2};
use crate::kernel::write::Out;
use crate::registry::{Call, Function};

/// How deep values may nest where nesting is recursion.
const DEPTH_MAX: usize = 1_000;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("jsonb_set", &[JSONB, TEXTS, JSONB], PgType::JSONB, |call| change(call, false)),
        Function::fixed("jsonb_set", &[JSONB, TEXTS, JSONB, BOOL], PgType::JSONB, |call| change(call, false)),
        Function::fixed("jsonb_insert", &[JSONB, TEXTS, JSONB], PgType::JSONB, |call| change(call, true)),
        Function::fixed("jsonb_insert", &[JSONB, TEXTS, JSONB, BOOL], PgType::JSONB, |call| change(call, true)),
        Function::fixed("json_strip_nulls", &[JSON], PgType::JSON, strip),
        Function::fixed("jsonb_strip_nulls", &[JSONB], PgType::JSONB, strip),
        Function::fixed("jsonb_pretty", &[JSONB], PgType::TEXT, |call| {
            text1::<Text>(call, |value, out| pretty(value, 0, out).map(|()| true))
        }),
        // What the operators are called as functions.
        Function::fixed("jsonb_concat", &[JSONB, JSONB], PgType::JSONB, concatenate),
        Function::fixed("jsonb_delete_path", &[JSONB, TEXTS], PgType::JSONB, delete_path),
    ]
}

fn put(text: &str, out: &mut Out) -> Outcome<()> {
    out.admit(out.text.len() + text.len())?;
    out.push_str(text);
    Ok(())
}

/// Writes an array of parts that are in form already.
fn put_array<'a>(mut parts: impl Iterator<Item = &'a str>, out: &mut Out) -> Outcome<()> {
    out.push('[');
    let mut first = true;
    parts.try_for_each(|part| {
        out.push_str(if std::mem::take(&mut first) { "" } else { ", " });
        put(part, out)
    })?;
    out.push(']');
    Ok(())
}

fn put_object<'a>(mut members: impl Iterator<Item = (&'a str, &'a str)>, out: &mut Out) -> Outcome<()> {
    out.push('{');
    let mut first = true;
    members.try_for_each(|(key, value)| {
        out.push_str(if std::mem::take(&mut first) { "" } else { ", " });
        put(key, out)?;
        out.push_str(": ");
        put(value, out)
    })?;
    out.push('}');
    Ok(())
}

/// `jsonb || jsonb`: objects merge, everything else becomes one array.
pub(super) fn concatenate(call: &Call<'_>) -> Arc<ScalarUDF> {
    function(call, |args| {
        let (a, b) = (args.column(0)?.read::<Text>()?, args.column(1)?.read::<Text>()?);
        let json = text_rows(args.rows, |row, out| {
            let (Some(a), Some(b)) = (a.get(row), b.get(row)) else {
                return Ok(false);
            };
            if (kind(a), kind(b)) == (Kind::Object, Kind::Object) {
                put_object(scan::members(a).chain(scan::members(b)), out)?;
                return Ok(true);
            }
            let parts = |value| {
                let alone = (kind(value) != Kind::Array).then(|| scan::trim(value));
                alone.into_iter().chain(scan::elements(value))
            };
            put_array(parts(a).chain(parts(b)), out)?;
            Ok(true)
        })?;
        formed(json, PgType::JSONB)
    })
}

fn from_scalar() -> SqlError {
    cannot("cannot delete from scalar")
}

/// Deletes the members and elements that are named.
fn without(value: &str, gone: impl Fn(&str) -> bool, out: &mut Out) -> Outcome<bool> {
    match kind(value) {
        Kind::Object => put_object(scan::members(value).filter(|(key, _)| !gone(&unescape(key))), out)?,
        Kind::Array => {
            let stays = |element: &&str| kind(element) != Kind::String || !gone(&unescape(element));
            put_array(scan::elements(value).filter(stays), out)?;
        }
        _ => return Err(from_scalar()),
    }
    Ok(true)
}

/// `jsonb - text`
pub(super) fn delete_key(call: &Call<'_>) -> Arc<ScalarUDF> {
    text2::<Text, Text>(call, |value, key, out| without(value, |name| name == key, out))
}

/// `jsonb - text[]`
pub(super) fn delete_keys(call: &Call<'_>) -> Arc<ScalarUDF> {
    function(call, |args| {
        let values = args.column(0)?.read::<Text>()?;
        let list = lists(args, 1)?;
        let keys = texts(&list);
        let keys = keys.read::<Text>()?;
        text_rows(args.rows, |row, out| {
            let (Some(value), Some(places)) = (values.get(row), span(&list, row)) else {
                return Ok(false);
            };
            without(value, |name| places.clone().any(|place| keys.get(place) == Some(name)), out)
        })
    })
}

/// `jsonb - integer`
pub(super) fn delete_element(call: &Call<'_>) -> Arc<ScalarUDF> {
    text2::<Text, Int4>(call, |value, index, out| {
        match kind(value) {
            Kind::Array => {}
            Kind::Object => return Err(cannot("cannot delete from object using integer index")),
            _ => return Err(from_scalar()),
        }
        let count = i64::try_from(scan::elements(value).count()).unwrap_or(i64::MAX);
        let index = if index < 0 { count + i64::from(index) } else { i64::from(index) };
        let gone = usize::try_from(index).ok();
        put_array(scan::elements(value).enumerate().filter(|(at, _)| Some(*at) != gone).map(|(_, element)| element), out)?;
        Ok(true)
    })
}

fn texts(list: &ListArray) -> Column {
    Column { array: Arc::clone(list.values()), constant: false }
}

/// What happens at the end of a path.
#[derive(Clone, Copy)]
enum Deed<'a> {
    Delete,
    Set { new: &'a str, create: bool },
    Insert { new: &'a str, after: bool },
}

/// A path through a value, and what is done there.
struct Edit<'a> {
    path: Vec<Option<&'a str>>,
    deed: Deed<'a>,
}

impl Edit<'_> {
    fn step(&self, level: usize) -> Outcome<&str> {
        self.path
            .get(level)
            .copied()
            .flatten()
            .ok_or_else(|| SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, format!("path element at position {} is null", level + 1)))
    }

    fn apply(&self, value: &str, level: usize, out: &mut Out) -> Outcome<()> {
        match kind(value) {
            Kind::Object => self.in_object(value, level, out),
            Kind::Array => self.in_array(value, level, out),
            _ => put(value, out),
        }
    }

    fn in_object(&self, object: &str, level: usize, out: &mut Out) -> Outcome<()> {
        let (step, last) = (self.step(level)?, level + 1 == self.path.len());
        let (mut first, mut found) = (true, false);
        let mut begin = |key: &str, out: &mut Out| {
            out.push_str(if std::mem::take(&mut first) { "" } else { ", " });
            put(key, out)?;
            put(": ", out)
        };
        out.push('{');
        for (key, value) in scan::members(object) {
            if unescape(key) != step {
                begin(key, out)?;
                put(value, out)?;
                continue;
            }
            found = true;
            match self.deed {
                Deed::Delete if last => {}
                Deed::Insert { .. } if last => {
                    return Err(cannot("cannot replace existing key").hint("Try using the function jsonb_set to replace key value."));
                }
                Deed::Set { new, .. } if last => {
                    begin(key, out)?;
                    put(new, out)?;
                }
                _ => {
                    begin(key, out)?;
                    self.apply(value, level + 1, out)?;
                }
            }
        }
        if let (true, false, Deed::Set { new, create: true } | Deed::Insert { new, .. }) = (last, found, self.deed) {
            let mut key = String::new();
            quote(step, &mut key);
            begin(&key, out)?;
            put(new, out)?;
        }
        out.push('}');
        Ok(())
    }

    fn in_array(&self, array: &str, level: usize, out: &mut Out) -> Outcome<()> {
        let (step, last) = (self.step(level)?, level + 1 == self.path.len());
        let index = scan::index(step).ok_or_else(|| {
            let message = format!("path element at position {} is not an integer: \"{step}\"", level + 1);
            SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
        })?;
        let count = i64::try_from(scan::elements(array).count()).unwrap_or(i64::MAX);
        // Before the first element means before all of them.
        let place = if index < 0 { usize::try_from(count + index).ok() } else { usize::try_from(index.min(count)).ok() };
        let mut first = true;
        let mut begin = |out: &mut Out| out.push_str(if std::mem::take(&mut first) { "" } else { ", " });
        let new = match self.deed {
            Deed::Set { new, create: true } | Deed::Insert { new, .. } if last => Some(new),
            _ => None,
        };
        out.push('[');
        if let (None, Some(new)) = (place, new) {
            begin(out);
            put(new, out)?;
        }
        for (at, element) in scan::elements(array).enumerate() {
            if Some(at) != place {
                begin(out);
                put(element, out)?;
                continue;
            }
            if !last {
                begin(out);
                self.apply(element, level + 1, out)?;
                continue;
            }
            let parts = match self.deed {
                Deed::Delete => [None, None],
                Deed::Set { new, .. } => [Some(new), None],
                Deed::Insert { new, after: false } => [Some(new), Some(element)],
                Deed::Insert { new, after: true } => [Some(element), Some(new)],
            };
            for part in parts.into_iter().flatten() {
                begin(out);
                put(part, out)?;
            }
        }
        if let (Some(place), Some(new)) = (place, new)
            && i64::try_from(place) == Ok(count)
        {
            begin(out);
            put(new, out)?;
        }
        out.push(']');
        Ok(())
    }
}

/// `jsonb_set(target, path, new [, create])`, `jsonb_insert(target, path, new [, after])`
fn change(call: &Call<'_>, insert: bool) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let (values, new) = (args.column(0)?.read::<Text>()?, args.column(2)?.read::<Text>()?);
        let flags = args.columns.get(3).map(Column::read::<Bool>).transpose()?;
        let paths = lists(args, 1)?;
        let steps = texts(&paths);
        let steps = steps.read::<Text>()?;
        let json = text_rows(args.rows, |row, out| {
            let flag = flags.as_ref().map_or(Some(!insert), |flags| flags.get(row));
            let (Some(value), Some(path), Some(new), Some(flag)) = (values.get(row), span(&paths, row), new.get(row), flag) else {
                return Ok(false);
            };
            let deed = if insert { Deed::Insert { new, after: flag } } else { Deed::Set { new, create: flag } };
            edit(value, Edit { path: path.map(|place| steps.get(place)).collect(), deed }, out)?;
            Ok(true)
        })?;
        formed(json, PgType::JSONB)
    })
}

fn edit(value: &str, edit: Edit<'_>, out: &mut Out) -> Outcome<()> {
    if kind(value).is_scalar() {
        let deed = if matches!(edit.deed, Deed::Delete) { "cannot delete path in scalar" } else { "cannot set path in scalar" };
        return Err(cannot(deed));
    }
    if edit.path.is_empty() { put(value, out) } else { edit.apply(value, 0, out) }
}

/// `jsonb #- text[]`
pub(super) fn delete_path(call: &Call<'_>) -> Arc<ScalarUDF> {
    function(call, |args| {
        let values = args.column(0)?.read::<Text>()?;
        let paths = lists(args, 1)?;
        let steps = texts(&paths);
        let steps = steps.read::<Text>()?;
        text_rows(args.rows, |row, out| {
            let (Some(value), Some(path)) = (values.get(row), span(&paths, row)) else {
                return Ok(false);
            };
            edit(value, Edit { path: path.map(|place| steps.get(place)).collect(), deed: Deed::Delete }, out)?;
            Ok(true)
        })
    })
}

fn too_deep() -> SqlError {
    SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
}

/// `json_strip_nulls`: without the members that are null, and without blanks.
fn strip(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns;
    function(call, move |args| {
        let values = args.column(0)?.read::<Text>()?;
        let json = text_rows(args.rows, |row, out| match values.get(row) {
            Some(value) => {
                out.admit(value.len())?;
                stripped(scan::trim(value), 0, out)?;
                Ok(true)
            }
            None => Ok(false),
        })?;
        debug_assert_eq!(json.len(), args.rows);
        formed(json, returns)
    })
}

fn stripped(value: &str, depth: usize, out: &mut Out) -> Outcome<()> {
    if depth > DEPTH_MAX {
        return Err(too_deep());
    }
    match kind(value) {
        Kind::Object => {
            out.push('{');
            for (index, (key, value)) in scan::members(value).filter(|(_, value)| kind(value) != Kind::Null).enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(key);
                out.push(':');
                stripped(value, depth + 1, out)?;
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (index, element) in scan::elements(value).enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                stripped(element, depth + 1, out)?;
            }
            out.push(']');
        }
        _ => out.push_str(value),
    }
    Ok(())
}

/// One value per line, indented by its depth.
fn pretty(value: &str, depth: usize, out: &mut Out) -> Outcome<()> {
    if depth > DEPTH_MAX {
        return Err(too_deep());
    }
    let line = |depth: usize, out: &mut Out| {
        out.admit(out.text.len() + 4 * depth)?;
        out.push('\n');
        out.push_str(&" ".repeat(4 * depth));
        Ok::<(), SqlError>(())
    };
    match kind(value) {
        Kind::Object => {
            out.push('{');
            for (index, (key, value)) in scan::members(value).enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                line(depth + 1, out)?;
                put(key, out)?;
                out.push_str(": ");
                pretty(value, depth + 1, out)?;
            }
            line(depth, out)?;
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (index, element) in scan::elements(value).enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                line(depth + 1, out)?;
                pretty(element, depth + 1, out)?;
            }
            line(depth, out)?;
            out.push(']');
        }
        _ => put(scan::trim(value), out)?,
    }
    Ok(())
}
