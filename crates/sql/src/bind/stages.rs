//! The nodes of a SELECT above its FROM and WHERE, from the bottom up: aggregation, HAVING, windows, QUALIFY, set-returning
//! functions, the select list, DISTINCT, ORDER BY.

use datafusion::common::{Column, ScalarValue};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{GroupingSet, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr, WindowFunctionDefinition, lit};
use kura_pgtypes::SqlState;

use super::Binder;
use super::group::{Collected, over_groups};
use super::group_by::Groups;
use super::scope::Scope;
use super::select::{BoundQuery, Item, QueryColumn, SortKey, SortTarget};
use crate::{Error, Result};

/// The clauses of a SELECT around its list, bound.
pub(crate) struct Clauses {
    pub(crate) groups: Option<Groups>,
    pub(crate) having: Option<Expr>,
    pub(crate) qualify: Option<Expr>,
    pub(crate) distinct: bool,
    pub(crate) distinct_on: Option<Vec<SortTarget>>,
}

/// Builds the nodes above FROM and WHERE, from the bottom up.
pub(crate) struct Stages<'b, 'a> {
    pub(crate) binder: &'b Binder<'a>,
    pub(crate) scope: &'b Scope,
    pub(crate) plan: LogicalPlan,
    pub(crate) items: Vec<Item>,
    pub(crate) keys: Vec<SortKey>,
    pub(crate) collected: Collected,
}

impl Stages<'_, '_> {
    pub(crate) fn build(mut self, mut clauses: Clauses) -> Result<BoundQuery> {
        let grouped = clauses.groups.is_some() || !self.collected.aggregates.is_empty() || clauses.having.is_some();
        if grouped {
            self.aggregate(clauses.groups.take().unwrap_or_default(), &mut clauses)?;
        }
        if let Some(having) = clauses.having.take() {
            self.plan = LogicalPlanBuilder::from(self.plan).filter(having)?.build()?;
        }
        self.window()?;
        if let Some(qualify) = clauses.qualify.take() {
            self.plan = LogicalPlanBuilder::from(self.plan).filter(qualify)?.build()?;
        }
        self.series()?;
        self.finish(clauses.distinct, clauses.distinct_on)
    }

