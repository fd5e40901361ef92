//! Runs `.slt` files over a real connection, by the simple or the extended protocol, against Kura or a PostgreSQL to compare with.
//!
//! Every file gets a session and a schema of its own, first in the search path. It compares values as the server's text; the rules for files
//! are in `docs/STYLE.md`, section "SQL tests".

use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sqllogictest::{ColumnType, DBOutput, Normalizer, Record, Runner};

use crate::wire::{self, Client, Dsn, Reply};

/// How long a statement may take. None of the files has one that takes seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Kura; label `kura`.
    Kura,
    /// PostgreSQL; label `postgres`.
    Postgres,
}

/// How statements are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `Query`; label `simple`.
    Simple,
    /// `Parse`, `Bind`, `Describe`, `Execute`, `Sync`; label `extended`.
    Extended,
}

/// A file's outcome.
#[derive(Debug)]
pub struct Outcome {
    /// Statements and queries that were sent.
    pub records: usize,
    /// What went wrong, each with its place in the file.
    pub failures: Vec<String>,
}

/// Runs one file; goes on after a failure.
///
/// # Errors
/// When the file cannot be read or the server cannot be reached. Failing records are in the outcome.
pub fn run_file(path: &Path, dsn: &Dsn, target: Target, protocol: Protocol) -> Result<Outcome> {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let records = sqllogictest::parse_file::<Kind>(path)?;
    let schema = format!("slt_{}_{}", std::process::id(), FILES.fetch_add(1, Ordering::Relaxed));
    let mut admin = Client::connect(dsn)?;
    admin.stream().set_read_timeout(Some(ANSWER_TIMEOUT))?;
    admin.simple(&format!("CREATE SCHEMA {schema}"))?;

    let sent = Arc::new(AtomicUsize::new(0));
    let (for_sessions, counter) = (dsn.clone(), Arc::clone(&sent));
    let search_path = format!("SET search_path TO {schema}");
    // A session is made inside the runner; why making one failed would otherwise be lost in its message.
    let problem: Arc<Mutex<Option<wire::Error>>> = Arc::default();
    let first_problem = Arc::clone(&problem);
    let mut runner = Runner::new(move || {
        let made = Client::connect(&for_sessions).and_then(|mut client| {
            client.stream().set_read_timeout(Some(ANSWER_TIMEOUT))?;
            client.simple(&search_path)?;
            Ok(client)
        });
        let session = match made {
            Ok(client) => Some(client),
            Err(error) => {
                first_problem.lock().map(|mut slot| slot.get_or_insert(error).to_string()).ok();
                None
            }
        };
        let session = Session { client: session, protocol, sent: Arc::clone(&counter) };
        async move { Ok::<_, Failure>(session) }
    });
    runner.add_label(match target {
        Target::Kura => "kura",
        Target::Postgres => "postgres",
    });
    runner.add_label(match protocol {
        Protocol::Simple => "simple",
        Protocol::Extended => "extended",
    });
    runner.with_column_validator(sqllogictest::strict_column_validator);
    runner.with_validator(rows_match);

    let mut failures = Vec::new();
    for record in records {
        if matches!(record, Record::Halt { .. }) {
            break;
        }
        if let Err(error) = runner.run(record) {
            failures.push(error.to_string());
        }
        let problem = problem.lock().ok().and_then(|mut slot| slot.take());
        if let Some(problem) = problem {
            bail!(anyhow::Error::new(problem).context("cannot open a session"));
        }
    }
    runner.shutdown();
    admin.simple(&format!("DROP SCHEMA {schema} CASCADE")).with_context(|| format!("cannot drop the schema of {}", path.display()))?;
    Ok(Outcome { records: sent.load(Ordering::Relaxed), failures })
}

/// A result column's type as the letter in a `query` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Boolean,
    Date,
    Integer,
    Instant,
    Real,
    Text,
    Other,
}

impl Kind {
    fn of(oid: u32) -> Self {
        match oid {
            16 => Self::Boolean,
            20 | 21 | 23 | 26 => Self::Integer,
            700 | 701 | 1700 => Self::Real,
            18 | 19 | 25 | 705 | 1042 | 1043 => Self::Text,
            1082 => Self::Date,
            1114 | 1184 => Self::Instant,
            _ => Self::Other,
        }
    }
}

