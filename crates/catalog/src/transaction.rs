//! A transaction: its view of the catalog and the changes it wants to make. Writes nothing before `commit`.
//!
//! Objects created here get negative identities until the commit maps them to real ones, and OIDs that stay.

use std::collections::BTreeSet;
use std::sync::Arc;

use kura_pgtypes::PgType;

use crate::catalog::Catalog;
use crate::changes::{ChangeSet, CommentTarget, CreatedSchema, CreatedTable, CreatedView};
use crate::column_type;
use crate::error::{Error, Result};
use crate::names;
use crate::object::column::{Column, NewColumn};
use crate::object::data_file::{DataFile, NewDataFile};
use crate::object::partition::{Partition, PartitionColumn, Transform};
use crate::object::relation::Relation;
use crate::object::schema::Schema;
use crate::object::table::{NewTable, Table};
use crate::object::view::{NewView, View};
use crate::snapshot::Snapshot;

/// PostgreSQL's limit on the columns of a table.
const COLUMNS_MAX: usize = 1600;

/// PostgreSQL's limit on the length of a name, in bytes. `sql` truncates; here it is only a guard.
const NAME_BYTES_MAX: usize = 63;

/// One transaction under snapshot isolation over the whole catalog. Dropping it rolls back: nothing was written.
pub struct Transaction {
    catalog: Arc<Catalog>,
    base: Arc<Snapshot>,
    view: Arc<Snapshot>,
    changes: ChangeSet,
    next_provisional_id: i64,
}

impl Transaction {
    pub(crate) fn new(catalog: Arc<Catalog>, base: Arc<Snapshot>) -> Self {
        let view = Arc::clone(&base);
        Self { catalog, base, view, changes: ChangeSet::default(), next_provisional_id: -1 }
    }

