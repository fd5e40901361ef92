//! The one place that reads [`DataFusionError`]: engine errors become SQLSTATEs here.

use datafusion::arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use kura_pgtypes::{SqlError, SqlState};

/// Translates an error of planning or execution. [`SqlError`]s that travelled through the engine come back as they were.
pub fn to_sql_error(error: &DataFusionError) -> SqlError {
    match error {
        DataFusionError::External(source) => external(source.as_ref()),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => to_sql_error(inner),
        DataFusionError::Shared(inner) => to_sql_error(inner),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => to_sql_error(first),
            None => internal(error),
        },
        DataFusionError::ArrowError(inner, _) => arrow(inner),
        DataFusionError::NotImplemented(message) if message.contains("Multiple recursive references") => {
            SqlError::new(SqlState::INVALID_RECURSION, "recursive reference to a query must not appear more than once")
        }
        DataFusionError::NotImplemented(message) if message.starts_with("Physical plan does not support logical expression") => {
            SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "this correlated subquery is not supported")
                .hint("A subquery may be tied to the query around it by equalities in its WHERE; write others as a join.")
        }
        DataFusionError::NotImplemented(message) => SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, plain(message)),
        DataFusionError::ResourcesExhausted(message) => SqlError::new(SqlState::OUT_OF_MEMORY, "out of memory")
            .detail(plain(message))
            .hint("The query needs more than the server's --memory-limit leaves; let it return or group fewer rows, or raise the limit."),
        DataFusionError::SchemaError(inner, _) => schema(inner),
        DataFusionError::Plan(message) if message.contains("grouping function is not in grouping columns") => {
            SqlError::new(SqlState::GROUPING_ERROR, "arguments to GROUPING must be grouping expressions of the associated query level")
        }
        DataFusionError::Plan(message) => SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, plain(message))
            .hint("The statement is well formed but this shape of query is not supported yet."),
        DataFusionError::Execution(message) => execution(message),
        DataFusionError::ObjectStore(inner) => SqlError::new(SqlState::IO_ERROR, plain(&inner.to_string())),
        DataFusionError::IoError(inner) => SqlError::new(SqlState::IO_ERROR, inner.to_string()),
        DataFusionError::SQL(inner, _) => SqlError::new(SqlState::SYNTAX_ERROR, inner.to_string()),
        DataFusionError::Internal(_)
        | DataFusionError::Configuration(_)
        | DataFusionError::ExecutionJoin(_)
        | DataFusionError::Substrait(_)
        | DataFusionError::Ffi(_) => internal(error),
    }
}

fn external(source: &(dyn std::error::Error + Send + Sync + 'static)) -> SqlError {
    if let Some(error) = source.downcast_ref::<SqlError>() {
        return error.clone();
    }
    if let Some(error) = source.downcast_ref::<DataFusionError>() {
        return to_sql_error(error);
    }
    if let Some(error) = source.downcast_ref::<ArrowError>() {
        return arrow(error);
    }
    SqlError::new(SqlState::INTERNAL_ERROR, source.to_string())
}

fn arrow(error: &ArrowError) -> SqlError {
    match error {
        ArrowError::DivideByZero => SqlError::new(SqlState::DIVISION_BY_ZERO, "division by zero"),
        ArrowError::ArithmeticOverflow(message) => overflow(message),
        ArrowError::ExternalError(source) => external(source.as_ref()),
        ArrowError::MemoryError(message) => SqlError::new(SqlState::OUT_OF_MEMORY, plain(message)),
        ArrowError::NotYetImplemented(message) => SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, plain(message)),
        ArrowError::OffsetOverflowError(_) => {
            SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "more than 2 GiB of text in one column of a batch")
        }
        ArrowError::CastError(message) => SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, plain(message)),
        ArrowError::ComputeError(message) | ArrowError::InvalidArgumentError(message) => execution(message),
        other => SqlError::new(SqlState::INTERNAL_ERROR, other.to_string()),
    }
}

/// Arrow names the type that overflowed in its message; PostgreSQL names it in its own words.
fn overflow(message: &str) -> SqlError {
    let what = if message.contains("Int16") || message.contains("i16") {
        "smallint out of range"
    } else if message.contains("Int64") || message.contains("i64") {
        "bigint out of range"
    } else if message.contains("Decimal") || message.contains("i128") {
        "numeric field overflow"
    } else {
        "integer out of range"
    };
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, what)
}

fn execution(message: &str) -> SqlError {
    let lower = message.to_ascii_lowercase();
    if lower.contains("overflow") || lower.contains("out of range") || lower.contains("too large to store") {
        return SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range").detail(plain(message));
    }
    if lower.contains("divide by zero") || lower.contains("division by zero") {
        return SqlError::new(SqlState::DIVISION_BY_ZERO, "division by zero");
    }
    if lower.contains("scalar subquery") && lower.contains("more than one row") {
        return SqlError::new(SqlState::CARDINALITY_VIOLATION, "more than one row returned by a subquery used as an expression");
    }
    if lower.contains("regex") {
        return SqlError::new(SqlState::INVALID_REGULAR_EXPRESSION, plain(message));
    }
    SqlError::new(SqlState::DATA_EXCEPTION, plain(message))
}

fn schema(error: &SchemaError) -> SqlError {
    SqlError::new(SqlState::INTERNAL_ERROR, error.to_string())
}

fn internal(error: &DataFusionError) -> SqlError {
    SqlError::new(SqlState::INTERNAL_ERROR, error.strip_backtrace())
}

/// The first line of an engine message, without its back trace.
fn plain(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}
