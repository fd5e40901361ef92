//! DELETE, UPDATE, MERGE, and INSERT with RETURNING: one query says what to do, the rows it yields are applied here.
//!
//! Rows that go are gathered as places, new rows are written as they come, rows for the client wait in memory. When the query
//! has ended, delete files are written, and only then is the transaction told of all of it at once.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use kura_catalog::{FileChange, NewDataFile, Table, Transaction};
use kura_pgtypes::OutputSettings;
use kura_sql::statement::{Modify, Query, Twice};
use kura_storage::Storage;
use kura_storage::write::{AppendOptions, RowSet, append, discard, discard_deletes, write_deletes};
use parking_lot::Mutex;

use crate::admission::Permit;
use crate::context::StatementContext;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::planner::Operators;
use crate::query_log::Record;
use crate::rows::RowStream;
use split::Splitter;

mod split;

pub(crate) use split::Returned;

/// What is changed, without the query that says how.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) command: &'static str,
    pub(crate) table: Arc<Table>,
    pub(crate) writes: bool,
    pub(crate) twice: Twice,
}

impl Change {
    /// Takes a statement apart: what is changed, and the query.
    pub(crate) fn of(modify: Modify) -> (Self, Query) {
        let query = Query { plan: modify.source, columns: modify.returning.unwrap_or_default() };
        (Self { command: modify.command, table: modify.table, writes: modify.writes, twice: modify.twice }, query)
    }
}

/// Rows that the other parts of a statement deleted or updated already, by table: they are left alone.
pub(crate) type Earlier = HashMap<i64, RowSet>;

/// What was done.
pub(crate) struct Done {
    /// Rows deleted, updated and added.
    pub(crate) rows: u64,
    /// What RETURNING asks for.
    pub(crate) returned: Returned,
}

/// What was written, before the transaction knows of it.
struct Written {
    files: Vec<NewDataFile>,
    deletes: Vec<(i64, FileChange)>,
    earlier: Option<RowSet>,
    done: Done,
}

/// Runs a statement. `earlier`: what its WITH list changed, if that changes rows.
pub(crate) async fn run(
    engine: &Engine,
    modify: Modify,
    context: StatementContext,
    record: &mut Option<Record>,
    earlier: Option<&mut Earlier>,
) -> Result<Outcome> {
    let returning = modify.returning.clone();
    if modify.everything {
        let rows = context.transaction.lock().await.truncate(modify.table.id)?;
        return Ok(Outcome::command(format!("{} {rows}", modify.command)));
    }
    let (change, query) = Change::of(modify);
    let permit = engine.admit().await?;
    let operators = engine.operators(query, context.query_id).await?;
    let done = apply(engine, &change, operators, permit, &context, earlier).await?;
    let Some(columns) = returning else {
        return Ok(Outcome::command(tag(change.command, done.rows)));
    };
    let record = record.take().unwrap_or_else(|| Record::start(context.query_id, change.command));
    let Returned { batches, reservation } = done.returned;
    let rows = RowStream::ready(engine.runtime(), batches, context.cancel, record).holding(Box::new(reservation));
    Ok(Outcome::Rows { columns, rows })
}

/// Applies the rows that `operators` yield.
///
/// # Errors
/// What computing or storing the rows fails with; 23502; 21000. Nothing is changed then.
pub(crate) async fn apply(
    engine: &Engine,
    change: &Change,
    operators: Operators,
    permit: Permit,
    context: &StatementContext,
    earlier: Option<&mut Earlier>,
) -> Result<Done> {
    let stop = operators.stop();
    let (left_alone, now) = match &earlier {
        Some(earlier) => {
            // The delete files that the other parts wrote are to be taken over.
            let snapshot = context.transaction.lock().await.snapshot();
            (Some(earlier.get(&change.table.id).cloned().unwrap_or_default()), snapshot.table(change.table.id).cloned())
        }
        None => (None, None),
    };
    let now = now.unwrap_or_else(|| Arc::clone(&change.table));
    let options = AppendOptions { memory_bytes: engine.load_memory_bytes(), ..AppendOptions::default() };
    let (storage, own, settings) = (Arc::clone(engine.storage()), change.clone(), context.info.settings.clone());
    let work = engine.runtime().spawn(async move {
        let _permit = permit;
        write(&storage, &own, &operators, settings, &options, left_alone, &now).await
    });
    let mut written = work.stopping(stop).await??;
    if let (Some(earlier), Some(rows)) = (earlier, written.earlier.take()) {
        earlier.insert(change.table.id, rows);
    }
    publish(engine, &change.table, written, context).await
}

