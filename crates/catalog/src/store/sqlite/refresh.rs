//! Brings the files of a table at hand up to date after rows were deleted: cheaper than to read them all again, for their
//! statistics are most of what there is to read, and a file never changes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;

use crate::error::Result;
use crate::object::data_file::{DataFile, DeleteFile};
use crate::snapshot::Snapshot;

use super::files::{self, FileSet, Scope};

/// The files of a table that is in `snapshot` with those of snapshot `since`. `None` when they do not follow from them:
/// then history was rewritten, and all is to be read.
pub(super) async fn refresh(
    connection: &mut SqliteConnection,
    snapshot: &Snapshot,
    table_id: i64,
    since: i64,
    data_path: &str,
) -> Result<Option<FileSet>> {
    let Some(table) = snapshot.table(table_id) else { return Ok(None) };
    let live: Vec<i64> = sqlx::query_scalar("SELECT data_file_id FROM ducklake_data_file WHERE table_id = ? AND end_snapshot IS NULL")
        .bind(table_id)
        .fetch_all(&mut *connection)
        .await?;
    let live: HashSet<i64> = live.into_iter().collect();
    let mut sets = files::load(connection, snapshot, Scope::Table { id: table_id, since }, data_path).await?;
    let added = sets.remove(&table_id).unwrap_or_default();
    let mut sets = BTreeMap::new();
    let mut deletes = files::load_deletes(connection, snapshot, Scope::Table { id: table_id, since: -1 }, data_path, &mut sets).await?;
    let of_deletes = sets.remove(&table_id).unwrap_or_default();

    let mut set = FileSet { files: Vec::with_capacity(live.len()), unreadable: added.unreadable.or(of_deletes.unreadable) };
    let known: HashSet<i64> = table.files.iter().map(|file| file.id).collect();
    set.files.extend(table.files.iter().filter(|file| live.contains(&file.id)).map(|file| with_deletes(file, &mut deletes)));
    set.files.extend(added.files.into_iter().filter(|file| !known.contains(&file.id)));
    let follows = set.files.len() == live.len() && set.files.iter().all(|file| live.contains(&file.id));
    let ordered = set.files.is_sorted_by_key(|file| file.id);
    Ok((follows && ordered).then_some(set))
}

/// A file with the deletes it has now: the same one when they are the same.
fn with_deletes(file: &Arc<DataFile>, deletes: &mut HashMap<i64, DeleteFile>) -> Arc<DataFile> {
    let deletes = deletes.remove(&file.id);
    if file.deletes == deletes { Arc::clone(file) } else { Arc::new(DataFile { deletes, ..DataFile::clone(file) }) }
}
