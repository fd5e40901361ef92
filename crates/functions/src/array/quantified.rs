//! `op ANY (array)`, `op ALL (array)`, `@>`, `<@`, `&&`, and comparisons of whole arrays.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, ListArray, UInt32Array};
use arrow::compute::take;
use arrow::row::{Row, Rows};
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;

use super::elements::{lists, rows_of, span};
use super::{ARRAY, ELEMENT, TEXT};
use crate::failure::{Outcome, arrow};
use crate::kernel::lift::rows;
use crate::kernel::{Args, function};
use crate::registry::{ArgType, Call, Function};

const TEXTS: ArgType = ArgType::Exact(PgType { scalar: kura_pgtypes::Scalar::Text, typmod: -1, array: true });

type Test = fn(Ordering) -> bool;
type Like = fn(&dyn arrow::array::Datum, &dyn arrow::array::Datum) -> Result<BooleanArray, arrow::error::ArrowError>;
type Make = fn(&Call<'_>) -> Arc<ScalarUDF>;

/// `= any`, `<> all` and their kin, under these names; and what PostgreSQL calls the comparisons of arrays.
pub(super) fn functions() -> Vec<Function> {
    const COMPARISONS: [(&str, Make); 12] = [
        ("= any", |call| compare(call, Ordering::is_eq, true)),
        ("<> any", |call| compare(call, Ordering::is_ne, true)),
        ("< any", |call| compare(call, Ordering::is_lt, true)),
        ("<= any", |call| compare(call, Ordering::is_le, true)),
        ("> any", |call| compare(call, Ordering::is_gt, true)),
        (">= any", |call| compare(call, Ordering::is_ge, true)),
        ("= all", |call| compare(call, Ordering::is_eq, false)),
        ("<> all", |call| compare(call, Ordering::is_ne, false)),
        ("< all", |call| compare(call, Ordering::is_lt, false)),
        ("<= all", |call| compare(call, Ordering::is_le, false)),
        ("> all", |call| compare(call, Ordering::is_gt, false)),
        (">= all", |call| compare(call, Ordering::is_ge, false)),
    ];
    const PATTERNS: [(&str, Make); 8] = [
        ("like any", |call| like(call, arrow::compute::like, true)),
        ("not like any", |call| like(call, arrow::compute::nlike, true)),
        ("ilike any", |call| like(call, arrow::compute::ilike, true)),
        ("not ilike any", |call| like(call, arrow::compute::nilike, true)),
        ("like all", |call| like(call, arrow::compute::like, false)),
        ("not like all", |call| like(call, arrow::compute::nlike, false)),
        ("ilike all", |call| like(call, arrow::compute::ilike, false)),
        ("not ilike all", |call| like(call, arrow::compute::nilike, false)),
    ];
    const WHOLE: [(&str, Make); 6] = [
        ("array_eq", |call| whole(call, Ordering::is_eq)),
        ("array_ne", |call| whole(call, Ordering::is_ne)),
        ("array_lt", |call| whole(call, Ordering::is_lt)),
        ("array_le", |call| whole(call, Ordering::is_le)),
        ("array_gt", |call| whole(call, Ordering::is_gt)),
        ("array_ge", |call| whole(call, Ordering::is_ge)),
    ];
    let compare = |(name, make)| Function::fixed(name, &[ELEMENT, ARRAY], PgType::BOOL, make).lenient();
    let like = |(name, make)| Function::fixed(name, &[TEXT, TEXTS], PgType::BOOL, make).lenient();
    let whole = |(name, make)| Function::fixed(name, &[ARRAY, ARRAY], PgType::BOOL, make);
    let compared = COMPARISONS.into_iter().map(compare);
    compared.chain(PATTERNS.into_iter().map(like)).chain(WHOLE.into_iter().map(whole)).collect()
}

/// What arrays hold of each other.
pub(super) fn operators() -> Vec<Function> {
    const SETS: [(&str, Make); 3] =
        [("@>", |call| of_two(call, contains)), ("<@", |call| of_two(call, |a, b| contains(b, a))), ("&&", |call| of_two(call, overlaps))];
    SETS.into_iter().map(|(name, make)| Function::fixed(name, &[ARRAY, ARRAY], PgType::BOOL, make)).collect()
}

/// `value op ANY/ALL (array)`: NULL only where a NULL leaves the answer open.
fn compare(call: &Call<'_>, test: Test, any: bool) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let list = lists(args, 1)?;
        let column = args.column(0)?;
        let keys = rows_of(&[list.values(), &column.array])?;
        decided(args, &list, any, |row, place| {
            if column.is_null(row) || list.values().is_null(place) {
                return None;
            }
            // The rows hold the element; the test is of the value against it.
            Some(test(keys[1].row(column.at(row)).cmp(&keys[0].row(place))))
        })
    })
}

