//! Aggregates and window functions within the engine, over several partitions, against results of PostgreSQL 15.

#![expect(clippy::disallowed_methods, reason = "a test asks the engine directly")]

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray,
    RecordBatch, StringViewArray,
};
use arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{AggregateUDF, Expr, LogicalPlan, WindowFunctionDefinition, WindowUDF};
use datafusion::prelude::{SessionConfig, SessionContext};
use kura_functions::{aggregate, aggregate_functions, window_functions};
use kura_pgtypes::{OutputSettings, PgType, encode};

use crate::session;

/// The table of the tests; `i` of row three is NULL in every column but `g`.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let interval = |months, days, hours: i64| Some(IntervalMonthDayNano::new(months, days, hours * 3_600_000_000_000));
    let floats = [Some(1.5), Some(2.5), None, Some(-1.0), Some(0.25), Some(1e10)];
    let whole = [Some(1), Some(2), None, Some(3), Some(3), Some(7)];
    let numeric = Decimal128Array::from(vec![Some(110), Some(220), None, Some(330), Some(-330), Some(9_999_999_999)]);
    let big = vec![Some(10), Some(20), None, Some(9_000_000_000), Some(30), Some(70)];
    let spans = vec![interval(0, 1, 0), interval(1, 0, 0), None, interval(0, 0, 2), interval(0, 30, 0), interval(0, -1, 3)];
    vec![
        ("g", Arc::new(Int32Array::from(vec![1, 1, 1, 2, 2, 3]))),
        ("i", Arc::new(Int32Array::from(whole.to_vec()))),
        ("b", Arc::new(Int64Array::from(big))),
        ("s", Arc::new(Int16Array::from_iter(whole.iter().map(|v| v.map(|v| v as i16))))),
        ("f", Arc::new(Float64Array::from(floats.to_vec()))),
        ("r", Arc::new(Float32Array::from_iter(floats.iter().map(|v| v.map(|v| v as f32))))),
        ("n", Arc::new(numeric.with_precision_and_scale(10, 2).unwrap())),
        ("t", Arc::new(StringViewArray::from(vec![Some("x"), Some("y"), None, Some("x"), Some("z"), Some("")]))),
        ("iv", Arc::new(IntervalMonthDayNanoArray::from(spans))),
        ("o", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true), Some(true), None]))),
    ]
}

/// What stands behind the names in the queries. The engine's own aliases lose what a function does in a window.
#[derive(Default)]
struct Known {
    aggregates: HashMap<String, Arc<AggregateUDF>>,
    windows: HashMap<String, Arc<WindowUDF>>,
}

