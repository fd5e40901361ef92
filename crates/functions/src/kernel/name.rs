//! Names of calls in plans.

use std::hash::{DefaultHasher, Hash, Hasher};

use datafusion::common::cse::HashNode;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion, TreeNodeVisitor};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;

const NODES_MAX: usize = 32;

/// name
pub(super) fn of_call(name: &str, arguments: &[Expr], text: impl Fn(&Expr) -> String) -> Result<String> {
    if is_small(arguments)? {
        let arguments: Vec<String> = arguments.iter().map(text).collect();
        return Ok(format!("{name}({})", arguments.join(",")));
    }
    let mut digest = Digest(DefaultHasher::new());
    for argument in arguments {
        argument.visit(&mut digest)?;
    }
    Ok(format!("{name}(#{:016x})", digest.0.finish()))
}

fn is_small(arguments: &[Expr]) -> Result<bool> {
    let mut nodes = 0;
    for argument in arguments {
        argument.apply(|_| {
            nodes += 1;
            Ok(if nodes > NODES_MAX { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if nodes > NODES_MAX {
            return Ok(false);
        }
    }
    Ok(true)
}

struct Digest(DefaultHasher);

impl TreeNodeVisitor<'_> for Digest {
    type Node = Expr;

    fn f_down(&mut self, node: &Expr) -> Result<TreeNodeRecursion> {
        node.hash_node(&mut self.0);
        Ok(TreeNodeRecursion::Continue)
    }

    fn f_up(&mut self, _node: &Expr) -> Result<TreeNodeRecursion> {
        0xFF_u8.hash(&mut self.0);
        Ok(TreeNodeRecursion::Continue)
    }
}
