//! What users connect with: psql, psycopg 3 (text and binary), psycopg 2, pgjdbc (text and binary), and DuckDB on the lake itself.
//!
//! The Python and Java programs beside this file print tables as lines of tab-separated values, `\N` for NULL, an empty line after each.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kura_testkit::server::{Options, PASSWORD};
use kura_testkit::{TestServer, programs, workspace};

use crate::turn;

const LIMIT: Duration = Duration::from_secs(180);

/// A table as a client printed it.
type Table = Vec<Vec<String>>;

fn program(name: &str) -> PathBuf {
    workspace::root().join("crates/testkit/tests/system/clients").join(name)
}

fn psql(server: &TestServer) -> Command {
    let dsn = server.dsn();
    let mut command = Command::new("psql");
    command.env("PGPASSWORD", PASSWORD).args([
        "-X",
        "-v",
        "ON_ERROR_STOP=1",
        "-h",
        &dsn.host,
        "-p",
        &dsn.port.to_string(),
        "-U",
        &dsn.user,
        "-d",
        &dsn.database,
    ]);
    command
}

fn python(script: &str) -> Result<Command> {
    let mut command = Command::new(programs::python()?);
    // Nothing is written beside the scripts.
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(program(script));
    Ok(command)
}

fn java(server: &TestServer) -> Result<Command> {
    let dsn = server.dsn();
    let mut command = Command::new("java");
    command.args(["-Xshare:auto", "-Duser.timezone=UTC", "-cp"]).arg(programs::jdbc()?).arg(program("Client.java")).args([
        format!("jdbc:postgresql://{}:{}/{}", dsn.host, dsn.port, dsn.database),
        dsn.user,
        PASSWORD.to_owned(),
    ]);
    Ok(command)
}

fn tables(printed: &str) -> Vec<Table> {
    let mut tables = Vec::new();
    let mut table = Table::new();
    for line in printed.lines() {
        if line.is_empty() {
            tables.push(std::mem::take(&mut table));
        } else {
            table.push(line.split('\t').map(str::to_owned).collect());
        }
    }
    tables
}

/// The README's queries with the answers printed there.
fn readme_queries() -> Result<Vec<(String, String)>> {
    let readme = std::fs::read_to_string(workspace::root().join("README.md"))?;
    let mut queries = Vec::new();
    for part in readme.split("```sql\n").skip(1) {
        let (query, rest) = part.split_once("```\n").context("a code block ends")?;
        if let Some(answer) = rest.strip_prefix("```text\n") {
            let (answer, _) = answer.split_once("```").context("a code block ends")?;
            queries.push((query.trim().to_owned(), answer.to_owned()));
        }
    }
    Ok(queries)
}

/// psql's aligned output as a table; an empty cell is NULL.
fn aligned(text: &str) -> Table {
    let rows = text.lines().skip(2).filter(|line| !line.is_empty() && !line.starts_with('('));
    rows.map(|line| {
        let cells = line.split('|').map(str::trim);
        cells.map(|cell| if cell.is_empty() { "\\N" } else { cell }.to_owned()).collect()
    })
    .collect()
}

fn without_trailing_blanks(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n")
}

#[test]
fn the_readme_is_true() -> Result<()> {
    let _turn = turn();
    let server = Options::new().demo().start()?;
    let queries = readme_queries()?;
    ensure!(queries.len() == 5, "the README has {} queries with answers", queries.len());

    let folder = server.folder();
    let mut files = Vec::new();
    for (number, (query, answer)) in queries.iter().enumerate() {
        let shown = programs::run(psql(&server).args(["-q", "-c", query]), LIMIT)?;
        assert_eq!(without_trailing_blanks(&shown), without_trailing_blanks(answer), "psql: {query}");
        let file = folder.join(format!("query-{number}.sql"));
        std::fs::write(&file, query)?;
        files.push(file);
    }
    let expected: Vec<Table> = queries.iter().map(|(_, answer)| aligned(answer)).collect();

    let dsn = server.dsn().to_string().replace(' ', "%20");
    for format in ["text", "binary"] {
        let printed = programs::run(python("queries.py")?.args([&dsn, format]).args(&files), LIMIT)?;
        assert_eq!(tables(&printed), expected, "psycopg, {format}");
        let printed = programs::run(java(&server)?.args(["queries", format]).args(&files), LIMIT)?;
        assert_eq!(tables(&printed), expected, "pgjdbc, {format}");
    }
    let printed = programs::run(python("lake.py")?.arg(server.catalog_path()).args(&files), LIMIT)?;
    assert_eq!(tables(&printed), expected, "DuckDB");

    demo_is_complete(&server)
}

/// Row counts, comments, and a second start that loads nothing again.
fn demo_is_complete(server: &TestServer) -> Result<()> {
    let mut client = server.client()?;
    let counts = [("flights", "336776"), ("weather", "26115"), ("planes", "3322"), ("airports", "1458"), ("airlines", "16")];
    for (table, rows) in counts {
        assert_eq!(client.value(&format!("SELECT count(*) FROM demo.{table}"))?, rows, "{table}");
    }
    Ok(())
}

#[test]
fn the_demo_starts_again_on_its_data() -> Result<()> {
    let _turn = turn();
    let mut server = Options::new().demo().start()?;
    let catalog = |server: &TestServer| lake(server, "SELECT max(snapshot_id) FROM lake.snapshots()");
    let before = catalog(&server)?;
    server.stop()?;
    server.start_again()?;
    demo_is_complete(&server)?;
    assert_eq!(catalog(&server)?, before, "the second start changed the lake");
    Ok(())
}

