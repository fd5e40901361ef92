//! UPDATE, and its SET list, which MERGE has as well.

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    self, Assignment, AssignmentTarget, FunctionArg, FunctionArgExpr, FunctionArguments, UpdateTableFromKind,
};
use kura_catalog::Table;
use kura_pgtypes::SqlState;

use super::expression::{At, Clause};
use super::insert::{column_position, is_default};
use super::modify::{Change, Place, always, misplaced, table_scope};
use super::scope::{Env, folded};
use super::typed::Typed;
use super::{Binder, place_of, position_of};
use crate::statement::{Action, Statement, Twice};
use crate::{Error, Result};

/// Where the value of one assigned column comes from.
#[derive(Clone, Copy)]
enum Source<'s> {
    Expr(&'s ast::Expr),
    /// The n-th column, from 0, of a subquery of so many.
    Subquery(&'s ast::Query, usize, usize),
}

impl Binder<'_> {
    pub(super) fn update(&self, update: &ast::Update, env: &Env<'_>) -> Result<Statement> {
        refuse_foreign(update)?;
        let target = self.target(&update.table.relation, "update")?;
        let from = match &update.from {
            Some(UpdateTableFromKind::AfterSet(items) | UpdateTableFromKind::BeforeSet(items)) => items.as_slice(),
            None => &[],
        };
        let (plan, scope) = self.beside(&target, from, env)?;
        let inner = Env { scope: &scope, ..*env };
        let plan = self.filtered(plan, update.selection.as_ref(), &inner)?;
        let at = At { env: &inner, clause: Clause::Update, operand: false };
        let assigned = self.assignments(&target.table, &update.assignments, at)?;

        // New values become columns before RETURNING sees them, so that each is computed once.
        let place = Place { file: self.fresh_column("file"), position: self.fresh_column("position") };
        let mut fields = vec![
            Expr::Column(target.place.file).alias(place.file.name.clone()),
            Expr::Column(target.place.position).alias(place.position.name.clone()),
        ];
        let width = target.table.columns.len();
        let mut values: Vec<Column> = Vec::with_capacity(width);
        for (old, new) in target.scope.columns.iter().zip(assigned) {
            let column = self.fresh_column(&old.name);
            let value = new.map_or_else(|| Expr::Column(old.column.clone()), |typed| typed.expr);
            fields.push(value.alias(column.name.clone()));
            values.push(column);
        }
        let others = scope.columns.get(width..).unwrap_or_default();
        fields.extend(distinct_columns(others));
        let plan = LogicalPlanBuilder::from(plan).project(fields)?.build()?;
        let relation = scope.columns.first().and_then(|c| c.relation.clone()).unwrap_or_default();
        let mut returned = table_scope(&target.table, &relation, values.iter().cloned());
        returned.columns.extend(others.iter().cloned());
        let change = Change {
            command: "UPDATE",
            table: target.table,
            twice: Twice::FirstWins,
            plan,
            action: always(Action::Update),
            place: Some(place),
            values: Some(values),
            everything: false,
        };
        self.changing(change, update.returning.as_deref(), &Env { scope: &returned, ..*env })
    }

    /// The new values of a SET list by the column's position in the table, each of its column's type; `None`: not assigned.
    pub(super) fn assignments(&self, table: &Table, list: &[Assignment], at: At<'_>) -> Result<Vec<Option<Typed>>> {
        let mut values: Vec<Option<Typed>> = table.columns.iter().map(|_| None).collect();
        for assignment in list {
            for (name, source) in pairs(assignment)? {
                let parts = super::object::parts(name)?;
                let Some(first) = parts.first() else { continue };
                // `t.a` names the field a of a column t.
                let position = column_position(table, &folded(first)).map_err(|error| error.at(position_of(first)))?;
                let (Some(column), Some(value)) = (table.columns.get(position), values.get_mut(position)) else { continue };
                if parts.len() > 1 {
                    let message = format!("cannot assign to field of column \"{}\" because its type is not a composite type", column.name);
                    return Err(Error::new(SqlState::DATATYPE_MISMATCH, message).at(position_of(first)));
                }
                if value.is_some() {
                    let message = format!("multiple assignments to same column \"{}\"", column.name);
                    return Err(Error::new(SqlState::SYNTAX_ERROR, message));
                }
                *value = Some(self.assigned(column, source, at)?);
            }
        }
        Ok(values)
    }

    fn assigned(&self, column: &kura_catalog::Column, source: Source<'_>, at: At<'_>) -> Result<Typed> {
        match source {
            Source::Expr(expr) if is_default(expr) => self.default_of(column),
            Source::Expr(expr) => {
                let typed = self.expr(expr, at)?;
                self.assign(typed, column.ty, &column.name).map_err(|error| error.at(place_of(expr)))
            }
            Source::Subquery(query, index, width) => {
                let typed = self.subquery_column(query, index, width, at)?;
                self.assign(typed, column.ty, &column.name)
            }
        }
    }
}

/// The columns of other relations, each once, as they are.
pub(super) fn distinct_columns(columns: &[super::scope::ScopeColumn]) -> Vec<Expr> {
    let mut seen = std::collections::HashSet::new();
    columns.iter().filter(|c| seen.insert(&c.column)).map(|c| Expr::Column(c.column.clone())).collect()
}

/// The columns of one assignment, each with where its value comes from.
fn pairs(assignment: &Assignment) -> Result<Vec<(&ast::ObjectName, Source<'_>)>> {
    let names = match &assignment.target {
        AssignmentTarget::ColumnName(name) => return Ok(vec![(name, Source::Expr(&assignment.value))]),
        AssignmentTarget::Tuple(names) => names,
    };
    let width = names.len();
    let sources: Vec<Source<'_>> = match &assignment.value {
        ast::Expr::Subquery(query) => (0..width).map(|index| Source::Subquery(query, index, width)).collect(),
        ast::Expr::Tuple(list) => list.iter().map(Source::Expr).collect(),
        other => row(other).ok_or_else(|| {
            Error::unsupported("source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression").at(place_of(other))
        })?,
    };
    if sources.len() != width {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "number of columns does not match number of values").at(place_of(&assignment.value)));
    }
    Ok(names.iter().zip(sources).collect())
}

/// The members of `ROW(…)`.
fn row(expr: &ast::Expr) -> Option<Vec<Source<'_>>> {
    let ast::Expr::Function(call) = expr else { return None };
    let [name] = call.name.0.as_slice() else { return None };
    let is_row = name.as_ident().is_some_and(|name| name.quote_style.is_none() && name.value.eq_ignore_ascii_case("row"));
    let FunctionArguments::List(list) = &call.args else { return None };
    let member = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(Source::Expr(expr)),
        _ => None,
    };
    if is_row { list.args.iter().map(member).collect() } else { None }
}

/// Clauses of other systems' UPDATE that the grammar reads.
fn refuse_foreign(update: &ast::Update) -> Result<()> {
    if let Some(join) = update.table.joins.first() {
        return Err(misplaced(&join.relation, "JOIN"));
    }
    if let Some(UpdateTableFromKind::BeforeSet(items)) = &update.from
        && let Some(item) = items.first()
    {
        return Err(misplaced(&item.relation, "FROM"));
    }
    if let Some(limit) = &update.limit {
        return Err(misplaced(limit, "LIMIT"));
    }
    if update.or.is_some() || update.output.is_some() || !update.order_by.is_empty() {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "syntax error in UPDATE"));
    }
    Ok(())
}
