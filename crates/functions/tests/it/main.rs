//! The functions through their public face: built for a session, called with columns.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what the tests are made of fails by panicking")]

mod aggregates;
mod expressions;
mod quantified;

use kura_functions::SessionInfo;
use kura_pgtypes::{OutputSettings, TimeZone};

fn session() -> SessionInfo {
    SessionInfo {
        user: "someone".to_owned(),
        database: "warehouse".to_owned(),
        session_user: "someone".to_owned(),
        search_path: vec!["public".to_owned()],
        now_micros: 1_710_000_000_000_000,
        statement_micros: 1_710_000_000_000_000,
        timezone: TimeZone::utc(),
        settings: OutputSettings::default(),
        backend_pid: 42,
        advisory: None,
    }
}
