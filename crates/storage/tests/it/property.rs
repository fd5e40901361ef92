//! Random tables, written and read in random ways, against the rows in memory.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::prelude::{SessionConfig, SessionContext};
use kura_catalog::Transform;
use kura_pgtypes::PgType;
use kura_storage::write::{self, AppendOptions};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::lake::{Lake, rows, scan, stream_of};
use crate::values::{borrowed, every_type, random_rows};

/// What is done to a random table.
#[derive(Debug, Clone)]
struct Case {
    seed: u64,
    /// Rows of each batch, and of each append the batches.
    appends: Vec<Vec<usize>>,
    memory_bytes: usize,
    partition: Option<Transform>,
    partitions: usize,
    filters: Vec<(usize, usize, usize)>,
    projection: Vec<usize>,
    limit: Option<usize>,
}

fn cases() -> impl Strategy<Value = Case> {
    let columns = every_type().len();
    let sizes = prop::collection::vec(prop::collection::vec(0..120_usize, 1..4), 1..4);
    let transform = prop_oneof![Just(None), Just(Some(Transform::Identity)), (1..5_u32).prop_map(|n| Some(Transform::Bucket(n)))];
    let filters = prop::collection::vec((0..columns, 0..200_usize, 0..6_usize), 0..3);
    let projection = prop::collection::vec(1..columns, 0..4);
    let limit = prop::option::of(0..100_usize);
    (any::<u64>(), sizes, 12..20_u32, transform, 1..4_usize, filters, projection, limit).prop_map(
        |(seed, appends, memory, partition, partitions, filters, projection, limit)| Case {
            seed,
            appends,
            memory_bytes: 1 << memory,
            partition,
            partitions,
            filters,
            projection,
            limit,
        },
    )
}

/// A comparison of a column with one of its own values, so that it has something to find.
fn filter(columns: &[(String, PgType)], all: &RecordBatch, (column, row, operator): (usize, usize, usize)) -> Option<Expr> {
    let (name, ty) = &columns[column];
    if all.num_rows() == 0 || ty.array || *ty == PgType::INTERVAL {
        return None;
    }
    let value = datafusion::scalar::ScalarValue::try_from_array(all.column(column), row % all.num_rows()).ok()?;
    let (own, value) = (col(name.as_str()), lit(value));
    Some(match operator {
        0 => own.eq(value),
        1 => own.lt(value),
        2 => own.gt_eq(value),
        3 => own.is_null(),
        4 => own.is_not_null().and(col(name.as_str()).not_eq(value)),
        _ => own.eq(value).is_not_true(),
    })
}

async fn check(case: Case) {
    let lake = Lake::new().await;
    let columns = every_type();
    // Keys of few values: the boolean column, or buckets of the id.
    let key = match case.partition {
        None => None,
        Some(Transform::Identity) => Some(("c0", Transform::Identity)),
        Some(bucket) => Some(("id", bucket)),
    };
    let mut table = lake.create("t", &borrowed(&columns), key.as_slice()).await;
    let options = AppendOptions { memory_bytes: case.memory_bytes, file_bytes: 1 << 16, open_files: 2 };
    let mut batches = vec![random_rows(&columns, 0, 0, 0)];
    let mut next = 0;
    for (number, sizes) in (0..).zip(&case.appends) {
        let mut own = Vec::new();
        for (part, size) in (0..).zip(sizes) {
            own.push(random_rows(&columns, next, *size, case.seed.wrapping_add(number * 31 + part)));
            next += *size as i64;
        }
        batches.extend(own.iter().cloned());
        let files = write::append(&lake.storage, &table, stream_of(own), &options).await.unwrap();
        let mut transaction = lake.catalog.begin().await.unwrap();
        transaction.append_files(table.id, files).unwrap();
        transaction.commit().await.unwrap();
        table = lake.table("t").await;
    }
    let all = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(table.record_count, all.num_rows() as u64);

    let memory = Arc::new(MemTable::try_new(all.schema(), vec![vec![all.clone()]]).unwrap());
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let mut expected = context.read_table(memory).unwrap();
    let mut query = scan(&lake.storage, &table, case.partitions);
    for one in case.filters.iter().filter_map(|own| filter(&columns, &all, *own)) {
        expected = expected.filter(one.clone()).unwrap();
        query = query.filter(one).unwrap();
    }
    let names: Vec<&str> = std::iter::once("id").chain(case.projection.iter().map(|own| columns[*own].0.as_str())).collect();
    let mut distinct = names.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let expected = rows(expected.select_columns(&distinct).unwrap()).await.unwrap();
    let query = query.select_columns(&distinct).unwrap();
    let Some(limit) = case.limit else {
        let read = rows(query).await.unwrap();
        assert_eq!(read.columns(), expected.columns());
        return;
    };
    // Any of the rows will do, but each only once.
    let read = rows(query.limit(0, Some(limit)).unwrap()).await.unwrap();
    assert_eq!(read.num_rows(), limit.min(expected.num_rows()));
    let id = |batch: &RecordBatch| batch.column_by_name("id").unwrap().as_primitive::<arrow::datatypes::Int64Type>().values().to_vec();
    let mut wanted = id(&read);
    wanted.dedup();
    assert_eq!(wanted.len(), read.num_rows());
    let mask = id(&expected).into_iter().map(|own| Some(wanted.binary_search(&own).is_ok())).collect();
    assert_eq!(read.columns(), filter_record_batch(&expected, &mask).unwrap().columns());
}

#[test]
fn what_is_written_is_read() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    proptest!(Config { cases: 48, ..Config::default() }, |(case in cases())| {
        runtime.block_on(check(case));
    });
}
