//! The session's advisory locks, as its functions reach them while a query runs.

use std::sync::Arc;

use kura_catalog::{LockKey, LockMode};
use kura_pgtypes::{SqlError, SqlState};
use kura_sql::{AdvisoryLocks, AdvisoryRequest};

use crate::lock::{refused, scope};
use crate::session::Session;

impl Session {
    /// For one statement. What a straggler of it asks for when its transaction is over is refused.
    pub(crate) fn advisory_locks(&self) -> Arc<AdvisoryLocks> {
        let (locks, transaction) = (Arc::clone(&self.locks), self.locks.transaction());
        let warnings = Arc::clone(&self.late_warnings);
        Arc::new(move |request| match request {
            AdvisoryRequest::TryLock { key, pair, shared, session } => {
                let during = (!session).then_some(transaction);
                locks.try_lock(&LockKey::Advisory { key, pair }, mode(shared), scope(session), during).map_err(refused)
            }
            AdvisoryRequest::Unlock { key, pair, shared } => {
                let released = locks.unlock(&LockKey::Advisory { key, pair }, mode(shared));
                if !released {
                    let message = format!("you don't own a lock of type {}", mode(shared));
                    warnings.lock().push(SqlError::new(SqlState::WARNING, message));
                }
                Ok(released)
            }
            AdvisoryRequest::UnlockAll => {
                locks.unlock_all();
                Ok(true)
            }
        })
    }
}

fn mode(shared: bool) -> LockMode {
    if shared { LockMode::Share } else { LockMode::Exclusive }
}
