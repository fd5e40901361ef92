//! DROP SCHEMA, TABLE and VIEW, with what depends on them.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectType, Statement as Sql};
use kura_catalog::{Relation, Schema, Table, View};
use kura_pgtypes::SqlState;

use super::Binder;
use super::dependency::{Dependent, Target};
use crate::authorize::Need;
use crate::statement::Statement;
use crate::{Error, Result};

impl Binder<'_> {
    pub(super) fn drop(&self, statement: &Sql) -> Result<Statement> {
        let Sql::Drop { object_type, if_exists, names, cascade, .. } = statement else {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "not a DROP"));
        };
        match object_type {
            ObjectType::Table => self.drop_relations(names, *if_exists, *cascade, true),
            ObjectType::View => self.drop_relations(names, *if_exists, *cascade, false),
            ObjectType::Schema => self.drop_schemas(names, *if_exists, *cascade),
            other => Err(Error::unsupported(format!("DROP {other} is not supported"))),
        }
    }

    fn drop_relations(&self, names: &[ObjectName], if_exists: bool, cascade: bool, want_tables: bool) -> Result<Statement> {
        let (kind, tag) = if want_tables { ("table", "DROP TABLE") } else { ("view", "DROP VIEW") };
        let mut named: Vec<Relation> = Vec::new();
        for name in names {
            let parts = super::object::parts(name)?;
            let Some(relation) = self.lookup_relation(&parts)? else {
                self.absent(&parts, kind, if_exists)?;
                continue;
            };
            check_kind(&relation, want_tables)?;
            self.need(Need::Own { owner: relation.owner(), kind, name: relation.name().to_owned() });
            if !named.iter().any(|known| known.id() == relation.id()) {
                named.push(relation);
            }
        }
        let targets: Vec<Target> = named.iter().cloned().map(Target::Relation).collect();
        let dependents = self.dependents(&targets);
        self.settle_cascade(&targets, &dependents, cascade)?;
        let (tables, views) = by_kind(named, dependents);
        Ok(Statement::DropRelations { tag, tables, views })
    }

    fn drop_schemas(&self, names: &[ObjectName], if_exists: bool, cascade: bool) -> Result<Statement> {
        let snapshot = &self.context.snapshot;
        let mut schemas: Vec<Arc<Schema>> = Vec::new();
        for name in names {
            let parts = super::object::parts(name)?;
            let (_, name) = self.qualified(&parts)?;
            if matches!(name.as_str(), "pg_catalog" | "information_schema") {
                return Err(Error::new(
                    SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
                    format!("cannot drop schema {name} because it is required by the database system"),
                ));
            }
            match snapshot.schema(&name) {
                Some(schema) => {
                    self.need(Need::Own { owner: schema.owner, kind: "schema", name });
                    if !schemas.iter().any(|s| s.id == schema.id) {
                        schemas.push(Arc::clone(schema));
                    }
                }
                None if if_exists => self.notice(SqlState::SUCCESSFUL_COMPLETION, format!("schema \"{name}\" does not exist, skipping")),
                None => return Err(super::object::missing_schema(&name)),
            }
        }
        let targets: Vec<Target> = schemas.iter().cloned().map(Target::Schema).collect();
        let dependents = self.dependents(&targets);
        self.settle_cascade(&targets, &dependents, cascade)?;
        let (tables, views) = by_kind(Vec::new(), dependents);
        Ok(Statement::DropSchema { schemas, tables, views })
    }

    /// The name is not there: a notice with IF EXISTS, an error without.
    fn absent(&self, parts: &[Ident], kind: &str, if_exists: bool) -> Result<()> {
        let (schema, name) = self.qualified(parts)?;
        let missing_schema = schema.as_ref().filter(|s| self.context.snapshot.schema(s).is_none());
        if if_exists {
            let what = match missing_schema {
                Some(schema) => format!("schema \"{schema}\" does not exist, skipping"),
                None => format!("{kind} \"{name}\" does not exist, skipping"),
            };
            self.notice(SqlState::SUCCESSFUL_COMPLETION, what);
            return Ok(());
        }
        if let Some(schema) = missing_schema {
            return Err(super::object::missing_schema(schema));
        }
        let shown = schema.map(|s| format!("{s}.{name}")).unwrap_or(name);
        Err(Error::new(SqlState::UNDEFINED_TABLE, format!("{kind} \"{shown}\" does not exist")))
    }
}

fn check_kind(relation: &Relation, want_tables: bool) -> Result<()> {
    let (wanted, hint) = match (relation, want_tables) {
        (Relation::View(_), true) => ("table", "Use DROP VIEW to remove a view."),
        (Relation::Table(_), false) => ("view", "Use DROP TABLE to remove a table."),
        _ => return Ok(()),
    };
    Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a {wanted}", relation.name())).hint(hint))
}

/// Tables and views, of the latter dependent ones first.
fn by_kind(named: Vec<Relation>, dependents: Vec<Dependent>) -> (Vec<Arc<Table>>, Vec<Arc<View>>) {
    let (mut tables, mut views) = (Vec::new(), Vec::new());
    for relation in named.into_iter().chain(dependents.into_iter().map(|dependent| dependent.relation)) {
        match relation {
            Relation::Table(table) => tables.push(table),
            Relation::View(view) => views.push(view),
        }
    }
    views.reverse();
    (tables, views)
}
