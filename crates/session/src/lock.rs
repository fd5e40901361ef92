//! The locks a statement takes before it runs, and what having waited for them means for what it has seen already.

use std::sync::Arc;

use kura_catalog::{LockError, LockKey, LockMode, Scope, Snapshot, Transaction};
use kura_pgtypes::{Diagnostic, SqlError, SqlState};
use kura_sql::statement::Lock;
use tokio::sync::Mutex;

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::session::Session;

/// Whether a statement can run as it was bound, once its locks are had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// What it locks is still what it saw.
    Current,
    /// Others committed meanwhile, and it may look again.
    Outdated,
}

impl Session {
    /// Takes the locks of a statement that was bound in `work`. `may_move`: the statement may be bound to a newer snapshot.
    ///
    /// # Errors
    /// 40001 when what is locked is not what the transaction knows and it cannot look again; 42P07 and 42P06 for a name taken
    /// meanwhile; 55P03, 40P01, 53200; 57014.
    pub(crate) async fn take_locks(
        &self,
        locks: &[Lock],
        work: &Arc<Mutex<Transaction>>,
        may_move: bool,
        interrupt: &Interrupt,
    ) -> Result<Seen> {
        let before = self.locks.mark();
        for lock in locks.iter().filter(|lock| !is_own(&lock.key) && !is_advisory(lock)) {
            self.take_lock(lock, interrupt).await?;
        }
        let base = Arc::clone(work.lock().await.base());
        // What this process commits is in the newest image before its locks are released.
        let newest = self.shared.catalog.latest();
        if newest.id <= base.id {
            return Ok(Seen::Current);
        }
        if may_move && self.locks.mark() != before {
            return Ok(Seen::Outdated);
        }
        // The transaction could not move, or had these locks already: what it knows of them has to be true still.
        let reads_committed = self.reads_committed();
        for lock in locks {
            check(&base, &newest, lock, reads_committed)?;
        }
        Ok(Seen::Current)
    }

    /// Takes the advisory locks that a statement waits for.
    ///
    /// # Errors
    /// 55P03, 40P01, 53200; 57014.
    pub(crate) async fn take_advisory_locks(&self, locks: &[Lock], interrupt: &Interrupt) -> Result<()> {
        for lock in locks.iter().filter(|lock| is_advisory(lock)) {
            self.take_lock(lock, interrupt).await?;
        }
        Ok(())
    }

    async fn take_lock(&self, lock: &Lock, interrupt: &Interrupt) -> Result<()> {
        let Lock { key, mode, scope, refusal, .. } = lock;
        if let Some(refusal) = refusal {
            return match self.locks.try_lock(key, *mode, *scope, None).map_err(refused)? {
                true => Ok(()),
                false => Err(Error::new(SqlState::LOCK_NOT_AVAILABLE, refusal.clone())),
            };
        }
        let timeout = self.settings.lock().timeout("lock_timeout");
        interrupt.guard(self.locks.lock(key, *mode, *scope, timeout)).await?.map_err(refused)?;
        Ok(())
    }
}

/// Whether nobody else can know the object: it was made in this transaction.
fn is_own(key: &LockKey) -> bool {
    match key {
        LockKey::Schema(id) | LockKey::Relation(id) | LockKey::RelationName(id, _) | LockKey::Rows(id) => *id < 0,
        LockKey::SchemaName(_) | LockKey::Advisory { .. } => false,
    }
}

fn is_advisory(lock: &Lock) -> bool {
    matches!(lock.key, LockKey::Advisory { .. })
}

fn check(base: &Snapshot, newest: &Snapshot, lock: &Lock, reads_committed: bool) -> Result<()> {
    base.check_current(newest, &lock.key, lock.mode)?;
    // REPEATABLE READ asks to see what was there when it began; READ COMMITTED, having locked a table, to see all of it.
    if let (LockKey::Relation(id), true, true) = (&lock.key, lock.reads, reads_committed) {
        base.check_current(newest, &LockKey::Rows(*id), LockMode::AccessExclusive)?;
    }
    Ok(())
}

pub(crate) fn refused(error: LockError) -> SqlError {
    error.to_sql_error()
}

/// Scope of an advisory lock.
pub(crate) fn scope(session: bool) -> Scope {
    if session { Scope::Session } else { Scope::Transaction }
}
