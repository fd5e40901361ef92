//! [`CopyDecoder`]: COPY's text and csv to columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};

use super::fields::{Fields, invalid_bytes, invalid_utf8};
use super::lines::Lines;
use super::options::{CopyFormat, CopyOptions};
use crate::decode::ColumnBuilder;
use crate::diagnostic::SqlError;
use crate::encode::arrow_error;
use crate::pg_type::PgType;
use crate::settings::OutputSettings;
use crate::sqlstate::SqlState;

/// Bytes after which rows are given away however few they are.
const BATCH_BYTES_MAX: usize = 64 << 20;

/// Bytes of a line or value that an error shows (`MAX_COPY_DATA_DISPLAY`).
const SHOWN_BYTES_MAX: usize = 100;

/// Reads rows from data that comes in pieces, cut anywhere. After an error it is of no more use.
///
/// Errors say where they are: `COPY t, line 3, column b: "x"`.
pub struct CopyDecoder {
    columns: Vec<(String, PgType)>,
    required: Vec<bool>,
    table_name: String,
    options: CopyOptions,
    settings: OutputSettings,
    lines: Lines,
    /// The line last read; kept for its memory.
    line: String,
    fields: Fields,
    builders: Vec<ColumnBuilder>,
    /// Rows in the builders.
    waiting: usize,
    /// Bytes of the lines these rows were.
    bytes: usize,
    rows: u64,
    header: bool,
}

impl CopyDecoder {
    /// A decoder for rows of these columns, which are in the order of the data.
    #[must_use]
    pub fn new(
        columns: Vec<(String, PgType)>,
        table_name: impl Into<String>,
        options: CopyOptions,
        settings: OutputSettings,
    ) -> Self {
        let builders = columns.iter().map(|(_, ty)| ColumnBuilder::new(*ty, &settings)).collect();
        Self {
            lines: Lines::new(&options),
            line: String::new(),
            header: options.header || options.header_match,
            required: Vec::new(),
            fields: Fields::default(),
            waiting: 0,
            bytes: 0,
            rows: 0,
            columns,
            table_name: table_name.into(),
            options,
            settings,
            builders,
        }
    }

    /// Refuses NULL in these columns, one entry per column, with 23502 and the line it is in.
    #[must_use]
    pub fn not_null(mut self, required: Vec<bool>) -> Self {
        self.required = required;
        self
    }

    /// Takes a piece of the data. What is wrong with it is told by [`Self::take_batch`] and [`Self::finish`].
    ///
    /// # Errors
    /// None yet.
    pub fn push(&mut self, data: &[u8]) -> Result<(), SqlError> {
        self.lines.push(data);
        Ok(())
    }

    /// Rows, when there are `min_rows` of them or they are many bytes already. To be called until it has none.
    ///
    /// # Errors
    /// What is wrong with a line or a value.
    pub fn take_batch(&mut self, min_rows: usize) -> Result<Option<RecordBatch>, SqlError> {
        while self.waiting < min_rows && self.bytes < BATCH_BYTES_MAX {
            if !self.read_line(false)? {
                return Ok(None);
            }
        }
        self.batch().map(Some)
    }

    /// The rest of the rows: the data is complete. `None` when there are no more.
    ///
    /// # Errors
    /// What is wrong with a line or a value.
    pub fn finish(&mut self) -> Result<Option<RecordBatch>, SqlError> {
        while self.read_line(true)? {}
        if self.waiting == 0 {
            return Ok(None);
        }
        self.batch().map(Some)
    }