/// `value LIKE ANY/ALL (array)`
fn like(call: &Call<'_>, kernel: Like, any: bool) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let list = lists(args, 1)?;
        let column = args.column(0)?;
        // Every pattern beside its value: one call for all.
        let mut values = vec![None; list.values().len()];
        for row in 0..args.rows {
            for place in span(&list, row).unwrap_or_default() {
                values[place] = u32::try_from(column.at(row)).ok();
            }
        }
        let values = take(&column.array, &UInt32Array::from(values), None).map_err(|error| arrow(&error))?;
        let results = kernel(&values, list.values()).map_err(|error| arrow(&error))?;
        decided(args, &list, any, |_, place| results.is_valid(place).then(|| results.value(place)))
    })
}

/// Folds the answers for the elements of each row; `one` gives NULL as `None`.
fn decided(args: &Args, list: &ListArray, any: bool, one: impl Fn(usize, usize) -> Option<bool>) -> Outcome<ArrayRef> {
    rows::<bool>(args.rows, &PgType::BOOL.arrow(), |row| {
        let Some(all) = span(list, row) else {
            return Ok(None);
        };
        let mut open = false;
        for place in all {
            match one(row, place) {
                Some(answer) if answer == any => return Ok(Some(any)),
                Some(_) => {}
                None => open = true,
            }
        }
        Ok((!open).then_some(!any))
    })
}

/// One of two arrays: where its elements stand, and what they are.
struct Side<'a> {
    rows: &'a Rows,
    values: &'a ArrayRef,
    places: Range<usize>,
}

impl Side<'_> {
    /// The elements, comparable; NULL is a value of its own, the last.
    fn keys(&self) -> impl Iterator<Item = Row<'_>> {
        self.places.clone().map(|place| self.rows.row(place))
    }

    /// The elements; `None` for NULL, which equals nothing.
    fn elements(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.places.clone().map(|place| self.values.is_valid(place).then(|| self.rows.row(place).data()))
    }

    fn set(&self) -> HashSet<&[u8]> {
        self.elements().flatten().collect()
    }
}

/// A test of two arrays.
fn of_two(call: &Call<'_>, test: impl Fn(&Side<'_>, &Side<'_>) -> bool + Send + Sync + 'static) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let (a, b) = (lists(args, 0)?, lists(args, 1)?);
        let keys = rows_of(&[a.values(), b.values()])?;
        rows::<bool>(args.rows, &PgType::BOOL.arrow(), |row| {
            let (Some(first), Some(second)) = (span(&a, row), span(&b, row)) else {
                return Ok(None);
            };
            let first = Side { rows: &keys[0], values: a.values(), places: first };
            let second = Side { rows: &keys[1], values: b.values(), places: second };
            Ok(Some(test(&first, &second)))
        })
    })
}

/// Whether every element of `b` is one of `a`.
fn contains(a: &Side<'_>, b: &Side<'_>) -> bool {
    let have = a.set();
    b.elements().all(|wanted| wanted.is_some_and(|wanted| have.contains(wanted)))
}

/// Whether one element is in both.
fn overlaps(a: &Side<'_>, b: &Side<'_>) -> bool {
    let have = a.set();
    b.elements().flatten().any(|wanted| have.contains(wanted))
}

/// Arrays element by element, NULL elements equal and last, then by length.
fn whole(call: &Call<'_>, test: Test) -> Arc<ScalarUDF> {
    of_two(call, move |a, b| test(a.keys().cmp(b.keys())))
}
