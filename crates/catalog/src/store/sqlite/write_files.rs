//! The part of a commit that adds data files: the files, their statistics and partition values, and the table's statistics.

use std::collections::HashMap;

use crate::changes::Change;
use crate::error::{Error, Result, corrupt};
use crate::object::data_file::{ColumnStats, NewDataFile};
use crate::object::table::Table;
use crate::statistics::TableColumnStats;

use super::commit::Writer;

/// Row of `ducklake_table_stats`.
struct TableStats {
    record_count: i64,
    next_row_id: i64,
    file_size_bytes: i64,
}

impl Writer<'_> {
    /// Adds the files of all tables.
    pub(super) async fn write_appends(&mut self) -> Result<()> {
        for (id, files) in &self.request.changes.appended {
            let table = self.request.view.table(*id).ok_or_else(|| corrupt(format!("table {id} is not in the view of its transaction")))?;
            let table_id = self.check_table_is_alive(*id).await?;
            self.append(table_id, table, files).await?;
            self.log.push(Change::InsertedIntoTable(table_id));
        }
        Ok(())
    }

    async fn append(&mut self, table_id: i64, table: &Table, files: &[NewDataFile]) -> Result<()> {
        let stored: Option<(i64, i64, i64)> =
            sqlx::query_as("SELECT record_count, next_row_id, file_size_bytes FROM ducklake_table_stats WHERE table_id = ?")
                .bind(table_id)
                .fetch_optional(&mut *self.connection)
                .await?;
        let is_new = stored.is_none();
        let (record_count, next_row_id, file_size_bytes) = stored.unwrap_or_default();
        self.merge_column_stats(table_id, table, files, next_row_id == 0).await?;
        let mut stats = TableStats { record_count, next_row_id, file_size_bytes };
        for file in files {
            self.insert_file(table_id, table, file, stats.next_row_id).await?;
            let rows = integer(file.record_count)?;
            stats.record_count = add(stats.record_count, rows)?;
            stats.next_row_id = add(stats.next_row_id, rows)?;
            stats.file_size_bytes = add(stats.file_size_bytes, integer(file.file_size)?)?;
        }
        let sql = if is_new {
            "INSERT INTO ducklake_table_stats(record_count, next_row_id, file_size_bytes, table_id) VALUES (?, ?, ?, ?)"
        } else {
            "UPDATE ducklake_table_stats SET record_count = ?, next_row_id = ?, file_size_bytes = ? WHERE table_id = ?"
        };
        sqlx::query(sql)
            .bind(stats.record_count)
            .bind(stats.next_row_id)
            .bind(stats.file_size_bytes)
            .bind(table_id)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn insert_file(&mut self, table_id: i64, table: &Table, file: &NewDataFile, row_id_start: i64) -> Result<()> {
        let id = self.allocate_file();
        let partition_id = match &table.partition {
            Some(partition) => Some(self.real_id(partition.id)?),
            None => None,
        };
        sqlx::query("INSERT INTO ducklake_data_file VALUES (?, ?, ?, NULL, NULL, ?, 1, 'parquet', ?, ?, ?, ?, ?, NULL, NULL, NULL)")
            .bind(id)
            .bind(table_id)
            .bind(self.snapshot_id)
            .bind(&file.path)
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
        Ok(())
    }

    /// Whether a column whose statistics have no bounds may hold something but NULL in some file: then they were unknown.
    async fn has_values(&mut self, table_id: i64, leaf: i64) -> Result<bool> {
        let found = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM ducklake_data_file f LEFT JOIN ducklake_file_column_stats s \
             ON s.data_file_id = f.data_file_id AND s.column_id = ?2 WHERE f.table_id = ?1 AND f.record_count > 0 \
             AND NOT coalesce(s.value_count = 0 AND s.null_count = f.record_count, FALSE))",
        )
        .bind(table_id)
        .bind(leaf)
        .fetch_one(&mut *self.connection)
        .await?;
        Ok(found)
    }

    /// Widens the table's column statistics by those of the files. A column without a row has unknown statistics, unless
    /// the table never had rows (`is_empty`): then it gets its first.
    async fn merge_column_stats(&mut self, table_id: i64, table: &Table, files: &[NewDataFile], is_empty: bool) -> Result<()> {
        type Row = (i64, Option<bool>, Option<bool>, Option<String>, Option<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT column_id, contains_null <> 0, contains_nan <> 0, min_value, max_value \
             FROM ducklake_table_column_stats WHERE table_id = ?",
        )
        .bind(table_id)
        .fetch_all(&mut *self.connection)
        .await?;
        let mut stored: HashMap<i64, TableColumnStats> = rows
            .into_iter()
            .map(|(id, contains_null, contains_nan, min, max)| (id, TableColumnStats { contains_null, contains_nan, min, max }))
            .collect();
        let unknown = ColumnStats::default();
        for column in &table.columns {
            let (leaf, lake_type) = (column.leaf_id(), column.lake_type.as_str());
            let old = stored.remove(&leaf);
            let mut merged = match &old {
                Some(old) => old.clone(),
                None if is_empty => TableColumnStats::of_nothing(lake_type),
                None => continue,
            };
            if !is_empty && merged.is_unbounded() && self.has_values(table_id, leaf).await? {
                merged.widen(lake_type);
            }
            for file in files {
                let stats = file.columns.get(&leaf).unwrap_or(&unknown);
                merged.merge(stats, file.record_count, lake_type);
            }
            if old.as_ref() == Some(&merged) {
                continue;
            }
            let sql = if old.is_none() {
                "INSERT INTO ducklake_table_column_stats(contains_null, contains_nan, min_value, max_value, table_id, \
                 column_id) VALUES (?, ?, ?, ?, ?, ?)"
            } else {
                "UPDATE ducklake_table_column_stats SET contains_null = ?, contains_nan = ?, min_value = ?, \
                 max_value = ? WHERE table_id = ? AND column_id = ?"
            };
            sqlx::query(sql)
                .bind(merged.contains_null)
                .bind(merged.contains_nan)
                .bind(&merged.min)
                .bind(&merged.max)
                .bind(table_id)
                .bind(leaf)
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }
}

/// A count as the database keeps it.
fn integer(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| too_large())
}

fn optional_integer(value: Option<u64>) -> Result<Option<i64>> {
    value.map(integer).transpose()
}

fn add(left: i64, right: i64) -> Result<i64> {
    left.checked_add(right).ok_or_else(too_large)
}

fn too_large() -> Error {
    Error::Limit { message: "a table is too large".to_owned() }
}
