//! Positional deletes: the contents of a delete file, and what they leave of a row group. Writing them is not done here.

use std::ops::Range;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use kura_catalog::{Column, DeleteFile};
use kura_pgtypes::PgType;
use parquet::arrow::arrow_reader::RowSelection;

use crate::error::Result;
use crate::object::ObjectFile;
use crate::parquet::adapter::{self, FileColumns};
use crate::parquet::pages::OpenFile;
use crate::parquet::reader::{self, Request};
use crate::storage::Storage;

/// Field id of the positions in a delete file.
const POSITION_ID: i64 = 2_147_483_645;

/// The deleted rows of one data file.
#[derive(Debug)]
pub(crate) struct Deleted {
    /// From the start of the data file, ascending, each once.
    positions: Vec<u64>,
}

impl Deleted {
    /// Reads a delete file. It belongs to one data file, so the paths in it say nothing new.
    pub(crate) async fn load(storage: &Storage, file: &ObjectFile, delete: &DeleteFile) -> Result<Self> {
        let footer = storage.footer(file, delete.footer_size).await?;
        let columns = [Column::new(POSITION_ID, "pos", PgType::INT8)];
        let places = FileColumns::new(&columns, &footer)?;
        if places.root(0).is_none() {
            return Err(file.corrupt("it is no delete file"));
        }
        let schema = arrow::datatypes::Schema::new(vec![arrow::datatypes::Field::new("pos", PgType::INT8.arrow(), false)]);
        let adapter = places.adapter(&[0], adapter::project(&schema, &[0]), &footer);
        let open = OpenFile::new(file, &footer, None)?;
        let mut positions = Vec::new();
        for row_group in 0..footer.metadata().num_row_groups() {
            let mask = adapter.mask.clone();
            let request = Request { row_group, mask, filter: None, selection: None, batch_size: 8192, limit: None };
            let mut group = reader::open(&open, &footer, request)?;
            while let Some(batch) = group.next()? {
                let batch = adapter.adapt(&batch).map_err(|error| group.corrupt(&error))?;
                for position in batch.column(0).as_primitive::<Int64Type>().values() {
                    positions.push(u64::try_from(*position).map_err(|_| file.corrupt("it deletes a negative row"))?);
                }
            }
        }
        positions.sort_unstable();
        positions.dedup();
        Ok(Self { positions })
    }

    /// What the cache accounts.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.positions.len() * size_of::<u64>()
    }

    /// The rows that are left of `rows`, a row group's range in its file; `None` when nothing is deleted there.
    pub(crate) fn selection(&self, rows: &Range<u64>) -> Option<RowSelection> {
        let first = self.positions.partition_point(|position| *position < rows.start);
        let last = self.positions.partition_point(|position| *position < rows.end);
        let deleted = self.positions.get(first..last).filter(|deleted| !deleted.is_empty())?;
        let total = usize::try_from(rows.end - rows.start).ok()?;
        let within = |position: u64| usize::try_from(position - rows.start).unwrap_or(usize::MAX);
        let mut start = 0;
        let mut kept = Vec::with_capacity(deleted.len() + 1);
        for position in deleted.iter().map(|position| within(*position)) {
            if position > start {
                kept.push(start..position);
            }
            start = position + 1;
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
        let deleted = Deleted { positions: vec![0, 1, 5, 9, 12] };
        assert!(deleted.selection(&(13..20)).is_none());
        let selection = deleted.selection(&(4..10)).unwrap();
        let expected = [RowSelector::select(1), RowSelector::skip(1), RowSelector::select(3), RowSelector::skip(1)];
        assert_eq!(selection.iter().copied().collect::<Vec<_>>(), expected);
        let everything = Deleted { positions: (0..10).collect() };
        assert!(!everything.selection(&(2..5)).unwrap().selects_any());
    }
}
