//! Reading: pruning, conditions, limits, projections, deletes, statistics, cancellation.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::Int64Type;
use datafusion::common::stats::Precision;
use datafusion::functions_aggregate::count::count_all;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use kura_catalog::{Column, DataFile, DeleteFile, Table};
use kura_pgtypes::PgType;
use kura_storage::ScanExec;

use crate::lake::{Lake, client_error, ids, rows, scan, schema_of, stream_of};

const COLUMNS: [(&str, PgType); 4] = [("id", PgType::INT8), ("n", PgType::INT4), ("name", PgType::TEXT), ("x", PgType::FLOAT8)];

/// Rows `start..end`: `n` is NULL for every seventh, `name` has the id's digits.
fn some_rows(start: i64, end: i64) -> RecordBatch {
    let ids = || start..end;
    let n: Int32Array = ids().map(|id| (id % 7 != 0).then(|| i32::try_from(id % 100).unwrap())).collect();
    let name: StringViewArray = ids().map(|id| Some(format!("name {id}"))).collect();
    let x: Float64Array = ids().map(|id| Some(if id == 11 { f64::NAN } else { id as f64 / 2.0 })).collect();
    let columns: Vec<Arc<dyn Array>> = vec![Arc::new(Int64Array::from_iter_values(ids())), Arc::new(n), Arc::new(name), Arc::new(x)];
    RecordBatch::try_new(schema_of(&COLUMNS), columns).unwrap()
}

/// A table of four files with 1,000 rows each.
async fn four_files(lake: &Lake) -> Arc<Table> {
    let mut table = lake.create("t", &COLUMNS, &[]).await;
    for file in 0..4 {
        table = lake.append(&table, vec![some_rows(file * 1000, file * 1000 + 1000)]).await;
    }
    table
}

async fn plan_of(query: DataFrame) -> Arc<dyn ExecutionPlan> {
    query.create_physical_plan().await.unwrap()
}

fn scan_of(plan: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let mut node = Arc::clone(plan);
    while node.downcast_ref::<ScanExec>().is_none() {
        node = Arc::clone(node.children()[0]);
    }
    node
}

async fn line_of(query: DataFrame) -> String {
    displayable(scan_of(&plan_of(query).await).as_ref()).one_line().to_string().trim().to_owned()
}

async fn found(query: DataFrame) -> Vec<i64> {
    let all = rows(query).await.unwrap();
    all.column_by_name("id").unwrap().as_primitive::<Int64Type>().values().to_vec()
}

#[tokio::test]
async fn files_are_pruned_by_the_catalog() {
    let lake = Lake::new().await;
    let table = four_files(&lake).await;
    let query = |filter: Expr| scan(&lake.storage, &table, 2).filter(filter).unwrap();
    let late = col("id").gt_eq(lit(2500_i64)).and(col("id").lt(lit(2503_i64)));
    assert_eq!(
        line_of(query(late.clone())).await,
        "ScanExec: table=t, files=1/4, projection=[id, n, name, x], filters=[id@0 >= 2500, id@0 < 2503]"
    );
    assert_eq!(found(query(late)).await, [2500, 2501, 2502]);
    // Bounds of text, and of floating point where there may be NaN.
    assert!(line_of(query(col("name").eq(lit("name 3999")))).await.contains("files=2/4"), "\"name 999\" is the first one's last");
    assert!(line_of(query(col("x").gt(lit(1900.0)))).await.contains("files=2/4"), "the file with a NaN stays");
    assert_eq!(found(query(col("x").gt(lit(1999.0)))).await, [11, 3999], "NaN is greater than any number");
    assert!(line_of(query(col("n").is_null())).await.contains("files=4/4"));
    assert!(line_of(query(col("name").is_null())).await.contains("files=0/4"));
    assert_eq!(found(query(col("name").is_null())).await, [0_i64; 0]);
    assert_eq!(found(query(col("id").in_list(vec![lit(5_i64), lit(3001_i64), lit(-1_i64)], false))).await, [5, 3001]);
}

