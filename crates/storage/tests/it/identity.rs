//! File and position of rows: right whatever a scan leaves out, and only there when asked for.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::stats::Precision;
use datafusion::functions_aggregate::count::count_all;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::physical_plan::displayable;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::prelude::DataFrame;
use futures::TryStreamExt;
use kura_catalog::{Column, Table};
use kura_pgtypes::PgType;
use kura_storage::ScanExec;
use kura_storage::write::{self, AppendOptions};

use crate::lake::{Lake, row_set, rows, scan, scan_with_identity, schema_of, stream_of};

const COLUMNS: [(&str, PgType); 3] = [("id", PgType::INT8), ("n", PgType::INT8), ("name", PgType::TEXT)];
/// Rows of the first file, which make three row groups.
const FIRST: i64 = 300_000;
/// Rows of both files.
const ALL: i64 = FIRST + 500;

fn some_rows(start: i64, end: i64) -> RecordBatch {
    let ids = || start..end;
    let (id, n) = (Int64Array::from_iter_values(ids()), Int64Array::from_iter_values(ids().map(|id| id % 1000)));
    let name: StringViewArray = ids().map(|id| (id % 5 != 0).then(|| format!("name {}", id % 300))).collect();
    RecordBatch::try_new(schema_of(&COLUMNS), vec![Arc::new(id), Arc::new(n), Arc::new(name)]).unwrap()
}

/// Ids count up through a file of several row groups and a small one. Some are deleted in each, a whole row group among them.
struct Fixture {
    lake: Lake,
    table: Arc<Table>,
}

fn is_deleted(id: i64) -> bool {
    (131_072..262_144).contains(&id) || id % 1000 == 17 || id == ALL - 1
}

impl Fixture {
    async fn new() -> Self {
        let lake = Lake::new().await;
        let table = lake.create("t", &COLUMNS, &[]).await;
        let table = lake.append(&table, vec![some_rows(0, FIRST)]).await;
        let table = lake.append(&table, vec![some_rows(FIRST, ALL)]).await;
        assert_eq!(table.files.len(), 2);
        let fixture = Self { lake, table };
        let deleted: Vec<(i64, i64)> = (0..ALL).filter(|id| is_deleted(*id)).map(|id| fixture.place(id)).collect();
        let table = fixture.lake.delete(&fixture.table, &row_set(deleted)).await;
        Self { table, ..fixture }
    }

    /// File and position of a row.
    fn place(&self, id: i64) -> (i64, i64) {
        if id < FIRST { (self.table.files[0].id, id) } else { (self.table.files[1].id, id - FIRST) }
    }

    fn query(&self, partitions: usize, filter: Option<Expr>) -> DataFrame {
        let query = scan_with_identity(&self.lake.storage, &self.table, partitions);
        filter.into_iter().fold(query, |query, filter| query.filter(filter).unwrap())
    }

    /// Checks that the ids are found where they are, and nothing else is.
    async fn check(&self, filter: Option<Expr>, expected: impl Fn(i64) -> bool) {
        let mut wanted: Vec<(i64, i64)> = (0..ALL).filter(|id| !is_deleted(*id) && expected(*id)).map(|id| self.place(id)).collect();
        wanted.sort_unstable();
        for partitions in [1, 3] {
            // The columns of a projection decide where conditions are evaluated.
            for columns in [&["id", "file", "position"][..], &["position", "name", "file"], &["file", "position"]] {
                let query = self.query(partitions, filter.clone()).select_columns(columns).unwrap();
                let found = rows(query).await.unwrap();
                if let Some(ids) = found.column_by_name("id") {
                    let places: Vec<(i64, i64)> = ids.as_primitive::<Int64Type>().values().iter().map(|id| self.place(*id)).collect();
                    assert_eq!(places_of(&found), places, "{filter:?}");
                }
                let mut places = places_of(&found);
                places.sort_unstable();
                assert!(places == wanted, "{filter:?} {columns:?}: {} rows, not {}", places.len(), wanted.len());
            }
        }
    }
}

/// The columns `file` and `position`.
fn places_of(batch: &RecordBatch) -> Vec<(i64, i64)> {
    let values = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec();
    values("file").into_iter().zip(values("position")).collect()
}

