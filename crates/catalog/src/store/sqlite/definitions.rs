//! Reads schemas, tables with columns and partitions, views and comments as of the head. Reads no files.

use std::collections::HashMap;
use std::sync::Arc;

use kura_pgtypes::PgType;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{FromRow, Row};

use crate::changes::parse_names;
use crate::column_type;
use crate::error::{Result, corrupt};
use crate::names;
use crate::object::column::Column;
use crate::object::default_value;
use crate::object::partition::{Partition, PartitionColumn, Transform};
use crate::object::role::BOOTSTRAP_ROLE_OID;
use crate::object::schema::Schema;
use crate::object::table::Table;
use crate::object::view::View;

use super::oid_of;

/// All definitions at the head.
#[derive(Default)]
pub(super) struct Definitions {
    pub(super) schemas: Vec<Schema>,
    /// Without files.
    pub(super) tables: Vec<Table>,
    pub(super) views: Vec<View>,
    /// Objects, as kind and identity, without an OID: other programs created them.
    pub(super) without_oid: Vec<(&'static str, i64)>,
}

/// What is known about objects by identity.
struct Attributes {
    oids: HashMap<i64, u32>,
    owners: HashMap<i64, u32>,
    comments: HashMap<i64, String>,
}

impl Attributes {
    fn owner(&self, id: i64) -> u32 {
        self.owners.get(&id).copied().unwrap_or(BOOTSTRAP_ROLE_OID)
    }

    /// The OID, or 0 after noting that there is none.
    fn oid(&self, kind: &'static str, id: i64, missing: &mut Vec<(&'static str, i64)>) -> u32 {
        self.oids.get(&id).copied().unwrap_or_else(|| {
            missing.push((kind, id));
            0
        })
    }
}

/// Reads everything.
pub(super) async fn load(connection: &mut SqliteConnection, data_path: &str) -> Result<Definitions> {
    let attributes = load_attributes(connection).await?;
    let mut found = Definitions::default();
    let schema_paths = load_schemas(connection, &attributes, data_path, &mut found).await?;
    load_tables(connection, &attributes, &schema_paths, data_path, &mut found).await?;
    load_views(connection, &attributes, &mut found).await?;
    Ok(found)
}

async fn load_attributes(connection: &mut SqliteConnection) -> Result<Attributes> {
    let oids: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT object_id, oid FROM kura_oid WHERE object_id IN (SELECT schema_id FROM ducklake_schema WHERE end_snapshot IS NULL \
         UNION ALL SELECT table_id FROM ducklake_table WHERE end_snapshot IS NULL \
         UNION ALL SELECT view_id FROM ducklake_view WHERE end_snapshot IS NULL)",
    )
    .fetch_all(&mut *connection)
    .await?;
    let owners: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT object_id, owner FROM kura_owner WHERE object_id IN (SELECT schema_id FROM ducklake_schema WHERE end_snapshot IS NULL \
         UNION ALL SELECT table_id FROM ducklake_table WHERE end_snapshot IS NULL \
         UNION ALL SELECT view_id FROM ducklake_view WHERE end_snapshot IS NULL)",
    )
    .fetch_all(&mut *connection)
    .await?;
    let comments: Vec<(i64, String)> = sqlx::query_as(
        "SELECT object_id, value FROM ducklake_tag \
         WHERE end_snapshot IS NULL AND key = 'comment' AND value IS NOT NULL",
    )
    .fetch_all(&mut *connection)
    .await?;
    let numbers = |rows: Vec<(i64, i64)>| rows.into_iter().map(|(id, oid)| Ok((id, oid_of(oid)?))).collect::<Result<_>>();
    Ok(Attributes { oids: numbers(oids)?, owners: numbers(owners)?, comments: comments.into_iter().collect() })
}