/// The aggregates under test: the name in the queries, PostgreSQL's name, the types of the arguments.
fn context(config: SessionConfig) -> (SessionContext, Known) {
    let mut known = Known::default();
    let context = SessionContext::new_with_config(config);
    let batch = RecordBatch::try_from_iter_with_nullable(columns().into_iter().map(|(name, column)| (name, column, true))).unwrap();
    let partitions = vec![vec![batch.slice(0, 2)], vec![batch.slice(2, 1), batch.slice(3, 1)], vec![batch.slice(4, 2)]];
    context.register_table("m", Arc::new(MemTable::try_new(batch.schema(), partitions).unwrap())).unwrap();
    let text = PgType::TEXT;
    let types = [
        ("i", PgType::INT4),
        ("b", PgType::INT8),
        ("s", PgType::INT2),
        ("f", PgType::FLOAT8),
        ("r", PgType::FLOAT4),
        ("n", PgType::numeric(10, 2)),
        ("t", text),
        ("iv", PgType::INTERVAL),
        ("o", PgType::BOOL),
    ];
    let single = [
        "sum",
        "avg",
        "min",
        "max",
        "count",
        "variance",
        "stddev",
        "var_pop",
        "stddev_pop",
        "stddev_samp",
        "bool_and",
        "bool_or",
        "bit_and",
        "bit_or",
        "bit_xor",
        "array_agg",
        "json_agg",
        "jsonb_agg",
    ];
    for name in single {
        for (column, ty) in types {
            register(&context, &mut known, &format!("{name}_{column}"), name, &[ty], false);
        }
    }
    register(&context, &mut known, "string_agg_", "string_agg", &[text, text], false);
    register(&context, &mut known, "json_object_agg_", "json_object_agg", &[text, PgType::numeric(10, 2)], false);
    for name in [
        "corr",
        "covar_pop",
        "covar_samp",
        "regr_avgx",
        "regr_avgy",
        "regr_count",
        "regr_intercept",
        "regr_r2",
        "regr_slope",
        "regr_sxx",
        "regr_sxy",
        "regr_syy",
    ] {
        register(&context, &mut known, &format!("{name}_"), name, &[PgType::FLOAT8, PgType::FLOAT8], false);
    }
    for (alias, descending) in [("", false), ("_desc", true)] {
        register(&context, &mut known, &format!("cont_f{alias}"), "percentile_cont", &[PgType::FLOAT8, PgType::FLOAT8], descending);
        register(
            &context,
            &mut known,
            &format!("conts_f{alias}"),
            "percentile_cont",
            &[PgType::FLOAT8, PgType::FLOAT8.array_of()],
            descending,
        );
        register(&context, &mut known, &format!("cont_iv{alias}"), "percentile_cont", &[PgType::INTERVAL, PgType::FLOAT8], descending);
        register(&context, &mut known, &format!("disc_t{alias}"), "percentile_disc", &[text, PgType::FLOAT8], descending);
        register(
            &context,
            &mut known,
            &format!("discs_i{alias}"),
            "percentile_disc",
            &[PgType::INT4, PgType::FLOAT8.array_of()],
            descending,
        );
        register(&context, &mut known, &format!("mode_t{alias}"), "mode", &[text], descending);
    }
    let single_value = aggregate::single_value(PgType::INT4);
    context.register_udaf(single_value.as_ref().clone());
    for name in
        ["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "nth_value", "first_value", "last_value"]
    {
        let window = &window_functions(name)[0];
        let alias: &'static str = format!("w_{name}").leak();
        let udwf = (window.make)(&[PgType::INT4]);
        known.windows.insert(alias.to_owned(), Arc::clone(&udwf));
        context.register_udwf(udwf.as_ref().clone().with_aliases([alias]));
    }
    (context, known)
}

fn register(context: &SessionContext, known: &mut Known, alias: &str, name: &str, types: &[PgType], descending: bool) {
    use kura_functions::ArgType;
    let accepts = |want: ArgType, ty: PgType| match want {
        ArgType::Exact(want) => want.scalar == ty.scalar && want.array == ty.array,
        ArgType::AnyElement => !ty.array,
        ArgType::AnyArray => ty.array,
        ArgType::Any => true,
    };
    let found = aggregate_functions(name)
        .iter()
        .find(|a| a.arguments.len() == types.len() && a.arguments.iter().zip(types).all(|(want, ty)| accepts(*want, *ty)));
    if let Some(found) = found {
        let alias: &'static str = alias.to_owned().leak();
        let udaf = found.build(&session(), types, descending).as_ref().clone();
        assert_eq!(found.result(types).arrow(), udaf.return_type(&types.iter().map(|t| t.arrow()).collect::<Vec<_>>()).unwrap());
        known.aggregates.insert(alias.to_owned(), Arc::new(udaf.clone()));
        context.register_udaf(udaf.with_aliases([alias]));
    }
}

/// Puts the functions themselves in the place of their aliases.
fn unaliased(plan: LogicalPlan, known: &Known) -> LogicalPlan {
    let replace = |expr: Expr| {
        let Expr::WindowFunction(mut window) = expr else {
            return Ok(Transformed::no(expr));
        };
        window.fun = match window.fun {
            WindowFunctionDefinition::AggregateUDF(f) => {
                let own = f.aliases().first().and_then(|alias| known.aggregates.get(alias));
                WindowFunctionDefinition::AggregateUDF(own.map_or_else(|| Arc::clone(&f), Arc::clone))
            }
            WindowFunctionDefinition::WindowUDF(f) => {
                let own = f.aliases().first().and_then(|alias| known.windows.get(alias));
                WindowFunctionDefinition::WindowUDF(own.map_or_else(|| Arc::clone(&f), Arc::clone))
            }
        };
        Ok(Transformed::yes(Expr::WindowFunction(window)))
    };
    let plan = plan.transform_up(|plan| plan.map_expressions(|expr| expr.transform_up(replace)));
    plan.unwrap().data.recompute_schema().unwrap()
}

/// Runs a query and gives its rows, values joined by `|`, as PostgreSQL's text.
async fn run(sql: &str) -> Result<String, String> {
    run_with(SessionConfig::new().with_target_partitions(3).with_batch_size(2), sql).await
}

async fn run_with(config: SessionConfig, sql: &str) -> Result<String, String> {
    let (context, known) = context(config);
    let plan = context.sql(sql).await.map_err(|e| e.to_string())?.into_unoptimized_plan();
    let frame = context.execute_logical_plan(unaliased(plan, &known)).await.map_err(|e| e.to_string())?;
    let batches = frame.collect().await.map_err(|e| e.to_string())?;
    let mut lines = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let values: Vec<String> = batch
                .columns()
                .iter()
                .map(|column| {
                    let mut out = Vec::new();
                    let ty = PgType::from_arrow(column.data_type());
                    encode::write_text(column.as_ref(), row, ty, &OutputSettings::default(), &mut out).unwrap();
                    String::from_utf8(out).unwrap()
                })
                .collect();
            lines.push(values.join("|"));
        }
    }
    Ok(lines.join("\n"))
}

