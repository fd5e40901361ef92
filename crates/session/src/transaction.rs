//! The state of a session's transaction: none, implicit (one statement, one string, one pipeline), a block, a failed block.
//!
//! Isolation and conflicts are the catalog's; here is only when a transaction begins, who commits it, and what a client is
//! told of it. The snapshot is taken by the first statement that needs one, not by BEGIN.

use std::sync::Arc;
use std::time::Duration;

use kura_catalog::{Catalog, Transaction};
use kura_pgtypes::SqlState;
use tokio::sync::Mutex;

use crate::error::{Error, Result};

/// How long a commit waits for work of its own statements to let go of the transaction.
const RELEASE_WAIT: Duration = Duration::from_secs(5);

/// What a client is told after each answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No transaction block.
    Idle,
    /// In a transaction block.
    Open,
    /// In a transaction block that failed: everything is refused until it ends.
    Failed,
}

/// Where a session stands.
#[derive(Debug, Default)]
pub(crate) enum State {
    /// Nothing is open.
    #[default]
    None,
    /// Opened by a statement outside a block; committed with the last statement of its string or pipeline.
    Implicit(Open),
    /// Opened by BEGIN.
    Block(Open),
    /// A block whose work is rolled back already.
    Failed,
}

impl State {
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::None | Self::Implicit(_) => Status::Idle,
            Self::Block(_) => Status::Open,
            Self::Failed => Status::Failed,
        }
    }

    pub(crate) fn open(&mut self) -> Option<&mut Open> {
        match self {
            Self::Implicit(open) | Self::Block(open) => Some(open),
            Self::None | Self::Failed => None,
        }
    }
}

/// An open transaction.
pub(crate) struct Open {
    /// Start of the transaction in microseconds since 1970: `now()`.
    pub(crate) started_micros: i64,
    work: Option<Arc<Mutex<Transaction>>>,
}

impl Open {
    pub(crate) fn new(started_micros: i64) -> Self {
        Self { started_micros, work: None }
    }

    /// Whether a statement has taken the snapshot.
    pub(crate) fn is_used(&self) -> bool {
        self.work.is_some()
    }

    /// The catalog's transaction, begun by the first call. `fresh`: as long as nothing was changed, every call sees the
    /// newest snapshot (READ COMMITTED).
    pub(crate) async fn work(&mut self, catalog: &Arc<Catalog>, fresh: bool) -> Result<Arc<Mutex<Transaction>>> {
        if let Some(work) = &self.work
            && (!fresh || work.lock().await.has_changes())
        {
            return Ok(Arc::clone(work));
        }
        let work = Arc::new(Mutex::new(catalog.begin().await?));
        self.work = Some(Arc::clone(&work));
        Ok(work)
    }

    /// Makes the changes durable. Returns when they are.
    pub(crate) async fn commit(self) -> Result<()> {
        let Some(mut work) = self.work else {
            return Ok(());
        };
        let give_up = tokio::time::Instant::now() + RELEASE_WAIT;
        let transaction = loop {
            match Arc::try_unwrap(work) {
                Ok(transaction) => break transaction.into_inner(),
                Err(shared) if tokio::time::Instant::now() < give_up => work = shared,
                Err(_) => {
                    return Err(Error::new(SqlState::INTERNAL_ERROR, "the transaction is still in use by one of its statements"));
                }
            }
            // A read's tasks may let go of it a moment after their stream ended.
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        if transaction.has_changes() {
            transaction.commit().await?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("started_micros", &self.started_micros).field("used", &self.is_used()).finish()
    }
}
