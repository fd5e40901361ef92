//! Long chains of one operator, which machines write.

use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};
use datafusion::prelude::SessionContext;

use super::*;

const TERMS: usize = 2_000;
const STACK_BYTES: usize = 1 << 30;

/// `a + a + … + a`, a kernel for each sign, as the binder builds them.
fn chain(terms: usize) -> Expr {
    (1..terms).fold(col("a"), |sum, _| {
        let plus =
            scalar_udf("plus", "plus".to_owned(), DataType::Int32, Volatility::Immutable, |args| args.column(0)?.expanded(args.rows));
        Expr::ScalarFunction(ScalarFunction { func: plus, args: vec![sum, col("a")] })
    })
}

fn planned(terms: usize) -> DataType {
    let plan = LogicalPlanBuilder::empty(true).project(vec![lit(1).alias("a")]).expect("a projection");
    let plan = plan.project(vec![chain(terms).alias("sum")]).expect("a sum").build().expect("a plan");
    let plan = SessionContext::new().state().optimize(&plan).expect("optimized");
    plan.schema().field(0).data_type().clone()
}

#[test]
fn a_long_chain_is_planned() {
    let planning = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(|| planned(TERMS)).expect("a thread");
    assert_eq!(planning.join().expect("planned"), DataType::Int32);
}

#[test]
fn names_are_text_while_they_are_short() {
    assert_eq!(chain(3).schema_name().to_string(), "plus(plus(a,a),a)");
    let (long, other) = (chain(50), chain(50));
    assert_eq!(long, other);
    assert_ne!(long.schema_name().to_string(), other.schema_name().to_string());
    assert_eq!(long.schema_name().to_string(), long.clone().schema_name().to_string());
    assert!(long.schema_name().to_string().len() < 32);
}
