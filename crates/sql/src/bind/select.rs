//! One SELECT: FROM, WHERE, GROUP BY, HAVING, windows, the select list, DISTINCT and its ORDER BY, as a plan.

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::{GroupingSet, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr, WindowFunctionDefinition, lit};
use datafusion::sql::sqlparser::ast::{self, Distinct, SelectItem};
use kura_pgtypes::{PgType, SqlState};

use super::expression::{At, Clause};
use super::group::{Collected, mentions, over_groups};
use super::scope::{Env, Scope, ScopeColumn, folded};
use super::typed::Typed;
use super::{Binder, output, place_of, position_of};
use crate::statement::OutputColumn;
use crate::{Error, Result};

/// A column of a bound query.
#[derive(Clone, Debug)]
pub(crate) struct QueryColumn {
    pub(crate) name: String,
    pub(crate) ty: PgType,
    pub(crate) column: Column,
    pub(crate) origin: Option<(u32, i16)>,
}

impl QueryColumn {
    /// The column as the client sees it.
    pub(crate) fn output(&self) -> OutputColumn {
        let (table_oid, attnum) = self.origin.unwrap_or((0, 0));
        let ty = if self.ty == PgType::UNKNOWN { PgType::TEXT } else { self.ty };
        OutputColumn { name: self.name.clone(), ty, table_oid, attnum }
    }
}

/// A bound query: a plan and the columns of it that are the result, in order.
#[derive(Clone, Debug)]
pub(crate) struct BoundQuery {
    pub(crate) plan: LogicalPlan,
    pub(crate) columns: Vec<QueryColumn>,
}

/// An item of the select list, bound.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) typed: Typed,
    pub(crate) origin: Option<(u32, i16)>,
}

/// A SELECT's ORDER BY, bound: expressions over the select's input, or positions in its list.
pub(crate) struct SortKey {
    pub(crate) target: SortTarget,
    pub(crate) ascending: bool,
    pub(crate) nulls_first: bool,
}

pub(crate) enum SortTarget {
    /// The n-th item of the select list, from 0.
    Item(usize),
    /// An expression of its own.
    Expression(Typed),
}

