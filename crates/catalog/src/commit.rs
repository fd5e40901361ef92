//! Decides whether a transaction goes together with what was committed since it began. Reads and writes nothing.
//!
//! The matrix is the one of the official extension (`CheckForConflicts` in `ducklake_transaction_state.cpp`), so that
//! either side sees the same conflicts, but that inserts and deletes of our own transactions commute: both are
//! correct under snapshot isolation, and a delete of ours names the files it concerns.

use std::collections::BTreeSet;

use crate::changes::{Change, ChangeSet, CommentTarget};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;

/// What a transaction is about to do, in the terms of the conflict matrix.
#[derive(Debug, Default)]
pub(crate) struct Intent {
    created_schemas: BTreeSet<String>,
    dropped_schemas: BTreeSet<i64>,
    dropped_schema_names: BTreeSet<String>,
    created_relations: BTreeSet<(String, String)>,
    created_in_schemas: BTreeSet<i64>,
    dropped: BTreeSet<i64>,
    altered: BTreeSet<i64>,
    inserted: BTreeSet<i64>,
}

/// One snapshot committed since.
#[derive(Debug)]
pub(crate) struct Committed {
    /// Its number.
    pub(crate) snapshot_id: i64,
    /// Whether this program wrote it.
    pub(crate) ours: bool,
    /// What it changed.
    pub(crate) changes: Vec<Change>,
}

impl Intent {
    /// Collects the intent of `changes`, made on `base` and seen in `view`.
    pub(crate) fn new(base: &Snapshot, view: &Snapshot, changes: &ChangeSet) -> Self {
        let mut intent = Self {
            dropped_schemas: changes.dropped_schemas.clone(),
            dropped: changes.dropped_tables.union(&changes.dropped_views).copied().collect(),
            inserted: changes.appended.keys().copied().filter(|id| *id >= 0).collect(),
            ..Self::default()
        };
        for created in &changes.created_schemas {
            intent.created_schemas.extend(view.schema_by_id(created.id).map(|schema| schema.name.clone()));
        }
        for id in &changes.dropped_schemas {
            intent.dropped_schema_names.extend(base.schema_by_id(*id).map(|schema| schema.name.clone()));
        }
        let tables = changes.created_tables.iter().filter_map(|created| view.table(created.id));
        let views = changes.created_views.iter().filter_map(|created| view.view(created.id));
        let created = tables.map(|table| (table.schema_id, &table.name)).chain(views.map(|view| (view.schema_id, &view.name)));
        for (schema_id, name) in created.filter(|(schema_id, _)| *schema_id >= 0) {
            intent.created_in_schemas.insert(schema_id);
            if let Some(schema) = view.schema_by_id(schema_id) {
                intent.created_relations.insert((schema.name.clone(), name.clone()));
            }
        }
        for target in changes.comments.keys() {
            match target {
                CommentTarget::Schema(_) => {}
                CommentTarget::Table(id) | CommentTarget::View(id) | CommentTarget::Column { table_id: id, .. } => {
                    intent.altered.insert(*id);
                }
            }
        }
        intent
    }

    /// Checks against all snapshots committed since the base.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the first collision.
    pub(crate) fn check(&self, committed: &[Committed]) -> Result<()> {
        for snapshot in committed {
            for change in &snapshot.changes {
                if let Some(reason) = self.collision(change, snapshot.ours) {
                    let reason = format!("{reason} in snapshot {}", snapshot.snapshot_id);
                    return Err(Error::Conflict { reason });
                }
            }
        }
        Ok(())
    }

    fn collision(&self, change: &Change, ours: bool) -> Option<String> {
        match change {
            Change::CreatedSchema(name) => self.created_schemas.contains(name).then(|| format!("schema \"{name}\" was created")),
            Change::DroppedSchema(id) => {
                (self.dropped_schemas.contains(id) || self.created_in_schemas.contains(id)).then(|| format!("schema {id} was dropped"))
            }
            Change::CreatedTable { schema, name } | Change::CreatedView { schema, name } => {
                let same = self.created_relations.contains(&(schema.clone(), name.clone()));
                (same || self.dropped_schema_names.contains(schema)).then(|| format!("relation \"{schema}.{name}\" was created"))
            }
            Change::DroppedTable(id) | Change::DroppedView(id) => {
                (self.dropped.contains(id) || self.builds_on(*id)).then(|| format!("relation {id} was dropped"))
            }
            Change::AlteredTable(id) | Change::AlteredView(id) => self.builds_on(*id).then(|| format!("relation {id} was altered")),
            Change::DeletedFromTable(id) | Change::InlinedDelete(id) => {
                (!ours && self.inserted.contains(id)).then(|| format!("rows of table {id} were deleted"))
            }
            Change::InsertedIntoTable(_) | Change::InlinedInsert(_) | Change::Compacted(_) | Change::Macro => None,
            Change::Unknown(text) => Some(format!("an unknown change \"{text}\" was made")),
        }
    }

    /// Whether the relation's definition must still be what it was.
    fn builds_on(&self, id: i64) -> bool {
        self.altered.contains(&id) || self.inserted.contains(&id)
    }
}