async fn check(sql: &str, expected: &str) {
    let found = run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(found, expected, "{sql}");
}

#[tokio::test]
async fn sums_and_averages() {
    check(
        "select g, sum_i(i), sum_b(b), sum_s(s), sum_f(f), sum_r(r), sum_n(n), sum_iv(iv) from m group by g order by g",
        "1|3|30|3|4|4|3.30|1 mon 1 day\n2|6|9000000030|6|-0.75|-0.75|0.00|30 days 02:00:00\n3|7|70|7|10000000000|1e+10|99999999.99|-1 days +03:00:00",
    )
    .await;
    check(
        "select g, avg_i(i), avg_b(b), avg_s(s), avg_f(f), avg_r(r), avg_n(n), avg_iv(iv) from m group by g order by g",
        "1|1.5000000000000000|15.0000000000000000|1.5000000000000000|2|2|1.6500000000000000|15 days 12:00:00\n\
         2|3.0000000000000000|4500000015.0000000000000000|3.0000000000000000|-0.375|-0.375|0.0000000000000000|15 days 01:00:00\n\
         3|7.0000000000000000|70.0000000000000000|7.0000000000000000|10000000000|10000000000|99999999.9900000000000000|-1 days +03:00:00",
    )
    .await;
    check("select sum_i(i), sum_b(b), avg_f(f), count_i(i), bool_and_o(o), array_agg_i(i) from m where g > 9", "|||0||").await;
}

#[tokio::test]
async fn extremes_and_logic() {
    check(
        "select g, min_iv(iv), max_iv(iv), min_f(f), max_t(t), bool_and_o(o), bool_or_o(o) from m group by g order by g",
        "1|1 day|1 mon|1.5|y|f|t\n2|02:00:00|30 days|-1|z|t|t\n3|-1 days +03:00:00|-1 days +03:00:00|10000000000|||",
    )
    .await;
    check("select bit_and_i(i), bit_or_b(b), bit_xor_s(s) from m", "0|9000000094|4").await;
}

