//! WITH RECURSIVE: a term to start from and a term over the rows found last.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::{Column, JoinType, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, SetExpr, SetOperator, SetQuantifier};
use kura_pgtypes::{PgType, SqlState};

use super::Binder;
use super::query::project;
use super::scope::{Cte, CteBody, Ctes, Env, Scope};
use super::select::{BoundQuery, QueryColumn};
use super::typed::Typed;
use crate::{Error, Result};

/// The rows found last, which a recursive term reads.
#[derive(Debug)]
pub(crate) struct WorkTable {
    name: String,
    schema: SchemaRef,
    columns: Vec<QueryColumn>,
}

impl WorkTable {
    /// A scan of it; its columns under fresh names.
    pub(crate) fn scan(&self, binder: &Binder<'_>) -> Result<(LogicalPlan, Vec<QueryColumn>)> {
        let table = CteWorkTable::new(&self.name, Arc::clone(&self.schema));
        let reference = TableReference::bare(self.name.clone());
        let mut exprs = Vec::with_capacity(self.columns.len());
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let fresh = binder.fresh_column(&column.name);
            let own = Column::new(Some(reference.clone()), column.column.name.clone());
            exprs.push(Expr::Column(own).alias(fresh.name.clone()));
            columns.push(QueryColumn { column: fresh, origin: None, ..column.clone() });
        }
        let plan = LogicalPlanBuilder::scan(reference, provider_as_source(Arc::new(table)), None)?.project(exprs)?.build()?;
        Ok((plan, columns))
    }
}

impl Binder<'_> {
    pub(crate) fn recursive_query(&self, cte: &ast::Cte, name: &str, outer: Option<&Env<'_>>) -> Result<BoundQuery> {
        let SetExpr::SetOperation { op: SetOperator::Union, set_quantifier, left, right } = &*cte.query.body else {
            return Err(Error::new(
                SqlState::INVALID_RECURSION,
                format!("recursive query \"{name}\" does not have the form non-recursive-term UNION [ALL] recursive-term"),
            ));
        };
        if cte.query.order_by.is_some() || cte.query.limit_clause.is_some() || cte.query.fetch.is_some() {
            return Err(Error::unsupported("ORDER BY and LIMIT in a recursive query are not supported"));
        }
        let scope = Scope::default();
        let env = Env { scope: &scope, outer, ctes: None, depth: self.depth.get() };
        let start = self.set_expr(left, &env, false)?;
        let types: Vec<PgType> = start.columns.iter().map(|c| if c.ty == PgType::UNKNOWN { PgType::TEXT } else { c.ty }).collect();
        // The column names of the relation must be those of the start term, under names of its own.
        let mut start = self.recast(start, &types)?;
        super::query::rename(&mut start.columns, &cte.alias.columns, name)?;
        let internal = self.fresh(name);
        let table = Rc::new(WorkTable {
            name: internal.clone(),
            schema: Arc::new(start.plan.schema().as_arrow().clone()),
            columns: start.columns.clone(),
        });
        let entry = Cte { name: name.to_owned(), body: CteBody::WorkTable { table }, used: Cell::new(false) };
        let ctes = Ctes { entry, before: None };
        let inner = Env { scope: &scope, outer, ctes: Some(&ctes), depth: self.depth.get() };
        let step = self.set_expr(right, &inner, true)?;
        check_step(&step.plan, &internal, name)?;
        let step = self.recursive_term(step, &types, name)?;
        let distinct = !matches!(set_quantifier, SetQuantifier::All);
        let columns = start.columns.clone();
        let plan = LogicalPlanBuilder::from(start.plan).to_recursive_query(internal, step.plan, distinct)?.build()?;
        let query = BoundQuery { plan, columns };
        let exprs = query.columns.iter().map(|c| Typed::new(Expr::Column(c.column.clone()), c.ty)).collect();
        project(self, query, exprs)
    }

    fn recursive_term(&self, step: BoundQuery, types: &[PgType], name: &str) -> Result<BoundQuery> {
        if step.columns.len() != types.len() {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "each UNION query must have the same number of columns"));
        }
        for (index, (column, ty)) in step.columns.iter().zip(types).enumerate() {
            let fits = super::typed::common(*ty, column.ty).is_some_and(|c| c.scalar == ty.scalar && c.array == ty.array);
            if !fits {
                return Err(Error::new(
                    SqlState::DATATYPE_MISMATCH,
                    format!(
                        "recursive query \"{name}\" column {} has type {} in non-recursive term but type {} overall",
                        index + 1,
                        ty.display(),
                        column.ty.display()
                    ),
                )
                .hint("Cast the output of the non-recursive term to the correct type."));
            }
        }
        self.recast(step, types)
    }
}

/// PostgreSQL refuses a recursive term that aggregates the rows found last, or has them on the side of an outer join
/// that may be filled with NULLs.
fn check_step(plan: &LogicalPlan, table: &str, name: &str) -> Result<()> {
    let invalid = |message: String| Err(Error::new(SqlState::INVALID_RECURSION, message));
    if !reads(plan, table) {
        return Ok(());
    }
    match plan {
        LogicalPlan::Aggregate(_) => {
            return invalid("aggregate functions are not allowed in a recursive query's recursive term".to_owned());
        }
        LogicalPlan::Join(join) => {
            let fills_left = matches!(join.join_type, JoinType::Right | JoinType::Full);
            let fills_right = matches!(join.join_type, JoinType::Left | JoinType::Full);
            if (fills_left && reads(&join.left, table)) || (fills_right && reads(&join.right, table)) {
                return invalid(format!("recursive reference to query \"{name}\" must not appear within an outer join"));
            }
        }
        _ => {}
    }
    plan.inputs().into_iter().try_for_each(|input| check_step(input, table, name))
}

fn reads(plan: &LogicalPlan, table: &str) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => scan.table_name.table() == table,
        other => other.inputs().into_iter().any(|input| reads(input, table)),
    }
}

/// Whether a query names a relation `name` in a FROM of its own or of a subquery.
pub(crate) fn refers_to(query: &ast::Query, name: &str) -> bool {
    let visited = ast::visit_relations(query, |relation| match relation.0.as_slice() {
        [part] if part.as_ident().is_some_and(|i| super::scope::folded(i) == name) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    visited.is_break()
}
