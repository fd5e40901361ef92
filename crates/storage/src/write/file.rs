//! One data file while it grows. Blocks; belongs on a blocking thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kura_catalog::NewDataFile;
use parquet::file::writer::SerializedFileWriter;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::object::local::{Finished, LocalFile};
use crate::parquet::checksum::{self, Summing};
use crate::parquet::encode::{Encoder, FileStatistics, RowGroup};

/// Length of the footer, and magic.
const TRAILER: u64 = 8;

/// A file that takes more row groups. Removed from disk when dropped.
pub(crate) struct GrowingFile {
    encoder: Arc<Encoder>,
    name: String,
    writer: SerializedFileWriter<Summing<LocalFile>>,
    statistics: FileStatistics,
}

/// A complete file on disk and its entry for the catalog.
pub(crate) struct WrittenFile {
    /// Removes the file unless it is kept.
    pub(crate) finished: Finished,
    /// What the catalog is to know.
    pub(crate) entry: NewDataFile,
}

impl GrowingFile {
    /// Creates a file with a new name in `directory`.
    pub(crate) fn create(encoder: &Arc<Encoder>, directory: &Path) -> Result<Self> {
        Self::create_named(encoder, directory, format!("{}.parquet", Uuid::now_v7()))
    }

    /// Creates a file in `directory` whose name nothing else has.
    pub(crate) fn create_named(encoder: &Arc<Encoder>, directory: &Path, name: String) -> Result<Self> {
        Ok(Self { name: name.clone(), ..Self::create_at(encoder, directory.join(&name))? })
    }

    /// Creates a file whose name the catalog is not to know.
    pub(crate) fn create_at(encoder: &Arc<Encoder>, path: PathBuf) -> Result<Self> {
        let mut writer = encoder.file(Summing::new(LocalFile::create(path)?))?;
        // The hash of the footer comes in when there is one.
        let head = [checksum::TAG.as_slice(), &[0; 8]].concat();
        writer.write_all(&head).map_err(|error| Error::Encode(error.into()))?;
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
    pub(crate) fn finish(mut self, partition_values: Vec<Option<String>>) -> Result<WrittenFile> {
        self.writer.flush().map_err(|error| Error::Encode(error.into()))?;
        let checksums = self.writer.inner().entry();
        self.writer.append_key_value_metadata(checksums);
        let file = self.writer.into_inner().map_err(Error::Encode)?.into_inner();
        let [a, b, c, d, ..] = file.last_bytes(TRAILER)?[..] else {
            return Err(Error::internal("a file without trailer"));
        };
        let footer = file.last_bytes(u64::from(u32::from_le_bytes([a, b, c, d])) + TRAILER)?;
        file.write_at(&checksum::of_footer(&footer).to_le_bytes(), checksum::FOOTER_HASH_AT)?;
        let finished = file.finish()?;
        let entry = NewDataFile {
            path: self.name,
            record_count: self.statistics.rows,
            file_size: finished.size,
            footer_size: footer.len() as u64 - TRAILER,
            columns: self.statistics.into_columns(self.encoder.leaves()),
            partition_values,
        };
        Ok(WrittenFile { finished, entry })
    }
}