#[tokio::test]
async fn rows_know_their_place() {
    let fixture = Fixture::new().await;
    let id = || col("id");
    fixture.check(None, |_| true).await;
    // Files and row groups are left out.
    fixture.check(Some(id().gt_eq(lit(262_100_i64))), |id| id >= 262_100).await;
    fixture.check(Some(id().gt(lit(FIRST + 480))), |id| id > FIRST + 480).await;
    // Conditions on one column, on two, and on more than the decoder takes.
    fixture.check(Some(col("n").eq(lit(999_i64))), |id| id % 1000 == 999).await;
    fixture.check(Some(col("n").lt(lit(3_i64)).and(col("name").is_null())), |id| id % 1000 < 3 && id % 5 == 0).await;
    fixture.check(Some(col("n").eq(lit(18_i64)).and(id().lt(lit(140_000_i64)))), |id| id % 1000 == 18 && id < 140_000).await;
    fixture.check(Some(lit(false)), |_| false).await;
    let many = [(2, 1), (3, 2), (5, 3), (7, 4), (11, 5), (13, 6), (4, 1), (6, 5)];
    let apart = many.iter().map(|(divisor, rest)| ((id() + col("n") * lit(0_i64)) % lit(*divisor)).not_eq(lit(*rest)));
    fixture.check(apart.reduce(Expr::and), move |id| many.iter().all(|(divisor, rest)| id % divisor != *rest)).await;
}

#[tokio::test]
async fn conditions_may_read_the_identity() {
    let fixture = Fixture::new().await;
    let (first, second) = (fixture.table.files[0].id, fixture.table.files[1].id);
    let position = |id: i64| if id < FIRST { id } else { id - FIRST };
    let (file, place) = (|| col("file"), || col("position"));
    fixture.check(Some(place().lt(lit(100_i64))), |id| position(id) < 100).await;
    fixture.check(Some(file().eq(lit(second))), |id| id >= FIRST).await;
    fixture
        .check(Some(file().eq(lit(first)).and(place().in_list(vec![lit(5_i64), lit(262_150_i64), lit(-1_i64)], false))), |id| {
            id == 5 || id == 262_150
        })
        .await;
    fixture.check(Some(place().eq(col("n"))), |id| position(id) == id % 1000).await;
    fixture.check(Some(place().gt(lit(290_000_i64)).and(col("n").eq(lit(1_i64)))), |id| id % 1000 == 1 && position(id) > 290_000).await;
    fixture.check(Some(file().is_null().or(place().is_null())), |_| false).await;
    fixture
        .check(Some((file() + place()).eq(lit(first + 7))), |id| {
            let (file, place) = fixture.place(id);
            file + place == first + 7
        })
        .await;
}

#[tokio::test]
async fn limits_keep_places_right() {
    let fixture = Fixture::new().await;
    for (filter, limit) in [(None, 10), (Some(col("n").eq(lit(5_i64))), 120), (Some(col("position").gt(lit(299_000_i64))), 1200)] {
        let query = fixture.query(3, filter).limit(0, Some(limit)).unwrap();
        let found = rows(query).await.unwrap();
        assert!((1..=limit).contains(&found.num_rows()));
        let ids = found.column(0).as_primitive::<Int64Type>().values();
        assert!(ids.iter().all(|id| !is_deleted(*id)));
        assert_eq!(places_of(&found), ids.iter().map(|id| fixture.place(*id)).collect::<Vec<_>>());
    }
}

/// Rows of the same file are read by different partitions, and each in the file's order.
#[tokio::test]
async fn partitions_share_files() {
    let fixture = Fixture::new().await;
    let plan = fixture.query(3, None).select_columns(&["position", "id"]).unwrap().create_physical_plan().await.unwrap();
    let mut readers = 0;
    for partition in 0..plan.properties().output_partitioning().partition_count() {
        let context = datafusion::prelude::SessionContext::new().task_ctx();
        let batches: Vec<RecordBatch> = plan.execute(partition, context).unwrap().try_collect().await.unwrap();
        let mut ids = Vec::new();
        for batch in &batches {
            assert_eq!(batch.schema().field(0).data_type(), &DataType::Int64);
            let columns = [0, 1].map(|column| batch.column(column).as_primitive::<Int64Type>().values().to_vec());
            assert!(columns[0].iter().zip(&columns[1]).all(|(position, id)| *position == fixture.place(*id).1));
            ids.extend_from_slice(&columns[1]);
        }
        assert!(ids.is_sorted());
        readers += usize::from(ids.first().is_some_and(|id| *id < FIRST));
    }
    assert!(readers > 1);
}

