//! [`append`]: rows in, data files out.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use kura_catalog::{NewDataFile, Table};

use crate::error::{Error, Result};
use crate::object::local;
use crate::parquet::encode::{Encoder, ROW_GROUP_BYTES, ROW_GROUP_ROWS};
use crate::parquet::layout::Layout;
use crate::storage::Storage;
use crate::write::file::WrittenFile;
use crate::write::partition::Router;
use crate::write::pipeline::{Bounds, Pipeline};

/// Bounds of one append.
#[derive(Debug, Clone)]
pub struct AppendOptions {
    /// Bytes of rows held in memory: half of it waiting to become row groups, half being encoded.
    pub memory_bytes: usize,
    /// Size after which a new file is begun.
    pub file_bytes: u64,
    /// Files open for writing at a time; a partitioned append closes the largest one when it needs another.
    pub open_files: usize,
}

impl Default for AppendOptions {
    fn default() -> Self {
        Self { memory_bytes: 256 << 20, file_bytes: 512 << 20, open_files: 64 }
    }
}

/// Rows of one partition that wait to become a row group.
#[derive(Default)]
struct Buffer {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

/// Writes all rows of `input` into new files of a table. Columns come in the table's order and canonical types.
///
/// When it returns, the files are durable, but no catalog names them. When it fails or is dropped, the files are removed as far
/// as that is possible.
///
/// # Errors
/// The input's own as `Input`; `Io`; `Unsupported` for partition keys that cannot be computed; `OutOfRange`.
pub async fn append(
    storage: &Arc<Storage>,
    table: &Table,
    input: SendableRecordBatchStream,
    options: &AppendOptions,
) -> Result<Vec<NewDataFile>> {
    let width = input.schema().fields().len();
    if width != table.columns.len() {
        return Err(Error::internal(format!("{width} columns were given for {} of table \"{}\"", table.columns.len(), table.name)));
    }
    let encoder = Arc::new(Encoder::new(Layout::of_table(&table.columns)?)?);
    let bounds =
        Bounds { in_flight_bytes: options.memory_bytes / 2, file_bytes: options.file_bytes, open_files: options.open_files.max(1) };
    let directory = storage.local_path(&table.path)?;
    let mut append = Append {
        router: Router::new(table)?,
        buffers: Vec::new(),
        buffered: 0,
        buffered_max: options.memory_bytes / 2,
        pipeline: Pipeline::new(encoder, directory, bounds),
    };
    append.take_all(input).await?;
    let written = append.pipeline.finish().await?;
    publish(storage, written).await
}

/// Makes the names of the files durable and lets go of them.
pub(crate) async fn publish(storage: &Arc<Storage>, written: Vec<WrittenFile>) -> Result<Vec<NewDataFile>> {
    let root = storage.root().to_owned();
    let synced = SpawnedTask::spawn_blocking(move || {
        local::sync_directories(&root, written.iter().map(|file| file.finished.path()))?;
        Ok::<_, Error>(written)
    });
    let written = synced.join().await.map_err(|error| Error::internal(format!("a writing task ended: {error}")))??;
    let keep = |file: WrittenFile| {
        file.finished.keep();
        file.entry
    };
    Ok(written.into_iter().map(keep).collect())
}

/// Removes files that [`append`] returned and that no catalog will name, after a rollback or a failed commit.
///
/// What cannot be removed is logged and left: a file no commit names is garbage, not damage.
pub async fn discard(storage: &Arc<Storage>, table: &Table, files: &[NewDataFile]) {
    let Ok(directory) = storage.local_path(&table.path) else {
        return;
    };
    let paths: Vec<_> = files.iter().map(|file| directory.join(&file.path)).collect();
    let removed = SpawnedTask::spawn_blocking(move || paths.iter().for_each(|path| local::remove(path)));
    if let Err(error) = removed.join().await {
        tracing::warn!(%error, "files of a rollback left behind");
    }
}

struct Append {
    router: Router,
    /// By partition.
    buffers: Vec<Buffer>,
    buffered: usize,
    buffered_max: usize,
    pipeline: Pipeline,
}

impl Append {
    async fn take_all(&mut self, mut input: SendableRecordBatchStream) -> Result<()> {
        while let Some(batch) = input.next().await {
            for (partition, share) in self.router.split(batch?)? {
                self.take(partition, share).await?;
            }
            while self.buffered > self.buffered_max {
                let largest = (0..self.buffers.len()).max_by_key(|partition| self.buffers[*partition].bytes);
                let Some(largest) = largest else { break };
                self.flush(largest).await?;
            }
        }
        for partition in 0..self.buffers.len() {
            self.flush(partition).await?;
        }
        Ok(())
    }

    /// Buffers rows, and sends off each row group that becomes full.
    async fn take(&mut self, partition: usize, mut rows: RecordBatch) -> Result<()> {
        if self.buffers.len() <= partition {
            self.buffers.resize_with(partition + 1, Buffer::default);
        }
        while rows.num_rows() > 0 {
            let buffer = &mut self.buffers[partition];
            let room = ROW_GROUP_ROWS - buffer.rows;
            let taken = rows.slice(0, rows.num_rows().min(room));
            rows = rows.slice(taken.num_rows(), rows.num_rows() - taken.num_rows());
            let bytes = sliced_bytes(&taken);
            buffer.rows += taken.num_rows();
            buffer.bytes += bytes;
            self.buffered += bytes;
            buffer.batches.push(taken);
            if buffer.rows >= ROW_GROUP_ROWS || buffer.bytes >= ROW_GROUP_BYTES {
                self.flush(partition).await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self, partition: usize) -> Result<()> {
        let buffer = std::mem::take(&mut self.buffers[partition]);
        self.buffered -= buffer.bytes;
        if buffer.rows == 0 {
            return Ok(());
        }
        self.pipeline.push(partition, self.router.values(partition), buffer.batches, buffer.bytes).await
    }
}

/// Bytes of the rows themselves, not of the buffers they are slices of.
pub(crate) fn sliced_bytes(batch: &RecordBatch) -> usize {
    let size = |column: &ArrayRef| match column.as_string_view_opt() {
        Some(strings) => strings.len() * size_of::<u128>() + strings.total_buffer_bytes_used(),
        None => column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size()),
    };
    batch.columns().iter().map(size).sum()
}
