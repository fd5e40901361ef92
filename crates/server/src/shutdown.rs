//! The end of the server: no new statements first, running ones get a grace period, then everything stops.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Time between ending running statements and dropping their connections: for telling their clients.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How far the server is on its way to its end. Shared by everything that waits.
#[derive(Debug, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    interrupt: CancellationToken,
    expire: CancellationToken,
}

impl Shutdown {
    /// Begins the shutdown: connections end when they are idle. A second call ends the grace period.
    pub fn request(&self) {
        if self.drain.is_cancelled() {
            self.interrupt.cancel();
        }
        self.drain.cancel();
    }

    /// Whether it has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Waits until it begins.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Waits until connections are dropped whatever they do.
    pub(crate) async fn expired(&self) {
        self.expire.cancelled().await;
    }

    /// Waits for the shutdown, and through it: `interrupt_statements` is called at the end of the grace period, unless
    /// `idle` comes first.
    pub(crate) async fn supervise(&self, grace: Duration, interrupt_statements: impl FnOnce(), idle: impl Future<Output = ()>) {
        self.draining().await;
        tokio::pin!(idle);
        tokio::select! {
            () = &mut idle => return,
            () = tokio::time::sleep(grace) => tracing::info!("grace period is over, ending running statements"),
            () = self.interrupt.cancelled() => tracing::info!("second signal, ending running statements"),
        }
        interrupt_statements();
        tokio::select! {
            () = &mut idle => return,
            () = tokio::time::sleep(LAST_WORDS) => {}
        }
        self.expire.cancel();
        idle.await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_second_request_ends_the_grace_period() {
        let shutdown = Shutdown::default();
        shutdown.request();
        shutdown.request();
        let interrupted = AtomicBool::new(false);
        let idle = async {
            shutdown.expired().await;
        };
        shutdown.supervise(Duration::from_secs(3600), || interrupted.store(true, Ordering::Relaxed), idle).await;
        assert!(interrupted.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn an_idle_server_ends_at_once() {
        let shutdown = Shutdown::default();
        shutdown.request();
        shutdown.supervise(Duration::from_secs(3600), || panic!("nothing runs"), std::future::ready(())).await;
    }
}
