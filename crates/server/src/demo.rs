//! The sample data of `kura demo`: five tables of real flights in the schema `demo`, loaded by the statements of `demo.sql`.
//!
//! The data goes the way of a user's COPY, in one transaction: a start that is killed leaves nothing half loaded, and the
//! next one begins anew. Where the schema exists already, nothing is touched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use kura_catalog::{Catalog, Role};
use kura_session::login::Authenticated;
use kura_session::{DATABASE, LoginOptions, Response, Sessions};

use crate::terminal::Terminal;

/// The schema.
pub(crate) const SCHEMA: &str = "demo";

const SCRIPT: &str = include_str!("../demo/demo.sql");

/// The data, carried by the program so that it needs no other file.
const FILES: [(&str, &[u8]); 5] = [
    ("airlines.parquet", include_bytes!("../demo/airlines.parquet")),
    ("airports.parquet", include_bytes!("../demo/airports.parquet")),
    ("planes.parquet", include_bytes!("../demo/planes.parquet")),
    ("weather.parquet", include_bytes!("../demo/weather.parquet")),
    ("flights.parquet", include_bytes!("../demo/flights.parquet")),
];

/// Why the sample data could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The catalog could not be read.
    #[error("cannot read the catalog")]
    Catalog(#[from] kura_catalog::Error),
    /// Its files could not be laid out for COPY.
    #[error("cannot write to {folder}")]
    Files {
        /// Where.
        folder: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A statement failed.
    #[error("\"{statement}\" failed")]
    Statement {
        /// Its beginning.
        statement: String,
        /// Why.
        source: kura_session::Error,
    },
}

/// Loads the sample data unless the schema exists. `folder` is used while loading and removed afterwards. Returns whether
/// anything was loaded.
pub(crate) async fn load(
    catalog: &Catalog,
    sessions: &Arc<Sessions>,
    role: Arc<Role>,
    folder: PathBuf,
    terminal: &Terminal,
) -> Result<bool, DemoError> {
    if catalog.snapshot().await?.schema(SCHEMA).is_some() {
        return Ok(false);
    }
    terminal.line("Loading sample data into the schema demo: every flight that left New York City in 2013.");
    let begin = Instant::now();
    let folder = Folder::create(folder)?;
    let script = SCRIPT.replace("${dir}", &folder.0.to_string_lossy().replace('\'', "''"));
    run(sessions, role, &folder.0, &script, terminal).await?;
    terminal.line(&format!("Sample data loaded in {:.1} s.", begin.elapsed().as_secs_f64()));
    Ok(true)
}

async fn run(sessions: &Arc<Sessions>, role: Arc<Role>, folder: &Path, script: &str, terminal: &Terminal) -> Result<(), DemoError> {
    let failed = |statement: &str| {
        let statement = statement.lines().next().unwrap_or_default().to_owned();
        move |source| DemoError::Statement { statement, source }
    };
    let options = LoginOptions { database: DATABASE.to_owned(), ..LoginOptions::default() };
    let mut session = sessions.open(&Authenticated::internal(role), &options).map_err(failed("login"))?;
    session.add_copy_root(folder.to_path_buf());
    let mut script = session.parse_script(script.into()).await.map_err(failed("demo.sql"))?;
    while let Some((statement, last)) = script.next_statement() {
        let begin = Instant::now();
        let response = Box::pin(session.start(&statement)).await.map_err(failed(&statement.text))?;
        if let Response::Command(tag) = &response
            && let Some(rows) = tag.strip_prefix("COPY ")
        {
            let table = statement.text.split_whitespace().nth(1).unwrap_or_default();
            let rows: u64 = rows.parse().unwrap_or_default();
            terminal.line(&format!("  {table:<14} {:>9} rows  {:>5.1} s", grouped(rows), begin.elapsed().as_secs_f64()));
        }
        drop(response);
        Box::pin(session.complete(last)).await.map_err(failed(&statement.text))?;
    }
    Ok(())
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The folder with the files while they are loaded; removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn create(path: PathBuf) -> Result<Self, DemoError> {
        let failed = |source| DemoError::Files { folder: path.display().to_string(), source };
        fs::create_dir_all(&path).map_err(failed)?;
        let folder = Self(path.canonicalize().map_err(failed)?);
        for (name, bytes) in FILES {
            fs::write(folder.0.join(name), bytes).map_err(failed)?;
        }
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "cannot remove the demo's files");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(336_776), "336,776");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }

    #[test]
    fn files_are_laid_out_and_removed() {
        let parent = tempfile::tempdir().expect("a folder");
        let path = parent.path().join("demo-files");
        let folder = Folder::create(path.clone()).expect("created");
        assert!(folder.0.join("flights.parquet").exists());
        drop(folder);
        assert!(!path.exists());
        for (name, _) in FILES {
            assert!(SCRIPT.contains(&format!("'${{dir}}/{name}'")), "{name} is loaded");
        }
    }
}
