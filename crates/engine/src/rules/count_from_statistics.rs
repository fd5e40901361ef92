//! `count(*)` of a whole table from the catalog's row counts, without reading anything.
//!
//! Only counts, only of a scan itself, only where the number is exact: other aggregates from statistics were wrong too often.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateInputMode, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::{ExecutionPlan, StatisticsArgs};
use kura_storage::ScanExec;

/// The rule.
#[derive(Debug)]
pub(super) struct CountFromStatistics;

impl PhysicalOptimizerRule for CountFromStatistics {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            Ok(match counted(&node)? {
                Some(answer) => Transformed::yes(answer),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "count_from_statistics"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The one row that `node` yields, when it only counts rows whose number is known.
fn counted(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(last) = node.downcast_ref::<AggregateExec>() else { return Ok(None) };
    if matches!(last.mode(), AggregateMode::Partial | AggregateMode::PartialReduce) {
        return Ok(None);
    }
    let schema = last.schema();
    let is_count = schema.fields().iter().all(|field| *field.data_type() == arrow::datatypes::DataType::Int64);
    let Some(input) = counting_input(last).filter(|_| is_count) else { return Ok(None) };
    if input.downcast_ref::<ScanExec>().is_none() {
        return Ok(None);
    }
    let statistics = input.statistics_from_inputs(&[], &StatisticsArgs::new())?;
    let Precision::Exact(rows) = statistics.num_rows else { return Ok(None) };
    let Ok(rows) = i64::try_from(rows) else { return Ok(None) };
    let columns = schema.fields().iter().map(|_| Arc::new(Int64Array::from(vec![rows])) as ArrayRef).collect();
    let row = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    let answer = MemorySourceConfig::try_new_exec(&[vec![row]], schema, None)?;
    Ok(Some(answer))
}

/// What an aggregation without groups counts the rows of: itself in one step or two.
fn counting_input(last: &AggregateExec) -> Option<&Arc<dyn ExecutionPlan>> {
    if !only_counts_rows(last) {
        return None;
    }
    if last.mode().input_mode() == AggregateInputMode::Raw {
        return Some(last.input());
    }
    let mut below = last.input();
    if let Some(merge) = below.downcast_ref::<CoalescePartitionsExec>() {
        below = merge.input();
    }
    let first = below.downcast_ref::<AggregateExec>()?;
    (first.mode().input_mode() == AggregateInputMode::Raw && only_counts_rows(first)).then(|| first.input())
}

fn only_counts_rows(aggregate: &AggregateExec) -> bool {
    aggregate.group_expr().is_empty()
        && aggregate.filter_expr().iter().all(Option::is_none)
        && !aggregate.aggr_expr().is_empty()
        && aggregate.aggr_expr().iter().all(|call| counts_rows(call))
}

/// `count(*)`, or `count` of a constant that is not NULL.
fn counts_rows(call: &AggregateFunctionExpr) -> bool {
    let counts = call.fun().name() == "count" && !call.is_distinct();
    let is_constant = |argument: &Arc<dyn datafusion::physical_expr::PhysicalExpr>| {
        argument.downcast_ref::<Literal>().is_some_and(|literal| !literal.value().is_null())
    };
    counts && call.expressions().iter().all(is_constant)
}
