//! ALTER TABLE, VIEW and SCHEMA: changes of the catalog, and of a table's rows where they no longer fit.
//!
//! Rows are written anew into files of the table as it is after the change; the old files stay what older snapshots read.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use kura_catalog::{Table, Transaction};
use kura_pgtypes::{SqlError, SqlState};
use kura_sql::statement::{AlterObject, AlterTable, AlteredObject, ColumnChange, ExistingRows, ObjectChange, Query};
use kura_storage::write::discard;

use crate::context::StatementContext;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::execute::insert::{load, publish};
use crate::outcome::Outcome;

/// ALTER TABLE, of its columns.
pub(crate) async fn table(engine: &Engine, alter: AlterTable, context: &StatementContext) -> Result<Outcome> {
    let AlterTable { table, views, changes, rows } = alter;
    if let ExistingRows::Checked(checks) = &rows {
        for check in checks {
            if has_row(engine, check.query.clone(), context.query_id).await? {
                return Err(Error::Sql(AlterTable::null_found(&table.name, &check.column)));
            }
        }
    }
    let changed = {
        let mut transaction = context.transaction.lock().await;
        for view in views {
            transaction.drop_view(view.id)?;
        }
        for change in changes {
            apply(&mut transaction, &table, change)?;
        }
        current(&transaction, &table)?
    };
    if let ExistingRows::Rewritten(query) = rows {
        rewrite(engine, changed, query, context).await?;
    }
    Ok(Outcome::command("ALTER TABLE"))
}

/// ALTER of a table, view or schema as a whole.
pub(crate) async fn object(alter: AlterObject, context: &StatementContext) -> Result<Outcome> {
    let AlterObject { tag, object, change } = alter;
    let mut transaction = context.transaction.lock().await;
    match (object, change) {
        (AlteredObject::Schema(schema), ObjectChange::Name(name)) => transaction.rename_schema(schema.id, &name)?,
        (AlteredObject::Schema(schema), ObjectChange::Owner(owner)) => transaction.set_schema_owner(schema.id, owner)?,
        (AlteredObject::Schema(_), ObjectChange::Schema(_)) => return Err(Error::internal("a schema in a schema")),
        (AlteredObject::Table(table), ObjectChange::Name(name)) => transaction.rename_table(table.id, &name)?,
        (AlteredObject::Table(table), ObjectChange::Schema(schema)) => transaction.set_table_schema(table.id, schema)?,
        (AlteredObject::Table(table), ObjectChange::Owner(owner)) => transaction.set_table_owner(table.id, owner)?,
        (AlteredObject::View(view), ObjectChange::Name(name)) => transaction.rename_view(view.id, &name)?,
        (AlteredObject::View(view), ObjectChange::Schema(schema)) => transaction.set_view_schema(view.id, schema)?,
        (AlteredObject::View(view), ObjectChange::Owner(owner)) => transaction.set_view_owner(view.id, owner)?,
    }
    Ok(Outcome::command(tag))
}

fn apply(transaction: &mut Transaction, table: &Arc<Table>, change: ColumnChange) -> Result<()> {
    let id = |transaction: &Transaction, name: &str| column_id(&*current(transaction, table)?, name);
    match change {
        ColumnChange::Drop { column } => transaction.drop_column(table.id, id(transaction, &column)?)?,
        ColumnChange::Add { column, initial } => {
            transaction.add_column(table.id, column, initial)?;
        }
        ColumnChange::Widen { column, ty } => transaction.widen_column(table.id, id(transaction, &column)?, ty)?,
        ColumnChange::Replace { column, ty } => {
            transaction.replace_column(table.id, id(transaction, &column)?, ty)?;
        }
        ColumnChange::Default { column, default } => transaction.set_column_default(table.id, id(transaction, &column)?, default)?,
        ColumnChange::Nullable { column, nullable } => transaction.set_column_nullable(table.id, id(transaction, &column)?, nullable)?,
        ColumnChange::Rename { column, name } => transaction.rename_column(table.id, id(transaction, &column)?, &name)?,
        ColumnChange::Owner { owner } => transaction.set_table_owner(table.id, owner)?,
    }
    Ok(())
}

/// The table as the transaction sees it by now.
fn current(transaction: &Transaction, table: &Table) -> Result<Arc<Table>> {
    let snapshot = transaction.snapshot();
    let missing = || Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{}\" does not exist", table.name));
    snapshot.table(table.id).cloned().ok_or_else(missing)
}

fn column_id(table: &Table, name: &str) -> Result<i64> {
    let missing = || Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" of relation \"{}\" does not exist", table.name));
    table.column(name).map(|column| column.id).ok_or_else(missing)
}

/// Puts the rows of a query in the place of all that a table has.
async fn rewrite(engine: &Engine, table: Arc<Table>, rows: Query, context: &StatementContext) -> Result<()> {
    let permit = engine.admit().await?;
    let operators = engine.operators(rows, context.query_id).await?;
    let (target, stop) = (Arc::clone(&table), operators.stop());
    let load = load(engine, &table, permit, async move { Ok(without_nulls(operators.start()?, target)) });
    let files = load.stopping(stop).await??;
    let emptied = context.transaction.lock().await.truncate(table.id);
    if let Err(error) = emptied {
        discard(engine.storage(), &table, &files).await;
        return Err(error.into());
    }
    publish(engine, &table, files, context).await?;
    Ok(())
}

/// The rows, ending with 23502 at one that has NULL where the table takes none.
fn without_nulls(rows: SendableRecordBatchStream, table: Arc<Table>) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let rows = rows.map(move |batch| {
        let batch = batch?;
        refuse_null(&batch, &table).map_err(|error| Error::Sql(error).into_datafusion())?;
        Ok(batch)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

fn refuse_null(batch: &RecordBatch, table: &Table) -> Result<(), SqlError> {
    let found = table.columns.iter().zip(batch.columns()).find(|(column, values)| !column.nullable && values.null_count() > 0);
    match found {
        Some((column, _)) => Err(AlterTable::null_found(&table.name, &column.name)),
        None => Ok(()),
    }
}

/// Whether a query returns a row.
async fn has_row(engine: &Engine, query: Query, query_id: u64) -> Result<bool> {
    let permit = engine.admit().await?;
    let operators = engine.operators(query, query_id).await?;
    let stop = operators.stop();
    let first = engine.runtime().spawn(async move {
        let _permit = permit;
        let mut rows = operators.start()?;
        while let Some(batch) = rows.next().await {
            if batch?.num_rows() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    });
    first.stopping(stop).await?
}
