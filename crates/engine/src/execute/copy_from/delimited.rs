//! Rows out of PostgreSQL's text and csv. The decoding itself is `kura_pgtypes::copy`.

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use kura_catalog::Table;
use kura_pgtypes::PgType;
use kura_pgtypes::copy::{CopyDecoder, CopyOptions};

use crate::context::StatementContext;
use crate::error::Result;
use crate::execute::copy_from::InputRows;

/// Rows in a batch.
const BATCH_ROWS: usize = 8192;

/// A decoder for rows of these columns.
pub(super) fn decoder(columns: Vec<(String, PgType)>, table: &Table, options: CopyOptions, context: &StatementContext) -> CopyDecoder {
    let refuses_null = |name: &str| table.column(name).is_some_and(|column| !column.nullable);
    let flags: Vec<bool> = columns.iter().map(|(name, _)| refuses_null(name)).collect();
    CopyDecoder::new(columns, table.name.clone(), options, context.info.settings.clone()).not_null(&flags)
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
