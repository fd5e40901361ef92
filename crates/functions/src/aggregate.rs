//! Aggregates: what PostgreSQL declares, and which implementation serves each declaration.
//!
//! Result types are PostgreSQL's; a `numeric` result has the precision 38. JSON aggregates are in [`crate::json`].

use std::sync::Arc;

use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use datafusion::functions_aggregate::{count::count_udaf, min_max};
use datafusion::logical_expr::AggregateUDF;
use kura_pgtypes::{PgType, Scalar};

use crate::math::{FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC};
use crate::numeric::{QUOTIENT_SCALE, full, parts};
use crate::registry::{Aggregate, AggregateCall, ArgType, Returns};

mod arrange;
mod collect;
mod exact;
mod extreme;
mod float;
mod fold;
pub(crate) mod gather;
mod logic;
mod ordered_set;
mod spread;
pub(crate) mod udaf;
mod value_fold;

use exact::{Exact, Goal};
use float::{Measure, Pairs, SumDouble, SumReal};
use logic::{Bits, Bitwise, Truth};
use spread::{Spread, Variance};

const BOOL: ArgType = ArgType::Exact(PgType::BOOL);
const TEXT: ArgType = ArgType::Exact(PgType::TEXT);
const BYTEA: ArgType = ArgType::Exact(PgType::BYTEA);
const INTERVAL: ArgType = ArgType::Exact(PgType::INTERVAL);
const FLOAT8S: ArgType = ArgType::Exact(PgType { scalar: Scalar::Float8, typmod: -1, array: true });

