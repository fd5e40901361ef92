//! What a statement answers, for a protocol to carry: rows as a stream of batches, a tag, or a COPY.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use futures::StreamExt;
use kura_engine::RowStream;
use kura_pgtypes::{Format, PgType};
use kura_sql::OutputColumn;
use parking_lot::Mutex;

use crate::copy::{CopyIn, CopyOut};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// The answer to one statement. After it is sent, [`Session::complete`](crate::Session::complete) makes it true.
#[derive(Debug)]
pub enum Response {
    /// Rows.
    Rows(Rows),
    /// Done; the command tag.
    Command(String),
    /// The string was empty.
    Empty,
    /// The client is to send data.
    CopyIn(CopyIn),
    /// Data for the client.
    CopyOut(CopyOut),
}

/// A part of a result: these rows of this batch, columns by position.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The batch.
    pub batch: RecordBatch,
    /// Which of its rows.
    pub rows: Range<usize>,
}

enum Source {
    /// Never locked: the mutex makes a suspended portal, and with it its session, shareable between threads.
    Engine(Mutex<RowStream>),
    Ready(VecDeque<RecordBatch>),
}

/// A result being read. Nothing is read ahead.
pub struct Rows {
    columns: Arc<[OutputColumn]>,
    formats: Vec<Format>,
    command: &'static str,
    source: Source,
    pending: Option<Slice>,
    count: u64,
    interrupt: Interrupt,
    offset: usize,
}

impl Rows {
    pub(crate) fn new(columns: Arc<[OutputColumn]>, command: &'static str, stream: RowStream, interrupt: Interrupt, offset: usize) -> Self {
        let formats = vec![Format::Text; columns.len()];
        Self { columns, formats, command, source: Source::Engine(Mutex::new(stream)), pending: None, count: 0, interrupt, offset }
    }

    /// Rows of text made by the session itself.
    pub(crate) fn of_texts(command: &'static str, names: &[&str], rows: &[Vec<String>], interrupt: Interrupt) -> Self {
        let columns: Arc<[OutputColumn]> = names.iter().map(|name| text_column(name)).collect();
        let fields: Vec<Field> = names.iter().map(|name| Field::new(*name, DataType::Utf8View, true)).collect();
        let arrays = (0..names.len()).map(|at| Arc::new(StringViewArray::from_iter_values(rows.iter().map(|row| &row[at]))) as ArrayRef);
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays.collect()).expect("one text array per field");
        let source = Source::Ready(VecDeque::from([batch]));
        let formats = vec![Format::Text; columns.len()];
        Self { columns, formats, command, source, pending: None, count: 0, interrupt, offset: 0 }
    }

    #[must_use]
    pub(crate) fn with_formats(mut self, formats: Vec<Format>) -> Self {
        self.formats = formats;
        self
    }

    /// A portal continued: its time starts anew, and so does its count unless it counts changes, which are done already.
    #[must_use]
    pub(crate) fn continued(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = interrupt;
        if !matches!(self.command, "INSERT" | "UPDATE" | "DELETE" | "MERGE") {
            self.count = 0;
        }
        self
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &[OutputColumn] {
        &self.columns
    }

    /// How the client wants each column.
    #[must_use]
    pub fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// The handle by which the statement is ended.
    #[must_use]
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The next rows, at most `max` of them; `None` at the end.
    ///
    /// # Errors
    /// What the statement fails with, 57014 when it is cancelled.
    pub async fn next(&mut self, max: usize) -> Result<Option<Slice>> {
        let mut slice = match self.pending.take() {
            Some(slice) => slice,
            None => match self.read().await? {
                Some(batch) => Slice { rows: 0..batch.num_rows(), batch },
                None => return Ok(None),
            },
        };
        if slice.rows.len() > max {
            let split = slice.rows.start + max;
            self.pending = Some(Slice { batch: slice.batch.clone(), rows: split..slice.rows.end });
            slice.rows.end = split;
        }
        self.count += slice.rows.len() as u64;
        Ok(Some(slice))
    }

    /// The command tag for the rows read since the statement or this execution of its portal began.
    #[must_use]
    pub fn tag(&self) -> String {
        match self.command {
            "SELECT" | "DELETE" | "UPDATE" | "MERGE" => format!("{} {}", self.command, self.count),
            "INSERT" => format!("INSERT 0 {}", self.count),
            other => other.to_owned(),
        }
    }

    async fn read(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let batch = match &mut self.source {
                Source::Ready(batches) => batches.pop_front(),
                Source::Engine(stream) => match self.interrupt.guard(stream.get_mut().next()).await? {
                    Some(Ok(batch)) => Some(batch),
                    Some(Err(source)) => {
                        return Err(self.interrupt.explain(Error::Engine { source, offset: self.offset }));
                    }
                    None => None,
                },
            };
            match batch {
                Some(batch) if batch.num_rows() == 0 => {}
                other => return Ok(other),
            }
        }
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("columns", &self.columns.len()).field("count", &self.count).finish_non_exhaustive()
    }
}

/// A text column that belongs to no table.
pub(crate) fn text_column(name: &str) -> OutputColumn {
    OutputColumn { name: name.to_owned(), ty: PgType::TEXT, table_oid: 0, attnum: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rows_come_in_pieces_and_are_counted() {
        let texts: Vec<Vec<String>> = (0..5).map(|n| vec![n.to_string()]).collect();
        let mut rows = Rows::of_texts("SHOW", &["n"], &texts, Interrupt::new(None));
        let first = rows.next(2).await.expect("read").expect("rows");
        assert_eq!(first.rows, 0..2);
        let mut rows = rows.continued(Interrupt::new(None));
        assert_eq!(rows.next(usize::MAX).await.expect("read").expect("rows").rows, 2..5);
        assert!(rows.next(1).await.expect("read").is_none());
        assert_eq!(rows.count, 3);
    }
}
