//! Subqueries in expressions: scalar, EXISTS, IN, ANY and ALL, ARRAY(…), correlated or not.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, ScalarValue, Spans};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::{Case, Expr, LogicalPlan, LogicalPlanBuilder, Operator, SortExpr, Subquery, lit};
use datafusion::sql::sqlparser::ast;
use kura_pgtypes::{PgType, SqlState};

use super::expression::{At, Clause, balanced};
use super::select::{BoundQuery, QueryColumn};
use super::typed::{Typed, common};
use super::{Binder, place_of};
use crate::{Error, Result};

/// A reference from inside a subquery to a column of the query around it.
pub(crate) fn outer_column(column: &Column, ty: PgType) -> Expr {
    Expr::OuterReferenceColumn(Arc::new(Field::new(column.name.clone(), ty.arrow(), true)), column.clone())
}

impl Binder<'_> {
    /// Binds a subquery of an expression; its own aggregates are its own.
    fn inner_query(&self, query: &ast::Query, at: At<'_>) -> Result<BoundQuery> {
        self.depth.set(self.depth.get() + 1);
        let bound = self.query(query, Some(at.env));
        self.depth.set(self.depth.get() - 1);
        bound
    }

    fn one_column(&self, query: &ast::Query, at: At<'_>) -> Result<(LogicalPlan, QueryColumn)> {
        let bound = self.inner_query(query, at)?;
        let [column] = bound.columns.as_slice() else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "subquery must return only one column"));
        };
        let column = column.clone();
        let plan = self.exact_fields(bound.plan, std::slice::from_ref(&column))?;
        Ok((plan, column))
    }

    pub(crate) fn scalar_subquery(&self, query: &ast::Query, at: At<'_>) -> Result<Typed> {
        let (plan, column) = self.one_column(query, at)?;
        self.single(plan, &column)
    }

    /// The value of the one column of a plan of at most one row.
    fn single(&self, plan: LogicalPlan, column: &QueryColumn) -> Result<Typed> {
        let ty = if column.ty == PgType::UNKNOWN { PgType::TEXT } else { column.ty };
        if let Some(expr) = inlined(&plan)? {
            return Ok(Typed::new(expr, ty));
        }
        let plan = single_row(self, plan, column)?;
        Ok(Typed::new(Expr::ScalarSubquery(subquery(plan)), ty))
    }

    /// One column of `(a, b) = (SELECT x, y …)`, of `width` columns. Each is a subquery of its own, so that which row it yields
    /// must not be left to chance.
    pub(crate) fn subquery_column(&self, query: &ast::Query, index: usize, width: usize, at: At<'_>) -> Result<Typed> {
        let bound = self.inner_query(query, at)?;
        let column = bound.columns.get(index).filter(|_| bound.columns.len() == width).cloned();
        let column = column.ok_or_else(|| Error::new(SqlState::SYNTAX_ERROR, "number of columns does not match number of values"))?;
        if width > 1 && left_to_chance(&bound.plan)? {
            return Err(Error::unsupported(
                "several columns of a subquery with LIMIT, a window function or a volatile function cannot be assigned",
            )
            .hint("Write the subquery in FROM, or assign its columns one by one."));
        }
        let plan = self.exact_fields(bound.plan, std::slice::from_ref(&column))?;
        self.single(plan, &column)
    }

    /// EXISTS. Conditions use the engine's semi joins; elsewhere it is a comparison of a count.
    pub(crate) fn exists(&self, query: &ast::Query, negated: bool, at: At<'_>) -> Result<Typed> {
        let bound = self.inner_query(query, at)?;
        let Existence::Rows(plan) = existence(bound.plan)? else {
            return Ok(Typed::bool(lit(!negated)));
        };
        let bound = BoundQuery { plan, columns: bound.columns };
        if filters(at.clause) {
            return Ok(Typed::bool(Expr::Exists(Exists { subquery: subquery(bound.plan), negated })));
        }
        let count = self.count(bound.plan, None)?;
        Ok(Typed::bool(if negated { count.eq(lit(0_i64)) } else { count.gt(lit(0_i64)) }))
    }

    /// `x IN (SELECT …)`, with one column or a row of them.
    pub(crate) fn in_subquery(&self, left: &ast::Expr, query: &ast::Query, negated: bool, at: At<'_>) -> Result<Typed> {
        if let ast::Expr::Tuple(items) = left {
            return self.row_in_subquery(items, query, negated, at);
        }
        let value = self.expr(left, at)?;
        let bound = self.inner_query(query, at)?;
        let [column] = bound.columns.as_slice() else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "subquery has too many columns"));
        };
        let column_ty = column.ty;
        let ty = common(value.ty, column_ty).ok_or_else(|| super::expression::operator_missing("=", Some(value.ty), column_ty))?;
        let ty = if ty == PgType::UNKNOWN { PgType::TEXT } else { ty };
        let bound = if column_ty == ty { bound } else { self.recast(bound, &[ty])? };
        let column = bound.columns.first().cloned().ok_or_else(|| Error::new(SqlState::INTERNAL_ERROR, "a subquery without columns"))?;
        let value = self.coerce(value, ty)?;
        let mut plan = self.exact_fields(bound.plan, std::slice::from_ref(&column))?;
        if matches!(plan, LogicalPlan::Values(_)) {
            // The engine's semi join asks for a projection's expression.
            plan = LogicalPlanBuilder::from(plan).project([Expr::Column(column.column.clone())])?.build()?;
        }
        // The engine's anti join wants a plain column; NULLs around NOT IN of anything else go wrong in it.
        let correlated = !plan.all_out_ref_exprs().is_empty();
        let filtering = filters(at.clause) && !at.operand;
        if negated && correlated && filtering {
            // The engine's anti join loses rows here: ask for a row that is, or may be, equal.
            let item = Typed::new(Expr::Column(column.column.clone()), column.ty);
            let outer = Typed::new(as_outer(value.expr, value.ty)?, value.ty);
            let equal = self.compare(item, Operator::Eq, outer)?.expr;
            let plan = LogicalPlanBuilder::from(plan).filter(Expr::IsNotFalse(Box::new(equal)))?.build()?;
            return Ok(Typed::bool(Expr::Exists(Exists { subquery: subquery(plan), negated })));
        }
        let simple = filtering && (!negated || matches!(value.expr, Expr::Column(_)));
        if simple {
            return Ok(Typed::bool(Expr::InSubquery(InSubquery { expr: Box::new(value.expr), subquery: subquery(plan), negated })));
        }
        let found = self.membership(&value, Operator::Eq, plan, &column)?;
        Ok(Typed::bool(if negated { Expr::Not(Box::new(found)) } else { found }))
    }

    /// `value op ANY (plan)` with its three answers, from counts: of matches, of rows, of NULLs.
    fn membership(&self, value: &Typed, op: Operator, plan: LogicalPlan, column: &QueryColumn) -> Result<Expr> {
        let item = Typed::new(Expr::Column(column.column.clone()), column.ty);
        let outer = Typed::new(as_outer(value.expr.clone(), value.ty)?, value.ty);
        let equal = self.compare(outer, op, item)?.expr;
        let matches = self.count(plan.clone(), Some(equal))?;
        let rows = self.count(plan.clone(), None)?;
        let nulls = self.count(plan, Some(Expr::Column(column.column.clone()).is_null()))?;
        let null = lit(ScalarValue::Boolean(None));
        let when = vec![
            (Box::new(matches.gt(lit(0_i64))), Box::new(lit(true))),
            (Box::new(rows.eq(lit(0_i64))), Box::new(lit(false))),
            (Box::new(value.expr.clone().is_null().or(nulls.gt(lit(0_i64)))), Box::new(null)),
        ];
        Ok(Expr::Case(Case::new(None, when, Some(Box::new(lit(false))))))
    }

    /// `(a, b) IN (SELECT x, y …)` as EXISTS over the subquery with the comparison inside.
    fn row_in_subquery(&self, items: &[ast::Expr], query: &ast::Query, negated: bool, at: At<'_>) -> Result<Typed> {
        if !filters(at.clause) || at.operand {
            return Err(Error::unsupported("row IN (subquery) is supported in WHERE, HAVING and ON only"));
        }
        let bound = self.inner_query(query, at)?;
        if bound.columns.len() != items.len() {
            let what = if bound.columns.len() < items.len() { "subquery has too few columns" } else { "subquery has too many columns" };
            return Err(Error::new(SqlState::SYNTAX_ERROR, what));
        }
        let mut equal = Vec::with_capacity(items.len());
        for (item, column) in items.iter().zip(&bound.columns) {
            let value = self.expr(item, at)?;
            let value = if value.is_unknown() { self.coerce(value, column.ty)? } else { value };
            let outer = Typed::new(as_outer(value.expr, value.ty)?, value.ty);
            equal.push(self.compare(Typed::new(Expr::Column(column.column.clone()), column.ty), Operator::Eq, outer)?.expr);
        }
        let equal = balanced(equal, Operator::And);
        // NOT IN is true only when every comparison is false: one that is unknown counts as a match.
        let condition = if negated { Expr::IsNotFalse(Box::new(equal)) } else { equal };
        let plan = LogicalPlanBuilder::from(bound.plan).filter(condition)?.build()?;
        Ok(Typed::bool(Expr::Exists(Exists { subquery: subquery(plan), negated })))
    }

    /// `x op ANY (SELECT …)`, `x op ALL (SELECT …)`.
    pub(crate) fn quantified_subquery(&self, left: &ast::Expr, op: Operator, query: &ast::Query, any: bool, at: At<'_>) -> Result<Typed> {
        match (op, any) {
            (Operator::Eq, true) => return self.in_subquery(left, query, false, at),
            (Operator::NotEq, false) => return self.in_subquery(left, query, true, at),
            _ => {}
        }
        let value = self.expr(left, at)?;
        let (plan, column) = self.one_column(query, at)?;
        let ty = common(value.ty, column.ty)
            .ok_or_else(|| super::expression::operator_missing(&op.to_string(), Some(value.ty), column.ty).at(place_of(left)))?;
        let ty = if ty == PgType::UNKNOWN { PgType::TEXT } else { ty };
        let bound = self.recast(BoundQuery { plan, columns: vec![column] }, &[ty])?;
        let value = self.coerce(value, ty)?;
        let constant = super::constant::is_constant(&value.expr) && bound.plan.all_out_ref_exprs().is_empty();
        let column = bound.columns.first().cloned();
        if let (true, Some(column), Some(negated)) = (constant && (!filters(at.clause) || at.operand), column, op.negate()) {
            let op = if any { op } else { negated };
            let found = self.membership(&value, op, bound.plan, &column)?;
            return Ok(Typed::bool(if any { found } else { Expr::Not(Box::new(found)) }));
        }
        let quantifier = if any { SetQuantifier::Any } else { SetQuantifier::All };
        Ok(Typed::bool(Expr::SetComparison(SetComparison::new(Box::new(value.expr), subquery(bound.plan), op, quantifier))))
    }

    /// `ARRAY(SELECT …)`: the rows in their order, an empty array for none.
    pub(crate) fn array_subquery(&self, query: &ast::Query, at: At<'_>) -> Result<Typed> {
        let (plan, column) = self.one_column(query, at)?;
        let element = if column.ty == PgType::UNKNOWN { PgType::TEXT } else { column.ty };
        let ty = element.array_of();
        let mut aggregate = self.aggregate_of("array_agg", vec![Typed::new(Expr::Column(column.column.clone()), element)])?;
        let (plan, order_by) = with_sort_keys(plan)?;
        if let Expr::AggregateFunction(call) = &mut aggregate.expr {
            call.params.order_by = order_by;
        }
        let name = self.fresh("array");
        let plan = LogicalPlanBuilder::from(plan).aggregate(Vec::<Expr>::new(), vec![aggregate.expr.alias(name.clone())])?.build()?;
        let list = Expr::ScalarSubquery(subquery(plan));
        let empty = self.empty_array(element)?;
        Ok(Typed::new(datafusion::functions::core::expr_fn::coalesce(vec![list, empty.expr]), ty))
    }

    /// The number of rows of a plan that meet a condition, as a scalar subquery.
    fn count(&self, plan: LogicalPlan, condition: Option<Expr>) -> Result<Expr> {
        let mut builder = LogicalPlanBuilder::from(plan);
        if let Some(condition) = condition {
            builder = builder.filter(condition)?;
        }
        let name = self.fresh("count");
        let count = datafusion::functions_aggregate::expr_fn::count(lit(1_i64)).alias(name);
        Ok(Expr::ScalarSubquery(subquery(builder.aggregate(Vec::<Expr>::new(), vec![count])?.build()?)))
    }
}

