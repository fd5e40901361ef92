//! Reads the live files of tables with their statistics, partition values and delete files.
//!
//! What this version cannot read (inlined rows, encryption, foreign name mappings, other formats) is reported as a
//! reason, never left out in silence. Partial files, which hold rows of several snapshots, are complete at the head.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, FromRow, Row};

use crate::error::{Error, Result, corrupt};
use crate::names;
use crate::object::data_file::{ColumnStats, DataFile, DeleteFile};
use crate::snapshot::Snapshot;

/// Which files to read.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    /// Those of all tables.
    All,
    /// Those of one table that began after a snapshot.
    Table {
        /// The table.
        id: i64,
        /// -1 for all of its files.
        since: i64,
    },
}

impl Scope {
    /// The condition on `ducklake_data_file f`. Holds numbers only.
    fn condition(self) -> String {
        match self {
            Self::All => "f.end_snapshot IS NULL".to_owned(),
            Self::Table { id, since } => {
                format!("f.end_snapshot IS NULL AND f.table_id = {id} AND f.begin_snapshot > {since}")
            }
        }
    }

    fn table(self) -> Option<i64> {
        match self {
            Self::All => None,
            Self::Table { id, .. } => Some(id),
        }
    }
}

/// Files of one table, oldest first.
#[derive(Default)]
pub(super) struct FileSet {
    pub(super) files: Vec<Arc<DataFile>>,
    /// Why the table must not be read.
    pub(super) unreadable: Option<String>,
}

impl FileSet {
    fn refuse(&mut self, reason: &str) {
        if self.unreadable.is_none() {
            self.unreadable = Some(reason.to_owned());
        }
    }
}

/// Reads the files in scope, by table. `snapshot` has the tables, for their locations.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    snapshot: &Snapshot,
    scope: Scope,
    data_path: &str,
) -> Result<BTreeMap<i64, FileSet>> {
    let mut statistics = load_statistics(connection, scope).await?;
    let mut partition_values = load_partition_values(connection, scope).await?;
    let mut sets = BTreeMap::new();
    let mut deletes = load_deletes(connection, snapshot, scope, data_path, &mut sets).await?;
    for row in load_rows(connection, scope).await? {
        let set: &mut FileSet = sets.entry(row.table_id).or_default();
        let Some(table) = snapshot.table(row.table_id) else {
            continue;
        };
        if row.is_encrypted {
            set.refuse("it has encrypted files");
        }
        if row.mapping_id.is_some() {
            set.refuse("it has files without field ids");
        }
        if row.file_format.as_deref().is_some_and(|format| !format.eq_ignore_ascii_case("parquet")) {
            set.refuse("it has files that are not Parquet");
        }
        let is_relative = row.path_is_relative.unwrap_or(true);
        let Some(path) = names::resolve(Some(&table.path), &row.path, is_relative, data_path) else {
            set.refuse("it has files outside of the lake's data path");
            continue;
        };
        let id = row.data_file_id;
        set.files.push(Arc::new(DataFile {
            id,
            path,
            record_count: count(row.record_count)?,
            file_size: count(row.file_size_bytes)?,
            footer_size: count(row.footer_size)?,
            row_id_start: row.row_id_start,
            columns: statistics.remove(&id).unwrap_or_default(),
            partition_id: row.partition_id,
            partition_values: partition_values.remove(&id).unwrap_or_default(),
            deletes: deletes.remove(&id),
        }));
    }
    // Only a full read of a table looks for inlined rows: the changes that make them ask for one.
    if !matches!(scope, Scope::Table { since: 0.., .. }) {
        find_inlined_rows(connection, scope, &mut sets).await?;
        find_inlined_deletes(connection, scope, &mut sets).await?;
    }
    Ok(sets)
}

/// A count that may be missing.
fn count(value: Option<i64>) -> Result<u64> {
    u64::try_from(value.unwrap_or(0)).map_err(|_| corrupt("a count is negative"))
}

/// A row of `ducklake_data_file`.
struct FileRow {
    data_file_id: i64,
    table_id: i64,
    path: String,
    path_is_relative: Option<bool>,
    file_format: Option<String>,
    record_count: Option<i64>,
    file_size_bytes: Option<i64>,
    footer_size: Option<i64>,
    row_id_start: Option<i64>,
    partition_id: Option<i64>,
    is_encrypted: bool,
    mapping_id: Option<i64>,
}

