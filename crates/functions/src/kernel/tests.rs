//! Long chains of one operator, which machines write.

use arrow::array::{Int32Array, RecordBatch};
use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};
use datafusion::prelude::SessionContext;

use super::*;
use crate::datetime::tests::session;
use crate::registry::{ArgType, operator_functions};

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

#[test]
fn a_long_chain_is_planned() {
    let planned = || {
        let sum = shortened(chain(TERMS)).expect("shortened");
        assert!(sum.transformed);
        let plan = LogicalPlanBuilder::empty(true).project(vec![lit(1).alias("a")]).expect("a projection");
        let plan = plan.project(vec![sum.data.alias("sum")]).expect("a sum").build().expect("a plan");
        let plan = SessionContext::new().state().optimize(&plan).expect("optimized");
        plan.schema().field(0).data_type().clone()
    };
    let planning = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(planned).expect("a thread");
    assert_eq!(planning.join().expect("planned"), DataType::Int32);
}

/// `((x - a) - b) - …` of PostgreSQL's operator, with a constant among the columns.
fn differences(terms: i32) -> Expr {
    let types = [PgType::INT4, PgType::INT4];
    let minus = operator_functions("-").iter().find(|f| f.arguments == [ArgType::Exact(types[0]), ArgType::Exact(types[1])]);
    let minus = minus.expect("there is a difference of integers");
    (1..terms).fold(col("x"), |left, term| {
        let right = if term % 3 == 0 { lit(term) } else { col(if term % 2 == 0 { "a" } else { "b" }) };
        Expr::ScalarFunction(ScalarFunction { func: minus.build(&session("UTC"), &types, &[]), args: vec![left, right] })
    })
}

#[test]
fn a_shortened_chain_gives_the_same() {
    let column = |values: Vec<Option<i32>>| Arc::new(Int32Array::from(values)) as ArrayRef;
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("x", column(vec![Some(1_000_000), Some(-7), None]), true),
        ("a", column(vec![Some(3), None, Some(1)]), true),
        ("b", column(vec![Some(-5), Some(2), Some(1)]), true),
    ]);
    let batch = batch.expect("a batch");
    let schema = DFSchema::try_from(batch.schema()).expect("a schema");
    let evaluated = |expr: Expr| {
        let physical = SessionContext::new().create_physical_expr(expr, &schema).expect("an expression");
        physical.evaluate(&batch).and_then(|value| value.into_array(batch.num_rows())).expect("values")
    };
    for terms in [31, 32, 33, 34, 65, 100] {
        let short = shortened(differences(terms)).expect("shortened");
        assert_eq!(short.transformed, terms > 32, "{terms}");
        assert_eq!(short.data, shortened(differences(terms)).expect("shortened").data, "{terms}");
        assert_eq!(evaluated(short.data).as_ref(), evaluated(differences(terms)).as_ref(), "{terms}");
    }
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
