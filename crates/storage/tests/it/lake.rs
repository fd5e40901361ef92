//! A lake in a temporary directory, and short ways to say what tests need.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::compute::{concat_batches, sort_to_indices, take_record_batch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::{TryStreamExt, stream};
use kura_catalog::{BOOTSTRAP_ROLE_OID, Catalog, CatalogUrl, Config, NewColumn, NewTable, Relation, SystemClock, Table, Transform};
use kura_pgtypes::{PgType, SqlError};
use kura_storage::write::{AppendOptions, RowSet};
use kura_storage::{Storage, write};
use tempfile::TempDir;

pub(crate) struct Lake {
    pub(crate) storage: Arc<Storage>,
    pub(crate) catalog: Arc<Catalog>,
    directory: TempDir,
}

impl Lake {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().join("lake");
        let storage = open(&root);
        let config = Config { url: CatalogUrl::Sqlite(directory.path().join("catalog.sqlite")), relocate: false };
        let data_path = format!("{}/", root.display());
        let catalog = Catalog::open(config, &data_path, Arc::new(SystemClock)).await.expect("a new catalog");
        Self { storage, catalog, directory }
    }

    /// A storage over the same files that has nothing in its caches.
    pub(crate) fn reopened(&self) -> Arc<Storage> {
        open(self.storage.root())
    }

    pub(crate) fn scratch(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) async fn create(&self, name: &str, columns: &[(&str, PgType)], partition: &[(&str, Transform)]) -> Arc<Table> {
        let mut transaction = self.catalog.begin().await.expect("a transaction");
        let schema_id = transaction.snapshot().schema("public").expect("schema public").id;
        let columns = columns.iter().map(|(name, ty)| NewColumn { name: (*name).to_owned(), ty: *ty, nullable: true, default: None });
        let new = NewTable {
            schema_id,
            name: name.to_owned(),
            columns: columns.collect(),
            partition: partition.iter().map(|(name, transform)| ((*name).to_owned(), *transform)).collect(),
            owner: BOOTSTRAP_ROLE_OID,
        };
        transaction.create_table(new).expect("a new table");
        transaction.commit().await.expect("a commit");
        self.table(name).await
    }

    pub(crate) async fn table(&self, name: &str) -> Arc<Table> {
        let snapshot = self.catalog.snapshot().await.expect("a snapshot");
        let schema = snapshot.schema("public").expect("schema public");
        match snapshot.relation(schema.id, name) {
            Some(Relation::Table(table)) => Arc::clone(table),
            _ => panic!("no table {name}"),
        }
    }

    /// Writes and commits; returns the table as it is then.
    pub(crate) async fn append(&self, table: &Table, batches: Vec<RecordBatch>) -> Arc<Table> {
        let files = write::append(&self.storage, table, stream_of(batches), &AppendOptions::default()).await.expect("an append");
        let mut transaction = self.catalog.begin().await.expect("a transaction");
        transaction.append_files(table.id, files).expect("new files");
        transaction.commit().await.expect("a commit");
        self.table(&table.name).await
    }

    /// Deletes rows, commits, and returns the table as it is then.
    pub(crate) async fn delete(&self, table: &Table, rows: &RowSet) -> Arc<Table> {
        let changes = write::write_deletes(&self.storage, table, rows).await.expect("delete files");
        let mut transaction = self.catalog.begin().await.expect("a transaction");
        transaction.delete_rows(table.id, changes).expect("deleted rows");
        transaction.commit().await.expect("a commit");
        self.table(&table.name).await
    }

    /// The files of the lake on disk, sorted.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut directories = vec![self.storage.root().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
                let path = entry.path();
                if path.is_dir() { directories.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
}

pub(crate) fn open(root: &Path) -> Arc<Storage> {
    Storage::open(kura_storage::Config::local(root)).expect("a storage")
}

pub(crate) fn stream_of(batches: Vec<RecordBatch>) -> SendableRecordBatchStream {
    let schema = batches.first().expect("a batch").schema();
    Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(batches.into_iter().map(Ok))))
}

/// The schema in which rows of a table are written.
pub(crate) fn schema_of(columns: &[(&str, PgType)]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|(name, ty)| Field::new(*name, ty.arrow(), true)).collect::<Vec<_>>()))
}

/// A scan of a table under its columns' own names, as a plan to go on with.
pub(crate) fn scan(storage: &Arc<Storage>, table: &Arc<Table>, partitions: usize) -> DataFrame {
    let provider = kura_storage::Table::new(Arc::clone(storage), Arc::clone(table), names_of(table));
    scan_of(provider, partitions)
}

/// The same with the columns `file` and `position`.
pub(crate) fn scan_with_identity(storage: &Arc<Storage>, table: &Arc<Table>, partitions: usize) -> DataFrame {
    let (file, position) = ("file".to_owned(), "position".to_owned());
    let provider = kura_storage::Table::with_row_identity(Arc::clone(storage), Arc::clone(table), names_of(table), file, position);
    scan_of(provider, partitions)
}

fn names_of(table: &Table) -> Vec<String> {
    table.columns.iter().map(|column| column.name.clone()).collect()
}

fn scan_of(provider: kura_storage::Table, partitions: usize) -> DataFrame {
    let config = SessionConfig::new().with_target_partitions(partitions).with_batch_size(1000);
    SessionContext::new_with_config(config).read_table(Arc::new(provider)).expect("a scan")
}

/// A set of rows, by file and position.
pub(crate) fn row_set(rows: impl IntoIterator<Item = (i64, i64)>) -> RowSet {
    let mut set = RowSet::new();
    for (file, position) in rows {
        set.insert(file, position).expect("a position");
    }
    set
}

/// All rows of a plan as one batch, in the order of column `id` where there is one.
pub(crate) async fn rows(plan: DataFrame) -> Result<RecordBatch, DataFusionError> {
    let stream = plan.execute_stream().await?;
    let schema = stream.schema();
    let batches: Vec<RecordBatch> = stream.try_collect().await?;
    let all = concat_batches(&schema, &batches)?;
    let Some(id) = all.column_by_name("id") else {
        return Ok(all);
    };
    Ok(take_record_batch(&all, &sort_to_indices(id, None, None)?)?)
}

/// The error a client would see.
pub(crate) fn client_error(error: &DataFusionError) -> SqlError {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<SqlError>() {
            return found.clone();
        }
        next = current.source();
    }
    panic!("not a client's error: {error}");
}

/// Ids `start..end` as a batch of one column.
pub(crate) fn ids(start: i64, end: i64) -> RecordBatch {
    let schema = schema_of(&[("id", PgType::INT8)]);
    RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(start..end))]).expect("a batch")
}
