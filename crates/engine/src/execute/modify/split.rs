//! [`Splitter`]: rows that say what to do, taken apart into places that go, rows to write and rows for the client.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Int32Type, Int64Type};
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryReservation;
use kura_catalog::Table;
use kura_pgtypes::{OutputSettings, SqlError, SqlState};
use kura_sql::statement::{Action, Twice};
use kura_storage::write::RowSet;

use super::{Change, Done};
use crate::error::{Error, Result};
use crate::execute::table_rows;

/// Where the new values begin: behind action, file and position.
pub(super) const VALUES: usize = 3;

/// Places that are added before their memory is looked at again.
const MEASURED_ROWS: u64 = 100_000;

/// Takes the batches of a query one by one.
pub(super) struct Splitter {
    table: Arc<Table>,
    twice: Twice,
    width: usize,
    settings: OutputSettings,
    /// Rows that other parts of the statement took, and those taken here.
    earlier: Option<RowSet>,
    gone: RowSet,
    gone_bytes: usize,
    /// How many places there are when their memory is looked at again.
    measure_at: u64,
    rows: u64,
    returned: Vec<RecordBatch>,
    returned_bytes: usize,
    reservation: MemoryReservation,
}

/// Rows for the client, and the memory they take.
pub(crate) struct Returned {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) reservation: MemoryReservation,
}

impl Splitter {
    /// `width`: how many columns of new values there are. `reservation` takes what is kept. `earlier`: rows to be left alone.
    pub(super) fn new(
        change: &Change,
        width: usize,
        settings: OutputSettings,
        reservation: MemoryReservation,
        earlier: Option<RowSet>,
    ) -> Self {
        Self {
            table: Arc::clone(&change.table),
            twice: change.twice,
            width,
            settings,
            earlier,
            gone: RowSet::new(),
            gone_bytes: 0,
            measure_at: 1,
            rows: 0,
            returned: Vec::new(),
            returned_bytes: 0,
            reservation,
        }
    }

    /// Notes which rows go and which are returned, and gives those to be written, if any.
    ///
    /// # Errors
    /// 21000, 23502, 53200.
    pub(super) fn take(&mut self, batch: &RecordBatch) -> Result<Option<RecordBatch>> {
        let (applied, written) = self.decide(batch)?;
        self.rows += count(&applied);
        if batch.num_columns() > VALUES + self.width {
            let returned: Vec<usize> = (VALUES + self.width..batch.num_columns()).collect();
            self.keep(chosen(batch, &returned, &applied)?);
        }
        self.account()?;
        if self.width == 0 || count(&written) == 0 {
            return Ok(None);
        }
        let values: Vec<usize> = (VALUES..VALUES + self.width).collect();
        let rows = chosen(batch, &values, &written)?;
        table_rows::check(&rows, &self.table, &self.settings)?;
        Ok(Some(rows))
    }

    /// The places of rows that go, those together with what other parts took, and what else was done.
    pub(super) fn finish(self) -> (RowSet, Option<RowSet>, Done) {
        let returned = Returned { batches: self.returned, reservation: self.reservation };
        (self.gone, self.earlier, Done { rows: self.rows, returned })
    }

    /// Which rows of a batch count, and which of them are to be written.
    fn decide(&mut self, batch: &RecordBatch) -> Result<(BooleanBuffer, BooleanBuffer)> {
        let rows = batch.num_rows();
        let actions = column::<Int32Type>(batch, 0)?;
        let (files, positions) = (column::<Int64Type>(batch, 1)?, column::<Int64Type>(batch, 2)?);
        let (mut applied, mut written) = (vec![false; rows], vec![false; rows]);
        for row in 0..rows {
            let action = Action::from_code(actions.value(row)).filter(|_| actions.is_valid(row));
            let action = action.ok_or_else(|| Error::internal("a row that does not say what to do"))?;
            let counts = match action {
                Action::Nothing => false,
                Action::Insert => true,
                Action::Delete | Action::Update => self.goes(files, positions, row)?,
            };
            applied[row] = counts;
            written[row] = counts && action != Action::Delete;
        }
        Ok((applied.into(), written.into()))
    }

    /// Notes that a row of the table goes; `false` when it went already and that is no error.
    fn goes(&mut self, files: &Int64Array, positions: &Int64Array, row: usize) -> Result<bool> {
        if files.is_null(row) || positions.is_null(row) {
            return Err(Error::internal("a row to be changed without its place"));
        }
        let (file, position) = (files.value(row), positions.value(row));
        let is_left = match &mut self.earlier {
            Some(earlier) => earlier.insert(file, position)?,
            None => true,
        };
        let is_new = is_left && self.gone.insert(file, position)?;
        if is_new || self.twice == Twice::FirstWins {
            return Ok(is_new);
        }
        let error = SqlError::new(SqlState::CARDINALITY_VIOLATION, "MERGE command cannot affect row a second time");
        Err(error.hint("Ensure that not more than one source row matches any one target row.").into())
    }

    /// Reserves what is kept. The set of places is looked at only when many were added.
    fn account(&mut self) -> Result<()> {
        if self.gone.len() >= self.measure_at {
            self.gone_bytes = self.gone.memory_bytes() + self.earlier.as_ref().map_or(0, RowSet::memory_bytes);
            self.measure_at = self.gone.len() + MEASURED_ROWS;
        }
        Ok(self.reservation.try_resize(self.returned_bytes.saturating_add(self.gone_bytes))?)
    }

    fn keep(&mut self, rows: RecordBatch) {
        if rows.num_rows() > 0 {
            self.returned_bytes = self.returned_bytes.saturating_add(rows.get_array_memory_size());
            self.returned.push(rows);
        }
    }
}

fn count(rows: &BooleanBuffer) -> u64 {
    rows.count_set_bits() as u64
}

