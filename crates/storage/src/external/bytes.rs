//! Raw contents of csv and json files, in pieces.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use datafusion::common::runtime::SpawnedTask;
use futures::stream::{self, BoxStream, StreamExt};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::external::access::FileAccess;
use crate::object::local::LocalFile;

/// Bytes read or written at a time.
const CHUNK: usize = 1 << 20;

/// Runs blocking work on its own thread.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match SpawnedTask::spawn_blocking(work).join().await {
        Ok(result) => result,
        Err(error) => Err(Error::internal(format!("a file task ended: {error}"))),
    }
}

/// The contents of one file, in order, in pieces of up to a megabyte.
///
/// # Errors
/// As [`FileAccess::resolve`], and `Io`, also within the stream.
pub async fn read_bytes(access: &FileAccess, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
    let (access, shown) = (access.clone(), path.to_owned());
    let file = blocking(move || {
        let real = access.resolve(&shown)?;
        File::open(&real).map_err(|source| Error::Io { action: "open file", path: shown, source })
    })
    .await?;
    let shown = path.to_owned();
    let pieces = stream::try_unfold(Some(file), move |file| {
        let shown = shown.clone();
        async move {
            let Some(file) = file else { return Ok(None) };
            blocking(move || read_piece(file, shown)).await
        }
    });
    Ok(pieces.boxed())
}

/// One piece and the file, unless it ended.
fn read_piece(mut file: File, shown: String) -> Result<Option<(Bytes, Option<File>)>> {
    let mut piece = Vec::with_capacity(CHUNK);
    let read = Read::by_ref(&mut file).take(CHUNK as u64).read_to_end(&mut piece);
    let length = read.map_err(|source| Error::Io { action: "read from file", path: shown, source })?;
    Ok((length > 0).then(|| (Bytes::from(piece), Some(file))))
}

/// Writes a file piece by piece. It replaces what was there only when it is complete; dropping it leaves nothing.
#[derive(Debug)]
pub struct ByteWriter {
    target: PathBuf,
    shown: String,
    file: Option<LocalFile>,
    pending: BytesMut,
    written: u64,
}

impl ByteWriter {
    /// Begins the file at `path`.
    ///
    /// # Errors
    /// As [`FileAccess::resolve_for_writing`], and `Io`.
    pub async fn create(access: &FileAccess, path: &str) -> Result<Self> {
        let (access, shown) = (access.clone(), path.to_owned());
        blocking(move || {
            let target = access.resolve_for_writing(&shown)?;
            let file = LocalFile::create(sibling(&target))?;
            Ok(Self { target, shown, file: Some(file), pending: BytesMut::new(), written: 0 })
        })
        .await
    }

    /// Adds to the file.
    ///
    /// # Errors
    /// `Io`.
    pub async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(piece);
        if self.pending.len() >= CHUNK { self.flush().await } else { Ok(()) }
    }

    /// Completes the file and returns its size in bytes.
    ///
    /// # Errors
    /// `Io`.
    pub async fn finish(mut self) -> Result<u64> {
        self.flush().await?;
        let Some(file) = self.file.take() else {
            return Err(lost());
        };
        let target = self.target;
        blocking(move || file.finish()?.rename(&target)).await?;
        Ok(self.written)
    }

    async fn flush(&mut self) -> Result<()> {
        let piece = self.pending.split().freeze();
        let Some(mut file) = self.file.take() else {
            return Err(lost());
        };
        self.written += piece.len() as u64;
        let shown = self.shown.clone();
        let file = blocking(move || {
            file.write_all(&piece).map_err(|source| Error::Io { action: "write to file", path: shown, source })?;
            Ok(file)
        });
        self.file = Some(file.await?);
        Ok(())
    }
}

fn lost() -> Error {
    Error::internal("the file was given up after an earlier error")
}

/// A hidden name in the same directory, to be renamed when complete.
pub(super) fn sibling(target: &std::path::Path) -> PathBuf {
    target.with_file_name(format!(".{}.partial", Uuid::now_v7()))
}
