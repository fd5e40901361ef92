//! `array_to_string`.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, ListArray};
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;

use super::elements::{lists, span};
use crate::cast::TextOf;
use crate::failure::Outcome;
use crate::kernel::Column;
use crate::kernel::column::Text;
use crate::kernel::function;
use crate::kernel::lift::text_rows;
use crate::registry::Call;

/// `array_to_string(array, delimiter [, null])`: the elements of all dimensions, NULLs left out or written as given.
pub(super) fn array_to_string(call: &Call<'_>) -> Arc<ScalarUDF> {
    let element = call.arguments.first().and_then(|ty| ty.element()).unwrap_or(PgType::TEXT);
    let writer = TextOf::output(element, &call.session.settings);
    function(call, move |args| {
        let list = lists(args, 0)?;
        let delimiters = args.column(1)?.read::<Text>()?;
        let nulls = args.columns.get(2).map(Column::read::<Text>).transpose()?;
        let leaves = Column { array: writer.array(&innermost(&list))?, constant: false };
        let leaves = leaves.read::<Text>()?;
        text_rows(args.rows, |row, out| {
            let (Some(all), Some(delimiter)) = (leaf_span(&list, row)?, delimiters.get(row)) else {
                return Ok(false);
            };
            let null = nulls.as_ref().and_then(|nulls| nulls.get(row));
            let mut any = false;
            for place in all {
                let Some(text) = leaves.get(place).or(null) else { continue };
                out.admit(out.text.len() + delimiter.len() + text.len())?;
                if any {
                    out.push_str(delimiter);
                }
                out.push_str(text);
                any = true;
            }
            Ok(true)
        })
    })
}

/// The elements of the innermost dimension, of all rows.
fn innermost(list: &ListArray) -> ArrayRef {
    let mut values = Arc::clone(list.values());
    while let Some(inner) = Arc::clone(&values).as_list_opt::<i32>() {
        values = Arc::clone(inner.values());
    }
    values
}

/// Where a row's innermost elements stand.
fn leaf_span(list: &ListArray, row: usize) -> Outcome<Option<std::ops::Range<usize>>> {
    let Some(mut range) = span(list, row) else {
        return Ok(None);
    };
    let mut values = Arc::clone(list.values());
    while let Some(inner) = Arc::clone(&values).as_list_opt::<i32>() {
        let offsets = inner.value_offsets();
        range = offsets[range.start] as usize..offsets[range.end] as usize;
        values = Arc::clone(inner.values());
    }
    Ok(Some(range))
}
