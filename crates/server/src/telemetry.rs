//! Logs and metrics: how they are set up, and the names of every metric.
//!
//! Spans are opened where the work is: `connection` by the listener, `statement` by the session, `scan` by storage.

use std::sync::OnceLock;

use kura_pgtypes::SqlState;
use metrics::Unit;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Bytes written to PostgreSQL clients.
pub(crate) const SENT_BYTES: &str = "kura_postgres_sent_bytes_total";
/// Connections accepted.
pub(crate) const CONNECTIONS_TOTAL: &str = "kura_postgres_connections_total";
/// Connections refused because there were too many.
pub(crate) const CONNECTIONS_REFUSED: &str = "kura_postgres_connections_refused_total";
/// Connections open now, before and after login.
pub(crate) const CONNECTIONS: &str = "kura_postgres_connections";
/// Sessions now.
pub(crate) const SESSIONS: &str = "kura_sessions";
/// Statements completed, by command.
const STATEMENTS: &str = "kura_postgres_statements_total";
/// Statements failed, by SQLSTATE.
const STATEMENTS_FAILED: &str = "kura_postgres_statements_failed_total";
/// Time from a message to its whole answer.
pub(crate) const ANSWER_SECONDS: &str = "kura_postgres_answer_seconds";
/// Memory of the process that is resident.
pub(crate) const RESIDENT_BYTES: &str = "kura_resident_memory_bytes";

/// Why telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log level is not one.
    #[error("invalid log level \"{text}\"")]
    Level {
        /// What was given.
        text: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something else writes the process's log already.
    #[error("the log is set up already")]
    LogTwice(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The metrics cannot be gathered.
    #[error("cannot set up metrics")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// Sends the log to stderr. Once per process.
///
/// # Errors
/// When the level cannot be read, or the log is set up already.
pub fn log(level: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(level).map_err(|source| TelemetryError::Level { text: level.to_owned(), source })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match format {
        LogFormat::Human => builder.with_target(false).with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    set.map_err(TelemetryError::LogTwice)
}

/// Has panics logged with their place, in the form of the log.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, panic = panic.payload_as_str().unwrap_or("without a message"), "panic");
    }));
}

/// The process's metrics, gathered from the first call on.
pub(crate) fn metrics() -> Result<PrometheusHandle, TelemetryError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let seconds = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0];
    let recorder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Full(ANSWER_SECONDS.to_owned()), &seconds)?.build_recorder();
    let handle = HANDLE.get_or_init(|| recorder.handle()).clone();
    if metrics::set_global_recorder(recorder).is_ok() {
        describe();
    }
    Ok(handle)
}

fn describe() {
    metrics::describe_counter!(SENT_BYTES, Unit::Bytes, "Bytes written to PostgreSQL clients");
    metrics::describe_counter!(CONNECTIONS_TOTAL, "PostgreSQL connections accepted");
    metrics::describe_counter!(CONNECTIONS_REFUSED, "PostgreSQL connections refused because there were too many");
    metrics::describe_gauge!(CONNECTIONS, "PostgreSQL connections open");
    metrics::describe_gauge!(SESSIONS, "Sessions");
    metrics::describe_counter!(STATEMENTS, "Statements completed, by command");
    metrics::describe_counter!(STATEMENTS_FAILED, "Statements failed, by SQLSTATE");
    metrics::describe_histogram!(ANSWER_SECONDS, Unit::Seconds, "Time from a query or Execute message to its whole answer");
    metrics::describe_gauge!(RESIDENT_BYTES, Unit::Bytes, "Resident memory of the process");
}

/// Counts a completed statement by the words of its tag.
pub(crate) fn statement_completed(tag: &str) {
    let command = tag.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ');
    metrics::counter!(STATEMENTS, "command" => command.to_owned()).increment(1);
}

/// Counts a failed statement.
pub(crate) fn statement_failed(state: SqlState) {
    metrics::counter!(STATEMENTS_FAILED, "sqlstate" => state.code()).increment(1);
}

/// Resident memory of this process in bytes; `None` where the system does not tell.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
