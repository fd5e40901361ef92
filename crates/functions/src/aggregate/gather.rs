//! Aggregates over all rows of a group: DISTINCT, ORDER BY, frames that move, and results that hold every value.
//!
//! Rows are kept as the columns they came in, and put in order once, when the result is asked for.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, UInt32Array, new_empty_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{SortOptions, concat, filter, prep_null_mask_filter, take};
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use crate::array::comparable;
use crate::failure::{Outcome, arrow, external};

/// The last step of an aggregate.
pub(crate) trait Finish: Send + Sync + 'static {
    /// The result of each group. `ranges`: the rows of each group in `columns`, in their order, one after the other
    /// without gaps.
    fn finish(&self, columns: &[ArrayRef], ranges: &[Range<usize>]) -> Outcome<ArrayRef>;

    /// The result's Arrow type, where it depends on more than the declared types.
    fn returns(&self, _arguments: &[DataType]) -> Option<DataType> {
        None
    }
}

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
    fn joined<'a>(&self, batches: impl Iterator<Item = &'a Vec<ArrayRef>> + Clone) -> Outcome<Vec<ArrayRef>> {
        let column = |(index, ty): (usize, &DataType)| {
            let parts: Vec<&dyn Array> = batches.clone().filter_map(|batch| batch.get(index)).map(AsRef::as_ref).collect();
            match parts.as_slice() {
                [] => Ok(new_empty_array(ty)),
                parts => concat(parts).map_err(|error| arrow(&error)),
            }
        };
        self.types.iter().enumerate().map(column).collect()
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
    fn arranged(&self, columns: &[ArrayRef], groups: Option<&[usize]>, count: usize) -> Outcome<(Vec<ArrayRef>, Vec<Range<usize>>)> {
        let rows = columns.first().map_or(0, |column| column.len());
        let sort = self.sort_rows(columns)?;
        let arguments = columns.get(..self.arguments).unwrap_or_default();
        if groups.is_none() && sort.is_none() {
            return Ok((arguments.to_vec(), std::iter::once(0..rows).collect()));
        }
        let group = |row: u32| groups.map_or(0, |groups| groups[row as usize]);
        let mut order: Vec<u32> = (0..u32::try_from(rows).unwrap_or(u32::MAX)).filter(|row| group(*row) < count).collect();
        match &sort {
            Some(sort) => order.sort_by(|a, b| group(*a).cmp(&group(*b)).then_with(|| sort.row(*a as usize).cmp(&sort.row(*b as usize)))),
            None => order.sort_by_key(|row| group(*row)),
        }
        if let (true, Some(sort)) = (self.distinct, &sort) {
            order.dedup_by(|b, a| group(*a) == group(*b) && sort.row(*a as usize) == sort.row(*b as usize));
        }
        let mut ranges = Vec::with_capacity(count);
        let mut start = 0;
        for id in 0..count {
            let end = start + order[start..].iter().take_while(|row| group(**row) == id).count();
            ranges.push(start..end);
            start = end;
        }
        let order = UInt32Array::from(order);
        let taken = arguments.iter().map(|column| take(column, &order, None).map_err(|error| arrow(&error)));
        Ok((taken.collect::<Outcome<_>>()?, ranges))
    }
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

fn list(values: ArrayRef, offsets: OffsetBuffer<i32>) -> Outcome<ListArray> {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    ListArray::try_new(field, offsets, values, None).map_err(|error| arrow(&error))
}

/// A copy that holds no more memory than its values need, where it would hold much more.
fn compact(column: &ArrayRef) -> ArrayRef {
    if let DataType::Utf8View = column.data_type() {
        let views = column.as_string_view();
        let held: usize = views.data_buffers().iter().map(|buffer| buffer.len()).sum();
        let used: usize = views.lengths().filter(|length| *length > 12).map(|length| length as usize).sum();
        if held > 4096 && held / 2 > used {
            return Arc::new(views.gc());
        }
    }
    Arc::clone(column)
}

/// The rows of the one group.
pub(crate) struct Gathered {
    finish: Arc<dyn Finish>,
    layout: Arc<Layout>,
    batches: VecDeque<Vec<ArrayRef>>,
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered").field("layout", &self.layout).field("batches", &self.batches.len()).finish_non_exhaustive()
    }
}

impl Gathered {
    pub(crate) fn new(finish: Arc<dyn Finish>, layout: Arc<Layout>) -> Self {
        Self { finish, layout, batches: VecDeque::new() }
    }

    /// All rows as one batch, which is then kept in place of the many.
    fn joined(&mut self) -> Outcome<Vec<ArrayRef>> {
        if self.batches.len() != 1 {
            let columns = self.layout.joined(self.batches.iter())?;
            self.batches.clear();
            self.batches.push_back(columns);
        }
        Ok(self.batches.front().cloned().unwrap_or_default())
    }
}

