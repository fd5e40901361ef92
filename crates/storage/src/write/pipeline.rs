//! From row groups to files: encoding in the background within a bound of memory, writing in order, rolling to new files.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;

use crate::error::{Error, Result};
use crate::parquet::encode::{Encoder, RowGroup};
use crate::write::file::{GrowingFile, WrittenFile};

/// Row groups that are being encoded at a time, however small.
const ENCODING_MAX: usize = 8;
/// Files that are being forced to disk at a time.
const CLOSING_MAX: usize = 8;

/// Bounds of a pipeline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes of rows that may be in the course of being encoded.
    pub(crate) in_flight_bytes: usize,
    /// Size after which a file is finished.
    pub(crate) file_bytes: u64,
    /// Files open at a time.
    pub(crate) open_files: usize,
}

/// Row groups on their way to files, one open file for each partition.
pub(crate) struct Pipeline {
    encoder: Arc<Encoder>,
    directory: PathBuf,
    bounds: Bounds,
    encoding: VecDeque<Encoding>,
    in_flight_bytes: usize,
    open: HashMap<usize, GrowingFile>,
    keys: HashMap<usize, Vec<Option<String>>>,
    closing: VecDeque<SpawnedTask<Result<WrittenFile>>>,
    written: Vec<WrittenFile>,
}

struct Encoding {
    partition: usize,
    values: Vec<Option<String>>,
    bytes: usize,
    task: SpawnedTask<Result<RowGroup>>,
}

/// Runs blocking work to its end.
pub(crate) async fn joined<T: 'static>(task: SpawnedTask<Result<T>>) -> Result<T> {
    match task.join().await {
        Ok(result) => result,
        Err(error) => Err(Error::internal(format!("a writing task ended: {error}"))),
    }
}

impl Pipeline {
    /// `directory` is where the files go.
    pub(crate) fn new(encoder: Arc<Encoder>, directory: PathBuf, bounds: Bounds) -> Self {
        Self {
            encoder,
            directory,
            bounds,
            encoding: VecDeque::new(),
            in_flight_bytes: 0,
            open: HashMap::new(),
            keys: HashMap::new(),
            closing: VecDeque::new(),
            written: Vec::new(),
        }
    }

    /// The same with the only partition's file already open.
    pub(crate) fn with_file(encoder: Arc<Encoder>, directory: PathBuf, bounds: Bounds, file: GrowingFile) -> Self {
        let mut pipeline = Self::new(encoder, directory, bounds);
        pipeline.open.insert(0, file);
        pipeline
    }

    /// Takes a row group of a partition; waits while too much is in flight. `values` are the partition's keys.
    pub(crate) async fn push(
        &mut self,
        partition: usize,
        values: Vec<Option<String>>,
        batches: Vec<RecordBatch>,
        bytes: usize,
    ) -> Result<()> {
        let is_full =
            |own: &Self| own.encoding.len() >= ENCODING_MAX || own.in_flight_bytes.saturating_add(bytes) > own.bounds.in_flight_bytes;
        while !self.encoding.is_empty() && is_full(self) {
            self.write_oldest().await?;
        }
        let encoder = Arc::clone(&self.encoder);
        let task = SpawnedTask::spawn_blocking(move || encoder.encode(&batches));
        self.in_flight_bytes += bytes;
        self.encoding.push_back(Encoding { partition, values, bytes, task });
        Ok(())
    }

    /// Waits for the oldest row group and writes it to its partition's file.
    async fn write_oldest(&mut self) -> Result<()> {
        let Some(Encoding { partition, values, bytes, task }) = self.encoding.pop_front() else {
            return Ok(());
        };
        let group = joined(task).await?;
        self.in_flight_bytes -= bytes;
        let open = self.open.remove(&partition);
        if open.is_none() {
            self.make_room().await?;
        }
        let (encoder, directory) = (Arc::clone(&self.encoder), self.directory.clone());
        let file = joined(SpawnedTask::spawn_blocking(move || {
            let mut file = open.map_or_else(|| GrowingFile::create(&encoder, &directory), Ok)?;
            file.append(group)?;
            Ok(file)
        }))
        .await?;
        if file.size() >= self.bounds.file_bytes {
            self.close(file, values).await?;
        } else {
            self.open.insert(partition, file);
            self.keys.insert(partition, values);
        }
        Ok(())
    }

    /// Finishes the largest file when as many are open as may be.
    async fn make_room(&mut self) -> Result<()> {
        if self.open.len() < self.bounds.open_files {
            return Ok(());
        }
        let Some(largest) = self.open.iter().max_by_key(|(_, file)| file.size()).map(|(partition, _)| *partition) else {
            return Ok(());
        };
        self.close_partition(largest).await
    }

    async fn close_partition(&mut self, partition: usize) -> Result<()> {
        let values = self.keys.remove(&partition).unwrap_or_default();
        match self.open.remove(&partition) {
            Some(file) => self.close(file, values).await,
            None => Ok(()),
        }
    }

    /// Finishes a file in the background, a few at a time.
    async fn close(&mut self, file: GrowingFile, values: Vec<Option<String>>) -> Result<()> {
        if self.closing.len() >= CLOSING_MAX
            && let Some(oldest) = self.closing.pop_front()
        {
            self.written.push(joined(oldest).await?);
        }
        self.closing.push_back(SpawnedTask::spawn_blocking(move || file.finish(values)));
        Ok(())
    }

    /// Finishes everything. The files are on disk then, their names are not yet.
    pub(crate) async fn finish(mut self) -> Result<Vec<WrittenFile>> {
        while !self.encoding.is_empty() {
            self.write_oldest().await?;
        }
        let mut open: Vec<usize> = self.open.keys().copied().collect();
        open.sort_unstable();
        for partition in open {
            self.close_partition(partition).await?;
        }
        while let Some(task) = self.closing.pop_front() {
            self.written.push(joined(task).await?);
        }
        Ok(self.written)
    }
}
