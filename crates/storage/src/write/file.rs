//! One data file while it grows. Blocks; belongs on a blocking thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kura_catalog::NewDataFile;
use parquet::file::writer::SerializedFileWriter;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::object::local::{Finished, LocalFile};
use crate::parquet::encode::{Encoder, FileStatistics, RowGroup};

/// A file that takes more row groups. Removed from disk when dropped.
pub(crate) struct OpenFile {
    encoder: Arc<Encoder>,
    name: String,
    writer: SerializedFileWriter<LocalFile>,
    statistics: FileStatistics,
}

/// A complete file on disk and its entry for the catalog.
pub(crate) struct WrittenFile {
    /// Removes the file unless it is kept.
    pub(crate) finished: Finished,
    /// What the catalog is to know.
    pub(crate) entry: NewDataFile,
}

impl OpenFile {
    /// Creates a file with a new name in `directory`.
    pub(crate) fn create(encoder: &Arc<Encoder>, directory: &Path) -> Result<Self> {
        let name = format!("{}.parquet", Uuid::now_v7());
        Ok(Self { name: name.clone(), ..Self::create_at(encoder, directory.join(&name))? })
    }

    /// Creates a file whose name the catalog is not to know.
    pub(crate) fn create_at(encoder: &Arc<Encoder>, path: PathBuf) -> Result<Self> {
        let writer = encoder.file(LocalFile::create(path)?)?;
        Ok(Self { encoder: Arc::clone(encoder), name: String::new(), writer, statistics: FileStatistics::default() })
    }

    /// Writes an encoded row group.
    pub(crate) fn append(&mut self, group: RowGroup) -> Result<()> {
        group.append_to(&mut self.writer, &mut self.statistics)
    }

    /// Bytes so far.
    pub(crate) fn size(&self) -> u64 {
        self.writer.bytes_written() as u64
    }

    /// Writes the footer and forces the file to disk.
    pub(crate) fn finish(self, partition_values: Vec<Option<String>>) -> Result<WrittenFile> {
        let file = self.writer.into_inner().map_err(Error::Encode)?;
        let [a, b, c, d, ..] = file.trailer()?;
        let finished = file.finish()?;
        let entry = NewDataFile {
            path: self.name,
            record_count: self.statistics.rows,
            file_size: finished.size,
            footer_size: u32::from_le_bytes([a, b, c, d]).into(),
            columns: self.statistics.into_columns(self.encoder.leaves()),
            partition_values,
        };
        Ok(WrittenFile { finished, entry })
    }
}
