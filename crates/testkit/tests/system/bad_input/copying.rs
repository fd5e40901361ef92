//! COPY FROM STDIN with broken rows: the error names line and column as PostgreSQL's does, and nothing is loaded.

use anyhow::{Result, ensure};
use kura_testkit::Client;
use kura_testkit::server::Options;
use kura_testkit::wire::{Error, ServerError, message};

use crate::{Subject, clients, turn};

/// SQLSTATE, message and context.
fn shown(error: &ServerError) -> String {
    format!("{} {} / {}", error.field('C'), error.field('M'), error.field('W'))
}

fn broken(client: &mut Client, options: &str, data: &[u8]) -> Result<String> {
    match client.simple_with(&format!("COPY t FROM STDIN {options}"), &[data]) {
        Err(Error::Server(error)) => Ok(shown(&error)),
        other => anyhow::bail!("{other:?} for {:?}", String::from_utf8_lossy(data)),
    }
}

#[test]
fn broken_rows_name_line_and_column() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let mut client = subject.client("broken_rows")?;
    client.simple("CREATE TABLE t (id integer NOT NULL, name varchar(5), day date)")?;
    let csv = "(FORMAT csv)";
    let cases: &[(&str, &[u8], &str)] = &[
        ("", b"1\ta\t2024-01-01\nx\tb\t\\N\n", "22P02 invalid input syntax for type integer: \"x\" / COPY t, line 2, column id: \"x\""),
        ("", b"1\ta\n", "22P04 missing data for column \"day\" / COPY t, line 1: \"1\ta\""),
        ("", b"1\ta\t\\N\tmore\n", "22P04 extra data after last expected column / COPY t, line 1: \"1\ta\t\\N\tmore\""),
        (
            "",
            b"\\N\ta\t\\N\n",
            "23502 null value in column \"id\" of relation \"t\" violates not-null constraint / COPY t, line 1: \"\\N\ta\t\\N\"",
        ),
        ("", b"1\ttoo long\t\\N\n", "22001 value too long for type character varying(5) / COPY t, line 1, column name: \"too long\""),
        (
            "",
            b"1\ta\t2024-02-30\n",
            "22008 date/time field value out of range: \"2024-02-30\" / COPY t, line 1, column day: \"2024-02-30\"",
        ),
        (
            "",
            b"1\ta\tyesterdays\n",
            "22007 invalid input syntax for type date: \"yesterdays\" / COPY t, line 1, column day: \"yesterdays\"",
        ),
        (
            "",
            b"99999999999\ta\t\\N\n",
            "22003 value \"99999999999\" is out of range for type integer / COPY t, line 1, column id: \"99999999999\"",
        ),
        ("", b"1\t\xff\t\\N\n", "22021 invalid byte sequence for encoding \"UTF8\": 0xff / COPY t, line 1"),
        ("", b"1\ta\0\t\\N\n", "22021 invalid byte sequence for encoding \"UTF8\": 0x00 / COPY t, line 1"),
        ("", b"1\ta\t\\N\r\n2\tb\t\\N\n", "22P04 literal newline found in data / COPY t, line 2"),
        ("", b"1\ta\t\\N\n\\.x\n", "22P04 end-of-copy marker corrupt / COPY t, line 2"),
        (csv, b"1,a,\n2,\"b,\n", "22P04 unterminated CSV quoted field / COPY t, line 3: \"2,\"b,\n\""),
        (csv, b"1,a,2024-01-01\n2,b\n", "22P04 missing data for column \"day\" / COPY t, line 2: \"2,b\""),
        (csv, b"1,a,,\n", "22P04 extra data after last expected column / COPY t, line 1: \"1,a,,\""),
        (csv, b"1,a,\n,b,\n", "23502 null value in column \"id\" of relation \"t\" violates not-null constraint / COPY t, line 2: \",b,\""),
        (csv, b"0,z,\n1,\"a\nb\",\nx,c,\n", "22P02 invalid input syntax for type integer: \"x\" / COPY t, line 4, column id: \"x\""),
    ];
    for (options, data, expected) in cases {
        let found = broken(&mut client, options, data)?;
        ensure!(found == *expected, "{:?}\nfound    {found}\nexpected {expected}", String::from_utf8_lossy(data));
        ensure!(client.value("SELECT count(*) FROM t")? == "0", "{expected}");
    }
    let error = broken(&mut client, "(FORMAT csv, HEADER match)", b"id,nam,day\n1,a,\n")?;
    assert_eq!(error, "22P04 column name mismatch in header line field 2: got \"nam\", expected \"name\" / COPY t, line 1: \"id,nam,day\"");
    client.simple("DROP SCHEMA broken_rows CASCADE")?;
    subject.ends_well()
}

/// The last of many rows is broken, after files have been written.
#[test]
fn a_late_error_loads_nothing() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let mut client = subject.client("late_error")?;
    client.simple("CREATE TABLE t (id integer, note text)")?;
    let mut chunks: Vec<Vec<u8>> = (0..400)
        .map(|chunk| {
            let rows: Vec<String> = (0..1_000).map(|row| format!("{}\tsome text to make the row longer\n", chunk * 1_000 + row)).collect();
            rows.concat().into_bytes()
        })
        .collect();
    chunks.push(b"1\t2\t3\n".to_vec());
    let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
    let Err(Error::Server(error)) = client.simple_with("COPY t FROM STDIN", &chunks) else {
        anyhow::bail!("the broken row was taken");
    };
    assert_eq!(shown(&error), "22P04 extra data after last expected column / COPY t, line 400001: \"1\t2\t3\"");
    assert_eq!(client.value("SELECT count(*) FROM t")?, "0");
    if let Some(server) = &subject.server {
        let left = clients::files_below(&server.data_dir().join("lake"))?;
        ensure!(left.is_empty(), "the failed COPY left files behind: {left:?}");
    }
    client.simple("DROP SCHEMA late_error CASCADE")?;
    subject.ends_well()
}

/// The client gives up, sends something else, or goes away in the middle of a COPY.
#[test]
fn copies_that_end_early() -> Result<()> {
    let _turn = turn();
    let subject = Subject::new(Options::new())?;
    let mut client = subject.client("early_end")?;
    client.simple("CREATE TABLE t (id integer)")?;
    let start = |client: &mut Client| -> Result<()> {
        client.send(&[message::query("COPY early_end.t FROM STDIN"), message::copy_data(b"1\n2\n")].concat())?;
        ensure!(client.receive()?.tag == b'G');
        Ok(())
    };
    start(&mut client)?;
    client.send(&message::copy_fail("changed my mind"))?;
    let Err(Error::Server(error)) = client.until_ready() else { anyhow::bail!("CopyFail was ignored") };
    assert_eq!(error.field('C'), "57014");
    assert_eq!(error.field('M'), "COPY from stdin failed: changed my mind");
    start(&mut client)?;
    client.send(&message::query("SELECT 1"))?;
    // PostgreSQL has lost the thread then, and ends the session.
    let Err(Error::Server(error)) = client.until_ready() else { anyhow::bail!("a Query during COPY was ignored") };
    assert_eq!(error.field('C'), "08P01", "{error}");
    let mut client = Client::connect(&subject.dsn)?;
    start(&mut client)?;
    drop(client);
    let mut client = Client::connect(&subject.dsn)?;
    assert_eq!(client.value("SELECT count(*) FROM early_end.t")?, "0");
    client.simple("DROP SCHEMA early_end CASCADE")?;
    subject.ends_well()
}
