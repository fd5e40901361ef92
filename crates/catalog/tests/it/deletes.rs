//! Deleted rows: delete files, data files that end, and what the metadata database keeps of both.

use kura_catalog::{Error, FileChange, NewDataFile, Snapshot};

use crate::lake::{Lake, deletes, file, is_conflict, log, new_table, public, table, told};

/// A lake with table `t` (identity 1) of two files with ten rows each, `a` (identity 0) and `b` (identity 1).
async fn lake_with_files() -> (Lake, i64) {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    transaction.append_files(id, vec![file("a", 10, 1, 10), file("b", 10, 11, 20)]).unwrap();
    transaction.commit().await.unwrap();
    (lake, id)
}

async fn delete(lake: &Lake, id: i64, changes: Vec<(i64, FileChange)>) {
    let mut transaction = lake.begin().await;
    transaction.delete_rows(id, changes).unwrap();
    transaction.commit().await.unwrap();
}

/// Each file's name with its live rows and delete file.
fn files(snapshot: &Snapshot) -> Vec<(String, u64, Option<String>)> {
    let found = table(snapshot, "t");
    let name = |path: &str| path.strip_prefix(&found.path).expect("below the table").to_owned();
    let line =
        |file: &kura_catalog::DataFile| (name(&file.path), file.live_rows(), file.deletes.as_ref().map(|deletes| name(&deletes.path)));
    found.files.iter().map(|file| line(file)).collect()
}

#[tokio::test]
async fn a_delete_file_takes_the_place_of_the_one_before() {
    let (lake, id) = lake_with_files().await;
    delete(&lake, id, vec![(0, deletes("d1", 3))]).await;
    assert_eq!(log(&lake).await, "deleted_from_table:1");
    delete(&lake, id, vec![(0, deletes("d2", 5)), (1, deletes("d3", 1))]).await;
    let expected = [("a".to_owned(), 5, Some("d2".to_owned())), ("b".to_owned(), 9, Some("d3".to_owned()))];
    let snapshot = lake.snapshot().await;
    assert_eq!(files(&snapshot), expected);
    assert_eq!((table(&snapshot, "t").record_count, snapshot.schema_version), (14, 1));
    assert_eq!(files(&lake.reopen().await.snapshot().await.unwrap()), expected);
    type Row = (String, i64, Option<i64>, i64, Option<i64>);
    let history: Vec<Row> = sqlx::query_as(
        "SELECT path, begin_snapshot, end_snapshot, delete_count, partial_max FROM ducklake_delete_file ORDER BY delete_file_id",
    )
    .fetch_all(&lake.database().await)
    .await
    .unwrap();
    let row = |path: &str, begin, end, count| (path.to_owned(), begin, end, count, None);
    assert_eq!(history, [row("d1", 3, Some(4), 3), row("d2", 4, None, 5), row("d3", 4, None, 1)]);
}

#[tokio::test]
async fn a_data_file_ends_with_its_delete_file() {
    let (lake, id) = lake_with_files().await;
    delete(&lake, id, vec![(0, deletes("d1", 3))]).await;
    delete(&lake, id, vec![(0, FileChange::Remove)]).await;
    assert_eq!(files(&*lake.snapshot().await), [("b".to_owned(), 10, None)]);
    let mut transaction = lake.begin().await;
    assert_eq!(transaction.truncate(id).unwrap(), 10);
    assert_eq!(transaction.truncate(id).unwrap(), 0);
    assert_eq!(table(&transaction.snapshot(), "t").record_count, 0);
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!((table(&snapshot, "t").record_count, log(&lake).await.as_str()), (0, "deleted_from_table:1"));
    let database = lake.database().await;
    let ends: Vec<Option<i64>> = sqlx::query_scalar(
        "SELECT end_snapshot FROM (SELECT data_file_id AS id, end_snapshot FROM ducklake_data_file UNION ALL \
         SELECT 10 + delete_file_id, end_snapshot FROM ducklake_delete_file) ORDER BY id",
    )
    .fetch_all(&database)
    .await
    .unwrap();
    assert_eq!(ends, [Some(4), Some(5), Some(4)]);
    // Row ids are not given twice, and counts are of all rows there ever were.
    let mut transaction = lake.begin().await;
    transaction.append_files(id, vec![file("c", 1, 1, 1)]).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!(table(&snapshot, "t").files[0].row_id_start, Some(20));
    let stats: (i64, i64) =
        sqlx::query_as("SELECT record_count, next_row_id FROM ducklake_table_stats").fetch_one(&database).await.unwrap();
    assert_eq!(stats, (21, 21));
}

