//! Definitions, INSERT and CREATE TABLE AS.

use kura_pgtypes::SqlState;
use tokio_util::sync::CancellationToken;

use crate::lake::{Lake, commit};

#[tokio::test]
async fn tags() {
    let lake = Lake::new().await;
    for (sql, tag) in [
        ("CREATE SCHEMA s", "CREATE SCHEMA"),
        ("CREATE SCHEMA IF NOT EXISTS s", "CREATE SCHEMA"),
        ("CREATE TABLE s.t (a int NOT NULL, b text DEFAULT 'x')", "CREATE TABLE"),
        ("CREATE TABLE IF NOT EXISTS s.t (a int)", "CREATE TABLE"),
        ("INSERT INTO s.t (a) VALUES (1), (2)", "INSERT 0 2"),
        ("CREATE TABLE u AS SELECT a, b FROM s.t", "SELECT 2"),
        ("CREATE TABLE e AS SELECT a FROM s.t WITH NO DATA", "CREATE TABLE AS"),
        ("CREATE VIEW v AS SELECT a FROM u", "CREATE VIEW"),
        ("COMMENT ON TABLE u IS 'a copy'", "COMMENT"),
        ("COMMENT ON COLUMN u.a IS 'a number'", "COMMENT"),
        ("COMMENT ON VIEW v IS 'a view'", "COMMENT"),
        ("CREATE OR REPLACE VIEW v AS SELECT a, a + 1 AS c FROM u", "CREATE VIEW"),
        ("DROP TABLE e", "DROP TABLE"),
        ("DROP TABLE IF EXISTS e", "DROP TABLE"),
        ("DROP VIEW v", "DROP VIEW"),
        ("DROP SCHEMA s CASCADE", "DROP SCHEMA"),
    ] {
        assert_eq!(lake.command(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")), tag, "{sql}");
    }
    assert_eq!(lake.lines("SELECT * FROM u ORDER BY a").await, ["1|x", "2|x"]);
}

#[tokio::test]
async fn not_null_is_kept() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int, b text NOT NULL, c numeric(6,2))"]).await;
    let error = lake.command("INSERT INTO t VALUES (1, 'x', 1.5), (2, NULL, 2.25)").await.expect_err("a NULL");
    assert_eq!(error.state, SqlState::NOT_NULL_VIOLATION);
    assert_eq!(error.message, "null value in column \"b\" of relation \"t\" violates not-null constraint");
    assert_eq!(error.detail.as_deref(), Some("Failing row contains (2, null, 2.25)."));
    assert_eq!(lake.lines("SELECT count(*) FROM t").await, ["0"]);
}

#[tokio::test]
async fn long_values_in_details_are_cut() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a text, b int NOT NULL)"]).await;
    let error = lake.command("INSERT INTO t VALUES (repeat('x', 100), NULL)").await.expect_err("a NULL");
    assert_eq!(error.detail, Some(format!("Failing row contains ({}..., null).", "x".repeat(64))));
}

#[tokio::test]
async fn a_race_for_a_name_has_one_winner() {
    let lake = Lake::new().await;
    let cancel = CancellationToken::new();
    let one = lake.start("CREATE TABLE t (a int)", &cancel).await.expect("free for this transaction");
    let two = lake.start("CREATE TABLE t (b int)", &cancel).await.expect("free for this transaction");
    let (one, two) = (one.into_transaction(), two.into_transaction());
    commit(one).await.expect("the first commit");
    assert_eq!(commit(two).await.expect_err("the second").state, SqlState::T_R_SERIALIZATION_FAILURE);
}

#[tokio::test]
async fn many_rows_of_values() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int, b text)"]).await;
    let rows: Vec<String> = (0..2000).map(|n| format!("({n}, 'row {n}')")).collect();
    assert_eq!(lake.command(&format!("INSERT INTO t VALUES {}", rows.join(", "))).await.expect("an insert"), "INSERT 0 2000");
    assert_eq!(lake.lines("SELECT count(*), min(a), max(a), count(DISTINCT b) FROM t").await, ["2000|0|1999|2000"]);
}