/// Returns the location of each schema, `None` when outside of the data path.
async fn load_schemas(
    connection: &mut SqliteConnection,
    attributes: &Attributes,
    data_path: &str,
    found: &mut Definitions,
) -> Result<HashMap<i64, Option<String>>> {
    let rows: Vec<(i64, String, Option<String>, Option<bool>)> =
        sqlx::query_as("SELECT schema_id, schema_name, path, path_is_relative <> 0 FROM ducklake_schema WHERE end_snapshot IS NULL")
            .fetch_all(connection)
            .await?;
    let mut paths = HashMap::new();
    for (id, name, path, is_relative) in rows {
        let path = names::resolve(Some(""), &path.unwrap_or_default(), is_relative.unwrap_or(true), data_path);
        found.schemas.push(Schema {
            id,
            oid: attributes.oid("schema", id, &mut found.without_oid),
            name,
            owner: attributes.owner(id),
            comment: attributes.comments.get(&id).cloned(),
            path: path.clone().unwrap_or_default(),
        });
        paths.insert(id, path);
    }
    Ok(paths)
}

async fn load_tables(
    connection: &mut SqliteConnection,
    attributes: &Attributes,
    schema_paths: &HashMap<i64, Option<String>>,
    data_path: &str,
    found: &mut Definitions,
) -> Result<()> {
    type Row = (i64, i64, String, Option<String>, Option<bool>);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT table_id, schema_id, table_name, path, path_is_relative <> 0 FROM ducklake_table \
         WHERE end_snapshot IS NULL ORDER BY table_id",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut columns = load_columns(connection).await?;
    let next_columns = load_next_columns(connection).await?;
    let mut partitions = load_partitions(connection).await?;
    for (id, schema_id, name, path, is_relative) in rows {
        let schema_path =
            schema_paths.get(&schema_id).ok_or_else(|| corrupt(format!("table {id} is in schema {schema_id}, which does not exist")))?;
        let path = names::resolve(schema_path.as_deref(), &path.unwrap_or_default(), is_relative.unwrap_or(true), data_path);
        let (columns, mut unreadable) = columns.remove(&id).unwrap_or_default();
        let partition = match partitions.remove(&id) {
            Some(Some(partition)) => Some(partition),
            Some(None) => {
                unreadable = unreadable.or_else(|| Some("it has an unknown partition transform".to_owned()));
                None
            }
            None => None,
        };
        if path.is_none() {
            unreadable = Some("its files are outside of the lake's data path".to_owned());
        }
        found.tables.push(Table {
            id,
            oid: attributes.oid("table", id, &mut found.without_oid),
            schema_id,
            name,
            owner: attributes.owner(id),
            path: path.unwrap_or_default(),
            columns,
            next_column_id: next_columns.get(&id).copied().unwrap_or(1),
            comment: attributes.comments.get(&id).cloned(),
            partition,
            files: Arc::default(),
            record_count: 0,
            unreadable,
        });
    }
    Ok(())
}

/// The field id after the last one, dropped columns included, by table.
async fn load_next_columns(connection: &mut SqliteConnection) -> Result<HashMap<i64, i64>> {
    let rows: Vec<(i64, Option<i64>)> = sqlx::query_as(
        "SELECT t.table_id, (SELECT max(c.column_id) + 1 FROM ducklake_column c WHERE c.table_id = t.table_id) \
         FROM ducklake_table t WHERE t.end_snapshot IS NULL",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter_map(|(table_id, next)| Some((table_id, next?))).collect())
}

/// A row of `ducklake_column`.
struct ColumnRow {
    table_id: i64,
    column_id: i64,
    column_name: String,
    column_type: String,
    initial_default: Option<String>,
    default_value: Option<String>,
    nulls_allowed: Option<bool>,
    parent_column: Option<i64>,
    default_value_type: Option<String>,
}

impl FromRow<'_, SqliteRow> for ColumnRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            table_id: row.try_get("table_id")?,
            column_id: row.try_get("column_id")?,
            column_name: row.try_get("column_name")?,
            column_type: row.try_get("column_type")?,
            initial_default: row.try_get("initial_default")?,
            default_value: row.try_get("default_value")?,
            nulls_allowed: row.try_get("nulls_allowed")?,
            parent_column: row.try_get("parent_column")?,
            default_value_type: row.try_get("default_value_type")?,
        })
    }
}

