//! Locks of sessions: on relations, on rows of a table, on names to be created, on numbers that applications agree on.
//!
//! They order those who change the same things; readers take none. Who waits gets its turn in order of arrival, deadlocks are
//! found when a wait would close a circle. Locks live in memory and say nothing to other programs that write to the catalog:
//! what those do is found out by the commit.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kura_pgtypes::{Diagnostic, SqlState};
use parking_lot::Mutex;

mod current;
mod deadlock;
mod key;
mod mode;
mod queue;

use deadlock::Wait;
pub use key::{LockKey, Scope};
pub use mode::LockMode;
use queue::{OwnerId, Request, State};

/// Locks one owner can hold.
const LOCKS_MAX: usize = 10_000;

/// Why a lock was not had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Others wait, directly or not, for the one who asked.
    #[error("deadlock detected")]
    Deadlock {
        /// Who waits for whom.
        detail: String,
    },
    /// It took longer than the owner is willing to wait.
    #[error("canceling statement due to lock timeout")]
    Timeout,
    /// The owner holds as many locks as it may.
    #[error("out of shared memory")]
    TooMany,
    /// The owner has left meanwhile.
    #[error("connection to client lost")]
    Gone,
}

impl Diagnostic for LockError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Deadlock { .. } => SqlState::T_R_DEADLOCK_DETECTED,
            Self::Timeout => SqlState::LOCK_NOT_AVAILABLE,
            Self::TooMany => SqlState::OUT_OF_MEMORY,
            Self::Gone => SqlState::CONNECTION_FAILURE,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Deadlock { detail } => Some(detail.clone()),
            Self::Timeout | Self::TooMany | Self::Gone => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Deadlock { .. } => Some("The transaction might succeed if retried.".to_owned()),
            Self::TooMany => Some(format!("One session can hold {LOCKS_MAX} locks at a time.")),
            Self::Timeout | Self::Gone => None,
        }
    }
}

/// All locks of all sessions.
#[derive(Default)]
pub struct LockTable {
    state: Mutex<State>,
    next_owner: AtomicU64,
}

impl LockTable {
    /// Someone who takes locks: one per session. `pid` names it to people.
    #[must_use]
    pub fn owner(self: &Arc<Self>, pid: i32) -> LockOwner {
        let id = self.next_owner.fetch_add(1, Ordering::Relaxed);
        self.state.lock().enter(id, pid);
        LockOwner { table: Arc::clone(self), id }
    }
}

impl fmt::Debug for LockTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockTable").finish_non_exhaustive()
    }
}

/// How many locks of the transaction there were at a moment, to return to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockMark(usize);

/// One session as an owner of locks. Waits for one lock at a time. Dropping it releases everything.
pub struct LockOwner {
    table: Arc<LockTable>,
    id: OwnerId,
}

impl LockOwner {
    /// Takes a lock, waiting for it in turn, no longer than `timeout`. Returns whether it had to wait. Dropping the future
    /// ends the wait; the lock is not had then.
    ///
    /// # Errors
    /// [`LockError::Deadlock`], [`LockError::Timeout`], [`LockError::TooMany`].
    pub async fn lock(&self, key: &LockKey, mode: LockMode, scope: Scope, timeout: Option<Duration>) -> Result<bool, LockError> {
        let told = {
            let mut state = self.table.state.lock();
            self.check(&state, key, mode)?;
            match state.request(self.id, key, mode, scope) {
                Request::Granted => return Ok(false),
                Request::Waits(told) => {
                    if let Err(circle) = deadlock::resolve(&mut state, self.id) {
                        state.give_up(self.id, key, mode, scope);
                        return Err(LockError::Deadlock { detail: described(&circle) });
                    }
                    told
                }
            }
        };
        let mut pending = Pending { owner: self, key, mode, scope, over: false };
        let told = match timeout {
            Some(timeout) => tokio::time::timeout(timeout, told).await.map_err(|_| LockError::Timeout)?,
            None => told.await,
        };
        pending.over = true;
        told.map(|()| true).map_err(|_| LockError::Gone)
    }

    /// Takes a lock if it can be had at once; says whether. `during`: only as long as this transaction is not over, see
    /// [`LockOwner::transaction`].
    ///
    /// # Errors
    /// [`LockError::TooMany`]; [`LockError::Gone`] also when the transaction is over.
    pub fn try_lock(&self, key: &LockKey, mode: LockMode, scope: Scope, during: Option<u64>) -> Result<bool, LockError> {
        let mut state = self.table.state.lock();
        self.check(&state, key, mode)?;
        if during.is_some_and(|transaction| state.transaction(self.id) != Some(transaction)) {
            return Err(LockError::Gone);
        }
        let free = state.is_free(self.id, key, mode);
        if free {
            state.request(self.id, key, mode, scope);
        }
        Ok(free)
    }

    /// Names the present transaction among those of this owner.
    #[must_use]
    pub fn transaction(&self) -> u64 {
        self.table.state.lock().transaction(self.id).unwrap_or_default()
    }

    /// The locks of the transaction so far.
    #[must_use]
    pub fn mark(&self) -> LockMark {
        LockMark(self.table.state.lock().mark(self.id))
    }

    /// Releases the locks of the transaction that were taken since.
    pub fn release_to(&self, mark: LockMark) {
        self.table.state.lock().release_to(self.id, mark.0);
    }

    /// The transaction is over: releases all its locks.
    pub fn release_transaction(&self) {
        self.table.state.lock().end_transaction(self.id);
    }

    /// Releases a lock of [`Scope::Session`] once; `false` when it is not held.
    #[must_use]
    pub fn unlock(&self, key: &LockKey, mode: LockMode) -> bool {
        self.table.state.lock().release_once(self.id, key, mode)
    }

    /// Releases all locks of [`Scope::Session`].
    pub fn unlock_all(&self) {
        self.table.state.lock().release_session(self.id);
    }

    /// The session ends: releases everything, for good.
    pub fn leave(&self) {
        self.table.state.lock().leave(self.id);
    }

    fn check(&self, state: &State, key: &LockKey, mode: LockMode) -> Result<(), LockError> {
        if state.holdings(self.id).is_none() {
            return Err(LockError::Gone);
        }
        if state.count(self.id) >= LOCKS_MAX && !state.holds(self.id, key, mode) {
            return Err(LockError::TooMany);
        }
        Ok(())
    }
}

impl Drop for LockOwner {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for LockOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockOwner").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A wait under way. Unless it is over, dropping it takes it back.
struct Pending<'a> {
    owner: &'a LockOwner,
    key: &'a LockKey,
    mode: LockMode,
    scope: Scope,
    over: bool,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.owner.table.state.lock().give_up(self.owner.id, self.key, self.mode, self.scope);
        }
    }
}

/// The circle in PostgreSQL's words, one line for each wait.
fn described(circle: &[Wait]) -> String {
    let line =
        |wait: &Wait| format!("Process {} waits for {} on {}; blocked by process {}.", wait.pid, wait.mode, wait.key, wait.blocker_pid);
    circle.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
