//! [`write_deletes`]: rows that are to be gone in, delete files out. Which rows those are is not decided here.
//!
//! A delete file has all deleted rows of one data file, those of the delete file it takes the place of among them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::runtime::SpawnedTask;
use futures::TryStreamExt;
use futures::stream::FuturesOrdered;
use kura_catalog::{Column, DataFile, FileChange, NewDataFile, NewDeleteFile, Table};
use kura_pgtypes::PgType;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::object::local;
use crate::parquet::encode::{Encoder, ROW_GROUP_ROWS};
use crate::parquet::layout::Layout;
use crate::positions::{Positions, RowSet};
use crate::scan::deletes::{Deleted, FILE_PATH_ID, POSITION_ID};
use crate::storage::Storage;
use crate::write::append::publish;
use crate::write::file::{GrowingFile, WrittenFile};
use crate::write::pipeline::joined;

/// Delete files being read, written or forced to disk at a time.
const FILES_MAX: usize = 8;

/// What becomes of a data file.
enum Outcome {
    /// All its rows in question were deleted before.
    Unchanged,
    /// No row is left.
    Removed,
    /// It has this delete file from now on.
    Written(WrittenFile),
}

/// Writes a delete file for each data file of `table` that has rows in `rows`. It holds the rows that were deleted before as well, and
/// takes the place of their delete file. A data file without a row left is to be removed instead, and nothing is written for it; one
/// whose rows in the set are all deleted already is left out.
///
/// Changes come in the order of the data files' identities. When it returns, the files are durable, but no catalog names them. When
/// it fails or is dropped, the files are removed as far as that is possible.
///
/// # Errors
/// `Corrupt` for a delete file that cannot be read or that deletes rows its data file does not have; `Io`; `Internal` for rows that
/// `table` does not have.
pub async fn write_deletes(storage: &Arc<Storage>, table: &Table, rows: &RowSet) -> Result<Vec<(i64, FileChange)>> {
    let files: HashMap<i64, &Arc<DataFile>> = table.files.iter().map(|file| (file.id, file)).collect();
    let target = Arc::new(Target::new(storage, table)?);
    let mut running = FuturesOrdered::new();
    let mut outcomes = Vec::with_capacity(rows.files().len());
    for (id, positions) in rows.files() {
        let file = files.get(id).ok_or_else(|| Error::internal(format!("table \"{}\" has no data file {id}", table.name)))?;
        if running.len() == FILES_MAX {
            outcomes.extend(running.try_next().await?);
        }
        running.push_back(outcome(Arc::clone(storage), Arc::clone(&target), Arc::clone(file), positions.clone()));
    }
    outcomes.extend(running.try_collect::<Vec<_>>().await?);
    let (mut changes, mut ids, mut written) = (Vec::new(), Vec::new(), Vec::new());
    for (id, outcome) in outcomes {
        match outcome {
            Outcome::Unchanged => {}
            Outcome::Removed => changes.push((id, FileChange::Remove)),
            Outcome::Written(file) => {
                ids.push(id);
                written.push(file);
            }
        }
    }
    let entries = publish(storage, written).await?;
    changes.extend(ids.into_iter().zip(entries).map(|(id, entry)| (id, FileChange::Delete(new_delete_file(entry)))));
    changes.sort_unstable_by_key(|(id, _)| *id);
    Ok(changes)
}

/// Removes files that [`write_deletes`] returned and that no catalog will name, after a rollback or a failed commit.
///
/// What cannot be removed is logged and left: a file no commit names is garbage, not damage.
pub async fn discard_deletes(storage: &Arc<Storage>, table: &Table, changes: &[(i64, FileChange)]) {
    let Ok(directory) = storage.local_path(&table.path) else {
        return;
    };
    let written = changes.iter().filter_map(|(_, change)| match change {
        FileChange::Delete(file) => Some(directory.join(&file.path)),
        FileChange::Remove => None,
    });
    let paths: Vec<PathBuf> = written.collect();
    let removed = SpawnedTask::spawn_blocking(move || paths.iter().for_each(|path| local::remove(path)));
    if let Err(error) = removed.join().await {
        tracing::warn!(%error, "delete files of a rollback left behind");
    }
}