/// Runs the query and writes what it asks for. On failure what was written is removed as far as that is possible. `now`: the table
/// with the delete files it has at present.
async fn write(
    storage: &Arc<Storage>,
    change: &Change,
    operators: &Operators,
    settings: OutputSettings,
    options: &AppendOptions,
    earlier: Option<RowSet>,
    now: &Table,
) -> Result<Written> {
    let mut rows = operators.start()?;
    let width = if change.writes { change.table.columns.len() } else { 0 };
    let splitter = Splitter::new(change, width, settings, operators.reservation("rows of a change"), earlier);
    let (files, splitter) = if change.writes {
        let splitter = Arc::new(Mutex::new(splitter));
        let files = append(storage, &change.table, new_rows(rows, width, &splitter), options).await?;
        let splitter = Arc::into_inner(splitter).ok_or_else(|| Error::internal("rows are still being split"))?;
        (files, splitter.into_inner())
    } else {
        let mut splitter = splitter;
        while let Some(batch) = rows.next().await {
            splitter.take(&batch?)?;
        }
        (Vec::new(), splitter)
    };
    let (gone, earlier, done) = splitter.finish();
    if gone.is_empty() {
        return Ok(Written { files, deletes: Vec::new(), earlier, done });
    }
    match write_deletes(storage, now, &gone).await {
        Ok(deletes) => Ok(Written { files, deletes, earlier, done }),
        Err(error) => {
            discard(storage, &change.table, &files).await;
            Err(error.into())
        }
    }
}

/// The rows to be written among those of the query.
fn new_rows(rows: SendableRecordBatchStream, width: usize, splitter: &Arc<Mutex<Splitter>>) -> SendableRecordBatchStream {
    let fields: Vec<_> = rows.schema().fields().iter().skip(split::VALUES).take(width).cloned().collect();
    let splitter = Arc::clone(splitter);
    let new = rows.filter_map(move |batch| {
        let split = match batch {
            Ok(batch) => splitter.lock().take(&batch).map_err(Error::into_datafusion).transpose(),
            Err(error) => Some(Err(error)),
        };
        std::future::ready(split)
    });
    Box::pin(RecordBatchStreamAdapter::new(Arc::new(Schema::new(fields)), new))
}

/// Tells the transaction of everything at once.
async fn publish(engine: &Engine, table: &Table, written: Written, context: &StatementContext) -> Result<Done> {
    let Written { files, deletes, done, .. } = written;
    let named = {
        let mut transaction = context.transaction.lock().await;
        let before = transaction.savepoint();
        let named = name(&mut transaction, table.id, &files, &deletes);
        if named.is_err() {
            transaction.roll_back_to(&before);
        }
        named
    };
    if let Err(error) = named {
        discard(engine.storage(), table, &files).await;
        discard_deletes(engine.storage(), table, &deletes).await;
        return Err(error.into());
    }
    Ok(done)
}

fn name(
    transaction: &mut Transaction,
    table_id: i64,
    files: &[NewDataFile],
    deletes: &[(i64, FileChange)],
) -> Result<(), kura_catalog::Error> {
    if !deletes.is_empty() {
        transaction.delete_rows(table_id, deletes.to_vec())?;
    }
    if !files.is_empty() {
        transaction.append_files(table_id, files.to_vec())?;
    }
    Ok(())
}

/// The command tag.
fn tag(command: &str, rows: u64) -> String {
    if command == "INSERT" { format!("INSERT 0 {rows}") } else { format!("{command} {rows}") }
}