/// Columns by table, and why a table's columns cannot all be read.
type TableColumns = HashMap<i64, (Vec<Column>, Option<String>)>;

async fn load_columns(connection: &mut SqliteConnection) -> Result<TableColumns> {
    let rows: Vec<ColumnRow> = sqlx::query_as(
        "SELECT table_id, column_id, column_name, column_type, initial_default, default_value, \
         nulls_allowed <> 0 AS nulls_allowed, parent_column, default_value_type FROM ducklake_column \
         WHERE end_snapshot IS NULL ORDER BY table_id, column_order, column_id",
    )
    .fetch_all(&mut *connection)
    .await?;
    let comments: Vec<(i64, i64, String)> = sqlx::query_as(
        "SELECT table_id, column_id, value FROM ducklake_column_tag \
         WHERE end_snapshot IS NULL AND key = 'comment' AND value IS NOT NULL",
    )
    .fetch_all(&mut *connection)
    .await?;
    let types: Vec<(i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT table_id, column_id, type_oid, typmod FROM kura_column_type \
             WHERE table_id IN (SELECT table_id FROM ducklake_table WHERE end_snapshot IS NULL)",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut comments: HashMap<(i64, i64), String> = comments.into_iter().map(|(table, column, text)| ((table, column), text)).collect();
    let types: HashMap<(i64, i64), (i64, i64)> =
        types.into_iter().map(|(table, column, oid, typmod)| ((table, column), (oid, typmod))).collect();
    let mut children: HashMap<(i64, i64), Vec<&ColumnRow>> = HashMap::new();
    for row in &rows {
        if let Some(parent) = row.parent_column {
            children.entry((row.table_id, parent)).or_default().push(row);
        }
    }
    let mut tables = TableColumns::new();
    for row in rows.iter().filter(|row| row.parent_column.is_none()) {
        let key = (row.table_id, row.column_id);
        let recorded = types.get(&key).and_then(|(oid, typmod)| pg_type(*oid, *typmod));
        let (columns, unreadable) = tables.entry(row.table_id).or_default();
        let (mut column, reason) = build_column(row, children.get(&key).map(Vec::as_slice), recorded);
        column.comment = comments.remove(&key);
        columns.push(column);
        if unreadable.is_none() {
            *unreadable = reason;
        }
    }
    Ok(tables)
}

/// A type as we recorded it.
fn pg_type(oid: i64, typmod: i64) -> Option<PgType> {
    Some(PgType::from_oid(u32::try_from(oid).ok()?)?.with_typmod(i32::try_from(typmod).ok()?))
}

/// Builds a column; the second part says why it cannot be read. The recorded type is used only while it still fits
/// the stored one: another program may have changed the column.
fn build_column(row: &ColumnRow, children: Option<&[&ColumnRow]>, recorded: Option<PgType>) -> (Column, Option<String>) {
    let element = match (row.column_type.as_str(), children) {
        ("list", Some([element])) => Some(*element),
        _ => None,
    };
    let lake_type = element.map_or(row.column_type.as_str(), |element| element.column_type.as_str());
    let fitting = recorded.filter(|ty| ty.array == element.is_some() && column_type::from_pg(*ty).as_deref() == Some(lake_type));
    let found = fitting.or_else(|| {
        let scalar = column_type::to_pg(lake_type)?;
        Some(if element.is_some() { scalar.array_of() } else { scalar })
    });
    let reason = found.is_none().then(|| format!("column \"{}\" has type {}, which is not supported", row.column_name, row.column_type));
    let is_numeric = element.is_none() && ["int", "uint", "float", "decimal"].iter().any(|start| lake_type.starts_with(start));
    let column = Column {
        id: row.column_id,
        name: row.column_name.clone(),
        ty: found.unwrap_or(PgType::TEXT),
        lake_type: lake_type.to_owned(),
        nullable: row.nulls_allowed.unwrap_or(true),
        default: default_value::load(row.default_value.as_deref(), row.default_value_type.as_deref(), is_numeric),
        initial_default: row.initial_default.clone(),
        comment: None,
        element_id: element.map(|element| element.column_id),
    };
    (column, reason)
}

/// Partitions by table; `None` for one with a transform this version does not know.
async fn load_partitions(connection: &mut SqliteConnection) -> Result<HashMap<i64, Option<Partition>>> {
    let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(
        "SELECT i.table_id, i.partition_id, c.column_id, c.transform FROM ducklake_partition_info i \
         JOIN ducklake_partition_column c ON c.partition_id = i.partition_id AND c.table_id = i.table_id \
         WHERE i.end_snapshot IS NULL ORDER BY i.table_id, c.partition_key_index",
    )
    .fetch_all(connection)
    .await?;
    let mut partitions: HashMap<i64, Option<Partition>> = HashMap::new();
    for (table_id, id, column_id, transform) in rows {
        let entry = partitions.entry(table_id).or_insert_with(|| Some(Partition { id, columns: Vec::new() }));
        match (entry.as_mut(), Transform::parse(&transform)) {
            (Some(partition), Some(transform)) => partition.columns.push(PartitionColumn { column_id, transform }),
            _ => *entry = None,
        }
    }
    Ok(partitions)
}

/// A row of `ducklake_view` with what we recorded about it.
struct ViewRow {
    view_id: i64,
    schema_id: i64,
    view_name: String,
    sql: String,
    column_aliases: Option<String>,
    columns: Option<String>,
    search_path: Option<String>,
}

impl FromRow<'_, SqliteRow> for ViewRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            view_id: row.try_get("view_id")?,
            schema_id: row.try_get("schema_id")?,
            view_name: row.try_get("view_name")?,
            sql: row.try_get("sql")?,
            column_aliases: row.try_get("column_aliases")?,
            columns: row.try_get("columns")?,
            search_path: row.try_get("search_path")?,
        })
    }
}

