//! Writing: bounds, failures, abandonment.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, stream};
use kura_catalog::Transform;
use kura_pgtypes::{Diagnostic, PgType, SqlError, SqlState};
use kura_storage::write::{self, AppendOptions};

use crate::lake::{Lake, ids, rows, scan, schema_of, stream_of};
use crate::values::{borrowed, every_type, random_rows};

fn small() -> AppendOptions {
    AppendOptions { memory_bytes: 1 << 16, file_bytes: 1 << 14, open_files: 2 }
}

/// Batches of 1,000 ids, and then whatever `end` is.
fn endless(
    batches: i64,
    end: impl futures::Stream<Item = Result<RecordBatch, DataFusionError>> + Send + 'static,
) -> SendableRecordBatchStream {
    let first = stream::iter((0..batches).map(|batch| Ok(ids(batch * 1000, batch * 1000 + 1000))));
    Box::pin(RecordBatchStreamAdapter::new(schema_of(&[("id", PgType::INT8)]), first.chain(end)))
}

#[tokio::test]
async fn small_bounds_lose_nothing() {
    let lake = Lake::new().await;
    let columns = every_type();
    let table = lake.create("t", &borrowed(&columns), &[]).await;
    let batches: Vec<RecordBatch> = (0..8).map(|seed| random_rows(&columns, seed as i64 * 100, 100, seed)).collect();
    let files = write::append(&lake.storage, &table, stream_of(batches.clone()), &small()).await.unwrap();
    assert!(files.len() > 1, "a file ends when it is large enough");
    assert_eq!(files.iter().map(|file| file.record_count).sum::<u64>(), 800);
    for file in &files {
        let path = lake.storage.root().join(&table.path).join(&file.path);
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(bytes.len() as u64, file.file_size);
        let length = bytes[bytes.len() - 8..].first_chunk::<4>().copied().map(u32::from_le_bytes).unwrap();
        assert_eq!(u64::from(length), file.footer_size);
    }
    let mut transaction = lake.catalog.begin().await.unwrap();
    transaction.append_files(table.id, files).unwrap();
    transaction.commit().await.unwrap();
    let table = lake.table("t").await;
    let expected = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
    let read = rows(scan(&lake.storage, &table, 2)).await.unwrap();
    assert_eq!(read.columns(), expected.columns());
}

#[tokio::test]
async fn no_rows_make_no_files() {
    let lake = Lake::new().await;
    let table = lake.create("t", &[("id", PgType::INT8)], &[]).await;
    for batches in [0, 1] {
        let empty = stream::iter((0..batches).map(|_| Ok(ids(0, 0))));
        let input = Box::pin(RecordBatchStreamAdapter::new(schema_of(&[("id", PgType::INT8)]), empty));
        let files = write::append(&lake.storage, &table, input, &AppendOptions::default()).await.unwrap();
        assert!(files.is_empty());
    }
    assert!(lake.files().is_empty());
}

#[tokio::test]
async fn an_error_of_the_input_leaves_nothing() {
    let lake = Lake::new().await;
    let table = lake.create("t", &[("id", PgType::INT8)], &[]).await;
    let failure = SqlError::new(SqlState::DIVISION_BY_ZERO, "division by zero");
    let input = endless(60, stream::once(async move { Err(DataFusionError::External(Box::new(failure))) }));
    let error = write::append(&lake.storage, &table, input, &small()).await.unwrap_err();
    assert_eq!((error.sqlstate().code(), error.to_string().as_str()), ("22012", "division by zero"));
    gone(&lake).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_append_leaves_nothing() {
    for partitioned in [false, true] {
        let lake = Lake::new().await;
        let partition = [("id", Transform::Bucket(5))];
        let table = lake.create("t", &[("id", PgType::INT8)], if partitioned { &partition } else { &[] }).await;
        let input = endless(200, stream::pending());
        let storage = Arc::clone(&lake.storage);
        let running = tokio::spawn(async move { write::append(&storage, &table, input, &small()).await.map(|files| files.len()) });
        for _ in 0..500 {
            if lake.files().len() > 3 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!lake.files().is_empty(), "it has begun to write");
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        gone(&lake).await;
    }
}

/// Files that are being written when their append ends are removed a moment later.
async fn gone(lake: &Lake) {
    for _ in 0..500 {
        if lake.files().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("left behind: {:?}", lake.files());
}

#[tokio::test]
async fn discarded_files_are_removed() {
    let lake = Lake::new().await;
    let table = lake.create("t", &[("id", PgType::INT8)], &[]).await;
    let files = write::append(&lake.storage, &table, stream_of(vec![ids(0, 10)]), &AppendOptions::default()).await.unwrap();
    assert_eq!(lake.files().len(), 1);
    write::discard(&lake.storage, &table, &files).await;
    assert!(lake.files().is_empty());
}

#[tokio::test]
async fn columns_are_counted() {
    let lake = Lake::new().await;
    let table = lake.create("t", &[("id", PgType::INT8), ("n", PgType::INT4)], &[]).await;
    let error = write::append(&lake.storage, &table, stream_of(vec![ids(0, 10)]), &AppendOptions::default()).await.unwrap_err();
    assert_eq!(error.sqlstate().code(), "XX000");
}
