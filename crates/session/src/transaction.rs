//! The state of a session's transaction: none, implicit (one statement, one string, one pipeline), a block, a failed block; and
//! its savepoints.
//!
//! Isolation and conflicts are the catalog's; here is only when a transaction begins, who commits it, and what a client is
//! told of it. The snapshot is taken by the first statement that needs one, not by BEGIN.

use std::sync::Arc;
use std::time::Duration;

use kura_catalog::{Catalog, LockMark, Transaction};
use kura_pgtypes::{SqlError, SqlState};
use kura_sql::TransactionModes;
use tokio::sync::Mutex;

use crate::error::{Error, Result};
use crate::settings::Layers;

/// How long a commit waits for work of its own statements to let go of the transaction.
const RELEASE_WAIT: Duration = Duration::from_secs(5);

/// Savepoints of one transaction: each may keep an image of the catalog.
const SAVEPOINTS_MAX: usize = 1_000;

/// What a client is told after each answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No transaction block.
    Idle,
    /// In a transaction block.
    Open,
    /// In a transaction block that failed: everything is refused until it ends, or is rolled back to a savepoint.
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
    /// A block in which something failed.
    Failed(Failed),
}

/// A failed block.
#[derive(Debug)]
pub(crate) struct Failed {
    /// The transaction, when it has savepoints to return to; otherwise its work is gone already.
    pub(crate) open: Option<Open>,
    /// As what it ran, for AND CHAIN.
    pub(crate) modes: TransactionModes,
}

impl State {
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::None | Self::Implicit(_) => Status::Idle,
            Self::Block(_) => Status::Open,
            Self::Failed(_) => Status::Failed,
        }
    }

    pub(crate) fn open(&mut self) -> Option<&mut Open> {
        match self {
            Self::Implicit(open) | Self::Block(open) => Some(open),
            Self::None | Self::Failed(_) => None,
        }
    }

    /// Whether it is a block, failed or not.
    pub(crate) fn is_block(&self) -> bool {
        matches!(self, Self::Block(_) | Self::Failed(_))
    }
}

/// An open transaction.
pub(crate) struct Open {
    /// Start of the transaction in microseconds since 1970: `now()`.
    pub(crate) started_micros: i64,
    work: Option<Arc<Mutex<Transaction>>>,
    /// Whether a statement has seen the snapshot.
    used: bool,
    savepoints: Vec<Savepoint>,
}

/// A savepoint: all that ROLLBACK TO returns to.
pub(crate) struct Savepoint {
    name: String,
    /// `None` as long as the transaction has no snapshot.
    work: Option<kura_catalog::Savepoint>,
    /// Whether it keeps changes.
    changed: bool,
    pub(crate) settings: Layers,
    pub(crate) locks: LockMark,
    /// Portals with this number and later ones were opened since.
    pub(crate) portals: u64,
}

impl Savepoint {
    pub(crate) fn new(name: &str, settings: Layers, locks: LockMark, portals: u64) -> Self {
        Self { name: name.to_owned(), work: None, changed: false, settings, locks, portals }
    }
}

impl Open {
    pub(crate) fn new(started_micros: i64) -> Self {
        Self { started_micros, work: None, used: false, savepoints: Vec::new() }
    }

    /// Whether a statement has seen the snapshot.
    pub(crate) fn is_used(&self) -> bool {
        self.used
    }

    /// The catalog's transaction, begun by the first call. `fresh`: every call sees the newest snapshot (READ COMMITTED), under its
    /// own changes where there are any; as long as those have to do with what others committed, it stays where it is.
    pub(crate) async fn work(&mut self, catalog: &Arc<Catalog>, fresh: bool) -> Result<Arc<Mutex<Transaction>>> {
        self.used = true;
        if let Some(work) = &self.work {
            let mut transaction = work.lock().await;
            if !fresh {
                return Ok(Arc::clone(work));
            }
            if transaction.has_changes() || self.savepoints.iter().any(|savepoint| savepoint.changed) {
                let head = catalog.snapshot().await?;
                let mut marks: Vec<_> = self.savepoints.iter_mut().filter_map(|savepoint| savepoint.work.as_mut()).collect();
                if !transaction.rebase(head, &mut marks) {
                    tracing::debug!(base = transaction.base_id(), "the transaction keeps its snapshot");
                }
                return Ok(Arc::clone(work));
            }
        }
        let transaction = catalog.begin().await?;
        // Nothing was changed before any of them.
        for savepoint in &mut self.savepoints {
            savepoint.work = Some(transaction.savepoint());
        }
        let work = Arc::new(Mutex::new(transaction));
        self.work = Some(Arc::clone(&work));
        Ok(work)
    }

    /// Forgets the snapshot, which nothing but the statement under way has seen.
    pub(crate) fn renew(&mut self) {
        self.work = None;
        self.used = false;
        for savepoint in &mut self.savepoints {
            savepoint.work = None;
        }
    }

    /// The innermost savepoint.
    pub(crate) fn savepoint(&self) -> Option<&Savepoint> {
        self.savepoints.last()
    }

    /// Sets a savepoint. One of the same name is hidden, not replaced.
    ///
    /// # Errors
    /// 54000 when there are too many.
    pub(crate) async fn set_savepoint(&mut self, mut savepoint: Savepoint) -> Result<()> {
        if self.savepoints.len() >= SAVEPOINTS_MAX {
            let error =
                SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("a transaction can have at most {SAVEPOINTS_MAX} savepoints"));
            return Err(Error::Session(error.hint("Use RELEASE SAVEPOINT for those that are no longer needed.")));
        }
        if let Some(work) = &self.work {
            let work = work.lock().await;
            savepoint.work = Some(work.savepoint());
            savepoint.changed = work.has_changes();
        }
        self.savepoints.push(savepoint);
        Ok(())
    }

    /// Forgets a savepoint and those set since. What was done stays.
    ///
    /// # Errors
    /// 3B001.
    pub(crate) fn release_savepoint(&mut self, name: &str) -> Result<()> {
        let at = self.find_savepoint(name)?;
        self.savepoints.truncate(at);
        Ok(())
    }

    /// Undoes the changes made since a savepoint, and forgets those set since. Returns it.
    ///
    /// # Errors
    /// 3B001.
    pub(crate) async fn roll_back_to(&mut self, name: &str) -> Result<&Savepoint> {
        let at = self.find_savepoint(name)?;
        self.savepoints.truncate(at + 1);
        let savepoint = &self.savepoints[at];
        if let (Some(work), Some(saved)) = (&self.work, &savepoint.work) {
            work.lock().await.roll_back_to(saved);
        }
        Ok(savepoint)
    }

    fn find_savepoint(&self, name: &str) -> Result<usize> {
        self.savepoints.iter().rposition(|savepoint| savepoint.name == name).ok_or_else(|| {
            let message = format!("savepoint \"{name}\" does not exist");
            Error::new(SqlState::S_E_INVALID_SPECIFICATION, message)
        })
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
        let savepoints: Vec<&str> = self.savepoints.iter().map(|savepoint| savepoint.name.as_str()).collect();
        f.debug_struct("Open").field("used", &self.used).field("savepoints", &savepoints).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
