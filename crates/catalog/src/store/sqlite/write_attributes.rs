//! The part of a commit that writes what all kinds of objects have: OID, owner, comment.

use crate::error::Result;

use super::commit::Writer;

impl Writer<'_> {
    /// Records OID and owner of a new object.
    pub(super) async fn record_identity(&mut self, kind: &str, id: i64, oid: u32, owner: u32) -> Result<()> {
        sqlx::query("INSERT INTO kura_oid(oid, kind, object_id) VALUES (?, ?, ?)")
            .bind(i64::from(oid))
            .bind(kind)
            .bind(id)
            .execute(&mut *self.connection)
            .await?;
        self.set_owner(id, owner).await
    }

    /// Records the owner. It is not versioned: an older snapshot would show it too.
    pub(super) async fn set_owner(&mut self, id: i64, owner: u32) -> Result<()> {
        sqlx::query("INSERT INTO kura_owner(object_id, owner) VALUES (?, ?) ON CONFLICT (object_id) DO UPDATE SET owner = excluded.owner")
            .bind(id)
            .bind(i64::from(owner))
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// Writes an object's comment: the old one ends, the new one begins.
    pub(super) async fn set_comment(&mut self, object_id: i64, comment: Option<&str>) -> Result<()> {
        self.end(
            "UPDATE ducklake_tag SET end_snapshot = ? WHERE object_id = ? AND end_snapshot IS NULL AND key = 'comment'",
            object_id,
            None,
        )
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

    /// Ends all there is about an object that is dropped.
    pub(super) async fn end_comment(&mut self, object_id: i64) -> Result<()> {
        self.end("UPDATE ducklake_tag SET end_snapshot = ? WHERE object_id = ? AND end_snapshot IS NULL", object_id, None).await?;
        Ok(())
    }

    /// Writes a column's comment, likewise.
    pub(super) async fn set_column_comment(&mut self, table_id: i64, column_id: i64, comment: Option<&str>) -> Result<()> {
        self.end(
            "UPDATE ducklake_column_tag SET end_snapshot = ? \
             WHERE table_id = ? AND column_id = ? AND end_snapshot IS NULL AND key = 'comment'",
            table_id,
            Some(column_id),
        )
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
}
