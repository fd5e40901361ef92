//! Results on their way out: row descriptions, rows as they are read, tags.
//!
//! Rows are encoded a slice at a time into a bounded buffer, and the socket is awaited before the next slice is read. A
//! statement whose client does not read holds one batch and one buffer.

use kura_pgtypes::encode::RowEncoder;
use kura_pgtypes::{Format, PgType};
use kura_session::{Interrupt, OutputColumn, Response, Rows};

use pgwire::messages::data::{FieldDescription, RowDescription};
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse};

use super::conversation::{Conversation, watched};
use super::error::Failure;
use super::io::{Input, OUTPUT_BYTES, Output};
use crate::telemetry;

/// Most rows encoded before the buffer is looked at.
const STEP_ROWS_MAX: usize = 4096;

/// How a sending of rows ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// There are no more.
    All,
    /// As many as were asked for were sent.
    Limit,
}

impl Conversation {
    /// Sends a whole answer up to its tag. `last`: nothing follows in its string or pipeline.
    pub(super) async fn answer(&mut self, response: Response, last: bool) -> Result<(), Failure> {
        match response {
            Response::Rows(mut rows) => {
                self.send_rows(&mut rows, usize::MAX).await?;
                let tag = rows.tag();
                // The transaction can only end when nothing reads in it any more.
                drop(rows);
                self.finish(tag, last).await
            }
            Response::Command(tag) => self.finish(tag, last).await,
            Response::Empty => {
                self.session.complete(last).await?;
                self.output.put(&EmptyQueryResponse::new());
                Ok(())
            }
            Response::CopyIn(copy) => {
                let tag = Box::pin(self.copy_in(copy)).await?;
                self.finish(tag, last).await
            }
            Response::CopyOut(copy) => {
                let tag = Box::pin(self.copy_out(copy)).await?;
                self.finish(tag, last).await
            }
        }
    }

    /// Makes the statement true, then says so.
    pub(super) async fn finish(&mut self, tag: String, last: bool) -> Result<(), Failure> {
        self.session.complete(last).await?;
        telemetry::statement_completed(&tag);
        self.send_notices();
        self.output.put(&CommandComplete::new(tag));
        Ok(())
    }

    /// Sends rows as they come, at most `limit`.
    pub(super) async fn send_rows(&mut self, rows: &mut Rows, limit: usize) -> Result<Sent, Failure> {
        let columns: Vec<(PgType, Format)> =
            rows.columns().iter().zip(rows.formats()).map(|(column, format)| (column.ty, *format)).collect();
        let encoder = RowEncoder::new(columns, self.session.output_settings());
        let Self { input, output, .. } = self;
        let mut left = limit;
        let mut step = 64;
        while left > 0 {
            let Some(slice) = watched(input, rows.next(left)).await?? else {
                return Ok(Sent::All);
            };
            left -= slice.rows.len();
            let mut at = slice.rows.start;
            while at < slice.rows.end {
                let end = slice.rows.end.min(at + step);
                let before = output.buffer.len();
                encoder.encode(&slice.batch, at..end, &mut output.buffer).inspect_err(|_| output.buffer.truncate(before))?;
                step = next_step(end - at, output.buffer.len() - before);
                at = end;
                if output.is_full() {
                    flush(input, output, rows.interrupt()).await?;
                }
            }
        }
        Ok(Sent::Limit)
    }

    /// Sends the description of a result's columns.
    pub(super) fn describe_rows(&mut self, columns: &[OutputColumn], formats: &[Format]) {
        let fields = columns.iter().zip(formats).map(|(column, format)| {
            FieldDescription::new(
                column.name.replace('\0', "\u{fffd}"),
                i32::from_ne_bytes(column.table_oid.to_ne_bytes()),
                column.attnum,
                column.ty.oid(),
                column.ty.len(),
                column.ty.typmod,
                format.code(),
            )
        });
        self.output.put(&RowDescription::new(fields.collect()));
    }
}

/// Writes what is gathered; gives up waiting for the socket when the statement is ended or the client leaves.
pub(super) async fn flush(input: &mut Input, output: &mut Output, interrupt: &Interrupt) -> Result<(), Failure> {
    tokio::select! {
        biased;
        written = output.flush() => Ok(written?),
        reason = interrupt.raised() => Err(kura_session::Error::Interrupted(reason).into()),
        () = input.closed() => Err(Failure::Gone),
    }
}

/// How many rows to encode next so that they fill about half a buffer.
fn next_step(rows: usize, bytes: usize) -> usize {
    let per_row = (bytes / rows.max(1)).max(1);
    (OUTPUT_BYTES / 2 / per_row).clamp(1, STEP_ROWS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_fit_the_buffer() {
        assert_eq!(next_step(64, 640), 3276);
        assert_eq!(next_step(64, 64), STEP_ROWS_MAX);
        assert_eq!(next_step(1, 10 << 20), 1);
        assert_eq!(next_step(0, 0), STEP_ROWS_MAX);
    }
}
