//! Gives the files of a scan to its partitions, balanced by rows, by what the catalog knows alone: no footer is read while
//! planning, and each partition's share depends on nothing but the plan.

use std::ops::Range;
use std::sync::Arc;

use kura_catalog::DataFile;

use crate::parquet::encode::ROW_GROUP_ROWS;

/// A partition with fewer rows than this costs more than it brings.
const PARTITION_ROWS: u64 = 1 << 15;

/// A part of a file: the row groups that begin within a range of its rows.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    /// The file.
    pub(crate) file: Arc<DataFile>,
    /// Rows of the file, counted from 0, in which a row group must begin to belong to this slice.
    pub(crate) rows: Range<u64>,
}

/// Splits `files` into at most `partitions` shares of about as many rows. There is always at least one, if only an empty one.
pub(crate) fn split(files: &[Arc<DataFile>], partitions: usize) -> Vec<Vec<Slice>> {
    let total: u64 = files.iter().map(|file| file.record_count).sum();
    let useful = usize::try_from(total.div_ceil(PARTITION_ROWS)).unwrap_or(usize::MAX);
    let count = partitions.min(useful).max(1);
    let share = total.div_ceil(count as u64).max(1);
    let mut shares = vec![Vec::new(); count];
    let mut start = 0_u64;
    for file in files {
        let end = start + file.record_count;
        for (number, rows) in pieces(start..end, share) {
            let number = usize::try_from(number).unwrap_or(count).min(count - 1);
            shares[number].push(Slice { file: Arc::clone(file), rows: rows.start - start..rows.end - start });
        }
        start = end;
    }
    shares.retain(|share| !share.is_empty());
    if shares.is_empty() {
        shares.push(Vec::new());
    }
    shares
}

/// Cuts the rows of one file where shares meet. A file of one row group is not cut: it goes where its middle is.
fn pieces(rows: Range<u64>, share: u64) -> Vec<(u64, Range<u64>)> {
    if rows.is_empty() {
        return Vec::new();
    }
    if rows.end - rows.start <= ROW_GROUP_ROWS as u64 {
        let middle = rows.start + (rows.end - rows.start) / 2;
        return vec![(middle / share, rows)];
    }
    let mut pieces = Vec::new();
    let mut start = rows.start;
    while start < rows.end {
        let number = start / share;
        let end = rows.end.min((number + 1) * share);
        pieces.push((number, start..end));
        start = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn file(id: i64, record_count: u64) -> Arc<DataFile> {
        Arc::new(DataFile {
            id,
            path: String::new(),
            record_count,
            file_size: 0,
            footer_size: 0,
            row_id_start: None,
            columns: HashMap::new(),
            partition_id: None,
            partition_values: Vec::new(),
            deletes: None,
        })
    }

    #[test]
    fn every_row_is_in_one_share() {
        for counts in [vec![], vec![0], vec![1], vec![28_000; 12], vec![10_000_000, 5, 300_000], vec![131_072, 131_073]] {
            for partitions in [1, 2, 3, 16] {
                let files: Vec<_> = counts.iter().enumerate().map(|(id, count)| file(id as i64, *count)).collect();
                let shares = split(&files, partitions);
                assert!((1..=partitions).contains(&shares.len()));
                let mut slices: Vec<_> = shares.iter().flatten().map(|s| (s.file.id, s.rows.start, s.rows.end)).collect();
                slices.sort_unstable();
                for (id, count) in counts.iter().enumerate() {
                    let mut next = 0;
                    for (_, start, end) in slices.iter().filter(|slice| slice.0 == id as i64) {
                        assert_eq!(*start, next);
                        next = *end;
                    }
                    assert_eq!(next, *count);
                }
            }
        }
        assert_eq!(split(&[file(0, 28_000), file(1, 28_000)], 2).len(), 2);
        assert_eq!(split(&[file(0, 100), file(1, 100)], 8).len(), 1);
    }
}
