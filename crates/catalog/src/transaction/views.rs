//! What a transaction can do to views.

use std::sync::Arc;

use crate::error::Result;
use crate::names;
use crate::object::column::Column;
use crate::object::relation::Relation;
use crate::object::view::{NewView, View};

use super::{Transaction, check_column_count};

impl Transaction {
    /// Creates a view.
    ///
    /// # Errors
    /// [`SchemaNotFound`](crate::Error::SchemaNotFound), [`RelationExists`](crate::Error::RelationExists), [`Limit`](crate::Error::Limit).
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
        self.touched.create_relation(view.id, names::new_id(self.catalog.clock()));
        self.view_mut().put_relation(Relation::View(Arc::clone(&view)));
        Ok(view)
    }

    /// Drops a view.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound).
    pub fn drop_view(&mut self, id: i64) -> Result<()> {
        self.view(id)?;
        self.view_mut().remove_relation(id);
        self.touched.drop_relation(id);
        Ok(())
    }

    /// Renames a view.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound); [`RelationExists`](crate::Error::RelationExists), also for its own name.
    pub fn rename_view(&mut self, id: i64, name: &str) -> Result<()> {
        let schema_id = self.view(id)?.schema_id;
        self.check_free(schema_id, name)?;
        self.change_view(id, |view| name.clone_into(&mut view.name));
        Ok(())
    }

    /// Moves a view to another schema; does nothing when it is there already.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), [`SchemaNotFound`](crate::Error::SchemaNotFound),
    /// [`RelationExists`](crate::Error::RelationExists).
    pub fn set_view_schema(&mut self, id: i64, schema_id: i64) -> Result<()> {
        let view = Arc::clone(self.view(id)?);
        self.schema(schema_id)?;
        if view.schema_id == schema_id {
            return Ok(());
        }
        self.check_free(schema_id, &view.name)?;
        self.change_view(id, |view| view.schema_id = schema_id);
        Ok(())
    }

    /// Gives a view to another role.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound).
    pub fn set_view_owner(&mut self, id: i64, owner: u32) -> Result<()> {
        self.view(id)?;
        self.change_view(id, |view| view.owner = owner);
        Ok(())
    }

    /// Sets or, with `None`, removes the comment of a view.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound).
    pub fn comment_on_view(&mut self, id: i64, comment: Option<String>) -> Result<()> {
        self.view(id)?;
        self.change_view(id, |view| view.comment = comment);
        Ok(())
    }
}
