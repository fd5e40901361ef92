//! An established session over the wire: waits for messages, dispatches them, reports errors, says when it is ready.
//!
//! Translates only. What is shared by the simple and the extended protocol is here; see chapter "Message Flow".

use std::sync::Arc;
use std::time::Instant;

use kura_pgtypes::{Diagnostic, SqlError, SqlState};
use kura_session::{Session, Status};
use pgwire::messages::response::{ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::ParameterStatus;

use super::error::{self, Failure};
use super::frontend::{self, Frame, Malformed, Message};
use super::io::{Input, InputError, Output};
use crate::shutdown::Shutdown;
use crate::telemetry;

/// One session's conversation.
pub(crate) struct Conversation {
    pub(super) session: Session,
    pub(super) input: Input,
    pub(super) output: Output,
    shutdown: Arc<Shutdown>,
    /// After an error in the extended protocol: everything up to the next Sync is skipped.
    skips_to_sync: bool,
}

/// What to do after a message.
enum Next {
    Continue,
    End,
}

impl Conversation {
    pub(crate) fn new(session: Session, input: Input, output: Output, shutdown: Arc<Shutdown>) -> Self {
        Self { session, input, output, shutdown, skips_to_sync: false }
    }

    /// Talks until the client leaves, is sent away or breaks the protocol.
    pub(crate) async fn run(&mut self) {
        match self.talk().await {
            Ok(()) | Err(Failure::Gone) => {}
            Err(Failure::Fatal(error)) => self.last_words(&error).await,
            Err(Failure::Statement(error)) => self.last_words(&error.to_sql_error()).await,
        }
    }

    /// Tells the client why the connection ends.
    pub(crate) async fn last_words(&mut self, error: &SqlError) {
        tracing::info!(state = error.state.code(), error = %error, "connection ended");
        self.output.put(&error::fatal(error));
        drop(self.output.flush().await);
        self.output.close().await;
    }

    /// Id of the statement that ran last.
    pub(crate) fn session_query_id(&self) -> u64 {
        self.session.query_id()
    }

    async fn talk(&mut self) -> Result<(), Failure> {
        self.ready().await?;
        loop {
            let frame = self.next_frame().await?;
            if let Next::End = self.dispatch(frame).await? {
                return Ok(());
            }
        }
    }

    /// Waits for the next message: no longer than the session may be idle, and not into a shutdown.
    async fn next_frame(&mut self) -> Result<Frame, Failure> {
        let idle = self.session.idle_limit();
        let idle_over = async {
            match &idle {
                Some((limit, _)) => tokio::time::sleep(*limit).await,
                None => std::future::pending().await,
            }
        };
        let frame = tokio::select! {
            biased;
            () = self.shutdown.draining() => return Err(Failure::Fatal(shutdown_error())),
            frame = self.input.frame() => frame,
            () = idle_over => {
                let error = idle.expect("only a limit ends").1;
                return Err(Failure::Fatal(error));
            }
        };
        frame.map_err(|error| input_failure(&error))
    }

    async fn dispatch(&mut self, frame: Frame) -> Result<Next, Failure> {
        if self.skips_to_sync && matches!(frame.tag, b'Q' | b'P' | b'B' | b'D' | b'E' | b'C' | b'H' | b'F' | b'd' | b'c' | b'f') {
            return Ok(Next::Continue);
        }
        let extended = matches!(frame.tag, b'P' | b'B' | b'D' | b'E' | b'C' | b'H');
        let runs = matches!(frame.tag, b'Q' | b'E').then(Instant::now);
        let result = match frontend::decode(frame) {
            Ok(Message::Terminate) => return Ok(Next::End),
            Ok(Message::Sync) => {
                self.skips_to_sync = false;
                self.sync().await
            }
            // The rest of a COPY that failed already.
            Ok(Message::CopyData(_) | Message::CopyDone | Message::CopyFail { .. }) => return Ok(Next::Continue),
            Ok(message) => self.act(message).await,
            Err(Malformed::Refused(error)) => Err(error.into()),
            Err(Malformed::Fatal(error)) => return Err(Failure::Fatal(error)),
        };
        if let Some(begin) = runs {
            metrics::histogram!(telemetry::ANSWER_SECONDS).record(begin.elapsed());
        }
        match result {
            Ok(()) => {}
            Err(Failure::Statement(error)) => {
                self.report(error).await?;
                self.skips_to_sync = extended;
            }
            Err(other) => return Err(other),
        }
        if !extended {
            self.ready().await?;
        }
        Ok(Next::Continue)
    }

    async fn act(&mut self, message: Message) -> Result<(), Failure> {
        match message {
            Message::Query { text } => Box::pin(self.query(text)).await,
            Message::Parse { name, text, types } => Box::pin(self.parse(&name, text, &types)).await,
            Message::Bind { portal, statement, formats, values, result_formats } => {
                self.bind(&portal, &statement, &kura_session::Values { formats, values }, &result_formats)
            }
            Message::Describe { target, name } => self.describe(target, &name),
            Message::Execute { portal, max_rows } => Box::pin(self.execute(&portal, max_rows)).await,
            Message::Close { target, name } => {
                self.close(target, &name);
                Ok(())
            }
            Message::Flush => Ok(self.output.flush().await?),
            Message::FunctionCall => {
                let message = "the function call protocol is not supported";
                Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message).into())
            }
            Message::Sync | Message::Terminate | Message::CopyData(_) | Message::CopyDone | Message::CopyFail { .. } => Ok(()),
        }
    }

    /// Sends the error and undoes what it undoes.
    async fn report(&mut self, error: kura_session::Error) -> Result<(), Failure> {
        self.send_notices();
        let query_id = self.session.query_id();
        self.session.fail();
        if error.sqlstate() == SqlState::ADMIN_SHUTDOWN {
            return Err(Failure::Fatal(error.to_sql_error()));
        }
        telemetry::statement_failed(error.sqlstate());
        tracing::debug!(query_id, state = error.sqlstate().code(), %error, "statement failed");
        self.output.put(&error::response(&error, "ERROR", query_id));
        // In the extended protocol nothing else is sent before the client's Sync.
        Ok(self.output.flush().await?)
    }

    /// Says that the next statement may come: notices, changed settings, the transaction's status.
    pub(super) async fn ready(&mut self) -> Result<(), Failure> {
        self.send_notices();
        for (name, value) in self.session.changed_settings() {
            self.output.put(&ParameterStatus::new(name.to_owned(), value));
        }
        let status = match self.session.status() {
            Status::Idle => TransactionStatus::Idle,
            Status::Open => TransactionStatus::Transaction,
            Status::Failed => TransactionStatus::Error,
        };
        self.output.put(&ReadyForQuery::new(status));
        let Self { input, output, .. } = self;
        // A client that never reads is not waited for once it is gone.
        tokio::select! {
            written = output.flush() => Ok(written?),
            () = input.closed() => Err(Failure::Gone),
        }
    }

    pub(super) fn send_notices(&mut self) {
        for notice in self.session.take_notices() {
            self.output.put(&error::notice(&notice));
        }
    }
}

pub(super) fn shutdown_error() -> SqlError {
    SqlError::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command")
}

pub(super) fn input_failure(error: &InputError) -> Failure {
    match error {
        InputError::Closed => Failure::Gone,
        InputError::Length(length) => {
            let error = SqlError::new(SqlState::PROTOCOL_VIOLATION, "invalid message length");
            Failure::Fatal(error.detail(format!("The message claims {length} bytes.")))
        }
        InputError::Memory => {
            let error = SqlError::new(SqlState::OUT_OF_MEMORY, "out of memory");
            Failure::Fatal(error.detail("Long messages of all connections hold as much memory as they may."))
        }
    }
}

/// Does the work unless the client leaves first; the work is dropped then.
pub(super) async fn watched<T>(input: &mut Input, work: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::select! {
        biased;
        value = work => Ok(value),
        () = input.closed() => Err(Failure::Gone),
    }
}
