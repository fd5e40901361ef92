//! [`CopyDecoder`]: COPY data into batches.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::copy::fields::Fields;
use crate::copy::lines::{Line, Lines};
use crate::copy::options::CopyOptions;
use crate::copy::table_row::{TableColumn, values_of, violated};
use crate::decode::{self, ColumnBuilder};
use crate::diagnostic::SqlError;
use crate::encode::{self, arrow_error};
use crate::pg_type::PgType;
use crate::settings::OutputSettings;
use crate::sqlstate::SqlState;
use crate::violation::not_null_violation;

/// The longest line, in bytes (`MaxAllocSize`).
const LINE_BYTES_MAX: usize = 0x3FFF_FFFF;
/// A batch is given out once so much was read into it, in bytes, however few its rows are.
const BATCH_BYTES: usize = 64 << 20;
/// Lines looked for before their fields are read.
const BLOCK_LINES: usize = 1024;
/// Capacity of the buffer that is kept when it is empty, in bytes.
const BUFFER_BYTES_KEPT: usize = 8 << 20;
/// Bytes of a value or line that errors show (`MAX_COPY_DATA_DISPLAY`).
const SHOWN_BYTES_MAX: usize = 100;

/// Reads COPY data that comes in pieces cut anywhere.
///
/// Call [`CopyDecoder::take_batch`] after every piece until it answers `None`, and [`CopyDecoder::finish`] at the end.
/// Errors name the line: their context is `COPY t, line 3, column b: "x"`. After an error the decoder is of no more
/// use.
pub struct CopyDecoder {
    table: String,
    columns: Vec<Target>,
    schema: SchemaRef,
    /// The null string, for `FORCE_NOT_NULL` and `FORCE_NULL`.
    null: String,
    /// Whether the first line is still to be skipped, and whether its names are checked.
    header: Option<bool>,
    lines: Lines,
    fields: Fields,
    buffer: Vec<u8>,
    /// Lines found, their fields not read yet.
    found: Vec<Line>,
    /// What ended the search for lines; raised when those before were read.
    fault: Option<SqlError>,
    /// Rows in the builders.
    rows: usize,
    /// Bytes read since the last batch.
    bytes: usize,
    total: u64,
    line_bytes_max: usize,
    /// The columns of the table that is loaded; none where NULL is allowed everywhere.
    row: Vec<TableColumn>,
    /// Whether each field of the last line is NULL.
    nulls: Vec<bool>,
    settings: OutputSettings,
}

struct Target {
    name: String,
    ty: PgType,
    builder: ColumnBuilder,
    force_null: bool,
    force_not_null: bool,
}

impl CopyDecoder {
    /// A decoder for lines with these columns, in order. `table`: its name as errors show it.
    #[must_use]
    pub fn new(columns: Vec<(String, PgType)>, table: impl Into<String>, options: CopyOptions, settings: OutputSettings) -> Self {
        let fields = columns.iter().map(|(name, ty)| Field::new(name.clone(), ty.arrow(), true)).collect::<Vec<_>>();
        let target = |(name, ty): (String, PgType)| Target {
            builder: ColumnBuilder::new(ty, &settings),
            force_null: options.force_null.contains(&name),
            force_not_null: options.force_not_null.contains(&name),
            name,
            ty,
        };
        Self {
            table: table.into(),
            schema: Arc::new(Schema::new(fields)),
            null: options.null.clone(),
            header: (options.header || options.header_match).then_some(options.header_match),
            lines: Lines::new(&options),
            fields: Fields::new(&options, columns.len()),
            nulls: vec![false; columns.len()],
            columns: columns.into_iter().map(target).collect(),
            buffer: Vec::new(),
            found: Vec::new(),
            fault: None,
            rows: 0,
            bytes: 0,
            total: 0,
            line_bytes_max: LINE_BYTES_MAX,
            row: Vec::new(),
            settings,
        }
    }

    /// Refuses lines whose row the table does not take (23502), so that the error can name the line. `row`: all columns of
    /// the table, in its order.
    #[must_use]
    pub fn for_rows_of(mut self, row: Vec<TableColumn>) -> Self {
        self.row = if row.iter().any(|column| column.not_null) { row } else { Vec::new() };
        self
    }

