//! One partition of a scan: one row group after the other, decoded as batches are asked for, conditions applied.
//!
//! Nothing is read ahead: a client that reads slowly costs one page of each column, and the operating system reads ahead anyway.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::RecordBatch;
use arrow::compute::{BatchCoalescer, filter_record_batch};
use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::RecordBatchStream;
use datafusion::physical_optimizer::pruning::PruningPredicate;
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use kura_catalog::{DataFile, Table};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, RowFilter, RowSelection};

use crate::error::Result as StorageResult;
use crate::parquet::adapter::{self, Adapter, FileColumns};
use crate::parquet::footer::Footer;
use crate::parquet::numbering::Numbering;
use crate::parquet::pages::OpenFile;
use crate::parquet::reader::{self, OpenRowGroup, Request};
use crate::scan::filter::{Failure, Filters, Stage};
use crate::scan::prune;
use crate::scan::split::Slice;
use crate::storage::Storage;

/// What all partitions of a scan share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Where the files are.
    pub(crate) storage: Arc<Storage>,
    /// Whose files they are.
    pub(crate) table: Arc<Table>,
    /// The table's fields under their internal names, and those of the row identity if it is wanted.
    pub(crate) schema: SchemaRef,
    /// Conditions, by where they are evaluated.
    pub(crate) filters: Filters,
    /// The same conditions as questions about bounds.
    pub(crate) pruning: Option<Arc<PruningPredicate>>,
    /// Columns of the table that are given out, in that order.
    pub(crate) projection: Vec<usize>,
}

/// Counters of one partition.
#[derive(Debug, Clone)]
struct Counters {
    groups: Count,
    pruned: Count,
    bytes: Count,
}

/// A row group to be read.
struct Unit {
    file: OpenFile,
    footer: Arc<Footer>,
    places: Arc<FileColumns>,
    /// What the decoder goes by: the footer's, numbered where positions are read.
    metadata: ArrowReaderMetadata,
    row_group: usize,
    selection: Option<RowSelection>,
    /// What makes positions of the decoder's numbers.
    correction: i64,
}

/// A row group being decoded.
struct Decoding {
    open: OpenRowGroup,
    adapter: Adapter,
}

impl Unit {
    /// How to decode columns of the table from this row group.
    fn adapter(&self, columns: &[usize], schema: SchemaRef) -> Adapter {
        self.places.adapter(columns, schema, &self.footer).corrected(self.correction)
    }
}

/// How a partition reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Rows in a batch.
    pub(crate) batch_size: usize,
    /// Rows after which the partition ends.
    pub(crate) limit: Option<usize>,
}

impl Shared {
    /// Columns that are decoded for batches: those given out, unless a late condition needs more.
    fn decoded(&self) -> &[usize] {
        self.filters.late.as_ref().map_or(&self.projection, |late| &late.columns)
    }

    /// Whether positions of rows are given out or read by a condition.
    fn reads_positions(&self) -> bool {
        let position = self.table.columns.len() + 1;
        let early = self.filters.early.iter().flat_map(|filter| &filter.columns);
        self.decoded().iter().chain(early).any(|column| *column == position)
    }

    /// Where a file has the columns of the scan.
    fn places(&self, file: &DataFile, footer: &Footer) -> StorageResult<FileColumns> {
        let places = FileColumns::new(&self.table.columns, footer)?;
        let has_identity = self.schema.fields().len() > self.table.columns.len();
        Ok(if has_identity { places.with_row_identity(file.id) } else { places })
    }