/// A plan's own sort, with its keys among the plan's columns: the engine drops a sort below an aggregate, so the
/// aggregate has to sort by them itself.
fn with_sort_keys(plan: LogicalPlan) -> Result<(LogicalPlan, Vec<SortExpr>)> {
    match plan {
        LogicalPlan::Sort(sort) => {
            let keys = sort.expr;
            Ok((Arc::unwrap_or_clone(sort.input), keys))
        }
        LogicalPlan::Projection(projection) => {
            let (input, keys) = with_sort_keys(Arc::unwrap_or_clone(projection.input))?;
            let mut exprs = projection.expr;
            for key in &keys {
                for column in key.expr.column_refs() {
                    let column = Expr::Column(column.clone());
                    if !exprs.contains(&column) {
                        exprs.push(column);
                    }
                }
            }
            Ok((LogicalPlanBuilder::from(input).project(exprs)?.build()?, keys))
        }
        LogicalPlan::Limit(limit) => {
            let (input, keys) = with_sort_keys(Arc::unwrap_or_clone(limit.input))?;
            // Which rows there are depends on the order, so below a limit it stays.
            let input = if keys.is_empty() { input } else { LogicalPlanBuilder::from(input).sort(keys.clone())?.build()? };
            Ok((LogicalPlan::Limit(datafusion::logical_expr::Limit { input: Arc::new(input), ..limit }), keys))
        }
        other => Ok((other, Vec::new())),
    }
}

