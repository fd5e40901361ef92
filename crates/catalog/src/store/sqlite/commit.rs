//! The commit: one SQL transaction that checks conflicts, allocates identities, and writes the next snapshot.
//!
//! `BEGIN IMMEDIATE` takes the write lock first, so the head read in it is the head until it ends. What becomes of objects
//! and files is in the modules `write_*`. Beside the conflict matrix, each of their statements checks that what it builds on
//! is still there: the matrix trusts what other programs say they changed, they do not.

use std::collections::HashMap;
use std::time::Duration;

use chrono::DateTime;
use rand::Rng;
use sqlx::sqlite::SqliteConnection;

use crate::changes::{Change, format_changes, parse_changes};
use crate::commit::Committed;
use crate::error::{Error, Result, corrupt};
use crate::store::CommitRequest;

use super::{SqliteStore, is_busy};

/// Attempts while another process holds the lock. Each waits SQLite's own timeout too.
const ATTEMPTS: u32 = 6;

/// Wait after the first refused attempt; doubled each time, with jitter.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Commits whose identity is remembered.
const REMEMBERED_COMMITS: i64 = 10_000;

/// Writes the transaction; returns its snapshot's number.
pub(super) async fn commit(store: &SqliteStore, request: &CommitRequest<'_>) -> Result<i64> {
    let mut wait = FIRST_WAIT;
    let mut attempt = 1;
    loop {
        match attempt_commit(store, request).await {
            Ok(snapshot_id) => return Ok(snapshot_id),
            Err(Error::Busy { source }) if attempt < ATTEMPTS => {
                tracing::debug!(error = %source, attempt, "catalog is locked, commit waits");
            }
            Err(error) => return Err(error),
        }
        let jitter = rand::rng().random_range(0.5..1.5);
        tokio::time::sleep(wait.mul_f64(jitter)).await;
        wait *= 2;
        attempt += 1;
    }
}

async fn attempt_commit(store: &SqliteStore, request: &CommitRequest<'_>) -> Result<i64> {
    let mut transaction = store.begin_write().await?;
    let snapshot_id = write(&mut transaction, request, &store.data_path).await.map_err(|error| match error {
        Error::Store { source } => super::busy_or_store(source),
        other => other,
    })?;
    match transaction.commit().await {
        Ok(()) => Ok(snapshot_id),
        Err(error) => after_lost_answer(store, request, error).await,
    }
}

/// COMMIT failed, which does not tell whether it happened: the recorded commit id does.
async fn after_lost_answer(store: &SqliteStore, request: &CommitRequest<'_>, error: sqlx::Error) -> Result<i64> {
    tracing::warn!(%error, commit_id = %request.commit_id, "commit failed, looking up its outcome");
    let found: Result<Option<i64>, sqlx::Error> = sqlx::query_scalar("SELECT snapshot_id FROM kura_commit WHERE commit_id = ?")
        .bind(request.commit_id.hyphenated().to_string())
        .fetch_optional(&store.writer)
        .await;
    match found {
        Ok(Some(snapshot_id)) => Ok(snapshot_id),
        Ok(None) if is_busy(&error) => Err(Error::Busy { source: error }),
        Ok(None) => Err(Error::Store { source: error }),
        Err(source) => Err(Error::CommitUnknown { source }),
    }
}

/// What a commit in progress knows; the identities are allocated from it.
pub(super) struct Writer<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    pub(super) request: &'a CommitRequest<'a>,
    /// The lake's; ends with `/`.
    pub(super) data_path: &'a str,
    /// Number of the snapshot being written.
    pub(super) snapshot_id: i64,
    pub(super) schema_version: i64,
    /// What the snapshot changes, for `changes_made`.
    pub(super) log: Vec<Change>,
    next_catalog_id: i64,
    next_file_id: i64,
    /// Real identities by provisional ones.
    ids: HashMap<i64, i64>,
}

