//! What is told of every statement that ran: metrics, and one event at level DEBUG. Rows and texts of statements are not told.

use std::time::Instant;

use kura_pgtypes::Diagnostic;

use crate::error::Error;

/// One statement, from its start to its end. One that is dropped before it ended was given up by its client.
#[derive(Debug)]
pub(crate) struct Record {
    query_id: u64,
    kind: &'static str,
    started: Instant,
    ended: bool,
}

impl Record {
    /// `kind`: PostgreSQL's name of the command.
    pub(crate) fn start(query_id: u64, kind: &'static str) -> Self {
        Self { query_id, kind, started: Instant::now(), ended: false }
    }

    pub(crate) fn query_id(&self) -> u64 {
        self.query_id
    }

    /// The statement ended. Only the first call counts.
    pub(crate) fn finish(&mut self, error: Option<&Error>) {
        match error {
            None => self.end("ok", "00000"),
            Some(Error::Cancelled) => self.end("cancelled", "57014"),
            Some(error) => self.end("error", error.sqlstate().code()),
        }
    }

    fn end(&mut self, outcome: &'static str, state: &'static str) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let elapsed = self.started.elapsed();
        metrics::counter!("kura_statements_total", "kind" => self.kind, "outcome" => outcome).increment(1);
        metrics::histogram!("kura_statement_seconds", "kind" => self.kind).record(elapsed.as_secs_f64());
        tracing::debug!(query_id = self.query_id, kind = self.kind, outcome, state, elapsed_ms = elapsed.as_millis(), "statement ended");
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.end("abandoned", "57014");
    }
}
