//! Carrying a SCRAM exchange between the client and `session::login`. Decides nothing itself.
//!
//! Chapter "SASL Authentication".

use bytes::Bytes;
use kura_pgtypes::{Diagnostic, SqlError, SqlState};
use kura_session::Sessions;
use kura_session::login::Authenticated;
use pgwire::messages::startup::Authentication;

use super::error::Failure;
use super::frontend::Body;
use super::io::{Input, InputError, Output};

/// Longest message of an exchange in bytes.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Has the client prove who it is.
pub(crate) async fn authenticate(
    sessions: &Sessions,
    user: &str,
    binding: Option<Vec<u8>>,
    input: &mut Input,
    output: &mut Output,
) -> Result<Authenticated, Failure> {
    let mut exchange = sessions.exchange(user, binding).await.map_err(|error| Failure::Fatal(masked(&error)))?;
    output.put(&Authentication::SASL(exchange.mechanisms()));
    output.flush().await?;
    let mut body = Body(password_message(input).await?);
    let (mechanism, message) = initial_response(&mut body).map_err(Failure::Fatal)?;
    let answer = exchange.first(&mechanism, &message).map_err(Failure::Fatal)?;
    output.put(&Authentication::SASLContinue(answer.into()));
    output.flush().await?;
    let message = password_message(input).await?;
    let (answer, who) = exchange.last(&message).map_err(Failure::Fatal)?;
    output.put(&Authentication::SASLFinal(answer.into()));
    output.put(&Authentication::Ok);
    Ok(who)
}

async fn password_message(input: &mut Input) -> Result<Bytes, Failure> {
    let frame = match input.frame().await {
        Ok(frame) => frame,
        Err(InputError::Length(_) | InputError::Memory) => return Err(protocol("invalid password packet size")),
        Err(InputError::Closed) => return Err(Failure::Gone),
    };
    match frame.tag {
        b'p' if frame.body.len() <= MESSAGE_BYTES_MAX => Ok(frame.body),
        b'p' => Err(protocol("invalid password packet size")),
        other => Err(protocol(&format!("expected SASL response, got message type {other}"))),
    }
}

fn initial_response(body: &mut Body) -> Result<(String, Bytes), SqlError> {
    let mechanism = body.string()?;
    let length = usize::try_from(body.i32()?).unwrap_or(0);
    let message = body.bytes(length)?;
    Ok((mechanism, message))
}

fn protocol(message: &str) -> Failure {
    Failure::Fatal(SqlError::new(SqlState::PROTOCOL_VIOLATION, message))
}

/// The catalog's failures before login tell a stranger nothing.
fn masked(error: &kura_session::Error) -> SqlError {
    tracing::error!(%error, state = error.sqlstate().code(), "cannot read roles");
    SqlError::new(SqlState::CONNECTION_FAILURE, "authentication is not available")
}