#[tokio::test]
async fn spread_and_regression() {
    check(
        "select variance_i(i), stddev_i(i), var_pop_n(n), stddev_pop_n(n), variance_f(f), stddev_samp_b(b) from m",
        "5.2000000000000000|2.2803508501982760|1599999973280005.1330560000000000|39999999.6660000627687505|1.999999999675e+19|4024922344.9651796642301167",
    )
    .await;
    check("select variance_i(i), stddev_pop_f(f) from m where i = 1", "|0").await;
    // In one stage, as PostgreSQL does it: the last digits depend on the order of the rows.
    check(
        "select round(corr_(f, x)*1e6), round(covar_pop_(f, x)*10), regr_avgx_(f, x), regr_avgy_(f, x), regr_count_(f, x), regr_sxy_(f, x), regr_syy_(f, x) from (select f, cast(b as double) as x from m where g < 3) q",
        "-795491|-40781249941|2250000015|0.8125|4|-16312499976.25|6.921875",
    )
    .await;
}

#[tokio::test]
async fn distinct_and_order() {
    check(
        "select string_agg_(t, ',' order by i desc, t), string_agg_(distinct t, '|' order by t desc), count_t(distinct t), sum_i(distinct i), avg_i(distinct i) from m",
        ",x,z,y,x|z|y|x||4|13|3.2500000000000000",
    )
    .await;
    check(
        "select array_agg_t(distinct t order by t), array_agg_i(i order by f), json_agg_i(i order by f), json_object_agg_(coalesce(t,'-'), n order by f) from m",
        "{\"\",x,y,z,NULL}|{3,3,1,2,7,NULL}|[3, 3, 1, 2, 7, null]|{ \"x\" : 3.30, \"z\" : -3.30, \"x\" : 1.10, \"y\" : 2.20, \"\" : 99999999.99, \"-\" : null }",
    )
    .await;
    check(
        "select g, array_agg_i(i order by i desc nulls last), string_agg_(t, '+' order by i), sum_i(distinct i), count_i(distinct i) filter (where i > 1) from m group by g order by g",
        "1|{2,1,NULL}|x+y|3|1\n2|{3,3}|x+z|3|1\n3|{7}||7|1",
    )
    .await;
}

#[tokio::test]
async fn ordered_sets() {
    check(
        "select cont_f(f, 0.3), disc_t(t, 0.3), mode_t_desc(t), cont_iv(iv, 0.5), conts_f_desc(f, [0.0, 0.5, 1.0]), discs_i(i, [0.1, 0.9]) from m",
        "0.49999999999999994|x|x|1 day|{10000000000,1.5,-1}|{1,7}",
    )
    .await;
    check("select g, cont_f(f, 0.5), mode_t(t) from m group by g order by g", "1|2|x\n2|-0.375|x\n3|10000000000|").await;
    let error = run("select cont_f(f, 1.5) from m").await.unwrap_err();
    assert!(error.contains("percentile value 1.5 is not between 0 and 1"), "{error}");
}

#[tokio::test]
async fn moving_frames() {
    check(
        "select i, sum_f(f) over w, avg_n(n) over w, sum_b(b) over w, string_agg_(t,'') over w, variance_i(i) over w, bool_and_o(o) over w, max_iv(iv) over w, bit_or_i(i) over w, count_i(i) over w from m window w as (order by b rows between 1 preceding and current row)",
        "1|1.5|1.1000000000000000|10|x||t|1 day|1|1\n2|4|1.6500000000000000|30|xy|0.5000000000000000|f|1 mon|3|2\n\
         3|2.75|-0.5500000000000000|50|yz|0.5000000000000000|f|30 days|3|2\n7|10000000000.25|49999998.3450000000000000|100|z|8.0000000000000000|t|30 days|7|2\n\
         3|9999999999|50000001.6450000000000000|9000000070|x|8.0000000000000000|t|02:00:00|7|2\n|-1|3.3000000000000000|9000000000|x||t|02:00:00|3|1",
    )
    .await;
    check(
        "select i, array_agg_i(i) over (order by b), sum_i(i) over (order by b) from m",
        "1|{1}|1\n2|{1,2}|3\n3|{1,2,3}|6\n7|{1,2,3,7}|13\n3|{1,2,3,7,3}|16\n|{1,2,3,7,3,NULL}|16",
    )
    .await;
}

