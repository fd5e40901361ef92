//! Delete files: what is in them, what they add up to, and what is left when something fails.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use kura_catalog::{DataFile, FileChange, NewDeleteFile, Table};
use kura_pgtypes::{Diagnostic, PgType};
use kura_storage::write::{RowSet, discard_deletes, write_deletes};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding};

use crate::lake::{Lake, client_error, ids, row_set, rows, scan};

/// A table of one column with a file of so many rows for each of `sizes`; ids count up.
async fn table_of(lake: &Lake, sizes: &[i64]) -> Arc<Table> {
    let mut table = lake.create("t", &[("id", PgType::INT8)], &[]).await;
    let mut next = 0;
    for size in sizes {
        table = lake.append(&table, vec![ids(next, next + size)]).await;
        next += size;
    }
    table
}

async fn write(lake: &Lake, table: &Table, rows: &RowSet) -> Vec<(i64, FileChange)> {
    write_deletes(&lake.storage, table, rows).await.unwrap()
}

fn file_of(change: &FileChange) -> &NewDeleteFile {
    match change {
        FileChange::Delete(file) => file,
        FileChange::Remove => panic!("no delete file was written"),
    }
}

fn path_of(lake: &Lake, table: &Table, change: &FileChange) -> PathBuf {
    lake.storage.root().join(&table.path).join(&file_of(change).path)
}

/// Positions and paths in a delete file, by another reader than ours.
fn contents(path: &PathBuf) -> (Vec<i64>, Vec<String>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).unwrap()).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let all = concat_batches(&schema, &batches).unwrap();
    let mut paths: Vec<String> = all.column(0).as_string::<i32>().iter().map(|path| path.unwrap().to_owned()).collect();
    paths.dedup();
    (all.column(1).as_primitive::<Int64Type>().values().to_vec(), paths)
}

async fn live(lake: &Lake, table: &Arc<Table>) -> Vec<i64> {
    let all = rows(scan(&lake.reopened(), table, 2)).await.unwrap();
    all.column(0).as_primitive::<Int64Type>().values().to_vec()
}

#[tokio::test]
async fn a_delete_file_is_as_other_programs_expect_it() {
    let lake = Lake::new().await;
    let table = table_of(&lake, &[300_000, 10]).await;
    let file = &table.files[0];
    // Several row groups, out of order.
    let deleted: Vec<i64> = (0..300_000).filter(|position| position % 2 == 1).collect();
    let changes = write(&lake, &table, &row_set(deleted.iter().rev().map(|position| (file.id, *position)))).await;
    let [(id, change)] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((*id, file_of(change).delete_count), (file.id, 150_000));
    let path = path_of(&lake, &table, change);
    assert!(path.display().to_string().ends_with("-delete.parquet"));
    let whole = lake.storage.root().join(&file.path).display().to_string();
    assert_eq!(contents(&path), (deleted.clone(), vec![whole]));

    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len() as u64, file_of(change).file_size);
    let length = bytes[bytes.len() - 8..].first_chunk::<4>().copied().map(u32::from_le_bytes).unwrap();
    assert_eq!(u64::from(length), file_of(change).footer_size);
    assert!(bytes.len() < 300_000, "{} bytes for 150,000 rows", bytes.len());
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap();
    let named: Vec<(&str, i32)> =
        reader.parquet_schema().root_schema().get_fields().iter().map(|node| (node.name(), node.get_basic_info().id())).collect();
    assert_eq!(named, [("file_path", 2_147_483_646), ("pos", 2_147_483_645)]);
    let chunk = reader.metadata().row_group(0).column(1).clone();
    assert!(matches!(chunk.compression(), Compression::ZSTD(_)));
    assert!(chunk.encodings().any(|encoding| encoding == Encoding::DELTA_BINARY_PACKED));

    let table = lake.delete(&table, &row_set(deleted.iter().map(|position| (file.id, *position)))).await;
    assert_eq!(table.record_count, 150_010);
    let expected: Vec<i64> = (0..300_000).step_by(2).chain(300_000..300_010).collect();
    assert_eq!(live(&lake, &table).await, expected);
}

