//! Aggregates over all rows of a group: DISTINCT, ORDER BY, frames that move, and results that hold every value.
//!
//! Rows are kept as the columns they came in, and put in order once, when the result is asked for.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, MutableArrayData, make_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{filter, prep_null_mask_filter};
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::arrange::{Layout, check_rows, too_many_rows};
use crate::failure::{Outcome, arrow, external};

/// Bytes below which no copy is made to hold less.
const COMPACT_BYTES_MIN: usize = 4096;

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
        if held > COMPACT_BYTES_MIN && held / 2 > used {
            return Arc::new(views.gc());
        }
        return Arc::clone(column);
    }
    let data = column.to_data();
    let (held, used) = (column.get_array_memory_size(), data.get_slice_memory_size().unwrap_or(usize::MAX));
    if held > COMPACT_BYTES_MIN && held / 2 > used {
        // A slice of something large.
        let mut copy = MutableArrayData::new(vec![&data], false, column.len());
        if copy.try_extend(0, 0, column.len()).is_ok() {
            return make_array(copy.freeze());
        }
    }
    Arc::clone(column)
}

/// Bytes that columns of `held` bytes take until they are handed out: at that moment they are there twice, and where they are
/// sorted by their values a third time.
fn bytes_to_finish(held: usize, batches: usize, sorted: bool) -> usize {
    let copies = 1 + usize::from(batches > 1 || sorted) + usize::from(sorted);
    held.saturating_mul(copies)
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
            check_rows(self.batches.iter().filter_map(|batch| batch.first()).map(|column| column.len()).sum())?;
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
        size_of_val(self) + bytes_to_finish(held, self.batches.len(), self.layout.is_sorted())
    }
}

/// The rows of many groups.
pub(crate) struct GatheredGroups {
    finish: Arc<dyn Finish>,
    layout: Arc<Layout>,
    batches: Vec<Batch>,
    /// Groups there are.
    count: usize,
    /// Rows and bytes of all batches.
    rows: usize,
    held: usize,
}

/// Rows as they came.
struct Batch {
    columns: Vec<ArrayRef>,
    /// The group of each.
    groups: Vec<u32>,
}

impl GatheredGroups {
    pub(crate) fn new(finish: Arc<dyn Finish>, layout: Arc<Layout>) -> Self {
        Self { finish, layout, batches: Vec::new(), count: 0, rows: 0, held: 0 }
    }

    /// # Errors
    /// 54000 for more than [`ROWS_MAX`].
    fn push(&mut self, columns: &[ArrayRef], groups: impl Iterator<Item = usize>) -> Outcome<()> {
        let columns: Vec<ArrayRef> = columns.iter().map(compact).collect();
        let mut numbers = Vec::with_capacity(columns.first().map_or(0, |column| column.len()));
        for group in groups {
            numbers.push(u32::try_from(group).map_err(|_| too_many_rows())?);
        }
        self.rows += numbers.len();
        check_rows(self.rows)?;
        self.held += columns.iter().map(|column| column.get_array_memory_size()).sum::<usize>();
        self.batches.push(Batch { columns, groups: numbers });
        Ok(())
    }

    /// Takes out the first groups: their number, and all rows with the group of each. Rows of later groups stay.
    fn taken(&mut self, emit_to: EmitTo) -> Outcome<(usize, Vec<ArrayRef>, Vec<u32>)> {
        let columns = self.layout.joined(self.batches.iter().map(|batch| &batch.columns))?;
        let groups: Vec<u32> = self.batches.iter().flat_map(|batch| batch.groups.iter().copied()).collect();
        self.batches.clear();
        (self.rows, self.held) = (0, 0);
        let count = match emit_to {
            EmitTo::All => std::mem::take(&mut self.count),
            EmitTo::First(count) => {
                self.count -= count;
                let later: BooleanArray = groups.iter().map(|group| Some(*group as usize >= count)).collect();
                if later.true_count() > 0 {
                    let rest = kept(&columns, &later)?;
                    self.push(
                        &rest,
                        groups.iter().map(|group| *group as usize).filter(|group| *group >= count).map(|group| group - count),
                    )?;
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
            None => self.push(values, group_indices.iter().copied()),
            Some(filter) => {
                let mask = mask(filter);
                let columns = kept(values, &mask).map_err(external)?;
                self.push(&columns, group_indices.iter().zip(mask.values()).filter(|(_, keep)| *keep).map(|(group, _)| *group))
            }
        }
        .map_err(external)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.count = total_num_groups;
        let Some(first) = values.first().and_then(|column| column.as_list_opt::<i32>()) else {
            return Ok(());
        };
        let lengths = first.offsets().lengths();
        let groups = group_indices.iter().zip(lengths).flat_map(|(group, length)| std::iter::repeat_n(*group, length));
        let flat = |column: &ArrayRef| {
            let list = column.as_list::<i32>();
            let offsets = list.value_offsets();
            let (start, end) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
            list.values().slice(start as usize, (end - start) as usize)
        };
        let columns: Vec<ArrayRef> = values.iter().map(flat).collect();
        self.push(&columns, groups).map_err(external)
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
        // The groups of all rows are there twice as well, and then the order of the rows.
        let numbers = self.rows * size_of::<u32>() * 3;
        size_of_val(self) + numbers + bytes_to_finish(self.held, self.batches.len(), self.layout.is_sorted())
    }
}
