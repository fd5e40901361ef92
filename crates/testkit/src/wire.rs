//! A blocking PostgreSQL client for tests: ordinary calls, and single messages for tests that send wrong ones or read slowly.
//!
//! No TLS, no pooling, no types: values are text or bytes as the server sent them. Protocol: PostgreSQL documentation, chapter
//! "Frontend/Backend Protocol".

mod dsn;
pub mod message;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};

pub use dsn::{Dsn, InvalidDsn};

/// How long a read waits before the test fails instead of hanging.
const READ_TIMEOUT: Duration = Duration::from_secs(300);

/// What a call to the server ended with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with an `ErrorResponse`.
    #[error(transparent)]
    Server(#[from] Box<ServerError>),
    /// The connection failed, timed out, or was closed by the server.
    #[error("connection failed")]
    Io(#[from] io::Error),
    /// The server sent something the protocol does not allow here.
    #[error("protocol violation by the server: {0}")]
    Protocol(String),
}

impl Error {
    /// The SQLSTATE, where the server gave one.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Server(error) => Some(error.field('C')),
            Self::Io(_) | Self::Protocol(_) => None,
        }
    }
}

/// An `ErrorResponse`: its fields by letter (PostgreSQL documentation, "Error and Notice Message Fields").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    fields: BTreeMap<char, String>,
}

impl ServerError {
    fn read(body: &[u8]) -> Self {
        let fields = body
            .split(|byte| *byte == 0)
            .filter_map(|field| {
                let (letter, value) = field.split_first()?;
                Some((char::from(*letter), String::from_utf8_lossy(value).into_owned()))
            })
            .collect();
        Self { fields }
    }

    /// A field's value, empty when absent: S severity, C SQLSTATE, M message, D detail, H hint, P position, W context.
    pub fn field(&self, letter: char) -> &str {
        self.fields.get(&letter).map_or("", String::as_str)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field('S'), self.field('M'))?;
        for (letter, name) in [('D', "DETAIL"), ('H', "HINT"), ('P', "POSITION"), ('W', "CONTEXT")] {
            if let Some(value) = self.fields.get(&letter) {
                write!(f, "\n{name}: {value}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ServerError {}

/// One message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its type, for instance `D` for `DataRow`.
    pub tag: u8,
    /// Its content after the length.
    pub body: Vec<u8>,
}

/// A column of a `RowDescription`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name as the client sees it.
    pub name: String,
    /// Type OID.
    pub oid: u32,
    /// Type modifier, -1 for none.
    pub typmod: i32,
    /// 0 text, 1 binary.
    pub format: i16,
}

/// What one statement answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Columns; `None` for a statement without rows.
    pub columns: Option<Vec<Column>>,
    /// Rows; `None` is NULL.
    pub rows: Vec<Vec<Option<Vec<u8>>>>,
    /// COPY TO STDOUT's data.
    pub copied: Vec<u8>,
    /// Command tag, for instance `INSERT 0 1`; empty for an empty statement.
    pub tag: String,
}

impl Reply {
    /// The tag's number of rows, 0 when it has none.
    pub fn count(&self) -> u64 {
        self.tag.rsplit(' ').next().and_then(|last| last.parse().ok()).unwrap_or(0)
    }

    /// The rows as text; `None` is NULL. Bytes that are not UTF-8 become the replacement character.
    pub fn text(&self) -> Vec<Vec<Option<String>>> {
        let value = |value: &Option<Vec<u8>>| value.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        self.rows.iter().map(|row| row.iter().map(value).collect()).collect()
    }
}

/// A parameter of [`Client::extended`], as text; `None` is NULL.
pub type Parameter<'a> = Option<&'a str>;

/// Identifies a session to [`CancelKey::cancel`].
#[derive(Clone, Debug)]
pub struct CancelKey {
    host: String,
    port: u16,
    pid: i32,
    secret: Vec<u8>,
}

impl CancelKey {
    /// The process id the server gave the session.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Asks the server to stop what the session runs, and waits until it closed the request's connection.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn cancel(&self) -> Result<(), Error> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port))?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        stream.write_all(&message::cancel(self.pid, &self.secret))?;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest)?;
        Ok(())
    }
}

