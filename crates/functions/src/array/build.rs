//! Functions that make arrays out of arrays and elements.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, ListArray};
use arrow::datatypes::Int32Type;
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{SqlError, SqlState};

use super::elements::{Picks, flat_lists, rows_of, span, too_many};
use crate::failure::unsupported;
use crate::kernel::column::Int4;
use crate::kernel::function;
use crate::registry::Call;

/// `array[lower:upper]`; a NULL bound is open.
pub(super) fn slice(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let list = flat_lists(args, 0)?;
        let (lower, upper) = (args.column(1)?.read::<Int4>()?, args.column(2)?.read::<Int4>()?);
        let mut picks = Picks::default();
        for row in 0..args.rows {
            let Some(all) = span(&list, row) else {
                picks.null();
                continue;
            };
            let place = |bound: i32| usize::try_from(bound.max(0)).unwrap_or(0);
            let start = lower.get(row).map_or(0, |lower| place(lower).saturating_sub(1));
            let end = upper.get(row).map_or(all.len(), place).min(all.len());
            picks.pick_all(0, (all.start + start.min(end))..(all.start + end))?;
            picks.end();
        }
        picks.finish(&[list.values()], &returns)
    })
}

/// `array || element`; NULL counts as an empty array.
pub(super) fn append(call: &Call<'_>) -> Arc<ScalarUDF> {
    joined(call, 0, 1)
}

/// `element || array`
pub(super) fn prepend(call: &Call<'_>) -> Arc<ScalarUDF> {
    joined(call, 1, 0)
}

fn joined(call: &Call<'_>, array: usize, element: usize) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let list = flat_lists(args, array)?;
        let column = args.column(element)?;
        let mut picks = Picks::default();
        for row in 0..args.rows {
            if element < array {
                picks.pick(1, column.at(row))?;
            }
            picks.pick_all(0, span(&list, row).unwrap_or_default())?;
            if element > array {
                picks.pick(1, column.at(row))?;
            }
            picks.end();
        }
        picks.finish(&[list.values(), &column.array], &returns)
    })
}

/// `array || array`; one that is NULL leaves the other.
pub(super) fn concatenate(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let (a, b) = (flat_lists(args, 0)?, flat_lists(args, 1)?);
        let mut picks = Picks::default();
        for row in 0..args.rows {
            match (span(&a, row), span(&b, row)) {
                (None, None) => picks.null(),
                (first, second) => {
                    picks.pick_all(0, first.unwrap_or_default())?;
                    picks.pick_all(1, second.unwrap_or_default())?;
                    picks.end();
                }
            }
        }
        picks.finish(&[a.values(), b.values()], &returns)
    })
}

/// `array_remove`: without the elements that equal one; NULL equals NULL.
pub(super) fn remove(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let list = flat_lists(args, 0)?;
        let column = args.column(1)?;
        let rows = rows_of(&[list.values(), &column.array])?;
        each(&list, args.rows, |picks, row, all| picks.pick_all(0, all.filter(|place| rows[0].row(*place) != rows[1].row(column.at(row)))))?
            .finish(&[list.values()], &returns)
    })
}

/// `array_replace`: each element that equals the second argument becomes the third.
pub(super) fn replace(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let list = flat_lists(args, 0)?;
        let (from, to) = (args.column(1)?, args.column(2)?);
        let rows = rows_of(&[list.values(), &from.array])?;
        each(&list, args.rows, |picks, row, mut all| {
            all.try_for_each(|place| {
                let hit = rows[0].row(place) == rows[1].row(from.at(row));
                if hit { picks.pick(1, to.at(row)) } else { picks.pick(0, place) }
            })
        })?
        .finish(&[list.values(), &to.array], &returns)
    })
}

/// One list for each list; NULL stays NULL.
fn each(
    list: &ListArray,
    rows: usize,
    mut one: impl FnMut(&mut Picks, usize, Range<usize>) -> crate::failure::Outcome<()>,
) -> crate::failure::Outcome<Picks> {
    let mut picks = Picks::default();
    for row in 0..rows {
        match span(list, row) {
            None => picks.null(),
            Some(all) => {
                one(&mut picks, row, all)?;
                picks.end();
            }
        }
    }
    Ok(picks)
}

/// `array_fill(element, {size})`
pub(super) fn fill(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let column = args.column(0)?;
        let sizes = flat_lists(args, 1)?;
        let numbers = sizes.values().as_primitive::<Int32Type>();
        let mut picks = Picks::default();
        for row in 0..args.rows {
            let Some(dimensions) = span(&sizes, row) else {
                let message = "dimension array or low bound array cannot be null";
                return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, message));
            };
            if dimensions.len() > 1 {
                return Err(unsupported("multidimensional arrays are not supported"));
            }
            for place in dimensions {
                if numbers.is_null(place) {
                    return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "dimension values cannot be null"));
                }
                let size = usize::try_from(numbers.value(place)).map_err(|_| too_many())?;
                picks.pick_all(0, std::iter::repeat_n(column.at(row), size))?;
            }
            picks.end();
        }
        picks.finish(&[&column.array], &returns)
    })
}

/// `trim_array(array, n)`: without the last n elements.
pub(super) fn trim(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let list = flat_lists(args, 0)?;
        let counts = args.column(1)?.read::<Int4>()?;
        let mut picks = Picks::default();
        for row in 0..args.rows {
            let (Some(all), Some(count)) = (span(&list, row), counts.get(row)) else {
                picks.null();
                continue;
            };
            let count = usize::try_from(count).ok().filter(|count| *count <= all.len()).ok_or_else(|| {
                let message = format!("number of elements to trim must be between 0 and {}", all.len());
                SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message)
            })?;
            picks.pick_all(0, all.start..all.end - count)?;
            picks.end();
        }
        picks.finish(&[list.values()], &returns)
    })
}
