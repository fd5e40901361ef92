//! What a function may know of the session that calls it. It decides nothing and reads no setting by name.

use std::sync::Arc;

use kura_pgtypes::{OutputSettings, SqlError, TimeZone};

/// What a function asks of its session's advisory locks. `pair`: the number is two integers, the first in the upper half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdvisoryRequest {
    /// Take it, if nobody else has it.
    TryLock {
        /// The number.
        key: i64,
        /// Whether it is a pair.
        pair: bool,
        /// Whether others may share it.
        shared: bool,
        /// Until it is released, instead of the end of the transaction.
        session: bool,
    },
    /// Release it once.
    Unlock {
        /// The number.
        key: i64,
        /// Whether it is a pair.
        pair: bool,
        /// Whether it was shared.
        shared: bool,
    },
    /// Release all that are held for the session.
    UnlockAll,
}

/// The number of an advisory lock on a pair of integers.
#[must_use]
pub fn pair_key(first: i32, second: i32) -> i64 {
    i64::from(first) << 32 | i64::from(second.cast_unsigned())
}

/// A session's advisory locks: answers at once, whether the lock was had or released.
pub type AdvisoryLocks = dyn Fn(AdvisoryRequest) -> Result<bool, SqlError> + Send + Sync;

/// The facts of one session at one statement, fixed before planning.
#[derive(Clone)]
pub struct SessionInfo {
    /// `current_user`.
    pub user: String,
    /// `current_database()`.
    pub database: String,
    /// `session_user`.
    pub session_user: String,
    /// Schemas that exist, in the order names are looked up in, without the implicit `pg_catalog`.
    pub search_path: Vec<String>,
    /// `now()`: the start of the transaction, in microseconds since 1970-01-01 00:00 UTC.
    pub now_micros: i64,
    /// `statement_timestamp()`, in the same unit.
    pub statement_micros: i64,
    /// The setting `TimeZone`.
    pub timezone: TimeZone,
    /// How values are written as text.
    pub settings: OutputSettings,
    /// `pg_backend_pid()`.
    pub backend_pid: i32,
    /// Its advisory locks; `None` where there is no session.
    pub advisory: Option<Arc<AdvisoryLocks>>,
}

impl std::fmt::Debug for SessionInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionInfo").field("user", &self.user).field("database", &self.database).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::pair_key;

    #[test]
    fn pairs_are_told_apart() {
        assert_eq!(pair_key(1, 2), (1 << 32) | 2);
        assert_eq!(pair_key(-1, -1), -1);
        assert_ne!(pair_key(0, -1), pair_key(-1, -1));
        assert_ne!(pair_key(1, 0), pair_key(0, 1));
    }
}