impl FromRow<'_, SqliteRow> for FileRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            data_file_id: row.try_get("data_file_id")?,
            table_id: row.try_get("table_id")?,
            path: row.try_get("path")?,
            path_is_relative: row.try_get("path_is_relative")?,
            file_format: row.try_get("file_format")?,
            record_count: row.try_get("record_count")?,
            file_size_bytes: row.try_get("file_size_bytes")?,
            footer_size: row.try_get("footer_size")?,
            row_id_start: row.try_get("row_id_start")?,
            partition_id: row.try_get("partition_id")?,
            is_encrypted: row.try_get("is_encrypted")?,
            mapping_id: row.try_get("mapping_id")?,
        })
    }
}

async fn load_rows(connection: &mut SqliteConnection, scope: Scope) -> Result<Vec<FileRow>> {
    let sql = format!(
        "SELECT data_file_id, table_id, path, path_is_relative <> 0 AS path_is_relative, file_format, record_count, \
         file_size_bytes, footer_size, row_id_start, partition_id, coalesce(encryption_key, '') <> '' AS is_encrypted, \
         mapping_id FROM ducklake_data_file f WHERE {} ORDER BY data_file_id",
        scope.condition()
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql)).fetch_all(connection).await?)
}

/// A row of `ducklake_file_column_stats`.
struct StatisticsRow {
    data_file_id: i64,
    column_id: i64,
    column_size_bytes: Option<i64>,
    value_count: Option<i64>,
    null_count: Option<i64>,
    min_value: Option<String>,
    max_value: Option<String>,
    contains_nan: Option<bool>,
}

impl FromRow<'_, SqliteRow> for StatisticsRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            data_file_id: row.try_get("data_file_id")?,
            column_id: row.try_get("column_id")?,
            column_size_bytes: row.try_get("column_size_bytes")?,
            value_count: row.try_get("value_count")?,
            null_count: row.try_get("null_count")?,
            min_value: row.try_get("min_value")?,
            max_value: row.try_get("max_value")?,
            contains_nan: row.try_get("contains_nan")?,
        })
    }
}

async fn load_statistics(connection: &mut SqliteConnection, scope: Scope) -> Result<HashMap<i64, HashMap<i64, ColumnStats>>> {
    let sql = format!(
        "SELECT s.data_file_id, s.column_id, s.column_size_bytes, s.value_count, s.null_count, s.min_value, \
         s.max_value, s.contains_nan <> 0 AS contains_nan FROM ducklake_data_file f \
         JOIN ducklake_file_column_stats s ON s.data_file_id = f.data_file_id WHERE {}",
        scope.condition()
    );
    let rows: Vec<StatisticsRow> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(connection).await?;
    let mut files: HashMap<i64, HashMap<i64, ColumnStats>> = HashMap::new();
    for row in rows {
        let known = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        let stats = ColumnStats {
            value_count: known(row.value_count),
            null_count: known(row.null_count),
            min: row.min_value,
            max: row.max_value,
            contains_nan: row.contains_nan,
            size_bytes: known(row.column_size_bytes),
        };
        files.entry(row.data_file_id).or_default().insert(row.column_id, stats);
    }
    Ok(files)
}

async fn load_partition_values(connection: &mut SqliteConnection, scope: Scope) -> Result<HashMap<i64, Vec<Option<String>>>> {
    let sql = format!(
        "SELECT p.data_file_id, p.partition_value FROM ducklake_data_file f \
         JOIN ducklake_file_partition_value p ON p.data_file_id = f.data_file_id WHERE {} \
         ORDER BY p.data_file_id, p.partition_key_index",
        scope.condition()
    );
    let rows: Vec<(i64, Option<String>)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(connection).await?;
    let mut files: HashMap<i64, Vec<Option<String>>> = HashMap::new();
    for (id, value) in rows {
        files.entry(id).or_default().push(value);
    }
    Ok(files)
}

/// A row of `ducklake_delete_file`.
struct DeleteRow {
    delete_file_id: i64,
    table_id: i64,
    data_file_id: i64,
    path: String,
    path_is_relative: Option<bool>,
    format: Option<String>,
    delete_count: Option<i64>,
    file_size_bytes: Option<i64>,
    footer_size: Option<i64>,
    is_encrypted: bool,
}

