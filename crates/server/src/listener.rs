//! Accepting PostgreSQL connections: socket options, the cap on connections, a span for each.

use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::postgres::{self, Door};
use crate::tasks::Tasks;
use crate::telemetry;

/// Connections that may be waiting to log in beyond those that may have a session.
const BEFORE_LOGIN: usize = 64;
/// Refusals being told at the same time; more are only closed.
const REFUSING: usize = 16;
/// Silence after which a client is probed.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
/// Time between probes.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
/// Pause after the system cannot accept, such as for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until the server drains.
pub(crate) async fn listen(listener: TcpListener, door: Arc<Door>, connections_max: usize, tasks: Tasks) {
    let slots = Arc::new(Semaphore::new(connections_max + BEFORE_LOGIN));
    let refusals = Arc::new(Semaphore::new(REFUSING));
    loop {
        let accepted = tokio::select! {
            biased;
            () = door.shutdown.draining() => return,
            accepted = listener.accept() => accepted,
        };
        let (tcp, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        metrics::counter!(telemetry::CONNECTIONS_TOTAL).increment(1);
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            metrics::counter!(telemetry::CONNECTIONS_REFUSED).increment(1);
            if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                tasks.spawn("refusal", async move {
                    postgres::refuse(tcp).await;
                    drop(permit);
                });
            }
            continue;
        };
        if let Err(error) = set_options(&tcp) {
            tracing::debug!(%error, "connection broke at once");
            continue;
        }
        let door = Arc::clone(&door);
        let span = tracing::info_span!("connection", %peer, protocol = "postgres");
        let serve = async move {
            metrics::gauge!(telemetry::CONNECTIONS).increment(1);
            let open = Open;
            postgres::serve(door, tcp).await;
            drop((open, slot));
        };
        tasks.spawn("connection", serve.instrument(span));
    }
}

/// Counts a connection down however its task ends.
struct Open;

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!(telemetry::CONNECTIONS).decrement(1);
    }
}

fn set_options(tcp: &TcpStream) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
    SockRef::from(tcp).set_tcp_keepalive(&keepalive)
}
