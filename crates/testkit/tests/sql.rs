//! Every file of `sql-tests/` by both protocols: against a Kura started for it, or against `KURA_SLT_DSN`, a PostgreSQL to compare with.
//!
//! `KURA_SLT_FILES=part-of-a-path` runs only some. It holds no expectations of its own.

#![expect(clippy::disallowed_methods, reason = "tests read their environment")]

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use kura_testkit::slt::{Protocol, Target, run_file};
use kura_testkit::{Dsn, TestServer, workspace};

#[test]
fn sql_tests() -> Result<()> {
    let folder = workspace::root().join("sql-tests");
    let mut files = workspace::files(&folder, "slt")?;
    if let Ok(part) = std::env::var("KURA_SLT_FILES") {
        files.retain(|path| path.to_string_lossy().contains(&part));
    }
    ensure!(!files.is_empty(), "no .slt files to run");

    let (server, dsn, target): (Option<TestServer>, Dsn, Target) = match std::env::var("KURA_SLT_DSN") {
        Ok(dsn) => (None, dsn.parse().context("KURA_SLT_DSN")?, Target::Postgres),
        Err(_) => {
            let server = TestServer::start()?;
            let dsn = server.dsn();
            (Some(server), dsn, Target::Kura)
        }
    };

    let mut records = 0;
    let mut failures = Vec::new();
    for file in &files {
        let name = file.strip_prefix(&folder)?.display();
        for protocol in [Protocol::Simple, Protocol::Extended] {
            let begin = Instant::now();
            match run_file(file, &dsn, target, protocol) {
                Ok(outcome) => {
                    println!("{name} {protocol:?}: {} records, {:?}", outcome.records, begin.elapsed());
                    records += outcome.records;
                    failures.extend(outcome.failures.iter().map(|failure| format!("[{protocol:?}] {failure}")));
                }
                Err(error) => failures.push(format!("[{protocol:?}] {name}: {error:#}")),
            }
        }
    }
    println!("{} files, {records} records run on {target:?}, {} failed", files.len(), failures.len());
    if !failures.is_empty() {
        println!("{}", failures.join("\n"));
        println!("{}", server.map(|server| server.log_tail()).unwrap_or_default());
    }
    assert!(failures.is_empty(), "{} records failed", failures.len());
    Ok(())
}
