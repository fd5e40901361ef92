//! Statements that change rows: their dispatch, the table they change as a relation that knows the place of each row, and the
//! form of the rows that say what to do. What each of the statements means is in `delete`, `update`, `insert` and `merge`.

use std::sync::Arc;

use datafusion::common::{Column, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::{self, SelectItem, TableFactor};
use kura_catalog::{Relation, Table};
use kura_pgtypes::SqlState;

use super::expression::{At, Clause};
use super::relation::check_aliases;
use super::scope::{Env, Scope, ScopeColumn, folded};
use super::select::QueryColumn;
use super::{Binder, pack, position_of};
use crate::authorize::Need;
use crate::parse::Merge;
use crate::statement::{Action, Modify, OutputColumn, Statement, Twice};
use crate::{Error, Result};

/// A statement that changes rows, as it was read.
#[derive(Clone, Copy)]
pub(super) enum Modification<'s> {
    /// INSERT, UPDATE or DELETE.
    Sql(&'s ast::Statement),
    Merge(&'s Merge),
}

/// The table whose rows a statement changes.
pub(super) struct Target {
    pub(super) table: Arc<Table>,
    /// A scan of it.
    pub(super) plan: LogicalPlan,
    /// Its columns, under the name the statement calls it.
    pub(super) scope: Scope,
    /// Columns of the scan that say where each row lies.
    pub(super) place: Place,
}

/// Columns with the place of a row: its file and its position in there.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) file: Column,
    pub(super) position: Column,
}

/// The rows of a statement before they have the form of [`Modify::source`].
pub(super) struct Change {
    pub(super) command: &'static str,
    pub(super) table: Arc<Table>,
    pub(super) twice: Twice,
    pub(super) plan: LogicalPlan,
    /// What each row asks for, over the plan: the code of an [`Action`].
    pub(super) action: Expr,
    /// `None` when rows are only added.
    pub(super) place: Option<Place>,
    /// Columns of the plan with the new values, one per column of the table; `None` when nothing is written.
    pub(super) values: Option<Vec<Column>>,
    pub(super) everything: bool,
}

impl Binder<'_> {
    /// Binds a statement that changes rows, behind its WITH list. `alike`: an INSERT becomes a [`Statement::Modify`] as well.
    pub(super) fn modification(&self, with: Option<&ast::With>, subject: Modification<'_>, alike: bool) -> Result<Statement> {
        let scope = Scope::default();
        self.modification_in(with, subject, alike, super::empty_env(&scope))
    }

    /// As [`Self::modification`], with the WITH queries of `env` in reach.
    pub(super) fn modification_in(
        &self,
        with: Option<&ast::With>,
        subject: Modification<'_>,
        alike: bool,
        env: Env<'_>,
    ) -> Result<Statement> {
        use ast::Statement as Sql;
        self.under_with(with, env, &mut |env| match subject {
            Modification::Sql(Sql::Insert(insert)) => self.insert(insert, env, alike),
            Modification::Sql(Sql::Update(update)) => self.update(update, env),
            Modification::Sql(Sql::Delete(delete)) => self.delete(delete, env),
            Modification::Merge(merge) => self.merge(merge, env),
            Modification::Sql(other) => Err(super::unsupported_statement(other)),
        })
    }

    /// Binds MERGE, and EXPLAIN of one.
    pub(super) fn merge_statement(&self, merge: &Merge) -> Result<Statement> {
        use ast::Statement as Sql;
        let subject = Modification::Merge(merge);
        match merge.around.as_deref() {
            None => self.modification(None, subject, false),
            Some(Sql::Query(query)) => self.modification(query.with.as_ref(), subject, false),
            Some(Sql::Explain { statement, .. }) if !matches!(&**statement, Sql::Query(_)) => Err(super::unsupported_statement(statement)),
            Some(explain) => self.explain(explain, Some(merge)),
        }
    }

    /// The table that a statement changes. `purpose`: as in [`Binder::find_table`].
    pub(super) fn target(&self, factor: &TableFactor, purpose: &str) -> Result<Target> {
        let TableFactor::Table { name, alias, args: None, version: None, sample: None, with_ordinality: false, .. } = factor else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, format!("{} needs the name of a table", purpose.to_uppercase())));
        };
        if let Some(column) = alias.as_ref().and_then(|a| a.columns.first()) {
            return Err(unexpected(&column.name));
        }
        let parts = super::object::parts(name)?;
        let table = self.changed_table(&parts, purpose)?;
        let relation = alias.as_ref().map_or_else(|| table.name.clone(), |a| folded(&a.name));
        let names: Vec<String> = table.columns.iter().map(|c| self.fresh(&c.name)).collect();
        let (file, position) = (self.fresh("file"), self.fresh("position"));
        let storage = Arc::clone(&self.context.storage);
        let provider = kura_storage::Table::with_row_identity(storage, Arc::clone(&table), names.clone(), file.clone(), position.clone());
        let reference = TableReference::bare(table.name.clone());
        let plan = LogicalPlanBuilder::scan(reference.clone(), provider_as_source(Arc::new(provider)), None)?.build()?;
        let column = |name: String| Column::new(Some(reference.clone()), name);
        let scope = table_scope(&table, &relation, names.into_iter().map(column));
        let place = Place { file: column(file), position: column(position) };
        Ok(Target { table, plan, scope, place })
    }

    /// Looks up a table whose rows are to change.
    pub(super) fn changed_table(&self, parts: &[ast::Ident], purpose: &str) -> Result<Arc<Table>> {
        if let (Relation::View(view), "merge into") = (self.find_relation(parts)?, purpose) {
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot execute MERGE on relation \"{}\"", view.name))
                .detail("This operation is not supported for views."));
        }
        let table = self.find_table(parts, purpose)?;
        table.check_readable().map_err(|error| Error::Sql(kura_pgtypes::Diagnostic::to_sql_error(&error)))?;
        self.need(Need::Write { owner: table.owner, name: table.name.clone() });
        Ok(table)
    }

    /// Puts the items of USING or FROM beside the table.
    pub(super) fn beside(&self, target: &Target, items: &[ast::TableWithJoins], env: &Env<'_>) -> Result<(LogicalPlan, Scope)> {
        let (plan, mut scope) = (target.plan.clone(), target.scope.clone());
        if items.is_empty() {
            return Ok((plan, scope));
        }
        let (others, other_scope) = self.from(items, env)?;
        check_aliases(&scope, &other_scope)?;
        scope.columns.extend(other_scope.columns);
        Ok((LogicalPlanBuilder::from(plan).cross_join(others)?.build()?, scope))
    }

    /// Keeps the rows that meet a WHERE clause.
    pub(super) fn filtered(&self, plan: LogicalPlan, selection: Option<&ast::Expr>, env: &Env<'_>) -> Result<LogicalPlan> {
        let Some(condition) = selection else {
            return Ok(plan);
        };
        let condition = self.condition(condition, At { env, clause: Clause::Where, operand: false }, "WHERE")?;
        Ok(LogicalPlanBuilder::from(plan).filter(condition)?.build()?)
    }

    /// The statement whose rows are in their form. `env`: what RETURNING sees, over the change's plan.
    pub(super) fn changing(&self, change: Change, returning: Option<&[SelectItem]>, env: &Env<'_>) -> Result<Statement> {
        let null = || lit(ScalarValue::Int64(None));
        let (file, position) = match change.place {
            Some(place) => (Expr::Column(place.file), Expr::Column(place.position)),
            None => (null(), null()),
        };
        let mut fields =
            vec![change.action.alias(self.fresh("action")), file.alias(self.fresh("file")), position.alias(self.fresh("position"))];
        for column in change.values.iter().flatten() {
            let name = column.name.split('#').next().unwrap_or_default();
            fields.push(Expr::Column(column.clone()).alias(self.fresh(name)));
        }
        let returning = match returning {
            Some(items) => Some(self.returned(items, env, &mut fields)?),
            None => None,
        };
        let source = LogicalPlanBuilder::from(change.plan).project(fields)?.build()?;
        Ok(Statement::Modify(Box::new(Modify {
            command: change.command,
            table: change.table,
            source,
            writes: change.values.is_some(),
            twice: change.twice,
            everything: change.everything && returning.is_none(),
            returning,
        })))
    }

    /// The list of RETURNING, added to the fields of the plan.
    fn returned(&self, items: &[SelectItem], env: &Env<'_>, fields: &mut Vec<Expr>) -> Result<Vec<OutputColumn>> {
        let items = self.items(items, At { env, clause: Clause::Returning, operand: false })?;
        let mut columns = Vec::with_capacity(items.len());
        for item in items {
            let typed = self.settle(item.typed)?;
            let column = self.fresh_column(&item.name);
            fields.push(typed.expr.alias(column.name.clone()));
            columns.push(QueryColumn { name: item.name, ty: typed.ty, column, origin: item.origin }.output());
        }
        Ok(columns)
    }
}

