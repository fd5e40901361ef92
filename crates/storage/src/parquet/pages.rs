//! Bytes of a file for the decoder, page by page as it asks for them: a row group is never held in memory as a whole, and a scan that
//! stops early has read only what it used. Blocks for as long as the disk does. What the bytes mean is the decoder's business.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::physical_plan::metrics::Count;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::error::{Error, Result};
use crate::object::ObjectFile;
use crate::parquet::checksum::{BLOCK, Checksums, HEAD};
use crate::parquet::footer::Footer;

/// Blocks kept because the next page of some column begins in them.
const KEPT_MAX: usize = 32;

/// One file, open for reading.
#[derive(Debug, Clone)]
pub(crate) struct OpenFile {
    file: ObjectFile,
    open: Arc<File>,
    checksums: Option<Arc<Checksums>>,
    /// The byte after the last one there may be pages in.
    end: u64,
    bytes: Option<Count>,
}

/// What the decoders of the columns of one row group read from.
#[derive(Debug)]
pub(crate) struct Pages(Arc<Blocks>);

/// The file in blocks: those of the checksums, where there are any.
#[derive(Debug)]
struct Blocks {
    file: OpenFile,
    kept: Mutex<VecDeque<(u64, Bytes)>>,
}

impl OpenFile {
    /// Opens a file. `bytes` counts what is read.
    ///
    /// # Errors
    /// `Missing`, `Corrupt`, `Io`.
    pub(crate) fn new(file: &ObjectFile, footer: &Footer, bytes: Option<Count>) -> Result<Self> {
        let open = Arc::new(file.open()?);
        let checksums = footer.checksums.clone();
        let end = checksums.as_ref().map_or(file.size, |checksums| checksums.end.min(file.size));
        Ok(Self { file: file.clone(), open, checksums, end, bytes })
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &ObjectFile {
        &self.file
    }

    /// For the decoders of one row group.
    pub(crate) fn pages(&self) -> Pages {
        Pages(Arc::new(Blocks { file: self.clone(), kept: Mutex::default() }))
    }

    /// Where the first block begins.
    fn base(&self) -> u64 {
        if self.checksums.is_some() { HEAD } else { 0 }
    }

    fn start_of(&self, block: u64) -> u64 {
        self.base() + block * BLOCK
    }

    /// All bytes of the blocks `first..=last`, compared with their checksums.
    fn read(&self, first: u64, last: u64) -> Result<Bytes> {
        let (start, end) = (self.start_of(first), self.start_of(last + 1).min(self.end));
        let mut buffer = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(0)];
        self.open.read_exact_at(&mut buffer, start).map_err(|source| self.failed(source))?;
        if let Some(bytes) = &self.bytes {
            bytes.add(buffer.len());
        }
        if let Some(checksums) = &self.checksums {
            self.verify(checksums, first, &buffer)?;
        }
        Ok(Bytes::from(buffer))
    }

    fn verify(&self, checksums: &Checksums, first: u64, buffer: &[u8]) -> Result<()> {
        let size = usize::try_from(BLOCK).unwrap_or(usize::MAX);
        match (first..).zip(buffer.chunks(size)).find(|(number, block)| !checksums.is_intact(*number, block)) {
            None => Ok(()),
            Some((number, _)) => Err(self.file.corrupt(format!("its bytes from {} on do not match their checksum", self.start_of(number)))),
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        if source.kind() == ErrorKind::UnexpectedEof {
            return self.file.too_short();
        }
        Error::Io { action: "read file", path: self.file.name.to_string(), source }
    }
}

impl Blocks {
    fn number(&self, position: u64) -> Result<u64> {
        let offset = position.checked_sub(self.file.base()).filter(|_| position < self.file.end);
        Ok(offset.ok_or_else(|| self.file.file.corrupt(format!("it refers to byte {position}")))? / BLOCK)
    }

    fn keep(&self, block: u64, bytes: Bytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((block, bytes));
    }

    /// One block, from memory where possible.
    fn block(&self, number: u64) -> Result<Bytes> {
        let kept = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.iter().find(|(own, _)| *own == number).map(|(_, bytes)| bytes.clone())
        };
        if let Some(bytes) = kept {
            return Ok(bytes);
        }
        let bytes = self.file.read(number, number)?;
        self.keep(number, bytes.clone());
        Ok(bytes)
    }

    /// The bytes of a block from `position` on.
    fn rest_of_block(&self, position: u64) -> Result<Bytes> {
        let number = self.number(position)?;
        let skipped = usize::try_from(position - self.file.start_of(number)).unwrap_or(usize::MAX);
        let block = self.block(number)?;
        Ok(block.slice(skipped.min(block.len())..))
    }

    fn range(&self, start: u64, length: usize) -> Result<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let last = start.checked_add(length as u64 - 1).ok_or_else(|| self.file.file.too_short())?;
        let (first, last) = (self.number(start)?, self.number(last)?);
        if first == last {
            return Ok(self.rest_of_block(start)?.slice(..length));
        }
        let whole = self.file.read(first, last)?;
        // The next page begins in the last block. A copy, so that it does not keep the whole page in memory.
        let tail = usize::try_from(self.file.start_of(last) - self.file.start_of(first)).unwrap_or(0);
        self.keep(last, Bytes::copy_from_slice(&whole[tail..]));
        let skipped = usize::try_from(start - self.file.start_of(first)).unwrap_or(usize::MAX);
        Ok(whole.slice(skipped..skipped + length))
    }
}

fn external(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.0.file.end
    }
}

impl ChunkReader for Pages {
    type T = Headers;

    fn get_read(&self, start: u64) -> Result<Headers, ParquetError> {
        Ok(Headers { blocks: Arc::clone(&self.0), position: start, rest: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        self.0.range(start, length).map_err(external)
    }
}

/// Reads on from a position; the decoder takes page headers from here, whose length it does not know before.
#[derive(Debug)]
pub(crate) struct Headers {
    blocks: Arc<Blocks>,
    position: u64,
    rest: Bytes,
}

impl Read for Headers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = self.blocks.rest_of_block(self.position).map_err(io::Error::other)?;
        }
        let read = buffer.len().min(self.rest.len());
        buffer[..read].copy_from_slice(&self.rest.split_to(read));
        self.position += read as u64;
        Ok(read)
    }
}
