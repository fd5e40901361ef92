//! Statements that are huge, deep, or make huge values: an answer or an error of the limits, never the end of the server.

use anyhow::{Context, Result, bail, ensure};
use kura_testkit::Client;
use kura_testkit::server::Options;
use kura_testkit::wire::Error;

use crate::{Subject, turn};

/// PostgreSQL's own words where its parser or allocator reaches a limit, without a SQLSTATE of the limits.
const POSTGRES_LIMITS: [&str; 2] = ["memory exhausted at or near", "invalid memory alloc request size"];

/// The statement is answered, or refused for a limit: class 53 insufficient resources, class 54 program limits.
fn answered_or_refused(client: &mut Client, what: &str, statement: &str) -> Result<()> {
    let outcome = match client.simple(statement) {
        Ok(_) => "answered".to_owned(),
        Err(Error::Server(error)) => {
            let state = error.field('C');
            let limit = ["53", "54"].iter().any(|class| state.starts_with(class));
            let postgres = POSTGRES_LIMITS.iter().any(|words| error.field('M').starts_with(words));
            ensure!(limit || postgres, "{what}: {state} {error}");
            format!("{state} {}", error.field('M'))
        }
        Err(error) => bail!("{what}: {error}"),
    };
    println!("{what}: {outcome}");
    let alive = client.value("SELECT 42").with_context(|| format!("after {what}"))?;
    ensure!(alive == "42", "{what}");
    Ok(())
}

fn joined(separator: &str, count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().join(separator)
}

/// What kills a plain DataFusion process by overflowing its stack.
#[test]
fn long_chains_and_deep_nesting() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let mut client = subject.client("chains")?;
    client.simple("CREATE TABLE t (a integer)")?;
    let nested = |open: &str, middle: &str, close: &str, depth: usize| format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
    let statements: Vec<(String, String)> = vec![
        ("20,000 sums".into(), format!("SELECT {}", joined("+", 20_000, |_| "1".into()))),
        ("200,000 sums".into(), format!("SELECT {}", joined("+", 200_000, |_| "1".into()))),
        ("10,000 ORs".into(), format!("SELECT * FROM t WHERE {}", joined(" OR ", 10_000, |n| format!("a = {n}")))),
        ("10,000 ANDs".into(), format!("SELECT * FROM t WHERE {}", joined(" AND ", 10_000, |n| format!("a <> {n}")))),
        ("10,000 mixed".into(), format!("SELECT * FROM t WHERE {}", joined(" OR ", 10_000, |n| format!("a = {n} AND a + {n} > 3")))),
        ("5,000 UNION ALL".into(), joined(" UNION ALL ", 5_000, |n| format!("SELECT {n}"))),
        ("5,000 UNION".into(), joined(" UNION ", 5_000, |n| format!("SELECT {n}"))),
        ("20,000 concatenations".into(), format!("SELECT {}", joined("||", 20_000, |_| "'a'".into()))),
        ("a list of 100,000".into(), format!("SELECT * FROM t WHERE a IN ({})", joined(",", 100_000, |n| n.to_string()))),
        ("100,000 parentheses".into(), format!("SELECT {}", nested("(", "1", ")", 100_000))),
        ("10,000 NOTs".into(), format!("SELECT {} true", "NOT ".repeat(10_000))),
        ("10,000 minus signs".into(), format!("SELECT {} 1", "- ".repeat(10_000))),
        ("10,000 casts".into(), format!("SELECT 1{}", "::int4::int8".repeat(5_000))),
        ("5,000 functions".into(), format!("SELECT {}", nested("abs(", "1", ")", 5_000))),
        ("5,000 CASEs".into(), format!("SELECT {}", nested("CASE WHEN true THEN ", "1", " END", 5_000))),
        ("2,000 subqueries".into(), nested("SELECT * FROM (", "SELECT 1 AS a", ") s", 2_000)),
        ("2,000 scalar subqueries".into(), format!("SELECT {}", nested("(SELECT ", "1", ")", 2_000))),
        ("1,000 joins".into(), format!("SELECT count(*) FROM t {}", joined(" ", 1_000, |n| format!("LEFT JOIN t t{n} ON t{n}.a = t.a")))),
        (
            "1,000 CTEs".into(),
            format!(
                "WITH c0 AS (SELECT 1 AS a), {} SELECT * FROM c999",
                joined(", ", 999, |n| format!("c{} AS (SELECT a + 1 AS a FROM c{n})", n + 1))
            ),
        ),
        ("an array of depth 10,000".into(), format!("SELECT {}", nested("ARRAY[", "1", "]", 10_000))),
        ("10,000 subscripts".into(), format!("SELECT a{} FROM (SELECT ARRAY[1] AS a) s", "[1]".repeat(10_000))),
        ("20,000 unclosed parentheses".into(), format!("SELECT {}", "(".repeat(20_000))),
    ];
    for (what, statement) in &statements {
        if what.contains("unclosed") || what.contains("subscripts") || what.contains("depth 10,000") {
            // Also wrong in other ways: any error will do.
            ensure!(matches!(client.simple(statement), Err(Error::Server(_))), "{what}");
            ensure!(client.value("SELECT 42")? == "42", "{what}");
        } else {
            answered_or_refused(&mut client, what, statement)?;
        }
    }
    client.simple("DROP SCHEMA chains CASCADE")?;
    subject.ends_well()
}

