//! COPY between tables, clients and files.

use kura_engine::Outcome;
use kura_pgtypes::{Diagnostic, SqlState};
use tokio_util::sync::CancellationToken;

use crate::lake::{Lake, commit};

#[tokio::test]
async fn from_a_client_in_pieces() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int, b text, c date DEFAULT '2024-02-29')"]).await;
    assert_eq!(lake.copy_in("COPY t (a, b) FROM STDIN", &["1\to", "ne\n2\t", "\\N\n3\t\\\\x\n"]).await.expect("valid data"), "COPY 3");
    assert_eq!(lake.lines("SELECT * FROM t ORDER BY a").await, ["1|one|2024-02-29", "2|NULL|2024-02-29", "3|\\x|2024-02-29"]);
    let csv = lake.copy_in("COPY t (b, a) FROM STDIN (FORMAT csv, HEADER)", &["b,a\n\"x, \"\"y\"\"\",4\n"]).await;
    assert_eq!(csv.expect("valid data"), "COPY 1");
    assert_eq!(lake.lines("SELECT b FROM t WHERE a = 4").await, ["x, \"y\""]);
}

#[tokio::test]
async fn a_broken_row_loads_nothing() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int, b text NOT NULL)"]).await;
    let error = lake.copy_in("COPY t FROM STDIN", &["1\tx\n", "two\ty\n"]).await.expect_err("no number");
    assert_eq!(error.state, SqlState::INVALID_TEXT_REPRESENTATION);
    assert_eq!(error.context.as_deref(), Some("COPY t, line 2, column a: \"two\""));
    let error = lake.copy_in("COPY t FROM STDIN", &["1\t\\N\n"]).await.expect_err("a NULL");
    assert_eq!(error.state, SqlState::NOT_NULL_VIOLATION);
    assert_eq!(lake.lines("SELECT count(*) FROM t").await, ["0"]);
}

#[tokio::test]
async fn a_load_given_up_loads_nothing() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int)"]).await;
    for give_up in ["abort", "drop", "cancel"] {
        let cancel = CancellationToken::new();
        let started = lake.start("COPY t FROM STDIN", &cancel).await.expect("it starts");
        let (outcome, transaction) = started.into_parts();
        let Outcome::CopyIn(mut copy) = outcome else { panic!("a COPY") };
        assert_eq!(copy.columns, 1);
        copy.send("1\n2\n".into()).await.expect("valid data");
        match give_up {
            "abort" => {
                let error = copy.abort("no more").await.to_sql_error();
                assert_eq!((error.state, error.message.as_str()), (SqlState::QUERY_CANCELED, "COPY from stdin failed: no more"));
            }
            "cancel" => {
                cancel.cancel();
                let error = copy.finish().await.expect_err("cancelled").to_sql_error();
                assert_eq!(error.state, SqlState::QUERY_CANCELED);
            }
            _ => drop(copy),
        }
        commit(transaction).await.expect("nothing to commit");
    }
    assert_eq!(lake.lines("SELECT count(*) FROM t").await, ["0"]);
}

#[tokio::test]
async fn to_a_client() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int, b text)", "INSERT INTO t VALUES (1, 'x\ty'), (2, NULL)"]).await;
    let (text, rows) = lake.copy_out("COPY (SELECT * FROM t ORDER BY a) TO STDOUT").await.expect("a copy");
    assert_eq!((text.as_str(), rows), ("1\tx\\ty\n2\t\\N\n", 2));
    let (text, _) = lake.copy_out("COPY (SELECT * FROM t ORDER BY a) TO STDOUT (FORMAT csv, HEADER)").await.expect("a copy");
    assert_eq!(text, "a,b\n1,x\ty\n2,\n");
    assert_eq!(lake.copy_out("COPY (SELECT 1 / 0) TO STDOUT").await.expect_err("an error").state, SqlState::DIVISION_BY_ZERO);
}

