//! [`Engine`]: what all statements share, and which file runs which statement.

use std::sync::Arc;

use kura_catalog::Catalog;
use kura_sql::statement::CopyEndpoint;
use kura_sql::{Authorized, Statement};
use kura_storage::Storage;
use kura_storage::external::FileAccess;

use crate::admission::{Admission, Permit};
use crate::config::Config;
use crate::context::StatementContext;
use crate::error::{Error, Result};
use crate::execute::{alter, copy_from, copy_to, define, explain, insert, modify, query, truncate, with};
use crate::outcome::Outcome;
use crate::planner::{Operators, Planner};
use crate::query_log::Record;
use crate::runtime::Runtime;

/// Runs statements. One per server.
pub struct Engine {
    config: Config,
    catalog: Arc<Catalog>,
    storage: Arc<Storage>,
    runtime: Runtime,
    planner: Arc<Planner>,
    admission: Admission,
}

impl Engine {
    /// An engine over these components, with threads of its own.
    ///
    /// # Errors
    /// [`Error::Start`] when the directory for intermediate results cannot be used or threads cannot be started.
    pub fn new(config: Config, catalog: Arc<Catalog>, storage: Arc<Storage>) -> Result<Arc<Self>> {
        let runtime = Runtime::new(config.cores())?;
        let planner = Arc::new(Planner::new(&config)?);
        let admission = Admission::new(config.max_running, config.queue_length);
        Ok(Arc::new(Self { config, catalog, storage, runtime, planner, admission }))
    }

    /// The tables' data.
    #[must_use]
    pub fn storage(&self) -> &Arc<Storage> {
        &self.storage
    }

    /// What exists.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Runs `work`, parsing and binding above all, on a thread with a deep stack. A panic of `work` is the caller's.
    ///
    /// What `work` returns may nest as deeply; it is best dropped in here as well.
    pub async fn plan<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.runtime.plan(work).await
    }

    /// Runs a statement. Dropping the future ends everything it started.
    ///
    /// # Errors
    /// What the statement fails with; 57014 when it is cancelled; 53400 when too many wait already. XX000 is a fault of ours
    /// and says only where the log has it.
    pub async fn run(&self, statement: Authorized<Statement>, context: StatementContext) -> Result<Outcome> {
        let statement = statement.into_inner();
        let (query_id, cancel) = (context.query_id, context.cancel.clone());
        let mut record = Some(Record::start(query_id, statement.command()));
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Error::Cancelled),
            outcome = Box::pin(self.execute(statement, context, &mut record)) => outcome,
        };
        let outcome = outcome.map_err(|error| error.masked(query_id));
        if let Some(mut record) = record {
            record.finish(outcome.as_ref().err());
        }
        metrics::gauge!("kura_memory_reserved_bytes").set(as_gauge(self.planner.memory_reserved()));
        outcome
    }

    /// Outcomes that go on after this returned take `record` with them.
    pub(crate) async fn execute(&self, statement: Statement, context: StatementContext, record: &mut Option<Record>) -> Result<Outcome> {
        match statement {
            Statement::Query(query) => query::run(self, query, context, record).await,
            Statement::Explain { statement, analyze, verbose, json } => {
                let options = explain::Options { analyze, verbose, json };
                explain::run(self, *statement, options, context, record).await
            }
            Statement::CreateSchema { name, exists, owner } => define::create_schema(name, exists, owner, &context).await,
            Statement::DropSchema { schemas, tables, views } => define::drop_schemas(schemas, tables, views, &context).await,
            Statement::CreateTable { table, source, with_rows, comments } => {
                insert::create_table(self, table, source, with_rows, comments, &context).await
            }
            Statement::DropRelations { tag, tables, views } => define::drop_relations(tag, tables, views, &context).await,
            Statement::CreateView { replaces, view } => define::create_view(replaces, view, &context).await,
            Statement::AlterTable(change) => alter::table(self, *change, &context).await,
            Statement::AlterObject(change) => alter::object(change, &context).await,
            Statement::Comment { on, text } => define::comment(on, text, &context).await,
            Statement::Insert { table, source } => insert::insert(self, table, source, &context).await,
            Statement::Modify(change) => modify::run(self, *change, context, record, None).await,
            Statement::With { parts, body } => with::run(self, parts, *body, context, record).await,
            Statement::Truncate { tables } => truncate::run(&tables, &context).await,
            Statement::CopyFrom { table, columns, from, encoding, input } => {
                let target = copy_from::Target { table, columns, input };
                match from {
                    CopyEndpoint::Client => copy_from::from_client(self, target, encoding, context, record).await,
                    CopyEndpoint::File(path) => copy_from::from_file(self, target, encoding, path, &context).await,
                }
            }
            Statement::CopyTo { query, to, encoding } => match to {
                CopyEndpoint::Client => copy_to::to_client(self, query, encoding, context, record).await,
                CopyEndpoint::File(path) => copy_to::to_file(self, query, encoding, path, &context).await,
            },
            Statement::Nothing { tag } => Ok(Outcome::command(tag)),
        }
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) fn planner(&self) -> &Arc<Planner> {
        &self.planner
    }

    /// A turn to run.
    pub(crate) async fn admit(&self) -> Result<Permit> {
        self.admission.admit().await
    }

    /// Operators for a query, made on a deep stack.
    pub(crate) async fn operators(&self, query: kura_sql::statement::Query, query_id: u64) -> Result<Operators> {
        let (planner, runtime) = (Arc::clone(&self.planner), self.runtime.handle());
        self.runtime.try_plan(move || planner.operators(query.plan, query_id, &runtime)).await
    }

    /// The files that a statement's COPY may touch.
    pub(crate) fn file_access(&self, context: &StatementContext) -> FileAccess {
        FileAccess::new(self.config.copy_roots.iter().chain(&context.copy_roots).cloned().collect())
    }

    /// Memory that one load may use for rows on their way into files.
    pub(crate) fn load_memory_bytes(&self) -> usize {
        let share = usize::try_from(self.config.memory_limit / 4).unwrap_or(usize::MAX);
        share.clamp(1 << 20, 256 << 20)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("config", &self.config).finish_non_exhaustive()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge for people")]
fn as_gauge(bytes: usize) -> f64 {
    bytes as f64
}
