//! Long chains of operators are shortened before anything else looks at a plan: planning them would cost the square of their
//! length.

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use kura_functions::shortened;

/// The plan with short expressions. Its columns keep their names.
pub(crate) fn short(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_down_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let short = shortened(expr)?;
            Ok(if short.transformed { Transformed::yes(name.restore(short.data)) } else { short })
        })
    })?;
    Ok(plan.data)
}
