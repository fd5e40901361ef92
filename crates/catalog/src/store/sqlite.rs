//! The metadata database in one SQLite file: connections, head, OIDs, roles. The SQL of images and commits is below.
//!
//! One connection writes, in the order of arrival; several read, each in a read transaction of its own (WAL). Nothing
//! else in this process may open the file.

mod commit;
mod create;
mod definitions;
mod files;
mod load;
mod refresh;
mod write_attributes;
mod write_columns;
mod write_files;
mod write_schemas;
mod write_statistics;
mod write_tables;
mod write_views;

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, Transaction};

use crate::error::{Error, Result, corrupt};
use crate::object::role::Role;
use crate::snapshot::Snapshot;
use crate::store::{CommitRequest, MetadataStore, Origin};

/// Connections that read.
const READERS: u32 = 4;

/// How long SQLite itself waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a commit waits for the ones before it in this process.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(60);

/// The store.
pub(crate) struct SqliteStore {
    reader: SqlitePool,
    writer: SqlitePool,
    data_path: String,
}

impl SqliteStore {
    /// Opens the file, creating the lake in it when it holds nothing.
    pub(crate) async fn open(path: &Path, origin: Origin) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(false)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |size| SqlitePoolOptions::new().max_connections(size).acquire_timeout(QUEUE_TIMEOUT);
        let writer = pool(1).connect_with(options.clone()).await?;
        create::create_or_check(&writer, path, &origin).await?;
        let reader = pool(READERS).connect_with(options).await?;
        Ok(Self { reader, writer, data_path: origin.data_path })
    }

    /// Begins a transaction that holds the write lock from its start, so that it never fails half way for want of it.
    async fn begin_write(&self) -> Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(busy_or_store)
    }

    /// Gives OIDs to objects other programs created.
    async fn assign_oids(&self, objects: &[(&'static str, i64)]) -> Result<()> {
        let mut transaction = self.begin_write().await?;
        let count = u32::try_from(objects.len()).map_err(|_| too_many_oids())?;
        let block = take_oids(&mut transaction, count).await?;
        for (oid, (kind, object_id)) in block.zip(objects) {
            sqlx::query("INSERT INTO kura_oid(oid, kind, object_id) VALUES (?, ?, ?) ON CONFLICT (object_id) DO NOTHING")
                .bind(i64::from(oid))
                .bind(*kind)
                .bind(object_id)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}

#[async_trait]
impl MetadataStore for SqliteStore {
    async fn head(&self) -> Result<i64> {
        let head: Option<i64> = sqlx::query_scalar("SELECT max(snapshot_id) FROM ducklake_snapshot").fetch_one(&self.reader).await?;
        head.ok_or_else(|| corrupt("there is no snapshot"))
    }

    async fn load(&self, published: Option<&Snapshot>) -> Result<Snapshot> {
        // Objects of other programs get their OIDs first; a few rounds suffice unless they are created all the time.
        for _ in 0..8 {
            let mut connection = self.reader.begin().await?;
            match load::load(&mut connection, published, &self.data_path).await? {
                load::Loaded::Image(snapshot) => return Ok(*snapshot),
                load::Loaded::WithoutOids(objects) => {
                    connection.rollback().await?;
                    self.assign_oids(&objects).await?;
                }
            }
        }
        Err(corrupt("objects appear faster than they get their identifiers"))
    }

    async fn commit(&self, request: &CommitRequest<'_>) -> Result<i64> {
        commit::commit(self, request).await
    }

    async fn reserve_oids(&self, count: u32) -> Result<Range<u32>> {
        let mut transaction = self.begin_write().await?;
        let block = take_oids(&mut transaction, count).await?;
        transaction.commit().await?;
        Ok(block)
    }

    async fn roles(&self) -> Result<Vec<Role>> {
        let mut connection = self.reader.acquire().await?;
        read_roles(&mut connection).await
    }

    async fn create_role(&self, role: &Role) -> Result<()> {
        let inserted = sqlx::query("INSERT INTO kura_role(oid, name, superuser, login, verifier) VALUES (?, ?, ?, ?, ?)")
            .bind(i64::from(role.oid))
            .bind(&role.name)
            .bind(role.superuser)
            .bind(role.login)
            .bind(&role.verifier)
            .execute(&self.writer)
            .await;
        match inserted {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(Error::RoleExists { name: role.name.clone() }),
            Err(error) => Err(busy_or_store(error)),
        }
    }

    async fn set_verifier(&self, name: &str, verifier: Option<&str>) -> Result<()> {
        let updated = sqlx::query("UPDATE kura_role SET verifier = ? WHERE name = ?")
            .bind(verifier)
            .bind(name)
            .execute(&self.writer)
            .await
            .map_err(busy_or_store)?;
        if updated.rows_affected() == 0 {
            return Err(Error::RoleNotFound { name: name.to_owned() });
        }
        Ok(())
    }

    async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// Moves the durable OID counter.
async fn take_oids(connection: &mut SqliteConnection, count: u32) -> Result<Range<u32>> {
    let next: String = sqlx::query_scalar("SELECT value FROM kura_meta WHERE key = 'next_oid'").fetch_one(&mut *connection).await?;
    let start: u32 = next.parse().map_err(|_| corrupt("the next OID is not a number"))?;
    let end = start.checked_add(count).ok_or_else(too_many_oids)?;
    sqlx::query("UPDATE kura_meta SET value = ? WHERE key = 'next_oid'").bind(end.to_string()).execute(connection).await?;
    Ok(start..end)
}

async fn read_roles(connection: &mut SqliteConnection) -> Result<Vec<Role>> {
    let rows: Vec<(i64, String, bool, bool, Option<String>)> =
        sqlx::query_as("SELECT oid, name, superuser <> 0, login <> 0, verifier FROM kura_role ORDER BY oid").fetch_all(connection).await?;
    rows.into_iter()
        .map(|(oid, name, superuser, login, verifier)| Ok(Role { oid: oid_of(oid)?, name, superuser, login, verifier }))
        .collect()
}

fn oid_of(value: i64) -> Result<u32> {
    u32::try_from(value).map_err(|_| corrupt(format!("{value} is not an OID")))
}

fn too_many_oids() -> Error {
    Error::Limit { message: "object identifiers are exhausted".to_owned() }
}

/// Whether SQLite refused because another connection holds a lock (`SQLITE_BUSY`, `SQLITE_LOCKED` and their kin).
fn is_busy(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    let code = error.code().and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

fn busy_or_store(error: sqlx::Error) -> Error {
    if is_busy(&error) { Error::Busy { source: error } } else { Error::Store { source: error } }
}
