//! Every schedule of `sql-tests/schedules/` by both protocols: on a Kura started for it, or on `KURA_SLT_DSN`, a PostgreSQL to compare with.
//!
//! `KURA_SCHEDULE_FILES=part-of-a-path` runs only some. `KURA_SCHEDULE_RECORD=1` writes what that PostgreSQL answers into the files. It holds
//! no expectations of its own.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "tests read their environment and say what they ran")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use kura_testkit::schedule::{self, Schedule};
use kura_testkit::slt::{Protocol, Target};
use kura_testkit::{Dsn, TestServer, workspace};

#[test]
fn schedules() -> Result<()> {
    let folder = workspace::root().join("sql-tests/schedules");
    let mut files = workspace::files(&folder, "sched")?;
    if let Ok(part) = std::env::var("KURA_SCHEDULE_FILES") {
        files.retain(|path| path.to_string_lossy().contains(&part));
    }
    ensure!(!files.is_empty(), "no .sched files to run");
    let postgres: Option<Dsn> = std::env::var("KURA_SLT_DSN").ok().map(|dsn| dsn.parse()).transpose().context("KURA_SLT_DSN")?;
    match (std::env::var_os("KURA_SCHEDULE_RECORD"), postgres) {
        (Some(_), Some(dsn)) => record(&files, &dsn),
        (Some(_), None) => bail!("KURA_SCHEDULE_RECORD wants a PostgreSQL in KURA_SLT_DSN"),
        (None, Some(dsn)) => play(&folder, &files, &dsn, Target::Postgres),
        (None, None) => {
            let server = TestServer::start()?;
            play(&folder, &files, &server.dsn(), Target::Kura).with_context(|| server.log_tail())
        }
    }
}

/// Schedules played at a time. Most of the time they wait; they share nothing but the server.
const AT_A_TIME: usize = 4;

fn play(folder: &Path, files: &[PathBuf], dsn: &Dsn, target: Target) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<Played>> {
        let mut played = Vec::new();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            played.push(play_file(folder, file, dsn, target)?);
        }
        Ok(played)
    };
    let mut played = Vec::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            match worker.join() {
                Ok(done) => played.extend(done?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        anyhow::Ok(())
    })?;
    let sum = |count: fn(&Played) -> usize| played.iter().map(count).sum::<usize>();
    let failures: Vec<&str> = played.iter().flat_map(|played| &played.failures).map(String::as_str).collect();
    println!("{} schedules, {} steps run on {target:?}: {} failures", files.len(), sum(|played| played.steps), failures.len());
    println!(
        "by design Kura answers {} otherwise, and {} only wait longer there",
        sum(|played| played.differing),
        sum(|played| played.waiting)
    );
    ensure!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
    Ok(())
}

/// What came of one file.
#[derive(Default)]
struct Played {
    steps: usize,
    differing: usize,
    waiting: usize,
    failures: Vec<String>,
}

fn play_file(folder: &Path, file: &Path, dsn: &Dsn, target: Target) -> Result<Played> {
    let name = file.strip_prefix(folder)?.display();
    let schedule = match Schedule::parse(&std::fs::read_to_string(file)?) {
        Ok(schedule) => schedule,
        Err(invalid) => return Ok(Played { failures: vec![format!("{name}: {invalid}")], ..Played::default() }),
    };
    let (differing, waiting) = schedule.deviations();
    let mut played = Played { steps: schedule.steps.len(), differing, waiting, failures: Vec::new() };
    for protocol in [Protocol::Simple, Protocol::Extended] {
        if schedule.simple_only && protocol == Protocol::Extended {
            continue;
        }
        let begin = Instant::now();
        let found = match schedule::run(&schedule, dsn, target, protocol) {
            Ok(differences) => differences,
            Err(error) => vec![format!("{error:#}")],
        };
        let failed = if found.is_empty() { "" } else { " FAILED" };
        println!("{name} {protocol:?}: {} steps, {:?}{failed}", schedule.steps.len(), begin.elapsed());
        played.failures.extend(found.iter().map(|difference| format!("[{protocol:?}] {name} {difference}")));
    }
    Ok(played)
}

fn record(files: &[PathBuf], dsn: &Dsn) -> Result<()> {
    for file in files {
        if schedule::record(file, dsn).with_context(|| file.display().to_string())? {
            println!("recorded {}", file.display());
        }
    }
    Ok(())
}