    /// The catalog as this transaction sees it: the snapshot it began with and its own changes.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.view)
    }

    /// Whether `commit` has anything to write.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Creates a schema owned by a role. Returns its provisional identity.
    ///
    /// # Errors
    /// [`Error::SchemaExists`]; [`Error::Limit`] when too many objects are being created.
    pub fn create_schema(&mut self, name: &str, owner: u32) -> Result<i64> {
        check_name(name)?;
        if self.view.schema(name).is_some() {
            return Err(Error::SchemaExists { name: name.to_owned() });
        }
        let uuid = names::new_id(self.catalog.clock());
        let schema = Schema {
            id: self.provisional_id(),
            oid: self.catalog.new_oid()?,
            name: name.to_owned(),
            owner,
            comment: None,
            path: names::new_directory(&uuid),
        };
        let id = schema.id;
        self.changes.created_schemas.push(CreatedSchema { id, uuid });
        self.view_mut().put_schema(schema);
        Ok(id)
    }

    /// Drops a schema without relations.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`]; [`Error::SchemaNotEmpty`].
    pub fn drop_schema(&mut self, id: i64) -> Result<()> {
        let schema = self.schema(id)?;
        if self.view.has_relations(id) {
            return Err(Error::SchemaNotEmpty { name: schema.name.clone() });
        }
        self.view_mut().remove_schema(id);
        self.changes.forget_comments(id);
        if id < 0 {
            self.changes.created_schemas.retain(|created| created.id != id);
        } else {
            self.changes.dropped_schemas.insert(id);
        }
        Ok(())
    }

    /// Creates an empty table. Files may be written below its path and appended in the same transaction.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`], [`Error::RelationExists`], [`Error::InvalidTable`], [`Error::UnsupportedType`],
    /// [`Error::Limit`].
    pub fn create_table(&mut self, new: NewTable) -> Result<Arc<Table>> {
        self.check_free(new.schema_id, &new.name)?;
        let schema = self.schema(new.schema_id)?;
        if schema.path.is_empty() {
            let message = format!("schema \"{}\" is outside of the lake's data path", schema.name);
            return Err(Error::InvalidTable { message });
        }
        let schema_path = schema.path.clone();
        let columns = build_columns(&new.columns)?;
        let partition = build_partition(&columns, &new.partition, &mut self.next_provisional_id)?;
        let uuid = names::new_id(self.catalog.clock());
        let directory = names::new_directory(&uuid);
        let table = Arc::new(Table {
            id: self.provisional_id(),
            oid: self.catalog.new_oid()?,
            schema_id: new.schema_id,
            name: new.name,
            owner: new.owner,
            path: names::join(&schema_path, &directory),
            columns,
            comment: None,
            partition,
            files: Arc::default(),
            record_count: 0,
            unreadable: None,
        });
        self.changes.created_tables.push(CreatedTable { id: table.id, uuid, directory });
        self.view_mut().put_relation(Relation::Table(Arc::clone(&table)));
        Ok(table)
    }

    /// Drops a table.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn drop_table(&mut self, id: i64) -> Result<()> {
        self.table(id)?;
        self.view_mut().remove_relation(id);
        self.changes.forget_comments(id);
        self.changes.appended.remove(&id);
        if id < 0 {
            self.changes.created_tables.retain(|created| created.id != id);
        } else {
            self.changes.dropped_tables.insert(id);
        }
        Ok(())
    }

    /// Creates a view.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`], [`Error::RelationExists`], [`Error::Limit`].
    pub fn create_view(&mut self, new: NewView) -> Result<Arc<View>> {
        self.check_free(new.schema_id, &new.name)?;
        self.schema(new.schema_id)?;
        check_column_count(new.columns.len())?;
        let columns = (1..).zip(new.columns).map(|(id, column)| Column { id, ..column }).collect();
        let view = Arc::new(View {
            id: self.provisional_id(),
            oid: self.catalog.new_oid()?,
            schema_id: new.schema_id,
            name: new.name,
            owner: new.owner,
            sql: new.sql,
            column_names: new.column_names,
            columns,
            comment: None,
            search_path: new.search_path,
        });
        let uuid = names::new_id(self.catalog.clock());
        self.changes.created_views.push(CreatedView { id: view.id, uuid });
        self.view_mut().put_relation(Relation::View(Arc::clone(&view)));
        Ok(view)
    }

    /// Drops a view.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn drop_view(&mut self, id: i64) -> Result<()> {
        self.view(id)?;
        self.view_mut().remove_relation(id);
        self.changes.forget_comments(id);
        if id < 0 {
            self.changes.created_views.retain(|created| created.id != id);
        } else {
            self.changes.dropped_views.insert(id);
        }
        Ok(())
    }

    /// Adds files, already durable below the table's path, to a table.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unreadable`]; [`Error::InvalidTable`] when a file does not carry one value for
    /// each partition key.
    pub fn append_files(&mut self, table_id: i64, files: Vec<NewDataFile>) -> Result<()> {
        let table = self.table(table_id)?;
        table.check_readable()?;
        if files.is_empty() {
            return Ok(());
        }
        let keys = table.partition.as_ref().map_or(0, |partition| partition.columns.len());
        if files.iter().any(|file| file.partition_values.len() != keys) {
            let message = format!("a file of table \"{}\" does not match its partition keys", table.name);
            return Err(Error::InvalidTable { message });
        }
        let partition_id = table.partition.as_ref().map(|partition| partition.id);
        let base = table.path.clone();
        let mut added = Vec::with_capacity(files.len());
        for file in &files {
            added.push(Arc::new(DataFile {
                id: self.provisional_id(),
                path: names::join(&base, &file.path),
                record_count: file.record_count,
                file_size: file.file_size,
                footer_size: file.footer_size,
                row_id_start: None,
                columns: file.columns.clone(),
                partition_id,
                partition_values: file.partition_values.clone(),
                deletes: None,
            }));
        }
        self.view_mut().change_table(table_id, |table| table.push_files(added));
        self.changes.appended.entry(table_id).or_default().extend(files);
        Ok(())
    }

    /// Sets or, with `None`, removes the comment of a schema.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`].
    pub fn comment_on_schema(&mut self, id: i64, comment: Option<String>) -> Result<()> {
        let schema = Schema { comment: comment.clone(), ..Schema::clone(self.schema(id)?) };
        self.view_mut().put_schema(schema);
        self.changes.comments.insert(CommentTarget::Schema(id), comment);
        Ok(())
    }

    /// Sets or, with `None`, removes the comment of a table.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn comment_on_table(&mut self, id: i64, comment: Option<String>) -> Result<()> {
        self.table(id)?;
        self.view_mut().change_table(id, |table| table.comment.clone_from(&comment));
        self.changes.comments.insert(CommentTarget::Table(id), comment);
        Ok(())
    }

    /// Sets or, with `None`, removes the comment of a view.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn comment_on_view(&mut self, id: i64, comment: Option<String>) -> Result<()> {
        self.view(id)?;
        self.view_mut().change_view(id, |view| view.comment.clone_from(&comment));
        self.changes.comments.insert(CommentTarget::View(id), comment);
        Ok(())
    }

    /// Sets or, with `None`, removes the comment of a table's column.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the table or the column.
    pub fn comment_on_column(&mut self, table_id: i64, column_id: i64, comment: Option<String>) -> Result<()> {
        let table = self.table(table_id)?;
        if !table.columns.iter().any(|column| column.id == column_id) {
            return Err(Error::NotFound { kind: "column", name: column_id.to_string() });
        }
        self.view_mut().change_table(table_id, |table| {
            if let Some(column) = table.column_mut(column_id) {
                column.comment.clone_from(&comment);
            }
        });
        self.changes.comments.insert(CommentTarget::Column { table_id, column_id }, comment);
        Ok(())
    }

    /// Makes the changes durable and visible, all or none. Without changes nothing is written.
    ///
    /// Returns the newest image of the catalog: this transaction's snapshot, or a later one when others committed
    /// meanwhile. Should reading it back fail, the commit stands and an older image is returned.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a transaction that committed meanwhile does not go together with this one; nothing was
    /// written then. [`Error::CommitUnknown`] when the database broke down in the commit and did not come back.
    pub async fn commit(self) -> Result<Arc<Snapshot>> {
        if self.changes.is_empty() {
            return Ok(self.base);
        }
        self.catalog.commit(&self.base, &self.view, &self.changes).await
    }
}

