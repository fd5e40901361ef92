//! Rows out of JSON, an object per line. Keys are the columns' names; a column without its key is NULL. Values are read as
//! PostgreSQL reads their text; objects and arrays are for json columns, arrays also for array columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use kura_pgtypes::decode::ColumnBuilder;
use kura_pgtypes::{OutputSettings, PgType, Scalar, SqlError, SqlState};
use serde_json::{Deserializer, Value};

use crate::error::{Error, Result};
use crate::execute::copy_from::InputRows;

/// Rows in a batch.
const BATCH_ROWS: usize = 8192;
/// Bytes of one line.
const LINE_BYTES_MAX: usize = 64 << 20;
/// Characters of a value that an error shows.
const SHOWN_CHARS: usize = 100;

/// The rows of data in pieces, cut anywhere.
pub(super) fn decoded(
    input: BoxStream<'static, Result<Bytes>>,
    columns: &[(String, PgType)],
    table: &str,
    settings: &OutputSettings,
) -> InputRows {
    let decoder = Decoder::new(columns, table, settings);
    stream::try_unfold(Some((input, decoder)), |state| async move {
        let Some((mut input, mut decoder)) = state else { return Ok(None) };
        loop {
            if decoder.rows >= BATCH_ROWS {
                return Ok(Some((decoder.take()?, Some((input, decoder)))));
            }
            match input.next().await {
                Some(piece) => decoder.push(&piece?)?,
                None => {
                    decoder.end()?;
                    return Ok(if decoder.rows == 0 { None } else { Some((decoder.take()?, None)) });
                }
            }
        }
    })
    .boxed()
}

struct Decoder {
    table: String,
    columns: Vec<(String, PgType)>,
    by_name: HashMap<String, usize>,
    settings: OutputSettings,
    schema: SchemaRef,
    builders: Vec<ColumnBuilder>,
    rows: usize,
    /// The line being read, as far as it has come.
    partial: Vec<u8>,
    /// Lines read.
    line: u64,
}

impl Decoder {
    fn new(columns: &[(String, PgType)], table: &str, settings: &OutputSettings) -> Self {
        let fields: Vec<Field> = columns.iter().map(|(name, ty)| Field::new(name, ty.arrow(), true)).collect();
        Self {
            table: table.to_owned(),
            by_name: columns.iter().enumerate().map(|(index, (name, _))| (name.clone(), index)).collect(),
            columns: columns.to_vec(),
            settings: settings.clone(),
            schema: Arc::new(Schema::new(fields)),
            builders: columns.iter().map(|(_, ty)| ColumnBuilder::new(*ty, settings)).collect(),
            rows: 0,
            partial: Vec::new(),
            line: 0,
        }
    }

