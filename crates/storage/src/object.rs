//! Files of the lake as byte ranges: [`ObjectFile`] reads, [`local`] writes durably.
//!
//! Objects are immutable: a path is written once and never again. What the bytes mean is left to `parquet`.

pub(crate) mod local;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::{Error, Result};

/// Whose file it is, which decides what a broken one is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Named by the catalog.
    Lake,
    /// Named by a user in COPY.
    User,
}

/// One object of a known size.
#[derive(Debug, Clone)]
pub(crate) struct ObjectFile {
    store: Arc<dyn ObjectStore>,
    location: Path,
    /// The same file on the local disk.
    local: Arc<FilePath>,
    /// What messages call it.
    pub(crate) name: Arc<str>,
    /// In bytes, as the catalog or a directory entry says.
    pub(crate) size: u64,
    origin: Origin,
}

impl ObjectFile {
    /// `location` is relative to the store, `local` is where that is on the disk, `name` is what messages call the file.
    pub(crate) fn new(store: Arc<dyn ObjectStore>, location: Path, local: &FilePath, name: &str, size: u64, origin: Origin) -> Self {
        Self { store, location, local: Arc::from(local), name: Arc::from(name), size, origin }
    }

    /// Opens the file for reading at any position.
    ///
    /// # Errors
    /// `Missing` or `Corrupt` when it is not there; `Io`.
    pub(crate) fn open(&self) -> Result<File> {
        File::open(&self.local).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => self.missing(),
            _ => Error::Io { action: "open file", path: self.name.to_string(), source },
        })
    }

    /// The error for a file that is not there.
    fn missing(&self) -> Error {
        match self.origin {
            Origin::Lake => self.corrupt("it does not exist"),
            Origin::User => Error::Missing { path: self.name.to_string() },
        }
    }

    /// The error for a file that ends too early.
    pub(crate) fn too_short(&self) -> Error {
        self.corrupt(format!("it is shorter than {} bytes", self.size))
    }

    /// The error for contents that cannot be.
    pub(crate) fn corrupt(&self, reason: impl Into<String>) -> Error {
        let (path, reason) = (self.name.to_string(), reason.into());
        match self.origin {
            Origin::Lake => Error::Corrupt { path, reason },
            Origin::User => Error::BadFile { path, reason },
        }
    }

    /// Reads absolute byte ranges, in any order; one buffer for each, of exactly its length.
    ///
    /// # Errors
    /// `Missing`; `Corrupt` when the object is not there or ends before a range does; `Store` for anything else.
    pub(crate) async fn ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        if let Some(bad) = ranges.iter().find(|range| range.start > range.end || range.end > self.size) {
            return Err(self.corrupt(format!("it refers to bytes {}..{} of {}", bad.start, bad.end, self.size)));
        }
        let buffers = self.store.get_ranges(&self.location, ranges).await.map_err(|error| self.read_error(error))?;
        // A local store answers a read past the end of a truncated file with fewer bytes.
        let short = buffers.len() != ranges.len()
            || ranges.iter().zip(&buffers).any(|(range, buffer)| buffer.len() as u64 != range.end - range.start);
        if short {
            return Err(self.too_short());
        }
        Ok(buffers)
    }

    fn read_error(&self, source: object_store::Error) -> Error {
        match source {
            object_store::Error::NotFound { .. } => self.missing(),
            // A file that ends before the range begins is told from other failures by its size only.
            _ if self.local.metadata().is_ok_and(|metadata| metadata.len() < self.size) => self.too_short(),
            _ => Error::Store { path: self.name.to_string(), source },
        }
    }
}