#[tokio::test]
async fn deletes_add_up() {
    let lake = Lake::new().await;
    let table = table_of(&lake, &[100, 100]).await;
    let (first, second) = (table.files[0].id, table.files[1].id);
    let table = lake.delete(&table, &row_set([(first, 3), (first, 99), (second, 0)])).await;
    assert_eq!(table.record_count, 197);
    let earlier = table.files[0].deletes.clone().unwrap();

    // Rows of the first file only, some of which are gone already.
    let changes = write(&lake, &table, &row_set([(first, 3), (first, 4), (first, 50)])).await;
    let [(id, change)] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((*id, file_of(change).delete_count), (first, 4));
    assert_eq!(contents(&path_of(&lake, &table, change)).0, [3, 4, 50, 99]);
    assert!(lake.storage.root().join(&earlier.path).exists(), "older snapshots read it");
    let mut transaction = lake.catalog.begin().await.unwrap();
    transaction.delete_rows(table.id, changes).unwrap();
    transaction.commit().await.unwrap();
    let table = lake.table("t").await;
    assert_eq!(live(&lake, &table).await, (0..200).filter(|id| ![3, 4, 50, 99, 100].contains(id)).collect::<Vec<_>>());

    // Nothing new, nothing to write.
    let files = lake.files();
    assert!(write(&lake, &table, &row_set([(first, 3), (second, 0)])).await.is_empty());
    assert!(write(&lake, &table, &RowSet::new()).await.is_empty());
    assert_eq!(lake.files(), files);
}

