//! Queries: rows, order, streaming, cancellation, panics.

use std::time::{Duration, Instant};

use futures::StreamExt;
use kura_engine::Outcome;
use kura_pgtypes::{Diagnostic, SqlState};
use tokio_util::sync::CancellationToken;

use crate::lake::Lake;

#[tokio::test]
async fn rows_come_back() {
    let lake = Lake::new().await;
    assert_eq!(lake.lines("SELECT 1 + 1, 'x' || 'y', NULL::int").await, ["2|xy|NULL"]);
    lake.setup(&["CREATE TABLE t (a int, b text)", "INSERT INTO t VALUES (3, 'c'), (1, 'a'), (2, NULL)"]).await;
    assert_eq!(lake.lines("SELECT * FROM t ORDER BY a").await, ["1|a", "2|NULL", "3|c"]);
    assert_eq!(lake.lines("SELECT count(*), sum(a), min(b) FROM t").await, ["3|6|a"]);
    assert_eq!(lake.lines("SELECT x.a, y.a FROM t x JOIN t y ON x.a = y.a + 1 ORDER BY 1").await, ["2|1", "3|2"]);
}

#[tokio::test]
async fn order_holds_over_partitions() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int)"]).await;
    for start in [2, 1, 0] {
        lake.setup(&[&format!("INSERT INTO t SELECT g FROM generate_series({start}, 30000, 3) g")]).await;
    }
    let rows = lake.lines("SELECT a FROM t ORDER BY a DESC").await;
    assert_eq!(rows.len(), 30_001);
    let numbers: Vec<i64> = rows.iter().map(|row| row.parse().expect("a number")).collect();
    assert!(numbers.is_sorted_by(|one, next| one > next));
}

#[tokio::test]
async fn a_cross_join_is_cancelled_at_once() {
    let lake = Lake::new().await;
    let cancel = CancellationToken::new();
    let sql = "SELECT count(*) FROM generate_series(1, 1000000) a CROSS JOIN generate_series(1, 1000000) b WHERE a + b < 0";
    let started = lake.start(sql, &cancel).await.expect("it starts");
    let Outcome::Rows { mut rows, .. } = started.outcome else { panic!("rows") };
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = Instant::now();
    cancel.cancel();
    let error = rows.next().await.expect("an answer").expect_err("cancelled").to_sql_error();
    assert!(asked.elapsed() < Duration::from_millis(200), "{:?}", asked.elapsed());
    assert_eq!((error.state, error.message.as_str()), (SqlState::QUERY_CANCELED, "canceling statement due to user request"));
    assert!(rows.next().await.is_none());
    // What it computed with is free again.
    assert_eq!(lake.lines("SELECT 1").await, ["1"]);
}

#[tokio::test]
async fn an_insert_is_cancelled_and_leaves_nothing() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a bigint)"]).await;
    let cancel = CancellationToken::new();
    let later = cancel.clone();
    let (started, ()) = tokio::join!(
        lake.start("INSERT INTO t SELECT a + b FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b", &cancel),
        async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            later.cancel();
        }
    );
    assert_eq!(started.map(|_| ()).expect_err("cancelled").state, SqlState::QUERY_CANCELED);
    assert_eq!(lake.lines("SELECT count(*) FROM t").await, ["0"]);
}

#[tokio::test]
async fn a_slow_reader_gets_everything() {
    let lake = Lake::with(|config| config.max_running = 1).await;
    let started = lake.start("SELECT g FROM generate_series(1, 100000) g", &CancellationToken::new()).await.expect("it starts");
    let Outcome::Rows { mut rows, .. } = started.outcome else { panic!("rows") };
    let mut count = rows.next().await.expect("a batch").expect("rows").num_rows();
    // Others run while this one waits for its reader, although only one may run at a time.
    assert_eq!(lake.lines("SELECT 1").await, ["1"]);
    while let Some(batch) = rows.next().await {
        count += batch.expect("rows").num_rows();
    }
    assert_eq!(count, 100_000);
}

#[tokio::test]
async fn errors_while_running_keep_their_state() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int)", "INSERT INTO t VALUES (0), (2147483647)"]).await;
    let error = lake.failure("SELECT 1 / a FROM t").await;
    assert_eq!((error.state, error.message.as_str()), (SqlState::DIVISION_BY_ZERO, "division by zero"));
    assert_eq!(lake.failure("SELECT a + 1 FROM t").await.state, SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
}
