//! Creates an empty lake, or checks that a present one can be used and adds our own tables to it.

use std::path::Path;

use sqlx::sqlite::{SqliteConnection, SqlitePool};

use crate::error::{Error, Result};
use crate::names;
use crate::object::role::BOOTSTRAP_ROLE_OID;
use crate::object::schema::PUBLIC_SCHEMA_OID;
use crate::store::{LAKE_VERSION, Origin};

use super::commit::timestamp;

/// Version of our own tables.
const KURA_VERSION: &str = "1";

/// First OID of user objects, as in PostgreSQL.
const FIRST_OID: u32 = 16384;

/// Leaves a database in which everything is there, in one SQL transaction.
pub(super) async fn create_or_check(writer: &SqlitePool, path: &Path, origin: &Origin) -> Result<()> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(super::busy_or_store)?;
    let connection = &mut *transaction;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *connection).await?;
    if tables == 0 {
        create_lake(connection, origin).await?;
    } else if has_table(connection, "ducklake_metadata").await? {
        check_lake(connection, origin).await?;
    } else {
        return Err(Error::NotACatalog { url: format!("sqlite:{}", path.display()) });
    }
    if !has_table(connection, "kura_meta").await? {
        create_kura(connection).await?;
    }
    check_kura(connection).await?;
    sqlx::raw_sql(include_str!("../migrations/indexes.sql")).execute(&mut *connection).await?;
    Ok(transaction.commit().await?)
}

async fn has_table(connection: &mut SqliteConnection, name: &str) -> Result<bool> {
    let found: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?)")
        .bind(name)
        .fetch_one(connection)
        .await?;
    Ok(found)
}

/// Snapshot 0 holds the schema `public` and nothing else. There is no `main`: `DuckDB` does not need it, and clients of
/// PostgreSQL would see an odd empty schema. In `DuckDB`: `USE lake.public`.
async fn create_lake(connection: &mut SqliteConnection, origin: &Origin) -> Result<()> {
    sqlx::raw_sql(include_str!("../migrations/ducklake_1_0.sql")).execute(&mut *connection).await?;
    let created_by = concat!("Kura ", env!("CARGO_PKG_VERSION"));
    let options = [
        ("version", LAKE_VERSION),
        ("created_by", created_by),
        ("data_path", &origin.data_path),
        ("encrypted", "false"),
        ("data_inlining_row_limit", "0"),
    ];
    for (key, value) in options {
        set_option(connection, key, value).await?;
    }
    sqlx::query("INSERT INTO ducklake_snapshot VALUES (0, ?, 0, 1, 0)")
        .bind(timestamp(origin.clock.now_micros()))
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO ducklake_snapshot_changes VALUES (0, 'created_schema:\"public\"', NULL, NULL, NULL)")
        .execute(&mut *connection)
        .await?;
    let uuid = names::new_id(origin.clock.as_ref());
    sqlx::query("INSERT INTO ducklake_schema VALUES (0, ?, 0, NULL, 'public', ?, 1)")
        .bind(uuid.hyphenated().to_string())
        .bind(names::new_directory(&uuid))
        .execute(&mut *connection)
        .await?;
    Ok(())
}

async fn set_option(connection: &mut SqliteConnection, key: &str, value: &str) -> Result<()> {
    sqlx::query("INSERT INTO ducklake_metadata VALUES (?, ?, NULL, NULL)").bind(key).bind(value).execute(connection).await?;
    Ok(())
}

async fn option(connection: &mut SqliteConnection, key: &str) -> Result<Option<String>> {
    let value = sqlx::query_scalar("SELECT value FROM ducklake_metadata WHERE key = ? AND scope IS NULL")
        .bind(key)
        .fetch_optional(connection)
        .await?;
    Ok(value)
}

/// Refuses what another version, an encrypting program or another configuration made.
async fn check_lake(connection: &mut SqliteConnection, origin: &Origin) -> Result<()> {
    let version = option(connection, "version").await?.unwrap_or_default();
    if version != LAKE_VERSION {
        return Err(Error::UnsupportedVersion { found: version, supported: LAKE_VERSION });
    }
    if option(connection, "encrypted").await?.is_some_and(|value| value == "true") {
        return Err(Error::UnsupportedVersion { found: format!("{version} encrypted"), supported: LAKE_VERSION });
    }
    let stored = option(connection, "data_path").await?.unwrap_or_default();
    if stored == origin.data_path {
        return Ok(());
    }
    if !origin.relocate {
        return Err(Error::DataPathMismatch { stored, configured: origin.data_path.clone() });
    }
    sqlx::query("UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path' AND scope IS NULL")
        .bind(&origin.data_path)
        .execute(&mut *connection)
        .await?;
    // Tables that were moved to another schema have an absolute path.
    sqlx::query(
        "UPDATE ducklake_table SET path = ?1 || substr(path, length(?2) + 1) \
         WHERE path_is_relative = 0 AND substr(path, 1, length(?2)) = ?2",
    )
    .bind(&origin.data_path)
    .bind(&stored)
    .execute(connection)
    .await?;
    tracing::info!(stored, data_path = origin.data_path, "lake relocated");
    Ok(())
}

/// Adds our tables to a lake that has none, whoever created it.
async fn create_kura(connection: &mut SqliteConnection) -> Result<()> {
    sqlx::raw_sql(include_str!("../migrations/kura_1.sql")).execute(&mut *connection).await?;
    // Other programs must not keep rows in tables we do not read.
    if option(connection, "data_inlining_row_limit").await?.is_none() {
        set_option(connection, "data_inlining_row_limit", "0").await?;
    }
    let first_oid = FIRST_OID.to_string();
    for (key, value) in [("version", KURA_VERSION), ("next_oid", &first_oid)] {
        sqlx::query("INSERT INTO kura_meta(key, value) VALUES (?, ?)").bind(key).bind(value).execute(&mut *connection).await?;
    }
    let public: Option<i64> =
        sqlx::query_scalar("SELECT schema_id FROM ducklake_schema WHERE schema_name = 'public' AND end_snapshot IS NULL")
            .fetch_optional(&mut *connection)
            .await?;
    if let Some(schema_id) = public {
        sqlx::query("INSERT INTO kura_oid(oid, kind, object_id) VALUES (?, 'schema', ?)")
            .bind(i64::from(PUBLIC_SCHEMA_OID))
            .bind(schema_id)
            .execute(&mut *connection)
            .await?;
        sqlx::query("INSERT INTO kura_owner(object_id, owner) VALUES (?, ?)")
            .bind(schema_id)
            .bind(i64::from(BOOTSTRAP_ROLE_OID))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn check_kura(connection: &mut SqliteConnection) -> Result<()> {
    let version: Option<String> =
        sqlx::query_scalar("SELECT value FROM kura_meta WHERE key = 'version'").fetch_optional(connection).await?;
    match version {
        Some(version) if version == KURA_VERSION => Ok(()),
        other => {
            Err(Error::UnsupportedVersion { found: format!("{LAKE_VERSION} kura {}", other.unwrap_or_default()), supported: LAKE_VERSION })
        }
    }
}