impl Binder<'_> {
    /// Binds a SELECT with the ORDER BY that stands behind it. `unsettled`: leave literals of unknown type as they are
    /// (an arm of a set operation).
    pub(crate) fn select(&self, select: &ast::Select, order: &[ast::OrderByExpr], env: &Env<'_>, unsettled: bool) -> Result<BoundQuery> {
        refuse_foreign_clauses(select)?;
        let (input, scope) = self.from(&select.from, env)?;
        let inner = Env { scope: &scope, ..*env };
        self.begin_collecting();
        let bound = self.select_over(select, order, input, &inner, unsettled);
        if bound.is_err() {
            self.end_collecting();
        }
        bound
    }

    fn select_over(
        &self,
        select: &ast::Select,
        order: &[ast::OrderByExpr],
        input: LogicalPlan,
        env: &Env<'_>,
        unsettled: bool,
    ) -> Result<BoundQuery> {
        let at = At { env, clause: Clause::Select, operand: false };
        let mut plan = input;
        if let Some(condition) = &select.selection {
            let condition = self.condition(condition, at.within(Clause::Where), "WHERE")?;
            plan = LogicalPlanBuilder::from(plan).filter(condition)?.build()?;
        }
        self.windows_named(&select.named_window, || {
            let mut items = self.items(&select.projection, at)?;
            if !unsettled {
                for item in &mut items {
                    item.typed = self.settle(item.typed.clone())?;
                }
            }
            let groups = self.group_by(&select.group_by, &select.projection, &items, at)?;
            let having = select.having.as_ref().map(|h| self.condition(h, at.within(Clause::Having), "HAVING")).transpose()?;
            let qualify = select.qualify.as_ref().map(|q| self.condition(q, at.within(Clause::Qualify), "QUALIFY")).transpose()?;
            let keys = self.sort_keys(order, &items, at)?;
            if select.distinct.is_some() && items.iter().any(|item| item.typed.ty == PgType::JSON) {
                return Err(super::operator::no_operator("equality"));
            }
            let distinct_on = self.distinct_on(select.distinct.as_ref(), &items, at)?;
            let collected = self.end_collecting();
            Stages { binder: self, scope: env.scope, plan, items, keys, collected }.build(Clauses {
                groups,
                having,
                qualify,
                distinct: matches!(select.distinct, Some(Distinct::Distinct)),
                distinct_on,
            })
        })
    }

    /// The select list, wildcards spread out.
    fn items(&self, projection: &[SelectItem], at: At<'_>) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(projection.len());
        for item in projection {
            match item {
                SelectItem::UnnamedExpr(expr) => items.push(self.item(expr, output::name_of(expr), at)?),
                SelectItem::ExprWithAlias { expr, alias } => items.push(self.item(expr, super::object::truncated(folded(alias)), at)?),
                SelectItem::Wildcard(options) => {
                    if at.env.scope.columns.is_empty() {
                        return Err(Error::new(SqlState::SYNTAX_ERROR, "SELECT * with no tables specified is not valid"));
                    }
                    self.wildcard(options, at.env.scope.visible(), &mut items)?;
                }
                SelectItem::QualifiedWildcard(kind, options) => self.qualified_wildcard(kind, options, at, &mut items)?,
                SelectItem::ExprWithAliases { .. } => {
                    return Err(Error::unsupported("several aliases for one expression are not supported"));
                }
            }
        }
        if items.len() > 1_664 {
            return Err(Error::new(SqlState::TOO_MANY_COLUMNS, "target lists can have at most 1664 entries"));
        }
        Ok(items)
    }

    fn item(&self, expr: &ast::Expr, name: String, at: At<'_>) -> Result<Item> {
        let typed = self.expr(expr, at)?;
        let origin = match &typed.expr {
            Expr::Column(column) => at.env.scope.columns.iter().find(|c| c.column == *column).and_then(|c| c.origin),
            _ => None,
        };
        Ok(Item { name, typed, origin })
    }

    fn qualified_wildcard(
        &self,
        kind: &ast::SelectItemQualifiedWildcardKind,
        options: &ast::WildcardAdditionalOptions,
        at: At<'_>,
        items: &mut Vec<Item>,
    ) -> Result<()> {
        let ast::SelectItemQualifiedWildcardKind::ObjectName(name) = kind else {
            return Err(Error::unsupported("(expression).* is not supported"));
        };
        let relation = name.0.last().and_then(|p| p.as_ident());
        let alias = relation.map(folded).unwrap_or_default();
        if !at.env.scope.has_relation(&alias) {
            return Err(Error::new(SqlState::UNDEFINED_TABLE, format!("missing FROM-clause entry for table \"{alias}\""))
                .at(relation.and_then(position_of)));
        }
        let columns = at.env.scope.columns.iter().filter(|c| c.relation.as_deref() == Some(&alias));
        self.wildcard(options, columns, items)
    }

    fn wildcard<'s>(
        &self,
        options: &ast::WildcardAdditionalOptions,
        columns: impl Iterator<Item = &'s ScopeColumn>,
        items: &mut Vec<Item>,
    ) -> Result<()> {
        if options.opt_ilike.is_some() || options.opt_replace.is_some() || options.opt_rename.is_some() {
            return Err(Error::unsupported("options of * other than EXCEPT are not supported"));
        }
        let left_out = output::excluded(options);
        for column in columns.filter(|c| !left_out.contains(&c.name)) {
            items.push(Item {
                name: column.name.clone(),
                typed: Typed::new(Expr::Column(column.column.clone()), column.ty),
                origin: column.origin,
            });
        }
        Ok(())
    }

    /// GROUP BY: expressions, ordinals, output names, grouping sets.
    fn group_by(&self, group_by: &ast::GroupByExpr, projection: &[SelectItem], items: &[Item], at: At<'_>) -> Result<Option<Groups>> {
        let at = at.within(Clause::GroupBy);
        let (exprs, modifiers) = match group_by {
            ast::GroupByExpr::All(_) => return Ok(Some(Groups::simple(self.group_by_all(items)))),
            ast::GroupByExpr::Expressions(exprs, modifiers) => (exprs, modifiers),
        };
        if !modifiers.is_empty() {
            return Err(Error::unsupported("this modifier of GROUP BY is not supported"));
        }
        if exprs.is_empty() {
            return Ok(None);
        }
        let mut groups = Groups::default();
        for expr in exprs {
            match expr {
                ast::Expr::Rollup(lists) => groups.cross(rollup(self.group_lists(lists, projection, items, at)?)),
                ast::Expr::Cube(lists) => groups.cross(cube(&self.group_lists(lists, projection, items, at)?)?),
                ast::Expr::GroupingSets(lists) => groups.cross(self.group_lists(lists, projection, items, at)?),
                ast::Expr::Tuple(list) if list.is_empty() => groups.cross(vec![Vec::new()]),
                ast::Expr::Tuple(list) => {
                    let mut bound = Vec::with_capacity(list.len());
                    for member in list {
                        bound.push(self.group_item(member, projection, items, at)?);
                    }
                    groups.cross(vec![bound]);
                }
                other => groups.cross(vec![vec![self.group_item(other, projection, items, at)?]]),
            }
            if groups.sets.len() > 4096 {
                return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "too many grouping sets present (maximum 4096)"));
            }
        }
        Ok(Some(groups))
    }

    fn group_by_all(&self, items: &[Item]) -> Vec<Expr> {
        let stack = self.collected.borrow();
        let aggregates: Vec<Column> =
            stack.last().map(|c| c.aggregates.iter().chain(&c.windows).map(|(_, column)| column.clone()).collect()).unwrap_or_default();
        items.iter().map(|i| i.typed.expr.clone()).filter(|e| !mentions(e, &aggregates)).collect()
    }

    fn group_lists(&self, lists: &[Vec<ast::Expr>], projection: &[SelectItem], items: &[Item], at: At<'_>) -> Result<Vec<Vec<Expr>>> {
        let mut sets = Vec::with_capacity(lists.len());
        for list in lists {
            let mut set = Vec::with_capacity(list.len());
            for expr in list {
                match expr {
                    ast::Expr::Tuple(members) => {
                        for member in members {
                            set.push(self.group_item(member, projection, items, at)?);
                        }
                    }
                    other => set.push(self.group_item(other, projection, items, at)?),
                }
            }
            sets.push(set);
        }
        Ok(sets)
    }

    /// One grouping expression. A bare name is a column of FROM first, an output name second; a number is an ordinal.
    fn group_item(&self, expr: &ast::Expr, projection: &[SelectItem], items: &[Item], at: At<'_>) -> Result<Expr> {
        if let Some(index) = ordinal(expr, items.len(), "GROUP BY")? {
            return self.grouped_item(items, index, expr);
        }
        if let ast::Expr::Identifier(name) = expr
            && at.env.scope.find(std::slice::from_ref(name))?.is_none()
        {
            let alias = folded(name);
            if let Some(index) = items.iter().position(|i| i.name == alias) {
                return self.grouped_item(items, index, expr);
            }
        }
        let _ = projection;
        let typed = self.expr(expr, at)?;
        if typed.ty == PgType::JSON {
            return Err(super::operator::no_operator("equality").at(place_of(expr)));
        }
        Ok(self.settle(typed)?.expr)
    }

    fn grouped_item(&self, items: &[Item], index: usize, expr: &ast::Expr) -> Result<Expr> {
        let Some(item) = items.get(index) else {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "a grouping position outside the select list"));
        };
        let aggregates =
            self.collected.borrow().last().map(|c| c.aggregates.iter().map(|(_, c)| c.clone()).collect::<Vec<_>>()).unwrap_or_default();
        if mentions(&item.typed.expr, &aggregates) {
            return Err(Error::new(SqlState::GROUPING_ERROR, "aggregate functions are not allowed in GROUP BY").at(place_of(expr)));
        }
        Ok(self.settle(item.typed.clone())?.expr)
    }

    fn distinct_on(&self, distinct: Option<&Distinct>, items: &[Item], at: At<'_>) -> Result<Option<Vec<SortTarget>>> {
        let Some(Distinct::On(exprs)) = distinct else {
            return Ok(None);
        };
        let mut targets = Vec::with_capacity(exprs.len());
        for expr in exprs {
            targets.push(self.sort_target(expr, items, at.within(Clause::OrderBy), "SELECT DISTINCT ON")?);
        }
        Ok(Some(targets))
    }

    /// Brings the plan to exactly one field per column, in order.
    pub(crate) fn exact_fields(&self, plan: LogicalPlan, columns: &[QueryColumn]) -> Result<LogicalPlan> {
        let fields = plan.schema().columns();
        if fields.len() == columns.len() && fields.iter().zip(columns).all(|(f, c)| *f == c.column) {
            return Ok(plan);
        }
        let mut seen = std::collections::HashSet::new();
        let exprs: Vec<Expr> = columns
            .iter()
            .map(|c| {
                let column = Expr::Column(c.column.clone());
                if seen.insert(c.column.clone()) { column } else { column.alias(self.fresh(&c.name)) }
            })
            .collect();
        Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
    }
}

