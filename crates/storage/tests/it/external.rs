//! Files beside the lake: which may be touched, and what comes out of them.

use std::os::unix::fs::symlink;

use datafusion::error::DataFusionError;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};
use kura_pgtypes::{Diagnostic, PgType, SqlError, SqlState};
use kura_storage::external::{ByteWriter, FileAccess, read_bytes, read_parquet, write_parquet};
use tempfile::TempDir;

use crate::lake::{ids, schema_of, stream_of};
use crate::values::{every_type, random_rows};

struct Place {
    directory: TempDir,
    access: FileAccess,
}

impl Place {
    /// A directory `in` that is allowed and one `out` that is not.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("in")).unwrap();
        std::fs::create_dir(directory.path().join("out")).unwrap();
        let access = FileAccess::new(vec![directory.path().join("in")]);
        Self { directory, access }
    }

    fn path(&self, relative: &str) -> String {
        self.directory.path().join(relative).display().to_string()
    }
}

#[tokio::test]
async fn parquet_files_come_back() {
    let place = Place::new();
    let columns = every_type();
    let batch = random_rows(&columns, 0, 200, 8);
    let path = place.path("in/all.parquet");
    let written = write_parquet(&place.access, &path, &columns, stream_of(vec![batch.slice(0, 90), batch.slice(90, 110)])).await.unwrap();
    assert_eq!(written, 200);
    let stream = read_parquet(&place.access, &path).await.unwrap();
    let names: Vec<String> = stream.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, columns.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
    let read: Vec<_> = stream.try_collect().await.unwrap();
    let read = arrow::compute::concat_batches(&read[0].schema(), &read).unwrap();
    for (index, (name, ty)) in columns.iter().enumerate() {
        // Parquet's own intervals cannot hold every one, and outside of the lake there is no companion.
        if ty.scalar != PgType::INTERVAL.scalar {
            assert_eq!(read.column(index), batch.column(index), "{name} {}", ty.display());
        }
    }
}

#[tokio::test]
async fn patterns_read_many_files_in_order() {
    let place = Place::new();
    for (name, start) in [("b", 10), ("a", 0), ("c", 20)] {
        let path = place.path(&format!("in/{name}.parquet"));
        let columns = [("id".to_owned(), PgType::INT8)];
        write_parquet(&place.access, &path, &columns, stream_of(vec![ids(start, start + 10)])).await.unwrap();
    }
    let all: Vec<_> = read_parquet(&place.access, &place.path("in/*.parquet")).await.unwrap().try_collect().await.unwrap();
    assert_eq!(arrow::compute::concat_batches(&all[0].schema(), &all).unwrap(), {
        let expected = ids(0, 30);
        expected.with_schema(all[0].schema()).unwrap()
    });
    let relative: Vec<_> = read_parquet(&place.access, "a.parquet").await.unwrap().try_collect().await.unwrap();
    assert_eq!(relative[0].num_rows(), 10);
    let error = read_parquet(&place.access, &place.path("in/z*.parquet")).await.err().unwrap();
    assert_eq!(error.sqlstate().code(), "58P01");
}

#[tokio::test]
async fn nothing_outside_is_reachable() {
    let place = Place::new();
    std::fs::write(place.path("out/secret.csv"), "s").unwrap();
    symlink(place.path("out/secret.csv"), place.path("in/link.csv")).unwrap();
    symlink(place.path("out"), place.path("in/dir")).unwrap();
    let cases = [
        (place.path("out/secret.csv"), "42501"),
        (place.path("out/absent.csv"), "42501"),
        (place.path("in/../out/secret.csv"), "42501"),
        (place.path("in/link.csv"), "42501"),
        (place.path("in/dir/secret.csv"), "42501"),
        (place.path("in/dir/absent.csv"), "42501"),
        ("/etc/passwd".to_owned(), "42501"),
        ("file:///etc/passwd".to_owned(), "42501"),
        ("../out/secret.csv".to_owned(), "42501"),
        ("/proc/self/environ".to_owned(), "42501"),
        ("http://127.0.0.1/x".to_owned(), "0A000"),
        ("a\0b".to_owned(), "42602"),
        (String::new(), "42602"),
        (place.path("in"), "42809"),
        (place.path("in/absent.csv"), "58P01"),
    ];
    for (path, code) in cases {
        let error = read_bytes(&place.access, &path).await.err().unwrap_or_else(|| panic!("{path} was read"));
        assert_eq!(error.sqlstate().code(), code, "{path}: {error}");
    }
    for path in [place.path("out/new.csv"), place.path("in/link.csv"), place.path("in/dir/new.csv"), place.path("in/../out/n.csv")] {
        let error = ByteWriter::create(&place.access, &path).await.unwrap_err();
        assert_eq!(error.sqlstate().code(), "42501", "{path}: {error}");
    }
    assert_eq!(ByteWriter::create(&place.access, "new.csv").await.unwrap_err().sqlstate().code(), "42602");
    assert!(read_bytes(&FileAccess::default(), &place.path("out/secret.csv")).await.is_err());
    assert_eq!(std::fs::read(place.path("out/secret.csv")).unwrap(), b"s");
}

#[tokio::test]
async fn bytes_are_written_whole_or_not_at_all() {
    let place = Place::new();
    let path = place.path("in/data.csv");
    std::fs::write(&path, "old").unwrap();
    let mut writer = ByteWriter::create(&place.access, &path).await.unwrap();
    writer.write(&vec![b'x'; 3 << 20]).await.unwrap();
    drop(writer);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(place.directory.path().join("in")).unwrap().count(), 1);
    let mut writer = ByteWriter::create(&place.access, &path).await.unwrap();
    for _ in 0..3000 {
        writer.write(&[b'y'; 1000]).await.unwrap();
    }
    assert_eq!(writer.finish().await.unwrap(), 3_000_000);
    let pieces: Vec<_> = read_bytes(&place.access, &path).await.unwrap().try_collect().await.unwrap();
    assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.iter().all(|byte| *byte == b'y')));
    assert_eq!(pieces.iter().map(bytes::Bytes::len).sum::<usize>(), 3_000_000);
}

#[tokio::test]
async fn an_error_leaves_no_parquet_file() {
    let place = Place::new();
    let failure = SqlError::new(SqlState::DIVISION_BY_ZERO, "division by zero");
    let batches =
        stream::once(async { Ok(ids(0, 10)) }).chain(stream::once(async move { Err(DataFusionError::External(Box::new(failure))) }));
    let input = Box::pin(RecordBatchStreamAdapter::new(schema_of(&[("id", PgType::INT8)]), batches));
    let columns = [("id".to_owned(), PgType::INT8)];
    let error = write_parquet(&place.access, &place.path("in/x.parquet"), &columns, input).await.unwrap_err();
    assert_eq!(error.sqlstate().code(), "22012");
    assert_eq!(std::fs::read_dir(place.directory.path().join("in")).unwrap().count(), 0);
}
