//! Where DataFusion 55.2 answers wrongly: PostgreSQL's answer, for the counter-measure and for the next upgrade.

use crate::lake::Lake;

async fn two_tables() -> Lake {
    let lake = Lake::new().await;
    lake.setup(&[
        "CREATE TABLE a (id int, x int)",
        "CREATE TABLE b (id int, y text)",
        "INSERT INTO a VALUES (1, 10), (2, 20), (3, 30), (4, NULL)",
        "INSERT INTO b VALUES (1, '1'), (3, '100'), (3, '2'), (NULL, 'n')",
    ])
    .await;
    lake
}

#[tokio::test]
async fn filters_find_their_columns() {
    let lake = two_tables().await;
    let sql = "SELECT b.id, a.id, y FROM a LEFT JOIN b ON a.id = b.id ORDER BY a.id DESC, y LIMIT 3";
    assert_eq!(lake.lines(sql).await, ["NULL|4|NULL", "3|3|100", "3|3|2"]);
    let sql = "SELECT l.id, r.id FROM (SELECT a.id FROM a JOIN b ON a.id = b.id) l JOIN (SELECT b.id FROM a JOIN b ON a.id = b.id) r ON l.id = r.id + 2 ORDER BY 1, 2";
    assert_eq!(lake.lines(sql).await, ["3|1", "3|1"]);
}

#[tokio::test]
async fn minimum_and_maximum_of_other_expressions() {
    let lake = two_tables().await;
    assert_eq!(lake.lines("SELECT max(CAST(y AS int)), max(y), min(y) FROM b WHERE y <> 'n'").await, ["100|2|1"]);
    assert_eq!(lake.lines("SELECT min(x), min(x + 1), min(-x) FROM a").await, ["10|11|-30"]);
}

#[tokio::test]
async fn limits_below_sorts() {
    let lake = two_tables().await;
    let sql = "SELECT id FROM (SELECT id FROM a ORDER BY id LIMIT 2 OFFSET 1) s ORDER BY id DESC";
    assert_eq!(lake.lines(sql).await, ["3", "2"]);
    let sql = "SELECT id FROM (SELECT id FROM a ORDER BY id OFFSET 2) s ORDER BY id DESC LIMIT 5";
    assert_eq!(lake.lines(sql).await, ["4", "3"]);
}

#[tokio::test]
async fn nulls_in_not_in() {
    let lake = two_tables().await;
    assert_eq!(lake.lines("SELECT id FROM a WHERE id NOT IN (SELECT id FROM b)").await, [""; 0]);
    assert_eq!(lake.lines("SELECT 5 NOT IN (SELECT id FROM b)").await, ["NULL"]);
    assert_eq!(lake.lines("SELECT id FROM a WHERE id NOT IN (SELECT id FROM b WHERE id IS NOT NULL) ORDER BY 1").await, ["2", "4"]);
    assert_eq!(lake.lines("SELECT (SELECT 1 WHERE false) IS NULL").await, ["t"]);
}

#[tokio::test]
async fn projections_that_redefine_columns() {
    let lake = two_tables().await;
    let sql = "SELECT id FROM (SELECT id + 1 AS id FROM (SELECT id * 10 AS id FROM a) i) o ORDER BY 1";
    assert_eq!(lake.lines(sql).await, ["11", "21", "31", "41"]);
}

#[tokio::test]
async fn counts() {
    let lake = two_tables().await;
    assert_eq!(lake.lines("SELECT count(*), count(x), count(1), count(NULL) FROM a").await, ["4|3|4|0"]);
    assert_eq!(lake.lines("SELECT count(DISTINCT id), count(*), sum(id), sum(DISTINCT id) FROM b").await, ["2|4|7|4"]);
    assert_eq!(lake.lines("SELECT count(DISTINCT id) FROM b").await, ["2"]);
    assert_eq!(lake.lines("SELECT count(*) FROM a WHERE false").await, ["0"]);
    assert_eq!(lake.lines("SELECT count(*) FROM a WHERE x > 10").await, ["2"]);
    lake.setup(&["CREATE TABLE e (a int)"]).await;
    assert_eq!(lake.lines("SELECT count(*), max(a) FROM e").await, ["0|NULL"]);
    assert_eq!(lake.lines("SELECT count(*) FROM a, b").await, ["16"]);
}
