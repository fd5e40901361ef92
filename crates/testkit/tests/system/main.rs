//! Tests of a whole server process, looked at from outside: real clients, kills, large results, bad input.
//!
//! Each test starts servers of its own. They take turns, because some of them measure time and memory. With `KURA_SLT_DSN` the tests of bad
//! input run against that PostgreSQL instead, to prove what they expect.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests read their environment, wait for another process and say what they measured"
)]

mod bad_input;
mod bank;
mod clients;
mod contract;
mod durability;
mod pages;
mod streaming;

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use kura_testkit::server::Options;
use kura_testkit::{Client, Dsn, TestServer};

/// Held by the test that runs; a failed test passes the turn on.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number from the environment, or the default.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A server to test, or the PostgreSQL to prove the test with.
struct Subject {
    server: Option<TestServer>,
    dsn: Dsn,
}

impl Subject {
    fn new(options: Options) -> Result<Self> {
        if let Ok(dsn) = std::env::var("KURA_SLT_DSN") {
            let dsn = dsn.parse().context("KURA_SLT_DSN")?;
            return Ok(Self { server: None, dsn });
        }
        let server = options.start()?;
        Ok(Self { dsn: server.dsn(), server: Some(server) })
    }

    /// Whether Kura answers.
    fn is_kura(&self) -> bool {
        self.server.is_some()
    }

    /// A session in an empty schema of this test.
    fn client(&self, schema: &str) -> Result<Client> {
        let mut client = Client::connect(&self.dsn)?;
        client.simple(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}; SET search_path TO {schema}"))?;
        Ok(client)
    }

    /// The server lives, answers, and nothing in it panicked.
    fn ends_well(self) -> Result<()> {
        anyhow::ensure!(Client::connect(&self.dsn)?.value("SELECT 42")? == "42");
        if let Some(mut server) = self.server {
            let log = server.log();
            anyhow::ensure!(!log.contains("panic"), "the server panicked\n{log}");
            server.stop()?;
        }
        Ok(())
    }
}
