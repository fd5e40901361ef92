//! COPY between a client and a table, passed through: bytes in, bytes out, under the statement's interrupt.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// A COPY … FROM STDIN waiting for its data.
pub struct CopyIn {
    columns: usize,
    inner: kura_engine::CopyIn,
    interrupt: Interrupt,
    offset: usize,
}

impl CopyIn {
    pub(crate) fn new(inner: kura_engine::CopyIn, interrupt: Interrupt, offset: usize) -> Self {
        Self { columns: inner.columns, inner, interrupt, offset }
    }

    /// How many columns each row has.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The handle by which the statement is ended.
    #[must_use]
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Takes the next piece of data, cut anywhere. Waits while the table cannot take more.
    ///
    /// # Errors
    /// What is wrong with the data, with its line; 57014.
    pub async fn send(&mut self, data: Bytes) -> Result<()> {
        let offset = self.offset;
        let sent = self.interrupt.guard(self.inner.send(data)).await?;
        sent.map_err(|source| self.interrupt.explain(Error::Engine { source, offset }))
    }

    /// The data is complete. Returns the command tag.
    ///
    /// # Errors
    /// As [`CopyIn::send`].
    pub async fn finish(self) -> Result<String> {
        let offset = self.offset;
        let finished = self.interrupt.guard(self.inner.finish()).await?;
        finished.map_err(|source| self.interrupt.explain(Error::Engine { source, offset }))
    }

    /// The client gave up. Returns the error it is answered.
    pub async fn abort(self, message: &str) -> Error {
        let source = self.inner.abort(message).await;
        Error::Engine { source, offset: self.offset }
    }
}

impl std::fmt::Debug for CopyIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyIn").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// A COPY … TO STDOUT being read.
pub struct CopyOut {
    columns: usize,
    stream: BoxStream<'static, Result<Bytes, kura_engine::Error>>,
    rows: Arc<AtomicU64>,
    quoting: Option<(u8, u8)>,
    interrupt: Interrupt,
    offset: usize,
}

impl CopyOut {
    pub(crate) fn new(inner: kura_engine::CopyOut, interrupt: Interrupt, offset: usize) -> Self {
        Self { columns: inner.columns, stream: inner.stream, rows: inner.rows, quoting: inner.quoting, interrupt, offset }
    }

    /// Quote and escape of csv, inside which a newline does not end a row; `None` when every newline does.
    #[must_use]
    pub fn quoting(&self) -> Option<(u8, u8)> {
        self.quoting
    }

    /// How many columns each row has.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The handle by which the statement is ended.
    #[must_use]
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The next whole lines; `None` at the end.
    ///
    /// # Errors
    /// What the query fails with, 57014 when it is cancelled.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        match self.interrupt.guard(self.stream.next()).await? {
            Some(Ok(bytes)) => Ok(Some(bytes)),
            Some(Err(source)) => Err(self.interrupt.explain(Error::Engine { source, offset: self.offset })),
            None => Ok(None),
        }
    }

    /// The command tag, once the end is reached.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("COPY {}", self.rows.load(Ordering::Relaxed))
    }
}

impl std::fmt::Debug for CopyOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyOut").field("columns", &self.columns).finish_non_exhaustive()
    }
}