    /// The aggregation, and everything above it rewritten to stand on its output.
    fn aggregate(&mut self, groups: Groups, clauses: &mut Clauses) -> Result<()> {
        let mapping = self.grouping_columns(&groups)?;
        let column_of = |expr: &Expr| mapping.iter().find(|(e, _)| e == expr).map(|(_, c)| Expr::Column(c.clone()));
        let group_exprs: Vec<Expr> = if groups.sets.len() > 1 {
            let sets = groups.sets.iter().map(|set| set.iter().filter_map(column_of).collect()).collect();
            vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets))]
        } else {
            mapping.iter().map(|(_, column)| Expr::Column(column.clone())).collect()
        };
        let calls = std::mem::take(&mut self.collected.aggregates);
        let results: Vec<Column> = calls.iter().map(|(_, column)| column.clone()).collect();
        let grouping = |call: Expr| super::aggregate::over_grouping(call, &mapping);
        let mut aggregates: Vec<Expr> = calls.into_iter().map(|(call, column)| grouping(call).alias(column.name)).collect();
        if group_exprs.is_empty() && aggregates.is_empty() {
            // HAVING, or GROUP BY (), without any aggregate: one row.
            aggregates.push(count(lit(1_i64)).alias(self.binder.fresh("one")));
        }
        let plan = std::mem::replace(&mut self.plan, empty());
        self.plan = LogicalPlanBuilder::from(plan).aggregate(group_exprs, aggregates)?.build()?;
        self.rewrite_above(&mapping, results, clauses)
    }

    /// The column each grouping expression is in. Computed ones become columns below the aggregation, whose fields then
    /// have names of their own.
    fn grouping_columns(&mut self, groups: &Groups) -> Result<Vec<(Expr, Column)>> {
        let mut computed = Vec::new();
        let mut mapping = Vec::new();
        for expr in groups.distinct_expressions() {
            let column = match &expr {
                Expr::Column(column) => column.clone(),
                other => {
                    let column = self.binder.fresh_column("group");
                    computed.push(other.clone().alias(column.name.clone()));
                    column
                }
            };
            mapping.push((expr, column));
        }
        if !computed.is_empty() {
            let plan = std::mem::replace(&mut self.plan, empty());
            let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
            exprs.extend(computed);
            self.plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
        }
        Ok(mapping)
    }

    /// Puts everything above the aggregation on its output. `results`: the columns of the aggregates.
    fn rewrite_above(&mut self, mapping: &[(Expr, Column)], results: Vec<Column>, clauses: &mut Clauses) -> Result<()> {
        let mut above: Vec<Column> = results;
        above.extend(self.collected.windows.iter().chain(&self.collected.series).map(|(_, c)| c.clone()));
        let scope = self.scope;
        let rewrite = |expr: Expr| over_groups(expr, mapping, &above, scope);
        for item in &mut self.items {
            item.typed.expr = rewrite(item.typed.expr.clone())?;
        }
        let keys = self.keys.iter_mut().map(|key| &mut key.target);
        for target in keys.chain(clauses.distinct_on.iter_mut().flatten()) {
            if let SortTarget::Expression(typed) = target {
                typed.expr = rewrite(typed.expr.clone())?;
            }
        }
        for (call, _) in self.collected.windows.iter_mut().chain(&mut self.collected.series) {
            *call = rewrite(call.clone())?;
        }
        clauses.having = clauses.having.take().map(&rewrite).transpose()?;
        clauses.qualify = clauses.qualify.take().map(&rewrite).transpose()?;
        Ok(())
    }

    /// One Window node per distinct pair of partitioning and ordering, so that each is sorted for once.
    fn window(&mut self) -> Result<()> {
        let mut calls = std::mem::take(&mut self.collected.windows);
        while let Some((first, _)) = calls.first() {
            let key = window_key(first);
            let (same, other): (Vec<_>, Vec<_>) = calls.into_iter().partition(|(call, _)| window_key(call) == key);
            calls = other;
            let exprs: Vec<Expr> = same.into_iter().map(|(call, column)| call.alias(column.name)).collect();
            let plan = std::mem::replace(&mut self.plan, empty());
            self.plan = LogicalPlanBuilder::from(plan).window(exprs)?.build()?;
        }
        Ok(())
    }

    /// Set-returning functions of the select list run in lockstep, the shorter ones padded with NULL.
    fn series(&mut self) -> Result<()> {
        let calls = std::mem::take(&mut self.collected.series);
        if calls.is_empty() {
            return Ok(());
        }
        let plan = std::mem::replace(&mut self.plan, empty());
        let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        let columns: Vec<Column> = calls.iter().map(|(_, column)| column.clone()).collect();
        exprs.extend(calls.into_iter().map(|(list, column)| list.alias(column.name)));
        self.plan = super::series::unnested(LogicalPlanBuilder::from(plan).project(exprs)?.build()?, columns)?;
        Ok(())
    }

    /// The select list, DISTINCT and ORDER BY.
    fn finish(self, distinct: bool, distinct_on: Option<Vec<SortTarget>>) -> Result<BoundQuery> {
        let Self { binder, plan, items, keys, .. } = self;
        let mut output = Output::of(binder, items);
        let visible = output.exprs.len();
        let on = match &distinct_on {
            Some(targets) => Some(targets.iter().map(|target| output.place(target, None)).collect::<Result<Vec<_>>>()?),
            None => None,
        };
        let construct = distinct.then_some("SELECT DISTINCT");
        let mut sorts: Vec<SortExpr> = Vec::with_capacity(keys.len());
        for key in &keys {
            let column = output.place(&key.target, construct)?;
            sorts.push(SortExpr::new(Expr::Column(column), key.ascending, key.nulls_first));
        }
        let Output { exprs, columns, .. } = output;
        let extra = exprs.len() > visible;
        let mut builder = LogicalPlanBuilder::from(plan).project(exprs)?;
        if distinct {
            builder = builder.distinct()?;
        }
        if let Some(on) = on {
            builder = first_of_each(binder, builder, on, &sorts)?;
        }
        if !sorts.is_empty() {
            builder = builder.sort(sorts)?;
        }
        if extra || distinct_on.is_some() {
            builder = builder.project(columns.iter().map(|c| Expr::Column(c.column.clone())))?;
        }
        Ok(BoundQuery { plan: builder.build()?, columns })
    }
}

