//! What can go wrong in the catalog, and what a PostgreSQL client is told of it.
#![deny(clippy::wildcard_enum_match_arm)]

use kura_pgtypes::{Diagnostic, SqlState};

/// Shorthand of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another transaction committed something since this one began that does not go together with it.
    #[error("could not serialize access due to concurrent update")]
    Conflict {
        /// What collided: a sentence.
        reason: String,
    },
    /// A schema of that name exists already.
    #[error("schema \"{name}\" already exists")]
    SchemaExists {
        /// The name.
        name: String,
    },
    /// A table or view of that name exists already.
    #[error("relation \"{name}\" already exists")]
    RelationExists {
        /// The name.
        name: String,
    },
    /// A column of that name exists already.
    #[error("column \"{column}\" of relation \"{table}\" already exists")]
    ColumnExists {
        /// The name.
        column: String,
        /// The table.
        table: String,
    },
    /// A role of that name exists already.
    #[error("role \"{name}\" already exists")]
    RoleExists {
        /// The name.
        name: String,
    },
    /// No such schema in this transaction's view of the catalog.
    #[error("schema {id} does not exist")]
    SchemaNotFound {
        /// Its identity.
        id: i64,
    },
    /// No such table, view or column in this transaction's view of the catalog.
    #[error("{kind} {name} does not exist")]
    NotFound {
        /// `relation` or `column`.
        kind: &'static str,
        /// Its identity or quoted name.
        name: String,
    },
    /// No role of that name.
    #[error("role \"{name}\" does not exist")]
    RoleNotFound {
        /// The name.
        name: String,
    },
    /// A schema with relations in it cannot be dropped.
    #[error("cannot drop schema {name} because other objects depend on it")]
    SchemaNotEmpty {
        /// The schema.
        name: String,
    },
    /// A table to be created is malformed.
    #[error("{message}")]
    InvalidTable {
        /// In PostgreSQL's words.
        message: String,
    },
    /// A table keeps at least one column.
    #[error("cannot drop the only column of table \"{table}\"")]
    LastColumn {
        /// The table.
        table: String,
    },
    /// A type that cannot be stored.
    #[error("column \"{column}\" cannot have type {ty}")]
    UnsupportedType {
        /// The column.
        column: String,
        /// The type as PostgreSQL displays it.
        ty: String,
    },
    /// A table with contents this version cannot read.
    #[error("table \"{table}\" cannot be read: {reason}")]
    Unreadable {
        /// The table.
        table: String,
        /// Why.
        reason: String,
    },
    /// A bound was exceeded.
    #[error("{message}")]
    Limit {
        /// Which.
        message: String,
    },
    /// The catalog has a version this program does not know.
    #[error("the catalog has version \"{found}\", this server supports {supported}")]
    UnsupportedVersion {
        /// What the catalog says.
        found: String,
        /// What would be accepted.
        supported: &'static str,
    },
    /// The file is a database, but no catalog.
    #[error("the database at \"{url}\" is not a DuckLake catalog")]
    NotACatalog {
        /// Its address.
        url: String,
    },
    /// The lake was created with another data path.
    #[error("the catalog belongs to data path \"{stored}\", not to \"{configured}\"")]
    DataPathMismatch {
        /// What the catalog says.
        stored: String,
        /// What the configuration says.
        configured: String,
    },
    /// An address that names no supported metadata database.
    #[error("invalid catalog URL \"{url}\"")]
    InvalidUrl {
        /// As written.
        url: String,
    },
    /// Another process holds the catalog's write lock for too long.
    #[error("the catalog is locked by another process")]
    Busy {
        /// The last refusal.
        #[source]
        source: sqlx::Error,
    },
    /// The commit was sent, and whether it happened could not be found out.
    #[error("the outcome of the commit is unknown")]
    CommitUnknown {
        /// What the database answered to the question.
        #[source]
        source: sqlx::Error,
    },
    /// The catalog holds something that cannot be.
    #[error("the catalog is damaged: {what}")]
    Corrupt {
        /// Where and what.
        what: String,
    },
    /// The metadata database failed.
    #[error("could not access the catalog")]
    Store {
        /// The database's error.
        #[source]
        source: sqlx::Error,
    },
}

