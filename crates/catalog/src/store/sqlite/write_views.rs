//! The part of a commit that writes views: dropped, moved, created, owned, commented.

use uuid::Uuid;

use crate::changes::{Change, format_names};
use crate::difference::Changed;
use crate::error::Result;
use crate::object::view::View;

use super::commit::{Writer, expect};

impl Writer<'_> {
    /// Ends the rows of views that are dropped or get another name or schema.
    pub(super) async fn end_views(&mut self) -> Result<()> {
        let difference = self.request.difference;
        for view in &difference.dropped_views {
            self.end_view(view).await?;
            self.end_comment(view.id).await?;
            self.log.push(Change::DroppedView(view.id));
        }
        for changed in difference.changed_views.iter().filter(|changed| is_moved(changed)) {
            self.end_view(changed.old).await?;
        }
        Ok(())
    }

    /// A row that began after the base is a renaming: the view is not the one this transaction knew by its name.
    async fn end_view(&mut self, view: &View) -> Result<()> {
        let ended = self
            .end(
                "UPDATE ducklake_view SET end_snapshot = ? WHERE view_id = ? AND end_snapshot IS NULL AND begin_snapshot <= ?",
                view.id,
                Some(self.request.base_id),
            )
            .await?;
        expect(ended == 1, || is_gone(view))
    }

    /// Writes what views there are now.
    pub(super) async fn write_views(&mut self) -> Result<()> {
        let difference = self.request.difference;
        for (view, uuid) in &difference.created_views {
            self.create_view(view, uuid).await?;
        }
        for changed in &difference.changed_views {
            self.alter_view(changed).await?;
        }
        Ok(())
    }

    async fn create_view(&mut self, view: &View, uuid: &Uuid) -> Result<()> {
        let (schema_id, schema_name) = self.check_name_is_free(view.schema_id, &view.name).await?;
        let id = self.allocate(view.id);
        sqlx::query("INSERT INTO ducklake_view VALUES (?, ?, ?, NULL, ?, ?, 'postgres', ?, ?)")
            .bind(id)
            .bind(uuid.hyphenated().to_string())
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
        self.set_comment(id, view.comment.as_deref()).await?;
        self.log.push(Change::CreatedView { schema: schema_name, name: view.name.clone() });
        Ok(())
    }

    async fn alter_view(&mut self, changed: &Changed<'_, View>) -> Result<()> {
        let (old, new) = (changed.old, changed.new);
        if is_moved(changed) {
            self.place_view(new).await?;
        } else {
            let alive = "SELECT EXISTS (SELECT 1 FROM ducklake_view WHERE view_id = ? AND end_snapshot IS NULL)";
            expect(self.exists(alive, old.id).await?, || is_gone(old))?;
        }
        if old.owner != new.owner {
            self.set_owner(old.id, new.owner).await?;
            sqlx::query("UPDATE kura_view SET owner = ? WHERE view_id = ?")
                .bind(i64::from(new.owner))
                .bind(old.id)
                .execute(&mut *self.connection)
                .await?;
        }
        if old.comment != new.comment {
            self.set_comment(old.id, new.comment.as_deref()).await?;
        }
        if old.owner != new.owner || old.comment != new.comment {
            self.log.push(Change::AlteredView(old.id));
        }
        Ok(())
    }

    /// Writes the row of a view with its new name and schema. The rest of it is that of the one that ended.
    async fn place_view(&mut self, view: &View) -> Result<()> {
        let (schema_id, schema_name) = self.check_name_is_free(view.schema_id, &view.name).await?;
        sqlx::query(
            "INSERT INTO ducklake_view SELECT view_id, view_uuid, end_snapshot, NULL, ?3, ?4, dialect, sql, column_aliases \
             FROM ducklake_view WHERE view_id = ?1 AND end_snapshot = ?2",
        )
        .bind(view.id)
        .bind(self.snapshot_id)
        .bind(schema_id)
        .bind(&view.name)
        .execute(&mut *self.connection)
        .await?;
        self.log.push(Change::CreatedView { schema: schema_name, name: view.name.clone() });
        Ok(())
    }
}

fn is_moved(changed: &Changed<'_, View>) -> bool {
    (changed.old.schema_id, &changed.old.name) != (changed.new.schema_id, &changed.new.name)
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

fn is_gone(view: &View) -> String {
    format!("View \"{}\" was dropped or renamed.", view.name)
}
