//! Reads an image of the head: all of it, or only what changed since an image that is at hand.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;

use crate::changes::{Change, parse_changes};
use crate::error::{Result, corrupt};
use crate::object::relation::Relation;
use crate::object::table::Table;
use crate::snapshot::Snapshot;

use super::definitions::{self, Definitions};
use super::files::{self, FileSet, Scope};
use super::refresh::refresh;

/// What a load found.
pub(super) enum Loaded {
    /// The image.
    Image(Box<Snapshot>),
    /// Objects, as kind and identity, that must get an OID first.
    WithoutOids(Vec<(&'static str, i64)>),
}

/// What has to be read again.
enum Plan {
    Everything,
    Parts {
        /// Schemas, tables, columns, views, comments, partitions: all of them.
        definitions: bool,
        files: FilePlan,
    },
}

/// Tables by how their files are to be read.
#[derive(Default)]
struct FilePlan {
    /// All of them anew.
    reload: BTreeSet<i64>,
    /// Those that came; which of the known ones are left; all deletes.
    refresh: BTreeSet<i64>,
    /// Only those that came.
    append: BTreeSet<i64>,
}

/// Reads within the caller's read transaction, so that all statements see one state.
pub(super) async fn load(connection: &mut SqliteConnection, published: Option<&Snapshot>, data_path: &str) -> Result<Loaded> {
    let head: Option<(i64, i64)> =
        sqlx::query_as("SELECT snapshot_id, schema_version FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1")
            .fetch_optional(&mut *connection)
            .await?;
    let (id, schema_version) = head.ok_or_else(|| corrupt("there is no snapshot"))?;
    let plan = match published {
        Some(published) => plan(connection, published, id, schema_version).await?,
        None => Plan::Everything,
    };
    let reads_definitions = !matches!(plan, Plan::Parts { definitions: false, .. });
    let definitions = if reads_definitions { Some(definitions::load(connection, data_path).await?) } else { None };
    if let Some(missing) = definitions.as_ref().map(|found| &found.without_oid).filter(|missing| !missing.is_empty()) {
        return Ok(Loaded::WithoutOids(missing.clone()));
    }
    let mut snapshot = match (plan, published, definitions) {
        (Plan::Parts { definitions: false, files }, Some(published), _) => {
            let mut snapshot = published.clone();
            read_files(connection, &mut snapshot, published.id, &files, data_path).await?;
            snapshot
        }
        (Plan::Parts { mut files, .. }, Some(published), Some(definitions)) => {
            let mut snapshot = assemble(definitions, published, &mut files.reload);
            read_files(connection, &mut snapshot, published.id, &files, data_path).await?;
            snapshot
        }
        (_, _, Some(definitions)) => {
            let mut snapshot = assemble(definitions, &Snapshot::default(), &mut BTreeSet::new());
            let mut sets = files::load(connection, &snapshot, Scope::All, data_path).await?;
            let tables: Vec<i64> = snapshot.tables().map(|table| table.id).collect();
            for table_id in tables {
                replace_files(&mut snapshot, table_id, sets.remove(&table_id).unwrap_or_default());
            }
            snapshot
        }
        (_, _, None) => return Err(corrupt("nothing was read")),
    };
    let roles = super::read_roles(connection).await?;
    if !same_roles(&snapshot, &roles) {
        snapshot.put_roles(Arc::new(roles.into_iter().map(Arc::new).collect()));
    }
    snapshot.id = id;
    snapshot.schema_version = schema_version;
    Ok(Loaded::Image(Box::new(snapshot)))
}

fn same_roles(snapshot: &Snapshot, roles: &[crate::object::role::Role]) -> bool {
    snapshot.roles().len() == roles.len() && snapshot.roles().iter().zip(roles).all(|(old, new)| **old == *new)
}

/// Finds out what the snapshots after the published one touched. When unsure: everything.
async fn plan(connection: &mut SqliteConnection, published: &Snapshot, head: i64, schema_version: i64) -> Result<Plan> {
    let rows: Vec<(i64, Option<String>)> =
        sqlx::query_as("SELECT snapshot_id, changes_made FROM ducklake_snapshot_changes WHERE snapshot_id > ? ORDER BY snapshot_id")
            .bind(published.id)
            .fetch_all(&mut *connection)
            .await?;
    let complete = rows.iter().map(|(id, _)| *id).eq(published.id.saturating_add(1)..=head);
    if !complete {
        return Ok(Plan::Everything);
    }
    // Owner and comment of a schema have no entry of their own.
    let mut definitions = schema_version != published.schema_version;
    let mut files = FilePlan::default();
    for (_, text) in rows {
        let changes = parse_changes(&text.unwrap_or_default());
        definitions |= changes.is_empty();
        for change in changes {
            match change {
                Change::InsertedIntoTable(id) => {
                    files.append.insert(id);
                }
                Change::DeletedFromTable(id) | Change::InlinedInsert(id) | Change::InlinedDelete(id) | Change::Compacted(id) => {
                    let tables = if matches!(change, Change::DeletedFromTable(_)) { &mut files.refresh } else { &mut files.reload };
                    tables.insert(id);
                    // The reason it could not be read may be gone; which one it was is known only from all of it.
                    definitions |= published.table(id).is_some_and(|table| table.unreadable.is_some());
                }
                Change::AlteredTable(_)
                | Change::CreatedSchema(_)
                | Change::DroppedSchema(_)
                | Change::CreatedTable { .. }
                | Change::CreatedView { .. }
                | Change::DroppedTable(_)
                | Change::DroppedView(_)
                | Change::AlteredView(_) => definitions = true,
                Change::Macro => {}
                Change::Unknown(_) => return Ok(Plan::Everything),
            }
        }
    }
    Ok(Plan::Parts { definitions, files })
}

/// Builds an image of freshly read definitions. Tables known before keep their files; the others, and those with
/// something unreadable or a column of another type, are added to `reload`.
fn assemble(definitions: Definitions, published: &Snapshot, reload: &mut BTreeSet<i64>) -> Snapshot {
    let mut snapshot = Snapshot::empty(published.id, published.schema_version);
    snapshot.put_roles(published.shared_roles());
    for schema in definitions.schemas {
        snapshot.put_schema(schema);
    }
    for view in definitions.views {
        snapshot.put_relation(Relation::View(Arc::new(view)));
    }
    for mut table in definitions.tables {
        match published.table(table.id) {
            Some(known) if known.unreadable.is_none() && known.path == table.path && has_same_types(known, &table) => {
                table.files = Arc::clone(&known.files);
                table.record_count = known.record_count;
            }
            _ => {
                reload.insert(table.id);
            }
        }
        snapshot.put_relation(Relation::Table(Arc::new(table)));
    }
    snapshot
}

/// Whether the columns that stayed have the type they had: with it the text of their bounds may change.
fn has_same_types(known: &Table, table: &Table) -> bool {
    let types: HashMap<i64, &str> = known.columns.iter().map(|column| (column.id, column.lake_type.as_str())).collect();
    table.columns.iter().all(|column| types.get(&column.id).is_none_or(|known| *known == column.lake_type))
}

async fn read_files(
    connection: &mut SqliteConnection,
    snapshot: &mut Snapshot,
    since: i64,
    plan: &FilePlan,
    data_path: &str,
) -> Result<()> {
    let mut reload = plan.reload.clone();
    for table_id in plan.refresh.difference(&plan.reload) {
        let is_readable = snapshot.table(*table_id).is_some_and(|table| table.unreadable.is_none());
        let refreshed = if is_readable { refresh(connection, snapshot, *table_id, since, data_path).await? } else { None };
        match refreshed {
            Some(set) => replace_files(snapshot, *table_id, set),
            None => {
                reload.insert(*table_id);
            }
        }
    }
    for table_id in &reload {
        if snapshot.table(*table_id).is_some() {
            let set = load_one(connection, snapshot, *table_id, -1, data_path).await?;
            replace_files(snapshot, *table_id, set);
        }
    }
    for table_id in plan.append.iter().filter(|id| !reload.contains(id) && !plan.refresh.contains(id)) {
        if snapshot.table(*table_id).is_some() {
            let set = load_one(connection, snapshot, *table_id, since, data_path).await?;
            snapshot.change_table(*table_id, |table| {
                table.unreadable = table.unreadable.take().or(set.unreadable);
                table.push_files(set.files);
            });
        }
    }
    Ok(())
}

async fn load_one(connection: &mut SqliteConnection, snapshot: &Snapshot, table_id: i64, since: i64, data_path: &str) -> Result<FileSet> {
    let mut sets: BTreeMap<i64, FileSet> = files::load(connection, snapshot, Scope::Table { id: table_id, since }, data_path).await?;
    Ok(sets.remove(&table_id).unwrap_or_default())
}

fn replace_files(snapshot: &mut Snapshot, table_id: i64, set: FileSet) {
    snapshot.change_table(table_id, |table| {
        table.unreadable = table.unreadable.take().or(set.unreadable);
        table.replace_files(set.files);
    });
}
