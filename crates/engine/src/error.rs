//! The crate's error: what a statement fails with, as a PostgreSQL client is told.
#![deny(clippy::wildcard_enum_match_arm)]

use datafusion::error::DataFusionError;
use kura_pgtypes::{Diagnostic, SqlError, SqlState};

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the query, its rows or its files are to blame for, worded for the client.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// A change that the catalog refuses, such as a name taken meanwhile.
    #[error(transparent)]
    Catalog(#[from] kura_catalog::Error),
    /// Ended from outside.
    #[error("canceling statement due to user request")]
    Cancelled,
    /// As many statements wait as may.
    #[error("too many queries are waiting to run")]
    QueueFull {
        /// How many run at a time.
        running: usize,
        /// How many wait.
        waiting: usize,
    },
    /// The client ended its COPY FROM STDIN.
    #[error("COPY from stdin failed: {message}")]
    CopyAborted {
        /// The client's words.
        message: String,
    },
    /// The engine is being dropped.
    #[error("terminating connection due to administrator command")]
    Stopping,
    /// The engine could not start.
    #[error("could not start the query engine: {what}")]
    Start {
        /// What failed.
        what: String,
    },
    /// A fault of ours. What happened is in the log.
    #[error("internal error")]
    Internal {
        /// Under which the log has it.
        query_id: u64,
    },
}

impl Error {
    /// An error with a state and a message.
    pub(crate) fn new(state: SqlState, message: impl Into<String>) -> Self {
        Self::Sql(SqlError::new(state, message))
    }

    /// A broken invariant; [`Error::masked`] keeps its words from the client.
    pub(crate) fn internal(what: impl Into<String>) -> Self {
        Self::new(SqlState::INTERNAL_ERROR, what)
    }

    /// The error as it leaves the engine: faults of ours are logged, and only their place in the log is told.
    #[must_use]
    pub(crate) fn masked(self, query_id: u64) -> Self {
        let Self::Sql(error) = self else { return self };
        if error.state != SqlState::INTERNAL_ERROR {
            return Self::Sql(error);
        }
        tracing::error!(query_id, error = %error.message, detail = error.detail.as_deref(), context = error.context.as_deref(), "internal error");
        Self::Internal { query_id }
    }

    /// How this error travels through a stream of rows.
    pub(crate) fn into_datafusion(self) -> DataFusionError {
        DataFusionError::External(Box::new(self.to_sql_error()))
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Self::Sql(kura_sql::error::datafusion::to_sql_error(&error))
    }
}

impl From<kura_storage::Error> for Error {
    fn from(error: kura_storage::Error) -> Self {
        error.into_datafusion().into()
    }
}

impl Diagnostic for Error {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Sql(error) => error.state,
            Self::Catalog(error) => error.sqlstate(),
            Self::Cancelled | Self::CopyAborted { .. } => SqlState::QUERY_CANCELED,
            Self::QueueFull { .. } => SqlState::CONFIGURATION_LIMIT_EXCEEDED,
            Self::Stopping => SqlState::ADMIN_SHUTDOWN,
            Self::Start { .. } => SqlState::SYSTEM_ERROR,
            Self::Internal { .. } => SqlState::INTERNAL_ERROR,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Sql(error) => error.detail.clone(),
            Self::Catalog(error) => error.detail(),
            Self::QueueFull { running, waiting } => Some(format!("{running} queries are running and {waiting} are waiting.")),
            Self::Internal { query_id } => Some(format!("The server's log has the cause under query id {query_id}.")),
            Self::Cancelled | Self::CopyAborted { .. } | Self::Stopping | Self::Start { .. } => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Sql(error) => error.hint.clone(),
            Self::Catalog(error) => error.hint(),
            Self::QueueFull { .. } => Some("Try again in a moment.".to_owned()),
            Self::Cancelled | Self::CopyAborted { .. } | Self::Stopping | Self::Start { .. } | Self::Internal { .. } => None,
        }
    }

    fn position(&self) -> Option<usize> {
        match self {
            Self::Sql(error) => error.position,
            Self::Catalog(error) => error.position(),
            Self::Cancelled
            | Self::QueueFull { .. }
            | Self::CopyAborted { .. }
            | Self::Stopping
            | Self::Start { .. }
            | Self::Internal { .. } => None,
        }
    }

    fn context(&self) -> Option<String> {
        match self {
            Self::Sql(error) => error.context.clone(),
            Self::Catalog(error) => error.context(),
            Self::Cancelled
            | Self::QueueFull { .. }
            | Self::CopyAborted { .. }
            | Self::Stopping
            | Self::Start { .. }
            | Self::Internal { .. } => None,
        }
    }
}
