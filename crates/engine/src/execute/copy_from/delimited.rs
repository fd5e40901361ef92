//! Rows out of PostgreSQL's text and csv. The decoding itself is `kura_pgtypes::copy`.

use arrow::array::Array;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use kura_pgtypes::copy::{ColumnValue, CopyDecoder, CopyOptions, TableColumn};
use kura_pgtypes::{PgType, encode};

use crate::error::Result;
use crate::execute::copy_from::{Complete, InputRows, Source};

/// Rows in a batch.
const BATCH_ROWS: usize = 8192;

/// A decoder for lines of these columns, which become rows of the target's table.
///
/// # Errors
/// XX000 for a default that does not fit its column.
pub(super) fn decoder(columns: Vec<(String, PgType)>, target: &Complete, options: CopyOptions) -> Result<CopyDecoder> {
    let mut row = Vec::with_capacity(target.sources.len());
    for (column, source) in target.table.columns.iter().zip(&target.sources) {
        let value = match source {
            Source::Input(index) => ColumnValue::Field(*index),
            Source::Value(value) => {
                let text = encode::text_array(&value.to_array()?, column.ty, &target.settings)?;
                ColumnValue::Constant(text.is_valid(0).then(|| text.value(0).to_owned()))
            }
        };
        row.push(TableColumn { name: column.name.clone(), not_null: !column.nullable, value });
    }
    Ok(CopyDecoder::new(columns, target.table.name.clone(), options, target.settings.clone()).for_rows_of(row))
}

/// The rows of data in pieces, cut anywhere.
pub(super) fn decoded(input: BoxStream<'static, Result<Bytes>>, decoder: CopyDecoder) -> InputRows {
    stream::try_unfold(Some((input, decoder)), |state| async move {
        let Some((mut input, mut decoder)) = state else { return Ok(None) };
        loop {
            if let Some(batch) = decoder.take_batch(BATCH_ROWS)? {
                return Ok(Some((batch, Some((input, decoder)))));
            }
            match input.next().await {
                Some(piece) => decoder.push(&piece?)?,
                None => return Ok(decoder.finish()?.map(|batch| (batch, None))),
            }
        }
    })
    .boxed()
}
