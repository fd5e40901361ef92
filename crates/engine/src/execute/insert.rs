//! INSERT, and CREATE TABLE with or without rows. [`load`] is the way of rows into a table for COPY as well.

use std::sync::Arc;

use datafusion::execution::SendableRecordBatchStream;
use kura_catalog::{NewDataFile, NewTable, Table};
use kura_sql::statement::Query;
use kura_storage::write::{AppendOptions, append, discard};

use crate::admission::Permit;
use crate::context::StatementContext;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::execute::table_rows::checked;
use crate::outcome::Outcome;
use crate::runtime::Task;

/// INSERT.
pub(crate) async fn insert(engine: &Engine, table: Arc<Table>, source: Query, context: &StatementContext) -> Result<Outcome> {
    let rows = fill(engine, table, source, context).await?;
    Ok(Outcome::command(format!("INSERT 0 {rows}")))
}

/// CREATE TABLE, CREATE TABLE AS. `table`: `None` when it exists already, which IF NOT EXISTS allows.
pub(crate) async fn create_table(
    engine: &Engine,
    table: Option<NewTable>,
    source: Option<Query>,
    with_rows: bool,
    comments: Vec<(String, String)>,
    context: &StatementContext,
) -> Result<Outcome> {
    let name = if with_rows { "CREATE TABLE AS" } else { "CREATE TABLE" };
    let Some(table) = table else { return Ok(Outcome::command(name)) };
    let table = define(table, comments, context).await?;
    let Some(source) = source else { return Ok(Outcome::command(name)) };
    let rows = fill(engine, table, source, context).await?;
    Ok(Outcome::command(if with_rows { format!("SELECT {rows}") } else { name.to_owned() }))
}

async fn define(table: NewTable, comments: Vec<(String, String)>, context: &StatementContext) -> Result<Arc<Table>> {
    let mut transaction = context.transaction.lock().await;
    let table = transaction.create_table(table)?;
    for (column, text) in comments {
        let id = table.column(&column).map(|column| column.id);
        transaction.comment_on_column(table.id, id.ok_or_else(|| Error::internal("a comment on no column"))?, Some(text))?;
    }
    Ok(table)
}

/// Adds the rows of a query to a table.
async fn fill(engine: &Engine, table: Arc<Table>, source: Query, context: &StatementContext) -> Result<u64> {
    let permit = engine.admit().await?;
    let operators = engine.operators(source, context.query_id).await?;
    let settings = context.info.settings.clone();
    let (target, stop) = (Arc::clone(&table), operators.stop());
    let load = load(engine, &table, permit, async move { Ok(checked(operators.start()?, target, settings)) });
    publish(engine, &table, load.stopping(stop).await??, context).await
}

/// Writes rows into new files of a table, on the engine's threads. `rows` is awaited there as well.
pub(crate) fn load<F>(engine: &Engine, table: &Arc<Table>, permit: Permit, rows: F) -> Task<Result<Vec<NewDataFile>>>
where
    F: Future<Output = Result<SendableRecordBatchStream>> + Send + 'static,
{
    let (storage, table) = (Arc::clone(engine.storage()), Arc::clone(table));
    let options = AppendOptions { memory_bytes: engine.load_memory_bytes(), ..AppendOptions::default() };
    engine.runtime().spawn(async move {
        let _permit = permit;
        Ok(append(&storage, &table, rows.await?, &options).await?)
    })
}

/// Names written files in the transaction. Returns the number of their rows.
pub(crate) async fn publish(engine: &Engine, table: &Arc<Table>, files: Vec<NewDataFile>, context: &StatementContext) -> Result<u64> {
    let rows = files.iter().map(|file| file.record_count).sum();
    let named = context.transaction.lock().await.append_files(table.id, files.clone());
    if let Err(error) = named {
        discard(engine.storage(), table, &files).await;
        return Err(error.into());
    }
    Ok(rows)
}