impl Transaction {
    fn view_mut(&mut self) -> &mut Snapshot {
        let view = Arc::make_mut(&mut self.view);
        view.mark_modified();
        view
    }

    fn provisional_id(&mut self) -> i64 {
        let id = self.next_provisional_id;
        self.next_provisional_id -= 1;
        id
    }

    fn schema(&self, id: i64) -> Result<&Arc<Schema>> {
        self.view.schema_by_id(id).ok_or(Error::SchemaNotFound { id })
    }

    fn table(&self, id: i64) -> Result<&Arc<Table>> {
        self.view.table(id).ok_or_else(|| Error::NotFound { kind: "relation", name: id.to_string() })
    }

    fn view(&self, id: i64) -> Result<&Arc<View>> {
        self.view.view(id).ok_or_else(|| Error::NotFound { kind: "relation", name: id.to_string() })
    }

    fn check_free(&self, schema_id: i64, name: &str) -> Result<()> {
        check_name(name)?;
        match self.view.relation(schema_id, name) {
            Some(_) => Err(Error::RelationExists { name: name.to_owned() }),
            None => Ok(()),
        }
    }
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('\0') {
        return Err(Error::InvalidTable { message: format!("invalid name \"{}\"", name.escape_debug()) });
    }
    Ok(())
}

fn check_column_count(count: usize) -> Result<()> {
    if count > COLUMNS_MAX {
        return Err(Error::Limit { message: format!("tables can have at most {COLUMNS_MAX} columns") });
    }
    Ok(())
}

/// Gives the columns their field ids, depth first from 1.
fn build_columns(new: &[NewColumn]) -> Result<Vec<Column>> {
    check_column_count(new.len())?;
    let mut names = BTreeSet::new();
    let mut columns = Vec::with_capacity(new.len());
    let mut next_id = 1;
    for column in new {
        check_name(&column.name)?;
        if !names.insert(column.name.as_str()) {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(Error::InvalidTable { message });
        }
        let lake_type = lake_type(&column.name, column.ty)?;
        let id = next_id;
        let element_id = column.ty.array.then_some(id + 1);
        next_id = element_id.unwrap_or(id) + 1;
        columns.push(Column {
            lake_type,
            nullable: column.nullable,
            default: column.default.clone(),
            element_id,
            ..Column::new(id, column.name.clone(), column.ty)
        });
    }
    Ok(columns)
}

fn lake_type(column: &str, ty: PgType) -> Result<String> {
    column_type::from_pg(ty).ok_or_else(|| Error::UnsupportedType { column: column.to_owned(), ty: ty.display() })
}

fn build_partition(columns: &[Column], keys: &[(String, Transform)], next_provisional_id: &mut i64) -> Result<Option<Partition>> {
    if keys.is_empty() {
        return Ok(None);
    }
    let mut key_columns = Vec::with_capacity(keys.len());
    for (name, transform) in keys {
        let column = columns.iter().find(|column| column.name == *name);
        let Some(column) = column.filter(|column| !column.ty.array) else {
            return Err(Error::InvalidTable { message: format!("column \"{name}\" cannot be a partition key") });
        };
        key_columns.push(PartitionColumn { column_id: column.id, transform: *transform });
    }
    let id = *next_provisional_id;
    *next_provisional_id -= 1;
    Ok(Some(Partition { id, columns: key_columns }))
}
