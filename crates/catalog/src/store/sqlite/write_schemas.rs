//! The part of a commit that writes schemas: dropped, renamed, created, owned, commented.

use uuid::Uuid;

use crate::changes::Change;
use crate::difference::Changed;
use crate::error::Result;
use crate::object::schema::Schema;

use super::commit::{Writer, expect};

impl Writer<'_> {
    /// Writes all schemas. What was dropped in them or moved out of them has ended already.
    pub(super) async fn write_schemas(&mut self) -> Result<()> {
        let difference = self.request.difference;
        for schema in &difference.dropped_schemas {
            self.drop_schema(schema).await?;
        }
        let renamed = || difference.changed_schemas.iter().filter(|changed| changed.old.name != changed.new.name);
        for changed in renamed() {
            self.rename_schema(changed).await?;
        }
        for changed in renamed() {
            self.check_schema_name(changed.new, 1).await?;
        }
        for (schema, uuid) in &difference.created_schemas {
            self.check_schema_name(schema, 0).await?;
            self.create_schema(schema, uuid).await?;
        }
        for changed in &difference.changed_schemas {
            self.alter_schema(changed).await?;
        }
        Ok(())
    }

    async fn drop_schema(&mut self, schema: &Schema) -> Result<()> {
        let occupied = self
            .exists(
                "SELECT EXISTS (SELECT 1 FROM ducklake_table WHERE schema_id = ?1 AND end_snapshot IS NULL \
                 UNION ALL SELECT 1 FROM ducklake_view WHERE schema_id = ?1 AND end_snapshot IS NULL)",
                schema.id,
            )
            .await?;
        expect(!occupied, || format!("Something was created in schema \"{}\".", schema.name))?;
        let ended =
            sqlx::query("UPDATE ducklake_schema SET end_snapshot = ? WHERE schema_id = ? AND schema_name = ? AND end_snapshot IS NULL")
                .bind(self.snapshot_id)
                .bind(schema.id)
                .bind(&schema.name)
                .execute(&mut *self.connection)
                .await?;
        expect(ended.rows_affected() == 1, || is_gone(schema))?;
        self.end_comment(schema.id).await?;
        self.log.push(Change::DroppedSchema(schema.id));
        Ok(())
    }

    /// The primary key of the schemas allows one row for each, so the name changes in place: older snapshots get it too.
    async fn rename_schema(&mut self, changed: &Changed<'_, Schema>) -> Result<()> {
        let renamed =
            sqlx::query("UPDATE ducklake_schema SET schema_name = ? WHERE schema_id = ? AND schema_name = ? AND end_snapshot IS NULL")
                .bind(&changed.new.name)
                .bind(changed.old.id)
                .bind(&changed.old.name)
                .execute(&mut *self.connection)
                .await?;
        expect(renamed.rows_affected() == 1, || is_gone(changed.old))?;
        self.log.push(Change::CreatedSchema(changed.new.name.clone()));
        Ok(())
    }

    /// Checks that a name is carried by as many schemas as it is by this transaction's doing.
    async fn check_schema_name(&mut self, schema: &Schema, expected: i64) -> Result<()> {
        let found: i64 = sqlx::query_scalar("SELECT count(*) FROM ducklake_schema WHERE schema_name = ? AND end_snapshot IS NULL")
            .bind(&schema.name)
            .fetch_one(&mut *self.connection)
            .await?;
        expect(found == expected, || format!("Schema \"{}\" was created.", schema.name))
    }

    async fn create_schema(&mut self, schema: &Schema, uuid: &Uuid) -> Result<()> {
        let id = self.allocate(schema.id);
        sqlx::query("INSERT INTO ducklake_schema VALUES (?, ?, ?, NULL, ?, ?, 1)")
            .bind(id)
            .bind(uuid.hyphenated().to_string())
            .bind(self.snapshot_id)
            .bind(&schema.name)
            .bind(&schema.path)
            .execute(&mut *self.connection)
            .await?;
        self.record_identity("schema", id, schema.oid, schema.owner).await?;
        self.set_comment(id, schema.comment.as_deref()).await?;
        self.log.push(Change::CreatedSchema(schema.name.clone()));
        Ok(())
    }

    async fn alter_schema(&mut self, changed: &Changed<'_, Schema>) -> Result<()> {
        let (old, new) = (changed.old, changed.new);
        let alive = "SELECT EXISTS (SELECT 1 FROM ducklake_schema WHERE schema_id = ? AND end_snapshot IS NULL)";
        expect(self.exists(alive, old.id).await?, || is_gone(old))?;
        if old.owner != new.owner {
            self.set_owner(old.id, new.owner).await?;
        }
        if old.comment != new.comment {
            self.set_comment(old.id, new.comment.as_deref()).await?;
        }
        Ok(())
    }
}

fn is_gone(schema: &Schema) -> String {
    format!("Schema \"{}\" was dropped or renamed.", schema.name)
}
