//! Running one statement: open the transaction, bind against its snapshot, authorise, hand to the engine.

use std::collections::VecDeque;
use std::sync::Arc;

use kura_engine::{Outcome, StatementContext};
use kura_pgtypes::{SqlError, SqlState};
use kura_sql::bind::SettingLookup;
use kura_sql::{Authorized, BindContext, Bound, Kind, OutputColumn, Parameters, Parsed, SessionCommand, SessionInfo, Statement};
use tracing::Instrument;

use crate::block::needs_block;
use crate::copy::{CopyIn, CopyOut};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::lock::Seen;
use crate::notice::Severity;
use crate::response::{Response, Rows};
use crate::session::Session;
use crate::transaction::State;

/// The statements of one string, in order.
#[derive(Debug)]
pub struct Script {
    statements: VecDeque<Parsed>,
}

impl Script {
    /// The next statement, and whether it is the last.
    pub fn next_statement(&mut self) -> Option<(Parsed, bool)> {
        let statement = self.statements.pop_front()?;
        Some((statement, self.statements.is_empty()))
    }

    /// Whether no statement is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
}

/// A statement bound against the transaction's snapshot, and that transaction.
struct Ready {
    bound: Bound,
    context: BindContext,
    transaction: Arc<tokio::sync::Mutex<kura_catalog::Transaction>>,
    /// Whether another statement had seen the transaction's snapshot before.
    was_used: bool,
}

/// A statement that may run: authorised, with its locks.
struct Runnable {
    statement: Authorized<Statement>,
    notices: Vec<SqlError>,
    context: BindContext,
    transaction: Arc<tokio::sync::Mutex<kura_catalog::Transaction>>,
    was_used: bool,
}

/// How often a statement is bound because what it locks was changed before it had the lock.
const BINDINGS_MAX: usize = 10;

impl Session {
    /// Reads a string of statements.
    ///
    /// # Errors
    /// 42601 with its position.
    pub async fn parse_script(&mut self, text: Arc<str>) -> Result<Script> {
        // As PostgreSQL: a simple query ends the unnamed statement and portal.
        self.prepared.remove("");
        self.portals.remove("");
        let interrupt = self.begin_statement();
        let statements = self.parse(text, &interrupt).await?;
        self.in_script = statements.len() > 1;
        Ok(Script { statements: statements.into() })
    }

    /// Runs one statement of a string.
    ///
    /// # Errors
    /// What the statement fails with.
    pub async fn start(&mut self, parsed: &Parsed) -> Result<Response> {
        let interrupt = self.begin_statement();
        self.run(parsed, Parameters { types: Vec::new(), values: Some(Vec::new()) }, None, interrupt).await
    }

    pub(crate) async fn parse(&self, text: Arc<str>, interrupt: &Interrupt) -> Result<Vec<Parsed>> {
        let parsed = interrupt.guard(self.shared.engine.plan(move || kura_sql::parse(&text))).await?;
        parsed.map_err(|source| Error::Sql { source, offset: 0 })
    }

    /// Runs a statement, with parameter values where it has any. `expected`: the columns its client was told.
    pub(crate) async fn run(
        &mut self,
        parsed: &Parsed,
        parameters: Parameters,
        expected: Option<&[OutputColumn]>,
        interrupt: Interrupt,
    ) -> Result<Response> {
        self.check_not_failed(&parsed.kind)?;
        if let Kind::Session(command) = &parsed.kind {
            return Box::pin(self.command(command, parsed, interrupt)).await;
        }
        self.check_block(parsed)?;
        if let Some(command) = parsed.defines() {
            self.check_writable(command)?;
        }
        let offset = parsed.offset;
        let Runnable { statement, notices, context, transaction, was_used } =
            Box::pin(self.locked(parsed, parameters, expected, &interrupt)).await?;
        for notice in notices {
            self.notices.push(Severity::Notice, notice, &self.settings.lock());
        }
        let command = statement.statement().command();
        let context = StatementContext {
            query_id: self.query_id,
            transaction,
            cancel: interrupt.token(),
            info: Arc::clone(&context.info),
            text: Arc::clone(&parsed.text),
            user: self.role.name.clone(),
            copy_roots: self.copy_roots.clone(),
        };
        let outcome = self.execute_statement(statement, context, command, &interrupt, offset).await?;
        if !was_used && parsed.needs_block().is_some() {
            // LOCK TABLE has seen nothing: the snapshot is to be taken when its locks are had.
            self.renew();
        }
        Ok(respond(outcome, command, interrupt, offset))
    }

