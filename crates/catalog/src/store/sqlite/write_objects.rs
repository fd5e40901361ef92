//! The part of a commit that writes definitions: drops, creations, comments.
//!
//! Beside the conflict matrix, each statement checks that what it builds on is still alive: the matrix trusts what
//! other programs say they changed, this does not.

use kura_pgtypes::PgType;

use crate::changes::{Change, CommentTarget, CreatedSchema, CreatedTable, CreatedView, format_names};
use crate::column_type;
use crate::error::{Error, Result, corrupt};
use crate::object::column::Column;
use crate::object::default_value;
use crate::object::partition::Partition;
use crate::object::view::View;

use super::commit::Writer;

/// Ends everything that belongs to a table. Parameters: snapshot, table.
const END_TABLE_PARTS: [&str; 7] = [
    "UPDATE ducklake_column SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL",
    "UPDATE ducklake_column_tag SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL",
    "UPDATE ducklake_tag SET end_snapshot = ? WHERE object_id = ? AND end_snapshot IS NULL",
    "UPDATE ducklake_partition_info SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL",
    "UPDATE ducklake_sort_info SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL",
    "UPDATE ducklake_data_file SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL",
    "UPDATE ducklake_delete_file SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL",
];

const END_TAG: &str = "UPDATE ducklake_tag SET end_snapshot = ? WHERE object_id = ? AND end_snapshot IS NULL";