#[tokio::test]
async fn conditions_are_exact() {
    let lake = Lake::new().await;
    let table = four_files(&lake).await;
    let query = |filter: Expr| scan(&lake.storage, &table, 3).filter(filter).unwrap();
    let both = col("n").eq(lit(42)).and(col("name").not_eq(lit("name 1042")));
    let plan = plan_of(query(both.clone())).await;
    assert!(plan.downcast_ref::<ScanExec>().is_some(), "nothing is filtered again: {}", displayable(plan.as_ref()).indent(false));
    let expected: Vec<i64> = (0..4000).filter(|id| id % 100 == 42 && id % 7 != 0 && *id != 1042).collect();
    assert_eq!(found(query(both.clone())).await, expected);
    // The same on columns of the condition only, without it among the output, and with none at all.
    assert_eq!(found(query(both.clone()).select_columns(&["id", "n", "name"]).unwrap()).await, expected);
    let only = rows(query(both.clone()).select_columns(&["x"]).unwrap()).await.unwrap();
    assert_eq!(only.num_rows(), expected.len());
    let counted = rows(query(both).aggregate(vec![], vec![count_all()]).unwrap()).await.unwrap();
    assert_eq!(counted.column(0).as_primitive::<Int64Type>().value(0), expected.len() as i64);
    assert_eq!(found(query(col("n").is_null().and(col("id").lt(lit(30_i64))))).await, [0, 7, 14, 21, 28]);
    assert_eq!(found(query(lit(false))).await, [0_i64; 0]);
}

#[tokio::test]
async fn a_limit_ends_the_scan() {
    let lake = Lake::new().await;
    let table = four_files(&lake).await;
    let query = scan(&lake.storage, &table, 2).limit(0, Some(10)).unwrap();
    let line = line_of(query.clone()).await;
    assert!(line.contains("files=1/4") && line.ends_with("limit=10"), "{line}");
    assert_eq!(rows(query).await.unwrap().num_rows(), 10);
    let filtered = scan(&lake.storage, &table, 2).filter(col("id").gt_eq(lit(1995_i64))).unwrap().limit(0, Some(8)).unwrap();
    assert_eq!(rows(filtered).await.unwrap().num_rows(), 8);
    let skipped = scan(&lake.storage, &table, 2).limit(3_998, Some(10)).unwrap();
    assert_eq!(rows(skipped).await.unwrap().num_rows(), 2);
}

#[tokio::test]
async fn counting_reads_nothing() {
    let lake = Lake::new().await;
    let table = four_files(&lake).await;
    for file in lake.files() {
        std::fs::remove_file(file).unwrap();
    }
    let counted = rows(scan(&lake.storage, &table, 2).aggregate(vec![], vec![count_all()]).unwrap()).await.unwrap();
    assert_eq!(counted.column(0).as_primitive::<Int64Type>().value(0), 4000);
    let plan = plan_of(scan(&lake.storage, &table, 2)).await;
    let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()).unwrap();
    assert_eq!(statistics.num_rows, Precision::Exact(4000));
    assert!(matches!(statistics.column_statistics[0].max_value, Precision::Inexact(_)), "bounds are never answers");
}

#[tokio::test]
async fn projections_keep_their_order() {
    let lake = Lake::new().await;
    let table = four_files(&lake).await;
    let turned = rows(scan(&lake.storage, &table, 2).select_columns(&["name", "id"]).unwrap()).await.unwrap();
    assert_eq!(turned.num_rows(), 4000);
    assert_eq!(turned.column(0).as_string_view().value(1234), "name 1234");
    assert_eq!(turned.column(1).as_primitive::<Int64Type>().value(1234), 1234);
}

