//! COPY … FROM STDIN: the client's data comes in pieces, and is decoded and written while more arrives.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use kura_catalog::{NewDataFile, Table};
use kura_sql::statement::CopyEncoding;
use tokio::sync::mpsc;

use crate::context::StatementContext;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::execute::copy_from::{Target, delimited};
use crate::execute::insert::load;
use crate::outcome::Outcome;
use crate::query_log::Record;
use crate::runtime::Task;

/// Pieces of data that wait to be decoded.
const WAITING: usize = 4;

/// What the client says.
enum Message {
    Data(Bytes),
    /// The data is complete. Without it, nothing is loaded.
    End,
}

/// A COPY … FROM STDIN waiting for its data. Dropping it loads nothing.
pub struct CopyIn {
    /// How many columns each row has.
    pub columns: usize,
    data: mpsc::Sender<Message>,
    /// Gone when its outcome was told.
    load: Option<Task<Result<Vec<NewDataFile>>>>,
    table: Arc<Table>,
    context: StatementContext,
    record: Record,
}

/// COPY … FROM STDIN.
pub(crate) async fn from_client(
    engine: &Engine,
    target: Target,
    encoding: CopyEncoding,
    context: StatementContext,
    record: &mut Option<Record>,
) -> Result<Outcome> {
    let CopyEncoding::Delimited(options) = encoding else {
        return Err(Error::internal("COPY FROM STDIN in a format for files"));
    };
    let table = Arc::clone(&target.table);
    let columns = target.input_columns();
    let width = columns.len();
    let permit = engine.admit().await?;
    let complete = target.complete(engine, &context).await?;
    let decoder = delimited::decoder(columns, &complete, options)?;
    let (data, received) = mpsc::channel(WAITING);
    let input = stream::unfold(Some(received), |received| async move {
        let mut received: mpsc::Receiver<Message> = received?;
        match received.recv().await {
            Some(Message::Data(piece)) => Some((Ok(piece), Some(received))),
            Some(Message::End) => None,
            None => Some((Err(Error::Cancelled), None)),
        }
    });
    let rows = complete.rows(delimited::decoded(input.boxed(), decoder));
    let load = Some(load(engine, &table, permit, async move { Ok(rows) }));
    let record = record.take().unwrap_or_else(|| Record::start(context.query_id, "COPY"));
    Ok(Outcome::CopyIn(CopyIn { columns: width, data, load, table, context, record }))
}

impl CopyIn {
    /// Takes the next piece of data, cut anywhere. Waits while the table cannot take more.
    ///
    /// # Errors
    /// What is wrong with the data so far, with its line; 57014. Nothing is loaded then.
    pub async fn send(&mut self, data: Bytes) -> Result<()> {
        let sent = tokio::select! {
            biased;
            () = self.context.cancel.cancelled() => return Err(self.fail(Error::Cancelled)),
            sent = self.data.send(Message::Data(data)) => sent,
        };
        if sent.is_ok() {
            return Ok(());
        }
        // It takes no more because it failed.
        let error = self.outcome().await.err().unwrap_or_else(|| Error::internal("a load ended before its data"));
        Err(self.fail(error))
    }

    /// The data is complete: its rows become part of the transaction. Returns the command tag.
    ///
    /// # Errors
    /// As [`CopyIn::send`].
    pub async fn finish(mut self) -> Result<String> {
        match Box::pin(self.complete()).await {
            Ok(rows) => {
                self.record.finish(None);
                Ok(format!("COPY {rows}"))
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// The client gave up. Returns the error it is answered.
    #[expect(clippy::unused_async, reason = "ending a load may come to wait for its files to be removed")]
    pub async fn abort(mut self, message: &str) -> Error {
        self.fail(Error::CopyAborted { message: message.to_owned() })
    }

    async fn complete(&mut self) -> Result<u64> {
        // A load that failed has closed the channel; its error is what counts.
        let _closed = self.data.send(Message::End).await.is_err();
        let files = self.outcome().await?;
        let rows = files.iter().map(|file| file.record_count).sum();
        self.context.transaction.lock().await.append_files(self.table.id, files)?;
        Ok(rows)
    }

    /// What the load came to, unless it is ended before.
    async fn outcome(&mut self) -> Result<Vec<NewDataFile>> {
        let Some(load) = self.load.as_mut() else {
            return Err(Error::internal("a load that has ended"));
        };
        tokio::select! {
            biased;
            () = self.context.cancel.cancelled() => Err(Error::Cancelled),
            outcome = load => outcome.flatten(),
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        self.load = None;
        let error = error.masked(self.record.query_id());
        self.record.finish(Some(&error));
        error
    }
}

impl std::fmt::Debug for CopyIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyIn").field("columns", &self.columns).field("table", &self.table.name).finish_non_exhaustive()
    }
}
