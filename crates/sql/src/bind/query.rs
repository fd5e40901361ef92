//! A query: WITH, the body, and the ORDER BY and LIMIT behind it.

use std::cell::Cell;

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr};
use datafusion::sql::sqlparser::ast::{self, SetExpr};
use kura_pgtypes::SqlState;

use super::expression::{At, Clause};
use super::scope::{Cte, CteBody, Ctes, Env, Scope, folded};
use super::select::{BoundQuery, QueryColumn};
use super::typed::Typed;
use super::{Binder, order, typed};
use crate::{Error, Result};

impl Binder<'_> {
    /// Binds a query; `outer` is the query around it, whose columns it may use.
    pub(crate) fn query(&self, query: &ast::Query, outer: Option<&Env<'_>>) -> Result<BoundQuery> {
        self.query_with(query, outer, false)
    }

    /// As [`Self::query`]; `unsettled` leaves literals without a type as they are.
    pub(crate) fn query_with(&self, query: &ast::Query, outer: Option<&Env<'_>>, unsettled: bool) -> Result<BoundQuery> {
        refuse_foreign(query)?;
        let scope = Scope::default();
        let env = Env { scope: &scope, outer, ctes: None, depth: self.depth.get() };
        self.under_with(query.with.as_ref(), env, &mut |env| self.locking_body(query, env, unsettled, &[]))
    }

    /// Runs `body` with the queries of a WITH list in reach.
    pub(crate) fn under_with<T>(&self, with: Option<&ast::With>, env: Env<'_>, body: &mut dyn FnMut(&Env<'_>) -> Result<T>) -> Result<T> {
        match with {
            Some(with) => {
                check_names(with)?;
                self.with_ctes(&with.cte_tables, with.recursive, env, body)
            }
            None => body(&env),
        }
    }

    /// Brings the WITH queries into reach one by one, then binds the body; those never used are bound to be checked.
    fn with_ctes<T>(&self, list: &[ast::Cte], recursive: bool, env: Env<'_>, body: &mut dyn FnMut(&Env<'_>) -> Result<T>) -> Result<T> {
        let Some((first, rest)) = list.split_first() else {
            return body(&env);
        };
        if first.from.is_some() {
            return Err(Error::unsupported("WITH ... FROM is not supported"));
        }
        let name = folded(&first.alias.name);
        let (body_of, bound_already) = match self.part(first, recursive, &env)? {
            Some(rows) => (CteBody::Part(rows), true),
            None => (CteBody::Query { ast: first, outer: Some(&env), recursive }, false),
        };
        let entry = Cte { name, body: body_of, used: Cell::new(bound_already) };
        let ctes = Ctes { entry, before: env.ctes };
        let inner = Env { ctes: Some(&ctes), ..env };
        let bound = self.with_ctes(rest, recursive, inner, body)?;
        if !ctes.entry.used.get() {
            self.cte_query(&ctes.entry)?;
        }
        Ok(bound)
    }

    /// Binds a WITH query anew, under its column aliases.
    pub(crate) fn cte_query(&self, cte: &Cte<'_>) -> Result<BoundQuery> {
        cte.used.set(true);
        let CteBody::Query { ast, outer, recursive } = &cte.body else {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "only a query is bound at its references"));
        };
        let mut bound = if *recursive && super::recursive::refers_to(&ast.query, &cte.name) {
            self.recursive_query(ast, &cte.name, *outer)?
        } else {
            self.query(&ast.query, *outer)?
        };
        rename(&mut bound.columns, &ast.alias.columns, &cte.name)?;
        Ok(bound)
    }

    /// The body with the clauses behind it, inside the environment of its WITH list.
    pub(super) fn body(&self, query: &ast::Query, env: &Env<'_>, unsettled: bool) -> Result<BoundQuery> {
        let order = order::expressions(query.order_by.as_ref())?;
        let at = At { env, clause: Clause::Select, operand: false };
        match &*query.body {
            SetExpr::Select(select) => {
                let bound = self.select(select, order, env, unsettled)?;
                let sort = leading_sort(&bound.plan);
                self.limit(bound, query, &sort, at)
            }
            other => {
                let bound = self.set_expr(other, env, unsettled)?;
                let bound = self.sort_output(bound, order)?;
                let sort = leading_sort(&bound.plan);
                self.limit(bound, query, &sort, at)
            }
        }
    }

    /// Binds the operand of a set operation, or a body that is not a SELECT.
    pub(crate) fn set_expr(&self, body: &SetExpr, env: &Env<'_>, unsettled: bool) -> Result<BoundQuery> {
        match body {
            SetExpr::Select(select) => self.select(select, &[], env, unsettled),
            SetExpr::Query(query) => self.query_with(query, Some(env), unsettled),
            SetExpr::SetOperation { .. } => self.set_operation(body, env, unsettled),
            SetExpr::Values(values) => self.values(values, env),
            SetExpr::Table(table) => {
                let mut parts = Vec::new();
                parts.extend(table.schema_name.iter().map(|s| ast::Ident::new(s.clone())));
                parts.extend(table.table_name.iter().map(|s| ast::Ident::new(s.clone())));
                self.whole_table(&parts, env)
            }
            SetExpr::Insert(change) | SetExpr::Update(change) | SetExpr::Delete(change) | SetExpr::Merge(change) => {
                Err(super::modify::out_of_place(change))
            }
        }
    }

    /// VALUES: one column per position, each of the type its rows meet in.
    pub(crate) fn values(&self, values: &ast::Values, env: &Env<'_>) -> Result<BoundQuery> {
        let at = At { env, clause: Clause::Values, operand: false };
        let width = values.rows.first().map_or(0, |row| row.len());
        let mut rows: Vec<Vec<Typed>> = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            if row.len() != width {
                return Err(Error::new(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length"));
            }
            rows.push(row.iter().map(|e| self.expr(e, at)).collect::<Result<_>>()?);
        }
        let types = (0..width)
            .map(|i| typed::common_of("VALUES", rows.iter().filter_map(|row| row.get(i)).map(|t| t.ty)))
            .collect::<Result<Vec<_>>>()?;
        self.values_of(rows, &types)
    }

    /// A plan of constant rows with columns `column1`, `column2`, ….
    pub(crate) fn values_of(&self, rows: Vec<Vec<Typed>>, types: &[kura_pgtypes::PgType]) -> Result<BoundQuery> {
        let columns: Vec<QueryColumn> = types
            .iter()
            .enumerate()
            .map(|(i, ty)| {
                let name = format!("column{}", i + 1);
                QueryColumn { column: self.fresh_column(&name), name, ty: *ty, origin: None }
            })
            .collect();
        let plan = super::constant::values_plan(self, rows, &columns)?;
        Ok(BoundQuery { plan, columns })
    }
}

