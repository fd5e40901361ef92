//! [`CopyEncoder`]: columns to COPY's text and csv (`CopyAttributeOutText` and `CopyAttributeOutCSV` in PostgreSQL's
//! `copyto.c`).

use arrow::record_batch::RecordBatch;
use bytes::{BufMut as _, BytesMut};

use super::options::{CopyFormat, CopyOptions};
use crate::diagnostic::SqlError;
use crate::encode::Column;
use crate::pg_type::PgType;
use crate::settings::OutputSettings;
use crate::sqlstate::SqlState;

/// Writes rows as lines.
#[derive(Clone, Debug)]
pub struct CopyEncoder {
    columns: Vec<(String, PgType)>,
    options: CopyOptions,
    settings: OutputSettings,
    /// Whether csv quotes each column even when it need not.
    force_quote: Vec<bool>,
    scratch: Vec<u8>,
}

impl CopyEncoder {
    /// An encoder for batches with these columns, in order.
    #[must_use]
    pub fn new(columns: Vec<(String, PgType)>, options: CopyOptions, settings: OutputSettings) -> Self {
        let force_quote = columns.iter().map(|(name, _)| options.force_quote.contains(name)).collect();
        Self { columns, options, settings, force_quote, scratch: Vec::new() }
    }

    /// The line with the columns' names, when one is asked for.
    #[must_use]
    pub fn header(&self) -> Option<Vec<u8>> {
        if !self.options.header {
            return None;
        }
        let mut line = BytesMut::new();
        for (index, (name, _)) in self.columns.iter().enumerate() {
            if index > 0 {
                line.put_u8(self.options.delimiter);
            }
            self.field(name.as_bytes(), false, &mut line);
        }
        line.put_u8(b'\n');
        Some(line.to_vec())
    }

    /// Appends a line per row.
    ///
    /// # Errors
    /// XX000 if the batch does not have the announced columns, and whatever a value of a wrong type answers.
    pub fn encode(&mut self, batch: &RecordBatch, out: &mut BytesMut) -> Result<(), SqlError> {
        if batch.num_columns() != self.columns.len() {
            let message = format!("a batch of {} columns where COPY has {}", batch.num_columns(), self.columns.len());
            return Err(SqlError::new(SqlState::INTERNAL_ERROR, message));
        }
        let arrays = batch.columns().iter().zip(&self.columns);
        let columns = arrays.map(|(array, (_, ty))| Column::new(array, *ty)).collect::<Result<Vec<_>, _>>()?;
        let mut text = std::mem::take(&mut self.scratch);
        out.reserve(batch.num_rows() * columns.len() * 8);
        for row in 0..batch.num_rows() {
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    out.put_u8(self.options.delimiter);
                }
                if column.is_null(row) {
                    out.put_slice(self.options.null.as_bytes());
                    continue;
                }
                text.clear();
                column.write_text(row, &self.settings, &mut text)?;
                self.field(&text, self.force_quote[index], out);
            }
            out.put_u8(b'\n');
        }
        self.scratch = text;
        Ok(())
    }

    fn field(&self, text: &[u8], force_quote: bool, out: &mut BytesMut) {
        match self.options.format {
            CopyFormat::Text => self.text_field(text, out),
            CopyFormat::Csv => self.csv_field(text, force_quote, out),
        }
    }

    fn text_field(&self, text: &[u8], out: &mut BytesMut) {
        let mut written = 0;
        for (at, byte) in text.iter().enumerate() {
            let letter = match byte {
                8 => b'b',
                9 => b't',
                10 => b'n',
                11 => b'v',
                12 => b'f',
                13 => b'r',
                b'\\' => b'\\',
                other if *other == self.options.delimiter => *other,
                _ => continue,
            };
            out.put_slice(&text[written..at]);
            out.put_slice(&[b'\\', letter]);
            written = at + 1;
        }
        out.put_slice(&text[written..]);
    }

    fn csv_field(&self, text: &[u8], force_quote: bool, out: &mut BytesMut) {
        let CopyOptions { delimiter, quote, escape, .. } = self.options;
        let special = |byte: &u8| *byte == delimiter || *byte == quote || matches!(byte, b'\n' | b'\r');
        let quoted = force_quote
            || text == self.options.null.as_bytes()
            // Alone on a line it would end the data.
            || (self.columns.len() == 1 && text == b"\\.")
            || text.iter().any(special);
        if !quoted {
            out.put_slice(text);
            return;
        }
        out.put_u8(quote);
        for byte in text {
            if *byte == quote || *byte == escape {
                out.put_u8(escape);
            }
            out.put_u8(*byte);
        }
        out.put_u8(quote);
    }
}
