//! Rows per second into and out of Parquet files, through the operators that queries use.

use std::sync::Arc;

use arrow::array::RecordBatch;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::TryStreamExt;
use kura_benches::{BATCH_ROWS, Lake, batch};
use tokio::runtime::Runtime;

const BATCHES: usize = 128;

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

fn batches() -> Vec<RecordBatch> {
    (0..BATCHES).map(batch).collect()
}

/// Reads the rows a condition leaves of the table, in as many partitions as there are processors.
async fn scan(lake: &Lake, columns: &[&str], filter: Option<Expr>) -> usize {
    let names = lake.table.columns.iter().map(|column| column.name.clone()).collect();
    let table = kura_storage::Table::new(Arc::clone(&lake.storage), Arc::clone(&lake.table), names);
    let context = SessionContext::new_with_config(SessionConfig::new());
    let mut plan = context.read_table(Arc::new(table)).expect("a scan");
    if let Some(filter) = filter {
        plan = plan.filter(filter).expect("a filter");
    }
    let plan = plan.select_columns(columns).expect("a projection");
    let stream = plan.execute_stream().await.expect("a stream");
    let counted = stream.try_fold(0, async |rows, batch| Ok(rows + batch.num_rows()));
    counted.await.expect("rows")
}

fn append(criterion: &mut Criterion) {
    let runtime = runtime();
    let lake = runtime.block_on(Lake::new());
    let batches = batches();
    let mut group = criterion.benchmark_group("append");
    group.sample_size(10);
    group.throughput(Throughput::Elements((BATCHES * BATCH_ROWS) as u64));
    group.bench_function("six columns", |bencher| {
        bencher.iter(|| runtime.block_on(lake.append_and_discard(&batches)).expect("an append"));
    });
    group.finish();
}

fn scans(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut lake = runtime.block_on(Lake::new());
    runtime.block_on(lake.load(&batches()));
    let all = ["id", "kind", "url", "amount", "day", "quantity"];
    let cases: [(&str, &[&str], Option<Expr>); 5] = [
        ("everything", &all, None),
        ("one number", &["amount"], None),
        ("one text", &["kind"], None),
        ("one row of a million", &all, Some(col("id").eq(lit(500_000_i64)))),
        ("one row in twenty", &all, Some(col("kind").eq(lit("kind 7")))),
    ];
    let mut group = criterion.benchmark_group("scan");
    group.sample_size(20);
    group.throughput(Throughput::Elements((BATCHES * BATCH_ROWS) as u64));
    for (name, columns, filter) in cases {
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(scan(&lake, columns, filter.clone())));
        });
    }
    group.finish();
}

criterion_group!(benches, append, scans);
criterion_main!(benches);
