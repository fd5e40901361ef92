//! The server as a library: starts, ends, and what its doors say to strangers. Whole clients are testkit's matter.

mod doors;
mod start;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use kura_server::config::{LogFormat, Secret};
use kura_server::terminal::Terminal;
use kura_server::{Config, Server, StartError};

/// A configuration on free ports with its data in `folder`.
fn config(folder: &Path) -> Config {
    let mut config = Config::with_data_dir(folder.join("data")).expect("the defaults");
    config.postgres_listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.http_listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.ports_file = Some(folder.join("ports.json"));
    config.password = Some(Secret::new("correct horse battery staple"));
    config
}

/// Starts without a word on standard output.
async fn start(config: &Config) -> Result<Server, StartError> {
    Box::pin(Server::start(config, false, Terminal::new(LogFormat::Json))).await
}

/// Sends bytes to a port of this machine and returns everything it answers until it closes, or says nothing for a second.
async fn answer(port: u16, bytes: impl Into<Vec<u8>>) -> Vec<u8> {
    let bytes = bytes.into();
    let talk = move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
        stream.write_all(&bytes).expect("sent");
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut piece) {
            answer.extend_from_slice(&piece[..length]);
        }
        answer
    };
    tokio::task::spawn_blocking(talk).await.expect("talked")
}

/// The answer as text.
async fn text(port: u16, bytes: impl Into<Vec<u8>>) -> String {
    String::from_utf8_lossy(&answer(port, bytes).await).into_owned()
}