/// The clauses of a SELECT around its list, bound.
struct Clauses {
    groups: Option<Groups>,
    having: Option<Expr>,
    qualify: Option<Expr>,
    distinct: bool,
    distinct_on: Option<Vec<SortTarget>>,
}

/// GROUP BY as a list of grouping sets; one set when there is no ROLLUP or its kin.
#[derive(Default)]
struct Groups {
    sets: Vec<Vec<Expr>>,
}

impl Groups {
    fn simple(set: Vec<Expr>) -> Self {
        Self { sets: vec![set] }
    }

    /// Combines with further sets: every set so far with every new one.
    fn cross(&mut self, sets: Vec<Vec<Expr>>) {
        if self.sets.is_empty() {
            self.sets = sets;
            return;
        }
        let mut product = Vec::with_capacity(self.sets.len() * sets.len());
        for left in &self.sets {
            for right in &sets {
                product.push(left.iter().chain(right).cloned().collect());
            }
        }
        self.sets = product;
    }

    fn distinct_expressions(&self) -> Vec<Expr> {
        let mut list: Vec<Expr> = Vec::new();
        for expr in self.sets.iter().flatten() {
            if !list.contains(expr) {
                list.push(expr.clone());
            }
        }
        list
    }
}

fn rollup(lists: Vec<Vec<Expr>>) -> Vec<Vec<Expr>> {
    (0..=lists.len()).rev().map(|n| lists.iter().take(n).flatten().cloned().collect()).collect()
}

