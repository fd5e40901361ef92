//! Opening a row group for decoding, and decoding it batch by batch without ever panicking on what a file holds.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::physical_plan::metrics::Count;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, RowFilter, RowSelection};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use crate::error::{Error, Result};
use crate::object::ObjectFile;
use crate::parquet::footer::Footer;

/// What to read of a row group.
pub(crate) struct Request {
    /// Which one, by its number in the footer.
    pub(crate) row_group: usize,
    /// Which columns come out.
    pub(crate) mask: ProjectionMask,
    /// Which rows do: conditions, each with the columns it needs.
    pub(crate) filter: Option<RowFilter>,
    /// Which rows do, by position within the row group.
    pub(crate) selection: Option<RowSelection>,
    /// Rows in a batch.
    pub(crate) batch_size: usize,
    /// Rows after which nothing more is needed.
    pub(crate) limit: Option<usize>,
}

/// The bytes of a row group's chosen columns, ready to be decoded.
pub(crate) struct OpenRowGroup {
    file: ObjectFile,
    batches: ParquetRecordBatchReader,
}

/// Fetches what is needed of a row group and evaluates the filter; `None` when no row is left.
///
/// # Errors
/// `Corrupt`, `Missing`, `Store`. Errors of the filter come back as `Input`.
pub(crate) async fn open(file: ObjectFile, footer: &Footer, request: Request, bytes: Option<Count>) -> Result<Option<OpenRowGroup>> {
    let input = Input { file: file.clone(), metadata: Arc::clone(footer.metadata()), bytes };
    let mut builder = ParquetRecordBatchStreamBuilder::new_with_metadata(input, footer.arrow.clone())
        .with_row_groups(vec![request.row_group])
        .with_projection(request.mask)
        .with_batch_size(request.batch_size);
    if let Some(filter) = request.filter {
        builder = builder.with_row_filter(filter);
    }
    if let Some(selection) = request.selection {
        builder = builder.with_row_selection(selection);
    }
    if let Some(limit) = request.limit {
        builder = builder.with_limit(limit);
    }
    let mut stream = builder.build().map_err(|error| translate(&file, error))?;
    let opened = AssertUnwindSafe(stream.next_row_group()).catch_unwind().await;
    let batches = opened.unwrap_or_else(|_| Err(nonsense())).map_err(|error| translate(&file, error))?;
    Ok(batches.map(|batches| OpenRowGroup { file, batches }))
}

impl OpenRowGroup {
    /// Decodes the next batch.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let next = catch_unwind(AssertUnwindSafe(|| self.batches.next()));
        match next {
            Ok(batch) => batch.transpose().map_err(|error| self.file.corrupt(error.to_string())),
            Err(_) => Err(translate(&self.file, nonsense())),
        }
    }

    /// The error for a decoded batch that does not fit its table.
    pub(crate) fn corrupt(&self, reason: &dyn std::error::Error) -> Error {
        self.file.corrupt(reason.to_string())
    }
}

fn nonsense() -> ParquetError {
    ParquetError::General("its pages make no sense".to_owned())
}

/// Our own errors come back from the decoder as they went in; all others are the file's fault.
fn translate(file: &ObjectFile, error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => file.corrupt(other.to_string()),
        },
        other => file.corrupt(other.to_string()),
    }
}

/// The decoder's view of a file.
struct Input {
    file: ObjectFile,
    metadata: Arc<ParquetMetaData>,
    bytes: Option<Count>,
}

impl AsyncFileReader for Input {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move {
            let mut buffers = self.get_byte_ranges(vec![range]).await?;
            buffers.pop().ok_or_else(nonsense)
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move {
            let buffers = self.file.ranges(&ranges).await.map_err(|error| ParquetError::External(Box::new(error)))?;
            if let Some(bytes) = &self.bytes {
                bytes.add(buffers.iter().map(Bytes::len).sum());
            }
            Ok(buffers)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        futures::future::ready(Ok(Arc::clone(&self.metadata))).boxed()
    }
}
