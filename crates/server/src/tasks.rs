//! The one place where tasks are spawned: each has a name, is waited for at the end, and cannot take the server down.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// The server's tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks(TaskTracker);

impl Tasks {
    /// Spawns a task. A panic in it ends it alone and is logged.
    pub(crate) fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let guarded = async move {
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                tracing::error!(task = name, "task panicked");
            }
        };
        drop(self.0.spawn(guarded.in_current_span()));
    }

    /// Waits until every task has ended; none may be spawned by then.
    pub(crate) async fn ended(&self) {
        self.0.close();
        self.0.wait().await;
    }
}