/// What grows beyond a memory pool that only counts batches.
#[test]
fn huge_values() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new().argument("--memory-limit").argument("1GB"))?;
    let mut client = Client::connect(&subject.dsn)?;
    for statement in [
        "SELECT length(repeat('x', 2000000000))",
        "SELECT length(lpad('x', 2147483647, 'y'))",
        "SELECT length(rpad('x', 2147483647, 'y'))",
        "SELECT length(repeat(repeat('x', 100000), 100000))",
        "SELECT cardinality(array_fill(1, ARRAY[500000000]))",
        "SELECT sum(length(repeat('x', 50000000))) FROM generate_series(1, 10)",
        "SELECT count(*) FROM (SELECT repeat('x', 100000000) AS t FROM generate_series(1, 20)) s WHERE t <> ''",
        "SELECT length(replace(repeat('x', 10000000), 'x', repeat('y', 1000)))",
        "SELECT length(regexp_replace(repeat('x', 1000000), 'x', repeat('y', 10000), 'g'))",
        "SELECT length(string_agg(repeat('x', 1000000), '')) FROM generate_series(1, 3000)",
        "SELECT length(concat(repeat('x', 400000000), repeat('y', 400000000), repeat('z', 400000000)))",
        "SELECT length(repeat('x', 600000000) || repeat('y', 600000000))",
    ] {
        answered_or_refused(&mut client, statement, statement)?;
        if let Some(server) = &subject.server {
            let peak = server.resident_bytes_peak()? >> 20;
            ensure!(peak < 2048, "{statement}: the server took {peak} MiB with a limit of 1 GB");
        }
    }
    subject.ends_well()
}

/// State that cannot be spilled is refused at the limit; the same session and others go on.
#[test]
fn more_memory_than_there_is() -> Result<()> {
    let _turn = turn();
    let server = Options::new().argument("--memory-limit").argument("256MB").start()?;
    let mut client = server.client()?;
    let error = client.simple("SELECT cardinality(array_agg(g)) FROM generate_series(1, 100000000) AS g").expect_err("800 MB");
    ensure!(matches!(error.sqlstate(), Some("53200" | "54000")), "{error}");
    let error = client
        .simple(
            "SELECT sum(cardinality(a)) FROM (SELECT array_agg(g::bigint) AS a FROM generate_series(1, 50000000) AS g GROUP BY g % 100) s",
        )
        .expect_err("400 MB");
    ensure!(error.sqlstate() == Some("53200"), "{error}");
    ensure!(client.value("SELECT 42")? == "42");
    ensure!(server.client()?.value("SELECT count(*) FROM generate_series(1, 100000)")? == "100000");
    let peak = server.resident_bytes_peak()? >> 20;
    // What was put aside on disk comes back in batches of whole groups, which the pool does not count.
    ensure!(peak < 832, "the server took {peak} MiB with a limit of 256 MB");
    Ok(())
}