    /// Binds a statement and takes its locks. One that had to wait for others sees what they did.
    async fn locked(
        &mut self,
        parsed: &Parsed,
        parameters: Parameters,
        expected: Option<&[OutputColumn]>,
        interrupt: &Interrupt,
    ) -> Result<Runnable> {
        for _ in 0..BINDINGS_MAX {
            let ready = Box::pin(self.bind(parsed, parameters.clone(), interrupt)).await?;
            if let Some(expected) = expected
                && ready.bound.columns().is_some_and(|now| !same_types(now, expected))
            {
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "cached plan must not change result type"));
            }
            if let Some(command) = ready.bound.refused_read_only() {
                self.check_writable(&command)?;
            }
            let Ready { bound, context, transaction, was_used } = ready;
            let (locks, notices) = (bound.locks().to_vec(), bound.notices().to_vec());
            let source = |source| Error::Sql { source, offset: parsed.offset };
            let statement = kura_sql::authorize(bound, &context.role).map_err(source)?;
            let may_move = self.reads_committed() || !was_used;
            if locks.is_empty() || self.take_locks(&locks, &transaction, may_move, interrupt).await? == Seen::Current {
                self.take_advisory_locks(&locks, interrupt).await?;
                return Ok(Runnable { statement, notices, context, transaction, was_used });
            }
            // READ COMMITTED takes the newest snapshot by itself when the statement is bound again.
            if !was_used {
                self.renew();
            }
        }
        let error = SqlError::new(SqlState::T_R_SERIALIZATION_FAILURE, "could not serialize access due to concurrent update");
        Err(Error::Session(error.hint("The transaction might succeed if retried.")))
    }

    /// Forgets the transaction's snapshot, which nothing but the statement under way has seen.
    fn renew(&mut self) {
        if let Some(open) = self.state.open() {
            open.renew();
        }
    }

    /// Refuses a command that changes something in a read-only transaction.
    fn check_writable(&mut self, command: &str) -> Result<()> {
        self.open();
        if self.settings.lock().is_on("transaction_read_only") {
            let message = format!("cannot execute {command} in a read-only transaction");
            return Err(Error::new(SqlState::READ_ONLY_SQL_TRANSACTION, message));
        }
        Ok(())
    }

    /// Refuses a statement that is for transaction blocks only.
    fn check_block(&self, parsed: &Parsed) -> Result<()> {
        match parsed.needs_block() {
            Some(command) if !self.in_block() => Err(needs_block(command)),
            _ => Ok(()),
        }
    }

    async fn execute_statement(
        &self,
        statement: Authorized<Statement>,
        context: StatementContext,
        command: &'static str,
        interrupt: &Interrupt,
        offset: usize,
    ) -> Result<Outcome> {
        let span = tracing::info_span!("statement", query_id = self.query_id, user = %self.role.name, database = crate::sessions::DATABASE, kind = command);
        let work = Box::pin(self.shared.engine.run(statement, context).instrument(span));
        let outcome = interrupt.guard(work).await?;
        outcome.map_err(|source| interrupt.explain(Error::Engine { source, offset }))
    }

    /// Binds without running: parameter types and columns.
    pub(crate) async fn analyse(&mut self, parsed: &Parsed, parameters: Parameters, interrupt: &Interrupt) -> Result<Bound> {
        Ok(Box::pin(self.bind(parsed, parameters, interrupt)).await?.bound)
    }

    async fn bind(&mut self, parsed: &Parsed, parameters: Parameters, interrupt: &Interrupt) -> Result<Ready> {
        let was_used = self.open().is_used();
        let (transaction, context) = interrupt.guard(Box::pin(self.bind_context(parameters))).await??;
        let (statement, bind_context) = (parsed.clone(), context.clone());
        let bound = interrupt.guard(self.shared.engine.plan(move || kura_sql::bind(&statement, &bind_context))).await?;
        let bound = bound.map_err(|source| Error::Sql { source, offset: parsed.offset })?;
        Ok(Ready { bound, context, transaction, was_used })
    }

    async fn bind_context(&mut self, parameters: Parameters) -> Result<(Arc<tokio::sync::Mutex<kura_catalog::Transaction>>, BindContext)> {
        let shared = Arc::clone(&self.shared);
        let fresh = self.reads_committed();
        let advisory = self.advisory_locks();
        let open = self.open();
        let transaction = open.work(&shared.catalog, fresh).await?;
        let now_micros = open.started_micros;
        let snapshot = transaction.lock().await.snapshot();
        let statement_micros = shared.catalog.clock().now_micros();
        let (search_path, output) = {
            let settings = self.settings.lock();
            (settings.search_path(&self.role.name), settings.output().clone())
        };
        let info = SessionInfo {
            user: self.role.name.clone(),
            database: crate::sessions::DATABASE.to_owned(),
            session_user: self.role.name.clone(),
            search_path: search_path.iter().filter(|name| snapshot.schema(name).is_some()).cloned().collect(),
            now_micros,
            statement_micros,
            timezone: output.timezone.clone(),
            settings: output,
            backend_pid: self.pid(),
            advisory: Some(advisory),
        };
        let settings = Arc::clone(&self.settings);
        let setting: Arc<SettingLookup> = Arc::new(move |name: &str| settings.lock().show(name));
        let context = BindContext {
            snapshot,
            storage: Arc::clone(shared.engine.storage()),
            info: Arc::new(info),
            search_path,
            role: Arc::clone(&self.role),
            parameters,
            setting,
        };
        Ok((transaction, context))
    }

    /// In a failed block only what ends it is heard.
    pub(crate) fn check_not_failed(&self, kind: &Kind) -> Result<()> {
        use SessionCommand::{Commit, Rollback, RollbackTo};
        let ends = matches!(kind, Kind::Session(Commit { .. } | Rollback { .. } | RollbackTo(_)));
        if matches!(self.state, State::Failed(_)) && !ends {
            return Err(Error::Session(in_failed_transaction()));
        }
        Ok(())
    }
}

pub(crate) fn in_failed_transaction() -> SqlError {
    let message = "current transaction is aborted, commands ignored until end of transaction block";
    SqlError::new(SqlState::IN_FAILED_SQL_TRANSACTION, message)
}

fn same_types(now: &[OutputColumn], told: &[OutputColumn]) -> bool {
    now.len() == told.len() && now.iter().zip(told).all(|(now, told)| now.ty.oid() == told.ty.oid())
}

fn respond(outcome: Outcome, command: &'static str, interrupt: Interrupt, offset: usize) -> Response {
    match outcome {
        Outcome::Rows { columns, rows } => Response::Rows(Rows::new(columns.into(), command, rows, interrupt, offset)),
        Outcome::Command { tag } => Response::Command(tag),
        Outcome::CopyIn(inner) => Response::CopyIn(CopyIn::new(inner, interrupt, offset)),
        Outcome::CopyOut(inner) => Response::CopyOut(CopyOut::new(inner, interrupt, offset)),
    }
}
