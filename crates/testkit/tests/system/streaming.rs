//! Large results: the server's memory stays small however slowly a client reads, and a cancelled statement stops at once.
//!
//! The figures to reach are for an optimised server and 30,000,000 rows; `KURA_STREAM_ROWS` changes the number of rows.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use kura_testkit::server::{PASSWORD, is_optimised};
use kura_testkit::wire::{Error, message};
use kura_testkit::{Client, TestServer};

use crate::{clients, setting, turn};

/// How much the server may grow while it sends.
const GROWTH_MAX: u64 = 64 << 20;

/// How soon a cancelled statement ends: the promise is 200 ms; for a debug build it only has to end.
fn cancel_max() -> Duration {
    Duration::from_millis(if is_optimised() { 200 } else { 5_000 })
}

/// Rows of the table `big`.
fn stream_rows() -> u64 {
    setting("KURA_STREAM_ROWS", if is_optimised() { 30_000_000 } else { 3_000_000 })
}

/// A server with the table `big`, freshly started so that loading left nothing in its memory.
fn server_with_rows(rows: u64) -> Result<TestServer> {
    let mut server = TestServer::start()?;
    let begin = Instant::now();
    server.client()?.simple(&format!(
        "CREATE TABLE big AS SELECT g AS id, (g % 1000)::integer AS k, 'row number ' || g AS note FROM generate_series(1, {rows}) AS g"
    ))?;
    println!("{rows} rows made in {:?}", begin.elapsed());
    server.stop()?;
    server.start_again()?;
    Ok(server)
}

#[test]
fn a_slow_reader_does_not_make_the_server_grow() -> Result<()> {
    let _turn = turn();
    let rows = stream_rows();
    let server = server_with_rows(rows)?;
    for extended in [false, true] {
        let mut client = server.client()?;
        client.value("SELECT count(*) FROM big WHERE k = 7")?;
        let before = server.resident_bytes()?;
        let watch = Watch::start(server.pid());
        let begin = Instant::now();
        let request = if extended {
            let mut request = message::parse("", "SELECT * FROM big", &[]);
            request.extend(message::bind("", "", &[], &[], &[]));
            request.extend(message::describe(b'P', ""));
            request.extend(message::execute("", 0));
            request.extend(message::sync());
            request
        } else {
            message::query("SELECT * FROM big")
        };
        client.send(&request)?;
        let (found, bytes) = read_slowly(&mut client)?;
        let peak = watch.stop();
        let growth = peak.saturating_sub(before);
        let protocol = if extended { "extended" } else { "simple" };
        println!(
            "{protocol}: {found} rows, {} MiB in {:?}; the server had {} MiB and grew by {} MiB",
            bytes >> 20,
            begin.elapsed(),
            before >> 20,
            growth >> 20
        );
        ensure!(found == rows, "{protocol}: {found} rows instead of {rows}");
        ensure!(growth < GROWTH_MAX, "{protocol}: the server grew by {} MiB", growth >> 20);
    }
    Ok(())
}

#[test]
fn a_portal_is_read_in_pieces() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    let mut client = server.client()?;
    client.simple("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 100000) AS g")?;
    client.send(&message::query("BEGIN"))?;
    client.until_ready()?;
    let mut request = message::parse("", "SELECT id FROM t ORDER BY id", &[]);
    request.extend(message::bind("p", "", &[], &[], &[]));
    request.extend(message::sync());
    client.send(&request)?;
    client.until_ready()?;
    let (mut rows, mut pieces) = (0_u64, 0);
    loop {
        client.send(&[message::execute("p", 999), message::sync()].concat())?;
        let mut suspended = false;
        loop {
            let answer = client.receive()?;
            match answer.tag {
                b'D' => rows += 1,
                b's' => suspended = true,
                b'C' => {}
                b'Z' => break,
                tag => bail!("{:?} while reading a portal", char::from(tag)),
            }
        }
        pieces += 1;
        if !suspended {
            break;
        }
    }
    assert_eq!((rows, pieces), (100_000, 101));
    Ok(())
}

