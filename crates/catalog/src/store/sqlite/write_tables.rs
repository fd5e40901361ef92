//! The part of a commit that writes tables: dropped, moved, created, altered. Their columns are in `write_columns`, their
//! rows in `write_files`.

use uuid::Uuid;

use crate::changes::Change;
use crate::difference::TableChange;
use crate::error::{Error, Result, corrupt};
use crate::object::partition::Partition;
use crate::object::schema::Schema;
use crate::object::table::Table;
use crate::snapshot::Snapshot;

use super::commit::{Writer, expect};

/// Ends everything that belongs to a table. Parameters: snapshot, table.
const END_TABLE_PARTS: [&str; 6] = [
    "UPDATE ducklake_column SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL",
    "UPDATE ducklake_column_tag SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL",
    "UPDATE ducklake_partition_info SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL",
    "UPDATE ducklake_sort_info SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL",
    "UPDATE ducklake_data_file SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL",
    "UPDATE ducklake_delete_file SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL",
];

impl Writer<'_> {
    /// Ends the rows of tables that are dropped or get another name or schema.
    pub(super) async fn end_tables(&mut self) -> Result<()> {
        let difference = self.request.difference;
        for table in &difference.dropped_tables {
            self.end_table(table).await?;
            for part in END_TABLE_PARTS {
                self.end(part, table.id, None).await?;
            }
            self.end_comment(table.id).await?;
            self.log.push(Change::DroppedTable(table.id));
        }
        for change in difference.changed_tables.iter().filter(|change| change.is_moved()) {
            self.end_table(change.old).await?;
        }
        Ok(())
    }

    /// A row that began after the base is a renaming: the table is not the one this transaction knew by its name.
    async fn end_table(&mut self, table: &Table) -> Result<()> {
        let ended = self
            .end(
                "UPDATE ducklake_table SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL AND begin_snapshot <= ?",
                table.id,
                Some(self.request.base_id),
            )
            .await?;
        expect(ended == 1, || is_gone(table))
    }

    /// Writes what tables there are now.
    pub(super) async fn write_tables(&mut self) -> Result<()> {
        let difference = self.request.difference;
        for (table, uuid) in &difference.created_tables {
            self.create_table(table, uuid).await?;
        }
        for change in &difference.changed_tables {
            self.alter_table(change).await?;
        }
        Ok(())
    }

    async fn create_table(&mut self, table: &Table, uuid: &Uuid) -> Result<()> {
        let (schema_id, schema_name) = self.check_name_is_free(table.schema_id, &table.name).await?;
        let (path, is_relative) = self.stored_path(table)?;
        let id = self.allocate(table.id);
        sqlx::query("INSERT INTO ducklake_table VALUES (?, ?, ?, NULL, ?, ?, ?, ?)")
            .bind(id)
            .bind(uuid.hyphenated().to_string())
            .bind(self.snapshot_id)
            .bind(schema_id)
            .bind(&table.name)
            .bind(path)
            .bind(is_relative)
            .execute(&mut *self.connection)
            .await?;
        self.create_columns(id, table).await?;
        if let Some(partition) = &table.partition {
            self.create_partition(id, partition).await?;
        }
        self.record_schema_version(id).await?;
        self.record_identity("table", id, table.oid, table.owner).await?;
        self.set_comment(id, table.comment.as_deref()).await?;
        self.log.push(Change::CreatedTable { schema: schema_name, name: table.name.clone() });
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

    async fn alter_table(&mut self, change: &TableChange<'_>) -> Result<()> {
        let (old, new) = (change.old, change.new);
        if change.is_moved() {
            self.place_table(change).await?;
        } else {
            let alive = "SELECT EXISTS (SELECT 1 FROM ducklake_table WHERE table_id = ? AND end_snapshot IS NULL)";
            expect(self.exists(alive, old.id).await?, || is_gone(old))?;
        }
        if change.columns.is_definition() {
            self.alter_columns(change).await?;
        }
        for column in &change.columns.commented {
            self.set_column_comment(old.id, column.id, column.comment.as_deref()).await?;
        }
        if change.is_moved() || change.columns.is_definition() {
            self.record_schema_version(old.id).await?;
        }
        if old.owner != new.owner {
            self.set_owner(old.id, new.owner).await?;
        }
        if old.comment != new.comment {
            self.set_comment(old.id, new.comment.as_deref()).await?;
        }
        if change.is_altered() {
            self.log.push(Change::AlteredTable(old.id));
        }
        Ok(())
    }

    /// Writes the row of a table with its new name and schema. Identity, UUID and the place of its files stay.
    async fn place_table(&mut self, change: &TableChange<'_>) -> Result<()> {
        let table = change.new;
        let (schema_id, schema_name) = self.check_name_is_free(table.schema_id, &table.name).await?;
        let stays = change.old.schema_id == table.schema_id;
        let path = if stays { None } else { Some(self.stored_path(table)?) };
        let (path, is_relative) = path.unzip();
        sqlx::query(
            "INSERT INTO ducklake_table SELECT table_id, table_uuid, end_snapshot, NULL, ?3, ?4, coalesce(?5, path), \
             coalesce(?6, path_is_relative) FROM ducklake_table WHERE table_id = ?1 AND end_snapshot = ?2",
        )
        .bind(table.id)
        .bind(self.snapshot_id)
        .bind(schema_id)
        .bind(&table.name)
        .bind(path)
        .bind(is_relative)
        .execute(&mut *self.connection)
        .await?;
        self.log.push(Change::CreatedTable { schema: schema_name, name: table.name.clone() });
        Ok(())
    }

    /// Where a table's files are, relative to its schema's when they are below it; else absolute: it came from another one.
    fn stored_path(&self, table: &Table) -> Result<(String, bool)> {
        let schema = seen_schema(self.request.view, table.schema_id)?;
        match table.path.strip_prefix(&schema.path).filter(|_| !schema.path.is_empty()) {
            Some(path) => Ok((path.to_owned(), true)),
            None => Ok((format!("{}{}", self.data_path, table.path), false)),
        }
    }

    /// Checks that a relation can get a name; returns the schema's real identity and name.
    pub(super) async fn check_name_is_free(&mut self, schema_id: i64, name: &str) -> Result<(i64, String)> {
        let seen = seen_schema(self.request.view, schema_id)?;
        let schema_id = self.real_id(schema_id)?;
        let schema_name: Option<String> =
            sqlx::query_scalar("SELECT schema_name FROM ducklake_schema WHERE schema_id = ? AND end_snapshot IS NULL")
                .bind(schema_id)
                .fetch_optional(&mut *self.connection)
                .await?;
        let Some(schema_name) = schema_name else {
            return Err(Error::Conflict { reason: format!("Schema \"{}\" was dropped.", seen.name) });
        };
        let taken: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM ducklake_table \
             WHERE schema_id = ?1 AND table_name = ?2 AND end_snapshot IS NULL UNION ALL \
             SELECT 1 FROM ducklake_view WHERE schema_id = ?1 AND view_name = ?2 AND end_snapshot IS NULL)",
        )
        .bind(schema_id)
        .bind(name)
        .fetch_one(&mut *self.connection)
        .await?;
        expect(!taken, || format!("Relation \"{schema_name}.{name}\" was created."))?;
        Ok((schema_id, schema_name))
    }

    /// Notes that files written from now on have other columns, or are of another name, than those before.
    async fn record_schema_version(&mut self, table_id: i64) -> Result<()> {
        sqlx::query("INSERT INTO ducklake_schema_versions VALUES (?, ?, ?)")
            .bind(self.snapshot_id)
            .bind(self.schema_version)
            .bind(table_id)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}

fn seen_schema(view: &Snapshot, id: i64) -> Result<&Schema> {
    let found = view.schema_by_id(id).map(AsRef::as_ref);
    found.ok_or_else(|| corrupt(format!("schema {id} is not in the view of its transaction")))
}

fn is_gone(table: &Table) -> String {
    format!("Table \"{}\" was dropped or renamed.", table.name)
}
