//! Long chains of one operator, which machines write.

#![expect(clippy::unwrap_used, reason = "a test")]

use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder, col, lit};
use datafusion::prelude::SessionContext;

use super::*;

/// `a + a + … + a`, a kernel for each sign, as the binder builds them.
fn chain(terms: usize) -> Expr {
    let mut sum = col("a");
    for _ in 1..terms {
        let plus = scalar_udf("plus", "plus".to_owned(), DataType::Int32, Volatility::Immutable, |args| {
            args.column(0)?.expanded(args.rows)
        });
        sum = Expr::ScalarFunction(ScalarFunction { func: plus, args: vec![sum, col("a")] });
    }
    sum
}

#[test]
fn a_long_chain_is_planned() {
    std::thread::Builder::new().stack_size(1 << 30).spawn(plan_a_long_chain).unwrap().join().unwrap();
}

fn plan_a_long_chain() {
    let terms: usize = std::env::var("TERMS").ok().and_then(|t| t.parse().ok()).unwrap_or(2000);
    let state = SessionContext::new().state();
    let input = LogicalPlanBuilder::empty(true).project(vec![lit(1).alias("a")]).unwrap().build().unwrap();
    let start = std::time::Instant::now();
    let sum = chain(terms);
    eprintln!("built {:?}", start.elapsed());
    let name = sum.schema_name().to_string();
    eprintln!("named {} {:?}", name.len(), start.elapsed());
    let field = sum.to_field(input.schema()).unwrap();
    eprintln!("typed {:?}", start.elapsed());
    let plan = LogicalPlanBuilder::from(input).project(vec![sum.alias("sum")]).unwrap().build().unwrap();
    eprintln!("projected {:?}", start.elapsed());
    let plan = state.optimize(&plan).unwrap();
    eprintln!("optimized {:?}", start.elapsed());
    assert_eq!(plan.schema().field(0).data_type(), &DataType::Int32);
    drop((field, plan));
}
