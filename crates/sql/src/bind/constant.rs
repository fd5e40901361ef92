//! Constants: expressions evaluated while binding, and relations of constant rows.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, Union, Values};
use datafusion::physical_expr::create_physical_expr;

use super::Binder;
use super::select::QueryColumn;
use super::typed::Typed;
use crate::Result;

impl Binder<'_> {
    /// The value of an expression without columns, parameters, subqueries or volatile calls; `None` for others.
    pub(crate) fn constant(&self, typed: &Typed) -> Result<Option<ScalarValue>> {
        if let Some(value) = typed.literal() {
            return Ok(Some(value.clone()));
        }
        if !is_constant(&typed.expr) {
            return Ok(None);
        }
        evaluate(&typed.expr).map(Some)
    }
}

/// Whether an expression has one value however often it is evaluated.
pub(crate) fn is_constant(expr: &Expr) -> bool {
    use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
    let mut constant = !expr.is_volatile();
    // The closure never fails.
    let _unused = expr.apply(|node| {
        constant &= !matches!(
            node,
            Expr::Column(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::Placeholder(_)
                | Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
        );
        Ok(if constant { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    constant
}

/// Evaluates a constant expression.
pub(crate) fn evaluate(expr: &Expr) -> Result<ScalarValue> {
    let schema = DFSchema::empty();
    let physical = create_physical_expr(expr, &schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
    let one = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &RecordBatchOptions::new().with_row_count(Some(1)))
        .map_err(datafusion::error::DataFusionError::from)?;
    match physical.evaluate(&one)? {
        ColumnarValue::Scalar(value) => Ok(value),
        ColumnarValue::Array(array) => Ok(ScalarValue::try_from_array(&array, 0)?),
    }
}

/// A relation of rows of expressions, cast to the columns' types.
pub(crate) fn values_plan(binder: &Binder<'_>, rows: Vec<Vec<Typed>>, columns: &[QueryColumn]) -> Result<LogicalPlan> {
    let fields: Vec<Field> = columns.iter().map(|c| Field::new(c.column.name.clone(), c.ty.arrow(), true)).collect();
    let mut plain = true;
    let mut values = Vec::with_capacity(rows.len());
    for row in rows {
        let mut exprs = Vec::with_capacity(row.len());
        for (typed, column) in row.into_iter().zip(columns) {
            let expr = binder.coerce(typed, column.ty)?.expr;
            plain &= is_constant(&expr) || matches!(expr, Expr::Placeholder(_)) || expr.is_volatile();
            plain &= !has_subquery(&expr);
            exprs.push(expr);
        }
        values.push(exprs);
    }
    if plain {
        let schema = Arc::new(DFSchema::from_unqualified_fields(fields.into(), Default::default())?);
        return Ok(LogicalPlan::Values(Values { schema, values }));
    }
    // Rows with subqueries or outer columns: a union of one-row projections.
    let mut arms = Vec::with_capacity(values.len());
    for row in values {
        let exprs = row.into_iter().zip(columns).map(|(expr, c)| expr.alias(c.column.name.clone()));
        arms.push(Arc::new(LogicalPlanBuilder::empty(true).project(exprs)?.build()?));
    }
    Ok(match arms.len() {
        1 => arms.pop().map_or_else(|| LogicalPlanBuilder::empty(false).build(), |arm| Ok(Arc::unwrap_or_clone(arm)))?,
        _ => LogicalPlan::Union(Union::try_new_with_loose_types(arms)?),
    })
}

fn has_subquery(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    expr.exists(|node| {
        Ok(matches!(
            node,
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) | Expr::OuterReferenceColumn(..)
        ))
    })
    .unwrap_or(true)
}
