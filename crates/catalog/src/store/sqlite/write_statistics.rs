//! The part of a commit that writes the statistics of tables: counts, and bounds of columns over all rows ever added.
//!
//! Both only grow: deleted rows take nothing away from them, as other programs expect.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::object::column::Column;
use crate::object::data_file::{ColumnStats, DataFile};
use crate::object::table::Table;
use crate::statistics::{self, TableColumnStats};

use super::commit::Writer;

/// Row of `ducklake_table_stats`.
#[derive(Default)]
pub(super) struct TableStats {
    pub(super) record_count: i64,
    /// Row id of the next row; never goes back.
    pub(super) next_row_id: i64,
    pub(super) file_size_bytes: i64,
}

impl Writer<'_> {
    /// The counts of a table; `None` when it never had rows.
    pub(super) async fn table_stats(&mut self, table_id: i64) -> Result<Option<TableStats>> {
        let stored: Option<(i64, i64, i64)> =
            sqlx::query_as("SELECT record_count, next_row_id, file_size_bytes FROM ducklake_table_stats WHERE table_id = ?")
                .bind(table_id)
                .fetch_optional(&mut *self.connection)
                .await?;
        Ok(stored.map(|(record_count, next_row_id, file_size_bytes)| TableStats { record_count, next_row_id, file_size_bytes }))
    }

    pub(super) async fn write_table_stats(&mut self, table_id: i64, stats: &TableStats, is_new: bool) -> Result<()> {
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

    /// The bounds of a column added to a table that has rows: each of them has the initial default.
    pub(super) async fn create_statistics(&mut self, table: &Table, column: &Column) -> Result<()> {
        let had_rows = self.table_stats(table.id).await?.is_some_and(|stats| stats.next_row_id > 0);
        if !had_rows {
            return Ok(());
        }
        let mut stats = TableColumnStats::of_nothing(&column.lake_type);
        let (value_count, null_count) = if column.initial_default.is_some() { (1, 0) } else { (0, 1) };
        // The elements of a list are not looked into.
        let bound = column.initial_default.clone().filter(|_| column.element_id.is_none());
        let one_row = ColumnStats {
            value_count: Some(value_count),
            null_count: Some(null_count),
            min: bound.clone(),
            max: bound,
            contains_nan: None,
            size_bytes: None,
        };
        stats.merge(&one_row, 1, &column.lake_type);
        self.write_column_stats(table.id, column.leaf_id(), &stats, true).await
    }

    /// Rewrites the table's bounds of a column that becomes `float64`.
    pub(super) async fn widen_table_bounds(&mut self, table_id: i64, leaf: i64) -> Result<()> {
        let mut stored = self.column_stats(table_id).await?;
        let Some(mut stats) = stored.remove(&leaf) else { return Ok(()) };
        for bound in [&mut stats.min, &mut stats.max] {
            *bound = bound.as_deref().and_then(statistics::float64_text);
        }
        self.write_column_stats(table_id, leaf, &stats, false).await
    }

    async fn column_stats(&mut self, table_id: i64) -> Result<HashMap<i64, TableColumnStats>> {
        type Row = (i64, Option<bool>, Option<bool>, Option<String>, Option<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT column_id, contains_null <> 0, contains_nan <> 0, min_value, max_value \
             FROM ducklake_table_column_stats WHERE table_id = ?",
        )
        .bind(table_id)
        .fetch_all(&mut *self.connection)
        .await?;
        let stats = rows
            .into_iter()
            .map(|(id, contains_null, contains_nan, min, max)| (id, TableColumnStats { contains_null, contains_nan, min, max }));
        Ok(stats.collect())
    }

    async fn write_column_stats(&mut self, table_id: i64, leaf: i64, stats: &TableColumnStats, is_new: bool) -> Result<()> {
        let sql = if is_new {
            "INSERT INTO ducklake_table_column_stats(contains_null, contains_nan, min_value, max_value, table_id, \
             column_id) VALUES (?, ?, ?, ?, ?, ?)"
        } else {
            "UPDATE ducklake_table_column_stats SET contains_null = ?, contains_nan = ?, min_value = ?, \
             max_value = ? WHERE table_id = ? AND column_id = ?"
        };
        sqlx::query(sql)
            .bind(stats.contains_null)
            .bind(stats.contains_nan)
            .bind(&stats.min)
            .bind(&stats.max)
            .bind(table_id)
            .bind(leaf)
            .execute(&mut *self.connection)
            .await?;
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
    pub(super) async fn merge_column_stats(&mut self, table_id: i64, table: &Table, files: &[&DataFile], is_empty: bool) -> Result<()> {
        let mut stored = self.column_stats(table_id).await?;
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
            if old.as_ref() != Some(&merged) {
                self.write_column_stats(table_id, leaf, &merged, old.is_none()).await?;
            }
        }
        Ok(())
    }
}

/// A count as the database keeps it.
pub(super) fn integer(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| too_large())
}

pub(super) fn optional_integer(value: Option<u64>) -> Result<Option<i64>> {
    value.map(integer).transpose()
}

pub(super) fn add(left: i64, right: i64) -> Result<i64> {
    left.checked_add(right).ok_or_else(too_large)
}

fn too_large() -> Error {
    Error::Limit { message: "a table is too large".to_owned() }
}