#[tokio::test]
async fn metrics_tell_what_was_read() {
    let lake = Lake::new().await;
    let table = four_files(&lake).await;
    let plan = plan_of(scan(&lake.storage, &table, 1).filter(col("id").eq(lit(1_i64))).unwrap()).await;
    let context = datafusion::prelude::SessionContext::new().task_ctx();
    let mut stream = plan.execute(0, context).unwrap();
    while let Some(batch) = stream.next().await {
        batch.unwrap();
    }
    let metrics = scan_of(&plan).metrics().unwrap();
    let value = |name: &str| metrics.sum_by_name(name).unwrap().as_usize();
    assert_eq!((value("files_total"), value("files_pruned"), value("row_groups_total")), (4, 3, 1));
    assert!(value("bytes_scanned") > 0 && metrics.output_rows() == Some(1));
}

#[tokio::test]
async fn an_empty_table_has_no_rows() {
    let lake = Lake::new().await;
    let table = lake.create("t", &COLUMNS, &[]).await;
    assert_eq!(rows(scan(&lake.storage, &table, 4)).await.unwrap().num_rows(), 0);
    let filtered = scan(&lake.storage, &table, 4).filter(col("id").eq(lit(1_i64))).unwrap();
    assert_eq!(rows(filtered).await.unwrap().num_rows(), 0);
}

/// Writes a delete file for a data file and returns the table with it.
async fn deleting(lake: &Lake, table: &Table, file: usize, positions: Vec<i64>) -> Arc<Table> {
    let delete_count = positions.len() as u64;
    let holder = lake.create(&format!("deletes_{file}"), &[("pos", PgType::INT8)], &[]).await;
    let schema = schema_of(&[("pos", PgType::INT8)]);
    let batch = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(positions))]).unwrap();
    // The same columns under the ids delete files have.
    let mut disguised = holder.as_ref().clone();
    disguised.columns = vec![Column::new(2_147_483_645, "pos", PgType::INT8)];
    let written = kura_storage::write::append(&lake.storage, &disguised, stream_of(vec![batch]), &Default::default()).await.unwrap();
    let delete = DeleteFile {
        id: 1,
        path: format!("{}{}", holder.path, written[0].path),
        delete_count,
        file_size: written[0].file_size,
        footer_size: written[0].footer_size,
    };
    let mut files: Vec<Arc<DataFile>> = table.files.to_vec();
    let mut changed = files[file].as_ref().clone();
    changed.deletes = Some(delete);
    files[file] = Arc::new(changed);
    let mut table = table.clone();
    table.record_count -= delete_count;
    table.files = Arc::new(files);
    Arc::new(table)
}

#[tokio::test]
async fn deleted_rows_stay_away() {
    let lake = Lake::new().await;
    let table = four_files(&lake).await;
    let table = deleting(&lake, &table, 1, vec![0, 1, 2, 500, 999]).await;
    let table = deleting(&lake, &table, 3, (0..1000).collect()).await;
    let gone = [1000, 1001, 1002, 1500, 1999];
    let expected: Vec<i64> = (0..3000).filter(|id| !gone.contains(id)).collect();
    let query = || scan(&lake.storage, &table, 2);
    assert_eq!(found(query()).await, expected);
    let filtered: Vec<i64> = expected.iter().copied().filter(|id| id % 100 == 0 && id % 7 != 0).collect();
    assert_eq!(found(query().filter(col("n").eq(lit(0))).unwrap()).await, filtered);
    let counted = rows(query().aggregate(vec![], vec![count_all()]).unwrap()).await.unwrap();
    assert_eq!(counted.column(0).as_primitive::<Int64Type>().value(0), expected.len() as i64);
    let some = rows(query().filter(col("id").gt_eq(lit(1000_i64))).unwrap().limit(0, Some(4)).unwrap()).await.unwrap();
    assert_eq!(some.num_rows(), 4);
}