#[tokio::test]
async fn deletes_in_files_of_the_same_transaction_are_written_with_them() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    let schema_id = public(&transaction.snapshot());
    let id = transaction.create_table(new_table(schema_id, "t")).unwrap().id;
    transaction.append_files(id, vec![file("a", 10, 1, 10), file("b", 10, 1, 10), file("c", 10, 1, 10)]).unwrap();
    let written: Vec<i64> = table(&transaction.snapshot(), "t").files.iter().map(|file| file.id).collect();
    transaction.delete_rows(id, vec![(written[0], deletes("d1", 2)), (written[1], FileChange::Remove)]).unwrap();
    transaction.delete_rows(id, vec![(written[0], deletes("d2", 4))]).unwrap();
    assert!(matches!(transaction.delete_rows(id, vec![(written[1], FileChange::Remove)]), Err(Error::NotFound { .. })));
    let expected = [("a".to_owned(), 6, Some("d2".to_owned())), ("c".to_owned(), 10, None)];
    assert_eq!(files(&transaction.snapshot()), expected);
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!(files(&snapshot), expected);
    assert_eq!(log(&lake).await, "created_table:\"public\".\"t\",inserted_into_table:1");
    let files: i64 = sqlx::query_scalar("SELECT count(*) FROM ducklake_data_file").fetch_one(&lake.database().await).await.unwrap();
    assert_eq!(files, 2, "what was never seen is not written");
}

#[tokio::test]
async fn an_update_is_a_delete_and_an_insert() {
    let (lake, id) = lake_with_files().await;
    let mut transaction = lake.begin().await;
    transaction.delete_rows(id, vec![(0, deletes("d", 1))]).unwrap();
    transaction.append_files(id, vec![file("c", 1, 99, 99)]).unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(log(&lake).await, "inserted_into_table:1,deleted_from_table:1");
    let expected = [("a".to_owned(), 9, Some("d".to_owned())), ("b".to_owned(), 10, None), ("c".to_owned(), 1, None)];
    assert_eq!(files(&*lake.snapshot().await), expected);
}

#[tokio::test]
async fn impossible_deletes_are_refused_at_once() {
    let (lake, id) = lake_with_files().await;
    delete(&lake, id, vec![(0, deletes("d", 3))]).await;
    let mut transaction = lake.begin().await;
    for count in [2, 11] {
        let error = transaction.delete_rows(id, vec![(0, deletes("e", count))]).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    }
    assert!(matches!(transaction.delete_rows(id, vec![(7, FileChange::Remove)]), Err(Error::NotFound { .. })));
    assert!(matches!(transaction.delete_rows(77, vec![]), Err(Error::NotFound { .. })));
    assert!(matches!(transaction.truncate(77), Err(Error::NotFound { .. })));
    transaction.delete_rows(id, vec![]).unwrap();
    transaction.append_files(id, Vec::<NewDataFile>::new()).unwrap();
    assert!(!transaction.has_changes());
}

#[tokio::test]
async fn two_deletes_collide_in_one_file_only() {
    let (lake, id) = lake_with_files().await;
    let (mut left, mut right, mut third) = (lake.begin().await, lake.begin().await, lake.begin().await);
    left.delete_rows(id, vec![(0, deletes("d1", 1))]).unwrap();
    right.delete_rows(id, vec![(1, deletes("d2", 1))]).unwrap();
    third.delete_rows(id, vec![(0, FileChange::Remove)]).unwrap();
    left.commit().await.unwrap();
    right.commit().await.unwrap();
    let error = third.commit().await.unwrap_err();
    assert_eq!(told(&error), "40001 could not serialize access due to concurrent update");
    let sent = kura_pgtypes::Diagnostic::to_sql_error(&error);
    assert_eq!(sent.detail.as_deref(), Some("Rows of table \"t\" were updated or deleted, or its files were compacted."));
    assert_eq!(sent.hint.as_deref(), Some("The transaction might succeed if retried."));
    assert_eq!(table(&*lake.snapshot().await, "t").record_count, 18);
}

#[tokio::test]
async fn a_delete_of_another_program_in_the_same_file_is_a_conflict() {
    let (lake, id) = lake_with_files().await;
    delete(&lake, id, vec![(0, deletes("d1", 1))]).await;
    let (mut same, mut other) = (lake.begin().await, lake.begin().await);
    same.delete_rows(id, vec![(0, deletes("d2", 2))]).unwrap();
    other.delete_rows(id, vec![(1, deletes("d3", 2))]).unwrap();
    // A second delete of DuckDB replaces the row of the first one in place.
    lake.foreign(
        "deleted_from_table:1",
        "UPDATE ducklake_delete_file SET delete_file_id = 7, path = 'theirs', delete_count = 4, partial_max = 4",
    )
    .await;
    assert_eq!(files(&*lake.snapshot().await)[0], ("a".to_owned(), 6, Some("theirs".to_owned())));
    assert!(is_conflict(&same.commit().await));
    other.commit().await.unwrap();
    let reopened = lake.reopen().await.snapshot().await.unwrap();
    assert_eq!(files(&reopened), files(&*lake.snapshot().await));
    assert_eq!(table(&reopened, "t").record_count, 14);
}

#[tokio::test]
async fn files_that_stay_are_shared_between_images() {
    let (lake, id) = lake_with_files().await;
    let before = table(&*lake.snapshot().await, "t");
    delete(&lake, id, vec![(0, deletes("d", 1))]).await;
    let after = table(&*lake.snapshot().await, "t");
    assert!(!std::sync::Arc::ptr_eq(&before.files[0], &after.files[0]));
    assert!(std::sync::Arc::ptr_eq(&before.files[1], &after.files[1]), "only what changed is read");
}