    /// The row groups of a slice that are left after pruning.
    async fn units(&self, slice: &Slice, counters: &Counters) -> StorageResult<Vec<Unit>> {
        let file = self.storage.object(&slice.file.path, slice.file.file_size)?;
        let footer = self.storage.footer(&file, slice.file.footer_size).await?;
        adapter::check_rows(&file, &footer, slice.file.record_count)?;
        let open = OpenFile::new(&file, &footer, Some(counters.bytes.clone()))?;
        let places = Arc::new(self.places(&slice.file, &footer)?);
        let numbering = self.reads_positions().then(|| Numbering::new(&file, &footer)).transpose()?;
        let kept =
            self.pruning.as_ref().map(|predicate| prune::row_groups(predicate, &self.table, &self.schema, &slice.file, &footer, &places));
        let deleted = match &slice.file.deletes {
            Some(deletes) => Some(self.storage.deleted(deletes).await?),
            None => None,
        };
        let mut units = Vec::new();
        let mut start = 0_u64;
        for (row_group, metadata) in footer.metadata().row_groups().iter().enumerate() {
            let rows = start..start + u64::try_from(metadata.num_rows()).unwrap_or(0);
            start = rows.end;
            if !slice.rows.contains(&rows.start) || rows.is_empty() {
                continue;
            }
            counters.groups.add(1);
            let selection = deleted.as_ref().and_then(|deleted| deleted.selection(&rows));
            let is_kept = kept.as_ref().is_none_or(|kept| kept.get(row_group).copied().unwrap_or(true));
            if !is_kept || selection.as_ref().is_some_and(|selection| !selection.selects_any()) {
                counters.pruned.add(1);
                continue;
            }
            let (metadata, correction) = match &numbering {
                Some(numbering) => (numbering.metadata.clone(), numbering.correction(row_group)),
                None => (footer.arrow.clone(), 0),
            };
            let (file, footer, places) = (open.clone(), Arc::clone(&footer), Arc::clone(&places));
            units.push(Unit { file, footer, places, metadata, row_group, selection, correction });
        }
        Ok(units)
    }

    /// Opens a row group and evaluates the early conditions on it.
    fn open(&self, unit: Unit, pace: Pace) -> Result<Decoding> {
        let decoded = self.decoded();
        let adapter = unit.adapter(decoded, adapter::project(&self.schema, decoded));
        let failure = Failure::default();
        let stages: Vec<Box<dyn parquet::arrow::arrow_reader::ArrowPredicate>> = self
            .filters
            .early
            .iter()
            .map(|filter| {
                let adapter = unit.adapter(&filter.columns, Arc::clone(&filter.schema));
                Box::new(Stage { filter: filter.clone(), adapter, failure: failure.clone() }) as Box<_>
            })
            .collect();
        let request = Request {
            row_group: unit.row_group,
            mask: adapter.mask.clone(),
            filter: (!stages.is_empty()).then(|| RowFilter::new(stages)),
            selection: unit.selection,
            batch_size: pace.batch_size,
            limit: if self.filters.late.is_some() { None } else { pace.limit },
        };
        match reader::open(&unit.file, &unit.metadata, request) {
            Ok(open) => Ok(Decoding { open, adapter }),
            Err(error) => Err(failure.take().unwrap_or_else(|| error.into())),
        }
    }
}

impl Iterator for Decoding {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.open.next() {
            Ok(batch) => batch?,
            Err(error) => return Some(Err(error.into())),
        };
        Some(self.adapter.adapt(&batch).map_err(|error| self.open.corrupt(&error).into()))
    }
}

/// Decoded batches of all slices in order, before late conditions.
fn batches(shared: Arc<Shared>, slices: Vec<Slice>, pace: Pace, counters: Counters) -> BoxStream<'static, Result<RecordBatch>> {
    let planned = Arc::clone(&shared);
    stream::iter(slices)
        .then(move |slice| {
            let (shared, counters) = (Arc::clone(&planned), counters.clone());
            async move { shared.units(&slice, &counters).await.map_err(DataFusionError::from) }
        })
        .map_ok(|units| stream::iter(units.into_iter().map(Ok)))
        .try_flatten()
        .map(move |unit: Result<Unit>| shared.open(unit?, pace))
        .map_ok(stream::iter)
        .try_flatten()
        .boxed()
}

/// The batches of one partition.
pub(crate) struct ScanStream {
    shared: Arc<Shared>,
    schema: SchemaRef,
    input: BoxStream<'static, Result<RecordBatch>>,
    /// Positions of the given out columns in decoded batches; `None` when they are the same.
    positions: Option<Vec<usize>>,
    /// Joins what is left of batches after conditions.
    coalescer: Option<BatchCoalescer>,
    ready: VecDeque<RecordBatch>,
    remaining: Option<usize>,
    ended: bool,
    baseline: BaselineMetrics,
}

