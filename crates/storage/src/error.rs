//! What can go wrong with stored data, and what a PostgreSQL client is told of it.
#![deny(clippy::wildcard_enum_match_arm)]

use std::error::Error as StdError;
use std::io;

use datafusion::error::DataFusionError;
use kura_pgtypes::{Diagnostic, SqlError, SqlState};

/// Shorthand of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the storage layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the lake does not hold what the catalog says, or what Parquet prescribes.
    #[error("data file \"{path}\" is corrupt: {reason}")]
    Corrupt {
        /// Relative to the lake's root.
        path: String,
        /// What was found.
        reason: String,
    },
    /// A file given to COPY is no readable Parquet file.
    #[error("file \"{path}\" is not a valid Parquet file: {reason}")]
    BadFile {
        /// As resolved.
        path: String,
        /// What was found.
        reason: String,
    },
    /// A file is not there.
    #[error("could not open file \"{path}\" for reading: No such file or directory")]
    Missing {
        /// Which.
        path: String,
    },
    /// The operating system refused something.
    #[error("could not {action} \"{path}\": {}", reason(.source))]
    Io {
        /// Such as `write to file`.
        action: &'static str,
        /// Which file.
        path: String,
        /// Its answer.
        #[source]
        source: io::Error,
    },
    /// The object store refused something.
    #[error("could not read file \"{path}\"")]
    Store {
        /// Which file.
        path: String,
        /// Its answer.
        #[source]
        source: object_store::Error,
    },
    /// COPY named a path outside of the configured directories.
    #[error("permission denied for file \"{path}\"")]
    OutsideRoots {
        /// As the user wrote it.
        path: String,
    },
    /// COPY TO named a relative path.
    #[error("relative path not allowed for COPY to file")]
    RelativePath,
    /// COPY named something that is no file.
    #[error("\"{path}\" is {what}")]
    NotAFile {
        /// As the user wrote it.
        path: String,
        /// Such as `a directory`.
        what: &'static str,
    },
    /// COPY named something whose name cannot be one.
    #[error("invalid file name \"{path}\"")]
    InvalidName {
        /// As the user wrote it.
        path: String,
    },
    /// Something this version does not do.
    #[error("{what} is not supported")]
    Unsupported {
        /// What.
        what: String,
    },
    /// A value does not fit into the column's type in the lake.
    #[error("value out of range for column \"{column}\" of lake type {lake_type}")]
    OutOfRange {
        /// The column.
        column: String,
        /// The type another program gave it.
        lake_type: String,
    },
    /// The rows to be written could not be produced; the error is theirs.
    #[error("{}", message(.0))]
    Input(DataFusionError),
    /// Encoding failed.
    #[error("could not encode rows as Parquet")]
    Encode(#[source] parquet::errors::ParquetError),
    /// A broken invariant.
    #[error("{what}")]
    Internal {
        /// Which.
        what: String,
    },
}

/// The operating system's words without Rust's addition of the number.
fn reason(source: &io::Error) -> String {
    let text = source.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

impl Error {
    /// Shorthand for [`Error::Internal`].
    pub(crate) fn internal(what: impl Into<String>) -> Self {
        Self::Internal { what: what.into() }
    }

    /// How this error travels through a query: as the client's error, or as the very error it carries.
    #[must_use]
    pub fn into_datafusion(self) -> DataFusionError {
        if let Self::Input(error) = self { error } else { DataFusionError::External(Box::new(self.to_sql_error())) }
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        error.into_datafusion()
    }
}

/// Rows that come from a query fail with that query's error.
impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Self::Input(error)
    }
}

/// The client's error inside an engine error, where there is one.
fn carried(error: &DataFusionError) -> Option<&SqlError> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<SqlError>() {
            return Some(found);
        }
        next = current.source();
    }
    None
}

fn message(error: &DataFusionError) -> String {
    carried(error).map_or_else(|| error.strip_backtrace(), ToString::to_string)
}

/// What the operating system's refusal is to a client.
fn state(kind: io::ErrorKind) -> SqlState {
    let known = [
        (io::ErrorKind::StorageFull, SqlState::DISK_FULL),
        (io::ErrorKind::QuotaExceeded, SqlState::DISK_FULL),
        (io::ErrorKind::PermissionDenied, SqlState::INSUFFICIENT_PRIVILEGE),
        (io::ErrorKind::NotFound, SqlState::UNDEFINED_FILE),
    ];
    known.into_iter().find_map(|(own, state)| (own == kind).then_some(state)).unwrap_or(SqlState::IO_ERROR)
}

impl Diagnostic for Error {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Corrupt { .. } => SqlState::DATA_CORRUPTED,
            Self::BadFile { .. } => SqlState::BAD_COPY_FILE_FORMAT,
            Self::Missing { .. } => SqlState::UNDEFINED_FILE,
            Self::Io { source, .. } => state(source.kind()),
            Self::Store { .. } => SqlState::IO_ERROR,
            Self::OutsideRoots { .. } => SqlState::INSUFFICIENT_PRIVILEGE,
            Self::RelativePath | Self::InvalidName { .. } => SqlState::INVALID_NAME,
            Self::NotAFile { .. } => SqlState::WRONG_OBJECT_TYPE,
            Self::Unsupported { .. } => SqlState::FEATURE_NOT_SUPPORTED,
            Self::OutOfRange { .. } => SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            Self::Input(error) => carried(error).map_or(SqlState::INTERNAL_ERROR, |inner| inner.state),
            Self::Encode(_) | Self::Internal { .. } => SqlState::INTERNAL_ERROR,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Input(error) => carried(error).and_then(|inner| inner.detail.clone()),
            Self::Store { source, .. } => Some(source.to_string()),
            Self::Corrupt { .. }
            | Self::BadFile { .. }
            | Self::Missing { .. }
            | Self::Io { .. }
            | Self::OutsideRoots { .. }
            | Self::RelativePath
            | Self::NotAFile { .. }
            | Self::InvalidName { .. }
            | Self::Unsupported { .. }
            | Self::OutOfRange { .. }
            | Self::Encode(_)
            | Self::Internal { .. } => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::OutsideRoots { .. } => {
                Some("COPY reads and writes server-side files only below the directories given by --copy-root.".to_owned())
            }
            Self::Input(error) => carried(error).and_then(|inner| inner.hint.clone()),
            Self::Corrupt { .. }
            | Self::BadFile { .. }
            | Self::Missing { .. }
            | Self::Io { .. }
            | Self::Store { .. }
            | Self::RelativePath
            | Self::NotAFile { .. }
            | Self::InvalidName { .. }
            | Self::Unsupported { .. }
            | Self::OutOfRange { .. }
            | Self::Encode(_)
            | Self::Internal { .. } => None,
        }
    }

    fn context(&self) -> Option<String> {
        if let Self::Input(error) = self { carried(error).and_then(|inner| inner.context.clone()) } else { None }
    }
}
