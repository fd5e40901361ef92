//! [`CopyEncoder`]: batches into COPY data (`CopyAttributeOutText`, `CopyAttributeOutCSV`).

use arrow::record_batch::RecordBatch;
use bytes::{BufMut as _, BytesMut};

use crate::copy::options::{CopyFormat, CopyOptions};
use crate::diagnostic::SqlError;
use crate::encode::Column;
use crate::pg_type::PgType;
use crate::settings::OutputSettings;
use crate::sqlstate::SqlState;

/// The longest row, in bytes (`MaxAllocSize`).
const ROW_BYTES_MAX: usize = 0x3FFF_FFFF;

/// Writes rows as lines that end with a newline.
#[derive(Clone, Debug)]
pub struct CopyEncoder {
    columns: Vec<Source>,
    options: CopyOptions,
    settings: OutputSettings,
    /// The bytes that need a backslash before them (text) or quotes around the value (csv).
    special: [bool; 256],
    /// A value before it is escaped, used again for the next.
    plain: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Source {
    name: String,
    ty: PgType,
    force_quote: bool,
}

impl CopyEncoder {
    /// An encoder for batches with these columns, in order.
    #[must_use]
    pub fn new(columns: Vec<(String, PgType)>, options: CopyOptions, settings: OutputSettings) -> Self {
        let mut special = [false; 256];
        let always: &[u8] = match options.format {
            CopyFormat::Text => b"\\\x08\x0C\n\r\t\x0B",
            CopyFormat::Csv => &[b'\n', b'\r', options.quote],
        };
        for byte in always.iter().chain([&options.delimiter]) {
            special[usize::from(*byte)] = true;
        }
        let source = |(name, ty): (String, PgType)| Source { force_quote: options.force_quote.contains(&name), name, ty };
        let columns = columns.into_iter().map(source).collect();
        Self { columns, options, settings, special, plain: Vec::new() }
    }

    /// The line with the columns' names, if one is wanted.
    #[must_use]
    pub fn header(&self) -> Option<Vec<u8>> {
        if !self.options.header {
            return None;
        }
        let mut encoder = self.clone();
        let mut out = BytesMut::new();
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.put_u8(self.options.delimiter);
            }
            let start = out.len();
            out.put_slice(column.name.as_bytes());
            encoder.finish_value(start, false, &mut out);
        }
        out.put_u8(b'\n');
        Some(out.to_vec())
    }

    /// Appends the rows of a batch. After an error `out` ends with the last complete row.
    ///
    /// # Errors
    /// XX000 if the batch does not have the announced columns, 54000 for a row too long for a message.
    pub fn encode(&mut self, batch: &RecordBatch, out: &mut BytesMut) -> Result<(), SqlError> {
        if batch.num_columns() != self.columns.len() {
            let message = format!("a batch of {} columns cannot give rows of {}", batch.num_columns(), self.columns.len());
            return Err(SqlError::new(SqlState::INTERNAL_ERROR, message));
        }
        let resolved = batch
            .columns()
            .iter()
            .zip(&self.columns)
            .map(|(array, column)| Column::new(array, column.ty))
            .collect::<Result<Vec<_>, _>>()?;
        out.reserve(batch.num_rows().min(8_192) * (1 + resolved.len() * 8));
        for row in 0..batch.num_rows() {
            let start = out.len();
            if let Err(error) = self.encode_row(&resolved, row, out) {
                out.truncate(start);
                return Err(error);
            }
        }
        Ok(())
    }

    fn encode_row(&mut self, columns: &[Column], row: usize, out: &mut BytesMut) -> Result<(), SqlError> {
        let row_start = out.len();
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                out.put_u8(self.options.delimiter);
            }
            if column.is_null(row) {
                out.put_slice(self.options.null.as_bytes());
                continue;
            }
            let start = out.len();
            column.write_text(row, &self.settings, out)?;
            self.finish_value(start, self.columns[index].force_quote, out);
        }
        out.put_u8(b'\n');
        if out.len() - row_start > ROW_BYTES_MAX {
            let message = format!("row of COPY data exceeds {ROW_BYTES_MAX} bytes");
            return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        Ok(())
    }

    /// Escapes or quotes the value written from `start` on, where it must be.
    fn finish_value(&mut self, start: usize, force_quote: bool, out: &mut BytesMut) {
        let value = &out[start..];
        let special = value.iter().any(|byte| self.special[usize::from(*byte)]);
        let rewrite = special || self.options.format == CopyFormat::Csv && (force_quote || self.ambiguous(value));
        if !rewrite {
            return;
        }
        self.plain.clear();
        self.plain.extend_from_slice(value);
        out.truncate(start);
        match self.options.format {
            CopyFormat::Text => self.escape(out),
            CopyFormat::Csv => self.quote(out),
        }
    }

    /// Whether a value would be read as NULL, or as the end of the data.
    fn ambiguous(&self, value: &[u8]) -> bool {
        value == self.options.null.as_bytes() || self.columns.len() == 1 && value == b"\\."
    }

    fn escape(&self, out: &mut BytesMut) {
        for byte in &self.plain {
            if !self.special[usize::from(*byte)] {
                out.put_u8(*byte);
                continue;
            }
            out.put_u8(b'\\');
            out.put_u8(match *byte {
                0x08 => b'b',
                0x0C => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0x0B => b'v',
                other => other,
            });
        }
    }

    fn quote(&self, out: &mut BytesMut) {
        let (quote, escape) = (self.options.quote, self.options.escape);
        out.put_u8(quote);
        for byte in &self.plain {
            if *byte == quote || *byte == escape {
                out.put_u8(escape);
            }
            out.put_u8(*byte);
        }
        out.put_u8(quote);
    }
}
