//! What a transaction changed: the difference between the image it began with and its view. Writes nothing.
//!
//! Only objects the transaction touched are compared. What it did to one of them in several steps is one change here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::object::column::Column;
use crate::object::data_file::{DataFile, DeleteFile};
use crate::object::relation::Relation;
use crate::object::schema::Schema;
use crate::object::table::Table;
use crate::object::view::View;
use crate::snapshot::Snapshot;

/// The objects a transaction created, changed or dropped. Those it both created and dropped are not in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Touched {
    pub(crate) schemas: BTreeSet<i64>,
    pub(crate) relations: BTreeSet<i64>,
    /// The UUIDs of created objects, by provisional identity.
    uuids: BTreeMap<i64, Uuid>,
}

impl Touched {
    pub(crate) fn is_empty(&self) -> bool {
        self.schemas.is_empty() && self.relations.is_empty()
    }

    pub(crate) fn create_schema(&mut self, id: i64, uuid: Uuid) {
        self.schemas.insert(id);
        self.uuids.insert(id, uuid);
    }

    pub(crate) fn drop_schema(&mut self, id: i64) {
        self.schemas.insert(id);
        if self.uuids.remove(&id).is_some() {
            self.schemas.remove(&id);
        }
    }

    pub(crate) fn create_relation(&mut self, id: i64, uuid: Uuid) {
        self.relations.insert(id);
        self.uuids.insert(id, uuid);
    }

    pub(crate) fn drop_relation(&mut self, id: i64) {
        self.relations.insert(id);
        if self.uuids.remove(&id).is_some() {
            self.relations.remove(&id);
        }
    }
}

/// Everything to be written. Created objects are in the order of their creation.
#[derive(Debug, Default)]
pub(crate) struct Difference<'a> {
    pub(crate) created_schemas: Vec<(&'a Schema, Uuid)>,
    pub(crate) changed_schemas: Vec<Changed<'a, Schema>>,
    pub(crate) dropped_schemas: Vec<&'a Schema>,
    pub(crate) created_tables: Vec<(&'a Table, Uuid)>,
    pub(crate) changed_tables: Vec<TableChange<'a>>,
    pub(crate) dropped_tables: Vec<&'a Table>,
    pub(crate) created_views: Vec<(&'a View, Uuid)>,
    pub(crate) changed_views: Vec<Changed<'a, View>>,
    pub(crate) dropped_views: Vec<&'a View>,
}

/// An object that was there and is another one now.
#[derive(Debug)]
pub(crate) struct Changed<'a, T> {
    pub(crate) old: &'a T,
    pub(crate) new: &'a T,
}

/// A table that was there and is changed.
#[derive(Debug)]
pub(crate) struct TableChange<'a> {
    pub(crate) old: &'a Table,
    pub(crate) new: &'a Table,
    pub(crate) columns: ColumnChanges<'a>,
    pub(crate) files: FileChanges<'a>,
}

/// Columns by what became of them.
#[derive(Debug, Default)]
pub(crate) struct ColumnChanges<'a> {
    /// In their order.
    pub(crate) added: Vec<&'a Column>,
    /// Another name, type, default or nullability; not those of which only the comment differs.
    pub(crate) changed: Vec<Changed<'a, Column>>,
    pub(crate) dropped: Vec<&'a Column>,
    /// Columns that stay or come, with another comment than before.
    pub(crate) commented: Vec<&'a Column>,
    /// Whether identities were given to columns, be it to some that are gone again: files may have their values.
    pub(crate) gave_identities: bool,
}

/// Files by what became of them.
#[derive(Debug, Default)]
pub(crate) struct FileChanges<'a> {
    /// Oldest first, perhaps with delete files.
    pub(crate) added: Vec<&'a DataFile>,
    pub(crate) ended: Vec<&'a DataFile>,
    /// Files that stay, as they were, and their new delete files.
    pub(crate) deletes: Vec<(&'a DataFile, &'a DeleteFile)>,
}

impl<'a> Difference<'a> {
    /// Compares what was touched.
    pub(crate) fn between(base: &'a Snapshot, view: &'a Snapshot, touched: &Touched) -> Self {
        let mut difference = Self::default();
        // Provisional identities count downwards.
        for id in touched.schemas.iter().rev() {
            difference.compare_schemas(base.schema_by_id(*id), view.schema_by_id(*id), touched.uuids.get(id));
        }
        for id in touched.relations.iter().rev() {
            difference.compare_relations(base.relation_by_id(*id), view.relation_by_id(*id), touched.uuids.get(id));
        }
        difference
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        !self.changes_definitions() && self.changed_tables.is_empty()
    }

    /// Whether anything but files changes, so that the schema version has to move.
    pub(crate) fn changes_definitions(&self) -> bool {
        let only_files = self.changed_tables.iter().all(|table| !table.changes_definition());
        !(only_files
            && self.created_schemas.is_empty()
            && self.changed_schemas.is_empty()
            && self.dropped_schemas.is_empty()
            && self.created_tables.is_empty()
            && self.dropped_tables.is_empty()
            && self.created_views.is_empty()
            && self.changed_views.is_empty()
            && self.dropped_views.is_empty())
    }

