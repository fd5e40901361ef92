//! Random tables, written, deleted from and read in random ways: every row is where its identity says, as another reader finds it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::prelude::{SessionConfig, SessionContext};
use kura_catalog::{Table, Transform};
use kura_pgtypes::PgType;
use kura_storage::write::{self, AppendOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use proptest::test_runner::Config;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::lake::{Lake, row_set, rows, scan_with_identity, stream_of};
use crate::values::{borrowed, random_rows};

type Place = (i64, i64);

/// What is done to a random table.
#[derive(Debug, Clone)]
struct Case {
    seed: u64,
    /// Rows of each append.
    appends: Vec<usize>,
    memory_bytes: usize,
    partition: Option<u32>,
    partitions: usize,
    /// How many of a hundred rows are deleted, one statement after the other.
    deletes: Vec<u32>,
    /// Columns, rows and operators of conditions for each scan.
    scans: Vec<Vec<(usize, usize, usize)>>,
    projection: Vec<usize>,
    limit: Option<usize>,
}

/// The columns of the table, with those of the identity.
const COLUMNS: [(&str, PgType); 5] =
    [("id", PgType::INT8), ("a", PgType::INT4), ("b", PgType::TEXT), ("c", PgType::FLOAT8), ("d", PgType::BOOL)];
const NAMES: [&str; 7] = ["id", "a", "b", "c", "d", "file", "position"];

fn cases() -> impl Strategy<Value = Case> {
    let appends = prop::collection::vec(0..400_usize, 1..4);
    let deletes = prop::collection::vec(prop_oneof![0..10_u32, 40..60_u32, Just(100)], 0..4);
    let filter = prop::collection::vec((0..NAMES.len(), 0..1000_usize, 0..5_usize), 0..4);
    let scans = prop::collection::vec(filter, 1..5);
    let projection = prop::collection::vec(0..NAMES.len(), 0..4);
    let partition = prop::option::of(1..4_u32);
    (any::<u64>(), appends, 10..20_u32, partition, 1..4_usize, deletes, scans, projection, prop::option::of(1..300_usize)).prop_map(
        |(seed, appends, memory, partition, partitions, deletes, scans, projection, limit)| Case {
            seed,
            appends,
            memory_bytes: 1 << memory,
            partition,
            partitions,
            deletes,
            scans,
            projection,
            limit,
        },
    )
}

/// All rows with file and position, as Arrow's own reader finds them: the ids in a file say which rows it holds.
fn places(lake: &Lake, table: &Table, all: &RecordBatch) -> RecordBatch {
    let mut of_id = vec![None; all.num_rows()];
    for file in table.files.iter() {
        let open = std::fs::File::open(lake.storage.root().join(&file.path)).unwrap();
        let mut position = 0_i64;
        for batch in ParquetRecordBatchReaderBuilder::try_new(open).unwrap().build().unwrap() {
            for id in batch.unwrap().column_by_name("id").unwrap().as_primitive::<Int64Type>().values() {
                of_id[usize::try_from(*id).unwrap()] = Some((file.id, position));
                position += 1;
            }
        }
    }
    let of_id: Vec<Place> = of_id.into_iter().map(Option::unwrap).collect();
    let mut fields: Vec<Field> = all.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.extend(["file", "position"].map(|name| Field::new(name, DataType::Int64, false)));
    let mut columns = all.columns().to_vec();
    columns.push(Arc::new(of_id.iter().map(|place| Some(place.0)).collect::<Int64Array>()) as ArrayRef);
    columns.push(Arc::new(of_id.iter().map(|place| Some(place.1)).collect::<Int64Array>()));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn places_of(batch: &RecordBatch) -> Vec<Place> {
    let values = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec();
    values("file").into_iter().zip(values("position")).collect()
}

/// A comparison of a column with one of its own values, or of the position with that of a row.
fn filter(known: &RecordBatch, (column, row, operator): (usize, usize, usize)) -> Option<Expr> {
    let row = row.checked_rem(known.num_rows())?;
    let value = datafusion::scalar::ScalarValue::try_from_array(known.column(column), row).ok()?;
    let (own, value) = (col(NAMES[column]), lit(value));
    Some(match operator {
        0 => own.eq(value),
        1 => own.lt_eq(value),
        2 => own.gt(value),
        3 => own.is_not_null().and(col("position").not_eq(col("id"))),
        _ => own.eq(value).is_not_true(),
    })
}

async fn filtered(known: &RecordBatch, filters: &[Expr]) -> RecordBatch {
    let memory = Arc::new(MemTable::try_new(known.schema(), vec![vec![known.clone()]]).unwrap());
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let table = context.read_table(memory).unwrap();
    rows(filters.iter().fold(table, |query, filter| query.filter(filter.clone()).unwrap())).await.unwrap()
}

async fn check(case: Case) {
    let lake = Lake::new().await;
    let columns: Vec<(String, PgType)> = COLUMNS.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect();
    let key: Vec<(&str, Transform)> = case.partition.iter().map(|count| ("id", Transform::Bucket(*count))).collect();
    let mut table = lake.create("t", &borrowed(&columns), &key).await;
    let options = AppendOptions { memory_bytes: case.memory_bytes, file_bytes: 1 << 13, open_files: 2 };
    let mut batches = Vec::new();
    let mut next = 0;
    for (number, size) in (0..).zip(&case.appends) {
        let batch = random_rows(&columns, next, *size, case.seed.wrapping_add(number));
        next += *size as i64;
        let pieces: Vec<RecordBatch> = (0..batch.num_rows()).step_by(60).map(|at| batch.slice(at, 60.min(batch.num_rows() - at))).collect();
        batches.push(batch.clone());
        let files =
            write::append(&lake.storage, &table, stream_of(if pieces.is_empty() { vec![batch] } else { pieces }), &options).await.unwrap();
        let mut transaction = lake.catalog.begin().await.unwrap();
        transaction.append_files(table.id, files).unwrap();
        transaction.commit().await.unwrap();
        table = lake.table("t").await;
    }
    let all = concat_batches(&batches[0].schema(), &batches).unwrap();
    let mut known = places(&lake, &table, &all);
    let mut rng = StdRng::seed_from_u64(case.seed);
    let mut scans = case.scans.iter().cycle();
    for share in std::iter::once(&0).chain(&case.deletes) {
        let live = places_of(&known);
        let deleted: BTreeSet<Place> = live.iter().copied().filter(|_| rng.random_range(0..100) < *share).collect();
        if !deleted.is_empty() {
            table = lake.delete(&table, &row_set(deleted.iter().copied())).await;
            let kept: BooleanArray = live.iter().map(|place| Some(!deleted.contains(place))).collect();
            known = filter_record_batch(&known, &kept).unwrap();
        }
        assert_eq!(table.record_count, known.num_rows() as u64);
        let filters: Vec<Expr> = scans.next().into_iter().flatten().filter_map(|own| filter(&known, *own)).collect();
        compare(&lake, &table, &case, &filters, &filtered(&known, &filters).await).await;
    }
}

/// Compares what a scan finds with what it should.
async fn compare(lake: &Lake, table: &Arc<Table>, case: &Case, filters: &[Expr], expected: &RecordBatch) {
    let mut names: Vec<&str> = case.projection.iter().map(|column| NAMES[*column]).chain(["position", "file"]).collect();
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let query = scan_with_identity(&lake.reopened(), table, case.partitions);
    let query = filters.iter().fold(query, |query, filter| query.filter(filter.clone()).unwrap());
    let query = query.select_columns(&names).unwrap();
    let found = rows(match case.limit {
        Some(limit) => query.limit(0, Some(limit)).unwrap(),
        None => query,
    });
    let found = found.await.unwrap();
    assert_eq!(found.num_rows(), case.limit.unwrap_or(usize::MAX).min(expected.num_rows()));
    let indices: HashMap<Place, usize> = places_of(expected).into_iter().zip(0..).collect();
    let wanted: UInt64Array = places_of(&found).iter().map(|place| indices.get(place).map(|index| *index as u64)).collect();
    assert_eq!(wanted.null_count(), 0, "a row that should not be there");
    assert_eq!(wanted.values().iter().collect::<BTreeSet<_>>().len(), found.num_rows(), "a row twice");
    let expected = take_record_batch(expected, &wanted).unwrap();
    for (name, column) in names.iter().zip(found.columns()) {
        assert_eq!(column, expected.column_by_name(name).unwrap(), "{name}");
    }
}

#[test]
fn rows_are_where_their_identity_says() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    proptest!(Config { cases: 64, ..Config::default() }, |(case in cases())| {
        runtime.block_on(check(case));
    });
}
