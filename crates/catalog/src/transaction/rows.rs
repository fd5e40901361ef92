//! What a transaction can do to the rows of a table: files that come, files that go, rows deleted in files that stay.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result, corrupt};
use crate::names;
use crate::object::data_file::{DataFile, DeleteFile, FileChange, NewDataFile, NewDeleteFile};

use super::Transaction;

impl Transaction {
    /// Adds files, already durable below the table's path, to a table.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unreadable`]; [`Error::InvalidTable`] when a file does not carry one value for
    /// each partition key.
    pub fn append_files(&mut self, table_id: i64, files: Vec<NewDataFile>) -> Result<()> {
        let table = self.table(table_id)?;
        table.check_readable()?;
        if files.is_empty() {
            return Ok(());
        }
        let keys = table.partition.as_ref().map_or(0, |partition| partition.columns.len());
        if files.iter().any(|file| file.partition_values.len() != keys) {
            let message = format!("a file of table \"{}\" does not match its partition keys", table.name);
            return Err(Error::InvalidTable { message });
        }
        let partition_id = table.partition.as_ref().map(|partition| partition.id);
        let base = table.path.clone();
        let mut added = Vec::with_capacity(files.len());
        for file in files {
            added.push(Arc::new(DataFile {
                id: self.provisional_id(),
                path: names::join(&base, &file.path),
                record_count: file.record_count,
                file_size: file.file_size,
                footer_size: file.footer_size,
                row_id_start: None,
                columns: file.columns,
                partition_id,
                partition_values: file.partition_values,
                deletes: None,
            }));
        }
        self.change_table(table_id, |table| table.push_files(added));
        Ok(())
    }

    /// Deletes rows: says for each touched data file, by its identity in the view, what becomes of it. Delete files are
    /// durable below the table's path already.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the table or a file; [`Error::Unreadable`]; [`Error::Corrupt`] when a delete file does not
    /// fit its data file.
    pub fn delete_rows(&mut self, table_id: i64, changes: Vec<(i64, FileChange)>) -> Result<()> {
        let table = Arc::clone(self.table(table_id)?);
        table.check_readable()?;
        if changes.is_empty() {
            return Ok(());
        }
        let positions: HashMap<i64, usize> = table.files.iter().enumerate().map(|(index, file)| (file.id, index)).collect();
        let mut files: Vec<Option<Arc<DataFile>>> = table.files.iter().cloned().map(Some).collect();
        for (file_id, change) in changes {
            let slot = positions.get(&file_id).and_then(|index| files.get_mut(*index));
            let Some((slot, file)) = slot.and_then(|slot| slot.take().map(|file| (slot, file))) else {
                return Err(Error::NotFound { kind: "data file", name: file_id.to_string() });
            };
            if let FileChange::Delete(new) = change {
                let deletes = self.build_deletes(&table.path, &file, new)?;
                *slot = Some(Arc::new(DataFile { deletes: Some(deletes), ..DataFile::clone(&file) }));
            }
        }
        self.change_table(table_id, |table| table.replace_files(files.into_iter().flatten()));
        Ok(())
    }

    /// Removes all rows; returns how many there were.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unreadable`].
    pub fn truncate(&mut self, table_id: i64) -> Result<u64> {
        let table = self.table(table_id)?;
        table.check_readable()?;
        let rows = table.record_count;
        if !table.files.is_empty() {
            self.change_table(table_id, |table| table.replace_files([]));
        }
        Ok(rows)
    }
}

impl Transaction {
    fn build_deletes(&mut self, table_path: &str, file: &DataFile, new: NewDeleteFile) -> Result<DeleteFile> {
        let before = file.deletes.as_ref().map_or(0, |deletes| deletes.delete_count);
        if new.delete_count > file.record_count || new.delete_count < before {
            let (count, rows) = (new.delete_count, file.record_count);
            return Err(corrupt(format!("a delete file says {count} after {before} of {rows} rows of \"{}\"", file.path)));
        }
        Ok(DeleteFile {
            id: self.provisional_id(),
            path: names::join(table_path, &new.path),
            delete_count: new.delete_count,
            file_size: new.file_size,
            footer_size: new.footer_size,
        })
    }
}
