//! Opening a row group for decoding, and decoding it batch by batch without ever panicking on what a file holds.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowFilter, RowSelection,
};
use parquet::errors::ParquetError;

use crate::error::{Error, Result};
use crate::object::ObjectFile;
use crate::parquet::pages::OpenFile;

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

/// A row group ready to be decoded. It holds the page of each column that is being decoded, not more.
pub(crate) struct OpenRowGroup {
    file: ObjectFile,
    batches: ParquetRecordBatchReader,
}

/// Opens a row group and evaluates the filter on all of it. Blocks while the disk does. `metadata` is the file's, out of its footer.
///
/// # Errors
/// `Corrupt`, `Missing`, `Io`. Errors of the filter come back as `Input`.
pub(crate) fn open(file: &OpenFile, metadata: &ArrowReaderMetadata, request: Request) -> Result<OpenRowGroup> {
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file.pages(), metadata.clone())
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
    let file = file.file().clone();
    let opened = catch_unwind(AssertUnwindSafe(|| builder.build()));
    let batches = opened.unwrap_or_else(|_| Err(nonsense())).map_err(|error| translate(&file, error))?;
    Ok(OpenRowGroup { file, batches })
}

impl OpenRowGroup {
    /// Decodes the next batch.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let next = catch_unwind(AssertUnwindSafe(|| self.batches.next()));
        let batch = next.map_err(|_| translate(&self.file, nonsense()))?;
        batch.transpose().map_err(|error| translate(&self.file, error.into()))
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
    let text = readable(&error);
    let mut next: Box<dyn std::error::Error + Send + Sync> = Box::new(error);
    // Wrapped once for each layer of the decoder that it passed.
    for _ in 0..8 {
        next = match next.downcast::<Error>() {
            Ok(own) => return *own,
            Err(other) => match unwrapped(other) {
                Some(inner) => inner,
                None => break,
            },
        };
    }
    file.corrupt(text)
}

/// The decoder's words without the names of the layers they passed.
pub(crate) fn readable(error: &ParquetError) -> String {
    let text = error.to_string();
    let mut words = text.as_str();
    let layers = ["External: ", "Parquet argument error: ", "Parquet error: ", "Arrow: ", "EOF: "];
    while let Some(rest) = layers.iter().find_map(|layer| words.strip_prefix(layer)) {
        words = rest;
    }
    words.to_owned()
}

fn unwrapped(error: Box<dyn std::error::Error + Send + Sync>) -> Option<Box<dyn std::error::Error + Send + Sync>> {
    let error = match error.downcast::<ParquetError>() {
        Ok(error) => match *error {
            ParquetError::External(inner) => return Some(inner),
            _ => return None,
        },
        Err(error) => error,
    };
    let error = match error.downcast::<arrow::error::ArrowError>() {
        Ok(error) => match *error {
            arrow::error::ArrowError::ExternalError(inner) => return Some(inner),
            arrow::error::ArrowError::IoError(_, inner) => return Some(Box::new(inner)),
            _ => return None,
        },
        Err(error) => error,
    };
    error.downcast::<std::io::Error>().ok().and_then(|error| error.into_inner())
}
