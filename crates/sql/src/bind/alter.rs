//! ALTER TABLE, VIEW and SCHEMA: which object is meant, and what changes of it as a whole. Columns are the modules below.
//!
//! Views find what they read by name, so they do not follow what is renamed: the statement says so in a notice.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::Ident;
use kura_catalog::{Relation, Role};
use kura_pgtypes::{SqlError, SqlState};

use super::Binder;
use super::dependency::{Target, described};
use super::object::{missing_schema, truncated, undefined_relation};
use super::scope::folded;
use crate::authorize::Need;
use crate::parse::{Action, Alter, AlterKind, RoleName};
use crate::statement::{AlterObject, AlteredObject, ObjectChange, Statement};
use crate::{Error, Result};

mod column_type;
mod columns;
mod rows;

impl Binder<'_> {
    pub(super) fn alter(&self, alter: &Alter) -> Result<Statement> {
        let tag = match alter.kind {
            AlterKind::Schema => return self.alter_schema(alter),
            AlterKind::Table => "ALTER TABLE",
            AlterKind::View => "ALTER VIEW",
        };
        let Some(relation) = self.altered_relation(&alter.name, alter.if_exists)? else {
            return Ok(Statement::Nothing { tag });
        };
        let kind = match &relation {
            Relation::Table(_) => "table",
            Relation::View(_) => "view",
        };
        self.need(Need::Own { owner: relation.owner(), kind, name: relation.name().to_owned() });
        if alter.kind == AlterKind::View && kind == "table" {
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a view", relation.name())));
        }
        if let [only] = alter.actions.as_slice()
            && let Some(change) = self.relation_change(&relation, only)?
        {
            let object = match relation {
                Relation::Table(table) => AlteredObject::Table(table),
                Relation::View(view) => AlteredObject::View(view),
            };
            return Ok(Statement::AlterObject(AlterObject { tag, object, change }));
        }
        match relation {
            Relation::Table(table) => self.alter_columns(&table, &alter.actions),
            Relation::View(view) => Err(not_for_views(&view.name, &alter.actions)),
        }
    }

    fn alter_schema(&self, alter: &Alter) -> Result<Statement> {
        let snapshot = &self.context.snapshot;
        let name = alter.name.first().map(folded).unwrap_or_default();
        let schema = snapshot.schema(&name).ok_or_else(|| missing_schema(&name))?;
        let own = Need::Own { owner: schema.owner, kind: "schema", name: name.clone() };
        let change = match alter.actions.as_slice() {
            [Action::Rename(new)] => {
                let new = truncated(folded(new));
                if snapshot.schema(&new).is_some() {
                    return Err(Error::new(SqlState::DUPLICATE_SCHEMA, format!("schema \"{new}\" already exists")));
                }
                super::create::check_schema_name(&new)?;
                let inside: Vec<Target> = snapshot.relations(schema.id).cloned().map(Target::Relation).collect();
                self.tell_views(&inside, &format!("schema \"{name}\" to its new name"));
                ObjectChange::Name(new)
            }
            [Action::Owner(role)] => ObjectChange::Owner(self.new_owner(role)?),
            _ => return Err(Error::new(SqlState::INTERNAL_ERROR, "not an action of ALTER SCHEMA")),
        };
        self.need(own);
        if matches!(change, ObjectChange::Name(_)) {
            self.need(Need::CreateSchema);
        }
        let object = AlteredObject::Schema(Arc::clone(schema));
        Ok(Statement::AlterObject(AlterObject { tag: "ALTER SCHEMA", object, change }))
    }

    /// The relation that an ALTER names; `None` when it is not there and need not be.
    fn altered_relation(&self, parts: &[Ident], if_exists: bool) -> Result<Option<Relation>> {
        if let Some(relation) = self.lookup_relation(parts)? {
            return Ok(Some(relation));
        }
        let (schema, name) = self.qualified(parts)?;
        if if_exists {
            self.notice(SqlState::SUCCESSFUL_COMPLETION, format!("relation \"{name}\" does not exist, skipping"));
            return Ok(None);
        }
        match schema {
            Some(schema) if self.context.snapshot.schema(&schema).is_none() => Err(missing_schema(&schema)),
            _ => Err(undefined_relation(parts)),
        }
    }

    /// What an action changes of a relation as a whole; `None` when it is about columns.
    fn relation_change(&self, relation: &Relation, action: &Action) -> Result<Option<ObjectChange>> {
        let snapshot = &self.context.snapshot;
        let target = Target::Relation(relation.clone());
        Ok(Some(match action {
            Action::Rename(new) => {
                let new = truncated(folded(new));
                if snapshot.relation(relation.schema_id(), &new).is_some() {
                    return Err(Error::new(SqlState::DUPLICATE_TABLE, format!("relation \"{new}\" already exists")));
                }
                self.tell_views(&[target], &format!("\"{}\" to its new name", relation.name()));
                ObjectChange::Name(new)
            }
            Action::SetSchema(new) => {
                let new = folded(new);
                let schema = snapshot.schema(&new).ok_or_else(|| missing_schema(&new))?;
                if schema.id != relation.schema_id() {
                    self.need(Need::CreateIn { owner: schema.owner, schema: new.clone() });
                    if snapshot.relation(schema.id, relation.name()).is_some() {
                        let message = format!("relation \"{}\" already exists in schema \"{new}\"", relation.name());
                        return Err(Error::new(SqlState::DUPLICATE_TABLE, message));
                    }
                    self.tell_views(&[target], &format!("\"{}\" to its new schema", relation.name()));
                }
                ObjectChange::Schema(schema.id)
            }
            Action::Owner(role) => ObjectChange::Owner(self.new_owner(role)?),
            _ => return Ok(None),
        }))
    }

    /// OID of the role that OWNER TO names.
    fn new_owner(&self, name: &RoleName) -> Result<u32> {
        let role = self.role_named(name)?;
        self.need(Need::BeRole { oid: role.oid, name: role.name.clone() });
        Ok(role.oid)
    }

    /// A role by its name.
    ///
    /// # Errors
    /// 42704.
    pub(super) fn role_named(&self, name: &RoleName) -> Result<Arc<Role>> {
        let own = &self.context.role;
        let name = match name {
            RoleName::Current => return Ok(Arc::clone(own)),
            RoleName::Named(name) => folded(name),
        };
        if name == own.name {
            return Ok(Arc::clone(own));
        }
        let found = self.context.snapshot.roles().iter().find(|role| role.name == name);
        found.cloned().ok_or_else(|| Error::new(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist")))
    }

    /// Tells of the views that go on reading under the old name.
    fn tell_views(&self, targets: &[Target], what: &str) {
        let views = self.views_on(targets);
        if views.is_empty() {
            return;
        }
        let line = |view| format!("{} reads by name and finds what has the old name from now on.", described(self, &Relation::View(view)));
        let notice = SqlError::new(SqlState::SUCCESSFUL_COMPLETION, format!("views do not follow {what}"))
            .detail(views.into_iter().map(line).collect::<Vec<_>>().join("\n"));
        self.notices.borrow_mut().push(notice);
    }
}

/// Why the first of the actions cannot be done to a view.
fn not_for_views(view: &str, actions: &[Action]) -> Error {
    let first = actions.iter().find(|action| !matches!(action, Action::Owner(_)));
    match first {
        Some(Action::Default { .. }) => Error::unsupported("defaults of columns of views are not supported"),
        Some(Action::RenameColumn { .. }) => Error::unsupported("renaming a column of a view is not supported")
            .hint("Drop the view and create it with the new name of the column."),
        Some(action) => {
            let message = format!("ALTER action {} cannot be performed on relation \"{view}\"", action.words());
            Error::new(SqlState::WRONG_OBJECT_TYPE, message).detail("This operation is not supported for views.")
        }
        None => Error::unsupported("several actions on a view in one statement are not supported"),
    }
}