    fn compare_schemas(&mut self, old: Option<&'a Arc<Schema>>, new: Option<&'a Arc<Schema>>, uuid: Option<&Uuid>) {
        match (old, new) {
            (Some(old), Some(new)) if old != new => self.changed_schemas.push(Changed { old, new }),
            (Some(old), None) => self.dropped_schemas.push(old),
            (None, Some(new)) => self.created_schemas.extend(uuid.map(|uuid| (&**new, *uuid))),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn compare_relations(&mut self, old: Option<&'a Relation>, new: Option<&'a Relation>, uuid: Option<&Uuid>) {
        match (old, new) {
            (Some(Relation::Table(old)), Some(Relation::Table(new))) => self.changed_tables.extend(TableChange::between(old, new)),
            (Some(Relation::View(old)), Some(Relation::View(new))) if old != new => self.changed_views.push(Changed { old, new }),
            (Some(Relation::Table(old)), None) => self.dropped_tables.push(old),
            (Some(Relation::View(old)), None) => self.dropped_views.push(old),
            (None, Some(Relation::Table(new))) => self.created_tables.extend(uuid.map(|uuid| (&**new, *uuid))),
            (None, Some(Relation::View(new))) => self.created_views.extend(uuid.map(|uuid| (&**new, *uuid))),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

impl<'a> TableChange<'a> {
    fn between(old: &'a Table, new: &'a Table) -> Option<Self> {
        let mut columns = ColumnChanges::between(&old.columns, &new.columns);
        columns.gave_identities = old.next_column_id != new.next_column_id;
        let files = FileChanges::between(&old.files, &new.files);
        let change = Self { old, new, columns, files };
        (change.changes_definition() || !change.files.is_empty()).then_some(change)
    }

    /// Whether it has another name or is in another schema.
    pub(crate) fn is_moved(&self) -> bool {
        self.old.name != self.new.name || self.old.schema_id != self.new.schema_id
    }

    /// Whether anything of it changed that is neither its place nor its files.
    pub(crate) fn is_altered(&self) -> bool {
        self.old.owner != self.new.owner
            || self.old.comment != self.new.comment
            || self.columns.is_definition()
            || !self.columns.commented.is_empty()
    }

    fn changes_definition(&self) -> bool {
        self.is_moved() || self.is_altered()
    }
}

impl<'a> ColumnChanges<'a> {
    pub(crate) fn between(old: &'a [Column], new: &'a [Column]) -> Self {
        let mut changes = Self::default();
        if old == new {
            return changes;
        }
        let before: HashMap<i64, &Column> = old.iter().map(|column| (column.id, column)).collect();
        let after: HashSet<i64> = new.iter().map(|column| column.id).collect();
        changes.dropped = old.iter().filter(|column| !after.contains(&column.id)).collect();
        for column in new {
            let known = before.get(&column.id).copied();
            if known.and_then(|known| known.comment.as_ref()) != column.comment.as_ref() {
                changes.commented.push(column);
            }
            match known {
                None => changes.added.push(column),
                Some(known) if !is_same_definition(known, column) => changes.changed.push(Changed { old: known, new: column }),
                Some(_) => {}
            }
        }
        changes
    }

    /// Whether there is more to it than comments.
    pub(crate) fn is_definition(&self) -> bool {
        self.gave_identities || !(self.added.is_empty() && self.changed.is_empty() && self.dropped.is_empty())
    }
}

fn is_same_definition(old: &Column, new: &Column) -> bool {
    (&old.name, old.ty, &old.lake_type, old.nullable, &old.default) == (&new.name, new.ty, &new.lake_type, new.nullable, &new.default)
}

impl<'a> FileChanges<'a> {
    pub(crate) fn between(old: &'a Arc<Vec<Arc<DataFile>>>, new: &'a Arc<Vec<Arc<DataFile>>>) -> Self {
        let mut changes = Self::default();
        if Arc::ptr_eq(old, new) {
            return changes;
        }
        let before: HashMap<i64, &DataFile> = old.iter().map(|file| (file.id, &**file)).collect();
        let mut stayed = HashSet::with_capacity(new.len());
        for file in new.iter() {
            let Some(known) = before.get(&file.id).copied() else {
                changes.added.push(file);
                continue;
            };
            stayed.insert(file.id);
            if let Some(deletes) = file.deletes.as_ref().filter(|deletes| known.deletes.as_ref() != Some(*deletes)) {
                changes.deletes.push((known, deletes));
            }
        }
        changes.ended = old.iter().map(|file| &**file).filter(|file| !stayed.contains(&file.id)).collect();
        changes
    }

    /// The files of a table that was created.
    pub(crate) fn of_new(table: &'a Table) -> Self {
        Self { added: table.files.iter().map(AsRef::as_ref).collect(), ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && !self.deletes_rows()
    }

    /// Whether rows that were there are gone.
    pub(crate) fn deletes_rows(&self) -> bool {
        !(self.ended.is_empty() && self.deletes.is_empty())
    }
}
