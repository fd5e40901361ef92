//! A lake in a temporary directory, and short ways to say what tests need.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use kura_catalog::{
    BOOTSTRAP_ROLE_OID, Catalog, CatalogUrl, ColumnStats, Config, Error, FileChange, NewColumn, NewDataFile, NewDeleteFile, NewTable,
    NewView, Snapshot, SystemClock, Table, Transaction,
};
use kura_pgtypes::{Diagnostic, PgType};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;

pub(crate) const DATA_PATH: &str = "/lake/";

pub(crate) struct Lake {
    pub(crate) catalog: Arc<Catalog>,
    directory: TempDir,
}

impl Lake {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let catalog = open(directory.path().join("catalog.sqlite"), DATA_PATH).await.expect("a new catalog");
        Self { catalog, directory }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("catalog.sqlite")
    }

    /// Another process's view: the same file, opened anew.
    pub(crate) async fn reopen(&self) -> Arc<Catalog> {
        open(self.path(), DATA_PATH).await.expect("a catalog to reopen")
    }

    pub(crate) async fn begin(&self) -> Transaction {
        self.catalog.begin().await.expect("a transaction")
    }

    pub(crate) async fn snapshot(&self) -> Arc<Snapshot> {
        self.catalog.snapshot().await.expect("a snapshot")
    }

    /// The database itself, to look into or to imitate another program.
    pub(crate) async fn database(&self) -> SqlitePool {
        SqlitePool::connect_with(SqliteConnectOptions::new().filename(self.path())).await.expect("the database")
    }

    /// Runs statements as another program would.
    pub(crate) async fn run(&self, sql: &'static str) {
        let database = self.database().await;
        sqlx::raw_sql(sql).execute(&database).await.expect("the statements run");
        database.close().await;
    }

    /// Commits a snapshot as another program would: what it says it changed, and the statements that change it.
    pub(crate) async fn foreign(&self, changes: &str, sql: &'static str) {
        let database = self.database().await;
        let mut transaction = database.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
        sqlx::query(
            "INSERT INTO ducklake_snapshot SELECT snapshot_id + 1, snapshot_time, schema_version + 1, \
             next_catalog_id + 10, next_file_id + 10 FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1",
        )
        .execute(&mut *transaction)
        .await
        .expect("a snapshot");
        sqlx::query("INSERT INTO ducklake_snapshot_changes SELECT max(snapshot_id), ?, NULL, NULL, NULL FROM ducklake_snapshot")
            .bind(changes)
            .execute(&mut *transaction)
            .await
            .expect("its changes");
        sqlx::raw_sql(sql).execute(&mut *transaction).await.expect("the statements run");
        transaction.commit().await.expect("a commit");
        database.close().await;
    }

    /// Creates table `public.<name>` with columns `a int4 not null` and `b text`; returns its identity.
    pub(crate) async fn table(&self, name: &str) -> i64 {
        let mut transaction = self.begin().await;
        let schema_id = public(&transaction.snapshot());
        transaction.create_table(new_table(schema_id, name)).expect("the table is created");
        let snapshot = transaction.commit().await.expect("the creation commits");
        table(&snapshot, name).id
    }
}

pub(crate) async fn open(path: PathBuf, data_path: &str) -> Result<Arc<Catalog>, Error> {
    let config = Config { url: CatalogUrl::Sqlite(path), relocate: false };
    Catalog::open(config, data_path, Arc::new(SystemClock)).await
}

pub(crate) fn public(snapshot: &Snapshot) -> i64 {
    snapshot.schema("public").expect("schema public").id
}

pub(crate) fn table(snapshot: &Snapshot, name: &str) -> Arc<Table> {
    let relation = snapshot.relation(public(snapshot), name).expect("the table exists");
    Arc::clone(snapshot.table(relation.id()).expect("it is a table"))
}

pub(crate) fn column(name: &str, ty: PgType) -> NewColumn {
    NewColumn { name: name.to_owned(), ty, nullable: true, default: None }
}

pub(crate) fn new_table(schema_id: i64, name: &str) -> NewTable {
    let key = NewColumn { nullable: false, ..column("a", PgType::INT4) };
    NewTable {
        schema_id,
        name: name.to_owned(),
        columns: vec![key, column("b", PgType::TEXT)],
        partition: Vec::new(),
        owner: BOOTSTRAP_ROLE_OID,
    }
}

pub(crate) fn new_view(schema_id: i64, name: &str) -> NewView {
    NewView {
        schema_id,
        name: name.to_owned(),
        owner: BOOTSTRAP_ROLE_OID,
        sql: "SELECT a AS x FROM t".to_owned(),
        column_names: Vec::new(),
        columns: vec![kura_catalog::Column::new(0, "x", PgType::INT4)],
        search_path: vec!["public".to_owned()],
    }
}

/// A file with column `a` (field 1) between two bounds.
pub(crate) fn file(path: &str, rows: u64, min: i64, max: i64) -> NewDataFile {
    let stats = ColumnStats {
        value_count: Some(rows),
        null_count: Some(0),
        min: Some(min.to_string()),
        max: Some(max.to_string()),
        contains_nan: None,
        size_bytes: Some(10),
    };
    NewDataFile {
        path: path.to_owned(),
        record_count: rows,
        file_size: 100,
        footer_size: 50,
        columns: HashMap::from([(1, stats)]),
        partition_values: Vec::new(),
    }
}

/// A delete file with that many rows, all deletes of its data file counted.
pub(crate) fn deletes(path: &str, count: u64) -> FileChange {
    FileChange::Delete(NewDeleteFile { path: path.to_owned(), delete_count: count, file_size: 20, footer_size: 10 })
}

/// What the lake says the newest snapshot changed.
pub(crate) async fn log(lake: &Lake) -> String {
    let sql = "SELECT changes_made FROM ducklake_snapshot_changes ORDER BY snapshot_id DESC LIMIT 1";
    sqlx::query_scalar(sql).fetch_one(&lake.database().await).await.expect("a snapshot")
}

/// The SQLSTATE and message of an error, as a test compares them.
pub(crate) fn told(error: &Error) -> String {
    format!("{} {error}", error.sqlstate().code())
}

pub(crate) fn is_conflict<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Conflict { .. }))
}
