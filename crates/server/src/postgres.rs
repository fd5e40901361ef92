//! The PostgreSQL door: one task per connection, from the accepted socket to its end.
//!
//! Frontend/backend protocol 3.0 and 3.2. Messages to the client are pgwire's; the loop, the limits and the decoding of
//! what clients send are ours. A protocol module translates: rights, transactions and limits of statements are `session`'s.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kura_pgtypes::{Diagnostic, SqlError, SqlState};
use kura_session::login::Authenticated;
use kura_session::{LoginOptions, Session, Sessions};
use pgwire::messages::startup::{BackendKeyData, ParameterStatus, SecretKey};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

mod authenticate;
mod conversation;
mod copy;
mod error;
mod extended;
mod frontend;
mod io;
mod rows;
mod simple;
mod startup;

use conversation::Conversation;
use error::Failure;
pub(crate) use io::InputLimits;
use io::{Input, Output, Stream};
use startup::{Opening, Startup};

use crate::shutdown::Shutdown;
use crate::tls::Tls;

/// Time from the accepted socket to the end of authentication.
const LOGIN_TIME: Duration = Duration::from_secs(30);

/// What every connection needs.
pub(crate) struct Door {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) tls: Option<Tls>,
    /// Whether clients on other machines may connect without encryption.
    pub(crate) plaintext: bool,
    pub(crate) limits: InputLimits,
    pub(crate) shutdown: Arc<Shutdown>,
}

/// Serves one connection to its end.
pub(crate) async fn serve(door: Arc<Door>, tcp: TcpStream) {
    let login = tokio::time::timeout(LOGIN_TIME, Box::pin(log_in(&door, tcp)));
    let established = tokio::select! {
        biased;
        () = door.shutdown.draining() => return,
        established = login => established,
    };
    let mut conversation = match established {
        Ok(Some(conversation)) => conversation,
        Ok(None) => return,
        Err(_) => {
            tracing::info!("login took too long");
            return;
        }
    };
    let talk = AssertUnwindSafe(conversation.run()).catch_unwind();
    let ended = tokio::select! {
        ended = talk => ended,
        () = door.shutdown.expired() => return,
    };
    if let Err(panic) = ended {
        // The session's state is unknown now: the connection ends, the server does not.
        let query_id = conversation.session_query_id();
        tracing::error!(query_id, panic = panic_text(panic.as_ref()), "a statement panicked");
        let message = SqlError::new(SqlState::INTERNAL_ERROR, "internal error");
        let message = message.detail(format!("Query id {query_id}; the server's log has the cause."));
        let goodbye = conversation.last_words(&message);
        drop(tokio::time::timeout(Duration::from_secs(5), goodbye).await);
    }
}

/// The refusal of a connection for which there is no room, sent without reading anything.
pub(crate) async fn refuse(mut tcp: TcpStream) {
    let error = SqlError::new(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already");
    let mut buffer = bytes::BytesMut::new();
    if pgwire::messages::Message::encode(&error::fatal(&error), &mut buffer).is_ok() {
        drop(tokio::time::timeout(Duration::from_secs(1), tcp.write_all(&buffer)).await);
    }
}

/// Everything up to the first `ReadyForQuery`, which the conversation sends. `None`: there is nobody to talk to.
async fn log_in(door: &Door, tcp: TcpStream) -> Option<Conversation> {
    let near = tcp.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
    let (stream, startup) = match startup::open(tcp, door.tls.as_ref()).await {
        Ok(Opening::Session { stream, startup }) => (stream, Ok(startup)),
        Ok(Opening::Refused { stream, error }) => (stream, Err(error)),
        Ok(Opening::Cancel { pid, key }) => {
            door.sessions.cancel(pid, &key);
            return None;
        }
        Ok(Opening::Nothing) => return None,
        Err(error) => {
            tracing::debug!(%error, "connection broke before login");
            return None;
        }
    };
    let binding = match (&stream, &door.tls) {
        (Stream::Tls(_), Some(tls)) => tls.binding(),
        _ => None,
    };
    let in_clear = matches!(stream, Stream::Plain(_));
    let (read, write) = tokio::io::split(stream);
    let mut input = Input::new(read, door.limits.clone());
    let mut output = Output::new(write);
    let result = match startup {
        Ok(_) if in_clear && !door.plaintext && !near => Err(Failure::Fatal(unencrypted())),
        Ok(startup) => Box::pin(establish(door, &startup, binding, &mut input, &mut output)).await,
        Err(error) => Err(Failure::Fatal(error)),
    };
    match result {
        Ok(session) => Some(Conversation::new(session, input, output, Arc::clone(&door.shutdown))),
        Err(Failure::Gone) => None,
        Err(Failure::Fatal(error)) => refuse_login(&mut output, &error).await,
        Err(Failure::Statement(error)) => refuse_login(&mut output, &error.to_sql_error()).await,
    }
}

fn unencrypted() -> SqlError {
    SqlError::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "connections from other machines must be encrypted")
        .hint("Connect with sslmode=require.")
}

async fn refuse_login(output: &mut Output, error: &SqlError) -> Option<Conversation> {
    tracing::info!(state = error.state.code(), error = %error, "login refused");
    output.put(&error::fatal(error));
    drop(output.flush().await);
    output.close().await;
    None
}

async fn establish(
    door: &Door,
    startup: &Startup,
    binding: Option<Vec<u8>>,
    input: &mut Input,
    output: &mut Output,
) -> Result<Session, Failure> {
    if let Some(negotiation) = startup.negotiation() {
        output.put(&negotiation);
    }
    let fatal = |state, message: &str| Failure::Fatal(SqlError::new(state, message));
    let user = startup
        .get("user")
        .filter(|user| !user.is_empty())
        .ok_or_else(|| fatal(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "no PostgreSQL user name specified in startup packet"))?;
    if startup.get("replication").is_some_and(|value| !matches!(value, "false" | "off" | "no" | "0")) {
        return Err(fatal(SqlState::FEATURE_NOT_SUPPORTED, "replication connections are not supported"));
    }
    let who = authenticate::authenticate(&door.sessions, user, binding, input, output).await?;
    let session = open_session(door, startup, user, &who)?;
    for (name, value) in session.reported_settings() {
        output.put(&ParameterStatus::new(name.to_owned(), value));
    }
    output.put(&BackendKeyData::new(session.pid(), SecretKey::Bytes(session.cancel_key().to_vec().into())));
    tracing::info!(user, session_id = session.pid(), "connection authenticated");
    Ok(session)
}

fn open_session(door: &Door, startup: &Startup, user: &str, who: &Authenticated) -> Result<Session, Failure> {
    let options = LoginOptions {
        database: startup.get("database").filter(|name| !name.is_empty()).unwrap_or(user).to_owned(),
        settings: startup.settings().map_err(Failure::Fatal)?,
        key_bytes: startup.key_bytes(),
    };
    door.sessions.open(who, &options).map_err(|error| Failure::Fatal(error.to_sql_error()))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