#[tokio::test]
async fn windows() {
    check(
        "select i, w_lag(i, arrow_cast(1, 'Int32'), arrow_cast(-1, 'Int32')) over w, w_lead(i, arrow_cast(2, 'Int32')) over w, w_lag(i, arrow_cast(s, 'Int32'), arrow_cast(0, 'Int32')) over w, w_ntile(arrow_cast(4, 'Int32')) over w, w_nth_value(i, arrow_cast(2, 'Int32')) over w, w_rank() over (order by t), w_dense_rank() over (order by t), w_percent_rank() over (order by t), w_row_number() over w from m window w as (order by b) order by b",
        "1|-1|3|0|1||2|2|0.2|1\n2|1|7|0|1|2|4|3|0.6|2\n3|2|3|0|2|2|5|4|0.8|3\n7|3||0|2|2|1|1|0|4\n3|7||2|3|2|2|2|0.2|5\n|3|||4|2|6|5|1|6",
    )
    .await;
    let types = run(
        "select arrow_typeof(w_row_number() over ()), arrow_typeof(w_rank() over (order by i)), arrow_typeof(w_ntile(arrow_cast(2, 'Int32')) over ()) from m limit 1",
    );
    assert_eq!(types.await.unwrap(), "Int64|Int64|Int32");
    let error = run("select w_ntile(arrow_cast(0, 'Int32')) over () from m").await.unwrap_err();
    assert!(error.contains("argument of ntile must be greater than zero"), "{error}");
}

#[tokio::test]
async fn single_values() {
    check("select single_value(i) from m where i = 7", "7").await;
    check("select g, single_value(i) from m where i in (1, 7) group by g order by g", "1|1\n3|7").await;
    check("select single_value(i) from m where i = 99", "").await;
    let error = run("select single_value(i) from m").await.unwrap_err();
    assert!(error.contains("more than one row returned by a subquery used as an expression"), "{error}");
}

#[tokio::test]
async fn overflow_is_an_error() {
    let huge = "arrow_cast(3e38, 'Float32')";
    let error = run(&format!("select sum_r(x) from (select {huge} as x union all select {huge}) q")).await.unwrap_err();
    assert!(error.contains("value out of range: overflow"), "{error}");
    check("select sum_b(x) from (select 9223372036854775807 as x union all select 1) q", "9223372036854775808").await;
}

/// Many groups: as they come, with the first stage skipped, and in the order of the input.
#[tokio::test]
async fn many_groups() {
    let plain = SessionConfig::new().with_target_partitions(3).with_batch_size(64);
    let skipping = plain
        .clone()
        .set_u64("datafusion.execution.skip_partial_aggregation_probe_rows_threshold", 1)
        .set_str("datafusion.execution.skip_partial_aggregation_probe_ratio_threshold", "0.0");
    let numbers = "(select arrow_cast(value % 500, 'Int32') as g, arrow_cast(value / 500, 'Int32') as v from range(0, 3000))";
    // Every group has the values 0 to 5; the second half of them is filtered away in one column.
    let sorted = format!("(select g, v from {numbers} order by g)");
    for (config, input) in [(plain.clone(), numbers), (skipping, numbers), (plain, sorted.as_str())] {
        let sql = format!(
            "select count(*), count(*) filter (where s = 15 and a = 2.5 and d = 3 and f = 3 and o = '5,4,3,2,1,0') from (
                select g, sum_i(v) as s, avg_i(v) as a, sum_i(distinct arrow_cast(v / 2, 'Int32')) as d, sum_i(v) filter (where v < 3) as f,
                    string_agg_(arrow_cast(v, 'Utf8View'), ',' order by v desc) as o
                from {input} q group by g)"
        );
        assert_eq!(run_with(config, &sql).await.unwrap(), "500|500", "{input}");
    }
}
