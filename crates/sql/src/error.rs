//! The crate's error: a statement that PostgreSQL would refuse, or one that the planner refuses.

use ::datafusion::error::DataFusionError;
use kura_pgtypes::{Diagnostic, SqlError, SqlState};

pub mod datafusion;

/// Why a statement could not be parsed, bound or authorised.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error with its SQLSTATE, worded as PostgreSQL words it.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

impl Error {
    /// An error with a state and a message.
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        Self::Sql(SqlError::new(state, message))
    }

    /// A feature that is not there yet: 0A000.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(SqlState::FEATURE_NOT_SUPPORTED, message)
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        let Self::Sql(error) = self;
        Self::Sql(error.hint(hint))
    }

    /// Adds a detail.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        let Self::Sql(error) = self;
        Self::Sql(error.detail(detail))
    }

    /// Sets the position (1-based character in the statement) unless a more precise one is there already.
    #[must_use]
    pub fn at(self, position: Option<usize>) -> Self {
        let Self::Sql(mut error) = self;
        error.position = error.position.or(position);
        Self::Sql(error)
    }

    /// The error as plain data.
    pub fn into_sql(self) -> SqlError {
        let Self::Sql(error) = self;
        error
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Self::Sql(datafusion::to_sql_error(&error))
    }
}

impl Diagnostic for Error {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Sql(error) => error.state,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Sql(error) => error.detail.clone(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Sql(error) => error.hint.clone(),
        }
    }

    fn position(&self) -> Option<usize> {
        match self {
            Self::Sql(error) => error.position,
        }
    }

    fn to_sql_error(&self) -> SqlError {
        match self {
            Self::Sql(error) => error.clone(),
        }
    }
}
