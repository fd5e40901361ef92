//! Result rows as `DataRow` messages.
//!
//! Chapter "Message Formats" of the PostgreSQL documentation: byte `D`, length, number of columns, and per column the
//! length of the value (-1 for null) and its bytes. The hot path of a result set.

use std::ops::Range;

use arrow::record_batch::RecordBatch;
use bytes::{BufMut as _, BytesMut};

use crate::diagnostic::SqlError;
use crate::encode::Column;
use crate::pg_type::PgType;
use crate::settings::{Format, OutputSettings};
use crate::sqlstate::SqlState;

/// The longest message PostgreSQL would build (`MaxAllocSize`), in bytes.
const MESSAGE_BYTES_MAX: usize = 0x3FFF_FFFF;

/// Writes rows of batches as `DataRow` messages.
#[derive(Clone, Debug)]
pub struct RowEncoder {
    columns: Vec<(PgType, Format)>,
    settings: OutputSettings,
}

impl RowEncoder {
    /// An encoder for batches with these columns, in order, as they were announced to the client.
    #[must_use]
    pub fn new(columns: Vec<(PgType, Format)>, settings: OutputSettings) -> Self {
        Self { columns, settings }
    }

    /// Appends one complete message per row of `rows`.
    ///
    /// After an error `out` ends with the last complete message.
    ///
    /// # Errors
    /// XX000 if the batch does not have the announced columns, 54000 if a row is too long for a message, and whatever
    /// a value of a wrong type answers.
    pub fn encode(&self, batch: &RecordBatch, rows: Range<usize>, out: &mut BytesMut) -> Result<(), SqlError> {
        if batch.num_columns() != self.columns.len() || rows.end > batch.num_rows() || rows.start > rows.end {
            let message = format!(
                "a batch of {} columns and {} rows cannot give rows {}..{} of {} columns",
                batch.num_columns(),
                batch.num_rows(),
                rows.start,
                rows.end,
                self.columns.len()
            );
            return Err(SqlError::new(SqlState::INTERNAL_ERROR, message));
        }
        let count = i16::try_from(self.columns.len())
            .map_err(|_| SqlError::new(SqlState::TOO_MANY_COLUMNS, "a result can have at most 32767 columns"))?;
        let resolved = batch
            .columns()
            .iter()
            .zip(&self.columns)
            .map(|(array, (ty, format))| Ok((Column::new(&array.slice(rows.start, rows.len()), *ty)?, *format)))
            .collect::<Result<Vec<_>, SqlError>>()?;
        // A guess that spares most of the growing; eight bytes of value and four of length per column.
        out.reserve(rows.len().min(8_192) * (7 + resolved.len() * 12));
        for row in 0..rows.len() {
            let start = out.len();
            if let Err(error) = self.encode_row(&resolved, count, row, out) {
                out.truncate(start);
                return Err(error);
            }
        }
        Ok(())
    }

    fn encode_row(&self, columns: &[(Column, Format)], count: i16, row: usize, out: &mut BytesMut) -> Result<(), SqlError> {
        out.put_u8(b'D');
        let message_at = out.len();
        out.put_i32(0);
        out.put_i16(count);
        for (column, format) in columns {
            if column.is_null(row) {
                out.put_i32(-1);
                continue;
            }
            let length_at = out.len();
            out.put_i32(0);
            match format {
                Format::Text => column.write_text(row, &self.settings, out)?,
                Format::Binary => column.write_binary(row, &self.settings, out)?,
            }
            patch_length(out, length_at, out.len() - length_at - 4)?;
        }
        patch_length(out, message_at, out.len() - message_at)
    }
}

fn patch_length(out: &mut BytesMut, at: usize, length: usize) -> Result<(), SqlError> {
    let fits = i32::try_from(length).ok().filter(|_| length <= MESSAGE_BYTES_MAX);
    let Some(length) = fits else {
        let message = format!("row of {length} bytes exceeds the maximum message size of {MESSAGE_BYTES_MAX} bytes");
        return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    };
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}
