//! What a transaction can do to tables as a whole. Their columns are in `columns`, their rows in `rows`.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::names;
use crate::object::column::{Column, NewColumn};
use crate::object::partition::{Partition, PartitionColumn, Transform};
use crate::object::relation::Relation;
use crate::object::table::{NewTable, Table};

use super::columns::build_column;
use super::{Transaction, check_column_count, check_name};

impl Transaction {
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
        let (columns, next_column_id) = build_columns(new.columns)?;
        let partition = build_partition(&columns, &new.partition, &mut self.next_provisional_id)?;
        let uuid = names::new_id(self.catalog.clock());
        let table = Arc::new(Table {
            id: self.provisional_id(),
            oid: self.catalog.new_oid()?,
            schema_id: new.schema_id,
            name: new.name,
            owner: new.owner,
            path: names::join(&schema_path, &names::new_directory(&uuid)),
            columns,
            next_column_id,
            comment: None,
            partition,
            files: Arc::default(),
            record_count: 0,
            unreadable: None,
        });
        self.touched.create_relation(table.id, uuid);
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
        self.touched.drop_relation(id);
        Ok(())
    }

    /// Renames a table.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::RelationExists`], also for its own name.
    pub fn rename_table(&mut self, id: i64, name: &str) -> Result<()> {
        let schema_id = self.table(id)?.schema_id;
        self.check_free(schema_id, name)?;
        self.change_table(id, |table| name.clone_into(&mut table.name));
        Ok(())
    }

    /// Moves a table to another schema; does nothing when it is there already. Its files stay where they are.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::SchemaNotFound`], [`Error::RelationExists`]; [`Error::Unreadable`] when its files are
    /// outside of the lake's data path.
    pub fn set_table_schema(&mut self, id: i64, schema_id: i64) -> Result<()> {
        let table = Arc::clone(self.table(id)?);
        self.schema(schema_id)?;
        if table.schema_id == schema_id {
            return Ok(());
        }
        if table.path.is_empty() {
            table.check_readable()?;
        }
        self.check_free(schema_id, &table.name)?;
        self.change_table(id, |table| table.schema_id = schema_id);
        Ok(())
    }

    /// Gives a table to another role.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn set_table_owner(&mut self, id: i64, owner: u32) -> Result<()> {
        self.table(id)?;
        self.change_table(id, |table| table.owner = owner);
        Ok(())
    }

    /// Sets or, with `None`, removes the comment of a table.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn comment_on_table(&mut self, id: i64, comment: Option<String>) -> Result<()> {
        self.table(id)?;
        self.change_table(id, |table| table.comment = comment);
        Ok(())
    }
}

/// Gives the columns their field ids, depth first from 1; returns the next free one too.
fn build_columns(new: Vec<NewColumn>) -> Result<(Vec<Column>, i64)> {
    check_column_count(new.len())?;
    let mut names = BTreeSet::new();
    let mut columns = Vec::with_capacity(new.len());
    let mut next_id = 1;
    for column in new {
        check_name(&column.name)?;
        if !names.insert(column.name.clone()) {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(Error::InvalidTable { message });
        }
        columns.push(build_column(column, &mut next_id)?);
    }
    Ok((columns, next_id))
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
