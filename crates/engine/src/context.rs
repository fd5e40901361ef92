//! [`StatementContext`]: what a statement is run for, and what ends it.

use std::path::PathBuf;
use std::sync::Arc;

use kura_catalog::Transaction;
use kura_sql::SessionInfo;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// The circumstances of one run of one statement.
#[derive(Clone)]
pub struct StatementContext {
    /// Names the statement in logs and in internal errors.
    pub query_id: u64,
    /// Takes the statement's changes. No clone of it is left when `run` returns a tag, when `CopyIn::finish` or `abort`
    /// return, and when a stream of rows is dropped.
    pub transaction: Arc<Mutex<Transaction>>,
    /// Ends the statement from outside, with 57014.
    pub cancel: CancellationToken,
    /// The session's facts, as the statement was bound with.
    pub info: Arc<SessionInfo>,
    /// The statement's own text.
    pub text: Arc<str>,
    /// Whose statement it is.
    pub user: String,
    /// Directories for COPY beside those of the configuration, for this statement only.
    pub copy_roots: Vec<PathBuf>,
}

impl std::fmt::Debug for StatementContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatementContext").field("query_id", &self.query_id).field("user", &self.user).finish_non_exhaustive()
    }
}
