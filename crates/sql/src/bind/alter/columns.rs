//! The actions of ALTER TABLE on columns, in PostgreSQL's order: all that drops, changes of type, additions, the rest.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{ColumnDef, Expr as AstExpr, Ident};
use kura_catalog::{NewColumn, Relation, Table, View};
use kura_pgtypes::{PgType, SqlState};

use super::column_type::Retyped;
use super::rows::{Initial, OldRows};
use crate::bind::dependency::Target;
use crate::bind::object::truncated;
use crate::bind::scope::folded;
use crate::bind::typed::Typed;
use crate::bind::{Binder, create};
use crate::parse::Action;
use crate::statement::{AlterTable, ColumnChange, Statement};
use crate::{Error, Result};

/// A table in the course of its changes.
pub(super) struct Draft<'b> {
    pub(super) binder: &'b Binder<'b>,
    /// As it is before.
    pub(super) table: &'b Arc<Table>,
    /// Its rows as they are before.
    pub(super) old: OldRows,
    /// Its columns as the changes so far leave them.
    pub(super) columns: Vec<DraftColumn>,
    /// Whether the rows have to be written anew.
    pub(super) rewrites: bool,
    changes: Vec<ColumnChange>,
    /// Views that go with dropped columns, dependent ones first.
    views: Vec<Arc<View>>,
}

/// A column in the course of the changes.
pub(super) struct DraftColumn {
    pub(super) name: String,
    pub(super) ty: PgType,
    pub(super) nullable: bool,
    pub(super) default: Option<String>,
    /// Where its values come from.
    pub(super) source: Source,
}

/// Where the values of a column come from for the rows that there are.
pub(super) enum Source {
    /// From the column at this position before.
    Old(usize),
    /// From the column at this position before, by an expression over the old rows.
    Converted(usize, Typed),
    /// It is added: an expression without columns.
    Added(Typed),
}

impl Binder<'_> {
    /// ALTER TABLE with actions on columns.
    pub(super) fn alter_columns(&self, table: &Arc<Table>, actions: &[Action]) -> Result<Statement> {
        table.check_readable().map_err(|error| Error::Sql(kura_pgtypes::Diagnostic::to_sql_error(&error)))?;
        let mut draft = Draft::new(self, table)?;
        // Types are resolved first, over the table as it was before any of the actions.
        let mut retyped = Vec::new();
        for action in actions {
            if let Action::Type { column, ty, using } = action {
                retyped.push(draft.retyped(column, ty, using.as_deref())?);
            }
        }
        let mut retyped = retyped.into_iter();
        let mut ordered: Vec<&Action> = actions.iter().collect();
        ordered.sort_by_key(|action| pass(action));
        for action in ordered {
            draft.apply(action, &mut retyped)?;
        }
        draft.finished()
    }
}

/// When PostgreSQL does an action: the lower, the earlier.
fn pass(action: &Action) -> u8 {
    match action {
        Action::DropColumn { .. }
        | Action::DropConstraint { .. }
        | Action::Default { value: None, .. }
        | Action::Nullable { nullable: true, .. } => 0,
        Action::Type { .. } => 1,
        Action::AddColumn { .. } => 2,
        Action::Nullable { nullable: false, .. } => 3,
        Action::Default { value: Some(_), .. } => 4,
        Action::Owner(_) | Action::Rename(_) | Action::SetSchema(_) | Action::RenameColumn { .. } => 5,
    }
}

impl<'b> Draft<'b> {
    fn new(binder: &'b Binder<'b>, table: &'b Arc<Table>) -> Result<Self> {
        let columns = table
            .columns
            .iter()
            .enumerate()
            .map(|(position, column)| DraftColumn {
                name: column.name.clone(),
                ty: column.ty,
                nullable: column.nullable,
                default: column.default.clone(),
                source: Source::Old(position),
            })
            .collect();
        let old = OldRows::new(binder, table)?;
        Ok(Self { binder, table, old, columns, rewrites: false, changes: Vec::new(), views: Vec::new() })
    }