fn new_delete_file(entry: NewDataFile) -> NewDeleteFile {
    let NewDataFile { path, record_count, file_size, footer_size, .. } = entry;
    NewDeleteFile { path, delete_count: record_count, file_size, footer_size }
}

/// Deletes rows of one data file.
async fn outcome(storage: Arc<Storage>, target: Arc<Target>, file: Arc<DataFile>, positions: Positions) -> Result<(i64, Outcome)> {
    let before = match &file.deletes {
        Some(deletes) => Some(storage.deleted(deletes).await?),
        None => None,
    };
    joined(SpawnedTask::spawn_blocking(move || {
        let file_path = storage.local_path(&file.path)?;
        Ok((file.id, target.outcome(&file, &file_path.to_string_lossy(), before.as_deref(), positions)?))
    }))
    .await
}

/// Where delete files go, and how they are encoded.
struct Target {
    directory: PathBuf,
    encoder: Arc<Encoder>,
    schema: SchemaRef,
}

impl Target {
    fn new(storage: &Storage, table: &Table) -> Result<Self> {
        let columns = [Column::new(FILE_PATH_ID, "file_path", PgType::TEXT), Column::new(POSITION_ID, "pos", PgType::INT8)];
        let fields = columns.iter().map(|column| Field::new(&column.name, column.ty.arrow(), false));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let encoder = Arc::new(Encoder::ascending(Layout::of_table(&columns)?, "pos")?);
        Ok(Self { directory: storage.local_path(&table.path)?, encoder, schema })
    }

    fn outcome(&self, file: &DataFile, file_path: &str, before: Option<&Deleted>, mut positions: Positions) -> Result<Outcome> {
        if let Some(beyond) = positions.max().filter(|last| *last >= file.record_count) {
            return Err(Error::internal(format!("row {beyond} of \"{}\" with {} rows was to be deleted", file.path, file.record_count)));
        }
        if let (Some(before), Some(deletes)) = (before, &file.deletes) {
            positions.unite(&before.positions);
            if let Some(beyond) = positions.max().filter(|last| *last >= file.record_count) {
                let reason = format!("it deletes row {beyond} of a file of {} rows", file.record_count);
                return Err(Error::Corrupt { path: deletes.path.clone(), reason });
            }
            if positions.len() == before.positions.len() {
                return Ok(Outcome::Unchanged);
            }
        }
        if positions.len() == file.record_count {
            return Ok(Outcome::Removed);
        }
        self.write(file_path, &positions).map(Outcome::Written)
    }

    /// Writes the delete file of the data file at `file_path`, and forces it to disk.
    fn write(&self, file_path: &str, positions: &Positions) -> Result<WrittenFile> {
        let failed = |error: arrow::error::ArrowError| Error::Encode(error.into());
        let name = format!("{}-delete.parquet", Uuid::now_v7());
        let mut file = GrowingFile::create_named(&self.encoder, &self.directory, name)?;
        let path = StringViewArray::from_iter_values([file_path]);
        let mut positions = positions.iter();
        loop {
            let group = positions.by_ref().take(ROW_GROUP_ROWS).map(i64::try_from).collect::<Result<Vec<i64>, _>>();
            let group = Int64Array::from(group.map_err(|_| Error::internal("a position beyond all files"))?);
            if group.is_empty() {
                return file.finish(Vec::new());
            }
            // All rows share the text of the path.
            let paths = take(&path, &UInt32Array::from_value(0, group.len()), None).map_err(failed)?;
            let columns: Vec<ArrayRef> = vec![paths, Arc::new(group)];
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(failed)?;
            file.append(self.encoder.encode(&[batch])?)?;
        }
    }
}