#[tokio::test]
async fn a_file_without_rows_goes() {
    let lake = Lake::new().await;
    let table = table_of(&lake, &[10, 10, 10]).await;
    let id = |file: usize| table.files[file].id;
    let files = lake.files();
    let every = row_set((0..10).map(|position| (id(1), position)));
    assert_eq!(write(&lake, &table, &every).await, [(id(1), FileChange::Remove)]);
    assert_eq!(lake.files(), files);
    // In two steps, and beside a file that stays.
    let table = lake.delete(&table, &row_set((0..7).map(|position| (id(2), position)))).await;
    let rest = row_set((5..10).map(|position| (id(2), position)).chain([(id(0), 0)]));
    let changes = write(&lake, &table, &rest).await;
    assert!(matches!(&changes[..], [(first, FileChange::Delete(_)), (last, FileChange::Remove)] if *first == id(0) && *last == id(2)));
    discard_deletes(&lake.storage, &table, &changes).await;
    assert_eq!(lake.files().len(), 4, "the data files and the first delete file");
    let table = lake.delete(&table, &every).await;
    let table = lake.delete(&table, &rest).await;
    assert_eq!((table.files.len(), table.record_count), (1, 9));
    assert_eq!(live(&lake, &table).await, (1..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn thousands_of_files_are_touched_at_once() {
    let lake = Lake::new().await;
    let table = lake.create("t", &[("id", PgType::INT8)], &[]).await;
    let written = lake.append(&table, vec![ids(0, 4)]).await;
    // The same file under many identities.
    let mut table = written.as_ref().clone();
    let many = (1..=2500).map(|id| Arc::new(DataFile { id, ..written.files[0].as_ref().clone() }));
    table.files = Arc::new(many.collect());
    let rows = row_set((1..=2500).map(|id| (id, id % 4)));
    assert_eq!((rows.len(), rows.memory_bytes() < 2500 * 1024), (2500, true));
    let changes = write(&lake, &table, &rows).await;
    assert!(changes.iter().map(|(id, _)| *id).eq(1..=2500));
    for (id, change) in changes.iter().step_by(333) {
        assert_eq!(contents(&path_of(&lake, &table, change)).0, [id % 4]);
    }
    discard_deletes(&lake.storage, &table, &changes).await;
    assert_eq!(lake.files().len(), 1);
}

#[tokio::test]
async fn rows_that_cannot_be_are_refused() {
    let lake = Lake::new().await;
    let table = table_of(&lake, &[10, 10]).await;
    let file = table.files[0].id;
    for rows in [row_set([(file, 3), (file, 10)]), row_set([(file, 3), (999, 0)])] {
        let error = write_deletes(&lake.storage, &table, &rows).await.unwrap_err();
        assert_eq!(error.sqlstate().code(), "XX000", "{error}");
    }
    gone(&lake, 2).await;
    assert_eq!(RowSet::new().insert(file, -1).unwrap_err().sqlstate().code(), "XX000");
}

/// What is damaged is named, by whoever meets it, and nothing new is left behind.
#[tokio::test]
async fn damaged_delete_files_are_named() {
    let lake = Lake::new().await;
    let table = table_of(&lake, &[1000, 1000]).await;
    let (first, second) = (table.files[0].id, table.files[1].id);
    let table = lake.delete(&table, &row_set((0..500).map(|position| (second, position * 2)))).await;
    let deletes = table.files[1].deletes.clone().unwrap();
    let path = lake.storage.root().join(&deletes.path);
    let intact = std::fs::read(&path).unwrap();
    let damaged: Vec<Option<Vec<u8>>> = (0..intact.len())
        .step_by(7)
        .map(|byte| {
            let mut damaged = intact.clone();
            damaged[byte] ^= 0x10;
            Some(damaged)
        })
        .chain([Some(intact[..intact.len() / 2].to_vec()), None])
        .collect();
    for contents in damaged {
        match contents {
            Some(contents) => std::fs::write(&path, contents).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let storage = lake.reopened();
        let error = client_error(&rows(scan(&storage, &table, 1)).await.unwrap_err());
        assert!(error.state.code() == "XX001" && error.message.contains(&deletes.path), "{error}");
        let error = write_deletes(&storage, &table, &row_set([(first, 1), (second, 1)])).await.unwrap_err();
        assert!(error.sqlstate().code() == "XX001" && error.to_string().contains(&deletes.path), "{error}");
    }
    gone(&lake, 2).await;
}

/// A delete file of another data file, which has more rows; and one that another program counts wrongly.
#[tokio::test]
async fn a_delete_file_must_fit_its_data_file() {
    let lake = Lake::new().await;
    let table = table_of(&lake, &[1000, 10]).await;
    let table = lake.delete(&table, &row_set([(table.files[0].id, 5), (table.files[0].id, 900)])).await;
    let mut mixed = table.as_ref().clone();
    let wrong = DataFile { deletes: table.files[0].deletes.clone(), ..table.files[1].as_ref().clone() };
    let path = wrong.deletes.clone().unwrap().path;
    mixed.files = Arc::new(vec![Arc::new(wrong)]);
    let error = write_deletes(&lake.storage, &mixed, &row_set([(table.files[1].id, 1)])).await.unwrap_err();
    assert!(error.sqlstate().code() == "XX001" && error.to_string().contains(&path), "{error}");
    let mut miscounted = table.files[0].as_ref().clone();
    miscounted.deletes.as_mut().unwrap().delete_count = 3;
    mixed.files = Arc::new(vec![Arc::new(miscounted)]);
    let error = client_error(&rows(scan(&lake.reopened(), &Arc::new(mixed), 1)).await.unwrap_err());
    assert_eq!((error.state.code(), error.message.contains(&path)), ("XX001", true), "{error}");
    gone(&lake, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_delete_leaves_nothing() {
    let lake = Lake::new().await;
    let table = lake.create("t", &[("id", PgType::INT8)], &[]).await;
    let written = lake.append(&table, vec![ids(0, 20_000)]).await;
    let mut table = written.as_ref().clone();
    table.files = Arc::new((1..=400).map(|id| Arc::new(DataFile { id, ..written.files[0].as_ref().clone() })).collect());
    let table = Arc::new(table);
    for _ in 0..10 {
        let (storage, target) = (Arc::clone(&lake.storage), Arc::clone(&table));
        let rows = row_set((1..=400).flat_map(|id| (0..100).map(move |position| (id, position * 7))));
        let running = tokio::spawn(async move { write_deletes(&storage, &target, &rows).await });
        while lake.files().len() < 4 && !running.is_finished() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        running.abort();
        match running.await {
            Err(error) => {
                assert!(error.is_cancelled());
                return gone(&lake, 1).await;
            }
            // It was faster.
            Ok(changes) => discard_deletes(&lake.storage, &table, &changes.unwrap()).await,
        }
    }
    panic!("it was never seen to write");
}

/// Waits until nothing but so many files is there: those being written when their statement ends are removed a moment later.
async fn gone(lake: &Lake, left: usize) {
    for _ in 0..500 {
        if lake.files().len() <= left {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("left behind: {:?}", lake.files());
}
