//! DROP SCHEMA, TABLE and VIEW, with what depends on them.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{ObjectName, ObjectType, Statement as Sql};
use kura_catalog::{Relation, Schema, Table, View};
use kura_pgtypes::SqlState;

use super::{Binder, position_of};
use crate::authorize::Need;
use crate::statement::Statement;
use crate::{Error, Result};

/// Objects named in a notice or detail, at most, as in PostgreSQL.
const LISTED_MAX: usize = 100;

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
        let mut dropped = Dropped::default();
        for name in names {
            let parts = super::object::parts(name)?;
            let position = parts.first().and_then(position_of);
            let Some(relation) = self.lookup_relation(&parts)? else {
                self.absent(&parts, kind, if_exists).map_err(|error| error.at(position))?;
                continue;
            };
            match (&relation, want_tables) {
                (Relation::View(view), true) => {
                    return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a table", view.name))
                        .hint("Use DROP VIEW to remove a view."));
                }
                (Relation::Table(table), false) => {
                    return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a view", table.name))
                        .hint("Use DROP TABLE to remove a table."));
                }
                _ => {}
            }
            self.need(Need::Own { owner: relation.owner(), kind, name: relation.name().to_owned() });
            dropped.add(relation);
        }
        let named = dropped.tables.len() + dropped.views.len();
        let first = dropped.first_name(self);
        let dependents = self.add_dependents(&mut dropped);
        self.settle_cascade(&format!("{kind} {first}"), named > 1, dependents, cascade)?;
        Ok(Statement::DropRelations { tag, tables: dropped.tables, views: dropped.views })
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
                None => return Err(super::object::missing_schema(&name).at(parts.first().and_then(position_of))),
            }
        }
        let mut dropped = Dropped::default();
        let mut inside = Vec::new();
        for schema in &schemas {
            for relation in snapshot.relations(schema.id) {
                inside.push(Dependent { relation: relation.clone(), on: format!("schema {}", schema.name) });
                dropped.add(relation.clone());
            }
        }
        let outside = self.add_dependents(&mut dropped);
        inside.extend(outside);
        let first = schemas.first().map(|s| s.name.clone()).unwrap_or_default();
        self.settle_cascade(&format!("schema {first}"), schemas.len() > 1, inside, cascade)?;
        Ok(Statement::DropSchema { schemas, tables: dropped.tables, views: dropped.views })
    }

    /// The name is not there: a notice with IF EXISTS, an error without.
    fn absent(&self, parts: &[datafusion::sql::sqlparser::ast::Ident], kind: &str, if_exists: bool) -> Result<()> {
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

    /// Adds every view that reads something dropped, however indirectly.
    fn add_dependents(&self, dropped: &mut Dropped) -> Vec<Dependent> {
        let snapshot = &self.context.snapshot;
        let views: Vec<(Arc<View>, HashSet<i64>)> = snapshot
            .schemas()
            .flat_map(|schema| snapshot.relations(schema.id))
            .filter_map(|relation| match relation {
                Relation::View(view) if !dropped.ids.contains(&view.id) => Some((Arc::clone(view), self.reads(view))),
                _ => None,
            })
            .collect();
        let mut found = Vec::new();
        loop {
            let next = views
                .iter()
                .filter(|(view, _)| !dropped.ids.contains(&view.id))
                .find_map(|(view, reads)| reads.iter().find(|id| dropped.ids.contains(id)).map(|id| (Arc::clone(view), *id)));
            let Some((view, on)) = next else {
                return found;
            };
            let on = dropped.described(self, on);
            found.push(Dependent { relation: Relation::View(Arc::clone(&view)), on });
            dropped.add(Relation::View(view));
        }
    }

    /// Ids of the relations a view reads. A view that cannot be bound any more reads nothing.
    fn reads(&self, view: &View) -> HashSet<i64> {
        let binder = Binder::new(self.context, "");
        match binder.view_query(view) {
            Ok(_) => binder.relations.into_inner().into_iter().collect(),
            Err(_) => HashSet::new(),
        }
    }

    fn settle_cascade(&self, what: &str, several: bool, dependents: Vec<Dependent>, cascade: bool) -> Result<()> {
        if dependents.is_empty() {
            return Ok(());
        }
        let lines = |format: &dyn Fn(&Dependent) -> String| {
            let mut lines: Vec<String> = dependents.iter().take(LISTED_MAX).map(format).collect();
            if dependents.len() > LISTED_MAX {
                lines.push(format!("and {} other objects", dependents.len() - LISTED_MAX));
            }
            lines.join("\n")
        };
        if !cascade {
            let message = if several {
                "cannot drop desired object(s) because other objects depend on them".to_owned()
            } else {
                format!("cannot drop {what} because other objects depend on it")
            };
            return Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message)
                .detail(lines(&|d| format!("{} depends on {}", described(self, &d.relation), d.on)))
                .hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        match dependents.as_slice() {
            [one] => self.notice(SqlState::SUCCESSFUL_COMPLETION, format!("drop cascades to {}", described(self, &one.relation))),
            many => {
                let detail = lines(&|d| format!("drop cascades to {}", described(self, &d.relation)));
                let notice =
                    kura_pgtypes::SqlError::new(SqlState::SUCCESSFUL_COMPLETION, format!("drop cascades to {} other objects", many.len()));
                self.notices.borrow_mut().push(notice.detail(detail));
            }
        }
        Ok(())
    }
}

/// An object that cannot stay when another goes.
struct Dependent {
    relation: Relation,
    /// What it depends on, described.
    on: String,
}

/// The relations a DROP removes.
#[derive(Default)]
struct Dropped {
    ids: HashSet<i64>,
    tables: Vec<Arc<Table>>,
    /// Dependent ones first.
    views: Vec<Arc<View>>,
}

impl Dropped {
    fn add(&mut self, relation: Relation) {
        if !self.ids.insert(relation.id()) {
            return;
        }
        match relation {
            Relation::Table(table) => self.tables.push(table),
            Relation::View(view) => self.views.insert(0, view),
        }
    }

    fn first_name(&self, binder: &Binder<'_>) -> String {
        let table = self.tables.first().map(|t| Relation::Table(Arc::clone(t)));
        let view = self.views.last().map(|v| Relation::View(Arc::clone(v)));
        table.or(view).map(|r| shown(binder, &r)).unwrap_or_default()
    }

    fn described(&self, binder: &Binder<'_>, id: i64) -> String {
        let table = self.tables.iter().find(|t| t.id == id).map(|t| Relation::Table(Arc::clone(t)));
        let view = self.views.iter().find(|v| v.id == id).map(|v| Relation::View(Arc::clone(v)));
        table.or(view).map(|r| described(binder, &r)).unwrap_or_default()
    }
}

fn described(binder: &Binder<'_>, relation: &Relation) -> String {
    let kind = match relation {
        Relation::Table(_) => "table",
        Relation::View(_) => "view",
    };
    format!("{kind} {}", shown(binder, relation))
}

/// A relation's name, with its schema when the search path does not lead to it.
fn shown(binder: &Binder<'_>, relation: &Relation) -> String {
    let snapshot = &binder.context.snapshot;
    let reached = binder
        .search_path()
        .iter()
        .find_map(|s| snapshot.schema(s).and_then(|s| snapshot.relation(s.id, relation.name())).map(Relation::id));
    if reached == Some(relation.id()) {
        return relation.name().to_owned();
    }
    let schema = snapshot.schema_by_id(relation.schema_id()).map(|s| s.name.clone()).unwrap_or_default();
    format!("{schema}.{}", relation.name())
}
