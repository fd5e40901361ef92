//! What ends a running statement from outside: a cancel request, its timeout, the server's shutdown.
//!
//! One [`Interrupt`] per running statement covers planning, running and streaming. The engine sees its token; whoever
//! awaits anything on behalf of the statement goes through [`Interrupt::guard`].

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use kura_pgtypes::SqlState;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// Why a statement was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A cancel request.
    User,
    /// `statement_timeout`.
    Timeout,
    /// The server stops.
    Shutdown,
    /// The client is gone; nobody reads the error.
    Disconnected,
}

impl Reason {
    /// The SQLSTATE.
    #[must_use]
    pub fn state(self) -> SqlState {
        match self {
            Self::User | Self::Timeout => SqlState::QUERY_CANCELED,
            Self::Shutdown => SqlState::ADMIN_SHUTDOWN,
            Self::Disconnected => SqlState::CONNECTION_FAILURE,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "canceling statement due to user request",
            Self::Timeout => "canceling statement due to statement timeout",
            Self::Shutdown => "terminating connection due to administrator command",
            Self::Disconnected => "connection to client lost",
        })
    }
}

/// The handle by which one running statement is ended.
#[derive(Clone, Debug)]
pub struct Interrupt {
    token: CancellationToken,
    reason: Arc<OnceLock<Reason>>,
    deadline: Option<Instant>,
}

impl Interrupt {
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        Self { token: CancellationToken::new(), reason: Arc::default(), deadline: timeout.map(|timeout| Instant::now() + timeout) }
    }

    /// The same statement with its time starting anew: a portal continued.
    pub(crate) fn renewed(&self, timeout: Option<Duration>) -> Self {
        Self { deadline: timeout.map(|timeout| Instant::now() + timeout), ..self.clone() }
    }

    /// What the engine watches.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Ends the statement. The first reason stays.
    pub fn raise(&self, reason: Reason) {
        self.reason.get_or_init(|| reason);
        self.token.cancel();
    }

    /// Why it was ended, if it was.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.reason.get().copied()
    }

    /// Waits until the statement is ended from outside, its timeout included.
    pub async fn raised(&self) -> Reason {
        if let Some(deadline) = self.deadline {
            tokio::select! {
                () = self.token.cancelled() => {}
                () = tokio::time::sleep_until(deadline) => self.raise(Reason::Timeout),
            }
        } else {
            self.token.cancelled().await;
        }
        self.reason().unwrap_or(Reason::User)
    }

    /// Runs `work` until it is done or the statement is ended; `work` is dropped then. A panic in it ends the statement,
    /// not the session: what it left behind is dropped with the statement's transaction.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; XX000 after a panic.
    pub async fn guard<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let work = AssertUnwindSafe(work).catch_unwind();
        tokio::select! {
            biased;
            reason = self.raised() => Err(Error::Interrupted(reason)),
            value = work => value.map_err(|panic| panicked(panic.as_ref())),
        }
    }

    /// The error to report: why the statement was ended, if that is what made it fail.
    pub(crate) fn explain(&self, error: Error) -> Error {
        use kura_pgtypes::Diagnostic;
        match self.reason() {
            Some(reason) if error.sqlstate() == SqlState::QUERY_CANCELED => Error::Interrupted(reason),
            _ => error,
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::new(SqlState::INTERNAL_ERROR, format!("the statement panicked: {}", text.unwrap_or("without a message")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_the_statement_only() {
        let interrupt = Interrupt::new(None);
        let result: Result<()> = interrupt.guard(async { panic!("seven") }).await;
        assert_eq!(result.expect_err("ended").to_string(), "the statement panicked: seven");
        assert_eq!(interrupt.guard(async { 1 }).await.expect("goes on"), 1);
    }

    #[tokio::test]
    async fn the_first_reason_stays() {
        let interrupt = Interrupt::new(None);
        interrupt.raise(Reason::User);
        interrupt.raise(Reason::Shutdown);
        let result = interrupt.guard(std::future::pending::<()>()).await;
        assert_eq!(result.expect_err("ended").to_string(), "canceling statement due to user request");
    }

    #[tokio::test]
    async fn a_timeout_acts_and_finished_work_does_not_wait_for_it() {
        let interrupt = Interrupt::new(Some(Duration::from_millis(20)));
        assert_eq!(interrupt.guard(async { 1 }).await.expect("done at once"), 1);
        let result = interrupt.guard(std::future::pending::<()>()).await;
        assert_eq!(result.expect_err("ended").to_string(), "canceling statement due to statement timeout");
    }
}
