//! Messages for the client that are not errors, held until the protocol sends them.

use kura_pgtypes::SqlError;

use crate::settings::Settings;

/// Most notices held between two answers; more are dropped.
const HELD_MAX: usize = 1_000;

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// For information.
    Notice,
    /// Something is probably not as the user meant it.
    Warning,
}

impl Severity {
    /// PostgreSQL's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
        }
    }
}

/// One notice.
#[derive(Clone, Debug)]
pub struct Notice {
    /// How much it matters.
    pub severity: Severity,
    /// What it says.
    pub message: SqlError,
}

/// The notices of a session not yet sent.
#[derive(Debug, Default)]
pub(crate) struct Notices(Vec<Notice>);

impl Notices {
    pub(crate) fn push(&mut self, severity: Severity, message: SqlError, settings: &Settings) {
        let wanted = match settings.text("client_min_messages") {
            "error" => false,
            "warning" => severity == Severity::Warning,
            _ => true,
        };
        if wanted && self.0.len() < HELD_MAX {
            self.0.push(Notice { severity, message });
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.0)
    }
}
