//! Sets of rows: by position in one data file, or in many. Compressed bitmaps; which rows those are is decided elsewhere.

use std::collections::BTreeMap;
use std::ops::Range;

use roaring::{RoaringBitmap, RoaringTreemap};

use crate::error::{Error, Result};

/// Bytes of a chunk of 65,536 positions that is kept as bits.
const BITS_BYTES: u64 = 8 << 10;
/// Bytes a chunk takes besides its positions.
const CHUNK_BYTES: u64 = 40;
/// Bytes a file takes besides its chunks: its nodes in the trees.
const FILE_BYTES: usize = 512;

/// Rows of one data file by their position, counted from its first row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Positions(RoaringTreemap);

impl Positions {
    /// Adds a position; true when it was not there yet.
    pub(crate) fn insert(&mut self, position: u64) -> bool {
        self.0.insert(position)
    }

    /// Adds positions, at a fraction of the cost of one by one where they ascend and lie behind all others.
    pub(crate) fn extend(&mut self, positions: &[u64]) {
        if let Err(stopped) = self.0.append(positions.iter().copied()) {
            let taken = usize::try_from(stopped.valid_until()).unwrap_or(0);
            self.0.extend(positions.iter().skip(taken));
        }
    }

    /// Adds all of `others`.
    pub(crate) fn unite(&mut self, others: &Self) {
        self.0 |= &others.0;
    }

    /// Finds the smallest form for what is not going to change.
    pub(crate) fn optimize(&mut self) {
        self.0.optimize();
    }

    /// How many.
    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// The last one.
    pub(crate) fn max(&self) -> Option<u64> {
        self.0.max()
    }

    /// All, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter()
    }

    /// Those within `rows`, ascending.
    pub(crate) fn within(&self, rows: &Range<u64>) -> impl Iterator<Item = u64> + '_ {
        let end = rows.end;
        let mut positions = self.0.iter();
        positions.advance_to(rows.start);
        positions.take_while(move |position| *position < end)
    }

    /// Bytes on the heap, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        let bytes: u64 = self.0.bitmaps().map(|(_, bitmap)| bitmap_bytes(bitmap)).sum();
        usize::try_from(bytes).unwrap_or(usize::MAX).saturating_add(FILE_BYTES)
    }
}

fn bitmap_bytes(bitmap: &RoaringBitmap) -> u64 {
    let own = bitmap.statistics();
    // The statistics count four bytes for each of an array's positions, of which there are two, and give the size of bits in bits.
    let arrays = own.n_bytes_array_containers / 2;
    let bits = u64::from(own.n_bitset_containers) * BITS_BYTES;
    arrays + bits + own.n_bytes_run_containers + u64::from(own.n_containers) * CHUNK_BYTES
}

/// Rows by data file and position, each once.
///
/// Chunks of 65,536 positions of a file take what is least: two to four bytes for each row, or 8 KiB as bits. So a row costs at most
/// about four bytes where many of a file are in the set, and a bit where most are: 10 million random rows of 100 million take
/// 12 MiB, all of 100 million as much. Where rows are so far apart that each has a chunk of its own it costs 50 bytes, and each file
/// half a kilobyte besides.
#[derive(Debug, Clone, Default)]
pub struct RowSet {
    files: BTreeMap<i64, Positions>,
    len: u64,
}

impl RowSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the row at `position` of the data file with the identity `file`, as a scan with row identity gives them; true when it
    /// was not in the set yet. Rows that come file by file and in ascending order cost the least.
    ///
    /// # Errors
    /// `Internal` for a position that is negative.
    pub fn insert(&mut self, file: i64, position: i64) -> Result<bool> {
        let position = u64::try_from(position).map_err(|_| Error::internal(format!("a row has the position {position}")))?;
        let is_new = self.files.entry(file).or_default().insert(position);
        self.len += u64::from(is_new);
        Ok(is_new)
    }

    /// Rows in the set.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory the set takes, about. Looks at every chunk: to be asked once for many rows.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.files.values().map(Positions::memory_bytes).fold(0, usize::saturating_add)
    }

    /// The rows of each file.
    pub(crate) fn files(&self) -> &BTreeMap<i64, Positions> {
        &self.files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_in_the_set_once() {
        let mut rows = RowSet::new();
        assert!(rows.is_empty());
        assert!(rows.insert(-3, 7).unwrap() && rows.insert(4, 7).unwrap() && rows.insert(4, 1 << 40).unwrap());
        assert!(!rows.insert(4, 7).unwrap());
        assert_eq!((rows.len(), rows.is_empty()), (3, false));
        assert_eq!(rows.insert(4, -1).unwrap_err().to_string(), "a row has the position -1");
        let files: Vec<(i64, Vec<u64>)> = rows.files().iter().map(|(file, own)| (*file, own.iter().collect())).collect();
        assert_eq!(files, [(-3, vec![7]), (4, vec![7, 1 << 40])]);
    }

    #[test]
    fn positions_come_in_any_order() {
        let mut positions = Positions::default();
        positions.extend(&[1, 2, 3, 70_000]);
        positions.extend(&[70_001, 70_001, 5, 4]);
        positions.extend(&[2, 80_000]);
        positions.extend(&[]);
        assert_eq!(positions.iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 70_000, 70_001, 80_000]);
        assert_eq!(positions.within(&(3..70_001)).collect::<Vec<_>>(), [3, 4, 5, 70_000]);
        assert_eq!(positions.within(&(6..70_000)).count(), 0);
        assert_eq!(positions.within(&(90_000..u64::MAX)).count(), 0);
        let mut others = Positions::default();
        others.extend(&[3, 6, u64::MAX]);
        positions.unite(&others);
        positions.optimize();
        assert_eq!((positions.len(), positions.max()), (10, Some(u64::MAX)));
    }

    #[test]
    fn memory_follows_the_number_of_rows() {
        let mut rows = RowSet::new();
        for position in 0..200_000 {
            rows.insert(1, position * 10).unwrap();
        }
        let sparse = rows.memory_bytes();
        assert!((200_000 / 8..200_000 * 4).contains(&sparse), "{sparse}");
        for position in 0..2_000_000 {
            rows.insert(1, position).unwrap();
        }
        let full = rows.memory_bytes();
        assert!(full < 2_000_000 / 4, "{full}");
    }
}
