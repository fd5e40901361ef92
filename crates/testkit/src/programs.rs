//! Runs other programs for the tests: Python with the pinned packages, Java with the JDBC driver, psql. Installs nothing: `run-tests tools` does.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The Python interpreter that has the packages of `requirements.txt`.
///
/// # Errors
/// When `run-tests tools` has not been run on this machine.
pub fn python() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("KURA_TEST_PYTHON") {
        return Ok(path.into());
    }
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    let cache = PathBuf::from(home).join(".cache/kura");
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(&cache).map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect()).unwrap_or_default();
    found.retain(|path| path.join("complete").exists());
    found.sort_by_key(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok());
    match found.pop() {
        Some(path) => Ok(path.join("bin/python")),
        None => bail!("no Python with the tests' packages: run crates/testkit/run-tests tools"),
    }
}

/// The JDBC driver's jar.
///
/// # Errors
/// When it is not installed.
pub fn jdbc() -> Result<PathBuf> {
    let path = std::env::var_os("KURA_TEST_JDBC").map_or_else(|| "/usr/share/java/postgresql.jar".into(), PathBuf::from);
    if !path.exists() {
        bail!("no JDBC driver at {}: run crates/testkit/run-tests tools", path.display());
    }
    Ok(path)
}

/// Runs a program to its end and returns its standard output.
///
/// # Errors
/// When it does not start, runs longer than `limit` (it is killed then), or ends with a failure; the error shows its output.
pub fn run(command: &mut Command, limit: Duration) -> Result<String> {
    let output = finish(command, limit)?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{command:?} failed with {}\n{stdout}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(stdout)
}

/// Runs a program to its end, whatever that is.
///
/// # Errors
/// When it does not start or runs longer than `limit` (it is killed then).
pub fn finish(command: &mut Command, limit: Duration) -> Result<Output> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            let (stdout, stderr) = (collected(stdout), collected(stderr));
            bail!("{command:?} still ran after {limit:?}\n{}\n{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Ok(Output { status, stdout: collected(stdout), stderr: collected(stderr) })
}

type Drained = std::thread::JoinHandle<Vec<u8>>;

fn drain(pipe: Option<impl Read + Send + 'static>) -> Drained {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            drop(pipe.read_to_end(&mut bytes));
        }
        bytes
    })
}

fn collected(drained: Drained) -> Vec<u8> {
    drained.join().unwrap_or_default()
}