/// Reads to `ReadyForQuery`, with pauses at first; counts `DataRow` messages and bytes.
fn read_slowly(client: &mut Client) -> Result<(u64, u64)> {
    let mut stream = client.stream().try_clone()?;
    let mut buffer = vec![0; 1 << 20];
    let (mut start, mut end) = (0, 0);
    let (mut rows, mut bytes, mut pauses) = (0, 0_u64, 0);
    loop {
        if bytes > pauses * (1 << 20) && pauses < 20 {
            pauses += 1;
            thread::sleep(Duration::from_millis(200));
        }
        buffer.copy_within(start..end, 0);
        (start, end) = (0, end - start);
        let read = stream.read(&mut buffer[end..])?;
        ensure!(read > 0, "the server closed the connection after {rows} rows");
        (end, bytes) = (end + read, bytes + read as u64);
        while let Some(head) = buffer[start..end].first_chunk::<5>() {
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            if end - start < length + 1 {
                break;
            }
            match head[0] {
                b'D' => rows += 1,
                b'E' => bail!("{}", String::from_utf8_lossy(&buffer[start + 5..=start + length])),
                b'Z' => return Ok((rows, bytes)),
                _ => {}
            }
            start += length + 1;
        }
    }
}

/// Looks at a process's resident memory until stopped.
struct Watch {
    stop: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: thread::JoinHandle<()>,
}

impl Watch {
    fn start(pid: u32) -> Self {
        let (stop, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, highest) = (Arc::clone(&stop), Arc::clone(&peak));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
                let resident: u64 = pages.split(' ').nth(1).and_then(|field| field.parse().ok()).unwrap_or_default();
                highest.fetch_max(resident * 4096, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(10));
            }
        });
        Self { stop, peak, thread }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.thread.join());
        self.peak.load(Ordering::Relaxed)
    }
}

#[test]
fn cancel_stops_whatever_runs() -> Result<()> {
    let _turn = turn();
    let server = server_with_rows(stream_rows().min(3_000_000))?;
    let statements = [
        "SELECT count(*) FROM big a JOIN big b ON a.k = b.k WHERE a.id + b.id < 0",
        "SELECT a.id FROM big a, big b ORDER BY a.note, b.note DESC",
        "SELECT count(*) FROM generate_series(1, 1000000000000)",
        "SELECT sum(a.id::bigint * b.id) FROM big a, big b",
        "SELECT * FROM big a, big b",
        "CREATE TABLE never AS SELECT a.id FROM big a, big b",
        "COPY (SELECT * FROM big a, big b) TO STDOUT",
        "EXPLAIN ANALYZE SELECT count(*) FROM big a, big b WHERE a.id + b.id < 0",
    ];
    let mut slowest = Duration::ZERO;
    for extended in [false, true] {
        for statement in statements {
            let took = cancelled_after(&server, statement, extended).with_context(|| statement.to_owned())?;
            println!("{took:9.1?} extended={extended} {statement}");
            slowest = slowest.max(took);
        }
    }
    println!("slowest cancel: {slowest:?}");
    assert!(slowest < cancel_max(), "a cancelled statement ran on for {slowest:?}");
    assert_eq!(server.client()?.value("SELECT 1")?, "1");
    let gone = server.client()?.simple("SELECT * FROM never");
    assert_eq!(gone.expect_err("the cancelled statement's table").sqlstate(), Some("42P01"));
    Ok(())
}

/// Runs the statement, cancels it after a moment, and measures until the server says so. The session must go on.
fn cancelled_after(server: &TestServer, statement: &str, extended: bool) -> Result<Duration> {
    let mut client = server.client()?;
    let key = client.cancel_key();
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(700));
        let sent = Instant::now();
        key.cancel().map(|()| sent)
    });
    let request = if extended {
        let mut request = message::parse("", statement, &[]);
        request.extend(message::bind("", "", &[], &[], &[]));
        request.extend(message::execute("", 0));
        request.extend(message::sync());
        request
    } else {
        message::query(statement)
    };
    client.send(&request)?;
    let error = loop {
        // Rows are read as they come: what is measured is the server, not the client's backlog.
        let answer = client.receive()?;
        match answer.tag {
            b'E' => break answer,
            b'Z' => bail!("the statement ended by itself"),
            _ => {}
        }
    };
    let ended = Instant::now();
    let sent = canceller.join().expect("the canceller does not panic")?;
    let text = String::from_utf8_lossy(&error.body).into_owned();
    ensure!(text.contains("C57014"), "another error: {text}");
    ensure!(text.contains("canceling statement due to user request"), "{text}");
    client.until_ready()?;
    ensure!(client.value("SELECT 42")? == "42");
    Ok(ended.saturating_duration_since(sent))
}