fn cube(lists: &[Vec<Expr>]) -> Result<Vec<Vec<Expr>>> {
    if lists.len() > 12 {
        return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "CUBE is limited to 12 elements"));
    }
    let count = 1_usize << lists.len();
    Ok((0..count)
        .rev()
        .map(|mask| {
            let chosen = lists.iter().enumerate().filter(|(i, _)| mask & (1 << (lists.len() - 1 - i)) != 0);
            chosen.flat_map(|(_, list)| list.iter().cloned()).collect()
        })
        .collect())
}

/// Builds the nodes above FROM and WHERE, from the bottom up.
struct Stages<'b, 'a> {
    binder: &'b Binder<'a>,
    scope: &'b Scope,
    plan: LogicalPlan,
    items: Vec<Item>,
    keys: Vec<SortKey>,
    collected: Collected,
}

impl Stages<'_, '_> {
    fn build(mut self, mut clauses: Clauses) -> Result<BoundQuery> {
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
        // Computed grouping expressions become columns first: the aggregation's fields then have names of their own.
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
        let mut plan = std::mem::replace(&mut self.plan, empty());
        if !computed.is_empty() {
            let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
            exprs.extend(computed);
            plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
        }
        let column_of = |expr: &Expr| mapping.iter().find(|(e, _)| e == expr).map(|(_, c)| Expr::Column(c.clone()));
        let group_exprs: Vec<Expr> = if groups.sets.len() > 1 {
            let sets = groups.sets.iter().map(|set| set.iter().filter_map(column_of).collect()).collect();
            vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets))]
        } else {
            groups.sets.iter().flatten().filter_map(column_of).fold(Vec::new(), |mut list, e| {
                if !list.contains(&e) {
                    list.push(e);
                }
                list
            })
        };
        let calls = std::mem::take(&mut self.collected.aggregates);
        let results: Vec<Column> = calls.iter().map(|(_, column)| column.clone()).collect();
        let grouping = |call: Expr| super::aggregate::over_grouping(call, &mapping);
        let aggregates: Vec<Expr> = calls.into_iter().map(|(call, column)| grouping(call).alias(column.name)).collect();
        self.plan = if group_exprs.is_empty() && aggregates.is_empty() {
            // HAVING, or GROUP BY (), without any aggregate: one row.
            LogicalPlanBuilder::from(plan)
                .aggregate(
                    Vec::<Expr>::new(),
                    vec![datafusion::functions_aggregate::expr_fn::count(lit(1_i64)).alias(self.binder.fresh("one"))],
                )?
                .build()?
        } else {
            LogicalPlanBuilder::from(plan).aggregate(group_exprs, aggregates)?.build()?
        };
        let mut above: Vec<Column> = results;
        above.extend(self.collected.windows.iter().chain(&self.collected.series).map(|(_, c)| c.clone()));
        let scope = self.scope;
        let rewrite = |expr: Expr| over_groups(expr, &mapping, &above, scope);
        for item in &mut self.items {
            item.typed.expr = rewrite(item.typed.expr.clone())?;
        }
        for key in &mut self.keys {
            if let SortTarget::Expression(typed) = &mut key.target {
                typed.expr = rewrite(typed.expr.clone())?;
            }
        }
        for target in clauses.distinct_on.iter_mut().flatten() {
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
        let mut exprs: Vec<Expr> = Vec::with_capacity(items.len());
        let mut columns: Vec<QueryColumn> = Vec::with_capacity(items.len());
        for item in items {
            // Plain columns pass unchanged, under their own unique name; what occurs twice is named anew.
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
        let visible = exprs.len();
        let place = |target: &SortTarget, exprs: &mut Vec<Expr>, construct: Option<&str>| -> Result<Column> {
            let typed = match target {
                SortTarget::Item(index) => {
                    return columns
                        .get(*index)
                        .map(|c| c.column.clone())
                        .ok_or_else(|| Error::new(SqlState::INTERNAL_ERROR, "a position outside the select list"));
                }
                SortTarget::Expression(typed) => typed,
            };
            for (expr, column) in exprs.iter().zip(&columns) {
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
            let column = binder.fresh_column("sort");
            exprs.push(typed.expr.clone().alias(column.name.clone()));
            Ok(column)
        };
        let on: Option<Vec<Column>> = match &distinct_on {
            Some(targets) => Some(targets.iter().map(|t| place(t, &mut exprs, None)).collect::<Result<_>>()?),
            None => None,
        };
        let construct = distinct.then_some("SELECT DISTINCT");
        let mut sorts: Vec<SortExpr> = Vec::with_capacity(keys.len());
        for key in &keys {
            let column = place(&key.target, &mut exprs, construct)?;
            sorts.push(SortExpr::new(Expr::Column(column), key.ascending, key.nulls_first));
        }
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

/// The item a number in GROUP BY or ORDER BY means, from 0.
pub(crate) fn ordinal(expr: &ast::Expr, items: usize, construct: &str) -> Result<Option<usize>> {
    let ast::Expr::Value(value) = expr else {
        return Ok(None);
    };
    match &value.value {
        ast::Value::Number(text, _) => match text.parse::<usize>() {
            Ok(number) if (1..=items).contains(&number) => Ok(Some(number - 1)),
            Ok(number) => {
                Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, format!("{construct} position {number} is not in select list"))
                    .at(place_of(expr)))
            }
            Err(_) => Err(Error::new(SqlState::SYNTAX_ERROR, format!("non-integer constant in {construct}")).at(place_of(expr))),
        },
        ast::Value::SingleQuotedString(_) | ast::Value::Boolean(_) | ast::Value::Null => {
            Err(Error::new(SqlState::SYNTAX_ERROR, format!("non-integer constant in {construct}")).at(place_of(expr)))
        }
        _ => Ok(None),
    }
}

/// Clauses of other systems' SELECT that the grammar reads.
fn refuse_foreign_clauses(select: &ast::Select) -> Result<()> {
    let foreign = [
        (select.top.is_some(), "TOP"),
        (!select.lateral_views.is_empty(), "LATERAL VIEW"),
        (select.prewhere.is_some(), "PREWHERE"),
        (!select.connect_by.is_empty(), "CONNECT BY"),
        (!select.cluster_by.is_empty(), "CLUSTER BY"),
        (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
        (!select.sort_by.is_empty(), "SORT BY"),
        (select.value_table_mode.is_some(), "SELECT AS"),
        (select.exclude.is_some(), "EXCLUDE"),
        (select.into.is_some(), "SELECT INTO in this place"),
    ];
    match foreign.into_iter().find(|(there, _)| *there) {
        Some((_, name)) => Err(Error::unsupported(format!("{name} is not supported"))),
        None => Ok(()),
    }
}
