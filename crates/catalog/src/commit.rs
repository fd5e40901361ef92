//! Decides whether a transaction goes together with what was committed since it began. Reads and writes nothing.
//!
//! The matrix is the one of the official extension (`CheckForConflicts` in `ducklake_transaction_state.cpp`), so that
//! either side sees the same conflicts, with two differences. Inserts and deletes of our own transactions commute: both
//! are correct under snapshot isolation. And what was found out from the rows of a table, such as that none of them is NULL,
//! must still hold: then nobody may have added any. That two transactions do not delete from the same file, or rename the
//! same object, is seen from the rows of the metadata database when they are written.

use std::collections::{BTreeMap, BTreeSet};

use crate::changes::Change;
use crate::difference::{Difference, TableChange};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;

/// What a transaction is about to do, in the terms of the conflict matrix.
#[derive(Debug, Default)]
pub(crate) struct Intent {
    /// Names that schemas get.
    named_schemas: BTreeSet<String>,
    dropped_schemas: BTreeSet<i64>,
    dropped_schema_names: BTreeSet<String>,
    /// Names, with their schemas', that relations get.
    named_relations: BTreeSet<(String, String)>,
    /// Schemas that get relations.
    filled_schemas: BTreeSet<i64>,
    /// Relations that get another name or schema.
    moved: BTreeSet<i64>,
    dropped: BTreeSet<i64>,
    altered: BTreeSet<i64>,
    inserted: BTreeSet<i64>,
    deleted: BTreeSet<i64>,
    /// Tables of which the rows there were have been examined or rewritten.
    examined: BTreeSet<i64>,
    /// Names of the relations and schemas above, for messages.
    names: BTreeMap<i64, String>,
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
    /// Collects the intent of a transaction that sees `view`.
    pub(crate) fn new(view: &Snapshot, difference: &Difference<'_>) -> Self {
        let mut intent = Self::default();
        intent.add_schemas(difference);
        for table in &difference.dropped_tables {
            intent.drop_relation(table.id, &table.name);
        }
        for dropped in &difference.dropped_views {
            intent.drop_relation(dropped.id, &dropped.name);
        }
        for (table, _) in &difference.created_tables {
            intent.name_relation(view, table.schema_id, &table.name);
        }
        for (created, _) in &difference.created_views {
            intent.name_relation(view, created.schema_id, &created.name);
        }
        for table in &difference.changed_tables {
            intent.change_table(view, table);
        }
        for changed in &difference.changed_views {
            let (old, new) = (changed.old, changed.new);
            intent.names.insert(old.id, old.name.clone());
            if (old.schema_id, &old.name) != (new.schema_id, &new.name) {
                intent.moved.insert(old.id);
                intent.name_relation(view, new.schema_id, &new.name);
            }
            if old.owner != new.owner || old.comment != new.comment {
                intent.altered.insert(old.id);
            }
        }
        intent
    }

    fn add_schemas(&mut self, difference: &Difference<'_>) {
        for (schema, _) in &difference.created_schemas {
            self.named_schemas.insert(schema.name.clone());
        }
        for changed in difference.changed_schemas.iter().filter(|changed| changed.old.name != changed.new.name) {
            self.named_schemas.insert(changed.new.name.clone());
        }
        for schema in &difference.dropped_schemas {
            self.dropped_schemas.insert(schema.id);
            self.dropped_schema_names.insert(schema.name.clone());
            self.names.insert(schema.id, schema.name.clone());
        }
    }

    fn drop_relation(&mut self, id: i64, name: &str) {
        self.dropped.insert(id);
        self.names.insert(id, name.to_owned());
    }

    /// A name is given to a relation. In a schema of this transaction nobody else can have given it.
    fn name_relation(&mut self, view: &Snapshot, schema_id: i64, name: &str) {
        let Some(schema) = view.schema_by_id(schema_id).filter(|schema| schema.id >= 0) else { return };
        self.filled_schemas.insert(schema_id);
        self.named_relations.insert((schema.name.clone(), name.to_owned()));
        self.names.insert(schema_id, schema.name.clone());
    }

