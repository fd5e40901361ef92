//! Wrong packets at start-up, wrong messages and wrong numbers in right messages. The expectations are PostgreSQL 15's.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};
use kura_testkit::random::Random;
use kura_testkit::server::Options;
use kura_testkit::wire::{Error, ServerError, message};
use kura_testkit::{Client, Dsn, TestServer};

use crate::{Subject, setting, turn};

/// Sends bytes on a fresh connection and returns what comes back until the server closes it or says nothing for a while.
fn answer(dsn: &Dsn, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect((dsn.host.as_str(), dsn.port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // The server may close before it has read everything.
    drop(stream.write_all(bytes));
    drop(stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    drop(stream.take(1 << 20).read_to_end(&mut answer));
    Ok(answer)
}

/// Sends messages and returns the first error before the session is ready again.
fn refused(client: &mut Client, messages: &[Vec<u8>]) -> Result<Box<ServerError>> {
    client.send(&messages.concat())?;
    match client.until_ready() {
        Err(Error::Server(error)) => Ok(error),
        other => anyhow::bail!("{other:?} instead of an error"),
    }
}

fn packet(length: u32, body: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes(), body].concat()
}

#[test]
fn start_up_packets_that_are_wrong() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let dsn = &subject.dsn;
    let version = 196_608_u32.to_be_bytes();
    let silent: [Vec<u8>; 8] = [
        Vec::new(),
        vec![0],
        packet(0, b""),
        packet(4, b""),
        packet(7, b"abc"),
        packet(0xffff_ffff, &version),
        packet(0x7fff_ffff, &version),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
    ];
    for bytes in silent {
        let answer = answer(dsn, &bytes)?;
        ensure!(answer.is_empty() || answer[0] == b'E', "{bytes:?} was answered with {answer:?}");
    }
    let told = [
        (packet(8, &131_072_u32.to_be_bytes()), "unsupported frontend protocol 2.0"),
        (packet(8, &0xffff_ffff_u32.to_be_bytes()), "unsupported frontend protocol 65535.65535"),
        (packet(20, &[&version, b"user\0kura\0\0\0".as_slice()].concat()), "invalid startup packet layout"),
        (message::startup(&[("database", "kura")]), "no PostgreSQL user name specified in startup packet"),
    ];
    for (bytes, text) in told {
        let answer = answer(dsn, &bytes)?;
        let shown = String::from_utf8_lossy(&answer);
        ensure!(answer.first() == Some(&b'E') && shown.contains(text), "{bytes:?} was answered with {shown:?}");
    }
    let many: Vec<(String, String)> = (0..2_000).map(|number| (format!("name{number}"), "value".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    ensure!(Client::connect_with(dsn, &many).is_err());
    // A request for TLS, then nothing sensible.
    let bytes = [message::ssl_request(), Random::new(1).bytes(300)].concat();
    let answer = answer(dsn, &bytes)?;
    ensure!(matches!(answer.first(), Some(b'N' | b'S')), "{answer:?}");
    subject.ends_well()
}

#[test]
fn logins_that_are_wrong() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let login = |change: &dyn Fn(&mut Dsn)| {
        let mut dsn = subject.dsn.clone();
        change(&mut dsn);
        match Client::connect(&dsn) {
            Ok(_) => "no error".to_owned(),
            Err(error) => format!("{} {error}", error.sqlstate().unwrap_or_default()),
        }
    };
    let unknown = login(&|dsn| dsn.database = "nothing".to_owned());
    assert_eq!(unknown.lines().next(), Some("3D000 FATAL: database \"nothing\" does not exist"));
    if subject.is_kura() {
        // Nobody learns from the answer whether a role exists.
        let wrong = |user: &str| format!("28P01 FATAL: password authentication failed for user \"{user}\"");
        assert_eq!(login(&|dsn| dsn.password = Some("wrong".to_owned())), wrong("kura"));
        assert_eq!(login(&|dsn| dsn.password = Some(String::new())), wrong("kura"));
        assert_eq!(login(&|dsn| dsn.user = "nobody".to_owned()), wrong("nobody"));
    }
    let setting = Client::connect_with(&subject.dsn, &[("no_such_setting", "1")]);
    assert_eq!(setting.err().and_then(|error| error.sqlstate().map(str::to_owned)).as_deref(), Some("42704"));
    subject.ends_well()
}

#[test]
fn messages_that_end_the_session() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let wrong: [(&str, Vec<u8>); 5] = [
        ("an unknown type", message::message(b'~', b"")),
        ("a length below four", vec![b'Q', 0, 0, 0, 3]),
        ("a length of zero", vec![b'Q', 0, 0, 0, 0]),
        ("a negative length", vec![b'Q', 0xff, 0xff, 0xff, 0xff]),
        ("a length of 2 GiB", vec![b'Q', 0x7f, 0xff, 0xff, 0xff]),
    ];
    for (what, bytes) in wrong {
        let mut client = Client::connect(&subject.dsn)?;
        client.send(&bytes)?;
        loop {
            match client.receive() {
                Ok(answer) if answer.tag == b'E' => {}
                Err(Error::Io(_)) => break,
                other => anyhow::bail!("{what} was answered with {other:?}"),
            }
        }
    }
    subject.ends_well()
}

#[test]
fn messages_that_are_refused() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let mut client = Client::connect(&subject.dsn)?;
    let one = || message::parse("", "SELECT $1::int4", &[]);
    let sync = message::sync;
    let value: &[Option<&[u8]>] = &[Some(b"1")];
    let cases: Vec<(&str, &str, Vec<Vec<u8>>)> = vec![
        ("08P01", "a query without an end", vec![message::message(b'Q', b"SELECT 1")]),
        ("08P01", "a query with a NUL", vec![message::message(b'Q', b"SELECT 'a\0b'\0")]),
        ("22021", "a query that is not UTF-8", vec![message::message(b'Q', b"SELECT '\xff\xfe'\0")]),
        ("08P01", "a Parse that claims parameters", vec![message::message(b'P', b"\0SELECT 1\0\x7f\xff"), sync()]),
        ("42601", "two statements in a Parse", vec![message::parse("", "SELECT 1; SELECT 2", &[]), sync()]),
        ("42601", "a syntax error", vec![message::parse("", "SELEC 1", &[]), sync()]),
        ("26000", "Bind to no statement", vec![message::bind("", "none", &[], &[], &[]), sync()]),
        ("08P01", "too few parameters", vec![one(), message::bind("", "", &[], &[], &[]), sync()]),
        ("08P01", "too many parameters", vec![one(), message::bind("", "", &[], &[Some(b"1"), Some(b"2")], &[]), sync()]),
        ("08P01", "more formats than parameters", vec![one(), message::bind("", "", &[0, 0, 0], value, &[]), sync()]),
        ("08P01", "more formats than columns", vec![one(), message::bind("", "", &[], value, &[0, 0, 0]), sync()]),
        ("22023", "an unknown parameter format", vec![one(), message::bind("", "", &[7], value, &[]), sync()]),
        ("22P02", "a parameter that is no number", vec![one(), message::bind("", "", &[], &[Some(b"x")], &[]), sync()]),
        ("08P01", "a binary parameter too short", vec![one(), message::bind("", "", &[1], &[Some(b"\0\0")], &[]), sync()]),
        ("22P03", "a binary parameter too long", vec![one(), message::bind("", "", &[1], &[Some(b"\0\0\0\x01\0")], &[]), sync()]),
        ("08P01", "a value longer than the message", vec![one(), message::message(b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff1\0\0"), sync()]),
        ("08P01", "a value of negative length", vec![one(), message::message(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xf01\0\0"), sync()]),
        ("34000", "Execute of no portal", vec![message::execute("none", 0), sync()]),
        ("34000", "Describe of no portal", vec![message::describe(b'P', "none"), sync()]),
        ("26000", "Describe of no statement", vec![message::describe(b'S', "none"), sync()]),
        ("08P01", "Describe of something else", vec![message::describe(b'X', "none"), sync()]),
        ("08P01", "Close of something else", vec![message::close(b'X', "none"), sync()]),
        ("08P01", "Execute without a row limit", vec![message::message(b'E', b"\0"), sync()]),
        // PostgreSQL answers this one with XX000.
        (
            if subject.is_kura() { "42704" } else { "XX000" },
            "an unknown type",
            vec![message::parse("", "SELECT $1", &[4_000_000_000]), sync()],
        ),
    ];
    for (sqlstate, what, messages) in cases {
        let error = refused(&mut client, &messages)?;
        ensure!(error.field('C') == sqlstate, "{what}: {} {error}", error.field('C'));
        ensure!(client.value("SELECT 42")? == "42", "{what}");
    }
    for text in [b"a\0b".as_slice(), b"\xff", b"\xed\xa0\x80", b"\xc0\x80"] {
        let bind = message::bind("", "", &[], &[Some(text)], &[]);
        let error = refused(&mut client, &[message::parse("", "SELECT $1::text", &[]), bind, sync()])?;
        ensure!(error.field('C') == "22021", "{text:?}: {error}");
    }
    names_are_taken_once(&mut client)?;
    copy_messages_outside_a_copy(&mut client)?;
    subject.ends_well()
}

fn names_are_taken_once(client: &mut Client) -> Result<()> {
    client.send(&[message::parse("s", "SELECT 1", &[]), message::sync()].concat())?;
    client.until_ready()?;
    let error = refused(client, &[message::parse("s", "SELECT 2", &[]), message::sync()])?;
    assert_eq!(error.field('C'), "42P05", "{error}");
    let bind = || message::bind("p", "s", &[], &[], &[]);
    let error = refused(client, &[bind(), bind(), message::sync()])?;
    assert_eq!(error.field('C'), "42P03", "{error}");
    // Closing what does not exist is no error; a portal ends with its transaction.
    client.send(&[message::close(b'S', "none"), message::close(b'P', "none"), bind(), message::sync()].concat())?;
    client.until_ready()?;
    let error = refused(client, &[message::execute("p", 0), message::sync()])?;
    assert_eq!(error.field('C'), "34000", "{error}");
    Ok(())
}

/// A client that prepares and binds without end is told to stop.
#[test]
fn what_a_session_may_keep_is_bounded() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    let mut client = server.client()?;
    type Make = fn(usize) -> Vec<u8>;
    let statement: Make = |number| message::parse(&format!("s{number}"), "SELECT 1", &[]);
    let portal: Make = |number| message::bind(&format!("p{number}"), "s0", &[], &[], &[]);
    client.simple("BEGIN")?;
    for make in [statement, portal] {
        let mut made = 0;
        let error = loop {
            let request: Vec<u8> = (made..made + 100).flat_map(make).collect();
            client.send(&[request, message::sync()].concat())?;
            match client.until_ready() {
                Ok(()) => made += 100,
                Err(error) => break error,
            }
            ensure!(made < 100_000, "{made} and no end");
        };
        assert_eq!(error.sqlstate(), Some("53400"), "{error}");
        client.simple("ROLLBACK; BEGIN")?;
    }
    client.simple("ROLLBACK")?;
    client.simple("DISCARD ALL")?;
    client.send(&[statement(0), message::sync()].concat())?;
    client.until_ready()?;
    Ok(())
}

/// `CopyData`, `CopyDone` and `CopyFail` are ignored when nothing is copied: they may come late after an error.
fn copy_messages_outside_a_copy(client: &mut Client) -> Result<()> {
    client.send(&[message::copy_data(b"x"), message::copy_done(), message::copy_fail("no")].concat())?;
    ensure!(client.value("SELECT 42")? == "42");
    Ok(())
}

#[test]
fn row_limits_that_are_odd() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let mut client = Client::connect(&subject.dsn)?;
    for limit in [-1, i32::MIN, i32::MAX, 0] {
        let mut request = message::parse("", "SELECT g FROM generate_series(1, 1000) AS g", &[]);
        request.extend(message::bind("", "", &[], &[], &[]));
        request.extend(message::execute("", limit));
        request.extend(message::sync());
        client.send(&request)?;
        let mut rows = 0;
        loop {
            let answer = client.receive()?;
            match answer.tag {
                b'D' => rows += 1,
                b'Z' => break,
                b'1' | b'2' | b'C' => {}
                tag => anyhow::bail!("{:?} with a limit of {limit}", char::from(tag)),
            }
        }
        assert_eq!(rows, 1000, "with a limit of {limit}");
    }
    subject.ends_well()
}

/// Right conversations with bytes changed, cut or added: whatever the server makes of them, it lives and does not hang.
#[test]
fn conversations_with_random_damage() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let seed = setting("KURA_SEED", 20_130_101);
    let mut random = Random::new(seed);
    let mut schema = subject.client("damage")?;
    schema.simple("CREATE TABLE t (a integer, b text)")?;
    let right: Vec<Vec<u8>> = vec![
        message::query("SELECT * FROM damage.t; SELECT 1"),
        message::query("COPY damage.t FROM STDIN"),
        message::copy_data(b"1\tone\n2\ttwo\n"),
        message::copy_done(),
        message::parse("s", "SELECT $1::int4 + 1, $2::text", &[23, 25]),
        message::bind("p", "s", &[1, 0], &[Some(b"\0\0\0\x07"), Some(b"seven")], &[1]),
        message::describe(b'P', "p"),
        message::execute("p", 1),
        message::close(b'S', "s"),
        message::flush(),
        message::sync(),
    ];
    for round in 0..setting("KURA_DAMAGE_ROUNDS", 300) {
        let mut client = Client::connect(&subject.dsn)?;
        client.stream().set_read_timeout(Some(Duration::from_millis(20)))?;
        for message in &right {
            let mut bytes = message.clone();
            if random.below(3) == 0 {
                damage(&mut bytes, &mut random);
            }
            if client.send(&bytes).is_err() {
                break;
            }
        }
        drop(client.stream().shutdown(Shutdown::Write));
        // What comes back is not looked at, only that it ends.
        while client.receive().is_ok() {}
        if round % 50 == 0 {
            ensure!(schema.value("SELECT 42")? == "42", "round {round}, KURA_SEED={seed}");
        }
    }
    schema.simple("DROP SCHEMA damage CASCADE")?;
    subject.ends_well()
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = usize::try_from(random.below(bytes.len() as u64)).unwrap_or_default();
    match random.below(4) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes.truncate(at),
        2 => bytes.splice(at..at, random.bytes(8)).for_each(drop),
        _ => {
            let end = (at + 4).min(bytes.len());
            bytes[at..end].fill(if random.below(2) == 0 { 0xff } else { 0x7f });
        }
    }
}
