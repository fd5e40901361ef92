//! [`RowStream`]: the rows of a running query. The query runs on the engine's threads, at most two batches ahead of its reader.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::{Stream, StreamExt};
use kura_pgtypes::PgType;
use kura_sql::OutputColumn;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::admission::Permit;
use crate::error::{Error, Result};
use crate::memory::exhausted;
use crate::planner::Operators;
use crate::query_log::Record;
use crate::runtime::{Runtime, Task};

/// Batches that wait for the reader, beside the one that is being handed over.
const AHEAD: usize = 1;
/// How long a reader may take for a batch before others may run instead of its query.
const PATIENCE: Duration = Duration::from_millis(500);

/// Rows, as they are computed. Ends after an error; dropping it ends the query.
pub struct RowStream {
    batches: mpsc::Receiver<RecordBatch>,
    /// Gone when the end was told.
    task: Option<Task<Result<()>>>,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    record: Record,
    /// What the query needs for as long as it runs.
    held: Option<Box<dyn Any + Send>>,
}

impl RowStream {
    /// Runs a query. `columns`: what the reader expects of its batches.
    ///
    /// # Errors
    /// When the operators yield something else.
    pub(crate) fn start(
        runtime: &Runtime,
        operators: Operators,
        columns: &[OutputColumn],
        permit: Permit,
        cancel: CancellationToken,
        record: Record,
    ) -> Result<Self> {
        check(&operators.root.schema(), columns)?;
        let (sender, batches) = mpsc::channel(AHEAD);
        let stop = operators.stop();
        let task = runtime.spawn(drive(operators, sender, permit)).stopping(stop);
        Ok(Self { batches, task: Some(task), cancelled: Box::pin(cancel.cancelled_owned()), record, held: None })
    }

    /// Rows that are there already.
    pub(crate) fn ready(runtime: &Runtime, rows: Vec<RecordBatch>, cancel: CancellationToken, record: Record) -> Self {
        let (sender, batches) = mpsc::channel(AHEAD);
        let task = runtime.spawn(async move {
            for batch in rows {
                if sender.send(batch).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        Self { batches, task: Some(task), cancelled: Box::pin(cancel.cancelled_owned()), record, held: None }
    }

    /// Keeps something until the rows have ended.
    pub(crate) fn holding(mut self, held: Box<dyn Any + Send>) -> Self {
        self.held = Some(held);
        self
    }

    fn fail(&mut self, error: Error) -> Error {
        self.task = None;
        self.held = None;
        self.batches.close();
        let error = error.masked(self.record.query_id());
        self.record.finish(Some(&error));
        error
    }
}

impl Stream for RowStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.task.is_none() {
            return Poll::Ready(None);
        }
        if self.cancelled.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(self.fail(Error::Cancelled))));
        }
        if let Some(batch) = ready!(self.batches.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(batch)));
        }
        // The task has let go of the channel: it is done, failed or panicked.
        let Some(task) = self.task.as_mut() else { return Poll::Ready(None) };
        match ready!(Pin::new(task).poll(cx)).flatten() {
            Ok(()) => {
                self.task = None;
                self.held = None;
                self.record.finish(None);
                Poll::Ready(None)
            }
            Err(error) => Poll::Ready(Some(Err(self.fail(error)))),
        }
    }
}

impl fmt::Debug for RowStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowStream").field("ended", &self.task.is_none()).finish_non_exhaustive()
    }
}

/// Computes batches and hands them over.
async fn drive(operators: Operators, sender: mpsc::Sender<RecordBatch>, mut permit: Permit) -> Result<()> {
    let mut rows = operators.start()?;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        if batch.num_rows() == 0 {
            continue;
        }
        let place = match tokio::time::timeout(PATIENCE, sender.reserve()).await {
            Ok(place) => place,
            Err(_) => {
                permit.park();
                let place = sender.reserve().await;
                permit.resume().await;
                place
            }
        };
        let Ok(place) = place else { break };
        place.send(batch);
    }
    Ok(())
}

/// Whether the operators yield what the client was told.
fn check(schema: &SchemaRef, columns: &[OutputColumn]) -> Result<()> {
    if schema.fields().len() != columns.len() {
        let message = format!("the plan has {} columns, the statement {}", schema.fields().len(), columns.len());
        return Err(Error::internal(message));
    }
    for (field, column) in schema.fields().iter().zip(columns) {
        if !holds(field.data_type(), column.ty) {
            let message =
                format!("column \"{}\" is {} in the plan and {} in the statement", column.name, field.data_type(), column.ty.display());
            return Err(Error::internal(message));
        }
    }
    Ok(())
}

/// Whether an Arrow type can hold the values of a PostgreSQL type, be it in another representation than the canonical one.
fn holds(data_type: &DataType, ty: PgType) -> bool {
    let canonical = ty.arrow();
    match (data_type, &canonical) {
        (DataType::Null, _) => true,
        (DataType::Dictionary(_, values), _) => holds(values, ty),
        (DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _), DataType::List(_)) => {
            // Arrays of several dimensions are lists of lists.
            ty.element().is_some_and(|element| holds(item.data_type(), element) || holds(item.data_type(), ty))
        }
        (found, expected) => family(found) == family(expected),
    }
}

/// Representations of the same kind of value.
fn family(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Boolean => 1,
        other if other.is_integer() => 2,
        other if other.is_floating() => 3,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => 4,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => 5,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => 6,
        DataType::Date32 | DataType::Date64 => 7,
        DataType::Time32(_) | DataType::Time64(_) => 8,
        DataType::Timestamp(_, None) => 9,
        DataType::Timestamp(_, Some(_)) => 10,
        DataType::Interval(_) | DataType::Duration(_) => 11,
        DataType::Null => 12,
        _ => 0,
    }
}

/// Rows that end with an error when `overrun` is raised.
pub(crate) fn guarded(rows: SendableRecordBatchStream, overrun: CancellationToken) -> SendableRecordBatchStream {
    Box::pin(Guarded { schema: rows.schema(), rows: Some(rows), overrun: Box::pin(overrun.cancelled_owned()) })
}

struct Guarded {
    schema: SchemaRef,
    rows: Option<SendableRecordBatchStream>,
    overrun: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Stream for Guarded {
    type Item = DataFusionResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.rows.is_some() && self.overrun.as_mut().poll(cx).is_ready() {
            self.rows = None;
            return Poll::Ready(Some(Err(exhausted("Rows on their way between the parts of the query take more than the limit."))));
        }
        match self.rows.as_mut() {
            Some(rows) => rows.poll_next_unpin(cx),
            None => Poll::Ready(None),
        }
    }
}

impl RecordBatchStream for Guarded {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Field, TimeUnit};

    use super::*;

    #[test]
    fn representations() {
        assert!(holds(&DataType::LargeUtf8, PgType::VARCHAR));
        assert!(holds(&DataType::Int64, PgType::INT8));
        assert!(holds(&DataType::Timestamp(TimeUnit::Nanosecond, None), PgType::TIMESTAMP));
        assert!(!holds(&DataType::Timestamp(TimeUnit::Microsecond, None), PgType::TIMESTAMPTZ));
        assert!(!holds(&DataType::Utf8View, PgType::INT4));
        let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
        assert!(holds(&list(list(DataType::Int32)), PgType::INT4.array_of()));
        assert!(!holds(&list(DataType::Utf8), PgType::INT4.array_of()));
    }
}
