//! Start and end.

use std::net::TcpListener;

use kura_server::StartError;

use crate::{config, start, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_tells_its_ports_and_its_health_and_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let server = start(&config).await.expect("started");
    let ports = server.ports();
    let written = std::fs::read_to_string(folder.path().join("ports.json")).expect("the ports file");
    assert_eq!(written, format!(r#"{{"postgres":{},"http":{}}}"#, ports.postgres, ports.http));
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    for path in ["/health", "/health/live", "/health/ready"] {
        let health = text(ports.http, get(path)).await;
        assert!(health.starts_with("HTTP/1.1 200"), "{path}: {health}");
    }
    let metrics = text(ports.http, get("/metrics")).await;
    assert!(metrics.contains("kura_sessions 0"), "{metrics}");
    assert!(text(ports.http, get("/nothing")).await.starts_with("HTTP/1.1 404"));
    server.shutdown().request();
    server.ended().await;
    assert!(std::net::TcpStream::connect(("127.0.0.1", ports.postgres)).is_err());
    assert!(std::net::TcpStream::connect(("127.0.0.1", ports.http)).is_err());
    // The same data once more.
    let server = start(&config).await.expect("started again");
    server.shutdown().request();
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_in_use_stops_the_start_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config(folder.path());
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    config.postgres_listen = other.local_addr().expect("its address");
    let error = start(&config).await.expect_err("in use");
    assert!(matches!(error, StartError::Listen { flag: "--postgres-listen", .. }), "{error:?}");
    assert!(!folder.path().join("data").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_lake_is_opened_when_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config(folder.path());
    let server = start(&config).await.expect("started");
    server.shutdown().request();
    server.ended().await;
    config.storage = folder.path().join("elsewhere");
    let error = start(&config).await.expect_err("another folder");
    assert!(matches!(error, StartError::Moved(_)), "{error:?}");
    config.relocate = true;
    let server = start(&config).await.expect("started");
    server.shutdown().request();
    server.ended().await;
}
