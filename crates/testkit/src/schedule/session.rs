//! One session of a schedule: a connection with a thread of its own, so that the others go on while its statement waits.

use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Answer;
use crate::slt::{self, Protocol};
use crate::wire::{self, Client, Dsn, Reply};

struct Statement {
    sql: String,
    data: Vec<String>,
}

/// Dropping it closes the connection, also in the middle of a statement.
pub(super) struct Session {
    statements: Option<Sender<Statement>>,
    answers: Receiver<Answer>,
    stream: TcpStream,
    thread: Option<JoinHandle<()>>,
    /// The server's process id for it.
    pub(super) pid: i32,
}

impl Session {
    /// Logs in with `settings` besides the usual ones, in this search path.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub(super) fn open(dsn: &Dsn, settings: &[(&str, &str)], schema: &str, protocol: Protocol) -> Result<Self> {
        let mut all = vec![("client_encoding", "UTF8"), ("DateStyle", "ISO, MDY"), ("TimeZone", "UTC")];
        all.extend_from_slice(settings);
        let mut client = Client::connect_with(dsn, &all)?;
        client.simple(&format!("SET search_path TO {schema}"))?;
        let stream = client.stream().try_clone()?;
        let pid = client.cancel_key().pid();
        let (statements, to_do) = mpsc::channel::<Statement>();
        let (done, answers) = mpsc::channel();
        let thread = std::thread::Builder::new().name("session".to_owned()).spawn(move || {
            for statement in to_do {
                // Nobody listens any more once the schedule is over.
                if done.send(ask(&mut client, &statement, protocol)).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { statements: Some(statements), answers, stream, thread: Some(thread), pid })
    }

    /// Sends a statement; its answer comes by [`Self::answer`].
    ///
    /// # Errors
    /// When the session's thread ended.
    pub(super) fn send(&self, sql: &str, data: &[String]) -> Result<()> {
        let statement = Statement { sql: sql.to_owned(), data: data.to_vec() };
        let statements = self.statements.as_ref().context("the session is open")?;
        statements.send(statement).ok().context("the session's thread ended")
    }

    /// The answer to the statement sent last, if it comes within this time.
    pub(super) fn answer(&self, within: Duration) -> Option<Answer> {
        self.answers.recv_timeout(within).ok()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.statements = None;
        // A connection that is closed already is as good, and a thread that panicked has said so.
        self.stream.shutdown(Shutdown::Both).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn ask(client: &mut Client, statement: &Statement, protocol: Protocol) -> Answer {
    let data: Vec<&[u8]> = statement.data.iter().map(String::as_bytes).collect();
    let replies = match protocol {
        Protocol::Simple => client.simple_with(&statement.sql, &data),
        Protocol::Extended => client.extended_with(&statement.sql, &[], &[], &data).map(|reply| vec![reply]),
    };
    match replies {
        Ok(replies) => replies.iter().flat_map(lines).collect(),
        Err(wire::Error::Server(error)) => vec![format!("ERROR {}", error.field('C'))],
        Err(error) => vec![format!("closed: {error}")],
    }
}

/// Rows with `|` between values, then the tag.
fn lines(reply: &Reply) -> Answer {
    let rows = reply.text();
    let rows = rows.iter().map(|row| row.iter().map(|value| slt::shown(value.as_deref())).collect::<Vec<_>>().join("|"));
    let copied = String::from_utf8_lossy(&reply.copied);
    rows.chain(copied.lines().map(str::to_owned)).chain([reply.tag.clone()]).collect()
}
