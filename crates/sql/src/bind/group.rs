//! What a query collects while its expressions are bound: aggregates, window functions, set-returning functions.
//!
//! Each becomes a column of a node below the projection; the expression that called it refers to that column.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, Subquery};
use kura_pgtypes::{PgType, SqlState};

use super::Binder;
use super::scope::Scope;
use super::typed::Typed;
use crate::{Error, Result};

/// The calls of one query.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// Aggregate calls and the columns of their results.
    pub(crate) aggregates: Vec<(Expr, Column)>,
    /// Window function calls and the columns of their results.
    pub(crate) windows: Vec<(Expr, Column)>,
    /// Set-returning calls: the expression of the list and the column of its elements.
    pub(crate) series: Vec<(Expr, Column)>,
}

/// Which list a call is collected in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Aggregates,
    Windows,
    Series,
}

impl Binder<'_> {
    /// Starts collecting for a query.
    pub(crate) fn begin_collecting(&self) {
        self.collected.borrow_mut().push(Collected::default());
    }

    /// What the innermost query collected.
    pub(crate) fn end_collecting(&self) -> Collected {
        self.collected.borrow_mut().pop().unwrap_or_default()
    }

    /// Collects a call and gives the column of its result; equal calls share one.
    pub(crate) fn collect(&self, list: List, call: Expr, hint: &str, ty: PgType) -> Result<Typed> {
        let mut stack = self.collected.borrow_mut();
        let Some(collected) = stack.last_mut() else {
            let what = match list {
                List::Aggregates => "aggregate functions are not allowed here",
                List::Windows => "window functions are not allowed here",
                List::Series => "set-returning functions are not allowed here",
            };
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, what));
        };
        let calls = match list {
            List::Aggregates => &mut collected.aggregates,
            List::Windows => &mut collected.windows,
            List::Series => &mut collected.series,
        };
        let volatile = call.is_volatile();
        if let Some((_, column)) = calls.iter().find(|(known, _)| !volatile && *known == call) {
            return Ok(Typed::new(Expr::Column(column.clone()), ty));
        }
        let column = self.fresh_column(hint);
        calls.push((call, column.clone()));
        Ok(Typed::new(Expr::Column(column), ty))
    }
}

/// Rewrites an expression over the input of an aggregation into one over its output.
///
/// `groups`: grouping expressions with the columns they become; `aggregates`: columns of the aggregates' results.
///
/// # Errors
/// 42803 for a column that is neither grouped nor aggregated.
pub(crate) fn over_groups(expr: Expr, groups: &[(Expr, Column)], aggregates: &[Column], scope: &Scope) -> Result<Expr> {
    let mut ungrouped = None;
    let rewritten = expr.transform_down(|node| {
        let node = match node {
            Expr::ScalarSubquery(subquery) => Expr::ScalarSubquery(subquery_over_groups(subquery, groups, &mut ungrouped, scope)?),
            Expr::Exists(exists) => {
                Expr::Exists(Exists { subquery: subquery_over_groups(exists.subquery, groups, &mut ungrouped, scope)?, ..exists })
            }
            Expr::InSubquery(inside) => {
                Expr::InSubquery(InSubquery { subquery: subquery_over_groups(inside.subquery, groups, &mut ungrouped, scope)?, ..inside })
            }
            other => other,
        };
        if let Some((_, column)) = groups.iter().find(|(group, _)| *group == node) {
            return Ok(Transformed::new(Expr::Column(column.clone()), true, TreeNodeRecursion::Jump));
        }
        if let Expr::Column(column) = &node
            && !aggregates.contains(column)
            && ungrouped.is_none()
        {
            ungrouped = Some(column.clone());
        }
        Ok(Transformed::no(node))
    })?;
    if let Some(column) = ungrouped
        && let Some(found) = scope.columns.iter().find(|c| c.column == column)
    {
        let name = match &found.relation {
            Some(relation) => format!("{relation}.{}", found.name),
            None => found.name.clone(),
        };
        return Err(Error::new(
            SqlState::GROUPING_ERROR,
            format!("column \"{name}\" must appear in the GROUP BY clause or be used in an aggregate function"),
        ));
    }
    Ok(rewritten.data)
}

/// A subquery's references to the columns of the query around it, once that one is grouped.
fn subquery_over_groups(
    subquery: Subquery,
    groups: &[(Expr, Column)],
    ungrouped: &mut Option<Column>,
    scope: &Scope,
) -> DataFusionResult<Subquery> {
    if subquery.outer_ref_columns.is_empty() {
        return Ok(subquery);
    }
    let plan = Arc::unwrap_or_clone(subquery.subquery).transform_down_with_subqueries(|plan| {
        plan.map_expressions(|expr| {
            expr.transform_down(|node| {
                let Expr::OuterReferenceColumn(field, column) = &node else {
                    return Ok(Transformed::no(node));
                };
                let own = Expr::Column(column.clone());
                if let Some((_, grouped)) = groups.iter().find(|(group, _)| *group == own) {
                    return Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), grouped.clone())));
                }
                if scope.columns.iter().any(|c| c.column == *column) && ungrouped.is_none() {
                    *ungrouped = Some(column.clone());
                }
                Ok(Transformed::no(node))
            })
        })
    })?;
    let outer_ref_columns = plan.data.all_out_ref_exprs();
    Ok(Subquery { subquery: Arc::new(plan.data), outer_ref_columns, ..subquery })
}

/// Whether the expression holds a reference to one of the columns.
pub(crate) fn mentions(expr: &Expr, columns: &[Column]) -> bool {
    let is_one = |node: &Expr| Ok(matches!(node, Expr::Column(column) if columns.contains(column)));
    expr.exists(is_one).expect("looking at a node does not fail")
}