impl Writer<'_> {
    /// Ends what the transaction dropped.
    pub(super) async fn write_drops(&mut self) -> Result<()> {
        for id in &self.request.changes.dropped_tables {
            // A row that began after the base is a rename: the name that was dropped is not this table's any more.
            let ended = self
                .end(
                    "UPDATE ducklake_table SET end_snapshot = ? \
                     WHERE table_id = ? AND end_snapshot IS NULL AND begin_snapshot <= ?",
                    *id,
                    Some(self.request.base.id),
                )
                .await?;
            expect_alive(ended > 0, "table", *id)?;
            for part in END_TABLE_PARTS {
                self.end(part, *id, None).await?;
            }
            self.log.push(Change::DroppedTable(*id));
        }
        for id in &self.request.changes.dropped_views {
            let ended = self
                .end(
                    "UPDATE ducklake_view SET end_snapshot = ? \
                     WHERE view_id = ? AND end_snapshot IS NULL AND begin_snapshot <= ?",
                    *id,
                    Some(self.request.base.id),
                )
                .await?;
            expect_alive(ended > 0, "view", *id)?;
            self.end(END_TAG, *id, None).await?;
            self.log.push(Change::DroppedView(*id));
        }
        for id in &self.request.changes.dropped_schemas {
            self.drop_schema(*id).await?;
        }
        Ok(())
    }

    async fn drop_schema(&mut self, id: i64) -> Result<()> {
        let occupied = self
            .exists(
                "SELECT EXISTS (SELECT 1 FROM ducklake_table WHERE schema_id = ?1 AND end_snapshot IS NULL \
                 UNION ALL SELECT 1 FROM ducklake_view WHERE schema_id = ?1 AND end_snapshot IS NULL)",
                id,
            )
            .await?;
        if occupied {
            return Err(Error::Conflict { reason: format!("something was created in schema {id}") });
        }
        let ended = self.end("UPDATE ducklake_schema SET end_snapshot = ? WHERE schema_id = ? AND end_snapshot IS NULL", id, None).await?;
        expect_alive(ended > 0, "schema", id)?;
        self.end(END_TAG, id, None).await?;
        self.log.push(Change::DroppedSchema(id));
        Ok(())
    }

    /// Writes what the transaction created, schemas first.
    pub(super) async fn write_creations(&mut self) -> Result<()> {
        for created in &self.request.changes.created_schemas {
            self.create_schema(created).await?;
        }
        for created in &self.request.changes.created_tables {
            self.create_table(created).await?;
        }
        for created in &self.request.changes.created_views {
            self.create_view(created).await?;
        }
        Ok(())
    }

    async fn create_schema(&mut self, created: &CreatedSchema) -> Result<()> {
        let schema = self.request.view.schema_by_id(created.id).ok_or_else(|| lost(created.id))?;
        let taken: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM ducklake_schema WHERE schema_name = ? AND end_snapshot IS NULL)")
                .bind(&schema.name)
                .fetch_one(&mut *self.connection)
                .await?;
        if taken {
            return Err(Error::Conflict { reason: format!("schema \"{}\" was created", schema.name) });
        }
        let id = self.allocate(created.id);
        sqlx::query("INSERT INTO ducklake_schema VALUES (?, ?, ?, NULL, ?, ?, 1)")
            .bind(id)
            .bind(created.uuid.hyphenated().to_string())
            .bind(self.snapshot_id)
            .bind(&schema.name)
            .bind(&schema.path)
            .execute(&mut *self.connection)
            .await?;
        self.record_identity("schema", id, schema.oid, schema.owner).await?;
        self.log.push(Change::CreatedSchema(schema.name.clone()));
        Ok(())
    }

    async fn create_table(&mut self, created: &CreatedTable) -> Result<()> {
        let table = self.request.view.table(created.id).ok_or_else(|| lost(created.id))?;
        let (schema_id, schema_name) = self.check_name_is_free(table.schema_id, &table.name).await?;
        let id = self.allocate(created.id);
        sqlx::query("INSERT INTO ducklake_table VALUES (?, ?, ?, NULL, ?, ?, ?, 1)")
            .bind(id)
            .bind(created.uuid.hyphenated().to_string())
            .bind(self.snapshot_id)
            .bind(schema_id)
            .bind(&table.name)
            .bind(&created.directory)
            .execute(&mut *self.connection)
            .await?;
        for column in &table.columns {
            self.create_column(id, column).await?;
        }
        if let Some(partition) = &table.partition {
            self.create_partition(id, partition).await?;
        }
        sqlx::query("INSERT INTO ducklake_schema_versions VALUES (?, ?, ?)")
            .bind(self.snapshot_id)
            .bind(self.schema_version)
            .bind(id)
            .execute(&mut *self.connection)
            .await?;
        self.record_identity("table", id, table.oid, table.owner).await?;
        self.log.push(Change::CreatedTable { schema: schema_name, name: table.name.clone() });
        Ok(())
    }

    /// Writes a column and, for a list, its element; records the PostgreSQL type where `DuckLake`'s does not say it.
    async fn create_column(&mut self, table_id: i64, column: &Column) -> Result<()> {
        let default = default_value::store(column.default.as_deref());
        let is_list = column.element_id.is_some();
        let row = ColumnRow {
            id: column.id,
            name: &column.name,
            column_type: if is_list { "list" } else { &column.lake_type },
            default: &default.value,
            default_kind: if is_list && column.default.is_none() { "" } else { default.kind },
            nullable: column.nullable,
            parent: None,
        };
        self.insert_column(table_id, &row).await?;
        if let Some(element_id) = column.element_id {
            let row = ColumnRow {
                id: element_id,
                name: "element",
                column_type: &column.lake_type,
                default: "NULL",
                default_kind: "literal",
                nullable: true,
                parent: Some(column.id),
            };
            self.insert_column(table_id, &row).await?;
        }
        let implied = column_type::to_pg(&column.lake_type).map(|ty| if is_list { PgType::array_of(ty) } else { ty });
        if implied != Some(column.ty) {
            sqlx::query("INSERT INTO kura_column_type(table_id, column_id, type_oid, typmod) VALUES (?, ?, ?, ?)")
                .bind(table_id)
                .bind(column.id)
                .bind(i64::from(column.ty.oid()))
                .bind(i64::from(column.ty.typmod))
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }

    async fn insert_column(&mut self, table_id: i64, row: &ColumnRow<'_>) -> Result<()> {
        // The order is the identity: both count depth first from 1.
        sqlx::query("INSERT INTO ducklake_column VALUES (?1, ?2, NULL, ?3, ?1, ?4, ?5, NULL, ?6, ?7, ?8, ?9, 'duckdb')")
            .bind(row.id)
            .bind(self.snapshot_id)
            .bind(table_id)
            .bind(row.name)
            .bind(row.column_type)
            .bind(row.default)
            .bind(row.nullable)
            .bind(row.parent)
            .bind(row.default_kind)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn create_partition(&mut self, table_id: i64, partition: &Partition) -> Result<()> {
        let id = self.allocate(partition.id);
        sqlx::query("INSERT INTO ducklake_partition_info VALUES (?, ?, ?, NULL)")
            .bind(id)
            .bind(table_id)
            .bind(self.snapshot_id)
            .execute(&mut *self.connection)
            .await?;
        for (index, key) in (0_i64..).zip(&partition.columns) {
            sqlx::query("INSERT INTO ducklake_partition_column VALUES (?, ?, ?, ?, ?)")
                .bind(id)
                .bind(table_id)
                .bind(index)
                .bind(key.column_id)
                .bind(key.transform.to_string())
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }

    async fn create_view(&mut self, created: &CreatedView) -> Result<()> {
        let view = self.request.view.view(created.id).ok_or_else(|| lost(created.id))?;
        let (schema_id, schema_name) = self.check_name_is_free(view.schema_id, &view.name).await?;
        let id = self.allocate(created.id);
        sqlx::query("INSERT INTO ducklake_view VALUES (?, ?, ?, NULL, ?, ?, 'postgres', ?, ?)")
            .bind(id)
            .bind(created.uuid.hyphenated().to_string())
            .bind(self.snapshot_id)
            .bind(schema_id)
            .bind(&view.name)
            .bind(&view.sql)
            .bind(format_names(&view.column_names))
            .execute(&mut *self.connection)
            .await?;
        sqlx::query("INSERT INTO kura_view(view_id, columns, search_path, owner) VALUES (?, ?, ?, ?)")
            .bind(id)
            .bind(view_columns(view))
            .bind(serde_json::Value::from(view.search_path.clone()).to_string())
            .bind(i64::from(view.owner))
            .execute(&mut *self.connection)
            .await?;
        self.record_identity("view", id, view.oid, view.owner).await?;
        self.log.push(Change::CreatedView { schema: schema_name, name: view.name.clone() });
        Ok(())
    }

    /// Checks that a relation can be created; returns the schema's real identity and name.
    async fn check_name_is_free(&mut self, schema_id: i64, name: &str) -> Result<(i64, String)> {
        let schema = self.request.view.schema_by_id(schema_id).ok_or_else(|| lost(schema_id))?;
        let schema_id = self.real_id(schema_id)?;
        let alive =
            self.exists("SELECT EXISTS (SELECT 1 FROM ducklake_schema WHERE schema_id = ? AND end_snapshot IS NULL)", schema_id).await?;
        expect_alive(alive, "schema", schema_id)?;
        let taken: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM ducklake_table \
             WHERE schema_id = ?1 AND table_name = ?2 AND end_snapshot IS NULL UNION ALL \
             SELECT 1 FROM ducklake_view WHERE schema_id = ?1 AND view_name = ?2 AND end_snapshot IS NULL)",
        )
        .bind(schema_id)
        .bind(name)
        .fetch_one(&mut *self.connection)
        .await?;
        if taken {
            return Err(Error::Conflict { reason: format!("relation \"{}.{name}\" was created", schema.name) });
        }
        Ok((schema_id, schema.name.clone()))
    }

    /// Records OID and owner.
    async fn record_identity(&mut self, kind: &str, id: i64, oid: u32, owner: u32) -> Result<()> {
        sqlx::query("INSERT INTO kura_oid(oid, kind, object_id) VALUES (?, ?, ?)")
            .bind(i64::from(oid))
            .bind(kind)
            .bind(id)
            .execute(&mut *self.connection)
            .await?;
        sqlx::query("INSERT INTO kura_owner(object_id, owner) VALUES (?, ?)")
            .bind(id)
            .bind(i64::from(owner))
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// Writes comments: the old one ends, the new one begins.
    pub(super) async fn write_comments(&mut self) -> Result<()> {
        for (target, comment) in &self.request.changes.comments {
            let comment = comment.as_deref();
            match *target {
                CommentTarget::Schema(id) => {
                    let id = self.real_id(id)?;
                    let alive = "SELECT EXISTS (SELECT 1 FROM ducklake_schema WHERE schema_id = ? AND end_snapshot IS NULL)";
                    expect_alive(self.exists(alive, id).await?, "schema", id)?;
                    self.set_comment(id, comment).await?;
                }
                CommentTarget::Table(id) => {
                    let id = self.alter_table(id).await?;
                    self.set_comment(id, comment).await?;
                }
                CommentTarget::View(id) => {
                    let real_id = self.real_id(id)?;
                    let alive = "SELECT EXISTS (SELECT 1 FROM ducklake_view WHERE view_id = ? AND end_snapshot IS NULL)";
                    expect_alive(self.exists(alive, real_id).await?, "view", real_id)?;
                    if id >= 0 {
                        self.log.push(Change::AlteredView(id));
                    }
                    self.set_comment(real_id, comment).await?;
                }
                CommentTarget::Column { table_id, column_id } => {
                    let table_id = self.alter_table(table_id).await?;
                    self.set_column_comment(table_id, column_id, comment).await?;
                }
            }
        }
        Ok(())
    }

    /// Checks that a table can be altered and logs it once; returns its real identity.
    async fn alter_table(&mut self, id: i64) -> Result<i64> {
        let real_id = self.check_table_is_alive(id).await?;
        let change = Change::AlteredTable(real_id);
        if id >= 0 && !self.log.contains(&change) {
            self.log.push(change);
        }
        Ok(real_id)
    }

    /// Returns the real identity of a table that nobody dropped meanwhile.
    pub(super) async fn check_table_is_alive(&mut self, id: i64) -> Result<i64> {
        let id = self.real_id(id)?;
        let alive = self.exists("SELECT EXISTS (SELECT 1 FROM ducklake_table WHERE table_id = ? AND end_snapshot IS NULL)", id).await?;
        expect_alive(alive, "table", id)?;
        Ok(id)
    }

    async fn set_comment(&mut self, object_id: i64, comment: Option<&str>) -> Result<()> {
        sqlx::query("UPDATE ducklake_tag SET end_snapshot = ? WHERE object_id = ? AND end_snapshot IS NULL AND key = 'comment'")
            .bind(self.snapshot_id)
            .bind(object_id)
            .execute(&mut *self.connection)
            .await?;
        let Some(comment) = comment else { return Ok(()) };
        sqlx::query("INSERT INTO ducklake_tag VALUES (?, ?, NULL, 'comment', ?)")
            .bind(object_id)
            .bind(self.snapshot_id)
            .bind(comment)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn set_column_comment(&mut self, table_id: i64, column_id: i64, comment: Option<&str>) -> Result<()> {
        sqlx::query(
            "UPDATE ducklake_column_tag SET end_snapshot = ? \
             WHERE table_id = ? AND column_id = ? AND end_snapshot IS NULL AND key = 'comment'",
        )
        .bind(self.snapshot_id)
        .bind(table_id)
        .bind(column_id)
        .execute(&mut *self.connection)
        .await?;
        let Some(comment) = comment else { return Ok(()) };
        sqlx::query("INSERT INTO ducklake_column_tag VALUES (?, ?, ?, NULL, 'comment', ?)")
            .bind(table_id)
            .bind(column_id)
            .bind(self.snapshot_id)
            .bind(comment)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// Runs an UPDATE whose parameters are this snapshot, an object and perhaps one more; returns the rows it changed.
    async fn end(&mut self, sql: &'static str, id: i64, base: Option<i64>) -> Result<u64> {
        let mut query = sqlx::query(sql).bind(self.snapshot_id).bind(id);
        if let Some(base) = base {
            query = query.bind(base);
        }
        Ok(query.execute(&mut *self.connection).await?.rows_affected())
    }

    async fn exists(&mut self, sql: &'static str, id: i64) -> Result<bool> {
        Ok(sqlx::query_scalar(sql).bind(id).fetch_one(&mut *self.connection).await?)
    }
}

/// What differs between rows of `ducklake_column`.
struct ColumnRow<'a> {
    id: i64,
    name: &'a str,
    column_type: &'a str,
    default: &'a str,
    default_kind: &'a str,
    nullable: bool,
    parent: Option<i64>,
}

/// Writes `kura_view.columns`.
fn view_columns(view: &View) -> String {
    let columns: Vec<serde_json::Value> = view
        .columns
        .iter()
        .map(|column| serde_json::json!({ "name": column.name, "oid": column.ty.oid(), "typmod": column.ty.typmod }))
        .collect();
    serde_json::Value::from(columns).to_string()
}

fn expect_alive(alive: bool, kind: &str, id: i64) -> Result<()> {
    if alive { Ok(()) } else { Err(Error::Conflict { reason: format!("{kind} {id} was dropped or renamed") }) }
}

fn lost(id: i64) -> Error {
    corrupt(format!("object {id} is not in the view of its transaction"))
}