type Make = fn(&AggregateCall<'_>) -> Arc<AggregateUDF>;

/// All aggregates of this family.
pub(crate) fn aggregates() -> Vec<Aggregate> {
    let mut all = sums();
    all.extend(extremes());
    all.extend(statistics());
    all.extend(logical());
    all.extend(collecting());
    all.extend(ordered_sets());
    all.extend(crate::json::aggregates());
    all
}

fn scale(ty: Option<&PgType>) -> i8 {
    match ty {
        Some(ty) if ty.scalar == Scalar::Numeric => parts(*ty).1,
        _ => 0,
    }
}

fn sum_of_numeric(arguments: &[PgType], _: &[Option<i64>]) -> PgType {
    full(scale(arguments.first()))
}

/// The type of averages and variances of exact numbers.
fn quotient(arguments: &[PgType], _: &[Option<i64>]) -> PgType {
    full(scale(arguments.first()).max(QUOTIENT_SCALE))
}

const QUOTIENT: Returns = Returns::Computed(quotient);

fn sums() -> Vec<Aggregate> {
    const BIGINT: Returns = Returns::Fixed(PgType::INT8);
    const DOUBLE: Returns = Returns::Fixed(PgType::FLOAT8);
    const WHOLE: Returns = Returns::Computed(sum_of_numeric);
    vec![
        Aggregate::new("count", &[], BIGINT, |call| udaf::borrow(call, &count_udaf(), false)),
        Aggregate::new("count", &[ArgType::Any], BIGINT, |call| udaf::borrow(call, &count_udaf(), false)),
        Aggregate::new("sum", &[INT2], BIGINT, |call| udaf::fold(call, Exact::<Int16Type>::new(Goal::Bigint))),
        Aggregate::new("sum", &[INT4], BIGINT, |call| udaf::fold(call, Exact::<Int32Type>::new(Goal::Bigint))),
        Aggregate::new("sum", &[INT8], WHOLE, |call| udaf::fold(call, Exact::<Int64Type>::new(Goal::Numeric(0)))),
        Aggregate::new("sum", &[NUMERIC], WHOLE, |call| {
            udaf::fold(call, Exact::<Decimal128Type>::new(Goal::Numeric(scale(call.arguments.first()))))
        }),
        Aggregate::new("sum", &[FLOAT4], Returns::Fixed(PgType::FLOAT4), |call| udaf::fold(call, SumReal)),
        Aggregate::new("sum", &[FLOAT8], DOUBLE, |call| udaf::fold(call, SumDouble::<Float64Type>::new(false))),
        Aggregate::new("sum", &[INTERVAL], Returns::Fixed(PgType::INTERVAL), |call| udaf::fold(call, exact::Intervals { average: false })),
        Aggregate::new("avg", &[INT2], QUOTIENT, |call| udaf::fold(call, Exact::<Int16Type>::new(average(call)))),
        Aggregate::new("avg", &[INT4], QUOTIENT, |call| udaf::fold(call, Exact::<Int32Type>::new(average(call)))),
        Aggregate::new("avg", &[INT8], QUOTIENT, |call| udaf::fold(call, Exact::<Int64Type>::new(average(call)))),
        Aggregate::new("avg", &[NUMERIC], QUOTIENT, |call| udaf::fold(call, Exact::<Decimal128Type>::new(average(call)))),
        Aggregate::new("avg", &[FLOAT4], DOUBLE, |call| udaf::fold(call, SumDouble::<Float32Type>::new(true))),
        Aggregate::new("avg", &[FLOAT8], DOUBLE, |call| udaf::fold(call, SumDouble::<Float64Type>::new(true))),
        Aggregate::new("avg", &[INTERVAL], Returns::Fixed(PgType::INTERVAL), |call| udaf::fold(call, exact::Intervals { average: true })),
    ]
}

fn average(call: &AggregateCall<'_>) -> Goal {
    Goal::Average { from: scale(call.arguments.first()), to: scale(Some(&call.returns)) }
}

fn extremes() -> Vec<Aggregate> {
    const SAME: Returns = Returns::SameAs(0);
    const MIN: Make = |call| udaf::borrow(call, &min_max::min_udaf(), true);
    const MAX: Make = |call| udaf::borrow(call, &min_max::max_udaf(), true);
    // What the engine orders as PostgreSQL does under the collation "C".
    const PLAIN: [&[ArgType]; 13] = [
        &[INT2],
        &[INT4],
        &[INT8],
        &[NUMERIC],
        &[FLOAT4],
        &[FLOAT8],
        &[TEXT],
        &[ArgType::Exact(PgType::BPCHAR)],
        &[ArgType::Exact(PgType::DATE)],
        &[ArgType::Exact(PgType::TIME)],
        &[ArgType::Exact(PgType::TIMESTAMP)],
        &[ArgType::Exact(PgType::TIMESTAMPTZ)],
        &[ArgType::Exact(PgType::OID)],
    ];
    let mut all = Vec::new();
    for arguments in PLAIN {
        all.push(Aggregate::new("min", arguments, SAME, MIN));
        all.push(Aggregate::new("max", arguments, SAME, MAX));
    }
    all.extend([
        Aggregate::new("min", &[INTERVAL], SAME, |call| udaf::fold(call, extreme::Intervals { greatest: false })),
        Aggregate::new("max", &[INTERVAL], SAME, |call| udaf::fold(call, extreme::Intervals { greatest: true })),
        Aggregate::new("min", &[ArgType::AnyArray], SAME, |call| udaf::gather(call, extreme::Arrays { greatest: false }, false)),
        Aggregate::new("max", &[ArgType::AnyArray], SAME, |call| udaf::gather(call, extreme::Arrays { greatest: true }, false)),
    ]);
    all
}

fn statistics() -> Vec<Aggregate> {
    const DOUBLE: Returns = Returns::Fixed(PgType::FLOAT8);
    let mut all = Vec::new();
    for name in ["variance", "var_samp", "var_pop", "stddev", "stddev_samp", "stddev_pop"] {
        all.extend([
            Aggregate::new(name, &[INT2], QUOTIENT, |call| udaf::fold(call, variance::<Int16Type>(call))),
            Aggregate::new(name, &[INT4], QUOTIENT, |call| udaf::fold(call, variance::<Int32Type>(call))),
            Aggregate::new(name, &[INT8], QUOTIENT, |call| udaf::fold(call, variance::<Int64Type>(call))),
            Aggregate::new(name, &[NUMERIC], QUOTIENT, |call| udaf::fold(call, variance::<Decimal128Type>(call))),
            Aggregate::new(name, &[FLOAT4], DOUBLE, float_variance),
            Aggregate::new(name, &[FLOAT8], DOUBLE, float_variance),
        ]);
    }
    for name in [
        "corr",
        "covar_pop",
        "covar_samp",
        "regr_avgx",
        "regr_avgy",
        "regr_intercept",
        "regr_r2",
        "regr_slope",
        "regr_sxx",
        "regr_sxy",
        "regr_syy",
    ] {
        all.push(Aggregate::new(name, &[FLOAT8, FLOAT8], DOUBLE, pairs));
    }
    all.push(Aggregate::new("regr_count", &[FLOAT8, FLOAT8], Returns::Fixed(PgType::INT8), pairs));
    all
}

fn variance<T>(call: &AggregateCall<'_>) -> Variance<T> {
    Variance::new(Spread::named(call.name), scale(call.arguments.first()), scale(Some(&call.returns)))
}

fn float_variance(call: &AggregateCall<'_>) -> Arc<AggregateUDF> {
    udaf::fold(call, Pairs { measure: Measure::Variance(Spread::named(call.name)) })
}

fn pairs(call: &AggregateCall<'_>) -> Arc<AggregateUDF> {
    let measure = match call.name {
        "corr" => Measure::Correlation,
        "covar_pop" => Measure::Covariance { sample: false },
        "covar_samp" => Measure::Covariance { sample: true },
        "regr_avgx" => Measure::AverageX,
        "regr_avgy" => Measure::AverageY,
        "regr_intercept" => Measure::Intercept,
        "regr_r2" => Measure::Determination,
        "regr_slope" => Measure::Slope,
        "regr_sxx" => Measure::SquaresX,
        "regr_sxy" => Measure::Products,
        "regr_syy" => Measure::SquaresY,
        _ => Measure::Count,
    };
    udaf::fold(call, Pairs { measure })
}

fn logical() -> Vec<Aggregate> {
    const BOOLEAN: Returns = Returns::Fixed(PgType::BOOL);
    const SAME: Returns = Returns::SameAs(0);
    let mut all = vec![
        Aggregate::new("bool_and", &[BOOL], BOOLEAN, |call| udaf::fold(call, Truth { all: true })),
        Aggregate::new("every", &[BOOL], BOOLEAN, |call| udaf::fold(call, Truth { all: true })),
        Aggregate::new("bool_or", &[BOOL], BOOLEAN, |call| udaf::fold(call, Truth { all: false })),
    ];
    for name in ["bit_and", "bit_or", "bit_xor"] {
        all.extend([
            Aggregate::new(name, &[INT2], SAME, |call| udaf::fold(call, Bitwise::<Int16Type>::new(bits(call)))),
            Aggregate::new(name, &[INT4], SAME, |call| udaf::fold(call, Bitwise::<Int32Type>::new(bits(call)))),
            Aggregate::new(name, &[INT8], SAME, |call| udaf::fold(call, Bitwise::<Int64Type>::new(bits(call)))),
        ]);
    }
    all
}

fn bits(call: &AggregateCall<'_>) -> Bits {
    match call.name {
        "bit_and" => Bits::And,
        "bit_or" => Bits::Or,
        _ => Bits::Xor,
    }
}

fn collecting() -> Vec<Aggregate> {
    fn array_of(arguments: &[PgType], _: &[Option<i64>]) -> PgType {
        arguments.first().copied().unwrap_or(PgType::TEXT).array_of()
    }
    const ARRAY: Returns = Returns::Computed(array_of);
    vec![
        Aggregate::new("array_agg", &[ArgType::AnyElement], ARRAY, |call| udaf::gather(call, collect::ArrayAgg, true)),
        Aggregate::new("array_agg", &[ArgType::AnyArray], Returns::SameAs(0), |call| udaf::gather(call, collect::ArrayAgg, true)),
        Aggregate::new("string_agg", &[TEXT, TEXT], Returns::Fixed(PgType::TEXT), |call| udaf::gather(call, collect::StringAgg, true)),
        Aggregate::new("string_agg", &[BYTEA, BYTEA], Returns::Fixed(PgType::BYTEA), |call| udaf::gather(call, collect::BytesAgg, true)),
    ]
}

fn ordered_sets() -> Vec<Aggregate> {
    const SAME: Returns = Returns::SameAs(0);
    fn array_of(arguments: &[PgType], _: &[Option<i64>]) -> PgType {
        arguments.first().copied().unwrap_or(PgType::TEXT).array_of()
    }
    const ARRAY: Returns = Returns::Computed(array_of);
    const CONTINUOUS: Make = |call| udaf::gather(call, ordered_set::Continuous { descending: call.descending }, false);
    const DISCRETE: Make = |call| udaf::gather(call, ordered_set::Discrete { descending: call.descending }, false);
    vec![
        Aggregate::new("percentile_cont", &[FLOAT8, FLOAT8], SAME, CONTINUOUS).ordered_set(),
        Aggregate::new("percentile_cont", &[INTERVAL, FLOAT8], SAME, CONTINUOUS).ordered_set(),
        Aggregate::new("percentile_cont", &[FLOAT8, FLOAT8S], ARRAY, CONTINUOUS).ordered_set(),
        Aggregate::new("percentile_cont", &[INTERVAL, FLOAT8S], ARRAY, CONTINUOUS).ordered_set(),
        Aggregate::new("percentile_disc", &[ArgType::AnyElement, FLOAT8], SAME, DISCRETE).ordered_set(),
        Aggregate::new("percentile_disc", &[ArgType::AnyElement, FLOAT8S], ARRAY, DISCRETE).ordered_set(),
        Aggregate::new("mode", &[ArgType::AnyElement], SAME, |call| {
            udaf::gather(call, ordered_set::Mode { descending: call.descending }, false)
        })
        .ordered_set(),
    ]
}

/// Whether the aggregate keeps all rows of a group, so that a stage before the last one only copies them. `distinct`: whether it
/// is called with DISTINCT.
#[must_use]
pub fn gathers(function: &AggregateUDF, distinct: bool) -> bool {
    udaf::gathers(function, distinct)
}

/// The value of a subquery that may return one row: NULL for none, 21000 for more.
#[must_use]
pub fn single_value(ty: PgType) -> Arc<AggregateUDF> {
    udaf::internal_gather("single_value", ty, collect::SingleValue)
}