    /// Rows read so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.total
    }

    /// Takes the next piece of data. What follows the end-of-copy marker is ignored.
    ///
    /// # Errors
    /// 54000 for a line longer than 1 GiB.
    pub fn push(&mut self, data: &[u8]) -> Result<(), SqlError> {
        if self.lines.ended() {
            return Ok(());
        }
        let read = self.lines.start();
        if read > 0 {
            self.buffer.drain(..read);
            self.lines.shift(read);
            if self.buffer.capacity() > BUFFER_BYTES_KEPT {
                self.buffer.shrink_to(BUFFER_BYTES_KEPT);
            }
        }
        self.buffer.extend_from_slice(data);
        Ok(())
    }

    /// The next rows, as soon as there are `min_rows` of them or many bytes; `None` when more data is needed first.
    ///
    /// # Errors
    /// 22P04 for malformed data, 22021 for what is not UTF-8, 54000 for a line longer than 1 GiB, and what the input
    /// functions of the columns' types answer.
    pub fn take_batch(&mut self, min_rows: usize) -> Result<Option<RecordBatch>, SqlError> {
        let min_rows = min_rows.max(1);
        self.read(min_rows, false)?;
        if self.rows >= min_rows || self.rows > 0 && self.bytes >= BATCH_BYTES {
            return self.batch().map(Some);
        }
        Ok(None)
    }

    /// The data is complete: the rows that are left, if any.
    ///
    /// # Errors
    /// As [`CopyDecoder::take_batch`].
    pub fn finish(&mut self) -> Result<Option<RecordBatch>, SqlError> {
        self.read(usize::MAX, true)?;
        if self.rows == 0 {
            return Ok(None);
        }
        self.batch().map(Some)
    }

    /// Reads lines into the builders until there are `rows` of them, or many bytes unless this is the last call.
    fn read(&mut self, rows: usize, last: bool) -> Result<(), SqlError> {
        while self.rows < rows && (last || self.bytes < BATCH_BYTES) {
            self.find(BLOCK_LINES.min(rows - self.rows), last);
            if self.found.is_empty() {
                if let Some(fault) = self.fault.take() {
                    return Err(fault.context(format!("COPY {}, line {}", self.table, self.lines.number())));
                }
                if self.buffer.len() - self.lines.start() > self.line_bytes_max {
                    return Err(self.too_long());
                }
                break;
            }
            let (buffer, found) = (std::mem::take(&mut self.buffer), std::mem::take(&mut self.found));
            let outcome = self.read_block(&buffer, &found);
            (self.buffer, self.found) = (buffer, found);
            outcome?;
        }
        Ok(())
    }

    /// Fills `found`.
    fn find(&mut self, limit: usize, last: bool) {
        self.found.clear();
        let mut bytes = 0;
        while self.fault.is_none() && self.found.len() < limit && (last || bytes < BATCH_BYTES) {
            match self.lines.next(&self.buffer, last) {
                Ok(Some(line)) => {
                    bytes += line.end - line.start + 1;
                    self.found.push(line);
                }
                Ok(None) => break,
                Err(fault) => self.fault = Some(fault),
            }
        }
    }

    fn read_block(&mut self, buffer: &[u8], found: &[Line]) -> Result<(), SqlError> {
        let (Some(first), Some(last)) = (found.first(), found.last()) else { return Ok(()) };
        self.bytes += last.end - first.start;
        let block = &buffer[first.start..last.end];
        // All at once, and only if that fails line by line to find the bad one.
        let text = std::str::from_utf8(block).ok().filter(|_| memchr::memchr(0, block).is_none());
        for line in found {
            if line.end - line.start > self.line_bytes_max {
                return Err(self.too_long());
            }
            let text = match text {
                Some(text) => &text[line.start - first.start..line.end - first.start],
                None => decode::utf8(&buffer[line.start..line.end])
                    .map_err(|error| error.context(format!("COPY {}, line {}", self.table, line.number)))?,
            };
            self.read_line(text, line)?;
        }
        Ok(())
    }

    fn read_line(&mut self, text: &str, line: &Line) -> Result<(), SqlError> {
        let outcome = match self.header.take() {
            Some(false) => return Ok(()),
            Some(true) => self.check_header(text, line),
            None => self.append_line(text, line),
        };
        outcome.map_err(|failure| match failure {
            ControlFlow::Break(error) => error,
            ControlFlow::Continue(error) => error.context(format!("COPY {}, line {}: \"{}\"", self.table, line.number, shown(text))),
        })
    }

    /// `Break`: an error that has its context; `Continue`: one of the line.
    fn append_line(&mut self, text: &str, line: &Line) -> Result<(), ControlFlow<SqlError, SqlError>> {
        self.fields.split(text, line.special).map_err(ControlFlow::Continue)?;
        if self.fields.count() > self.columns.len() {
            return Err(malformed("extra data after last expected column"));
        }
        for (index, column) in self.columns.iter_mut().enumerate() {
            if index >= self.fields.count() {
                return Err(malformed(format!("missing data for column \"{}\"", column.name)));
            }
            let value = match self.fields.value(text, index) {
                None if column.force_not_null => Some(self.null.as_str()),
                Some(value) if column.force_null && value == self.null => None,
                value => value,
            };
            self.nulls[index] = value.is_none();
            let Some(value) = value else {
                column.builder.append_null();
                continue;
            };
            if let Err(error) = column.builder.append_text(value) {
                let place = format!("COPY {}, line {}, column {}", self.table, line.number, column.name);
                return Err(ControlFlow::Break(error.context(format!("{place}: \"{}\"", shown(value)))));
            }
        }
        if let Some(column) = violated(&self.row, |index| self.nulls.get(index) == Some(&true)) {
            let name = column.name.clone();
            return Err(ControlFlow::Continue(self.violation(&name)));
        }
        self.rows += 1;
        self.total += 1;
        Ok(())
    }

    /// The error for NULL in a column of the row just read.
    fn violation(&mut self, column: &str) -> SqlError {
        let mut fields = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            let values = column.builder.finish();
            let text = encode::text_array(&values.slice(values.len() - 1, 1), column.ty, &self.settings);
            match text {
                Ok(text) => fields.push(text.is_valid(0).then(|| text.value(0).to_owned())),
                Err(error) => return error,
            }
        }
        not_null_violation(&self.table, column, values_of(&self.row, &fields))
    }

    fn check_header(&mut self, text: &str, line: &Line) -> Result<(), ControlFlow<SqlError, SqlError>> {
        self.fields.split(text, line.special).map_err(ControlFlow::Continue)?;
        let (count, expected) = (self.fields.count(), self.columns.len());
        if count != expected {
            let message = format!("wrong number of fields in header line: got {count}, expected {expected}");
            return Err(malformed(message));
        }
        for (index, column) in self.columns.iter().enumerate() {
            let place = format!("column name mismatch in header line field {}", index + 1);
            let message = match self.fields.value(text, index) {
                Some(name) if name == column.name => continue,
                Some(name) => format!("{place}: got \"{name}\", expected \"{}\"", column.name),
                None => format!("{place}: got null value (\"{}\"), expected \"{}\"", self.null, column.name),
            };
            return Err(malformed(message));
        }
        Ok(())
    }

    fn batch(&mut self) -> Result<RecordBatch, SqlError> {
        let columns = self.columns.iter_mut().map(|column| column.builder.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        self.bytes = 0;
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(|error| arrow_error(&error))
    }

    fn too_long(&self) -> SqlError {
        let limit = self.line_bytes_max;
        SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("line of COPY data exceeds {limit} bytes")).context(format!(
            "COPY {}, line {}",
            self.table,
            self.lines.number()
        ))
    }

    /// A lower limit, so that a test can reach it.
    #[cfg(test)]
    pub(super) fn with_line_bytes_max(mut self, limit: usize) -> Self {
        self.line_bytes_max = limit;
        self
    }
}

impl std::fmt::Debug for CopyDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyDecoder").field("table", &self.table).field("rows", &self.total).finish_non_exhaustive()
    }
}

fn malformed(message: impl Into<String>) -> ControlFlow<SqlError, SqlError> {
    ControlFlow::Continue(SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, message))
}

/// The first bytes of a text, with dots when it goes on.
fn shown(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= SHOWN_BYTES_MAX {
        return text.into();
    }
    format!("{}...", &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)]).into()
}