    fn apply(&mut self, action: &Action, retyped: &mut impl Iterator<Item = Retyped>) -> Result<()> {
        match action {
            Action::DropColumn { column, if_exists, cascade } => self.drop_column(column, *if_exists, *cascade),
            Action::DropConstraint { name, if_exists } => self.drop_constraint(&folded(name), *if_exists),
            Action::Type { .. } => match retyped.next() {
                Some(retyped) => self.change_type(retyped),
                None => Err(Error::new(SqlState::INTERNAL_ERROR, "a change of type was not prepared")),
            },
            Action::AddColumn { definition, if_not_exists } => self.add_column(definition, *if_not_exists),
            Action::Nullable { column, nullable } => self.set_nullable(column, *nullable),
            Action::Default { column, value } => self.set_default(column, value.as_deref()),
            Action::RenameColumn { from, to } => self.rename_column(from, to),
            Action::Owner(role) => {
                let owner = self.binder.new_owner(role)?;
                self.changes.push(ColumnChange::Owner { owner });
                Ok(())
            }
            Action::Rename(_) | Action::SetSchema(_) => Err(Error::new(SqlState::INTERNAL_ERROR, "not an action on columns")),
        }
    }

    fn finished(mut self) -> Result<Statement> {
        if self.columns.is_empty() {
            return Err(create::no_columns());
        }
        create::check_column_count(self.columns.len())?;
        let rows = self.rows()?;
        self.keep_a_column();
        Ok(Statement::AlterTable(Box::new(AlterTable { table: Arc::clone(self.table), views: self.views, changes: self.changes, rows })))
    }

    /// A table has a column at any time: when all it had go, the new ones come first.
    fn keep_a_column(&mut self) {
        let stays = |column: &DraftColumn| !matches!(column.source, Source::Added(_));
        let taken = |column: &DraftColumn| self.table.column(&column.name).is_some();
        if !self.columns.iter().any(|column| stays(column) || taken(column)) {
            self.changes.sort_by_key(|change| !matches!(change, ColumnChange::Add { .. }));
        }
    }

    /// Notes a change for the engine.
    pub(super) fn change(&mut self, change: ColumnChange) {
        self.changes.push(change);
    }

    /// The position of a column among those there are by now.
    pub(super) fn position(&self, name: &str) -> Result<usize> {
        let found = self.columns.iter().position(|column| column.name == name);
        found.ok_or_else(|| undefined_column(name, &self.table.name))
    }

    /// The views that read a column and do not go with another one.
    pub(super) fn readers_of(&self, name: &str) -> Vec<Arc<View>> {
        let Some(target) = Target::column(self.table, name) else { return Vec::new() };
        let mut views = self.binder.views_on(&[target]);
        views.retain(|view| !self.views.iter().any(|gone| gone.id == view.id));
        views
    }

    fn drop_column(&mut self, column: &Ident, if_exists: bool, cascade: bool) -> Result<()> {
        let name = folded(column);
        create::refuse_system_column(&name, "drop")?;
        let Ok(position) = self.position(&name) else {
            if !if_exists {
                return Err(undefined_column(&name, &self.table.name));
            }
            let message = format!("column \"{name}\" of relation \"{}\" does not exist, skipping", self.table.name);
            self.binder.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            return Ok(());
        };
        refuse_partition_key(self.table, &name, "drop")?;
        if let Some(target) = Target::column(self.table, &name) {
            let targets = [target];
            let mut dependents = self.binder.dependents(&targets);
            let gone: HashSet<i64> = self.views.iter().map(|view| view.id).collect();
            dependents.retain(|dependent| !gone.contains(&dependent.relation.id()));
            self.binder.settle_cascade(&targets, &dependents, cascade)?;
            let views = dependents.into_iter().rev().filter_map(|dependent| match dependent.relation {
                Relation::View(view) => Some(view),
                Relation::Table(_) => None,
            });
            self.views.extend(views);
        }
        self.columns.remove(position);
        self.change(ColumnChange::Drop { column: name });
        Ok(())
    }