#[test]
fn a_statement_of_ten_megabytes() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let mut client = subject.client("ten_megabytes")?;
    let text = "x".repeat(10 << 20);
    assert_eq!(client.value(&format!("SELECT length('{text}')"))?, text.len().to_string());
    let reply = client.extended("SELECT length($1)", &[Some(&text)])?;
    assert_eq!(reply.text(), [[Some(text.len().to_string())]]);
    answered_or_refused(&mut client, "10 MB of blanks", &format!("SELECT{}1", " ".repeat(10 << 20)))?;
    answered_or_refused(&mut client, "10 MB of comment", &format!("SELECT /*{text}*/ 1"))?;
    answered_or_refused(&mut client, "10 MB of numbers", &format!("SELECT 1 WHERE 0 IN ({})", joined(",", 1_400_000, |n| n.to_string())))?;
    client.simple("CREATE TABLE t (a integer, b text)")?;
    let rows = joined(",", 500_000, |n| format!("({n},'row number {n}')"));
    answered_or_refused(&mut client, "10 MB of rows", &format!("INSERT INTO t VALUES {rows}"))?;
    let statements = "SELECT 1;".repeat(20_000);
    answered_or_refused(&mut client, "20,000 statements", &statements)?;
    let name = "a".repeat(10 << 20);
    // PostgreSQL cuts names at 63 bytes.
    assert_eq!(client.simple(&format!("SELECT 1 AS {name}"))?[0].columns.as_ref().map(|columns| columns[0].name.len()), Some(63));
    client.simple("DROP SCHEMA ten_megabytes CASCADE")?;
    subject.ends_well()
}

#[test]
fn as_many_columns_as_allowed_and_one_more() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let mut client = subject.client("many_columns")?;
    let table = |columns: usize| format!("CREATE TABLE t{columns} ({})", joined(", ", columns, |n| format!("c{n} integer")));
    client.simple(&table(1_600))?;
    client.simple(&format!("INSERT INTO t1600 VALUES ({})", joined(",", 1_600, |n| n.to_string())))?;
    for reply in [client.extended("SELECT * FROM t1600", &[])?, client.simple("SELECT * FROM t1600")?.remove(0)] {
        let row = &reply.text()[0];
        assert_eq!((row.len(), row[1_599].as_deref()), (1_600, Some("1599")));
    }
    let refused = |client: &mut Client, statement: &str| {
        let error = client.simple(statement).expect_err("too many columns");
        format!("{} {error}", error.sqlstate().unwrap_or_default())
    };
    let error = refused(&mut client, &table(1_601));
    assert!(error.starts_with("54011 ERROR: tables can have at most 1600 columns"), "{error}");
    assert_eq!(client.simple(&format!("SELECT {}", joined(",", 1_664, |_| "1".into())))?[0].rows[0].len(), 1_664);
    let error = refused(&mut client, &format!("SELECT {}", joined(",", 1_665, |_| "1".into())));
    assert!(error.starts_with("54011 ERROR: target lists can have at most 1664 entries"), "{error}");
    client.simple("DROP SCHEMA many_columns CASCADE")?;
    subject.ends_well()
}

/// Values whose text is deep or broken; parsed by hand in the server, so a stack could overflow.
#[test]
fn texts_that_are_deep_or_broken() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let mut client = Client::connect(&subject.dsn)?;
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    for (ty, text) in [
        ("json", deep("[", "]")),
        ("json", deep("{\"a\":", "}")),
        ("jsonb", deep("[", "]")),
        ("int[]", deep("{", "}")),
        ("interval", "1 day ".repeat(100_000)),
        ("numeric(38,9)", "9".repeat(200_000)),
        ("float8", "1".repeat(200_000)),
        ("date", "1".repeat(200_000)),
        ("timestamptz", format!("2024-01-01 {}", "UTC ".repeat(50_000))),
        ("uuid", "f".repeat(200_000)),
        ("bytea", format!("\\x{}", "f".repeat(200_001))),
    ] {
        // PostgreSQL takes one or the other of these; a value or a plain error, but no XX000 and no end.
        match client.extended(&format!("SELECT length(($1::{ty})::text)"), &[Some(&text)]) {
            Ok(_) => {}
            Err(Error::Server(error)) => ensure!(!error.field('C').starts_with("XX"), "{ty}: {error}"),
            Err(error) => bail!("{ty}: {error}"),
        }
        ensure!(client.value("SELECT 42")? == "42", "{ty}");
    }
    subject.ends_well()
}
