//! One SELECT: its clauses bound, in the order their names are known; the plan is made of them by [`Stages`].

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, Distinct, SelectItem};
use kura_pgtypes::{PgType, SqlState};

use super::expression::{At, Clause};
use super::scope::{Env, ScopeColumn, folded};
use super::stages::{Clauses, Stages};
use super::typed::Typed;
use super::{Binder, output, position_of};
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
            let groups = self.group_by(&select.group_by, &items, at)?;
            let having = select.having.as_ref().map(|h| self.condition(h, at.within(Clause::Having), "HAVING")).transpose()?;
            let qualify = select.qualify.as_ref().map(|q| self.condition(q, at.within(Clause::Qualify), "QUALIFY")).transpose()?;
            let keys = self.sort_keys(order, &items, at)?;
            if select.distinct.is_some() && items.iter().any(|item| item.typed.ty == PgType::JSON) {
                return Err(super::operator::no_operator("equality"));
            }
            let distinct_on = self.distinct_on(select.distinct.as_ref(), &items, at)?;
            let collected = self.end_collecting();
            self.selected.set(super::lock::Calls::of(&collected));
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
    pub(crate) fn items(&self, projection: &[SelectItem], at: At<'_>) -> Result<Vec<Item>> {
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
            self.reads_starred(column);
            items.push(Item {
                name: column.name.clone(),
                typed: Typed::new(Expr::Column(column.column.clone()), column.ty),
                origin: column.origin,
            });
        }
        Ok(())
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

/// Clauses of other systems' SELECT that the grammar reads.
fn refuse_foreign_clauses(select: &ast::Select) -> Result<()> {
    if select.into.is_some() {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "SELECT ... INTO is not allowed here"));
    }
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
    ];
    match foreign.into_iter().find(|(there, _)| *there) {
        Some((_, name)) => Err(Error::unsupported(format!("{name} is not supported"))),
        None => Ok(()),
    }
}
