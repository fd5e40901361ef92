//! What the PostgreSQL door says before login.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::{answer, config, start, text};

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

/// A start-up packet of this version with these bytes of parameters.
fn startup(version: u32, parameters: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + parameters.len()).expect("short");
    [&length.to_be_bytes(), &version.to_be_bytes(), parameters].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_answered_or_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(&config(folder.path())).await.expect("started");
    let port = server.ports().postgres;
    assert_eq!(answer(port, SSL_REQUEST).await, b"N");
    assert_eq!(answer(port, GSS_REQUEST).await, b"N");
    assert_eq!(answer(port, [SSL_REQUEST; 5].concat()).await, b"NNN");
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\0\0\0\0", b"\0\0\0\x07abc", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff"] {
        assert_eq!(answer(port, nonsense).await, b"", "{nonsense:?}");
    }
    let old = text(port, startup(2 << 16, b"\0")).await;
    assert!(old.contains("C0A000\0") && old.contains("unsupported frontend protocol 2.0"), "{old}");
    let unended = text(port, startup(3 << 16, b"user\0kura\0")).await;
    assert!(unended.contains("C08P01\0"), "{unended}");
    let nobody = text(port, startup(3 << 16, b"\0")).await;
    assert!(nobody.contains("C28000\0") && nobody.contains("no PostgreSQL user name"), "{nobody}");
    // Known or not, a user is asked for the same proof; a newer protocol is negotiated down first.
    for user in ["kura", "nobody"] {
        let asked = text(port, startup(3 << 16, format!("user\0{user}\0\0").as_bytes())).await;
        assert!(asked.starts_with('R') && asked.contains("SCRAM-SHA-256"), "{asked}");
    }
    assert!(text(port, startup((3 << 16) | 99, b"user\0kura\0\0")).await.starts_with('v'));
    server.shutdown().request();
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_does_not_wait_for_who_has_not_logged_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(&config(folder.path())).await.expect("started");
    let mut silent = TcpStream::connect(("127.0.0.1", server.ports().postgres)).await.expect("connected");
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.shutdown().request();
    tokio::time::timeout(Duration::from_secs(5), server.ended()).await.expect("ended soon");
    let mut end = Vec::new();
    silent.read_to_end(&mut end).await.expect("closed in order");
    assert!(end.is_empty());
}
