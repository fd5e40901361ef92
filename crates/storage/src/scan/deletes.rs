//! Positional deletes: the contents of a delete file, and what they leave of a row group. Writing them is not done here.

use std::ops::Range;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use kura_catalog::Column;
use kura_pgtypes::PgType;
use parquet::arrow::arrow_reader::RowSelection;

use crate::error::Result;
use crate::object::ObjectFile;
use crate::parquet::adapter::{self, FileColumns};
use crate::parquet::footer::Footer;
use crate::parquet::pages::OpenFile;
use crate::parquet::reader::{self, Request};
use crate::positions::Positions;

/// Field id of the paths of the data files in a delete file.
pub(crate) const FILE_PATH_ID: i64 = 2_147_483_646;
/// Field id of the positions in a delete file.
pub(crate) const POSITION_ID: i64 = 2_147_483_645;
/// Positions decoded at a time.
const BATCH_ROWS: usize = 8192;

/// The deleted rows of one data file.
#[derive(Debug)]
pub(crate) struct Deleted {
    /// From the start of the data file.
    pub(crate) positions: Positions,
}

impl Deleted {
    /// Reads a delete file of so many rows. It belongs to one data file, so the paths in it say nothing new. Blocks.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(crate) fn load(file: &ObjectFile, footer: &Footer, delete_count: u64) -> Result<Self> {
        let columns = [Column::new(POSITION_ID, "pos", PgType::INT8)];
        let places = FileColumns::new(&columns, footer)?;
        if places.root(0).is_none() {
            return Err(file.corrupt("it is no delete file"));
        }
        let schema = arrow::datatypes::Schema::new(vec![arrow::datatypes::Field::new("pos", PgType::INT8.arrow(), false)]);
        let adapter = places.adapter(&[0], adapter::project(&schema, &[0]), footer);
        let open = OpenFile::new(file, footer, None)?;
        let mut positions = Positions::default();
        let mut decoded = Vec::with_capacity(BATCH_ROWS);
        for row_group in 0..footer.metadata().num_row_groups() {
            let mask = adapter.mask.clone();
            let request = Request { row_group, mask, filter: None, selection: None, batch_size: BATCH_ROWS, limit: None };
            let mut group = reader::open(&open, &footer.arrow, request)?;
            while let Some(batch) = group.next()? {
                let batch = adapter.adapt(&batch).map_err(|error| group.corrupt(&error))?;
                decoded.clear();
                for position in batch.column(0).as_primitive::<Int64Type>().values() {
                    decoded.push(u64::try_from(*position).map_err(|_| file.corrupt("it deletes a negative row"))?);
                }
                positions.extend(&decoded);
            }
        }
        // Counts of rows are answered by the catalog.
        if positions.len() != delete_count {
            return Err(file.corrupt(format!("it deletes {} rows, the catalog counts {delete_count}", positions.len())));
        }
        positions.optimize();
        Ok(Self { positions })
    }

    /// What the cache accounts.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.positions.memory_bytes()
    }

    /// The rows that are left of `rows`, a row group's range in its file; `None` when nothing is deleted there.
    pub(crate) fn selection(&self, rows: &Range<u64>) -> Option<RowSelection> {
        let total = usize::try_from(rows.end - rows.start).ok()?;
        let mut start = 0;
        let mut kept = Vec::new();
        for position in self.positions.within(rows) {
            let position = usize::try_from(position - rows.start).unwrap_or(usize::MAX);
            if position > start {
                kept.push(start..position);
            }
            start = position + 1;
        }
        if start == 0 {
            return None;
        }
        if start < total {
            kept.push(start..total);
        }
        Some(RowSelection::from_consecutive_ranges(kept.into_iter(), total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::arrow::arrow_reader::RowSelector;

    #[test]
    fn a_row_group_loses_its_own_rows_only() {
        let deleting = |rows: &[u64]| {
            let mut positions = Positions::default();
            positions.extend(rows);
            Deleted { positions }
        };
        let deleted = deleting(&[0, 1, 5, 9, 12]);
        assert!(deleted.selection(&(13..20)).is_none());
        let selection = deleted.selection(&(4..10)).unwrap();
        let expected = [RowSelector::select(1), RowSelector::skip(1), RowSelector::select(3), RowSelector::skip(1)];
        assert_eq!(selection.iter().copied().collect::<Vec<_>>(), expected);
        let everything = deleting(&(0..10).collect::<Vec<_>>());
        assert!(!everything.selection(&(2..5)).unwrap().selects_any());
    }
}