/// A logged-in session.
pub struct Client {
    reader: BufReader<TcpStream>,
    dsn: Dsn,
    pid: i32,
    secret: Vec<u8>,
    parameters: BTreeMap<String, String>,
    transaction: u8,
    notices: Vec<ServerError>,
}

impl Client {
    /// Logs in with the settings the tests compare under: UTC, ISO dates, UTF-8.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn connect(dsn: &Dsn) -> Result<Self, Error> {
        Self::connect_with(dsn, &[("client_encoding", "UTF8"), ("DateStyle", "ISO, MDY"), ("TimeZone", "UTC")])
    }

    /// Logs in with these start-up parameters besides user and database.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn connect_with(dsn: &Dsn, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let stream = TcpStream::connect((dsn.host.as_str(), dsn.port))?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        stream.set_nodelay(true)?;
        let mut client = Self {
            reader: BufReader::new(stream),
            dsn: dsn.clone(),
            pid: 0,
            secret: Vec::new(),
            parameters: BTreeMap::new(),
            transaction: b'I',
            notices: Vec::new(),
        };
        let mut parameters = vec![("user", dsn.user.as_str()), ("database", dsn.database.as_str())];
        parameters.extend_from_slice(settings);
        client.send(&message::startup(&parameters))?;
        client.login()?;
        client.until_ready()?;
        Ok(client)
    }

    fn login(&mut self) -> Result<(), Error> {
        loop {
            let answer = self.receive()?;
            match (answer.tag, answer.body.get(..4)) {
                (b'R', Some([0, 0, 0, 0])) => return Ok(()),
                (b'R', Some([0, 0, 0, 10])) => self.scram()?,
                (b'E', _) => return Err(Box::new(ServerError::read(&answer.body)).into()),
                (tag, kind) => return Err(unexpected(tag, &format!("login step {kind:?}"))),
            }
        }
    }

    fn scram(&mut self) -> Result<(), Error> {
        let password = self.dsn.password.clone().unwrap_or_default();
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        self.send(&message::sasl_initial(SCRAM_SHA_256, scram.message()))?;
        let challenge = self.authentication(11)?;
        scram.update(&challenge)?;
        let response = message::message(b'p', scram.message());
        self.send(&response)?;
        let proof = self.authentication(12)?;
        scram.finish(&proof)?;
        Ok(())
    }

    fn authentication(&mut self, step: u8) -> Result<Vec<u8>, Error> {
        let answer = self.receive()?;
        match (answer.tag, answer.body.get(..4)) {
            (b'R', Some([0, 0, 0, found])) if *found == step => Ok(answer.body[4..].to_vec()),
            (b'E', _) => Err(Box::new(ServerError::read(&answer.body)).into()),
            (tag, kind) => Err(unexpected(tag, &format!("authentication step {kind:?}"))),
        }
    }

    /// The key to cancel this session's statements with.
    pub fn cancel_key(&self) -> CancelKey {
        CancelKey { host: self.dsn.host.clone(), port: self.dsn.port, pid: self.pid, secret: self.secret.clone() }
    }

    /// A setting the server reported (`server_version`, `TimeZone`, ...).
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The transaction status of the last `ReadyForQuery`: `I` idle, `T` in a transaction, `E` in a failed one.
    pub fn transaction_status(&self) -> char {
        char::from(self.transaction)
    }

    /// The notices received since the last call.
    pub fn take_notices(&mut self) -> Vec<ServerError> {
        std::mem::take(&mut self.notices)
    }

    /// The socket, to set timeouts or read in other ways. Bytes already buffered stay with the client.
    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the server closed the connection.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.reader.get_mut().write_all(bytes)?;
        Ok(())
    }

    /// The next message but notices and reported settings, which are kept aside.
    ///
    /// # Errors
    /// When the connection ends.
    pub fn receive(&mut self) -> Result<Message, Error> {
        loop {
            let mut head = [0; 5];
            self.reader.read_exact(&mut head)?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let Some(length) = length.checked_sub(4).filter(|length| *length <= 1 << 30) else {
                return Err(unexpected(head[0], &format!("a length of {length}")));
            };
            let mut body = vec![0; length as usize];
            self.reader.read_exact(&mut body)?;
            match head[0] {
                b'N' => self.notices.push(ServerError::read(&body)),
                b'S' => {
                    let mut parts = body.split(|byte| *byte == 0).map(String::from_utf8_lossy);
                    let name = parts.next().unwrap_or_default().into_owned();
                    self.parameters.insert(name, parts.next().unwrap_or_default().into_owned());
                }
                b'K' if body.len() >= 8 => {
                    self.pid = i32::from_be_bytes([body[0], body[1], body[2], body[3]]);
                    self.secret = body[4..].to_vec();
                }
                b'Z' => {
                    self.transaction = body.first().copied().unwrap_or(b'?');
                    return Ok(Message { tag: b'Z', body });
                }
                tag => return Ok(Message { tag, body }),
            }
        }
    }

    /// Runs a query string by the simple protocol: one reply per statement.
    ///
    /// # Errors
    /// The server's error; the session is ready again after it.
    pub fn simple(&mut self, sql: &str) -> Result<Vec<Reply>, Error> {
        self.simple_with(sql, &[])
    }

    /// As [`Self::simple`], with `data` for a COPY FROM STDIN in the string.
    ///
    /// # Errors
    /// The server's error; the session is ready again after it.
    pub fn simple_with(&mut self, sql: &str, data: &[&[u8]]) -> Result<Vec<Reply>, Error> {
        self.send(&message::query(sql))?;
        self.replies(data, false)
    }

    /// Runs one statement by the extended protocol, with text parameters and text results.
    ///
    /// # Errors
    /// The server's error; the session is ready again after it.
    pub fn extended(&mut self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Reply, Error> {
        self.extended_with(sql, parameters, &[], &[])
    }

    /// As [`Self::extended`], with result formats (0 text, 1 binary) and `data` for COPY FROM STDIN.
    ///
    /// # Errors
    /// The server's error; the session is ready again after it.
    pub fn extended_with(&mut self, sql: &str, parameters: &[Parameter<'_>], formats: &[i16], data: &[&[u8]]) -> Result<Reply, Error> {
        let values: Vec<Option<&[u8]>> = parameters.iter().map(|value| value.map(str::as_bytes)).collect();
        let mut messages = message::parse("", sql, &[]);
        messages.extend(message::bind("", "", &[], &values, formats));
        messages.extend(message::describe(b'P', ""));
        messages.extend(message::execute("", 0));
        messages.extend(message::sync());
        self.send(&messages)?;
        let mut replies = self.replies(data, true)?;
        match (replies.pop(), replies.is_empty()) {
            (Some(reply), true) => Ok(reply),
            (last, _) => Err(Error::Protocol(format!("{} replies to one Execute", replies.len() + usize::from(last.is_some())))),
        }
    }

    /// Reads up to `ReadyForQuery`. `extended`: `CopyDone` is followed by another Sync, as the first was swallowed by the copy.
    fn replies(&mut self, data: &[&[u8]], extended: bool) -> Result<Vec<Reply>, Error> {
        let mut replies = Vec::new();
        let mut reply = Reply::default();
        let mut failure = None;
        loop {
            let answer = match (self.receive(), failure.take()) {
                (Ok(answer), before) => {
                    failure = before;
                    answer
                }
                // A fatal error: the server said why, then closed.
                (Err(_), Some(fatal)) => return Err(Error::Server(fatal)),
                (Err(closed), None) => return Err(closed),
            };
            match answer.tag {
                b'T' => reply.columns = Some(columns(&answer.body)?),
                b'D' => reply.rows.push(values(&answer.body)?),
                b'C' => {
                    reply.tag = String::from_utf8_lossy(answer.body.strip_suffix(&[0]).unwrap_or(&answer.body)).into_owned();
                    replies.push(std::mem::take(&mut reply));
                }
                b'I' => replies.push(std::mem::take(&mut reply)),
                b'G' => {
                    for chunk in data {
                        self.send(&message::copy_data(chunk))?;
                    }
                    self.send(&message::copy_done())?;
                    if extended {
                        self.send(&message::sync())?;
                    }
                }
                b'd' => reply.copied.extend_from_slice(&answer.body),
                b'E' => {
                    reply = Reply::default();
                    failure = failure.or(Some(Box::new(ServerError::read(&answer.body))));
                }
                b'Z' => break,
                b'1' | b'2' | b'3' | b'n' | b's' | b't' | b'H' | b'c' => {}
                tag => return Err(unexpected(tag, "an answer to a query")),
            }
        }
        match failure {
            Some(failure) => Err(failure.into()),
            None => Ok(replies),
        }
    }

    /// Skips to `ReadyForQuery`.
    ///
    /// # Errors
    /// The first `ErrorResponse` on the way.
    pub fn until_ready(&mut self) -> Result<(), Error> {
        self.replies(&[], false).map(|_| ())
    }

    /// The rows of the last statement of a query string, as text.
    ///
    /// # Errors
    /// The server's error.
    pub fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Error> {
        Ok(self.simple(sql)?.pop().unwrap_or_default().text())
    }

    /// The single value of a query, NULL as an empty string.
    ///
    /// # Errors
    /// The server's error, or [`Error::Protocol`] when the answer is not one value.
    pub fn value(&mut self, sql: &str) -> Result<String, Error> {
        let mut rows = self.rows(sql)?;
        match (rows.len(), rows.pop()) {
            (1, Some(mut row)) if row.len() == 1 => Ok(row.pop().flatten().unwrap_or_default()),
            (count, _) => Err(Error::Protocol(format!("{count} rows where one value was expected: {sql}"))),
        }
    }
}

fn unexpected(tag: u8, what: &str) -> Error {
    Error::Protocol(format!("{what} in a message of type {:?}", char::from(tag)))
}

fn columns(body: &[u8]) -> Result<Vec<Column>, Error> {
    let mut input = body;
    let count = number::<2>(&mut input)?;
    let mut columns = Vec::new();
    for _ in 0..u16::from_be_bytes(count) {
        let end = input.iter().position(|byte| *byte == 0).ok_or_else(|| unexpected(b'T', "a name without an end"))?;
        let name = String::from_utf8_lossy(&input[..end]).into_owned();
        input = &input[end + 1..];
        number::<6>(&mut input)?;
        let oid = u32::from_be_bytes(number(&mut input)?);
        number::<2>(&mut input)?;
        let typmod = i32::from_be_bytes(number(&mut input)?);
        let format = i16::from_be_bytes(number(&mut input)?);
        columns.push(Column { name, oid, typmod, format });
    }
    Ok(columns)
}

fn values(body: &[u8]) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let mut input = body;
    let count = u16::from_be_bytes(number(&mut input)?);
    let mut values = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let length = i32::from_be_bytes(number(&mut input)?);
        let Ok(length) = usize::try_from(length) else {
            values.push(None);
            continue;
        };
        let (value, rest) = input.split_at_checked(length).ok_or_else(|| unexpected(b'D', "a value longer than its row"))?;
        values.push(Some(value.to_vec()));
        input = rest;
    }
    if !input.is_empty() {
        return Err(unexpected(b'D', "bytes after the last value"));
    }
    Ok(values)
}

fn number<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], Error> {
    let (number, rest) = input.split_first_chunk::<N>().ok_or_else(|| Error::Protocol("a message that ends too early".to_owned()))?;
    *input = rest;
    Ok(*number)
}