impl Writer<'_> {
    /// A new identity for a schema, table, view or partition.
    pub(super) fn allocate(&mut self, provisional_id: i64) -> i64 {
        let id = self.next_catalog_id;
        self.next_catalog_id += 1;
        self.ids.insert(provisional_id, id);
        id
    }

    /// A new identity for a file.
    pub(super) fn allocate_file(&mut self) -> i64 {
        let id = self.next_file_id;
        self.next_file_id += 1;
        id
    }

    /// The real identity of an object.
    pub(super) fn real_id(&self, id: i64) -> Result<i64> {
        if id >= 0 {
            return Ok(id);
        }
        self.ids.get(&id).copied().ok_or_else(|| corrupt(format!("object {id} was never created")))
    }

    /// Runs an UPDATE whose parameters are this snapshot, an object and perhaps one more; returns the rows it changed.
    pub(super) async fn end(&mut self, sql: &'static str, id: i64, other: Option<i64>) -> Result<u64> {
        let mut query = sqlx::query(sql).bind(self.snapshot_id).bind(id);
        if let Some(other) = other {
            query = query.bind(other);
        }
        Ok(query.execute(&mut *self.connection).await?.rows_affected())
    }

    pub(super) async fn exists(&mut self, sql: &'static str, id: i64) -> Result<bool> {
        Ok(sqlx::query_scalar(sql).bind(id).fetch_one(&mut *self.connection).await?)
    }
}

async fn write(connection: &mut SqliteConnection, request: &CommitRequest<'_>, data_path: &str) -> Result<i64> {
    let committed = committed_since(connection, request.base_id).await?;
    request.intent.check(&committed)?;
    let head: Option<(i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT snapshot_id, schema_version, next_catalog_id, next_file_id FROM ducklake_snapshot \
         ORDER BY snapshot_id DESC LIMIT 1",
    )
    .fetch_optional(&mut *connection)
    .await?;
    let (head, schema_version, next_catalog_id, next_file_id) = head.ok_or_else(|| corrupt("there is no snapshot"))?;
    let mut writer = Writer {
        connection,
        request,
        data_path,
        snapshot_id: head + 1,
        schema_version: schema_version + i64::from(request.difference.changes_definitions()),
        log: Vec::new(),
        next_catalog_id,
        next_file_id,
        ids: HashMap::new(),
    };
    // Names are given after all of those that become free: renamings may form a chain or a ring.
    writer.end_tables().await?;
    writer.end_views().await?;
    writer.write_schemas().await?;
    writer.write_tables().await?;
    writer.write_views().await?;
    writer.write_rows().await?;
    writer.write_snapshot().await?;
    Ok(writer.snapshot_id)
}

/// What was committed after the transaction began.
async fn committed_since(connection: &mut SqliteConnection, base: i64) -> Result<Vec<Committed>> {
    let rows: Vec<(i64, Option<String>, bool)> = sqlx::query_as(
        "SELECT c.snapshot_id, c.changes_made, k.snapshot_id IS NOT NULL FROM ducklake_snapshot_changes c \
         LEFT JOIN kura_commit k ON k.snapshot_id = c.snapshot_id WHERE c.snapshot_id > ? ORDER BY c.snapshot_id",
    )
    .bind(base)
    .fetch_all(connection)
    .await?;
    let committed = rows.into_iter().map(|(snapshot_id, text, ours)| Committed {
        snapshot_id,
        ours,
        changes: parse_changes(&text.unwrap_or_default()),
    });
    Ok(committed.collect())
}

impl Writer<'_> {
    async fn write_snapshot(&mut self) -> Result<()> {
        sqlx::query("INSERT INTO ducklake_snapshot VALUES (?, ?, ?, ?, ?)")
            .bind(self.snapshot_id)
            .bind(timestamp(self.request.time_micros))
            .bind(self.schema_version)
            .bind(self.next_catalog_id)
            .bind(self.next_file_id)
            .execute(&mut *self.connection)
            .await?;
        sqlx::query("INSERT INTO ducklake_snapshot_changes VALUES (?, ?, NULL, NULL, NULL)")
            .bind(self.snapshot_id)
            .bind(format_changes(&self.log))
            .execute(&mut *self.connection)
            .await?;
        sqlx::query("INSERT INTO kura_commit(commit_id, snapshot_id) VALUES (?, ?)")
            .bind(self.request.commit_id.hyphenated().to_string())
            .bind(self.snapshot_id)
            .execute(&mut *self.connection)
            .await?;
        sqlx::query("DELETE FROM kura_commit WHERE snapshot_id < ?")
            .bind(self.snapshot_id - REMEMBERED_COMMITS)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}

/// Refuses what builds on something that is not what it was.
pub(super) fn expect(holds: bool, reason: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Conflict { reason: reason() }) }
}

/// The text in which `DuckLake` keeps a time in SQLite: `2026-11-21 00:36:49.343627+00`.
pub(super) fn timestamp(micros: i64) -> String {
    let time = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    time.format("%Y-%m-%d %H:%M:%S%.6f+00").to_string()
}