/// The select list as a projection: its columns, and behind them what is only sorted by.
struct Output<'b, 'a> {
    binder: &'b Binder<'a>,
    exprs: Vec<Expr>,
    columns: Vec<QueryColumn>,
}

impl<'b, 'a> Output<'b, 'a> {
    /// Plain columns pass unchanged, under their own unique name; what occurs twice is named anew.
    fn of(binder: &'b Binder<'a>, items: Vec<Item>) -> Self {
        let mut exprs: Vec<Expr> = Vec::with_capacity(items.len());
        let mut columns: Vec<QueryColumn> = Vec::with_capacity(items.len());
        for item in items {
            let column = match &item.typed.expr {
                Expr::Column(column) if !exprs.contains(&item.typed.expr) => {
                    exprs.push(item.typed.expr.clone());
                    column.clone()
                }
                _ => {
                    let column = binder.fresh_column(&item.name);
                    exprs.push(item.typed.expr.clone().alias(column.name.clone()));
                    column
                }
            };
            columns.push(QueryColumn { name: item.name, ty: item.typed.ty, column, origin: item.origin });
        }
        Self { binder, exprs, columns }
    }

    /// The column of a sort target, which is added unless it is in the list. `construct`: what allows no such addition.
    ///
    /// # Errors
    /// 42P10 for an addition where none is allowed.
    fn place(&mut self, target: &SortTarget, construct: Option<&str>) -> Result<Column> {
        let typed = match target {
            SortTarget::Item(index) => {
                return self
                    .columns
                    .get(*index)
                    .map(|c| c.column.clone())
                    .ok_or_else(|| Error::new(SqlState::INTERNAL_ERROR, "a position outside the select list"));
            }
            SortTarget::Expression(typed) => typed,
        };
        for (expr, column) in self.exprs.iter().zip(&self.columns) {
            let plain = match expr {
                Expr::Alias(alias) => &*alias.expr,
                other => other,
            };
            if *plain == typed.expr {
                return Ok(column.column.clone());
            }
        }
        if let Some(construct) = construct {
            return Err(Error::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!("for {construct}, ORDER BY expressions must appear in select list"),
            ));
        }
        let column = self.binder.fresh_column("sort");
        self.exprs.push(typed.expr.clone().alias(column.name.clone()));
        Ok(column)
    }
}

/// DISTINCT ON: the first row, in ORDER BY's order, of each group of equal `on`.
fn first_of_each(binder: &Binder<'_>, builder: LogicalPlanBuilder, on: Vec<Column>, sorts: &[SortExpr]) -> Result<LogicalPlanBuilder> {
    let leading = sorts.iter().take(on.len());
    let matches = leading.clone().all(|s| matches!(&s.expr, Expr::Column(c) if on.contains(c)));
    if !matches {
        return Err(Error::new(
            SqlState::INVALID_COLUMN_REFERENCE,
            "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
        ));
    }
    let number = binder.fresh("row_number");
    let function = WindowFunctionDefinition::WindowUDF(datafusion::functions_window::row_number::row_number_udwf());
    let order: Vec<SortExpr> = sorts.to_vec();
    let frame = datafusion::logical_expr::WindowFrame::new((!order.is_empty()).then_some(false));
    let call = Expr::WindowFunction(Box::new(WindowFunction {
        fun: function,
        params: WindowFunctionParams {
            args: Vec::new(),
            partition_by: on.into_iter().map(Expr::Column).collect(),
            order_by: order,
            window_frame: frame,
            filter: None,
            null_treatment: None,
            distinct: false,
        },
    }));
    let first = Expr::Column(Column::new_unqualified(number.clone())).eq(lit(ScalarValue::UInt64(Some(1))));
    Ok(builder.window(vec![call.alias(number)])?.filter(first)?)
}

fn window_key(call: &Expr) -> Option<(Vec<Expr>, Vec<SortExpr>)> {
    match call {
        Expr::WindowFunction(window) => Some((window.params.partition_by.clone(), window.params.order_by.clone())),
        Expr::Alias(alias) => window_key(&alias.expr),
        Expr::Cast(cast) => window_key(&cast.expr),
        _ => None,
    }
}

fn empty() -> LogicalPlan {
    LogicalPlan::EmptyRelation(datafusion::logical_expr::EmptyRelation {
        produce_one_row: false,
        schema: std::sync::Arc::new(datafusion::common::DFSchema::empty()),
    })
}
