//! What scripts rely on: command line, configuration, ports file, ready line, logs, limits on sessions, orderly end.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kura_testkit::server::{self, Options, PASSWORD};
use kura_testkit::wire::{Error, message};
use kura_testkit::{Client, TestServer, programs};

use crate::{Subject, turn};

const LIMIT: Duration = Duration::from_secs(60);

/// Runs `kura` where it should end by itself.
fn kura(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Output> {
    let mut command = server::command()?;
    command.current_dir(folder).args(arguments).envs(environment.iter().copied());
    programs::finish(&mut command, LIMIT)
}

#[test]
fn the_command_line_and_the_ports_file() -> Result<()> {
    let _turn = turn();
    let folder = tempfile::tempdir()?;
    let version = kura(folder.path(), &["--version"], &[])?;
    assert_eq!(String::from_utf8_lossy(&version.stdout).trim(), format!("kura {}", env!("CARGO_PKG_VERSION")));
    let help = kura(folder.path(), &["serve", "--help"], &[])?;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for option in [
        "--data-dir",
        "--catalog",
        "--storage",
        "--postgres-listen",
        "--http-listen",
        "--memory-limit",
        "--copy-root",
        "--ports-file",
        "--insecure-allow-plaintext",
    ] {
        ensure!(help.contains(option), "kura serve --help does not name {option}:\n{help}");
    }
    let server = TestServer::start()?;
    let ports = std::fs::read(server.folder().join("ports-1.json"))?;
    let ports: serde_json::Value = serde_json::from_slice(&ports)?;
    assert_eq!(ports["postgres"].as_u64(), Some(u64::from(server.dsn().port)));
    assert_eq!(ports["http"].as_u64(), server.http_port().map(u64::from));
    let log = server.log();
    ensure!(log.contains("psql") && log.contains(&server.dsn().port.to_string()), "no ready line with the psql command:\n{log}");
    Ok(())
}

#[test]
fn a_wrong_configuration_stops_the_start() -> Result<()> {
    let _turn = turn();
    let folder = tempfile::tempdir()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let taken = taken.local_addr()?.to_string();
    let free = ["--postgres-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str, &'a str);
    let cases: &[Case<'_>] = &[
        (&["serve", "--no-such-option"], &[], "", "--no-such-option"),
        (&["serve"], &[], "data_dri = 'x'", "data_dri"),
        (&["serve"], &[("KURA_DATA_DRI", "x")], "", "data_dri"),
        (&["serve", "--config", "none.toml"], &[], "", "none.toml"),
        (&["serve", "--memory-limit", "much"], &[], "", "much"),
        (&["serve", "--postgres-listen", "0.0.0.0:0"], &[], "", "--insecure-allow-plaintext"),
        (&["serve", "--http-listen", "[::]:0", "--postgres-listen", "127.0.0.1:0"], &[], "", "--insecure-allow-plaintext"),
        (&["serve", "--tls-cert", "cert.pem"], &[], "", "--tls-key"),
        (&["serve", "--catalog", "postgres://localhost/kura"], &[], "", "not supported"),
        (&["serve", "--storage", "s3://bucket/prefix"], &[], "", "not supported"),
        (&["serve", "--postgres-listen", &taken, "--http-listen", "127.0.0.1:0"], &[], "", &taken),
    ];
    for (arguments, environment, file, part) in cases {
        let config = folder.path().join("kura.toml");
        std::fs::write(&config, file)?;
        let output = kura(folder.path(), arguments, environment)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success(), "{arguments:?} {environment:?} {file} was accepted");
        ensure!(stderr.contains(part), "{arguments:?} {environment:?} {file}: the error does not name {part}:\n{stderr}");
        ensure!(!stderr.contains("panicked"), "{stderr}");
    }
    std::fs::remove_file(folder.path().join("kura.toml"))?;
    // A catalog that is something else is left alone.
    let foreign = folder.path().join("data/catalog.sqlite");
    std::fs::create_dir_all(folder.path().join("data"))?;
    std::fs::write(&foreign, "this is not a database, and nobody may overwrite it")?;
    let output = kura(folder.path(), &[&["serve", "--data-dir", "data"], free.as_slice()].concat(), &[])?;
    ensure!(!output.status.success(), "a catalog that is no database was opened");
    ensure!(std::fs::read_to_string(&foreign)?.starts_with("this is not a database"));
    Ok(())
}

#[test]
fn options_come_from_flag_environment_and_file() -> Result<()> {
    let _turn = turn();
    let server = Options::new().environment("KURA_LOG_FORMAT", "json").environment("KURA_MAX_CONNECTIONS", "5").start()?;
    let mut sessions = Vec::new();
    let refused = loop {
        match server.client() {
            Ok(client) => sessions.push(client),
            Err(error) => break error,
        }
        ensure!(sessions.len() <= 5, "{} sessions with --max-connections 5", sessions.len());
    };
    assert_eq!(sessions.len(), 5);
    let refused = refused.downcast_ref::<Error>().and_then(Error::sqlstate).map(str::to_owned);
    assert_eq!(refused.as_deref(), Some("53300"));
    drop(sessions.pop());
    let deadline = Instant::now() + LIMIT;
    while server.client().is_err() {
        ensure!(Instant::now() < deadline, "a session's place is not given to the next");
        std::thread::sleep(Duration::from_millis(20));
    }
    for line in server.log().lines().filter(|line| line.starts_with('{')) {
        serde_json::from_str::<serde_json::Value>(line).with_context(|| line.to_owned())?;
    }
    ensure!(server.log().lines().any(|line| line.starts_with('{')), "no JSON in the log:\n{}", server.log());
    Ok(())
}

#[test]
fn idle_sessions_end_when_asked_to() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    for (statement, expected) in
        [("SET idle_session_timeout = '200ms'", "57P05"), ("SET idle_in_transaction_session_timeout = '200ms'; BEGIN", "25P03")]
    {
        let mut client = server.client()?;
        client.simple(statement)?;
        let answer = client.receive()?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        ensure!(answer.tag == b'E' && text.contains(expected), "{statement}: {text}");
        ensure!(client.receive().is_err(), "{statement}: the session goes on");
    }
    Ok(())
}

