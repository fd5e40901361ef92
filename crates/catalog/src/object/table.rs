//! Tables. Scanning and writing them belongs to `storage`.

use std::sync::Arc;

use crate::error::{Error, Result};

use super::column::{Column, NewColumn};
use super::data_file::DataFile;
use super::partition::{Partition, Transform};

/// A table as of one snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Identity in the catalog, stable over renames; negative while its transaction has not committed.
    pub id: i64,
    /// PostgreSQL object identifier, persisted.
    pub oid: u32,
    /// Identity of its schema.
    pub schema_id: i64,
    /// Name within the schema.
    pub name: String,
    /// OID of the role that owns it.
    pub owner: u32,
    /// Location of its files relative to the lake's data path; ends with `/`. New files go below it.
    pub path: String,
    /// Columns in their order.
    pub columns: Vec<Column>,
    /// Field id the next column gets: beyond those of all columns there ever were.
    pub next_column_id: i64,
    /// COMMENT ON TABLE.
    pub comment: Option<String>,
    /// How new files are to be partitioned.
    pub partition: Option<Partition>,
    /// Live files, oldest first.
    pub files: Arc<Vec<Arc<DataFile>>>,
    /// Rows that are not deleted.
    pub record_count: u64,
    /// Why the table must not be read or written, when another program left something in it that is not supported:
    /// reading on would silently miss rows. Dropping it is still allowed.
    pub unreadable: Option<String>,
}

impl Table {
    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Refuses a table of which not everything can be read. To be called before any scan or append is planned.
    ///
    /// # Errors
    /// [`Error::Unreadable`] with the reason.
    pub fn check_readable(&self) -> Result<()> {
        match &self.unreadable {
            None => Ok(()),
            Some(reason) => Err(Error::Unreadable { table: self.name.clone(), reason: reason.clone() }),
        }
    }
}

/// A table to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTable {
    /// Schema it goes into.
    pub schema_id: i64,
    /// Name, free in the schema.
    pub name: String,
    /// Columns in order.
    pub columns: Vec<NewColumn>,
    /// Partition keys in order: column name and transform.
    pub partition: Vec<(String, Transform)>,
    /// OID of the role that will own it.
    pub owner: u32,
}
