//! Parquet files of others: read as they are, written as anybody reads them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Field, IntervalUnit, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::{self, StreamExt, TryStreamExt};
use kura_pgtypes::PgType;
use object_store::local::LocalFileSystem;
use parquet::arrow::ProjectionMask;

use crate::error::{Error, Result};
use crate::external::access::FileAccess;
use crate::external::bytes::{blocking, sibling};
use crate::object::{ObjectFile, Origin};
use crate::parquet::adapter::canonical;
use crate::parquet::encode::{Encoder, ROW_GROUP_BYTES, ROW_GROUP_ROWS};
use crate::parquet::footer::{self, Footer};
use crate::parquet::layout::Layout;
use crate::parquet::pages::OpenFile;
use crate::parquet::reader::{self, OpenRowGroup, Request};
use crate::write::append::sliced_bytes;
use crate::write::file::GrowingFile;
use crate::write::pipeline::{Bounds, Pipeline};

/// Rows in a batch.
const BATCH_ROWS: usize = 8192;
/// Bytes of rows that may be in the course of being encoded.
const IN_FLIGHT_BYTES: usize = 128 << 20;

/// A file and how its columns become those of the result.
struct Source {
    open: OpenFile,
    footer: Arc<Footer>,
    /// For each column of the result, the root in the file.
    roots: Vec<Option<usize>>,
}

/// The rows of the file at `path`, or of all files a pattern with `*` matches, in the order of their names.
///
/// The first file decides about names and types, which the stream's schema tells; others are matched by name. Rows keep their order.
///
/// # Errors
/// As [`FileAccess::resolve_all`]; `BadFile` for what is no Parquet file, also within the stream.
pub async fn read_parquet(access: &FileAccess, path: &str) -> Result<SendableRecordBatchStream> {
    let (access, shown) = (access.clone(), path.to_owned());
    let files = blocking(move || {
        let paths = access.resolve_all(&shown)?;
        paths.iter().map(|path| open_local(path)).collect::<Result<Vec<_>>>()
    })
    .await?;
    let mut sources: Vec<Source> = Vec::with_capacity(files.len());
    let mut schema: Option<SchemaRef> = None;
    for file in files {
        let footer = Arc::new(footer::load(&file, 0).await?);
        let schema = schema.get_or_insert_with(|| outward(&footer));
        let own = footer.arrow.schema();
        let roots = schema.fields().iter().map(|field| own.index_of(field.name()).ok()).collect();
        let open = OpenFile::new(&file, &footer, None)?;
        sources.push(Source { open, footer, roots });
    }
    let schema = schema.ok_or_else(|| Error::Missing { path: path.to_owned() })?;
    let output = Arc::clone(&schema);
    let units = sources.into_iter().flat_map(|source| {
        let source = Arc::new(source);
        (0..source.footer.metadata().num_row_groups()).map(move |group| (Arc::clone(&source), group))
    });
    let batches = stream::iter(units.collect::<Vec<_>>())
        .map(|(source, group)| open_group(source, group))
        .map_ok(move |(source, open)| stream::iter(Decoding { source, open, schema: Arc::clone(&schema) }))
        .try_flatten()
        .map_err(DataFusionError::from);
    Ok(Box::pin(RecordBatchStreamAdapter::new(output, batches)))
}

fn open_local(path: &Path) -> Result<ObjectFile> {
    let shown = path.display().to_string();
    let size = std::fs::metadata(path).map_err(|source| Error::Io { action: "stat file", path: shown.clone(), source })?.len();
    let location = object_store::path::Path::from_absolute_path(path).map_err(|_| Error::InvalidName { path: shown.clone() })?;
    Ok(ObjectFile::new(Arc::new(LocalFileSystem::new()), location, path, &shown, size, Origin::User))
}

