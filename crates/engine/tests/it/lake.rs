//! A lake in a temporary directory with an engine over it, and short ways to run statements and to see what comes back.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, RecordBatch};
use futures::StreamExt;
use kura_catalog::{BOOTSTRAP_ROLE_OID, Catalog, CatalogUrl, Role, SystemClock, Transaction};
use kura_engine::{Config, Engine, Outcome, StatementContext};
use kura_pgtypes::{Diagnostic, OutputSettings, SqlError, TimeZone, encode};
use kura_sql::{BindContext, OutputColumn, Parameters, SessionInfo};
use kura_storage::Storage;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

pub(crate) type Outcomes<T> = Result<T, SqlError>;

pub(crate) struct Lake {
    pub(crate) engine: Arc<Engine>,
    role: Arc<Role>,
    next_query: AtomicU64,
    directory: TempDir,
}

/// A statement that was started: its outcome and its transaction.
pub(crate) struct Started {
    pub(crate) outcome: Outcome,
    transaction: Arc<Mutex<Transaction>>,
}

impl Started {
    pub(crate) fn into_parts(self) -> (Outcome, Arc<Mutex<Transaction>>) {
        (self.outcome, self.transaction)
    }

    pub(crate) fn into_transaction(self) -> Arc<Mutex<Transaction>> {
        self.transaction
    }
}