    /// Rows read so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn batch(&mut self) -> Result<RecordBatch, SqlError> {
        let arrays: Vec<ArrayRef> = self.builders.iter_mut().map(ColumnBuilder::finish).collect();
        let columns = self.columns.iter().zip(&arrays);
        let fields: Vec<Field> = columns.map(|((name, _), array)| Field::new(name, array.data_type().clone(), true)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.waiting));
        self.waiting = 0;
        self.bytes = 0;
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options);
        batch.map_err(|error| arrow_error(&error))
    }

    /// Reads a line, if there is a complete one.
    fn read_line(&mut self, last: bool) -> Result<bool, SqlError> {
        let range = match self.lines.next(last) {
            Ok(Some(range)) => range,
            Ok(None) => return Ok(false),
            Err(error) => return Err(error.context(self.place())),
        };
        // Checked before anything is made of it; a context shows text only.
        let bytes = self.lines.bytes(range);
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        match std::str::from_utf8(bytes) {
            Ok(text) if memchr::memchr(0, bytes).is_none() => line.push_str(text),
            Ok(_) => return Err(invalid_bytes(&[0]).context(self.place())),
            Err(error) => return Err(invalid_utf8(bytes, &error).context(self.place())),
        }
        self.bytes += line.len() + 1;
        let read = if self.header { self.read_header(&line) } else { self.read_row(&line) };
        read.map_err(|wrong| match wrong {
            Wrong::Line(error) => error.context(format!("{}: \"{}\"", self.place(), shown(&line))),
            Wrong::Value(error, column, value) => {
                error.context(format!("{}, column {column}: \"{}\"", self.place(), shown(&value)))
            }
        })?;
        self.line = line;
        Ok(true)
    }

    /// Where the last line is.
    fn place(&self) -> String {
        format!("COPY {}, line {}", self.table_name, self.lines.number())
    }

    fn read_header(&mut self, line: &str) -> Result<(), Wrong> {
        self.header = false;
        if !self.options.header_match {
            return Ok(());
        }
        self.fields.cut(line, &self.options)?;
        let wrong = |message: String| Wrong::Line(SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, message));
        let (found, expected) = (self.fields.len(), self.columns.len());
        if found != expected {
            return Err(wrong(format!("wrong number of fields in header line: got {found}, expected {expected}")));
        }
        for (index, (name, _)) in self.columns.iter().enumerate() {
            let found = self.fields.get(index, line);
            if found != Some(name) {
                let got = match found {
                    Some(found) => format!("\"{found}\""),
                    None => format!("null value (\"{}\")", self.options.null),
                };
                let field = index + 1;
                return Err(wrong(format!(
                    "column name mismatch in header line field {field}: got {got}, expected \"{name}\""
                )));
            }
        }
        Ok(())
    }

    fn read_row(&mut self, line: &str) -> Result<(), Wrong> {
        let wrong = |message: &str| Wrong::Line(SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, message));
        if self.columns.is_empty() && line.is_empty() {
            self.rows += 1;
            self.waiting += 1;
            return Ok(());
        }
        self.fields.cut(line, &self.options)?;
        if self.fields.len() > self.columns.len() {
            return Err(wrong("extra data after last expected column"));
        }
        for (index, ((name, _), builder)) in self.columns.iter().zip(&mut self.builders).enumerate() {
            if index >= self.fields.len() {
                return Err(wrong(&format!("missing data for column \"{name}\"")));
            }
            let mut value = self.fields.get(index, line);
            if self.options.format == CopyFormat::Csv {
                match value {
                    None if self.options.force_not_null.contains(name) => value = Some(self.options.null.as_str()),
                    Some(text) if text == self.options.null && self.options.force_null.contains(name) => value = None,
                    _ => {}
                }
            }
            match value {
                None => builder.append_null(),
                Some(text) => builder
                    .append_text(text)
                    .map_err(|error| Wrong::Value(error, name.clone(), text.to_owned()))?,
            }
            if value.is_none() && self.required.get(index).copied().unwrap_or_default() {
                let table = &self.table_name;
                let message = format!("null value in column \"{name}\" of relation \"{table}\" violates not-null constraint");
                return Err(Wrong::Line(SqlError::new(SqlState::NOT_NULL_VIOLATION, message)));
            }
        }
        self.rows += 1;
        self.waiting += 1;
        Ok(())
    }
}

impl std::fmt::Debug for CopyDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyDecoder")
            .field("columns", &self.columns)
            .field("options", &self.options)
            .field("settings", &self.settings)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// What is wrong, and with what.
enum Wrong {
    /// A line as a whole.
    Line(SqlError),
    /// A value of this column.
    Value(SqlError, String, String),
}

impl From<SqlError> for Wrong {
    fn from(error: SqlError) -> Self {
        Self::Line(error)
    }
}

/// The beginning of a long text.
fn shown(text: &str) -> String {
    if text.len() <= SHOWN_BYTES_MAX {
        return text.to_owned();
    }
    let end = (0..=SHOWN_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}...", &text[..end])
}
