//! The image of the whole catalog at one snapshot: immutable once published, shared by everything that reads it.
//!
//! Only `store` and `transaction` build one, by the crate-private methods at the end.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::object::data_file::DataFile;
use crate::object::relation::Relation;
use crate::object::role::Role;
use crate::object::schema::Schema;
use crate::object::table::Table;
use crate::object::view::View;

/// The catalog at one snapshot, possibly with the uncommitted changes of one transaction on top.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Number of the snapshot; of the one it is based on, for the view of a transaction.
    pub id: i64,
    /// Counts changes of definitions. Equal versions of one lake have equal definitions; see [`Snapshot::is_modified`].
    pub schema_version: i64,
    schemas: BTreeMap<i64, Arc<Schema>>,
    schema_ids: BTreeMap<String, i64>,
    relations: HashMap<i64, BTreeMap<String, Relation>>,
    by_id: HashMap<i64, Relation>,
    by_oid: HashMap<u32, i64>,
    roles: Arc<Vec<Arc<Role>>>,
    modified: bool,
}

impl Snapshot {
    /// The schema of that name.
    #[must_use]
    pub fn schema(&self, name: &str) -> Option<&Arc<Schema>> {
        self.schema_by_id(*self.schema_ids.get(name)?)
    }

    /// The schema with that identity.
    #[must_use]
    pub fn schema_by_id(&self, id: i64) -> Option<&Arc<Schema>> {
        self.schemas.get(&id)
    }

    /// All schemas, by name.
    pub fn schemas(&self) -> impl Iterator<Item = &Arc<Schema>> {
        self.schema_ids.values().filter_map(|id| self.schemas.get(id))
    }

    /// The table or view of that name in a schema.
    #[must_use]
    pub fn relation(&self, schema_id: i64, name: &str) -> Option<&Relation> {
        self.relations.get(&schema_id)?.get(name)
    }

    /// The tables and views of a schema, by name.
    pub fn relations(&self, schema_id: i64) -> impl Iterator<Item = &Relation> {
        self.relations.get(&schema_id).into_iter().flat_map(BTreeMap::values)
    }

    /// The table or view with that PostgreSQL object identifier.
    #[must_use]
    pub fn relation_by_oid(&self, oid: u32) -> Option<&Relation> {
        self.by_id.get(self.by_oid.get(&oid)?)
    }

    /// The table or view with that identity.
    #[must_use]
    pub fn relation_by_id(&self, id: i64) -> Option<&Relation> {
        self.by_id.get(&id)
    }

    /// The table with that identity.
    #[must_use]
    pub fn table(&self, id: i64) -> Option<&Arc<Table>> {
        match self.by_id.get(&id)? {
            Relation::Table(table) => Some(table),
            Relation::View(_) => None,
        }
    }

    /// The view with that identity.
    #[must_use]
    pub fn view(&self, id: i64) -> Option<&Arc<View>> {
        match self.by_id.get(&id)? {
            Relation::View(view) => Some(view),
            Relation::Table(_) => None,
        }
    }

    /// All tables, in no order.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.by_id.values().filter_map(|relation| match relation {
            Relation::Table(table) => Some(table),
            Relation::View(_) => None,
        })
    }

    /// All roles, by OID. They are not versioned: these are the ones known when the image was published.
    #[must_use]
    pub fn roles(&self) -> &[Arc<Role>] {
        &self.roles
    }

    /// The role with that OID.
    #[must_use]
    pub fn role_by_oid(&self, oid: u32) -> Option<&Arc<Role>> {
        self.roles.iter().find(|role| role.oid == oid)
    }

    /// Whether changes of an open transaction are in it. Such an image must not be the key of any cache.
    #[must_use]
    pub fn is_modified(&self) -> bool {
        self.modified
    }
}

impl Snapshot {
    /// An image without any object.
    pub(crate) fn empty(id: i64, schema_version: i64) -> Self {
        Self { id, schema_version, ..Self::default() }
    }

    pub(crate) fn put_schema(&mut self, schema: Schema) {
        if let Some(old) = self.schemas.get(&schema.id) {
            self.schema_ids.remove(&old.name);
        }
        self.schema_ids.insert(schema.name.clone(), schema.id);
        self.schemas.insert(schema.id, Arc::new(schema));
    }

    pub(crate) fn remove_schema(&mut self, id: i64) {
        if let Some(schema) = self.schemas.remove(&id) {
            self.schema_ids.remove(&schema.name);
        }
        self.relations.remove(&id);
    }

    /// Adds a relation, or replaces the one with the same identity.
    pub(crate) fn put_relation(&mut self, relation: Relation) {
        self.remove_relation(relation.id());
        self.by_oid.insert(relation.oid(), relation.id());
        self.by_id.insert(relation.id(), relation.clone());
        let names = self.relations.entry(relation.schema_id()).or_default();
        names.insert(relation.name().to_owned(), relation);
    }

    pub(crate) fn remove_relation(&mut self, id: i64) {
        let Some(relation) = self.by_id.remove(&id) else { return };
        self.by_oid.remove(&relation.oid());
        if let Some(names) = self.relations.get_mut(&relation.schema_id()) {
            names.remove(relation.name());
        }
    }

    pub(crate) fn has_relations(&self, schema_id: i64) -> bool {
        self.relations.get(&schema_id).is_some_and(|names| !names.is_empty())
    }

    pub(crate) fn put_roles(&mut self, roles: Arc<Vec<Arc<Role>>>) {
        self.roles = roles;
    }

    pub(crate) fn shared_roles(&self) -> Arc<Vec<Arc<Role>>> {
        Arc::clone(&self.roles)
    }

    pub(crate) fn mark_modified(&mut self) {
        self.modified = true;
    }

    /// Replaces a table by a changed copy. Does nothing when it is not there.
    pub(crate) fn change_table(&mut self, id: i64, change: impl FnOnce(&mut Table)) {
        if let Some(table) = self.table(id) {
            let mut table = Table::clone(table);
            change(&mut table);
            self.put_relation(Relation::Table(Arc::new(table)));
        }
    }

    /// Replaces a view by a changed copy. Does nothing when it is not there.
    pub(crate) fn change_view(&mut self, id: i64, change: impl FnOnce(&mut View)) {
        if let Some(view) = self.view(id) {
            let mut view = View::clone(view);
            change(&mut view);
            self.put_relation(Relation::View(Arc::new(view)));
        }
    }
}

impl Table {
    /// Adds files behind the ones there are.
    pub(crate) fn push_files(&mut self, added: impl IntoIterator<Item = Arc<DataFile>>) {
        let files = Arc::make_mut(&mut self.files);
        for file in added {
            self.record_count = self.record_count.saturating_add(file.live_rows());
            files.push(file);
        }
    }

    /// Puts other files in the place of the ones there are.
    pub(crate) fn replace_files(&mut self, files: impl IntoIterator<Item = Arc<DataFile>>) {
        self.files = Arc::default();
        self.record_count = 0;
        self.push_files(files);
    }
}