impl Accumulator for Gathered {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let columns = values.iter().take(self.layout.types.len()).map(compact).collect::<Vec<_>>();
        if columns.first().is_some_and(|column| !column.is_empty()) {
            self.batches.push_back(columns);
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // Rows leave a frame in the order they entered it.
        let mut gone = values.first().map_or(0, |column| column.len());
        while gone > 0 {
            let Some(batch) = self.batches.front_mut() else { break };
            let rows = batch.first().map_or(0, |column| column.len());
            if rows <= gone {
                gone -= rows;
                self.batches.pop_front();
            } else {
                for column in batch {
                    *column = column.slice(gone, rows - gone);
                }
                gone = 0;
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |column| column.len());
        for row in 0..rows {
            let columns = states.iter().map(|column| column.as_list::<i32>().value(row)).collect::<Vec<_>>();
            self.update_batch(&columns)?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let columns = self.joined().map_err(external)?;
        let one = |values: ArrayRef| {
            let offsets = OffsetBuffer::from_lengths([values.len()]);
            Ok(ScalarValue::List(Arc::new(list(values, offsets)?)))
        };
        columns.into_iter().map(one).collect::<Outcome<_>>().map_err(external)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let columns = self.joined().map_err(external)?;
        let (columns, ranges) = self.layout.arranged(&columns, None, 1).map_err(external)?;
        let result = self.finish.finish(&columns, &ranges).map_err(external)?;
        ScalarValue::try_from_array(&result, 0)
    }

    fn size(&self) -> usize {
        let held: usize = self.batches.iter().flatten().map(|column| column.get_array_memory_size()).sum();
        size_of_val(self) + held
    }
}

/// The rows of many groups.
pub(crate) struct GatheredGroups {
    finish: Arc<dyn Finish>,
    layout: Arc<Layout>,
    batches: Vec<Vec<ArrayRef>>,
    /// The group of each row of all batches.
    groups: Vec<usize>,
    /// Groups there are.
    count: usize,
    held: usize,
}

impl GatheredGroups {
    pub(crate) fn new(finish: Arc<dyn Finish>, layout: Arc<Layout>) -> Self {
        Self { finish, layout, batches: Vec::new(), groups: Vec::new(), count: 0, held: 0 }
    }

    fn push(&mut self, columns: Vec<ArrayRef>, groups: impl Iterator<Item = usize>) {
        let columns: Vec<ArrayRef> = columns.iter().map(compact).collect();
        self.held += columns.iter().map(|column| column.get_array_memory_size()).sum::<usize>();
        self.batches.push(columns);
        self.groups.extend(groups);
    }

    /// Takes out the first groups: their number, and all rows with the group of each. Rows of later groups stay.
    fn taken(&mut self, emit_to: EmitTo) -> Outcome<(usize, Vec<ArrayRef>, Vec<usize>)> {
        let columns = self.layout.joined(self.batches.iter())?;
        self.batches.clear();
        self.held = 0;
        let groups = std::mem::take(&mut self.groups);
        let count = match emit_to {
            EmitTo::All => std::mem::take(&mut self.count),
            EmitTo::First(count) => {
                self.count -= count;
                let later: BooleanArray = groups.iter().map(|group| Some(*group >= count)).collect();
                if later.true_count() > 0 {
                    let rest = columns.iter().map(|column| filter(column, &later).map_err(|error| arrow(&error)));
                    let rest = rest.collect::<Outcome<Vec<_>>>()?;
                    self.push(rest, groups.iter().filter(|group| **group >= count).map(|group| group - count));
                }
                count
            }
        };
        Ok((count, columns, groups))
    }
}

fn kept(columns: &[ArrayRef], mask: &BooleanArray) -> Outcome<Vec<ArrayRef>> {
    columns.iter().map(|column| filter(column, mask).map_err(|error| arrow(&error))).collect()
}

/// A filter without NULLs.
fn mask(filter: &BooleanArray) -> BooleanArray {
    if filter.null_count() > 0 { prep_null_mask_filter(filter) } else { filter.clone() }
}

impl GroupsAccumulator for GatheredGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.count = total_num_groups;
        let values = values.get(..self.layout.types.len()).unwrap_or(values);
        match opt_filter {
            None => self.push(values.to_vec(), group_indices.iter().copied()),
            Some(filter) => {
                let mask = mask(filter);
                let columns = kept(values, &mask).map_err(external)?;
                self.push(columns, group_indices.iter().zip(mask.values()).filter(|(_, keep)| *keep).map(|(group, _)| *group));
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.count = total_num_groups;
        let Some(first) = values.first().and_then(|column| column.as_list_opt::<i32>()) else {
            return Ok(());
        };
        let groups: Vec<usize> = group_indices
            .iter()
            .enumerate()
            .flat_map(|(row, group)| std::iter::repeat_n(*group, usize::try_from(first.value_length(row)).unwrap_or(0)))
            .collect();
        let flat = |column: &ArrayRef| {
            let list = column.as_list::<i32>();
            let offsets = list.value_offsets();
            let (start, end) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
            list.values().slice(start as usize, (end - start) as usize)
        };
        self.push(values.iter().map(flat).collect(), groups.into_iter());
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (count, columns, groups) = self.taken(emit_to).map_err(external)?;
        let (columns, ranges) = self.layout.arranged(&columns, Some(&groups), count).map_err(external)?;
        self.finish.finish(&columns, &ranges).map_err(external)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (count, columns, groups) = self.taken(emit_to).map_err(external)?;
        let plain = Layout { types: self.layout.types.clone(), arguments: columns.len(), keys: Vec::new(), distinct: false };
        let (columns, ranges) = plain.arranged(&columns, Some(&groups), count).map_err(external)?;
        let lists = columns.into_iter().map(|values| {
            let offsets = OffsetBuffer::from_lengths(ranges.iter().map(Range::len));
            Ok(Arc::new(list(values, offsets)?) as ArrayRef)
        });
        lists.collect::<Outcome<_>>().map_err(external)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values.get(..self.layout.types.len()).unwrap_or(values);
        let rows = values.first().map_or(0, |column| column.len());
        let (columns, lengths) = match opt_filter {
            None => (values.to_vec(), vec![1; rows]),
            Some(filter) => {
                let mask = mask(filter);
                (kept(values, &mask).map_err(external)?, mask.values().iter().map(usize::from).collect())
            }
        };
        let lists =
            columns.into_iter().map(|values| Ok(Arc::new(list(values, OffsetBuffer::from_lengths(lengths.iter().copied()))?) as ArrayRef));
        lists.collect::<Outcome<_>>().map_err(external)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.held + self.groups.capacity() * size_of::<usize>()
    }
}