    fn push(&mut self, piece: &[u8]) -> Result<()> {
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (head, tail) = rest.split_at(end);
            rest = tail.get(1..).unwrap_or_default();
            if self.partial.is_empty() {
                self.take_line(head)?;
            } else {
                let mut line = std::mem::take(&mut self.partial);
                line.extend_from_slice(head);
                self.take_line(&line)?;
            }
        }
        self.partial.extend_from_slice(rest);
        if self.partial.len() > LINE_BYTES_MAX {
            self.line += 1;
            let error = SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "line of JSON is too long");
            return Err(self.at(error.hint("The limit is 64 MiB; write one object per line.")));
        }
        Ok(())
    }

    /// The last line need not end with a newline.
    fn end(&mut self) -> Result<()> {
        let line = std::mem::take(&mut self.partial);
        self.take_line(&line)
    }

    fn take_line(&mut self, line: &[u8]) -> Result<()> {
        self.line += 1;
        let text = std::str::from_utf8(line)
            .map_err(|_| self.at(SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\"")))?;
        // An empty file may end with empty lines.
        if text.trim().is_empty() {
            return Ok(());
        }
        let object = members(text).map_err(|what| {
            let invalid = SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, "invalid line of JSON");
            self.at(invalid.detail(what).hint("Each line must be one JSON object."))
        })?;
        if let Some(unknown) = object.keys().find(|key| !self.by_name.contains_key(*key)) {
            let error = SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, format!("key \"{unknown}\" is not a column of the COPY"));
            return Err(self.at(error));
        }
        for index in 0..self.columns.len() {
            let value = self.columns.get(index).and_then(|(name, _)| object.get(name).copied());
            self.append(index, value)?;
        }
        self.rows += 1;
        Ok(())
    }

    fn append(&mut self, index: usize, value: Option<&str>) -> Result<()> {
        let (Some(builder), Some((name, ty))) = (self.builders.get_mut(index), self.columns.get(index)) else { return Ok(()) };
        let text = match value {
            None | Some("null") => {
                builder.append_null();
                return Ok(());
            }
            Some(json) => input_text(json, *ty),
        };
        let appended = text.and_then(|text| builder.append_text(&text));
        appended.map_err(|error| {
            let shown: String = value.unwrap_or_default().chars().take(SHOWN_CHARS).collect();
            let context = format!("COPY {}, line {}, column {name}: {shown}", self.table, self.line);
            Error::Sql(error.context(context))
        })
    }

    fn take(&mut self) -> Result<RecordBatch> {
        let columns = self.builders.iter_mut().map(ColumnBuilder::finish).collect();
        self.builders = self.columns.iter().map(|(_, ty)| ColumnBuilder::new(*ty, &self.settings)).collect();
        self.rows = 0;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        Ok(batch.map_err(datafusion::error::DataFusionError::from)?)
    }

    fn at(&self, error: SqlError) -> Error {
        Error::Sql(error.context(format!("COPY {}, line {}", self.table, self.line)))
    }
}

/// What the input function of `ty` is to read.
fn input_text(json: &str, ty: PgType) -> Result<String, SqlError> {
    if matches!(ty.scalar, Scalar::Json | Scalar::Jsonb) && !ty.array {
        return Ok(json.to_owned());
    }
    let invalid = |what: String| SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, "invalid JSON").detail(what);
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(json).map_err(|error| invalid(error.to_string())),
        Some(b'[') if ty.array => {
            let elements = elements(json).map_err(invalid)?;
            let elements = elements.into_iter().map(|element| array_element(element, ty)).collect::<Result<Vec<_>, _>>()?;
            Ok(format!("{{{}}}", elements.join(",")))
        }
        Some(b'[' | b'{') if is_text(ty) => Ok(json.to_owned()),
        Some(b'[' | b'{') => {
            let message =
                format!("a JSON {} cannot be read as type {}", if json.starts_with('[') { "array" } else { "object" }, ty.display());
            Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message))
        }
        // Numbers and booleans, digit by digit as they are written.
        _ => Ok(json.to_owned()),
    }
}

/// An element as an array literal writes it.
fn array_element(json: &str, ty: PgType) -> Result<String, SqlError> {
    match json.as_bytes().first() {
        Some(b'n') => Ok("NULL".to_owned()),
        Some(b'[') => input_text(json, ty),
        _ => {
            let text = input_text(json, ty.element().unwrap_or(ty))?;
            let mut quoted = String::with_capacity(text.len() + 2);
            quoted.push('"');
            for c in text.chars() {
                if matches!(c, '"' | '\\') {
                    quoted.push('\\');
                }
                quoted.push(c);
            }
            quoted.push('"');
            Ok(quoted)
        }
    }
}

/// The members of an object, their values as they are written; of a repeated key the last counts.
fn members(json: &str) -> Result<HashMap<String, &str>, String> {
    let mut members = HashMap::new();
    let mut rest = opened(json, '{')?;
    while let Some(item) = next_item(rest, '}', members.is_empty())? {
        let (key, after) = value(item)?;
        let key: String = serde_json::from_str(key).map_err(|error| error.to_string())?;
        let after = after.trim_start().strip_prefix(':').ok_or("a key without a value")?;
        let (text, after) = value(after)?;
        members.insert(key, text);
        rest = after;
    }
    Ok(members)
}

/// The elements of an array as they are written.
fn elements(json: &str) -> Result<Vec<&str>, String> {
    let mut elements = Vec::new();
    let mut rest = opened(json, '[')?;
    while let Some(item) = next_item(rest, ']', elements.is_empty())? {
        let (text, after) = value(item)?;
        elements.push(text);
        rest = after;
    }
    Ok(elements)
}