async fn load_views(connection: &mut SqliteConnection, attributes: &Attributes, found: &mut Definitions) -> Result<()> {
    let rows: Vec<ViewRow> = sqlx::query_as(
        "SELECT v.view_id, v.schema_id, v.view_name, v.sql, v.column_aliases, k.columns, k.search_path \
         FROM ducklake_view v LEFT JOIN kura_view k ON k.view_id = v.view_id WHERE v.end_snapshot IS NULL \
         ORDER BY v.view_id",
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let id = row.view_id;
        let damaged = || corrupt(format!("view {id} has malformed columns"));
        let columns = match &row.columns {
            Some(text) => parse_view_columns(text).ok_or_else(damaged)?,
            None => Vec::new(),
        };
        // In its own views DuckDB writes this where the name of the attached catalog belongs; here there is only one.
        let sql = match &row.columns {
            Some(_) => row.sql,
            None => row.sql.replace("{DUCKLAKE_CATALOG}.", ""),
        };
        let search_path = match &row.search_path {
            Some(text) => serde_json::from_str(text).map_err(|_| damaged())?,
            // Another program's view: its names were looked up where it is.
            None => found.schemas.iter().filter(|s| s.id == row.schema_id).map(|s| s.name.clone()).collect(),
        };
        found.views.push(View {
            id,
            oid: attributes.oid("view", id, &mut found.without_oid),
            schema_id: row.schema_id,
            name: row.view_name,
            owner: attributes.owner(id),
            sql,
            column_names: parse_names(&row.column_aliases.unwrap_or_default()).ok_or_else(damaged)?,
            columns,
            comment: attributes.comments.get(&id).cloned(),
            search_path,
        });
    }
    Ok(())
}

/// Reads `kura_view.columns`.
fn parse_view_columns(text: &str) -> Option<Vec<Column>> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    (1..)
        .zip(value.as_array()?)
        .map(|(id, column)| {
            let ty = pg_type(column.get("oid")?.as_i64()?, column.get("typmod")?.as_i64()?)?;
            Some(Column::new(id, column.get("name")?.as_str()?, ty))
        })
        .collect()
}