/// Whether a clause filters rows, so that the engine can turn subqueries in it into joins.
fn filters(clause: Clause) -> bool {
    matches!(clause, Clause::Where | Clause::Having | Clause::Qualify)
}

pub(crate) fn subquery(plan: LogicalPlan) -> Subquery {
    let outer_ref_columns = plan.all_out_ref_exprs();
    Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() }
}

/// Turns the columns of an expression into references from one query further inside.
fn as_outer(expr: Expr, ty: PgType) -> Result<Expr> {
    let transformed = expr.transform(|node| {
        Ok(match node {
            Expr::Column(column) => Transformed::yes(outer_column(&column, ty)),
            other => Transformed::no(other),
        })
    })?;
    Ok(transformed.data)
}

/// What EXISTS asks of a plan.
enum Existence {
    /// There is always a row.
    Always,
    /// Whether this plan has rows.
    Rows(LogicalPlan),
}

/// Leaves out what does not matter to EXISTS, and what the engine's semi join overlooks: an aggregate without groups
/// always has a row, and LIMIT 1 asks nothing.
fn existence(plan: LogicalPlan) -> Result<Existence> {
    match plan {
        LogicalPlan::Projection(projection) => existence(Arc::unwrap_or_clone(projection.input)),
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => existence(Arc::unwrap_or_clone(sort.input)),
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => Ok(Existence::Always),
        LogicalPlan::Limit(limit) => {
            let count = |expr: &Option<Box<Expr>>| match expr.as_deref() {
                None => None,
                Some(Expr::Literal(ScalarValue::Int64(Some(rows)), _)) => Some(*rows),
                Some(_) => Some(-1),
            };
            let (skip, fetch) = (count(&limit.skip).unwrap_or(0), count(&limit.fetch).unwrap_or(1));
            if skip == 0 && fetch > 0 {
                return existence(Arc::unwrap_or_clone(limit.input));
            }
            if limit.input.all_out_ref_exprs().is_empty() {
                return Ok(Existence::Rows(LogicalPlan::Limit(limit)));
            }
            Err(Error::unsupported("OFFSET in a correlated EXISTS is not supported"))
        }
        LogicalPlan::Filter(filter) if aggregates(&filter.input) && !filter.input.all_out_ref_exprs().is_empty() => {
            Err(Error::unsupported("HAVING in a correlated EXISTS without GROUP BY is not supported"))
        }
        other => Ok(Existence::Rows(other)),
    }
}

