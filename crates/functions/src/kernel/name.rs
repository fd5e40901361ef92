//! The name of a call in the schemas of plans.
//!
//! The engine names every level of an expression each time it asks for a type. A name with the whole tree in it, or a
//! digest of the tree, makes planning a chain of n operators cost n³; so a long call is named after its kernel alone.

use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;

/// Nodes of the arguments up to which a call is named by its text.
const NODES_MAX: usize = 32;

/// Tells kernels apart: the binder builds one for each call it binds.
#[derive(Clone, Copy)]
pub(super) struct Id(u64);

impl Id {
    pub(super) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// `name(a,b)`, or `name(#17)` where the arguments are large.
pub(super) fn of_call(name: &str, id: Id, arguments: &[Expr]) -> Result<String> {
    if !is_small(arguments)? {
        return Ok(of_long_call(name, id));
    }
    let arguments: Vec<String> = arguments.iter().map(|argument| argument.schema_name().to_string()).collect();
    Ok(format!("{name}({})", arguments.join(",")))
}

/// `name(#17)`
pub(super) fn of_long_call(name: &str, id: Id) -> String {
    format!("{name}(#{})", id.0)
}

fn is_small(arguments: &[Expr]) -> Result<bool> {
    let mut nodes = 0;
    for argument in arguments {
        let last = argument.apply(|_| {
            nodes += 1;
            Ok(if nodes > NODES_MAX { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if last == TreeNodeRecursion::Stop {
            return Ok(false);
        }
    }
    Ok(true)
}