fn column<T: ArrowPrimitiveType>(batch: &RecordBatch, index: usize) -> Result<&arrow::array::PrimitiveArray<T>> {
    let found = batch.columns().get(index).and_then(|column| column.as_primitive_opt::<T>());
    found.ok_or_else(|| Error::internal(format!("field {index} of a change is not {}", T::DATA_TYPE)))
}

/// Some columns of some rows, in buffers of their own where a few rows would keep many alive.
fn chosen(batch: &RecordBatch, columns: &[usize], rows: &BooleanBuffer) -> Result<RecordBatch> {
    let projected = batch.project(columns).map_err(DataFusionError::from)?;
    if count(rows) == projected.num_rows() as u64 {
        return Ok(projected);
    }
    let filtered = filter_record_batch(&projected, &BooleanArray::new(rows.clone(), None)).map_err(DataFusionError::from)?;
    let columns = filtered.columns().iter().map(compact).collect();
    Ok(RecordBatch::try_new(filtered.schema(), columns).map_err(DataFusionError::from)?)
}

fn compact(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()),
        DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
        _ => Arc::clone(column),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int32Array, StringViewArray};
    use arrow::datatypes::{Field, Schema};
    use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryConsumer, MemoryPool};
    use kura_catalog::Column;
    use kura_pgtypes::{Diagnostic, PgType};

    use super::*;

    fn table() -> Arc<Table> {
        let mut column = Column::new(1, "v", PgType::TEXT);
        column.nullable = false;
        Arc::new(Table {
            id: 1,
            oid: 1,
            schema_id: 1,
            name: "t".to_owned(),
            owner: 10,
            path: "t/".to_owned(),
            columns: vec![column],
            next_column_id: 2,
            comment: None,
            partition: None,
            files: Arc::default(),
            record_count: 0,
            unreadable: None,
        })
    }

    fn splitter(twice: Twice, bytes: usize) -> Splitter {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(bytes));
        let change = Change { command: "MERGE", table: table(), writes: true, twice };
        Splitter::new(&change, 1, OutputSettings::default(), MemoryConsumer::new("test").register(&pool), None)
    }

    /// Rows of action, position in file 7, new value, and returned value.
    fn batch(rows: &[(i32, Option<i64>, Option<&str>, &str)]) -> RecordBatch {
        let fields = [("action", DataType::Int32), ("file", DataType::Int64), ("position", DataType::Int64)];
        let texts = [("v", DataType::Utf8View), ("r", DataType::Utf8View)];
        let fields: Vec<Field> = fields.into_iter().chain(texts).map(|(name, ty)| Field::new(name, ty, true)).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|r| Some(r.0)).collect::<Int32Array>()),
            Arc::new(rows.iter().map(|r| r.1.map(|_| 7)).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|r| r.1).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|r| r.2).collect::<StringViewArray>()),
            Arc::new(rows.iter().map(|r| Some(r.3)).collect::<StringViewArray>()),
        ];
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns fit")
    }

    fn texts(batch: &RecordBatch) -> Vec<&str> {
        batch.column(0).as_string_view().iter().flatten().collect()
    }

    #[test]
    fn rows_go_where_they_belong() {
        let mut splitter = splitter(Twice::FirstWins, 1 << 20);
        let rows =
            [(0, None, None, "-"), (1, Some(4), None, "gone"), (2, Some(5), Some("new"), "changed"), (3, None, Some("added"), "added")];
        let written = splitter.take(&batch(&rows)).expect("taken").expect("rows to write");
        assert_eq!(texts(&written), ["new", "added"]);
        assert!(splitter.take(&batch(&[(2, Some(5), None, "again"), (1, Some(4), None, "again")])).expect("taken").is_none());
        let (gone, _, done) = splitter.finish();
        assert_eq!((gone.len(), done.rows, done.returned.batches.len()), (2, 3, 1));
        assert_eq!(texts(&done.returned.batches[0]), ["gone", "changed", "added"]);
    }

    #[test]
    fn rows_that_another_part_took_are_left_alone() {
        let mut first = splitter(Twice::FirstWins, 1 << 20);
        first.earlier = Some(RowSet::new());
        first.take(&batch(&[(1, Some(4), None, "")])).expect("taken");
        let (_, taken, _) = first.finish();
        let mut second = splitter(Twice::FirstWins, 1 << 20);
        second.earlier = taken;
        second.take(&batch(&[(1, Some(4), None, ""), (1, Some(5), None, "")])).expect("taken");
        let (gone, both, done) = second.finish();
        assert_eq!((gone.len(), both.map(|rows| rows.len()), done.rows), (1, Some(2), 1));
    }

    #[test]
    fn what_is_refused() {
        let twice = [(1, Some(4), None, ""), (1, Some(4), None, "")];
        let error = splitter(Twice::Error, 1 << 20).take(&batch(&twice)).expect_err("twice");
        assert_eq!(error.sqlstate(), SqlState::CARDINALITY_VIOLATION);
        let error = splitter(Twice::Error, 1 << 20).take(&batch(&[(3, None, None, "")])).expect_err("null");
        assert_eq!((error.sqlstate(), error.detail().as_deref()), (SqlState::NOT_NULL_VIOLATION, Some("Failing row contains (null).")));
        let error = splitter(Twice::Error, 10).take(&batch(&[(3, None, Some("a"), "b")])).expect_err("no memory");
        assert_eq!(error.sqlstate(), SqlState::OUT_OF_MEMORY);
        for broken in [(1, None, None, ""), (9, Some(1), None, "")] {
            let error = splitter(Twice::Error, 1 << 20).take(&batch(&[broken])).expect_err("broken");
            assert_eq!(error.sqlstate(), SqlState::INTERNAL_ERROR);
        }
    }
}
