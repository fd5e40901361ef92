//! Aggregates that keep all rows of a group, such as `array_agg`, get the rows themselves in one stage.
//!
//! In two stages the first would make lists of the rows and pass those on: nothing becomes less, the lists are copied on
//! their way, and `RepartitionExec` puts batches of few rows together, whatever is in them, without counting their memory.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use kura_functions::aggregate::gathers;

/// The rule. It runs before rows are distributed among partitions.
#[derive(Debug)]
pub(super) struct GatherOnce;

impl PhysicalOptimizerRule for GatherOnce {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            Ok(match in_one_stage(&node)? {
                Some(single) => Transformed::yes(Arc::new(single)),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "gather_once"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn in_one_stage(node: &Arc<dyn ExecutionPlan>) -> Result<Option<AggregateExec>> {
    let Some(last) = node.downcast_ref::<AggregateExec>().filter(|last| *last.mode() == AggregateMode::FinalPartitioned) else {
        return Ok(None);
    };
    let Some(first) = last.input().downcast_ref::<AggregateExec>().filter(|first| *first.mode() == AggregateMode::Partial) else {
        return Ok(None);
    };
    // A row belongs to several grouping sets: by which values it would be sent is known only behind the first stage.
    let groups = first.group_expr();
    let gathered = first.aggr_expr().iter().any(|call| gathers(call.fun(), call.is_distinct()));
    if !gathered || groups.has_grouping_set() {
        return Ok(None);
    }
    let single = AggregateExec::try_new(
        AggregateMode::SinglePartitioned,
        groups.clone(),
        first.aggr_expr().to_vec(),
        first.filter_expr().to_vec(),
        Arc::clone(first.input()),
        first.input_schema(),
    )?;
    Ok(Some(single.with_limit_options(last.limit_options())))
}