#[tokio::test]
async fn through_files_of_every_kind() {
    let lake = Lake::new().await;
    lake.setup(&[
        "CREATE TABLE t (i int, n numeric(10,2), t text, d date, ts timestamptz, b boolean, l int[], y bytea, u uuid, f float8)",
        "INSERT INTO t VALUES (1, 1.50, 'x,\"y', '2024-02-29', '2024-02-29 12:00+00', true, '{1,2,NULL}', '\\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1.5),
           (2, -0.01, '', '0001-01-01', '1969-12-31 23:59:59.999999+00', false, '{}', '', NULL, 'NaN'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    ])
    .await;
    let original = lake.lines("SELECT * FROM t ORDER BY i").await;
    for (format, options) in [("parquet", ""), ("csv", ""), ("csv", ", HEADER"), ("text", ""), ("json", "")] {
        let path = lake.file(&format!("out.{format}"));
        let path = path.display();
        let tag = lake.command(&format!("COPY t TO '{path}' (FORMAT {format}{options})")).await;
        assert_eq!(tag.unwrap_or_else(|error| panic!("{format}: {error:?}")), "COPY 3");
        lake.setup(&[
            "CREATE TABLE back (i int, n numeric(10,2), t text, d date, ts timestamptz, b boolean, l int[], y bytea, u uuid, f float8)",
        ])
        .await;
        let tag = lake.command(&format!("COPY back FROM '{path}' (FORMAT {format}{options})")).await;
        assert_eq!(tag.unwrap_or_else(|error| panic!("{format}: {error:?}")), "COPY 3");
        assert_eq!(lake.lines("SELECT * FROM back ORDER BY i").await, original, "{format}");
        lake.setup(&["DROP TABLE back"]).await;
    }
}

#[tokio::test]
async fn parquet_columns_are_found_by_name_and_converted() {
    let lake = Lake::new().await;
    let path = lake.file("in.parquet");
    let path = path.display();
    lake.command(&format!("COPY (SELECT 7::bigint AS b, '12' AS a, 1.25::float8 AS c) TO '{path}' (FORMAT parquet)"))
        .await
        .expect("a file");
    lake.setup(&["CREATE TABLE t (c numeric(10,1), b int, z text DEFAULT 'z')"]).await;
    lake.command(&format!("COPY t (b, c) FROM '{path}' (FORMAT parquet)")).await.expect("a load");
    assert_eq!(lake.lines("SELECT b, c, z FROM t").await, ["7|1.3|z"]);
    let error = lake.command(&format!("COPY t FROM '{path}' (FORMAT parquet)")).await.expect_err("no column z");
    assert_eq!(error.state, SqlState::UNDEFINED_COLUMN);
    lake.setup(&["CREATE TABLE d (c date)"]).await;
    let error = lake.command(&format!("COPY d FROM '{path}' (FORMAT parquet)")).await.expect_err("no date");
    assert_eq!(error.state, SqlState::DATATYPE_MISMATCH);
}

#[tokio::test]
async fn only_files_below_the_roots() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a text)"]).await;
    for path in ["/etc/passwd", "/proc/self/environ", "../catalog.sqlite"] {
        let error = lake.command(&format!("COPY t FROM '{path}'")).await.expect_err("outside");
        assert_eq!(error.state, SqlState::INSUFFICIENT_PRIVILEGE, "{path}: {error:?}");
    }
    let missing = lake.file("missing.csv");
    let error = lake.command(&format!("COPY t FROM '{}'", missing.display())).await.expect_err("missing");
    assert_eq!(error.state, SqlState::UNDEFINED_FILE);
}

#[tokio::test]
async fn files_by_pattern() {
    let lake = Lake::new().await;
    lake.setup(&["CREATE TABLE t (a int)"]).await;
    for number in 1..=3 {
        std::fs::write(lake.file(&format!("part-{number}.csv")), format!("a\n{number}\n")).expect("a file");
    }
    let pattern = lake.file("part-*.csv");
    let tag = lake.command(&format!("COPY t FROM '{}' (FORMAT csv, HEADER)", pattern.display())).await.expect("a load");
    assert_eq!(tag, "COPY 3");
    assert_eq!(lake.lines("SELECT a FROM t ORDER BY a").await, ["1", "2", "3"]);
}
