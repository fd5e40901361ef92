//! PostgreSQL's errors as functions raise them. Translating engine errors is done elsewhere.

use datafusion::error::DataFusionError;
use kura_pgtypes::{SqlError, SqlState};

/// What every function body returns.
pub(crate) type Outcome<T> = Result<T, SqlError>;

/// The shape in which an error travels through the engine.
pub(crate) fn external(error: SqlError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

pub(crate) fn arrow(error: &arrow::error::ArrowError) -> SqlError {
    internal(error.to_string())
}

pub(crate) fn internal(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INTERNAL_ERROR, message)
}

pub(crate) fn out_of_range(what: &str) -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{what} out of range"))
}

pub(crate) fn value_overflow() -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow")
}

pub(crate) fn value_underflow() -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow")
}

pub(crate) fn numeric_overflow() -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
}

pub(crate) fn division_by_zero() -> SqlError {
    SqlError::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

pub(crate) fn invalid_parameter(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

pub(crate) fn unsupported(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}

pub(crate) fn timestamp_out_of_range() -> SqlError {
    SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "timestamp out of range")
}

pub(crate) fn date_out_of_range() -> SqlError {
    SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "date out of range")
}

pub(crate) fn interval_out_of_range() -> SqlError {
    SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "interval out of range")
}

pub(crate) fn too_large() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "requested length too large")
}

pub(crate) fn batch_too_large() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "result of a function exceeds the size limit of one batch")
        .detail("A function may produce at most 256 MiB for one batch of rows.")
}
