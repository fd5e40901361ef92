//! What a transaction can do to schemas.

use crate::error::{Error, Result};
use crate::names;
use crate::object::schema::Schema;

use super::{Transaction, check_name};

impl Transaction {
    /// Creates a schema owned by a role. Returns its provisional identity.
    ///
    /// # Errors
    /// [`Error::SchemaExists`]; [`Error::Limit`] when too many objects are being created.
    pub fn create_schema(&mut self, name: &str, owner: u32) -> Result<i64> {
        self.check_schema_is_free(name)?;
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
        self.touched.create_schema(id, uuid);
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
        self.touched.drop_schema(id);
        Ok(())
    }

    /// Renames a schema.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`]; [`Error::SchemaExists`], also for its own name.
    pub fn rename_schema(&mut self, id: i64, name: &str) -> Result<()> {
        self.schema(id)?;
        self.check_schema_is_free(name)?;
        self.change_schema(id, |schema| name.clone_into(&mut schema.name))
    }

    /// Gives a schema to another role.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`].
    pub fn set_schema_owner(&mut self, id: i64, owner: u32) -> Result<()> {
        self.change_schema(id, |schema| schema.owner = owner)
    }

    /// Sets or, with `None`, removes the comment of a schema.
    ///
    /// # Errors
    /// [`Error::SchemaNotFound`].
    pub fn comment_on_schema(&mut self, id: i64, comment: Option<String>) -> Result<()> {
        self.change_schema(id, |schema| schema.comment = comment)
    }
}

impl Transaction {
    fn check_schema_is_free(&self, name: &str) -> Result<()> {
        check_name(name)?;
        match self.view.schema(name) {
            Some(_) => Err(Error::SchemaExists { name: name.to_owned() }),
            None => Ok(()),
        }
    }

    fn change_schema(&mut self, id: i64, change: impl FnOnce(&mut Schema)) -> Result<()> {
        let mut schema = Schema::clone(self.schema(id)?);
        change(&mut schema);
        self.touched.schemas.insert(id);
        self.view_mut().put_schema(schema);
        Ok(())
    }
}
