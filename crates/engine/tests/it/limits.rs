//! Statements that want more than there is: an error or a right answer, never the end of the process.

use std::time::Duration;

use kura_pgtypes::SqlState;

use crate::lake::Lake;

const SMALL: u64 = 24 << 20;

#[tokio::test]
async fn a_join_that_does_not_fit_is_refused() {
    let lake = Lake::with(|config| config.memory_limit = SMALL).await;
    let sql = "SELECT count(*) FROM (SELECT g, repeat('x', 100) || g AS s FROM generate_series(1, 500000) g) a \
               JOIN (SELECT g, repeat('y', 100) || g AS s FROM generate_series(1, 500000) g) b ON a.g = b.g AND a.s < b.s";
    let error = lake.failure(sql).await;
    assert_eq!(error.state, SqlState::OUT_OF_MEMORY, "{error:?}");
    assert_eq!(lake.lines("SELECT 1").await, ["1"]);
}

/// DataFusion 55.2 may hang here when repartitioning spills (apache/datafusion#24883).
#[tokio::test]
async fn a_sort_and_an_aggregation_that_do_not_fit_spill_and_end() {
    let lake = Lake::with(|config| config.memory_limit = SMALL).await;
    for sql in [
        "SELECT count(*), sum(length(s)) FROM (SELECT repeat('x', 50) || g AS s FROM generate_series(1, 400000) g ORDER BY 1 DESC OFFSET 1) o",
        "SELECT count(*) FROM (SELECT repeat('x', 50) || g AS s, count(*) FROM generate_series(1, 400000) g GROUP BY 1) o",
    ] {
        let answer = tokio::time::timeout(Duration::from_secs(120), lake.query(sql)).await.expect("it does not hang");
        match answer {
            Ok(rows) => assert!(rows[0][0].starts_with("39999") || rows[0][0] == "400000", "{rows:?}"),
            Err(error) => assert_eq!(error.state, SqlState::OUT_OF_MEMORY, "{error:?}"),
        }
    }
}

#[tokio::test]
async fn long_chains() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)"]).await;
    let chain = |item: &str, by: &str, times: usize| vec![item; times].join(by);
    let answers = [
        (format!("SELECT {}", chain("1", "+", 20_000)), None),
        (format!("SELECT {} FROM t", chain("a", "+", 200)), Some("200")),
        (format!("SELECT count(*) FROM t WHERE {}", chain("a = 0", " OR ", 10_000)), Some("0")),
        (format!("SELECT count(*) FROM t WHERE {}", chain("a + 0 = 1", " AND ", 5_000)), Some("1")),
        (chain("SELECT 1", " UNION ALL ", 5_000), None),
        (format!("SELECT count(*) FROM ({}) u", chain("SELECT 1", " UNION ALL ", 500)), Some("500")),
        (format!("SELECT {}1{}", "(".repeat(100), ")".repeat(100)), Some("1")),
        (format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000)), None),
        (format!("SELECT {}a FROM t", "- ".repeat(200)), Some("1")),
    ];
    for (sql, expected) in answers {
        let shown: String = sql.chars().take(60).collect();
        match (lake.query(&sql).await, expected) {
            (Ok(rows), Some(expected)) => assert_eq!(rows, [[expected]], "{shown}"),
            (Ok(rows), None) => panic!("{shown} answered {} rows", rows.len()),
            (Err(error), None) => assert_eq!(error.state, SqlState::STATEMENT_TOO_COMPLEX, "{shown}: {error:?}"),
            (Err(error), Some(_)) => panic!("{shown}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn values_beyond_any_measure() {
    let lake = Lake::new().await;
    for sql in [
        "SELECT length(repeat('x', 2000000000))",
        "SELECT lpad('x', 2147483647, 'y')",
        "SELECT length(repeat(repeat('x', 100000000), 100))",
    ] {
        let error = lake.failure(sql).await;
        assert!(["54000", "53200"].contains(&error.state.code()), "{sql}: {error:?}");
    }
}
