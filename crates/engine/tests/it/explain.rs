//! EXPLAIN.

use crate::lake::Lake;

#[tokio::test]
async fn operators_with_the_names_of_the_tables() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int, b text)", "INSERT INTO t VALUES (1, 'x'), (2, 'y')"]).await;
    let plan = lake.lines("EXPLAIN SELECT b FROM t WHERE a > 1").await;
    let text = plan.join("\n");
    assert!(text.contains("ScanExec: table=t"), "{text}");
    assert!(!text.contains('#'), "{text}");
    let plan = lake.lines("EXPLAIN INSERT INTO t SELECT * FROM t").await;
    assert_eq!(plan.first().map(String::as_str), Some("Insert on t"));
    assert_eq!(lake.lines("SELECT count(*) FROM t").await, ["2"]);
}

#[tokio::test]
async fn analyze_tells_rows_and_times() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int)", "INSERT INTO t VALUES (1), (2), (3)"]).await;
    let text = lake.lines("EXPLAIN (ANALYZE, VERBOSE) SELECT a FROM t WHERE a > 1").await.join("\n");
    assert!(text.contains("rows=2"), "{text}");
    assert!(text.contains("Execution Time: "), "{text}");
    assert!(text.contains("Logical plan:"), "{text}");
}

#[tokio::test]
async fn json_is_one_document() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)"]).await;
    let rows = lake.lines("EXPLAIN (ANALYZE, FORMAT JSON) SELECT a FROM t").await;
    assert_eq!(rows.len(), 1);
    let document: serde_json::Value = serde_json::from_str(&rows[0]).expect("JSON");
    assert_eq!(document[0]["Rows"], 1);
    assert!(document[0]["Plan"]["Node Type"].is_string());
}