/// What DuckDB answers, attached to the lake in a process of its own.
fn lake(server: &TestServer, query: &str) -> Result<Table> {
    let file = server.folder().join("lake.sql");
    std::fs::write(&file, query)?;
    let printed = programs::run(python("lake.py")?.arg(server.catalog_path()).arg(&file), LIMIT)?;
    tables(&printed).pop().context("DuckDB printed no table")
}

/// The rows of `query` in DuckDB, for tests elsewhere.
pub(crate) fn duckdb(server: &TestServer, query: &str) -> Result<Table> {
    lake(server, query)
}

#[test]
fn every_type_through_python_java_and_duckdb() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    let dsn = server.dsn().to_string().replace(' ', "%20");
    run_all(python("every_type.py")?.arg(&dsn).arg(server.catalog_path()))?;
    run_all(java(&server)?.arg("types"))?;
    Ok(())
}

#[test]
fn python_drivers_at_work() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    let dsn = server.dsn().to_string().replace(' ', "%20");
    run_all(python("drivers.py")?.arg(&dsn))
}

#[test]
fn jdbc_at_work() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    run_all(java(&server)?.arg("driver"))
}

#[test]
fn duckdb_sees_each_commit_while_the_server_runs() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    let dsn = server.dsn().to_string().replace(' ', "%20");
    run_all(python("beside.py")?.arg(&dsn).arg(server.catalog_path()))
}

#[test]
fn duckdb_and_kura_change_the_same_tables() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    let dsn = server.dsn().to_string().replace(' ', "%20");
    run_all(python("together.py")?.arg(&dsn).arg(server.catalog_path()))
}

/// Runs a program that checks for itself and prints what it did.
fn run_all(command: &mut Command) -> Result<()> {
    let printed = programs::run(command, LIMIT)?;
    println!("{}", printed.trim_end());
    ensure!(printed.trim_end().ends_with("ok"), "the program did not reach its end: {printed}");
    Ok(())
}

#[test]
fn psql_runs_scripts_and_copies_files() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    let csv = server.folder().join("in.csv");
    std::fs::write(&csv, "id,name,born\n1,\"Ada, Countess\",1815-12-10\n2,,\n3,\"line\nbreak\",2000-02-29\n")?;
    let script = server.folder().join("script.sql");
    std::fs::write(
        &script,
        format!(
            "CREATE TABLE people (id integer, name text, born date);\n\
             \\copy people from '{}' (format csv, header)\n\
             BEGIN;\nINSERT INTO people VALUES (4, 'gone', NULL);\nROLLBACK;\n\
             SELECT count(*) AS n, count(name) AS named FROM people \\gset\n\
             \\echo :n :named\n\
             \\copy (SELECT * FROM people ORDER BY id) to stdout (format csv, header)\n",
            csv.display()
        ),
    )?;
    let printed = programs::run(psql(&server).args(["-q", "-f"]).arg(&script), LIMIT)?;
    let expected = "3 2\nid,name,born\n1,\"Ada, Countess\",1815-12-10\n2,,\n3,\"line\nbreak\",2000-02-29\n";
    assert_eq!(printed, expected);

    let failed = programs::finish(psql(&server).args(["-c", "SELECT nothing FROM people"]), LIMIT)?;
    let stderr = String::from_utf8_lossy(&failed.stderr);
    assert_eq!(stderr.trim_end(), "ERROR:  column \"nothing\" does not exist\nLINE 1: SELECT nothing FROM people\n               ^");
    Ok(())
}

#[test]
fn passwords_and_doors() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    let mut wrong = psql(&server);
    wrong.env("PGPASSWORD", "wrong").args(["-c", "SELECT 1"]);
    let output = programs::finish(&mut wrong, LIMIT)?;
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("password authentication failed for user \"kura\""), "{stderr}");

    let catalog = std::fs::read(server.catalog_path())?;
    assert!(!contains(&catalog, PASSWORD.as_bytes()), "the password is stored in clear text");
    assert!(!server.log().contains(PASSWORD), "the password is in the log");
    health(&server)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn health(server: &TestServer) -> Result<()> {
    let port = server.http_port().context("the ports file names the HTTP port")?;
    for (path, expected) in [("/health/live", "200"), ("/health/ready", "200"), ("/metrics", "200"), ("/nothing", "404")] {
        let answer = http_get(port, path)?;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{path}: {answer}");
    }
    Ok(())
}

pub(crate) fn http_get(port: u16, path: &str) -> Result<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_generated_password_is_printed_once_and_works() -> Result<()> {
    let _turn = turn();
    let mut server = Options::new().generated_password().start()?;
    let log = server.log();
    let line = log.lines().find(|line| line.contains("psql")).context("the server prints a psql line")?;
    let line = line[line.find("psql").context("psql")?..].to_owned();
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("{line} -X -A -t -c 'SELECT 42'")]);
    assert_eq!(programs::run(&mut shell, LIMIT)?.trim(), "42", "{line}");
    server.stop()?;
    server.start_again()?;
    let password = password_in(&line).context("the line has the password")?;
    assert_eq!(server.log().matches(&password).count(), 1, "the password is printed once");
    Ok(())
}

/// The password in `postgres://user:password@...`, `password=...` or `PGPASSWORD=...`.
fn password_in(line: &str) -> Option<String> {
    let end = |letter: char| letter.is_whitespace() || "\"'@&".contains(letter);
    if let Some((_, rest)) = line.split_once("password=").or_else(|| line.split_once("PGPASSWORD=")) {
        return rest.trim_start_matches(['\'', '"']).split(end).next().map(str::to_owned);
    }
    let (_, rest) = line.split_once("://")?;
    let (login, _) = rest.split_once('@')?;
    login.split_once(':').map(|(_, password)| password.to_owned())
}

/// The Parquet files below a folder.
pub(crate) fn files_below(path: &Path) -> Result<Vec<PathBuf>> {
    Ok(workspace::files(path, "parquet")?)
}