/// A scalar subquery that does not aggregate: the engine wants an aggregate when it is correlated, and PostgreSQL at
/// most one row; a field that cannot be NULL still is when there is no row.
fn single_row(binder: &Binder<'_>, plan: LogicalPlan, column: &QueryColumn) -> Result<LogicalPlan> {
    let nullable = plan.schema().fields().iter().all(|field| field.is_nullable());
    let correlated = !plan.all_out_ref_exprs().is_empty();
    if (aggregates(&plan) && (nullable || !filtered(&plan))) || (!correlated && nullable) {
        return Ok(plan);
    }
    let name = binder.fresh(&column.name);
    if let (true, LogicalPlan::Limit(limit)) = (correlated, &plan) {
        let first = limit.skip.is_none() && matches!(limit.fetch.as_deref(), Some(Expr::Literal(ScalarValue::Int64(Some(1)), _)));
        if first {
            // The first row by an order is an aggregate, which the engine can group by the outer columns.
            let (input, keys) = with_sort_keys(Arc::unwrap_or_clone(Arc::clone(&limit.input)))?;
            let value = input.schema().columns().into_iter().next().unwrap_or_else(|| column.column.clone());
            let mut call = datafusion::functions_aggregate::first_last::first_value_udaf().call(vec![Expr::Column(value)]);
            if let Expr::AggregateFunction(call) = &mut call {
                call.params.order_by = keys;
            }
            return Ok(LogicalPlanBuilder::from(input).aggregate(Vec::<Expr>::new(), vec![call.alias(name)])?.build()?);
        }
    }
    let ty = if column.ty == PgType::UNKNOWN { PgType::TEXT } else { column.ty };
    let value = plan.schema().columns().into_iter().next().unwrap_or_else(|| column.column.clone());
    let single = kura_functions::aggregate::single_value(ty).call(vec![Expr::Column(value)]);
    Ok(LogicalPlanBuilder::from(plan).aggregate(Vec::<Expr>::new(), vec![single.alias(name)])?.build()?)
}

