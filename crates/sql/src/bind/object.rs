//! Names of schemas, tables and views to the objects of the snapshot.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use kura_catalog::{Relation, Schema, Table};
use kura_pgtypes::SqlState;

use super::scope::folded;
use super::{Binder, position_of};
use crate::{Error, Result};

/// Schemas of PostgreSQL that exist in every database.
const SYSTEM_SCHEMAS: [&str; 2] = ["pg_catalog", "information_schema"];
/// The longest name, in bytes, as in PostgreSQL.
pub(crate) const NAME_BYTES_MAX: usize = 63;

/// The identifiers of a dotted name.
pub(crate) fn parts(name: &ObjectName) -> Result<Vec<Ident>> {
    name.0
        .iter()
        .map(|part| part.as_ident().cloned().ok_or_else(|| Error::new(SqlState::SYNTAX_ERROR, format!("\"{name}\" is not a name"))))
        .collect()
}

/// Cuts a name at PostgreSQL's limit, at a character's border.
pub(crate) fn truncated(name: String) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let end = (0..=NAME_BYTES_MAX).rev().find(|i| name.is_char_boundary(*i)).unwrap_or(0);
    name.get(..end).unwrap_or_default().to_owned()
}

impl Binder<'_> {
    /// Schema (when given) and name of a dotted name; the database in front must be this one.
    pub(crate) fn qualified(&self, parts: &[Ident]) -> Result<(Option<String>, String)> {
        match parts {
            [name] => Ok((None, truncated(folded(name)))),
            [schema, name] => Ok((Some(folded(schema)), truncated(folded(name)))),
            [database, schema, name] => {
                if folded(database) != self.context.info.database {
                    return Err(Error::unsupported(format!(
                        "cross-database references are not implemented: \"{}.{}.{}\"",
                        folded(database),
                        folded(schema),
                        folded(name)
                    )));
                }
                Ok((Some(folded(schema)), truncated(folded(name))))
            }
            _ => Err(Error::new(SqlState::SYNTAX_ERROR, "improper qualified name (too many dotted names)")),
        }
    }

    /// A relation by name, or `None`.
    pub(crate) fn lookup_relation(&self, parts: &[Ident]) -> Result<Option<Relation>> {
        let (schema, name) = self.qualified(parts)?;
        let snapshot = &self.context.snapshot;
        let find = |schema: &str| snapshot.schema(schema).and_then(|s| snapshot.relation(s.id, &name)).cloned();
        match schema {
            Some(schema) => Ok(find(&schema)),
            None => Ok(self.search_path().iter().find_map(|schema| find(schema))),
        }
    }

    /// A relation by name.
    ///
    /// # Errors
    /// 42P01.
    pub(crate) fn find_relation(&self, parts: &[Ident]) -> Result<Relation> {
        let found = self.lookup_relation(parts)?;
        found.ok_or_else(|| undefined_relation(parts).at(parts.first().and_then(position_of)))
    }

    /// A table by name.
    ///
    /// # Errors
    /// 42P01, or 42809 (55000 where rows are to change) when it is a view.
    pub(crate) fn find_table(&self, parts: &[Ident], purpose: &str) -> Result<Arc<Table>> {
        match self.find_relation(parts)? {
            Relation::Table(table) => Ok(table),
            Relation::View(view) => {
                let changes = matches!(purpose, "insert into" | "update" | "delete from");
                let state = if changes { SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE } else { SqlState::WRONG_OBJECT_TYPE };
                Err(Error::new(state, format!("cannot {purpose} view \"{}\"", view.name)))
            }
        }
    }

    /// The schema a new object goes into, with the object's name.
    ///
    /// # Errors
    /// 3F000 when it does not exist or the search path names none that does; 42501 for system schemas.
    pub(crate) fn creation_schema(&self, parts: &[Ident]) -> Result<(Arc<Schema>, String)> {
        let (schema, name) = self.qualified(parts)?;
        let snapshot = &self.context.snapshot;
        let found = match &schema {
            Some(schema) if SYSTEM_SCHEMAS.contains(&schema.as_str()) => {
                return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("permission denied to create \"{schema}.{name}\""))
                    .detail("System catalog modifications are currently disallowed."));
            }
            Some(schema) => Some(snapshot.schema(schema).ok_or_else(|| missing_schema(schema).at(parts.first().and_then(position_of)))?),
            None => self.search_path().iter().find_map(|schema| snapshot.schema(schema)),
        };
        match found {
            Some(schema) => Ok((Arc::clone(schema), name)),
            None => Err(Error::new(SqlState::INVALID_SCHEMA_NAME, "no schema has been selected to create in")),
        }
    }
}

pub(crate) fn missing_schema(name: &str) -> Error {
    Error::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"))
}

/// 42P01 with the name as it was written.
pub(crate) fn undefined_relation(parts: &[Ident]) -> Error {
    let name: Vec<String> = parts.iter().map(folded).collect();
    Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{}\" does not exist", name.join(".")))
}