fn opened(json: &str, bracket: char) -> Result<&str, String> {
    json.trim_start().strip_prefix(bracket).ok_or_else(|| format!("expected {bracket}"))
}

/// What follows the comma before the next item; `None` at the closing bracket, behind which nothing may stand.
fn next_item(rest: &str, bracket: char, first: bool) -> Result<Option<&str>, String> {
    let rest = rest.trim_start();
    if let Some(after) = rest.strip_prefix(bracket) {
        return if after.trim().is_empty() { Ok(None) } else { Err("trailing characters".to_owned()) };
    }
    if first {
        return Ok(Some(rest));
    }
    rest.strip_prefix(',').map(Some).ok_or_else(|| format!("expected a comma or {bracket}"))
}

/// The JSON value at the start of a text as it is written, and what follows it.
fn value(text: &str) -> Result<(&str, &str), String> {
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(_)) => {
            let (value, rest) = text.split_at(values.byte_offset());
            Ok((value.trim(), rest))
        }
        Some(Err(error)) => Err(error.to_string()),
        None => Err("a value is missing".to_owned()),
    }
}

fn is_text(ty: PgType) -> bool {
    !ty.array && matches!(ty.scalar, Scalar::Text | Scalar::Varchar)
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use kura_pgtypes::encode;

    use super::*;

    fn table() -> Vec<(String, PgType)> {
        let columns =
            [("n", PgType::numeric(20, 2)), ("t", PgType::TEXT), ("j", PgType::JSON), ("a", PgType::TEXT.array_of()), ("b", PgType::BOOL)];
        columns.map(|(name, ty)| (name.to_owned(), ty)).to_vec()
    }

    fn decode(pieces: &[&str]) -> Result<RecordBatch> {
        let mut decoder = Decoder::new(&table(), "t", &OutputSettings::default());
        for piece in pieces {
            decoder.push(piece.as_bytes())?;
        }
        decoder.end()?;
        decoder.take()
    }

    #[test]
    fn values_are_read_exactly() {
        let batch = decode(&[
            "{\"n\": 123456789012345678.91, \"t\": \"x\\ny\", \"j\": {\"k\": [1, 2]},",
            " \"a\": [\"p,q\", null, \"\\\"\"], \"b\": true}\n\n{\"t\": 1.10}",
        ])
        .expect("valid lines");
        let settings = OutputSettings::default();
        let text = |column: usize, row: usize| {
            let mut out = Vec::new();
            let array = batch.column(column);
            encode::write_text(array.as_ref(), row, table()[column].1, &settings, &mut out).expect("a text");
            String::from_utf8(out).expect("UTF-8")
        };
        assert_eq!(batch.num_rows(), 2);
        assert_eq!(text(0, 0), "123456789012345678.91");
        assert_eq!(batch.column(1).as_string_view().value(0), "x\ny");
        assert_eq!(text(2, 0), "{\"k\": [1, 2]}");
        assert_eq!(text(3, 0), "{\"p,q\",NULL,\"\\\"\"}");
        assert_eq!((text(4, 0).as_str(), text(1, 1).as_str()), ("t", "1.10"));
        assert!(batch.column(0).is_null(1));
    }

    #[test]
    fn errors_name_their_place() {
        let context = |lines: &str| {
            decode(&[lines]).map(|_| ()).map_err(|error| match error {
                Error::Sql(error) => (error.state.code(), error.context.unwrap_or_default()),
                other => ("", other.to_string()),
            })
        };
        assert_eq!(context("{}\n{\"n\": \"x\"}"), Err(("22P02", "COPY t, line 2, column n: \"x\"".to_owned())));
        assert_eq!(context("{\"z\": 1}"), Err(("22P04", "COPY t, line 1".to_owned())));
        assert_eq!(context("[1]"), Err(("22P04", "COPY t, line 1".to_owned())));
        assert_eq!(context("{\"n\": [1]}").map_err(|error| error.0), Err("42804"));
    }
}