/// The action of every row of a statement.
pub(super) fn always(action: Action) -> Expr {
    lit(action.code())
}

/// A table's columns as a scope, each standing for one of the plan's.
pub(super) fn table_scope(table: &Table, relation: &str, columns: impl Iterator<Item = Column>) -> Scope {
    let columns = table.columns.iter().zip(columns).enumerate().map(|(index, (column, own))| ScopeColumn {
        relation: Some(relation.to_owned()),
        name: column.name.clone(),
        column: own,
        ty: column.ty,
        origin: Some((table.oid, i16::try_from(index + 1).unwrap_or(0))),
        merged: false,
        whole: false,
    });
    Scope { columns: columns.collect() }
}

/// 42601 at a word that PostgreSQL does not read there.
pub(super) fn unexpected(word: &ast::Ident) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{word}\"")).at(position_of(word))
}

/// 42601 at a part of the statement that PostgreSQL does not read there.
pub(super) fn misplaced(part: &impl ast::Spanned, word: &str) -> Error {
    let start = part.span().start;
    Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{word}\"")).at(pack(start.line, start.column))
}

/// 42601 at a statement that changes rows in the place of a query.
pub(super) fn out_of_place(statement: &ast::Statement) -> Error {
    use ast::Statement as Sql;
    let token = match statement {
        Sql::Insert(insert) => Some(&insert.insert_token.0),
        Sql::Update(update) => Some(&update.update_token.0),
        Sql::Delete(delete) => Some(&delete.delete_token.0),
        Sql::Merge(merge) => Some(&merge.merge_token.0),
        _ => None,
    };
    let word = token.map(|t| t.token.to_string()).unwrap_or_default();
    let position = token.and_then(|t| pack(t.span.start.line, t.span.start.column));
    Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{word}\"")).at(position)
}