#[test]
fn cancel_reaches_a_server_that_waits_for_its_client() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    let mut client = server.client()?;
    let key = client.cancel_key();
    client.send(&message::query("SELECT g, repeat('x', 1000) FROM generate_series(1, 10000000) AS g"))?;
    thread::sleep(Duration::from_millis(1500));
    key.cancel()?;
    thread::sleep(Duration::from_millis(300));
    match client.until_ready() {
        Err(Error::Server(error)) => assert_eq!(error.field('C'), "57014"),
        other => bail!("{other:?} instead of a cancelled statement"),
    }
    assert_eq!(client.value("SELECT 42")?, "42");
    Ok(())
}

#[test]
fn statement_timeout_stops_a_statement() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    let mut client = server.client()?;
    client.simple("SET statement_timeout = '300ms'")?;
    let begin = Instant::now();
    let error = client.simple("SELECT count(*) FROM generate_series(1, 1000000000000)").expect_err("it takes too long");
    assert_eq!(error.sqlstate(), Some("57014"));
    assert!(error.to_string().contains("canceling statement due to statement timeout"), "{error}");
    assert!(begin.elapsed() < Duration::from_millis(300) + cancel_max());
    client.simple("RESET statement_timeout")?;
    assert_eq!(client.value("SELECT 1")?, "1");
    Ok(())
}

#[test]
fn control_c_in_psql_stops_the_statement() -> Result<()> {
    let _turn = turn();
    let server = server_with_rows(stream_rows())?;
    for arguments in [
        ["-c", "SELECT count(*) FROM generate_series(1, 1000000000000)"],
        ["-c", "SELECT * FROM big"],
        ["-c", "\\copy (SELECT * FROM big) TO '/dev/null'"],
        ["-c", "SELECT count(*) FROM big a JOIN big b USING (k)"],
    ] {
        let took = interrupted(&server, &arguments).with_context(|| arguments[1].to_owned())?;
        println!("{took:9.1?} {}", arguments[1]);
        ensure!(took < cancel_max(), "the statement ended {took:?} after Ctrl-C: {}", arguments[1]);
    }
    Ok(())
}

/// Runs psql, presses Ctrl-C after a second, and measures until the server has ended the statement. psql must say so in the end.
///
/// What psql itself does then takes longer, with PostgreSQL as with Kura: it keeps every row of a plain SELECT and frees them before it speaks.
fn interrupted(server: &TestServer, arguments: &[&str]) -> Result<Duration> {
    let dsn = server.dsn();
    let cancelled_before = statements_cancelled(server)?;
    let mut psql = Command::new("psql")
        .env("PGPASSWORD", PASSWORD)
        .args(["-X", "-h", &dsn.host, "-p", &dsn.port.to_string(), "-U", &dsn.user, "-d", &dsn.database])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    thread::sleep(Duration::from_secs(1));
    let begin = Instant::now();
    ensure!(Command::new("kill").args(["-INT", &psql.id().to_string()]).status()?.success());
    while statements_cancelled(server)? == cancelled_before {
        ensure!(begin.elapsed() < Duration::from_secs(30), "the statement goes on");
        thread::sleep(Duration::from_millis(2));
    }
    let took = begin.elapsed();
    let mut said = String::new();
    psql.stderr.take().context("psql's messages")?.read_to_string(&mut said)?;
    psql.wait()?;
    ensure!(said.contains("canceling statement due to user request"), "psql said {said:?}");
    Ok(took)
}

/// How many statements ended so far without an answer, as the server's metrics tell.
fn statements_cancelled(server: &TestServer) -> Result<u64> {
    let page = clients::http_get(server.http_port().context("the port of HTTP")?, "/metrics")?;
    let cancelled = page.lines().filter(|line| line.starts_with("kura_statements_total{") && !line.contains("outcome=\"ok\""));
    cancelled.map(|line| Ok(line.rsplit(' ').next().context("a count")?.parse::<u64>()?)).sum()
}

#[test]
fn a_client_that_goes_away_leaves_nothing_running() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    for statement in
        ["SELECT g, repeat('x', 1000) FROM generate_series(1, 100000000) AS g", "SELECT count(*) FROM generate_series(1, 1000000000000)"]
    {
        let mut client = server.client()?;
        client.send(&message::query(statement))?;
        thread::sleep(Duration::from_millis(500));
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let before = cpu_ticks(server.pid())?;
        thread::sleep(Duration::from_millis(1000));
        let used = cpu_ticks(server.pid())? - before;
        if used < 20 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the server still uses {used} ticks of processor time a second");
    }
}

/// Processor time the process has used, in hundredths of a second.
fn cpu_ticks(pid: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/pid/stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}
