//! Runs `.sched` files: schedules of statements from several sessions, one statement at a time, with what each answers and which ones wait.
//!
//! The expected answers are recorded from PostgreSQL 15 and replayed on it and on Kura. A schedule gets a schema of its own, which is the
//! search path of all its sessions. The form of the files is described in `sql-tests/README.md`; `parse` reads and writes it.

mod parse;
mod play;
mod session;

use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::slt::{Protocol, Target};
use crate::wire::{Client, Dsn};

pub use parse::{Answer, Completion, Invalid, Schedule, Step, Turn, WAITS};

/// How long dropping a schedule's schema may take: longer than any wait in a schedule.
const DROP_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

/// Plays one schedule.
///
/// Returns what went otherwise than the file says, as text with line numbers; empty when everything agreed.
///
/// # Errors
/// When the server cannot be reached, refuses the set-up, or a session that waits would have to be asked again.
pub fn run(schedule: &Schedule, dsn: &Dsn, target: Target, protocol: Protocol) -> Result<Vec<String>> {
    let expected = schedule.expected(target);
    let heard = in_schema_of_its_own(dsn, |admin, schema| play::play(schedule, &expected, admin, dsn, schema, target, protocol))?;
    let mut differences = Vec::new();
    for (step, (expected, heard)) in schedule.steps.iter().zip(expected.iter().zip(&heard)) {
        if expected != heard {
            differences.push(difference(step, expected, heard));
        }
    }
    if let Some(step) = schedule.steps.get(heard.len()) {
        differences.push(format!("line {}: not reached, because a statement waited, or did not, against what is expected", step.line));
    }
    Ok(differences)
}

/// Plays a schedule on PostgreSQL and writes what it answered into the file, in place of what stood there. Lines for Kura stay.
///
/// Returns whether the file changed.
///
/// # Errors
/// When the file is no schedule, or PostgreSQL cannot play it.
pub fn record(path: &Path, dsn: &Dsn) -> Result<bool> {
    let text = std::fs::read_to_string(path)?;
    let schedule = Schedule::parse_without_answers(&text)?;
    let heard =
        in_schema_of_its_own(dsn, |admin, schema| play::play(&schedule, &[], admin, dsn, schema, Target::Postgres, Protocol::Simple))?;
    let recorded = schedule.with_answers(&heard);
    let changed = recorded != text;
    if changed {
        std::fs::write(path, recorded)?;
    }
    Ok(changed)
}

/// Calls `play` with a session in a new schema and the schema's name, and drops the schema afterwards, whatever came out.
fn in_schema_of_its_own(dsn: &Dsn, play: impl FnOnce(&mut Client, &str) -> Result<Vec<Turn>>) -> Result<Vec<Turn>> {
    static SCHEDULES: AtomicU32 = AtomicU32::new(0);
    let schema = format!("sched_{}_{}", std::process::id(), SCHEDULES.fetch_add(1, Ordering::Relaxed));
    let mut admin = Client::connect(dsn)?;
    admin.stream().set_read_timeout(Some(DROP_TIMEOUT))?;
    admin.simple(&format!("CREATE SCHEMA {schema}"))?;
    admin.simple(&format!("SET search_path TO {schema}"))?;
    let heard = play(&mut admin, &schema);
    // The sessions are closed by now: what they held is released as soon as the server has noticed.
    admin.simple(&format!("DROP SCHEMA {schema} CASCADE")).context("cannot drop the schedule's schema")?;
    heard
}

fn difference(step: &Step, expected: &Turn, heard: &Turn) -> String {
    let mut text = format!("line {}: {}: {}", step.line, step.session, step.sql);
    for (title, turn) in [("expected", expected), ("answered", heard)] {
        let _ = write!(text, "\n  {title}");
        for line in &turn.answer {
            let _ = write!(text, "\n    < {line}");
        }
        for completion in &turn.completions {
            for line in &completion.answer {
                let _ = write!(text, "\n    {} < {line}", completion.session);
            }
        }
    }
    text
}