impl ColumnType for Kind {
    fn from_char(letter: char) -> Option<Self> {
        match letter {
            'B' => Some(Self::Boolean),
            'D' => Some(Self::Date),
            'I' => Some(Self::Integer),
            'P' => Some(Self::Instant),
            'R' => Some(Self::Real),
            'T' => Some(Self::Text),
            '?' => Some(Self::Other),
            _ => None,
        }
    }

    fn to_char(&self) -> char {
        match self {
            Self::Boolean => 'B',
            Self::Date => 'D',
            Self::Integer => 'I',
            Self::Instant => 'P',
            Self::Real => 'R',
            Self::Text => 'T',
            Self::Other => '?',
        }
    }
}

/// Rows as lines, runs of blanks as one.
fn rows_match(normalizer: Normalizer, actual: &[Vec<String>], expected: &[String]) -> bool {
    actual.len() == expected.len() && actual.iter().zip(expected).all(|(row, line)| normalizer(&row.join(" ")) == normalizer(line))
}

struct Session {
    client: Option<Client>,
    protocol: Protocol,
    sent: Arc<AtomicUsize>,
}

/// An error as the records' patterns see it.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Failure {
    text: String,
    sqlstate: Option<String>,
}

impl sqllogictest::DB for Session {
    type Error = Failure;
    type ColumnType = Kind;

    fn run(&mut self, sql: &str) -> Result<DBOutput<Kind>, Failure> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let failed = |error: wire::Error| Failure { text: describe(&error), sqlstate: error.sqlstate().map(str::to_owned) };
        let client = self.client.as_mut().ok_or_else(|| Failure { text: "no session".to_owned(), sqlstate: None })?;
        let (sql, data) = split_copy(sql);
        let data: Vec<&[u8]> = data.iter().map(String::as_bytes).collect();
        let reply = match self.protocol {
            Protocol::Simple => client.simple_with(sql, &data).map(|mut replies| replies.pop().unwrap_or_default()),
            Protocol::Extended => client.extended_with(sql, &[], &[], &data),
        };
        if matches!(reply, Err(wire::Error::Io(_))) {
            // Closed, or without an answer for too long: nothing more can be asked here.
            self.client = None;
        }
        Ok(output(&reply.map_err(failed)?))
    }

    fn engine_name(&self) -> &'static str {
        ""
    }

    fn error_sql_state(error: &Failure) -> Option<String> {
        error.sqlstate.clone()
    }
}

fn describe(error: &wire::Error) -> String {
    match error {
        wire::Error::Io(source) => format!("{error}: {source}"),
        wire::Error::Server(_) | wire::Error::Protocol(_) => error.to_string(),
    }
}

/// Splits `COPY t FROM STDIN;` and the data lines after it, as psql scripts write them.
fn split_copy(sql: &str) -> (&str, Vec<String>) {
    let Some((statement, data)) = sql.split_once('\n') else {
        return (sql, Vec::new());
    };
    let words = statement.to_ascii_lowercase();
    if !words.trim_start().starts_with("copy") || !words.contains("from stdin") || !words.trim_end().ends_with(';') {
        return (sql, Vec::new());
    }
    let lines = data.lines().take_while(|line| *line != "\\.").map(|line| format!("{line}\n")).collect();
    (statement, lines)
}

fn output(reply: &Reply) -> DBOutput<Kind> {
    if !reply.copied.is_empty() {
        let text = String::from_utf8_lossy(&reply.copied);
        return DBOutput::Rows { types: vec![Kind::Text], rows: text.lines().map(|line| vec![shown(Some(line))]).collect() };
    }
    let Some(columns) = &reply.columns else {
        return DBOutput::StatementComplete(reply.count());
    };
    DBOutput::Rows {
        types: columns.iter().map(|column| Kind::of(column.oid)).collect(),
        rows: reply.text().iter().map(|row| row.iter().map(|value| shown(value.as_deref())).collect()).collect(),
    }
}

/// A value as files show it.
pub(crate) fn shown(value: Option<&str>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some("") => "(empty)".to_owned(),
        Some(value) => value.replace('\n', "\\n").replace('\t', "\\t"),
    }
}
