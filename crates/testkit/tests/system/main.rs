//! Tests of a whole server process, looked at from outside: real clients, kills, large results, bad input.
//!
//! Each test starts servers of its own. They take turns, because some of them measure time and memory.

#![expect(clippy::disallowed_methods, reason = "tests read their environment and wait for another process")]

mod bad_input;
mod clients;
mod durability;
mod streaming;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by the test that runs; a failed test passes the turn on.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number from the environment, or the default.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
