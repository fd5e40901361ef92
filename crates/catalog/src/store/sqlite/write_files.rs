//! The part of a commit that writes files: data files that come and go, and the delete files of those that stay.

use crate::changes::Change;
use crate::difference::FileChanges;
use crate::error::{Result, corrupt};
use crate::object::data_file::{ColumnStats, DataFile, DeleteFile};
use crate::object::table::Table;

use super::commit::{Writer, expect};
use super::write_statistics::{add, integer, optional_integer};

impl Writer<'_> {
    /// Writes the files of all tables.
    pub(super) async fn write_rows(&mut self) -> Result<()> {
        let difference = self.request.difference;
        for (table, _) in &difference.created_tables {
            let added = FileChanges::of_new(table);
            self.write_files(table, &added).await?;
        }
        for change in &difference.changed_tables {
            self.write_files(change.new, &change.files).await?;
        }
        Ok(())
    }

    async fn write_files(&mut self, table: &Table, files: &FileChanges<'_>) -> Result<()> {
        let table_id = self.real_id(table.id)?;
        for file in &files.ended {
            self.end_file(table, file).await?;
        }
        for (file, deletes) in &files.deletes {
            self.check_file(table, file).await?;
            self.end_deletes(table, file).await?;
            self.insert_deletes(table_id, table, file.id, deletes).await?;
        }
        if !files.added.is_empty() {
            self.append(table_id, table, &files.added).await?;
            self.log.push(Change::InsertedIntoTable(table_id));
        }
        if files.deletes_rows() {
            self.log.push(Change::DeletedFromTable(table_id));
        }
        Ok(())
    }

    /// Ends a data file with its delete file.
    async fn end_file(&mut self, table: &Table, file: &DataFile) -> Result<()> {
        let ended = self
            .end(
                "UPDATE ducklake_data_file SET end_snapshot = ? WHERE data_file_id = ? AND table_id = ? AND end_snapshot IS NULL",
                file.id,
                Some(table.id),
            )
            .await?;
        expect(ended == 1, || has_changed(table))?;
        self.end_deletes(table, file).await
    }

    /// Checks that a data file is still there.
    async fn check_file(&mut self, table: &Table, file: &DataFile) -> Result<()> {
        let sql = "SELECT EXISTS (SELECT 1 FROM ducklake_data_file WHERE data_file_id = ? AND end_snapshot IS NULL)";
        expect(self.exists(sql, file.id).await?, || has_changed(table))
    }

    /// Ends the delete file of a data file. Another one than this transaction knew has deletes it did not see.
    async fn end_deletes(&mut self, table: &Table, file: &DataFile) -> Result<()> {
        let live: Vec<i64> = sqlx::query_scalar(
            "SELECT delete_file_id FROM ducklake_delete_file WHERE table_id = ? AND data_file_id = ? AND end_snapshot IS NULL",
        )
        .bind(table.id)
        .bind(file.id)
        .fetch_all(&mut *self.connection)
        .await?;
        let known = file.deletes.as_ref().map(|deletes| deletes.id);
        expect(live.iter().copied().eq(known), || has_changed(table))?;
        if let Some(id) = known {
            self.end("UPDATE ducklake_delete_file SET end_snapshot = ? WHERE delete_file_id = ?", id, None).await?;
        }
        Ok(())
    }

    async fn insert_deletes(&mut self, table_id: i64, table: &Table, data_file_id: i64, deletes: &DeleteFile) -> Result<()> {
        let id = self.allocate_file();
        sqlx::query("INSERT INTO ducklake_delete_file VALUES (?, ?, ?, NULL, ?, ?, 1, 'parquet', ?, ?, ?, NULL, NULL)")
            .bind(id)
            .bind(table_id)
            .bind(self.snapshot_id)
            .bind(data_file_id)
            .bind(relative_path(table, &deletes.path)?)
            .bind(integer(deletes.delete_count)?)
            .bind(integer(deletes.file_size)?)
            .bind(integer(deletes.footer_size)?)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn append(&mut self, table_id: i64, table: &Table, files: &[&DataFile]) -> Result<()> {
        let stored = self.table_stats(table_id).await?;
        let is_new = stored.is_none();
        let mut stats = stored.unwrap_or_default();
        self.merge_column_stats(table_id, table, files, stats.next_row_id == 0).await?;
        for file in files {
            let file_id = self.insert_file(table_id, table, file, stats.next_row_id).await?;
            if let Some(deletes) = &file.deletes {
                self.insert_deletes(table_id, table, file_id, deletes).await?;
            }
            let rows = integer(file.record_count)?;
            stats.record_count = add(stats.record_count, rows)?;
            stats.next_row_id = add(stats.next_row_id, rows)?;
            stats.file_size_bytes = add(stats.file_size_bytes, integer(file.file_size)?)?;
        }
        self.write_table_stats(table_id, &stats, is_new).await
    }

    /// Returns the identity the file gets.
    async fn insert_file(&mut self, table_id: i64, table: &Table, file: &DataFile, row_id_start: i64) -> Result<i64> {
        let id = self.allocate_file();
        let partition_id = file.partition_id.map(|id| self.real_id(id)).transpose()?;
        sqlx::query("INSERT INTO ducklake_data_file VALUES (?, ?, ?, NULL, NULL, ?, 1, 'parquet', ?, ?, ?, ?, ?, NULL, NULL, NULL)")
            .bind(id)
            .bind(table_id)
            .bind(self.snapshot_id)
            .bind(relative_path(table, &file.path)?)
            .bind(integer(file.record_count)?)
            .bind(integer(file.file_size)?)
            .bind(integer(file.footer_size)?)
            .bind(row_id_start)
            .bind(partition_id)
            .execute(&mut *self.connection)
            .await?;
        for (index, value) in (0_i64..).zip(&file.partition_values) {
            sqlx::query("INSERT INTO ducklake_file_partition_value VALUES (?, ?, ?, ?)")
                .bind(id)
                .bind(table_id)
                .bind(index)
                .bind(value)
                .execute(&mut *self.connection)
                .await?;
        }
        let unknown = ColumnStats::default();
        for column in &table.columns {
            // Every leaf has a row, also when nothing is known: readers may prune by the rows there are.
            let leaf = column.leaf_id();
            let stats = file.columns.get(&leaf).unwrap_or(&unknown);
            sqlx::query("INSERT INTO ducklake_file_column_stats VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)")
                .bind(id)
                .bind(table_id)
                .bind(leaf)
                .bind(optional_integer(stats.size_bytes)?)
                .bind(optional_integer(stats.value_count)?)
                .bind(optional_integer(stats.null_count)?)
                .bind(&stats.min)
                .bind(&stats.max)
                .bind(stats.contains_nan)
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(id)
    }
}

/// The location of a file relative to its table's, below which this program writes all files.
fn relative_path<'a>(table: &Table, path: &'a str) -> Result<&'a str> {
    path.strip_prefix(&table.path).ok_or_else(|| corrupt(format!("file \"{path}\" is not below table \"{}\"", table.name)))
}

fn has_changed(table: &Table) -> String {
    format!("Rows of table \"{}\" were updated or deleted, or its files were compacted.", table.name)
}
