//! The threads that plan and run queries, apart from those that talk to clients: a long loop in an operator delays nobody's
//! messages, and deep plans find a deep stack.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

use crate::error::{Error, Result};

/// Stack of a thread that runs queries. Only what is used of it takes memory; expressions are evaluated recursively.
const RUN_STACK_BYTES: usize = 64 << 20;
/// Stack on which statements are parsed, bound and planned.
const PLAN_STACK_BYTES: usize = 256 << 20;
/// Threads for file access and planning.
const BLOCKING_THREADS_MAX: usize = 128;

/// The engine's own threads.
pub(crate) struct Runtime {
    /// `None` only while it is being dropped.
    inner: Option<tokio::runtime::Runtime>,
    handle: tokio::runtime::Handle,
    planning: Arc<Semaphore>,
}

impl Runtime {
    /// `threads`: how many run queries.
    pub(crate) fn new(threads: usize) -> Result<Self> {
        let inner = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_stack_size(RUN_STACK_BYTES)
            .thread_name("kura-query")
            .enable_all()
            .build()
            .map_err(|error| Error::Start { what: format!("no threads: {error}") })?;
        let handle = inner.handle().clone();
        Ok(Self { inner: Some(inner), handle, planning: Arc::new(Semaphore::new(threads.max(2) * 2)) })
    }

    /// Runs `work` on a thread with a deep stack. Few run at a time, the others wait. A panic of `work` is the caller's.
    pub(crate) async fn plan<T, W>(&self, work: W) -> T
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let permit = Arc::clone(&self.planning).acquire_owned().await.expect("the semaphore is never closed");
        let span = tracing::Span::current();
        let planned = self.handle.spawn_blocking(move || {
            let _permit = permit;
            span.in_scope(|| stacker::grow(PLAN_STACK_BYTES, work))
        });
        match planned.await {
            Ok(value) => value,
            Err(ended) => std::panic::resume_unwind(ended.into_panic()),
        }
    }

    /// As [`Runtime::plan`] for work of ours, in which a panic is an internal error.
    pub(crate) async fn try_plan<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce() -> Result<T> + Send + 'static,
    {
        // What the closure owns is gone after a panic, so nothing broken is seen.
        let caught = self.plan(move || std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))).await;
        caught.unwrap_or_else(|payload| Err(Error::internal(format!("planning panicked: {}", panic_text(payload.as_ref())))))
    }

    /// Waits, on a thread of [`Runtime::plan`], for a future that does no I/O.
    pub(crate) fn handle(&self) -> tokio::runtime::Handle {
        self.handle.clone()
    }

    /// Runs a future on the engine's threads until it is done or the task is dropped.
    pub(crate) fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Task<T> {
        Task { inner: self.handle.spawn(work.in_current_span()), stop: None }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Waiting for running queries is not allowed where futures run, and nobody reads their rows any more.
        if let Some(runtime) = self.inner.take() {
            runtime.shutdown_background();
        }
    }
}

/// A future running on the engine's threads. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Task<T> {
    inner: JoinHandle<T>,
    stop: Option<DropGuard>,
}

impl<T> Task<T> {
    /// Raises `stop` as well when it is dropped: an operator in a long loop does not notice anything else.
    #[must_use]
    pub(crate) fn stopping(mut self, stop: CancellationToken) -> Self {
        self.stop = Some(stop.drop_guard());
        self
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.inner).poll(cx).map_err(|ended| match ended.try_into_panic() {
            Ok(payload) => Error::internal(format!("a task panicked: {}", panic_text(payload.as_ref()))),
            Err(_) => Error::Stopping,
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.inner.abort();
    }
}

/// What a panic said.
fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use kura_pgtypes::{Diagnostic, SqlState};

    use super::*;

    fn depth(levels: u64) -> u64 {
        let padding = std::hint::black_box([levels; 64]);
        if levels == 0 { 0 } else { 1 + depth(padding[0] - 1) }
    }

    #[tokio::test]
    async fn planning_has_a_deep_stack() {
        let runtime = Runtime::new(1).expect("threads");
        assert_eq!(runtime.plan(|| depth(100_000)).await, 100_000);
    }

    #[tokio::test]
    async fn panics_become_errors() {
        let runtime = Runtime::new(1).expect("threads");
        let planned = runtime.try_plan(|| -> Result<()> { panic!("on purpose") }).await;
        assert_eq!(planned.expect_err("a panic").sqlstate(), SqlState::INTERNAL_ERROR);
        let run = runtime.spawn(async { panic!("on purpose") }).await;
        assert_eq!(run.expect_err("a panic").sqlstate(), SqlState::INTERNAL_ERROR);
    }

    #[tokio::test]
    async fn a_dropped_task_ends() {
        let runtime = Runtime::new(1).expect("threads");
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let task = runtime.spawn(async move {
            let _sender = sender;
            std::future::pending::<()>().await;
        });
        drop(task);
        assert!(receiver.await.is_err());
    }
}