#[test]
fn sigterm_lets_statements_end_and_tells_the_rest() -> Result<()> {
    let _turn = turn();
    let mut server = Options::new().argument("--shutdown-grace").argument("2s").start()?;
    let mut setup = server.client()?;
    setup.simple("CREATE TABLE t (id integer)")?;
    let mut idle = server.client()?;
    let mut short = server.client()?;
    let mut long = server.client()?;
    short.send(&message::query("SELECT count(*) FROM generate_series(1, 3000000) AS g WHERE g % 7 = 1"))?;
    long.send(&message::query("SELECT count(*) FROM generate_series(1, 1000000000000)"))?;
    // A COPY that its client never ends.
    setup.send(&[message::query("COPY t FROM STDIN"), message::copy_data(b"1\n")].concat())?;
    std::thread::sleep(Duration::from_millis(300));
    server.terminate()?;
    let ended = |client: &mut Client| match client.until_ready() {
        Err(error) => error.sqlstate().unwrap_or("connection closed").to_owned(),
        Ok(()) => "answered".to_owned(),
    };
    assert_eq!(ended(&mut idle), "57P01");
    let outcome = ended(&mut short);
    ensure!(outcome == "answered" || outcome == "57P01", "a short statement: {outcome}");
    assert_eq!(ended(&mut long), "57P01");
    server.wait()?;
    server.start_again()?;
    assert_eq!(server.client()?.value("SELECT count(*) FROM t")?, "0");
    Ok(())
}

#[test]
fn notices_are_sent() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let mut client = subject.client("notices")?;
    client.take_notices();
    for (statement, sqlstate, severity, message) in [
        ("DROP TABLE IF EXISTS t", "00000", "NOTICE", "table \"t\" does not exist, skipping"),
        ("CREATE TABLE t (id integer)", "", "", ""),
        ("CREATE TABLE IF NOT EXISTS t (id integer)", "42P07", "NOTICE", "relation \"t\" already exists, skipping"),
        ("CREATE VIEW v AS SELECT id FROM t", "", "", ""),
        ("DROP TABLE t CASCADE", "00000", "NOTICE", "drop cascades to view v"),
        ("COMMIT", "25P01", "WARNING", "there is no transaction in progress"),
        ("SELECT pg_advisory_unlock(7)", "01000", "WARNING", "you don't own a lock of type ExclusiveLock"),
    ] {
        client.simple(statement)?;
        let notices = client.take_notices();
        let found: Vec<_> = notices.iter().map(|notice| (notice.field('C'), notice.field('S'), notice.field('M'))).collect();
        let expected = if message.is_empty() { Vec::new() } else { vec![(sqlstate, severity, message)] };
        assert_eq!(found, expected, "{statement}");
    }
    client.simple("DROP SCHEMA notices CASCADE")?;
    subject.ends_well()
}

#[test]
fn tls_when_it_is_configured() -> Result<()> {
    let _turn = turn();
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let mut openssl = Command::new("openssl");
    openssl
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-keyout", &path("key.pem"), "-out", &path("cert.pem")]);
    programs::run(&mut openssl, LIMIT)?;
    let server =
        Options::new().argument("--tls-cert").argument(path("cert.pem")).argument("--tls-key").argument(path("key.pem")).start()?;
    let port = server.dsn().port;
    for extra in
        ["sslmode=require", &format!("sslmode=verify-full sslrootcert={}", path("cert.pem")), "sslmode=require channel_binding=require"]
    {
        let mut psql = Command::new("psql");
        psql.env("PGPASSWORD", PASSWORD)
            .args(["-X", "-A", "-t", "-c", "SELECT 42"])
            .arg(format!("host=localhost hostaddr=127.0.0.1 port={port} user=kura dbname=kura {extra}"));
        assert_eq!(programs::run(&mut psql, LIMIT)?.trim(), "42", "{extra}");
    }
    Ok(())
}