/// The sort a plan ends in, for WITH TIES.
pub(crate) fn leading_sort(plan: &LogicalPlan) -> Vec<SortExpr> {
    match plan {
        LogicalPlan::Sort(sort) => sort.expr.clone(),
        LogicalPlan::Projection(projection) => {
            let sort = leading_sort(&projection.input);
            let kept = projection.schema.columns();
            if sort.iter().all(|s| matches!(&s.expr, Expr::Column(c) if kept.contains(c))) { sort } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

/// Gives columns the names of an alias list; a shorter list renames the first ones.
pub(crate) fn rename(columns: &mut [QueryColumn], aliases: &[ast::TableAliasColumnDef], name: &str) -> Result<()> {
    if aliases.len() > columns.len() {
        return Err(Error::new(
            SqlState::INVALID_COLUMN_REFERENCE,
            format!("table \"{name}\" has {} columns available but {} columns specified", columns.len(), aliases.len()),
        ));
    }
    for (column, alias) in columns.iter_mut().zip(aliases) {
        column.name = folded(&alias.name);
    }
    Ok(())
}

fn check_names(with: &ast::With) -> Result<()> {
    let mut names = Vec::new();
    for cte in &with.cte_tables {
        let name = folded(&cte.alias.name);
        if names.contains(&name) {
            return Err(Error::new(SqlState::DUPLICATE_ALIAS, format!("WITH query name \"{name}\" specified more than once"))
                .at(super::position_of(&cte.alias.name)));
        }
        names.push(name);
    }
    Ok(())
}

fn refuse_foreign(query: &ast::Query) -> Result<()> {
    let foreign = [
        (query.for_clause.is_some(), "FOR XML/JSON/BROWSE"),
        (query.settings.is_some(), "SETTINGS"),
        (query.format_clause.is_some(), "FORMAT"),
        (!query.pipe_operators.is_empty(), "the pipe operator |>"),
    ];
    match foreign.into_iter().find(|(there, _)| *there) {
        Some((_, name)) => Err(Error::unsupported(format!("{name} is not supported"))),
        None => Ok(()),
    }
}

/// Projects a bound query onto expressions, one per column, under fresh names.
pub(crate) fn project(binder: &Binder<'_>, query: BoundQuery, exprs: Vec<Typed>) -> Result<BoundQuery> {
    let mut columns = Vec::with_capacity(exprs.len());
    let mut projection = Vec::with_capacity(exprs.len());
    for (old, typed) in query.columns.into_iter().zip(exprs) {
        let column: Column = binder.fresh_column(&old.name);
        projection.push(typed.expr.alias(column.name.clone()));
        columns.push(QueryColumn { name: old.name, ty: typed.ty, column, origin: None });
    }
    let plan = LogicalPlanBuilder::from(query.plan).project(projection)?.build()?;
    Ok(BoundQuery { plan, columns })
}