impl FromRow<'_, SqliteRow> for DeleteRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            delete_file_id: row.try_get("delete_file_id")?,
            table_id: row.try_get("table_id")?,
            data_file_id: row.try_get("data_file_id")?,
            path: row.try_get("path")?,
            path_is_relative: row.try_get("path_is_relative")?,
            format: row.try_get("format")?,
            delete_count: row.try_get("delete_count")?,
            file_size_bytes: row.try_get("file_size_bytes")?,
            footer_size: row.try_get("footer_size")?,
            is_encrypted: row.try_get("is_encrypted")?,
        })
    }
}

/// Returns the delete file of each data file.
pub(super) async fn load_deletes(
    connection: &mut SqliteConnection,
    snapshot: &Snapshot,
    scope: Scope,
    data_path: &str,
    sets: &mut BTreeMap<i64, FileSet>,
) -> Result<HashMap<i64, DeleteFile>> {
    let sql = format!(
        "SELECT d.delete_file_id, d.table_id, d.data_file_id, d.path, d.path_is_relative <> 0 AS path_is_relative, \
         d.format, d.delete_count, d.file_size_bytes, d.footer_size, \
         coalesce(d.encryption_key, '') <> '' AS is_encrypted FROM ducklake_data_file f \
         JOIN ducklake_delete_file d ON d.table_id = f.table_id AND d.data_file_id = f.data_file_id \
         WHERE d.end_snapshot IS NULL AND {}",
        scope.condition()
    );
    let rows: Vec<DeleteRow> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(connection).await?;
    let mut deletes = HashMap::new();
    for row in rows {
        let set = sets.entry(row.table_id).or_default();
        let Some(table) = snapshot.table(row.table_id) else {
            continue;
        };
        if row.is_encrypted {
            set.refuse("it has encrypted files");
        }
        if row.format.as_deref().is_some_and(|format| !format.eq_ignore_ascii_case("parquet")) {
            set.refuse("it has delete files that are not Parquet");
        }
        let is_relative = row.path_is_relative.unwrap_or(true);
        let Some(path) = names::resolve(Some(&table.path), &row.path, is_relative, data_path) else {
            set.refuse("it has files outside of the lake's data path");
            continue;
        };
        let file = DeleteFile {
            id: row.delete_file_id,
            path,
            delete_count: count(row.delete_count)?,
            file_size: count(row.file_size_bytes)?,
            footer_size: count(row.footer_size)?,
        };
        if deletes.insert(row.data_file_id, file).is_some() {
            set.refuse("a file of it has several delete files");
        }
    }
    Ok(deletes)
}

/// Refuses tables with live rows in the metadata database.
async fn find_inlined_rows(connection: &mut SqliteConnection, scope: Scope, sets: &mut BTreeMap<i64, FileSet>) -> Result<()> {
    let registered: Vec<(i64, String)> =
        sqlx::query_as("SELECT table_id, table_name FROM ducklake_inlined_data_tables").fetch_all(&mut *connection).await?;
    for (table_id, name) in registered {
        if scope.table().is_some_and(|wanted| wanted != table_id) {
            continue;
        }
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE end_snapshot IS NULL)", names::quote(&name));
        let live: bool = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
        if live {
            sets.entry(table_id).or_default().refuse("it has rows inlined in the catalog");
        }
    }
    Ok(())
}

/// Refuses tables with deletes of file rows in the metadata database.
async fn find_inlined_deletes(connection: &mut SqliteConnection, scope: Scope, sets: &mut BTreeMap<i64, FileSet>) -> Result<()> {
    const PREFIX: &str = "ducklake_inlined_delete_";
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 24) = 'ducklake_inlined_delete_'")
            .fetch_all(&mut *connection)
            .await?;
    for name in tables {
        let Some(table_id) = name.strip_prefix(PREFIX).and_then(|id| id.parse::<i64>().ok()) else {
            continue;
        };
        if scope.table().is_some_and(|wanted| wanted != table_id) {
            continue;
        }
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {} d JOIN ducklake_data_file f ON f.data_file_id = d.file_id \
             WHERE f.end_snapshot IS NULL)",
            names::quote(&name)
        );
        let live: bool = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(Error::from)?;
        if live {
            sets.entry(table_id).or_default().refuse("it has deleted rows inlined in the catalog");
        }
    }
    Ok(())
}
