//! Rows on their way into a table: NOT NULL is checked here. Types are the business of those who made the rows.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use kura_catalog::Table;
use kura_pgtypes::violation::not_null_violation;
use kura_pgtypes::{OutputSettings, SqlError, encode};

use crate::error::Error;

/// The rows, ending with 23502 at one that has NULL where the table does not take it.
pub(crate) fn checked(rows: SendableRecordBatchStream, table: Arc<Table>, settings: OutputSettings) -> SendableRecordBatchStream {
    if table.columns.iter().all(|column| column.nullable) {
        return rows;
    }
    let schema = rows.schema();
    let rows = rows.map(move |batch| {
        let batch = batch?;
        check(&batch, &table, &settings).map_err(|error| Error::Sql(error).into_datafusion())?;
        Ok(batch)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

/// Checks rows of all the table's columns.
///
/// # Errors
/// 23502 for the first row that has NULL where the table does not take it.
pub(crate) fn check(batch: &RecordBatch, table: &Table, settings: &OutputSettings) -> Result<(), SqlError> {
    // The first row that fails is the one PostgreSQL would have met.
    let mut first: Option<(usize, usize)> = None;
    for (index, (column, array)) in table.columns.iter().zip(batch.columns()).enumerate() {
        if column.nullable || array.null_count() == 0 {
            continue;
        }
        let row = (0..array.len()).find(|row| array.is_null(*row));
        first = row.map(|row| (row, index)).into_iter().chain(first).min();
    }
    let Some((row, column)) = first else { return Ok(()) };
    let column = table.columns.get(column).map_or("?", |column| column.name.as_str());
    let values = texts(batch, row, table, settings)?;
    Err(not_null_violation(&table.name, column, values.iter().map(Option::as_deref)))
}

/// The text of a row's values; `None` for NULL.
fn texts(batch: &RecordBatch, row: usize, table: &Table, settings: &OutputSettings) -> Result<Vec<Option<String>>, SqlError> {
    let mut values = Vec::with_capacity(batch.num_columns());
    for (column, array) in table.columns.iter().zip(batch.columns()) {
        if array.is_null(row) {
            values.push(None);
            continue;
        }
        let mut text = Vec::new();
        encode::write_text(array.as_ref(), row, column.ty, settings, &mut text)?;
        values.push(Some(String::from_utf8_lossy(&text).into_owned()));
    }
    Ok(values)
}