/// The schema rows come out in: without field ids, and with intervals as intervals.
fn outward(footer: &Footer) -> SchemaRef {
    let fields = footer.arrow.schema().fields().iter().enumerate().map(|(root, field)| {
        let data_type = field.data_type().clone();
        let data_type = if footer.intervals.contains(&root) { with_intervals(data_type) } else { plain(data_type) };
        Field::new(field.name(), data_type, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn plain(data_type: DataType) -> DataType {
    match data_type {
        DataType::List(element) => DataType::List(Arc::new(Field::new_list_field(plain(element.data_type().clone()), true))),
        other => other,
    }
}

fn with_intervals(data_type: DataType) -> DataType {
    match data_type {
        DataType::FixedSizeBinary(12) => DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::List(element) => DataType::List(Arc::new(Field::new_list_field(with_intervals(element.data_type().clone()), true))),
        other => other,
    }
}

fn open_group(source: Arc<Source>, row_group: usize) -> Result<(Arc<Source>, OpenRowGroup)> {
    let roots = source.roots.iter().flatten().copied();
    let mask = ProjectionMask::roots(source.footer.arrow.parquet_schema(), roots);
    let request = Request { row_group, mask, filter: None, selection: None, batch_size: BATCH_ROWS, limit: None };
    let open = reader::open(&source.open, &source.footer.arrow, request)?;
    Ok((source, open))
}

struct Decoding {
    source: Arc<Source>,
    open: OpenRowGroup,
    schema: SchemaRef,
}

impl Decoding {
    fn outward(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        // Decoded columns are in the file's order, each root once.
        let mut decoded: Vec<usize> = self.source.roots.iter().flatten().copied().collect();
        decoded.sort_unstable();
        decoded.dedup();
        let positions: HashMap<usize, usize> = decoded.into_iter().enumerate().map(|(position, root)| (root, position)).collect();
        let columns = self.source.roots.iter().zip(self.schema.fields()).map(|(root, field)| -> Result<ArrayRef> {
            let position = root.and_then(|root| positions.get(&root).copied());
            let Some(array) = position.and_then(|position| batch.columns().get(position)) else {
                return Ok(new_null_array(field.data_type(), batch.num_rows()));
            };
            canonical(array, None, field.data_type())
                .map_err(|error| self.source.open.file().corrupt(format!("column \"{}\": {error}", field.name())))
        });
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns.collect::<Result<_>>()?, &options)
            .map_err(|error| self.open.corrupt(&error))
    }
}

impl Iterator for Decoding {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.open.next() {
            Ok(batch) => batch.map(|batch| self.outward(&batch)),
            Err(error) => Some(Err(error)),
        }
    }
}

/// Writes all rows of `input` to one Parquet file and returns their number. `columns` name and type the input's columns; the types
/// are canonical. An existing file is replaced when the new one is complete.
///
/// # Errors
/// As [`FileAccess::resolve_for_writing`]; the input's own as `Input`; `Io`.
pub async fn write_parquet(
    access: &FileAccess,
    path: &str,
    columns: &[(String, PgType)],
    mut input: SendableRecordBatchStream,
) -> Result<u64> {
    let (access, shown) = (access.clone(), path.to_owned());
    let target = blocking(move || access.resolve_for_writing(&shown)).await?;
    let encoder = Arc::new(Encoder::new(Layout::of_result(columns)?)?);
    let file = GrowingFile::create_at(&encoder, sibling(&target))?;
    let bounds = Bounds { in_flight_bytes: IN_FLIGHT_BYTES, file_bytes: u64::MAX, open_files: 1 };
    let mut pipeline = Pipeline::with_file(encoder, PathBuf::new(), bounds, file);
    let (mut batches, mut held_rows, mut bytes, mut rows) = (Vec::new(), 0, 0, 0_u64);
    while let Some(batch) = input.next().await {
        let batch = batch?;
        rows += batch.num_rows() as u64;
        held_rows += batch.num_rows();
        bytes += sliced_bytes(&batch);
        batches.push(batch);
        if held_rows >= ROW_GROUP_ROWS || bytes >= ROW_GROUP_BYTES {
            pipeline.push(0, Vec::new(), std::mem::take(&mut batches), bytes).await?;
            (held_rows, bytes) = (0, 0);
        }
    }
    if held_rows > 0 {
        pipeline.push(0, Vec::new(), batches, bytes).await?;
    }
    let written = pipeline.finish().await?;
    let finished = written.into_iter().next().ok_or_else(|| Error::internal("no file was written"))?.finished;
    blocking(move || finished.rename(&target)).await?;
    Ok(rows)
}
