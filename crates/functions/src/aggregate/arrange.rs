//! Putting gathered rows in order: by group, then by the keys of ORDER BY, once each for DISTINCT.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, UInt32Array, new_empty_array};
use arrow::compute::{SortOptions, concat, take};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};
use kura_pgtypes::{SqlError, SqlState};

use crate::array::comparable;
use crate::failure::{Outcome, arrow};

/// Rows an aggregate may keep: what one list can hold.
const ROWS_MAX: usize = i32::MAX as usize;
/// What the gathered columns are.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Types of the arguments, then of the keys.
    pub(crate) types: Vec<DataType>,
    pub(crate) arguments: usize,
    /// How each key sorts.
    pub(crate) keys: Vec<SortOptions>,
    pub(crate) distinct: bool,
}

impl Layout {
    /// All batches as one.
    pub(super) fn joined<'a>(&self, batches: impl Iterator<Item = &'a Vec<ArrayRef>> + Clone) -> Outcome<Vec<ArrayRef>> {
        let column = |(index, ty): (usize, &DataType)| {
            let parts: Vec<&dyn Array> = batches.clone().filter_map(|batch| batch.get(index)).map(AsRef::as_ref).collect();
            match parts.as_slice() {
                [] => Ok(new_empty_array(ty)),
                parts => concat(parts).map_err(|error| arrow(&error)),
            }
        };
        self.types.iter().enumerate().map(column).collect()
    }

    /// Whether rows are sorted by more than their group.
    pub(super) fn is_sorted(&self) -> bool {
        self.distinct || !self.keys.is_empty()
    }

    /// What rows sort by beyond their group: the keys, and for DISTINCT the arguments.
    fn sort_rows(&self, columns: &[ArrayRef]) -> Outcome<Option<Rows>> {
        let (arguments, keys) = columns.split_at(self.arguments);
        let ascending = SortOptions { descending: false, nulls_first: false };
        let mut sorted: Vec<(ArrayRef, SortOptions)> = keys.iter().cloned().zip(self.keys.iter().copied()).collect();
        if self.distinct {
            sorted.extend(arguments.iter().cloned().map(|column| (column, ascending)));
        }
        to_rows(sorted)
    }

    /// The arguments, row after row in the order of groups and keys, and where each group stands.
    ///
    /// `groups`: the group of each row; rows of groups from `count` on do not appear.
    pub(super) fn arranged(
        &self,
        columns: &[ArrayRef],
        groups: Option<&[u32]>,
        count: usize,
    ) -> Outcome<(Vec<ArrayRef>, Vec<Range<usize>>)> {
        let rows = columns.first().map_or(0, |column| column.len());
        let sort = self.sort_rows(columns)?;
        let arguments = columns.get(..self.arguments).unwrap_or_default();
        if groups.is_none() && sort.is_none() {
            return Ok((arguments.to_vec(), std::iter::once(0..rows).collect()));
        }
        let (mut order, mut ranges) = match groups {
            Some(groups) => by_group(groups, count),
            None => ((0..rows as u32).collect(), std::iter::once(0..rows).collect()),
        };
        if let Some(sort) = &sort {
            let key = |row: &u32| sort.row(*row as usize);
            for range in &ranges {
                order[range.clone()].sort_by(|a, b| key(a).cmp(&key(b)));
            }
            if self.distinct {
                (order, ranges) = deduplicated(&order, &ranges, |a, b| key(a) == key(b));
            }
        }
        let order = UInt32Array::from(order);
        let taken = arguments.iter().map(|column| take(column, &order, None).map_err(|error| arrow(&error)));
        Ok((taken.collect::<Outcome<_>>()?, ranges))
    }
}

/// 54000 for more rows than an aggregate may keep.
pub(super) fn check_rows(rows: usize) -> Outcome<()> {
    if rows > ROWS_MAX { Err(too_many_rows()) } else { Ok(()) }
}

pub(super) fn too_many_rows() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("an aggregate cannot keep more than {ROWS_MAX} rows"))
}

/// The rows of each group below `count`, in the order they came, and where each group stands among them.
fn by_group(groups: &[u32], count: usize) -> (Vec<u32>, Vec<Range<usize>>) {
    let mut ends = vec![0_usize; count];
    for group in groups {
        if let Some(rows) = ends.get_mut(*group as usize) {
            *rows += 1;
        }
    }
    let mut ranges = Vec::with_capacity(count);
    let mut start = 0;
    for end in &mut ends {
        ranges.push(start..start + *end);
        start += *end;
        *end = start - *end;
    }
    // Each end is now the place of the group's next row.
    let mut order = vec![0_u32; start];
    for (row, group) in groups.iter().enumerate() {
        if let Some(place) = ends.get_mut(*group as usize) {
            order[*place] = row as u32;
            *place += 1;
        }
    }
    (order, ranges)
}

/// Leaves out rows that are as the one before them in their group.
fn deduplicated(order: &[u32], ranges: &[Range<usize>], same: impl Fn(&u32, &u32) -> bool) -> (Vec<u32>, Vec<Range<usize>>) {
    let mut kept: Vec<u32> = Vec::with_capacity(order.len());
    let mut kept_ranges = Vec::with_capacity(ranges.len());
    for range in ranges {
        let start = kept.len();
        for row in &order[range.clone()] {
            if kept.len() == start || kept.last().is_none_or(|last| !same(last, row)) {
                kept.push(*row);
            }
        }
        kept_ranges.push(start..kept.len());
    }
    (kept, kept_ranges)
}

/// Columns as comparable rows; `None` for no columns.
pub(crate) fn to_rows(columns: Vec<(ArrayRef, SortOptions)>) -> Outcome<Option<Rows>> {
    if columns.is_empty() {
        return Ok(None);
    }
    let columns: Vec<(ArrayRef, SortOptions)> = columns.into_iter().map(|(column, options)| (comparable(&column), options)).collect();
    let fields = columns.iter().map(|(column, options)| SortField::new_with_options(column.data_type().clone(), *options));
    let converter = RowConverter::new(fields.collect()).map_err(|error| arrow(&error))?;
    let arrays: Vec<ArrayRef> = columns.into_iter().map(|(column, _)| column).collect();
    converter.convert_columns(&arrays).map(Some).map_err(|error| arrow(&error))
}