    /// There are no constraints with a name.
    fn drop_constraint(&self, name: &str, if_exists: bool) -> Result<()> {
        let message = format!("constraint \"{name}\" of relation \"{}\" does not exist", self.table.name);
        if !if_exists {
            return Err(Error::new(SqlState::UNDEFINED_OBJECT, message));
        }
        self.binder.notice(SqlState::SUCCESSFUL_COMPLETION, format!("{message}, skipping"));
        Ok(())
    }

    fn add_column(&mut self, definition: &ColumnDef, if_not_exists: bool) -> Result<()> {
        let column = self.binder.new_column(definition)?;
        create::refuse_system_name(&column.name)?;
        if self.position(&column.name).is_ok() {
            let message = format!("column \"{}\" of relation \"{}\" already exists", column.name, self.table.name);
            if !if_not_exists {
                return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
            }
            self.binder.notice(SqlState::DUPLICATE_COLUMN, format!("{message}, skipping"));
            return Ok(());
        }
        let value = self.binder.default_value(column.default.as_deref(), column.ty, &column.name)?;
        let initial = match Initial::of(self.binder, &value)? {
            Initial::Text(text) => text,
            // Such values are written into the rows themselves.
            Initial::PerRow => {
                self.rewrites = true;
                None
            }
        };
        let NewColumn { name, ty, nullable, default } = column.clone();
        self.columns.push(DraftColumn { name, ty, nullable, default, source: Source::Added(value) });
        self.change(ColumnChange::Add { column, initial });
        Ok(())
    }

    fn set_nullable(&mut self, column: &Ident, nullable: bool) -> Result<()> {
        let name = folded(column);
        create::refuse_system_column(&name, "alter")?;
        let position = self.position(&name)?;
        if let Some(draft) = self.columns.get_mut(position)
            && draft.nullable != nullable
        {
            draft.nullable = nullable;
            self.change(ColumnChange::Nullable { column: name, nullable });
        }
        Ok(())
    }

    fn set_default(&mut self, column: &Ident, value: Option<&AstExpr>) -> Result<()> {
        let name = folded(column);
        create::refuse_system_column(&name, "alter")?;
        let position = self.position(&name)?;
        let Some(draft) = self.columns.get_mut(position) else { return Ok(()) };
        draft.default = match value {
            Some(expr) => self.binder.default_text(expr, draft.ty, &name)?,
            None => None,
        };
        let default = draft.default.clone();
        self.change(ColumnChange::Default { column: name, default });
        Ok(())
    }

    /// Views find columns by name: one that reads the column would fail, or find another one of that name further out.
    fn rename_column(&mut self, from: &Ident, to: &Ident) -> Result<()> {
        let (name, new) = (folded(from), truncated(folded(to)));
        create::refuse_system_column(&name, "rename")?;
        let position = self.columns.iter().position(|column| column.name == name);
        if position.is_none() {
            return Err(Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist")));
        }
        create::refuse_system_name(&new)?;
        if self.position(&new).is_ok() {
            let message = format!("column \"{new}\" of relation \"{}\" already exists", self.table.name);
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
        }
        if let Some(view) = self.readers_of(&name).into_iter().next() {
            let view = super::described(self.binder, &Relation::View(view));
            return Err(Error::unsupported("cannot rename a column used by a view")
                .detail(format!("{view} depends on column \"{name}\""))
                .hint("Views find columns by name: drop the view, rename the column and create the view anew."));
        }
        self.change(ColumnChange::Rename { column: name, name: new });
        Ok(())
    }
}

fn undefined_column(name: &str, table: &str) -> Error {
    Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" of relation \"{table}\" does not exist"))
}

/// "cannot drop column … because it is part of the partition key".
pub(super) fn refuse_partition_key(table: &Table, name: &str, verb: &str) -> Result<()> {
    let id = table.column(name).map(|column| column.id);
    let mut keys = table.partition.iter().flat_map(|partition| &partition.columns);
    if keys.any(|key| Some(key.column_id) == id) {
        let message = format!("cannot {verb} column \"{name}\" because it is part of the partition key of relation \"{}\"", table.name);
        return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
    }
    Ok(())
}
