//! What there is to know of an array: its sizes, one element, where an element stands.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, UInt32Array};
use arrow::compute::take;
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, SqlError, SqlState};

use super::elements::{Picks, flat_lists, lists, rows_of, span};
use crate::failure::{Outcome, arrow};
use crate::kernel::column::Int4;
use crate::kernel::function;
use crate::kernel::lift::{rows, text_rows};
use crate::registry::Call;

/// `array[n]`; NULL outside the array.
pub(super) fn subscript(call: &Call<'_>) -> Arc<ScalarUDF> {
    function(call, |args| {
        let list = flat_lists(args, 0)?;
        let numbers = args.column(1)?.read::<Int4>()?;
        let place = |row: usize| {
            let all = span(&list, row)?;
            let index = usize::try_from(numbers.get(row)?).ok()?.checked_sub(1)?;
            u32::try_from(all.start + index).ok().filter(|_| index < all.len())
        };
        let places: UInt32Array = (0..args.rows).map(place).collect();
        take(list.values(), &places, None).map_err(|error| arrow(&error))
    })
}

/// The sizes of an array's dimensions, outermost first; none for an empty one. `None` for NULL.
pub(super) fn sizes(list: &ListArray, row: usize) -> Option<Vec<usize>> {
    if list.is_null(row) {
        return None;
    }
    let mut sizes = Vec::new();
    let mut elements: ArrayRef = list.value(row);
    loop {
        if elements.is_empty() {
            return Some(Vec::new());
        }
        sizes.push(elements.len());
        match elements.as_list_opt::<i32>() {
            Some(inner) if inner.is_valid(0) => elements = inner.value(0),
            _ => return Some(sizes),
        }
    }
}

fn number(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

/// What a function says of the size of one dimension; NULL where there is no such dimension.
pub(super) fn size(call: &Call<'_>, answer: fn(i32) -> Option<i32>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let list = lists(args, 0)?;
        let dimensions = args.column(1)?.read::<Int4>()?;
        rows::<i32>(args.rows, &returns, |row| {
            let (Some(sizes), Some(dimension)) = (sizes(&list, row), dimensions.get(row)) else {
                return Ok(None);
            };
            let index = usize::try_from(dimension).ok().and_then(|dimension| dimension.checked_sub(1));
            Ok(index.and_then(|index| sizes.get(index)).and_then(|size| answer(number(*size))))
        })
    })
}

/// `array_ndims`
pub(super) fn dimensions(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let list = lists(args, 0)?;
        rows::<i32>(args.rows, &returns, |row| Ok(sizes(&list, row).map(|sizes| number(sizes.len())).filter(|dimensions| *dimensions > 0)))
    })
}

/// `array_dims`: `[1:3]`
pub(super) fn bounds(call: &Call<'_>) -> Arc<ScalarUDF> {
    function(call, |args| {
        let list = lists(args, 0)?;
        text_rows(args.rows, |row, out| {
            let Some(sizes) = sizes(&list, row).filter(|sizes| !sizes.is_empty()) else {
                return Ok(false);
            };
            for size in sizes {
                out.push_str(&format!("[1:{size}]"));
            }
            Ok(true)
        })
    })
}

/// `cardinality`: the elements of all dimensions.
pub(super) fn cardinality(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let list = lists(args, 0)?;
        rows::<i32>(args.rows, &returns, |row| {
            Ok(sizes(&list, row).map(|sizes| if sizes.is_empty() { 0 } else { number(sizes.iter().product()) }))
        })
    })
}

/// `array_position(array, element [, start])`: NULL finds NULL.
pub(super) fn position(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let list = searchable(args)?;
        let column = args.column(1)?;
        let starts = args.columns.get(2).map(|column| column.read::<Int4>()).transpose()?;
        let keys = rows_of(&[list.values(), &column.array])?;
        rows::<i32>(args.rows, &returns, |row| {
            let Some(all) = span(&list, row) else {
                return Ok(None);
            };
            let start = match &starts {
                None => 1,
                Some(starts) => {
                    starts.get(row).ok_or_else(|| SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "initial position must not be null"))?
                }
            };
            let skip = usize::try_from(start.saturating_sub(1)).unwrap_or(0);
            let wanted = keys[1].row(column.at(row));
            let found = all.clone().skip(skip).find(|place| keys[0].row(*place) == wanted);
            Ok(found.map(|place| number(place - all.start + 1)))
        })
    })
}

/// `array_positions(array, element)`
pub(super) fn positions(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let list = searchable(args)?;
        let column = args.column(1)?;
        let keys = rows_of(&[list.values(), &column.array])?;
        let mut found: Vec<i32> = Vec::new();
        let mut picks = Picks::default();
        for row in 0..args.rows {
            let Some(all) = span(&list, row) else {
                picks.null();
                continue;
            };
            let wanted = keys[1].row(column.at(row));
            for place in all.clone().filter(|place| keys[0].row(*place) == wanted) {
                picks.pick(0, found.len())?;
                found.push(number(place - all.start + 1));
            }
            picks.end();
        }
        debug_assert_eq!(returns, PgType::INT4.array_of().arrow());
        let found: ArrayRef = Arc::new(Int32Array::from(found));
        picks.finish(&[&found], &returns)
    })
}

fn searchable(args: &crate::kernel::Args) -> Outcome<ListArray> {
    let list = lists(args, 0)?;
    if list.values().as_list_opt::<i32>().is_some() {
        let message = "searching for elements in multidimensional arrays is not supported";
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    Ok(list)
}
