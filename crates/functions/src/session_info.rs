//! What a function may know of the session that calls it. It decides nothing and reads no setting by name.

use kura_pgtypes::{OutputSettings, TimeZone};

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
}

impl std::fmt::Debug for SessionInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionInfo").field("user", &self.user).field("database", &self.database).finish_non_exhaustive()
    }
}
