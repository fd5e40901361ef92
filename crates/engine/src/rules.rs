//! Which optimiser rules run. Rules of DataFusion 55.2 that answer wrongly, or that assume DataFusion's own functions, are left
//! out or narrowed; each file below is one rule of ours.

use std::sync::Arc;

use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

mod cooperate;
mod count_from_statistics;
mod gather_once;
mod offset;
mod shorten;
mod single_distinct;

pub(crate) use shorten::short;

/// Physical rules that are not run.
const LEFT_OUT: [&str; 4] = [
    // Answers MIN and MAX of casts and of emptied partitions from statistics of something else; count_from_statistics does the
    // part that is right.
    "aggregate_statistics",
    // Maps columns by name, which loses rows (apache/datafusion#25244, #25262); the logical rules have pushed filters already.
    "FilterPushdown",
    "FilterPushdown(Post)",
    // A limit below a window function changes frames that reach behind it.
    "LimitPushPastWindows",
];

/// The logical rules, in DataFusion's order.
pub(crate) fn logical() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let rules = Optimizer::new().rules.into_iter();
    rules.map(|rule| if rule.name() == single_distinct::INNER { single_distinct::narrowed(rule) } else { rule }).collect()
}

/// The physical rules in DataFusion's order. Of ours, some look at what the planner made, the others at what is to run.
pub(crate) fn physical() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> =
        vec![Arc::new(count_from_statistics::CountFromStatistics), Arc::new(gather_once::GatherOnce), Arc::new(offset::RaiseBarriers)];
    rules.extend(PhysicalOptimizer::new().rules.into_iter().filter(|rule| !LEFT_OUT.contains(&rule.name())));
    rules.push(Arc::new(offset::DropBarriers));
    rules.push(Arc::new(cooperate::Cooperate));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An upgrade that renames a rule must not let it back in.
    #[test]
    fn rules_are_known_by_these_names() {
        let physical: Vec<String> = PhysicalOptimizer::new().rules.iter().map(|rule| rule.name().to_owned()).collect();
        for name in LEFT_OUT {
            assert!(physical.iter().any(|rule| rule == name), "{name} is not among {physical:?}");
        }
        assert!(Optimizer::new().rules.iter().any(|rule| rule.name() == single_distinct::INNER));
    }
}
