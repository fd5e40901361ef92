//! The crate's error: what a conversation refuses itself, and what came from below with its place in the client's string.

use kura_pgtypes::{Diagnostic, SqlError, SqlState};

use crate::interrupt::Reason;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a statement or a login failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Refused by the session.
    #[error("{0}")]
    Session(SqlError),
    /// Refused by parsing, binding or authorisation.
    #[error("{source}")]
    Sql {
        /// The error.
        source: kura_sql::Error,
        /// Characters before the statement in the client's string.
        offset: usize,
    },
    /// Failed while running.
    #[error("{source}")]
    Engine {
        /// The error.
        source: kura_engine::Error,
        /// Characters before the statement in the client's string.
        offset: usize,
    },
    /// Failed in the catalog, such as a conflict at commit.
    #[error("{0}")]
    Catalog(#[source] kura_catalog::Error),
    /// Ended from outside.
    #[error("{0}")]
    Interrupted(Reason),
}

impl Error {
    /// An error of the session itself.
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        Self::Session(SqlError::new(state, message))
    }
}

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        Self::Session(error)
    }
}

impl From<kura_catalog::Error> for Error {
    fn from(error: kura_catalog::Error) -> Self {
        Self::Catalog(error)
    }
}

impl Diagnostic for Error {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Session(error) => error.state,
            Self::Sql { source, .. } => source.sqlstate(),
            Self::Engine { source, .. } => source.sqlstate(),
            Self::Catalog(source) => source.sqlstate(),
            Self::Interrupted(reason) => reason.state(),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Session(error) => error.detail.clone(),
            Self::Sql { source, .. } => source.detail(),
            Self::Engine { source, .. } => source.detail(),
            Self::Catalog(source) => source.detail(),
            Self::Interrupted(_) => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Session(error) => error.hint.clone(),
            Self::Sql { source, .. } => source.hint(),
            Self::Engine { source, .. } => source.hint(),
            Self::Catalog(source) => source.hint(),
            Self::Interrupted(_) => None,
        }
    }

    fn position(&self) -> Option<usize> {
        match self {
            Self::Session(error) => error.position,
            Self::Sql { source, offset } => source.position().map(|position| position + offset),
            Self::Engine { source, offset } => source.position().map(|position| position + offset),
            Self::Catalog(_) | Self::Interrupted(_) => None,
        }
    }

    fn context(&self) -> Option<String> {
        match self {
            Self::Session(error) => error.context.clone(),
            Self::Sql { source, .. } => source.to_sql_error().context,
            Self::Engine { source, .. } => source.to_sql_error().context,
            Self::Catalog(_) | Self::Interrupted(_) => None,
        }
    }
}
