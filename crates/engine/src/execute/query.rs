//! SELECT, VALUES, TABLE: rows to the client.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use futures::StreamExt;
use kura_pgtypes::SqlState;
use kura_sql::statement::Query;

use crate::context::StatementContext;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::query_log::Record;
use crate::rows::RowStream;

/// Starts a query.
pub(crate) async fn run(engine: &Engine, query: Query, context: StatementContext, record: &mut Option<Record>) -> Result<Outcome> {
    let columns = query.columns.clone();
    let rows = start(engine, query, context, record).await?;
    Ok(Outcome::Rows { columns, rows })
}

/// Starts a query whose rows go somewhere else than to the client as they are.
pub(crate) async fn start(engine: &Engine, query: Query, context: StatementContext, record: &mut Option<Record>) -> Result<RowStream> {
    let StatementContext { query_id, cancel, transaction, .. } = context;
    // Reading goes by the snapshot the plan was bound to; whoever ends the transaction must not wait for the rows.
    drop(transaction);
    let permit = engine.admit().await?;
    let columns = query.columns.clone();
    let operators = engine.operators(query, query_id).await?;
    let record = record.take().unwrap_or_else(|| Record::start(query_id, "SELECT"));
    RowStream::start(engine.runtime(), operators, &columns, permit, cancel, record)
}

/// The one value of a query of one row and one column, such as a default.
///
/// # Errors
/// What computing it fails with.
pub(crate) async fn value(engine: &Engine, query: Query, query_id: u64) -> Result<ScalarValue> {
    let operators = engine.operators(query, query_id).await?;
    let stop = operators.stop();
    let first = engine.runtime().spawn(async move {
        let mut rows = operators.start()?;
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            if batch.num_rows() > 0 {
                let column = batch.columns().first().map(Arc::clone);
                let column = column.ok_or_else(|| Error::internal("a value without a column"))?;
                return Ok(ScalarValue::try_from_array(&column, 0)?);
            }
        }
        Err(Error::new(SqlState::INTERNAL_ERROR, "a value without a row"))
    });
    first.stopping(stop).await?
}
