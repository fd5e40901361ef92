//! `count(DISTINCT x)` as a count over a GROUP BY, only where all aggregates are DISTINCT.
//!
//! DataFusion's rule also takes `sum`, `min` and `max` beside it and sums sums with the same function. PostgreSQL's `sum` has
//! another type than its argument, so a function of ours would be given columns it was not made for.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// Name of the rule that is narrowed.
pub(super) const INNER: &str = "single_distinct_aggregation_to_group_by";

#[derive(Debug)]
struct SingleDistinct {
    inner: Arc<dyn OptimizerRule + Send + Sync>,
}

/// The rule for fewer plans.
pub(super) fn narrowed(inner: Arc<dyn OptimizerRule + Send + Sync>) -> Arc<dyn OptimizerRule + Send + Sync> {
    Arc::new(SingleDistinct { inner })
}

impl OptimizerRule for SingleDistinct {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.inner.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Aggregate(aggregate) if !aggregate.aggr_expr.iter().all(is_distinct) => Ok(Transformed::no(plan)),
            _ => self.inner.rewrite(plan, config),
        }
    }
}

fn is_distinct(expr: &Expr) -> bool {
    matches!(expr, Expr::AggregateFunction(call) if call.params.distinct)
}