impl ScanStream {
    /// `schema` has the fields of the projection.
    pub(crate) fn new(
        shared: Arc<Shared>,
        schema: SchemaRef,
        slices: Vec<Slice>,
        pace: Pace,
        metrics: &ExecutionPlanMetricsSet,
        partition: usize,
    ) -> Self {
        let counter = |name| MetricBuilder::new(metrics).counter(name, partition);
        let counters =
            Counters { groups: counter("row_groups_total"), pruned: counter("row_groups_pruned"), bytes: counter("bytes_scanned") };
        let has_filters = shared.filters.late.is_some() || !shared.filters.early.is_empty();
        let coalescer = has_filters
            .then(|| BatchCoalescer::new(Arc::clone(&schema), pace.batch_size).with_biggest_coalesce_batch_size(Some(pace.batch_size / 2)));
        let decoded = shared.decoded();
        let position = |column| decoded.iter().position(|own| own == column).expect("what is given out is decoded");
        let positions: Vec<usize> = shared.projection.iter().map(position).collect();
        let positions = (decoded != shared.projection).then_some(positions);
        Self {
            input: batches(Arc::clone(&shared), slices, pace, counters),
            shared,
            schema,
            positions,
            coalescer,
            ready: VecDeque::new(),
            remaining: pace.limit,
            ended: false,
            baseline: BaselineMetrics::new(metrics, partition),
        }
    }

    /// Takes in a decoded batch.
    fn accept(&mut self, batch: &RecordBatch) -> Result<()> {
        let mask = self.shared.filters.late.as_ref().map(|late| late.evaluate(batch)).transpose()?;
        let batch = match &self.positions {
            Some(positions) => batch.project(positions)?,
            None => batch.clone(),
        };
        let batch = match &mask {
            Some(mask) => filter_record_batch(&batch, mask)?,
            None => batch,
        };
        // The coalescer cannot count rows without columns.
        match self.coalescer.as_mut().filter(|_| batch.num_columns() > 0) {
            Some(coalescer) => coalescer.push_batch(batch)?,
            None if batch.num_rows() > 0 => self.ready.push_back(batch),
            None => {}
        }
        Ok(())
    }

    fn completed(&mut self) -> Option<RecordBatch> {
        if let Some(batch) = self.ready.pop_front() {
            return Some(batch);
        }
        self.coalescer.as_mut()?.next_completed_batch()
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        loop {
            if self.remaining == Some(0) {
                self.input = stream::empty().boxed();
                return Poll::Ready(None);
            }
            if let Some(batch) = self.completed() {
                return Poll::Ready(Some(Ok(self.cut(batch))));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            // Decoding happens within this poll.
            let time = self.baseline.elapsed_compute().clone();
            let timer = time.timer();
            let polled = self.input.poll_next_unpin(cx);
            let accepted = match ready!(polled) {
                Some(Ok(batch)) => self.accept(&batch),
                Some(Err(error)) => Err(error),
                None => {
                    self.ended = true;
                    self.coalescer.as_mut().map_or(Ok(()), |coalescer| coalescer.finish_buffered_batch().map_err(Into::into))
                }
            };
            timer.done();
            if let Err(error) = accepted {
                self.ended = true;
                self.coalescer = None;
                self.input = stream::empty().boxed();
                return Poll::Ready(Some(Err(error)));
            }
        }
    }

    /// Cuts a batch at the limit.
    fn cut(&mut self, batch: RecordBatch) -> RecordBatch {
        let Some(remaining) = &mut self.remaining else {
            return batch;
        };
        let rows = batch.num_rows().min(*remaining);
        *remaining -= rows;
        batch.slice(0, rows)
    }
}

impl Stream for ScanStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let poll = self.poll_batch(cx);
        self.baseline.record_poll(poll)
    }
}

impl RecordBatchStream for ScanStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