impl Error {
    /// Whether the same transaction, run again from its start, may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Busy { .. })
    }
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        Self::Store { source }
    }
}

impl Diagnostic for Error {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Conflict { .. } => SqlState::T_R_SERIALIZATION_FAILURE,
            Self::SchemaExists { .. } => SqlState::DUPLICATE_SCHEMA,
            Self::RelationExists { .. } => SqlState::DUPLICATE_TABLE,
            Self::ColumnExists { .. } => SqlState::DUPLICATE_COLUMN,
            Self::RoleExists { .. } => SqlState::DUPLICATE_OBJECT,
            Self::SchemaNotFound { .. } => SqlState::INVALID_SCHEMA_NAME,
            Self::NotFound { kind: "column", .. } => SqlState::UNDEFINED_COLUMN,
            Self::NotFound { .. } => SqlState::UNDEFINED_TABLE,
            Self::RoleNotFound { .. } => SqlState::UNDEFINED_OBJECT,
            Self::SchemaNotEmpty { .. } => SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
            Self::InvalidTable { .. } => SqlState::INVALID_TABLE_DEFINITION,
            Self::LastColumn { .. } | Self::UnsupportedType { .. } | Self::Unreadable { .. } | Self::UnsupportedVersion { .. } => {
                SqlState::FEATURE_NOT_SUPPORTED
            }
            Self::Limit { .. } => SqlState::PROGRAM_LIMIT_EXCEEDED,
            Self::NotACatalog { .. } | Self::DataPathMismatch { .. } | Self::InvalidUrl { .. } => SqlState::CONFIG_FILE_ERROR,
            Self::Busy { .. } => SqlState::LOCK_NOT_AVAILABLE,
            Self::CommitUnknown { .. } => SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN,
            Self::Corrupt { .. } => SqlState::DATA_CORRUPTED,
            Self::Store { .. } => SqlState::IO_ERROR,
        }
    }

    fn detail(&self) -> Option<String> {
        if let Self::Conflict { reason } = self { Some(reason.clone()) } else { None }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Conflict { .. } => Some("The transaction might succeed if retried.".to_owned()),
            Self::SchemaNotEmpty { .. } => Some("Use DROP ... CASCADE to drop the dependent objects too.".to_owned()),
            Self::Unreadable { .. } => Some(
                "Rewrite the table in DuckDB: CALL ducklake_flush_inlined_data('lake') moves inlined rows into files, \
                 CREATE TABLE AS makes a copy with supported types."
                    .to_owned(),
            ),
            Self::LastColumn { .. } => Some("Add another column first, or drop the table.".to_owned()),
            Self::DataPathMismatch { .. } => Some("If the lake was moved, allow the catalog to record its new place.".to_owned()),
            Self::InvalidUrl { .. } => Some("Use sqlite:PATH.".to_owned()),
            Self::Busy { .. } => Some("Only one program at a time can write to a catalog in SQLite.".to_owned()),
            Self::SchemaExists { .. }
            | Self::RelationExists { .. }
            | Self::ColumnExists { .. }
            | Self::RoleExists { .. }
            | Self::SchemaNotFound { .. }
            | Self::NotFound { .. }
            | Self::RoleNotFound { .. }
            | Self::InvalidTable { .. }
            | Self::UnsupportedType { .. }
            | Self::Limit { .. }
            | Self::UnsupportedVersion { .. }
            | Self::NotACatalog { .. }
            | Self::CommitUnknown { .. }
            | Self::Corrupt { .. }
            | Self::Store { .. } => None,
        }
    }
}

/// Shorthand for [`Error::Corrupt`].
pub(crate) fn corrupt(what: impl Into<String>) -> Error {
    Error::Corrupt { what: what.into() }
}