#[tokio::test]
async fn the_plan_shows_what_is_asked() {
    let fixture = Fixture::new().await;
    let query = fixture.query(2, Some(col("position").lt(lit(3_i64)).and(col("id").gt(lit(1_i64)))));
    let plan = query.select_columns(&["id", "file"]).unwrap().create_physical_plan().await.unwrap();
    assert!(plan.downcast_ref::<ScanExec>().is_some(), "nothing is filtered again: {}", displayable(plan.as_ref()).indent(false));
    let line = displayable(plan.as_ref()).one_line().to_string();
    assert!(line.contains("projection=[id, file], filters=[position@4 < 3, id@0 > 1]"), "{line}");
    assert!(!plan.schema().field_with_name("file").unwrap().is_nullable());

    let plan = fixture.query(2, None).create_physical_plan().await.unwrap();
    let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()).unwrap();
    assert_eq!(statistics.column_statistics.len(), 5);
    assert!(matches!(statistics.column_statistics[0].max_value, Precision::Inexact(_)));
    for own in &statistics.column_statistics[3..] {
        assert_eq!((&own.min_value, &own.max_value, &own.null_count), (&Precision::Absent, &Precision::Absent, &Precision::Absent));
    }
    let counted = fixture.query(2, Some(col("position").eq(lit(3_i64)))).aggregate(vec![], vec![count_all()]).unwrap();
    assert_eq!(rows(counted).await.unwrap().column(0).as_primitive::<Int64Type>().value(0), 2);
}

/// Places need no column of the file at all, so none is read.
#[tokio::test]
async fn only_what_is_asked_is_read() {
    let fixture = Fixture::new().await;
    let bytes = |columns: &'static [&'static str], filter: Option<Expr>| {
        let query = fixture.query(1, filter).select_columns(columns).unwrap();
        async move {
            let plan = query.create_physical_plan().await.unwrap();
            let stream = plan.execute(0, datafusion::prelude::SessionContext::new().task_ctx()).unwrap();
            let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
            let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
            (count as i64, plan.metrics().unwrap().sum_by_name("bytes_scanned").unwrap().as_usize())
        }
    };
    let live = (0..ALL).filter(|id| !is_deleted(*id)).count() as i64;
    assert_eq!(bytes(&["file", "position"], None).await, (live, 0));
    let second = fixture.table.files[1].id;
    assert_eq!(bytes(&["file"], Some(col("file").eq(lit(second)))).await.1, 0);
    let (found, of_filter) = bytes(&["file", "position"], Some(col("n").eq(lit(7_i64)))).await;
    assert_eq!(found, (0..ALL).filter(|id| !is_deleted(*id) && id % 1000 == 7).count() as i64);
    let (_, of_table) = bytes(&["id", "n", "name"], None).await;
    assert!(of_filter > 0 && of_filter < of_table, "{of_filter} of {of_table}");
}

/// Files that are not committed yet, columns that came later, and tables without rows.
#[tokio::test]
async fn unusual_tables_have_places_too() {
    let lake = Lake::new().await;
    let table = lake.create("t", &COLUMNS, &[]).await;
    assert_eq!(rows(scan_with_identity(&lake.storage, &table, 2)).await.unwrap().num_rows(), 0);
    let options = AppendOptions::default();
    let files = write::append(&lake.storage, &table, stream_of(vec![some_rows(0, 10)]), &options).await.unwrap();
    let mut transaction = lake.catalog.begin().await.unwrap();
    transaction.append_files(table.id, files).unwrap();
    let table = Arc::clone(transaction.snapshot().table(table.id).unwrap());
    let file = table.files[0].id;
    assert!(file < 0);
    let expected: Vec<(i64, i64)> = (0..10).map(|position| (file, position)).collect();
    assert_eq!(places_of(&rows(scan_with_identity(&lake.storage, &table, 2)).await.unwrap()), expected);

    let changes = write::write_deletes(&lake.storage, &table, &row_set([(file, 0), (file, 4)])).await.unwrap();
    transaction.delete_rows(table.id, changes).unwrap();
    let table = Arc::clone(transaction.snapshot().table(table.id).unwrap());
    let left = rows(scan_with_identity(&lake.storage, &table, 2)).await.unwrap();
    assert_eq!(places_of(&left), expected.iter().copied().filter(|(_, position)| ![0, 4].contains(position)).collect::<Vec<_>>());

    let mut later = table.as_ref().clone();
    later.columns.push(Column { initial_default: Some("7".to_owned()), ..Column::new(100, "later", PgType::INT4) });
    let later = Arc::new(later);
    let query = scan_with_identity(&lake.storage, &later, 1).filter(col("later").eq(lit(7))).unwrap();
    let found = rows(query.select_columns(&["later", "file", "position"]).unwrap()).await.unwrap();
    assert_eq!(places_of(&found), places_of(&left));
    assert_eq!(rows(scan(&lake.storage, &later, 1)).await.unwrap().num_columns(), 4, "nobody asked");
}
