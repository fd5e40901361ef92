//! The part of a commit that writes columns: those of a new table, and those added, changed and dropped later.
//!
//! A column keeps its identity, which is the field id in the files, over everything but a change of its stored type that is
//! no widening; then there is another column in its place.

use std::collections::HashMap;

use kura_pgtypes::PgType;

use crate::column_type;
use crate::difference::{Changed, TableChange};
use crate::error::Result;
use crate::object::column::Column;
use crate::object::default_value;
use crate::object::table::Table;
use crate::statistics;

use super::commit::{Writer, expect};

impl Writer<'_> {
    /// Writes the columns of a new table. Counting depth first, their order is their identity until one is replaced.
    pub(super) async fn create_columns(&mut self, table_id: i64, table: &Table) -> Result<()> {
        let mut order = 0;
        for column in &table.columns {
            order += 1;
            self.create_column(table_id, column, order).await?;
            order += i64::from(column.element_id.is_some());
            self.set_column_comment(table_id, column.id, column.comment.as_deref()).await?;
        }
        self.use_up_identities(table_id, table).await
    }

    /// Writes what became of the columns of a table that was there.
    pub(super) async fn alter_columns(&mut self, change: &TableChange<'_>) -> Result<()> {
        let (table_id, columns) = (change.old.id, &change.columns);
        let known = self.check_columns(change.old).await?;
        self.end_sort_order(change).await?;
        for column in &columns.dropped {
            self.end_column(table_id, column.id).await?;
        }
        let changed: HashMap<i64, &Changed<'_, Column>> = columns.changed.iter().map(|column| (column.new.id, column)).collect();
        let first_behind = change.new.columns.iter().rposition(|column| known.contains_key(&column.id)).map_or(0, |last| last + 1);
        let mut last = 0;
        for (index, column) in change.new.columns.iter().enumerate() {
            let old_order = known.get(&column.id).copied();
            // A replaced column takes a place that became free; one at the end that of its identity, as the others have.
            let order = match old_order {
                Some(order) => order.max(last + 1),
                None if index >= first_behind => column.id.max(last + 1),
                None => last + 1,
            };
            last = order;
            match (old_order, changed.get(&column.id)) {
                (None, _) => {
                    self.create_column(table_id, column, order).await?;
                    self.create_statistics(change.old, column).await?;
                }
                (Some(_), Some(change)) => self.change_column(table_id, change, order).await?,
                (Some(old_order), None) if old_order != order => {
                    self.change_column(table_id, &Changed { old: column, new: column }, order).await?;
                }
                (Some(_), None) => {}
            }
        }
        self.use_up_identities(table_id, change.new).await
    }

    /// Keeps the identity of a column that came and went within the transaction from being given again: files may have its
    /// values. It gets a row that no snapshot sees.
    async fn use_up_identities(&mut self, table_id: i64, table: &Table) -> Result<()> {
        let last = self.last_column(table_id).await?;
        let used = table.next_column_id - 1;
        if last.is_some_and(|last| last >= used) {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO ducklake_column VALUES (?1, ?2, ?2, ?3, ?1, 'dropped', 'int32', NULL, 'NULL', 1, NULL, 'literal', 'duckdb')",
        )
        .bind(used)
        .bind(self.snapshot_id)
        .bind(table_id)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// The greatest identity a column of a table ever had.
    async fn last_column(&mut self, table_id: i64) -> Result<Option<i64>> {
        let last = sqlx::query_scalar("SELECT max(column_id) FROM ducklake_column WHERE table_id = ?");
        Ok(last.bind(table_id).fetch_one(&mut *self.connection).await?)
    }

    /// Checks that the columns are those this transaction found; returns the order of each.
    async fn check_columns(&mut self, table: &Table) -> Result<HashMap<i64, i64>> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT column_id, column_order FROM ducklake_column WHERE table_id = ? AND end_snapshot IS NULL AND parent_column IS NULL",
        )
        .bind(table.id)
        .fetch_all(&mut *self.connection)
        .await?;
        let last = self.last_column(table.id).await?;
        let orders: HashMap<i64, i64> = rows.into_iter().collect();
        let same = orders.len() == table.columns.len() && table.columns.iter().all(|column| orders.contains_key(&column.id));
        let same = same && last.is_some_and(|last| last < table.next_column_id);
        expect(same, || format!("The columns of table \"{}\" were changed.", table.name))?;
        Ok(orders)
    }

    /// Gives up the order of files another program keeps, when it may be by a column that is gone or has another name.
    async fn end_sort_order(&mut self, change: &TableChange<'_>) -> Result<()> {
        let renamed = change.columns.changed.iter().filter(|column| column.old.name != column.new.name);
        if change.columns.dropped.is_empty() && renamed.count() == 0 {
            return Ok(());
        }
        let sql = "UPDATE ducklake_sort_info SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL";
        if self.end(sql, change.old.id, None).await? > 0 {
            tracing::warn!(table = change.old.name, "sort order given up, its columns have changed");
        }
        Ok(())
    }

    /// Ends a column, the elements of a list, and what is noted about them.
    async fn end_column(&mut self, table_id: i64, column_id: i64) -> Result<()> {
        let ended = self.end(
            "UPDATE ducklake_column SET end_snapshot = ?1 \
             WHERE table_id = ?2 AND (column_id = ?3 OR parent_column = ?3) AND end_snapshot IS NULL",
            table_id,
            Some(column_id),
        );
        expect(ended.await? > 0, || format!("Column {column_id} of table {table_id} was dropped."))?;
        self.end(
            "UPDATE ducklake_column_tag SET end_snapshot = ? WHERE table_id = ? AND column_id = ? AND end_snapshot IS NULL",
            table_id,
            Some(column_id),
        )
        .await?;
        Ok(())
    }

    /// Ends the row of a column and writes one with its new definition.
    async fn change_column(&mut self, table_id: i64, change: &Changed<'_, Column>, order: i64) -> Result<()> {
        let (old, new) = (change.old, change.new);
        self.end(
            "UPDATE ducklake_column SET end_snapshot = ? WHERE table_id = ? AND column_id = ? AND end_snapshot IS NULL",
            table_id,
            Some(new.id),
        )
        .await?;
        // A default that stays is kept as it is written, which may be another program's way.
        let default = (old.default != new.default).then(|| stored_default(new));
        let (value, kind) = default.unzip();
        sqlx::query(
            "INSERT INTO ducklake_column SELECT column_id, end_snapshot, NULL, table_id, ?4, ?5, ?6, ?10, \
             coalesce(?7, default_value), ?8, parent_column, coalesce(?9, default_value_type), default_value_dialect \
             FROM ducklake_column WHERE table_id = ?1 AND column_id = ?2 AND end_snapshot = ?3",
        )
        .bind(table_id)
        .bind(new.id)
        .bind(self.snapshot_id)
        .bind(order)
        .bind(&new.name)
        .bind(stored_type(new))
        .bind(value)
        .bind(new.nullable)
        .bind(kind)
        .bind(&new.initial_default)
        .execute(&mut *self.connection)
        .await?;
        self.record_type(table_id, new).await?;
        if old.lake_type == column_type::FLOAT32 && old.lake_type != new.lake_type {
            self.widen_float_bounds(table_id, new.leaf_id()).await?;
        }
        Ok(())
    }

    /// Writes a column and, for a list, its element.
    async fn create_column(&mut self, table_id: i64, column: &Column, order: i64) -> Result<()> {
        let (default, default_kind) = stored_default(column);
        let row = ColumnRow {
            id: column.id,
            order,
            name: &column.name,
            column_type: stored_type(column),
            initial_default: column.initial_default.as_deref(),
            default: &default,
            default_kind,
            nullable: column.nullable,
            parent: None,
        };
        self.insert_column(table_id, &row).await?;
        if let Some(element_id) = column.element_id {
            let row = ColumnRow {
                id: element_id,
                order: order + 1,
                name: "element",
                column_type: &column.lake_type,
                initial_default: None,
                default: "NULL",
                default_kind: "literal",
                nullable: true,
                parent: Some(column.id),
            };
            self.insert_column(table_id, &row).await?;
        }
        self.record_type(table_id, column).await
    }

    async fn insert_column(&mut self, table_id: i64, row: &ColumnRow<'_>) -> Result<()> {
        sqlx::query("INSERT INTO ducklake_column VALUES (?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'duckdb')")
            .bind(row.id)
            .bind(self.snapshot_id)
            .bind(table_id)
            .bind(row.order)
            .bind(row.name)
            .bind(row.column_type)
            .bind(row.initial_default)
            .bind(row.default)
            .bind(row.nullable)
            .bind(row.parent)
            .bind(row.default_kind)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// Records the PostgreSQL type where `DuckLake`'s does not say it. One for all snapshots: the latest that fits.
    async fn record_type(&mut self, table_id: i64, column: &Column) -> Result<()> {
        let implied = column_type::to_pg(&column.lake_type).map(|ty| if column.element_id.is_some() { PgType::array_of(ty) } else { ty });
        if implied == Some(column.ty) {
            sqlx::query("DELETE FROM kura_column_type WHERE table_id = ? AND column_id = ?")
                .bind(table_id)
                .bind(column.id)
                .execute(&mut *self.connection)
                .await?;
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO kura_column_type(table_id, column_id, type_oid, typmod) VALUES (?, ?, ?, ?) \
             ON CONFLICT (table_id, column_id) DO UPDATE SET type_oid = excluded.type_oid, typmod = excluded.typmod",
        )
        .bind(table_id)
        .bind(column.id)
        .bind(i64::from(column.ty.oid()))
        .bind(i64::from(column.ty.typmod))
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// Rewrites the bounds of a `float32` column that becomes `float64`: as text of the narrow type they may exclude values.
    async fn widen_float_bounds(&mut self, table_id: i64, leaf: i64) -> Result<()> {
        let files: Vec<(i64, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT s.data_file_id, s.min_value, s.max_value FROM ducklake_data_file f \
             JOIN ducklake_file_column_stats s ON s.data_file_id = f.data_file_id \
             WHERE f.table_id = ? AND f.end_snapshot IS NULL AND s.column_id = ?",
        )
        .bind(table_id)
        .bind(leaf)
        .fetch_all(&mut *self.connection)
        .await?;
        let widened = |bound: Option<String>| bound.as_deref().and_then(statistics::float64_text);
        for (file_id, min, max) in files {
            sqlx::query("UPDATE ducklake_file_column_stats SET min_value = ?, max_value = ? WHERE data_file_id = ? AND column_id = ?")
                .bind(widened(min))
                .bind(widened(max))
                .bind(file_id)
                .bind(leaf)
                .execute(&mut *self.connection)
                .await?;
        }
        self.widen_table_bounds(table_id, leaf).await
    }
}

/// What differs between rows of `ducklake_column`.
struct ColumnRow<'a> {
    id: i64,
    order: i64,
    name: &'a str,
    column_type: &'a str,
    initial_default: Option<&'a str>,
    default: &'a str,
    default_kind: &'a str,
    nullable: bool,
    parent: Option<i64>,
}

/// `default_value` and `default_value_type` of a column; a list without default has no kind.
fn stored_default(column: &Column) -> (String, &'static str) {
    let stored = default_value::store(column.default.as_deref());
    let is_plain_list = column.element_id.is_some() && column.default.is_none();
    (stored.value, if is_plain_list { "" } else { stored.kind })
}

/// `column_type` of a top-level column.
fn stored_type(column: &Column) -> &str {
    if column.element_id.is_some() { "list" } else { &column.lake_type }
}