impl Lake {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A lake whose engine is configured otherwise.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().join("lake");
        let files = directory.path().join("files");
        std::fs::create_dir(&files).expect("a directory for files");
        let storage = Storage::open(kura_storage::Config::local(&root)).expect("storage");
        let data_path = format!("{}/", storage.root().display());
        let url = CatalogUrl::Sqlite(directory.path().join("catalog.sqlite"));
        let catalog =
            Catalog::open(kura_catalog::Config { url, relocate: false }, &data_path, Arc::new(SystemClock)).await.expect("a catalog");
        let name = "kura".to_owned();
        let role = Role { oid: BOOTSTRAP_ROLE_OID, name, superuser: true, login: true, verifier: None };
        let role = catalog.create_role(role).await.expect("a role");
        let mut config = Config::new(directory.path().join("spill"));
        config.threads = 2;
        config.copy_roots = vec![files];
        change(&mut config);
        let engine = Engine::new(config, catalog, storage).expect("an engine");
        Self { engine, role, next_query: AtomicU64::new(1), directory }
    }

    /// A file that COPY may read and write.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("files").join(name)
    }

    fn info() -> SessionInfo {
        let timezone = TimeZone::from_name("UTC").expect("UTC");
        let now = 1_700_000_000_000_000;
        SessionInfo {
            user: "kura".to_owned(),
            database: "kura".to_owned(),
            session_user: "kura".to_owned(),
            search_path: vec!["public".to_owned()],
            now_micros: now,
            statement_micros: now,
            timezone,
            settings: OutputSettings::default(),
            backend_pid: 1,
            advisory: None,
        }
    }

    /// Starts a statement in a transaction of its own.
    pub(crate) async fn start(&self, sql: &str, cancel: &CancellationToken) -> Outcomes<Started> {
        let text = sql.to_owned();
        let parsed = self.engine.plan(move || kura_sql::parse(&text)).await.map_err(|error| error.to_sql_error())?;
        let parsed = parsed.into_iter().next().expect("a statement");
        let transaction = self.engine.catalog().begin().await.expect("a transaction");
        let snapshot = transaction.snapshot();
        let transaction = Arc::new(Mutex::new(transaction));
        let info = Arc::new(Self::info());
        let context = BindContext {
            snapshot,
            storage: Arc::clone(self.engine.storage()),
            info: Arc::clone(&info),
            search_path: vec!["public".to_owned()],
            role: Arc::clone(&self.role),
            parameters: Parameters::default(),
            setting: Arc::new(|_| None),
        };
        let statement = parsed.clone();
        let bound = self.engine.plan(move || kura_sql::bind(&statement, &context)).await.map_err(|error| error.to_sql_error())?;
        let authorized = kura_sql::authorize(bound, &self.role).map_err(|error| error.to_sql_error())?;
        let context = StatementContext {
            query_id: self.next_query.fetch_add(1, Ordering::Relaxed),
            transaction: Arc::clone(&transaction),
            cancel: cancel.clone(),
            info,
            text: Arc::clone(&parsed.text),
            user: "kura".to_owned(),
            copy_roots: Vec::new(),
        };
        let outcome = self.engine.run(authorized, context).await.map_err(|error| error.to_sql_error())?;
        Ok(Started { outcome, transaction })
    }

    /// Runs a statement that returns a tag, and commits.
    pub(crate) async fn command(&self, sql: &str) -> Outcomes<String> {
        let started = self.start(sql, &CancellationToken::new()).await?;
        let Outcome::Command { tag } = started.outcome else { panic!("{sql} returned {:?}", started.outcome) };
        commit(started.transaction).await?;
        Ok(tag)
    }

    /// Runs several commands that must succeed.
    pub(crate) async fn setup(&self, statements: &[&str]) {
        for sql in statements {
            if let Err(error) = self.command(sql).await {
                panic!("{sql}: {error:?}");
            }
        }
    }

    /// The rows of a query as text, NULL as `NULL`.
    pub(crate) async fn query(&self, sql: &str) -> Outcomes<Vec<Vec<String>>> {
        let started = self.start(sql, &CancellationToken::new()).await?;
        let Outcome::Rows { columns, mut rows } = started.outcome else { panic!("{sql} returned {:?}", started.outcome) };
        let mut all = Vec::new();
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(|error| error.to_sql_error())?;
            all.extend(texts(&batch, &columns));
        }
        assert!(rows.next().await.is_none(), "the end is told again");
        drop(rows);
        Arc::try_unwrap(started.transaction).ok().expect("no clone of the transaction is left");
        Ok(all)
    }

    /// As [`Lake::query`], the rows' values joined by `|`.
    pub(crate) async fn lines(&self, sql: &str) -> Vec<String> {
        let rows = self.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        rows.into_iter().map(|row| row.join("|")).collect()
    }

    /// SQLSTATE and message of a statement that fails, while being started or while being read.
    pub(crate) async fn failure(&self, sql: &str) -> SqlError {
        match self.start(sql, &CancellationToken::new()).await {
            Err(error) => error,
            Ok(Started { outcome: Outcome::Rows { mut rows, .. }, .. }) => {
                while let Some(batch) = rows.next().await {
                    if let Err(error) = batch {
                        return error.to_sql_error();
                    }
                }
                panic!("{sql} did not fail")
            }
            Ok(started) => panic!("{sql} returned {:?}", started.outcome),
        }
    }

    /// COPY FROM STDIN of these pieces.
    pub(crate) async fn copy_in(&self, sql: &str, pieces: &[&str]) -> Outcomes<String> {
        let started = self.start(sql, &CancellationToken::new()).await?;
        let Outcome::CopyIn(mut copy) = started.outcome else { panic!("{sql} returned {:?}", started.outcome) };
        for piece in pieces {
            copy.send(bytes::Bytes::copy_from_slice(piece.as_bytes())).await.map_err(|error| error.to_sql_error())?;
        }
        let tag = copy.finish().await.map_err(|error| error.to_sql_error())?;
        commit(started.transaction).await?;
        Ok(tag)
    }

    /// COPY TO STDOUT as text.
    pub(crate) async fn copy_out(&self, sql: &str) -> Outcomes<(String, u64)> {
        let started = self.start(sql, &CancellationToken::new()).await?;
        let Outcome::CopyOut(mut copy) = started.outcome else { panic!("{sql} returned {:?}", started.outcome) };
        let mut text = Vec::new();
        while let Some(piece) = copy.stream.next().await {
            text.extend_from_slice(&piece.map_err(|error| error.to_sql_error())?);
        }
        Ok((String::from_utf8(text).expect("UTF-8"), copy.rows.load(Ordering::Relaxed)))
    }
}

/// Commits when nobody else has the transaction, as a session does.
pub(crate) async fn commit(transaction: Arc<Mutex<Transaction>>) -> Outcomes<()> {
    let transaction = Arc::try_unwrap(transaction).ok().expect("no clone of the transaction is left").into_inner();
    transaction.commit().await.map(|_| ()).map_err(|error| error.to_sql_error())
}

fn texts(batch: &RecordBatch, columns: &[OutputColumn]) -> Vec<Vec<String>> {
    let settings = OutputSettings::default();
    let text = |row: usize| {
        let values = columns.iter().zip(batch.columns()).map(|(column, array)| {
            if array.is_null(row) {
                return "NULL".to_owned();
            }
            let mut out = Vec::new();
            encode::write_text(array.as_ref(), row, column.ty, &settings, &mut out).expect("a text");
            String::from_utf8(out).expect("UTF-8")
        });
        values.collect::<Vec<_>>()
    };
    (0..batch.num_rows()).map(text).collect()
}