#[tokio::test]
async fn columns_that_came_later_have_their_first_default() {
    let lake = Lake::new().await;
    let table = four_files(&lake).await;
    let mut table = table.as_ref().clone();
    table.columns.push(Column { initial_default: Some("2.50".to_owned()), ..Column::new(100, "price", PgType::numeric(10, 2)) });
    table.columns.push(Column::new(101, "note", PgType::TEXT));
    // A widened column, and a renamed one.
    table.columns[1].ty = PgType::INT8;
    table.columns[2].name = "title".to_owned();
    let table = Arc::new(table);
    let read = rows(scan(&lake.storage, &table, 2)).await.unwrap();
    assert_eq!(read.num_rows(), 4000);
    assert_eq!(read.column_by_name("note").unwrap().null_count(), 4000);
    assert_eq!(read.column_by_name("n").unwrap().as_primitive::<Int64Type>().value(1), 1);
    assert_eq!(read.column_by_name("title").unwrap().as_string_view().value(7), "name 7");
    let price = |id: i64| scan(&lake.storage, &table, 2).filter(col("price").eq(lit(2.5)).and(col("id").eq(lit(id)))).unwrap();
    assert_eq!(found(price(17)).await, [17]);
}

#[tokio::test]
async fn errors_of_conditions_are_the_clients() {
    let lake = Lake::new().await;
    let table = four_files(&lake).await;
    let query = scan(&lake.storage, &table, 2).filter((lit(1_i64) / (col("id") - lit(5_i64))).gt(lit(0_i64))).unwrap();
    let error = rows(query).await.unwrap_err();
    assert!(error.to_string().contains("Divide by zero"), "{error}");
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let lake = Lake::new().await;
    let table = four_files(&lake).await;
    std::fs::remove_file(lake.storage.root().join(&table.files[2].path)).unwrap();
    let error = client_error(&rows(scan(&lake.reopened(), &table, 2)).await.unwrap_err());
    assert_eq!(error.state.code(), "XX001");
    assert!(error.message.contains(&table.files[2].path), "{error}");
}

#[tokio::test]
async fn a_big_table_is_split_among_partitions() {
    let lake = Lake::new().await;
    let table = lake.create("t", &[("id", PgType::INT8)], &[]).await;
    let table = lake.append(&table, vec![ids(0, 300_000)]).await;
    assert_eq!(table.files.len(), 1);
    let plan = plan_of(scan(&lake.storage, &table, 3)).await;
    let partitions = plan.properties().output_partitioning().partition_count();
    assert_eq!(partitions, 3);
    let mut each = Vec::new();
    for partition in 0..partitions {
        let context = datafusion::prelude::SessionContext::new().task_ctx();
        let mut stream = plan.execute(partition, context).unwrap();
        let mut count = 0;
        while let Some(batch) = stream.next().await {
            count += batch.unwrap().num_rows();
        }
        each.push(count);
    }
    assert_eq!(each.iter().sum::<usize>(), 300_000);
    assert!(each.iter().filter(|count| **count > 0).count() >= 2, "{each:?}");
    // Row groups are skipped by their own bounds.
    let plan = plan_of(scan(&lake.storage, &table, 1).filter(col("id").gt(lit(299_990_i64))).unwrap()).await;
    let mut stream = plan.execute(0, datafusion::prelude::SessionContext::new().task_ctx()).unwrap();
    let mut count = 0;
    while let Some(batch) = stream.next().await {
        count += batch.unwrap().num_rows();
    }
    let metrics = scan_of(&plan).metrics().unwrap();
    assert_eq!((count, metrics.sum_by_name("row_groups_pruned").unwrap().as_usize()), (9, 2));
}

#[tokio::test]
async fn a_scan_that_stops_has_read_little() {
    let lake = Lake::new().await;
    let table = lake.create("t", &[("id", PgType::INT8)], &[]).await;
    let table = lake.append(&table, vec![ids(0, 260_000)]).await;
    let plan = plan_of(scan(&lake.storage, &table, 1)).await;
    let mut stream = plan.execute(0, datafusion::prelude::SessionContext::new().task_ctx()).unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    let read = scan_of(&plan).metrics().unwrap().sum_by_name("bytes_scanned").unwrap().as_usize() as u64;
    assert!(read > 0 && read < table.files[0].file_size / 2, "{read} of {}", table.files[0].file_size);
}
