//! Data files and delete files as the catalog knows them. Reads no file.

use std::collections::HashMap;

/// One immutable Parquet file of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    /// Identity in the catalog; negative while its transaction has not committed.
    pub id: i64,
    /// Location relative to the lake's data path, fully resolved.
    pub path: String,
    /// Rows in the file, deleted ones included.
    pub record_count: u64,
    /// Size in bytes.
    pub file_size: u64,
    /// Length of the footer's thrift structure in bytes, without the eight bytes of trailer; 0 when not known.
    pub footer_size: u64,
    /// Row id of the first row; `None` when the file embeds its row ids or is not committed yet.
    pub row_id_start: Option<i64>,
    /// Statistics by leaf field id. A leaf without entry is unknown.
    pub columns: HashMap<i64, ColumnStats>,
    /// Partition this file was written under, to be compared with the table's current one before `partition_values` is used.
    pub partition_id: Option<i64>,
    /// Values of the partition keys in order, as text; `None` is NULL. Empty when not partitioned.
    pub partition_values: Vec<Option<String>>,
    /// Deleted rows, at most one live file with all of them.
    pub deletes: Option<DeleteFile>,
}

impl DataFile {
    /// Rows that are not deleted.
    #[must_use]
    pub fn live_rows(&self) -> u64 {
        let deleted = self.deletes.as_ref().map_or(0, |file| file.delete_count);
        self.record_count.saturating_sub(deleted)
    }
}

/// Statistics of one leaf column in one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnStats {
    /// Values that are not NULL.
    pub value_count: Option<u64>,
    /// NULLs.
    pub null_count: Option<u64>,
    /// A lower bound, in the text `DuckDB`'s cast to VARCHAR gives; NaN is not considered.
    pub min: Option<String>,
    /// An upper bound, likewise.
    pub max: Option<String>,
    /// Whether a NaN occurs; floating point only.
    pub contains_nan: Option<bool>,
    /// Compressed size in bytes.
    pub size_bytes: Option<u64>,
}

/// A Parquet file with the positions of all deleted rows of one data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteFile {
    /// Identity in the catalog.
    pub id: i64,
    /// Location relative to the lake's data path, fully resolved.
    pub path: String,
    /// Deleted rows.
    pub delete_count: u64,
    /// Size in bytes.
    pub file_size: u64,
    /// Length of the footer's thrift structure in bytes, without trailer; 0 when not known.
    pub footer_size: u64,
}

/// A delete file that was written and made durable, to take the place of the present one of its data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeleteFile {
    /// Location relative to the table's path.
    pub path: String,
    /// All deleted rows of the data file, those deleted before included.
    pub delete_count: u64,
    /// Size in bytes.
    pub file_size: u64,
    /// Length of the footer's thrift structure in bytes, without the eight bytes of trailer.
    pub footer_size: u64,
}

/// What becomes of a data file of which rows are deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChange {
    /// It stays, with this delete file.
    Delete(NewDeleteFile),
    /// It goes: every row is deleted.
    Remove,
}

/// A file that was written and made durable, to be added to a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewDataFile {
    /// Location relative to the table's path.
    pub path: String,
    /// Rows in the file.
    pub record_count: u64,
    /// Size in bytes.
    pub file_size: u64,
    /// Length of the footer's thrift structure in bytes, without the eight bytes of trailer.
    pub footer_size: u64,
    /// Statistics by leaf field id.
    pub columns: HashMap<i64, ColumnStats>,
    /// One value for each partition key of the table, in order, as text; empty when the table is not partitioned.
    pub partition_values: Vec<Option<String>>,
}
