//! COPY over the wire: `CopyData` both ways, and what a client may send instead. Chapter "COPY Operations".

use bytes::{BufMut, Bytes};
use kura_pgtypes::{SqlError, SqlState};
use kura_session::{CopyIn, CopyOut};
use pgwire::messages::copy::{CopyDone, CopyInResponse, CopyOutResponse};

use super::conversation::{Conversation, input_failure, watched};
use super::error::Failure;
use super::frontend::{self, Malformed, Message};
use super::rows::flush;

/// All columns as text.
const TEXT: i8 = 0;

impl Conversation {
    /// Takes the client's data. Returns the command tag.
    pub(super) async fn copy_in(&mut self, mut copy: CopyIn) -> Result<String, Failure> {
        let columns = column_count(copy.columns());
        self.output.put(&CopyInResponse::new(TEXT, columns, vec![0; copy.columns()]));
        self.output.flush().await?;
        loop {
            let frame = copy.interrupt().guard(self.input.frame()).await?;
            let frame = frame.map_err(|error| input_failure(&error))?;
            let tag = frame.tag;
            match frontend::decode(frame) {
                Ok(Message::CopyData(data)) => watched(&mut self.input, copy.send(data)).await??,
                Ok(Message::CopyDone) => return Ok(watched(&mut self.input, copy.finish()).await??),
                Ok(Message::CopyFail { message }) => return Err(copy.abort(&message).await.into()),
                // Clients send these along with the statement, before they know that it is a COPY.
                Ok(Message::Flush | Message::Sync) => {}
                Ok(Message::Terminate) => return Err(Failure::Gone),
                Ok(_) => {
                    let message = format!("unexpected message type 0x{tag:02X} during COPY from stdin");
                    return Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, message).into());
                }
                Err(Malformed::Refused(error)) => return Err(error.into()),
                Err(Malformed::Fatal(error)) => return Err(Failure::Fatal(error)),
            }
        }
    }

    /// Sends a table's or query's data, one message per row. Returns the command tag.
    pub(super) async fn copy_out(&mut self, mut copy: CopyOut) -> Result<String, Failure> {
        let columns = column_count(copy.columns());
        self.output.put(&CopyOutResponse::new(TEXT, columns, vec![0; copy.columns()]));
        let quoting = copy.quoting();
        let Self { input, output, .. } = self;
        while let Some(mut chunk) = watched(input, copy.next()).await?? {
            while !chunk.is_empty() {
                let row = chunk.split_to(row_end(&chunk, quoting));
                let length = i32::try_from(row.len() + 4).map_err(|_| too_long())?;
                output.buffer.put_u8(b'd');
                output.buffer.put_i32(length);
                output.buffer.put_slice(&row);
                if output.is_full() {
                    flush(input, output, copy.interrupt()).await?;
                }
            }
        }
        output.put(&CopyDone::new());
        Ok(copy.tag())
    }
}

/// Where the first row of a chunk of whole rows ends. `quoting`: quote and escape of csv, inside which a newline ends nothing.
fn row_end(chunk: &Bytes, quoting: Option<(u8, u8)>) -> usize {
    let Some((quote, escape)) = quoting else {
        return chunk.iter().position(|byte| *byte == b'\n').map_or(chunk.len(), |at| at + 1);
    };
    let mut inside = false;
    let mut at = 0;
    while at < chunk.len() {
        let byte = chunk[at];
        if inside && byte == escape && escape != quote {
            at += 1;
        } else if byte == quote {
            // A doubled quote closes and opens again, which comes to the same.
            inside = !inside;
        } else if byte == b'\n' && !inside {
            return at + 1;
        }
        at += 1;
    }
    chunk.len()
}

fn column_count(columns: usize) -> i16 {
    i16::try_from(columns).unwrap_or(i16::MAX)
}

fn too_long() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "row is too long for one message")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &'static str, quoting: Option<(u8, u8)>) -> Vec<String> {
        let mut chunk = Bytes::from_static(text.as_bytes());
        let mut rows = Vec::new();
        while !chunk.is_empty() {
            let row = chunk.split_to(row_end(&chunk, quoting));
            rows.push(String::from_utf8(row.to_vec()).expect("text"));
        }
        rows
    }

    #[test]
    fn rows_end_at_newlines_outside_quotes() {
        assert_eq!(rows("a\tb\nc\\nd\n", None), ["a\tb\n", "c\\nd\n"]);
        assert_eq!(rows("a,\"x\ny\"\nb,\"\"\"\n\"\n", Some((b'"', b'"'))), ["a,\"x\ny\"\n", "b,\"\"\"\n\"\n"]);
        assert_eq!(rows("\"x\\\"\ny\"\nz\n", Some((b'"', b'\\'))), ["\"x\\\"\ny\"\n", "z\n"]);
    }
}
