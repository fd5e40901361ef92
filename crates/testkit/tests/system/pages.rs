//! Pages of the documentation that are made from the program: `docs/configuration.md` and `docs/settings.md`. `KURA_UPDATE_DOCS=1` writes them.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kura_testkit::{Client, TestServer, programs, server, workspace};

use crate::turn;

/// Compares a page with what it should be, or writes it.
fn current(page: &str, text: &str) -> Result<()> {
    let path = workspace::root().join("docs").join(page);
    if std::env::var_os("KURA_UPDATE_DOCS").is_some() {
        std::fs::write(&path, text)?;
    }
    let found = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    ensure!(found == text, "docs/{page} is out of date: run KURA_UPDATE_DOCS=1 cargo system pages");
    Ok(())
}

#[test]
fn configuration() -> Result<()> {
    let mut command = server::command()?;
    let help = programs::run(command.args(["serve", "--help"]), Duration::from_secs(30))?;
    let mut text = String::from(
        "# Configuration\n\nMade from `kura serve --help`; `kura demo` takes the same options. A flag outranks the environment, the environment the file \
         `kura.toml`, the file the default. `--data-dir` is `KURA_DATA_DIR` in the environment and `data_dir` in the file. An unknown key stops the start.\n\n\
         ```text\n",
    );
    for line in help.trim_end().lines() {
        writeln!(text, "{}", line.trim_end())?;
    }
    text.push_str("```\n");
    current("configuration.md", &text)
}

#[test]
fn settings() -> Result<()> {
    let _turn = turn();
    let server = TestServer::start()?;
    let mut client = Client::connect_with(&server.dsn(), &[])?;
    let mut text = String::from(
        "# Settings\n\nMade from `SHOW ALL` in a fresh session of the superuser. `SET name TO value` changes one for the session, `SET LOCAL` for the \
         transaction, `RESET` sets it back; those that are facts cannot be changed. A name that is not here is refused (42704), unless it has a \
         dot in it.\n\n| name | default | meaning |\n|---|---|---|\n",
    );
    for row in client.rows("SHOW ALL")? {
        let [name, value, meaning] = row.as_slice() else {
            anyhow::bail!("SHOW ALL has three columns");
        };
        let cell = |value: &Option<String>| value.clone().unwrap_or_default().replace('|', "\\|");
        let value = cell(value);
        let value = if value.is_empty() { value } else { format!("`{value}`") };
        writeln!(text, "| `{}` | {value} | {} |", cell(name), cell(meaning))?;
    }
    current("settings.md", &text)
}
