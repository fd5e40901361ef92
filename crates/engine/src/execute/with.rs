//! Statements whose WITH list changes rows: the changes one after the other, then the statement behind the list.
//!
//! Every part was bound to the snapshot from before, so the order shows nowhere but in which of several errors is met first.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryReservation;
use kura_sql::Statement;
use kura_sql::statement::Part;

use crate::context::StatementContext;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::execute::modify::{self, Change, Earlier, Returned};
use crate::outcome::Outcome;
use crate::query_log::Record;

/// Runs a statement. When a part fails, what the others changed is undone.
pub(crate) async fn run(
    engine: &Engine,
    parts: Vec<Part>,
    body: Statement,
    context: StatementContext,
    record: &mut Option<Record>,
) -> Result<Outcome> {
    let transaction = Arc::clone(&context.transaction);
    let before = transaction.lock().await.savepoint();
    let outcome = all(engine, parts, body, context, record).await;
    if outcome.is_err() {
        transaction.lock().await.roll_back_to(&before);
    }
    outcome
}

async fn all(
    engine: &Engine,
    parts: Vec<Part>,
    body: Statement,
    context: StatementContext,
    record: &mut Option<Record>,
) -> Result<Outcome> {
    let mut earlier = Earlier::new();
    let mut held = Vec::with_capacity(parts.len());
    for part in parts {
        held.push(change(engine, part, &context, &mut earlier).await?);
    }
    let outcome = match body {
        Statement::Modify(modify) => modify::run(engine, *modify, context, record, Some(&mut earlier)).await?,
        other => Box::pin(engine.execute(other, context, record)).await?,
    };
    // The body reads what the parts returned for as long as it runs.
    Ok(match outcome {
        Outcome::Rows { columns, rows } => Outcome::Rows { columns, rows: rows.holding(Box::new(held)) },
        Outcome::CopyOut(copy) => Outcome::CopyOut(copy.holding(Box::new(held))),
        other => other,
    })
}

/// Makes the change of one part, and puts the rows it returns where the others look for them.
async fn change(engine: &Engine, part: Part, context: &StatementContext, earlier: &mut Earlier) -> Result<MemoryReservation> {
    let (change, query) = Change::of(part.modify);
    let permit = engine.admit().await?;
    let operators = engine.operators(query, context.query_id).await?;
    let done = modify::apply(engine, &change, operators, permit, context, Some(earlier)).await?;
    let Returned { batches, reservation } = done.returned;
    let partition = part.rows.batches.first().ok_or_else(|| Error::internal("no place for the rows of a WITH query"))?;
    let schema = part.rows.schema();
    let batches = batches.into_iter().map(|batch| RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()));
    *partition.write().await = batches.collect::<Result<_, _>>().map_err(DataFusionError::from)?;
    Ok(reservation)
}