    fn change_table(&mut self, view: &Snapshot, change: &TableChange<'_>) {
        let id = change.old.id;
        self.names.insert(id, change.old.name.clone());
        if change.is_moved() {
            self.moved.insert(id);
            self.name_relation(view, change.new.schema_id, &change.new.name);
        }
        if change.is_altered() {
            self.altered.insert(id);
        }
        if !change.files.added.is_empty() {
            self.inserted.insert(id);
        }
        if change.files.deletes_rows() {
            self.deleted.insert(id);
        }
        if examines_rows(change) {
            self.examined.insert(id);
        }
    }

    /// Checks against all snapshots committed since the base.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the first collision.
    pub(crate) fn check(&self, committed: &[Committed]) -> Result<()> {
        for snapshot in committed {
            for change in &snapshot.changes {
                if let Some(collision) = self.collision(change, snapshot.ours) {
                    return Err(Error::Conflict { reason: format!("{collision} in snapshot {}.", snapshot.snapshot_id) });
                }
            }
        }
        Ok(())
    }

    fn collision(&self, change: &Change, ours: bool) -> Option<String> {
        let relation = |id: &i64, what: &str| format!("Relation {} was {what}", self.name(*id));
        match change {
            Change::CreatedSchema(name) => self.named_schemas.contains(name).then(|| format!("Schema \"{name}\" was created")),
            Change::DroppedSchema(id) => {
                let used = self.dropped_schemas.contains(id) || self.filled_schemas.contains(id);
                used.then(|| format!("Schema {} was dropped", self.name(*id)))
            }
            Change::CreatedTable { schema, name } | Change::CreatedView { schema, name } => {
                let same = self.named_relations.contains(&(schema.clone(), name.clone()));
                (same || self.dropped_schema_names.contains(schema)).then(|| format!("Relation \"{schema}.{name}\" was created"))
            }
            Change::DroppedTable(id) | Change::DroppedView(id) => {
                let used = self.dropped.contains(id) || self.moved.contains(id) || self.builds_on(*id);
                used.then(|| relation(id, "dropped"))
            }
            Change::AlteredTable(id) | Change::AlteredView(id) => self.builds_on(*id).then(|| relation(id, "altered")),
            Change::InsertedIntoTable(id) | Change::InlinedInsert(id) => {
                let excluded = self.examined.contains(id) || (!ours && self.deleted.contains(id));
                excluded.then(|| relation(id, "inserted into"))
            }
            Change::DeletedFromTable(id) => {
                let excluded = self.examined.contains(id) || (!ours && self.inserted.contains(id));
                excluded.then(|| relation(id, "deleted from"))
            }
            Change::InlinedDelete(id) => {
                let excluded = self.examined.contains(id) || self.inserted.contains(id) || self.deleted.contains(id);
                excluded.then(|| relation(id, "deleted from"))
            }
            Change::Compacted(id) => self.deleted.contains(id).then(|| relation(id, "compacted")),
            Change::Macro => None,
            Change::Unknown(text) => Some(format!("An unknown change \"{text}\" was made")),
        }
    }

    /// Whether the relation's definition must still be what it was.
    fn builds_on(&self, id: i64) -> bool {
        self.altered.contains(&id) || self.inserted.contains(&id) || self.deleted.contains(&id)
    }

    /// The name of an object as this transaction found it, quoted.
    fn name(&self, id: i64) -> String {
        self.names.get(&id).map_or_else(|| id.to_string(), |name| format!("\"{name}\""))
    }
}

/// Whether a change is right only for the rows that were there: a column was found to hold no NULL, or the table had no
/// row to which a new column would have given one, or the files were rewritten for other columns.
fn examines_rows(change: &TableChange<'_>) -> bool {
    let columns = &change.columns;
    let forbids_null = columns.changed.iter().any(|column| column.old.nullable && !column.new.nullable)
        || columns.added.iter().any(|column| !column.nullable && column.initial_default.is_none());
    let may_replace = !columns.added.is_empty() && !columns.dropped.is_empty();
    forbids_null || may_replace || (columns.is_definition() && change.files.deletes_rows())
}