/// A subquery without FROM is its expression: `(SELECT x + 1)`.
fn inlined(plan: &LogicalPlan) -> Result<Option<Expr>> {
    let LogicalPlan::Projection(projection) = plan else {
        return Ok(None);
    };
    let [expr] = projection.expr.as_slice() else {
        return Ok(None);
    };
    let inputs = match &*projection.input {
        LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => Vec::new(),
        LogicalPlan::Projection(inner) => {
            if !matches!(&*inner.input, LogicalPlan::EmptyRelation(empty) if empty.produce_one_row) {
                return Ok(None);
            }
            inner.schema.columns().into_iter().zip(inner.expr.iter().cloned().map(Expr::unalias)).collect()
        }
        _ => return Ok(None),
    };
    let own = expr.clone().unalias().transform_up(|node| {
        Ok(match &node {
            Expr::Column(column) => match inputs.iter().find(|(name, _)| name == column) {
                Some((_, value)) => Transformed::yes(value.clone()),
                None => Transformed::no(node),
            },
            _ => Transformed::no(node),
        })
    })?;
    if own.data.is_volatile() {
        return Ok(None);
    }
    // What was the outer query's column is the query's own now.
    let here = own.data.transform_up(|node| {
        Ok(match node {
            Expr::OuterReferenceColumn(_, column) => Transformed::yes(Expr::Column(column)),
            other => Transformed::no(other),
        })
    })?;
    Ok(Some(here.data))
}

/// Whether two runs of a plan may yield different rows.
fn left_to_chance(plan: &LogicalPlan) -> Result<bool> {
    use datafusion::common::tree_node::TreeNodeRecursion;
    let mut chance = false;
    plan.apply_with_subqueries(|node| {
        chance |= matches!(node, LogicalPlan::Limit(_) | LogicalPlan::Window(_)) || node.expressions().iter().any(Expr::is_volatile);
        Ok(if chance { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(chance)
}

/// Whether a plan may drop rows above its aggregation.
fn filtered(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => filtered(&projection.input),
        LogicalPlan::Aggregate(_) => false,
        _ => true,
    }
}

/// Whether a plan is an aggregation without groups, below projections.
fn aggregates(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => aggregates(&projection.input),
        LogicalPlan::Filter(filter) => aggregates(&filter.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        _ => false,
    }
}
