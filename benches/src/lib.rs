//! Rows to measure with, and a lake to keep them in. What is measured is in the benches beside this file.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;
use kura_catalog::{BOOTSTRAP_ROLE_OID, Catalog, CatalogUrl, Config, NewColumn, NewTable, Relation, SystemClock, Table};
use kura_pgtypes::PgType;
use kura_storage::write::{self, AppendOptions};
use kura_storage::{Result, Storage};
use tempfile::TempDir;

/// Rows of a batch.
pub const BATCH_ROWS: usize = 8192;

/// Columns of the measured table: counters, few and many different values, numbers, dates.
pub const COLUMNS: [(&str, PgType); 6] = [
    ("id", PgType::INT8),
    ("kind", PgType::TEXT),
    ("url", PgType::TEXT),
    ("amount", PgType::FLOAT8),
    ("day", PgType::DATE),
    ("quantity", PgType::INT4),
];

/// Their schema.
#[must_use]
pub fn schema() -> SchemaRef {
    let fields = COLUMNS.iter().map(|(name, ty)| Field::new(*name, ty.arrow(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A number that looks random and is the same each time.
fn scattered(index: i64) -> i64 {
    let mut value = index.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed());
    value ^= value >> 29;
    value.wrapping_mul(0xbf58_476d_1ce4_e5b9_u64.cast_signed()) >> 8
}

/// A batch of [`BATCH_ROWS`] rows; `number` counts batches.
#[must_use]
pub fn batch(number: usize) -> RecordBatch {
    let first = i64::try_from(number * BATCH_ROWS).unwrap_or(0);
    let ids = || first..first + BATCH_ROWS as i64;
    let below = |id: i64, bound: i64| i32::try_from(scattered(id).rem_euclid(bound)).unwrap_or(0);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids())),
        Arc::new(StringViewArray::from_iter_values(ids().map(|id| format!("kind {}", below(id, 20))))),
        Arc::new(StringViewArray::from_iter_values(ids().map(|id| format!("https://example.org/page/{}", scattered(id))))),
        Arc::new(Float64Array::from_iter_values(ids().map(|id| f64::from(below(id, 100_000)) / 100.0))),
        Arc::new(Date32Array::from_iter_values(ids().map(|id| 15_000 + below(id, 3_000)))),
        Arc::new(Int32Array::from_iter(ids().map(|id| (id % 10 != 0).then(|| below(id, 50))))),
    ];
    RecordBatch::try_new(schema(), columns).expect("the columns are those of the schema")
}

/// The batches as the input of an append.
#[must_use]
pub fn stream_of(batches: &[RecordBatch]) -> SendableRecordBatchStream {
    let batches: Vec<_> = batches.iter().cloned().map(Ok).collect();
    Box::pin(RecordBatchStreamAdapter::new(schema(), stream::iter(batches)))
}

/// A lake in a temporary directory with one empty table.
pub struct Lake {
    /// Its files.
    pub storage: Arc<Storage>,
    /// The table.
    pub table: Arc<Table>,
    catalog: Arc<Catalog>,
    _directory: TempDir,
}

impl Lake {
    /// Makes one.
    ///
    /// # Panics
    /// When the temporary directory cannot be written to.
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().join("lake");
        let storage = Storage::open(kura_storage::Config::local(&root)).expect("a storage");
        let config = Config { url: CatalogUrl::Sqlite(directory.path().join("catalog.sqlite")), relocate: false };
        let data_path = format!("{}/", root.display());
        let catalog = Catalog::open(config, &data_path, Arc::new(SystemClock)).await.expect("a new catalog");
        let mut transaction = catalog.begin().await.expect("a transaction");
        let schema_id = transaction.snapshot().schema("public").expect("schema public").id;
        let columns = COLUMNS.iter().map(|(name, ty)| NewColumn { name: (*name).to_owned(), ty: *ty, nullable: true, default: None });
        let new =
            NewTable { schema_id, name: "events".to_owned(), columns: columns.collect(), partition: Vec::new(), owner: BOOTSTRAP_ROLE_OID };
        transaction.create_table(new).expect("a new table");
        transaction.commit().await.expect("a commit");
        let table = current(&catalog).await;
        Self { storage, table, catalog, _directory: directory }
    }

    /// Writes rows and forgets their files again, as a statement that is rolled back does. Returns their number.
    ///
    /// # Errors
    /// As [`write::append`].
    pub async fn append_and_discard(&self, batches: &[RecordBatch]) -> Result<u64> {
        let files = write::append(&self.storage, &self.table, stream_of(batches), &AppendOptions::default()).await?;
        write::discard(&self.storage, &self.table, &files).await;
        Ok(files.iter().map(|file| file.record_count).sum())
    }

    /// Writes rows and commits them.
    ///
    /// # Panics
    /// When the commit fails.
    pub async fn load(&mut self, batches: &[RecordBatch]) {
        let files = write::append(&self.storage, &self.table, stream_of(batches), &AppendOptions::default()).await.expect("an append");
        let mut transaction = self.catalog.begin().await.expect("a transaction");
        transaction.append_files(self.table.id, files).expect("new files");
        transaction.commit().await.expect("a commit");
        self.table = current(&self.catalog).await;
    }
}

async fn current(catalog: &Arc<Catalog>) -> Arc<Table> {
    let snapshot = catalog.snapshot().await.expect("a snapshot");
    let schema = snapshot.schema("public").expect("schema public");
    match snapshot.relation(schema.id, "events") {
        Some(Relation::Table(table)) => Arc::clone(table),
        _ => unreachable!("it was created a moment ago"),
    }
}
