//! Files that are damaged, missing or out of bounds: the error names the file, everything else stays readable.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use kura_testkit::Client;
use kura_testkit::TestServer;
use kura_testkit::random::Random;
use kura_testkit::server::Options;
use kura_testkit::wire::Error;

use crate::{clients, turn};

fn refused(client: &mut Client, statement: &str) -> Result<(String, String)> {
    match client.simple(statement) {
        Err(Error::Server(error)) => Ok((error.field('C').to_owned(), error.to_string())),
        other => anyhow::bail!("{other:?} for {statement}"),
    }
}

/// The largest data file of the lake, and its content.
fn largest_file(server: &TestServer) -> Result<(PathBuf, Vec<u8>)> {
    let mut files = clients::files_below(&server.data_dir().join("lake"))?;
    files.sort_by_key(|file| std::fs::metadata(file).map_or(0, |data| data.len()));
    let file = files.pop().context("the lake has files")?;
    let bytes = std::fs::read(&file)?;
    Ok((file, bytes))
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[test]
fn a_damaged_table_file_is_named() -> Result<()> {
    let _turn = turn();
    let mut server = TestServer::start()?;
    let mut client = server.client()?;
    client.simple("CREATE TABLE good AS SELECT g AS id FROM generate_series(1, 1000) AS g")?;
    client.simple("CREATE TABLE bad AS SELECT g AS id, 'text ' || g AS note FROM generate_series(1, 50000) AS g")?;
    let (file, bytes) = largest_file(&server)?;
    let half = bytes.len() / 2;
    let damages: Vec<(&str, Vec<u8>)> = vec![
        ("cut in half", bytes[..half].to_vec()),
        ("empty", Vec::new()),
        ("one byte short", bytes[..bytes.len() - 1].to_vec()),
        ("another file", Random::new(3).bytes(bytes.len())),
        ("a footer of zeros", [&bytes[..bytes.len() - 200], &[0; 200]].concat()),
    ];
    for (what, damaged) in damages {
        std::fs::write(&file, damaged)?;
        // Nothing about the good file may be remembered.
        server.stop()?;
        server.start_again()?;
        let mut client = server.client()?;
        let (state, text) = refused(&mut client, "SELECT count(*), max(note) FROM bad WHERE id > 7")?;
        ensure!(state == "XX001" || state == "58P01", "{what}: {state} {text}");
        ensure!(text.contains(&name(&file)), "{what}: the error does not name {}: {text}", name(&file));
        ensure!(client.value("SELECT sum(id) FROM good")? == "500500", "{what}");
    }
    std::fs::remove_file(&file)?;
    server.stop()?;
    server.start_again()?;
    let mut client = server.client()?;
    let (state, text) = refused(&mut client, "SELECT max(note) FROM bad")?;
    ensure!((state == "58P01" || state == "XX001") && text.contains(&name(&file)), "{state} {text}");
    std::fs::write(&file, &bytes)?;
    ensure!(client.value("SELECT count(*) FROM bad")? == "50000");
    flipped_bits(&mut server, &file, &bytes)
}

/// A flipped bit anywhere is an error that names the file, or changes nothing that was asked for; the server goes on.
fn flipped_bits(server: &mut TestServer, file: &Path, bytes: &[u8]) -> Result<()> {
    let mut random = Random::new(7);
    let mut client = server.client()?;
    let right = client.rows("SELECT count(*), sum(id), min(note), max(note) FROM bad")?;
    let (mut errors, mut unnoticed) = (0, 0);
    for _ in 0..50 {
        let at = usize::try_from(random.below(bytes.len() as u64))?;
        let mut damaged = bytes.to_vec();
        damaged[at] ^= 1 << random.below(8);
        std::fs::write(file, &damaged)?;
        match client.rows("SELECT count(*), sum(id), min(note), max(note) FROM bad") {
            Ok(rows) if rows == right => unnoticed += 1,
            Ok(rows) => anyhow::bail!("a flipped bit at {at} changed the answer to {rows:?}"),
            Err(Error::Server(error)) => {
                errors += 1;
                ensure!(!error.field('C').starts_with("XX000"), "byte {at}: {error}");
            }
            Err(error) => return Err(error.into()),
        }
    }
    println!("50 flipped bits: {errors} errors, {unnoticed} without effect");
    std::fs::write(file, bytes)?;
    ensure!(client.value("SELECT 42")? == "42");
    ensure!(!server.log().contains("panic"), "{}", server.log_tail());
    Ok(())
}

#[test]
fn copy_refuses_what_it_may_not_read_or_cannot() -> Result<()> {
    let _turn = turn();
    let root = tempfile::tempdir()?;
    let server = Options::new().copy_root(root.path()).start()?;
    let mut client = server.client()?;
    client.simple("CREATE TABLE t (id integer, note text)")?;
    client.simple("INSERT INTO t SELECT g, 'text ' || g FROM generate_series(1, 1000) AS g")?;
    let path = |name: &str| root.path().join(name).to_string_lossy().into_owned();
    client.simple(&format!("COPY t TO '{}' (FORMAT parquet)", path("good.parquet")))?;
    let good = std::fs::read(root.path().join("good.parquet"))?;
    std::fs::write(root.path().join("half.parquet"), &good[..good.len() / 2])?;
    std::fs::write(root.path().join("text.parquet"), "id,note\n1,one\n")?;
    std::fs::write(root.path().join("broken.csv"), "1,one\ntwo,2\n")?;
    std::fs::write(root.path().join("broken.json"), "{\"id\": 1, \"note\": \"one\"}\n{\"id\": }\n")?;
    std::os::unix::fs::symlink("/etc/passwd", root.path().join("link.csv"))?;
    for (statement, state, part) in [
        (format!("COPY t FROM '{}' (FORMAT parquet)", path("half.parquet")), "22P04", "half.parquet"),
        (format!("COPY t FROM '{}' (FORMAT parquet)", path("text.parquet")), "22P04", "text.parquet"),
        (format!("COPY t FROM '{}' (FORMAT parquet)", path("none.parquet")), "58P01", "none.parquet"),
        (format!("COPY t FROM '{}' (FORMAT csv)", path("broken.csv")), "22P02", "COPY t, line 2, column id: \"two\""),
        (format!("COPY t FROM '{}' (FORMAT json)", path("broken.json")), "22P04", "line 2"),
        ("COPY t FROM '/etc/passwd' (FORMAT csv)".to_owned(), "42501", ""),
        (format!("COPY t FROM '{}' (FORMAT csv)", path("link.csv")), "42501", ""),
        (format!("COPY t FROM '{}/../../etc/passwd' (FORMAT csv)", root.path().display()), "42501", ""),
        (format!("COPY t TO '{}/../out.csv' (FORMAT csv)", root.path().display()), "42501", ""),
        ("COPY t FROM 'relative.csv' (FORMAT csv)".to_owned(), "58P01", ""),
        ("COPY t FROM PROGRAM 'id'".to_owned(), "0A000", ""),
    ] {
        let (found, text) = refused(&mut client, &statement)?;
        ensure!(found == state && text.contains(part), "{statement}\n{found} {text}");
        ensure!(client.value("SELECT count(*) FROM t")? == "1000", "{statement}");
    }
    client.simple(&format!("COPY t FROM '{}' (FORMAT parquet)", path("good.parquet")))?;
    ensure!(client.value("SELECT count(*) FROM t")? == "2000");
    // Without a root nothing of the server's machine can be read or written.
    let closed = TestServer::start()?;
    let mut client = closed.client()?;
    client.simple("CREATE TABLE t (id integer)")?;
    let (state, text) = refused(&mut client, &format!("COPY t FROM '{}' (FORMAT parquet)", path("good.parquet")))?;
    ensure!(state == "42501", "{state} {text}");
    Ok(())
}
