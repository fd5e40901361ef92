//! Checksums over whole files: Parquet's own, one in each page header, is neither written nor checked by every program, and leaves the
//! headers and the footer unprotected.
//!
//! A file begins with `PAR1`, then [`TAG`] and the hash of everything from the footer to the end: 16 bytes that other readers skip,
//! because nothing points there. What follows is divided into blocks of [`BLOCK`] bytes up to the footer; their hashes are in the
//! footer's key-value metadata under [`KEY`]. Files of other programs have neither and are read as they are.

use std::fmt::Write as _;
use std::hash::Hasher;
use std::io::{self, Write};

use parquet::file::metadata::{FileMetaData, KeyValue};
use twox_hash::XxHash64;

/// Follows the magic in files with checksums.
pub(crate) const TAG: &[u8; 4] = b"KSUM";
/// Where the hash of the footer is.
pub(crate) const FOOTER_HASH_AT: u64 = 8;
/// Bytes before the first block.
pub(crate) const HEAD: u64 = 16;
/// Bytes of a block.
pub(crate) const BLOCK: u64 = 64 << 10;
/// Name of the metadata entry: the number of the byte after the last block, a colon, eight hexadecimal digits for each block.
const KEY: &str = "kura.checksums";

/// The hashes of a file's blocks.
#[derive(Debug)]
pub(crate) struct Checksums {
    /// The byte after the last block.
    pub(crate) end: u64,
    blocks: Vec<u32>,
}

/// The hash of a footer with its trailer.
pub(crate) fn of_footer(bytes: &[u8]) -> u64 {
    XxHash64::oneshot(0, bytes)
}

/// Half of the hash is enough to notice damage.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn of_block(hash: u64) -> u32 {
    hash as u32
}

impl Checksums {
    /// Those a footer holds; `None` when it holds none, or what is there makes no sense.
    pub(crate) fn of(metadata: &FileMetaData) -> Option<Self> {
        let entries = metadata.key_value_metadata()?;
        let (end, digits) = entries.iter().find(|entry| entry.key == KEY)?.value.as_deref()?.split_once(':')?;
        let end: u64 = end.parse().ok()?;
        let (digits, rest) = digits.as_bytes().as_chunks::<8>();
        let block = |digits: &[u8; 8]| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let blocks = digits.iter().map(block).collect::<Option<Vec<_>>>()?;
        let expected = end.checked_sub(HEAD)?.div_ceil(BLOCK);
        (rest.is_empty() && blocks.len() as u64 == expected).then_some(Self { end, blocks })
    }

    /// Whether `bytes` are those of block `number`, from its beginning to its end.
    pub(crate) fn is_intact(&self, number: u64, bytes: &[u8]) -> bool {
        let expected = usize::try_from(number).ok().and_then(|number| self.blocks.get(number));
        expected == Some(&of_block(XxHash64::oneshot(0, bytes)))
    }

    /// What the cache of footers accounts.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.blocks.len() * size_of::<u32>()
    }
}

/// Passes bytes on and hashes them by block on the way.
#[derive(Debug)]
pub(crate) struct Summing<W> {
    inner: W,
    position: u64,
    current: XxHash64,
    blocks: Vec<u32>,
}

impl<W: Write> Summing<W> {
    /// For a file of which nothing is written yet.
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, position: 0, current: XxHash64::with_seed(0), blocks: Vec::new() }
    }

    /// The metadata entry for all that was written so far.
    pub(crate) fn entry(&self) -> KeyValue {
        let mut value = format!("{}:", self.position);
        let is_partial = self.position > HEAD && !(self.position - HEAD).is_multiple_of(BLOCK);
        let last = is_partial.then(|| of_block(self.current.finish()));
        for block in self.blocks.iter().copied().chain(last) {
            let _infallible = write!(value, "{block:08x}");
        }
        KeyValue::new(KEY.to_owned(), value)
    }

    /// The file.
    pub(crate) fn into_inner(self) -> W {
        self.inner
    }

    fn take_in(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (is_head, room) = match self.position.checked_sub(HEAD) {
                None => (true, HEAD - self.position),
                Some(offset) => (false, BLOCK - offset % BLOCK),
            };
            let taken = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            let (now, later) = bytes.split_at(taken);
            bytes = later;
            self.position += taken as u64;
            if is_head {
                continue;
            }
            self.current.write(now);
            if taken as u64 == room {
                let full = std::mem::replace(&mut self.current, XxHash64::with_seed(0));
                self.blocks.push(of_block(full.finish()));
            }
        }
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.take_in(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn parse(entry: &KeyValue) -> Option<Checksums> {
        let schema = parquet::schema::types::Type::group_type_builder("schema").build().unwrap();
        let schema = Arc::new(parquet::schema::types::SchemaDescriptor::new(Arc::new(schema)));
        Checksums::of(&FileMetaData::new(1, 0, None, Some(vec![entry.clone()]), schema, None))
    }

    #[test]
    fn blocks_do_not_depend_on_how_they_are_written() {
        for length in [0, 1, 15, 16, 17, 65_551, 65_552, 65_553, 200_000] {
            let bytes: Vec<u8> = (0..length).map(|i: u32| ((i * 31) >> 3) as u8).collect();
            let mut whole = Summing::new(Vec::new());
            whole.write_all(&bytes).unwrap();
            let mut pieces = Summing::new(Vec::new());
            bytes.chunks(777).for_each(|piece| pieces.write_all(piece).unwrap());
            assert_eq!(whole.entry(), pieces.entry());
            let sums = parse(&whole.entry());
            assert_eq!(whole.into_inner(), bytes);
            let Some(body) = bytes.get(16..) else { continue };
            let sums = sums.unwrap();
            assert_eq!(sums.end, u64::from(length));
            for (number, block) in (0..).zip(body.chunks(BLOCK as usize)) {
                assert!(sums.is_intact(number, block));
                let mut damaged = block.to_vec();
                damaged[block.len() / 2] ^= 1;
                assert!(!sums.is_intact(number, &damaged) && !sums.is_intact(number + 9, block));
            }
        }
        assert!(parse(&KeyValue::new(KEY.to_owned(), "100:".to_owned())).is_none());
        assert!(parse(&KeyValue::new(KEY.to_owned(), "100:0000000g".to_owned())).is_none());
    }
}
