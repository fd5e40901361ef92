//! Appended files and the statistics that follow them.

use std::collections::HashMap;
use std::sync::Arc;

use kura_catalog::{ColumnStats, Error, NewDataFile, NewTable, Transform};
use kura_pgtypes::PgType;

use crate::lake::{Lake, column, file, new_table, public, table};

#[tokio::test]
async fn files_add_up() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    for (path, min, max) in [("a.parquet", 9, 10), ("b.parquet", 8, 9), ("c.parquet", 100, 100)] {
        let mut transaction = lake.begin().await;
        transaction.append_files(id, vec![file(path, 2, min, max)]).unwrap();
        transaction.commit().await.unwrap();
    }
    let snapshot = lake.snapshot().await;
    let appended = table(&snapshot, "t");
    assert_eq!((snapshot.id, snapshot.schema_version), (4, 1));
    assert_eq!((appended.record_count, appended.files.len()), (6, 3));
    let starts: Vec<_> = appended.files.iter().map(|file| (file.id, file.row_id_start)).collect();
    assert_eq!(starts, [(0, Some(0)), (1, Some(2)), (2, Some(4))]);
    assert_eq!(appended.files[1].columns[&1].min.as_deref(), Some("8"));
    assert_eq!(appended.files[1].columns[&2], ColumnStats::default(), "an unknown leaf has a row of its own");

    let reopened = table(&lake.reopen().await.snapshot().await.unwrap(), "t");
    assert_eq!(reopened.files, appended.files, "read in parts as in whole");
    let database = lake.database().await;
    let bounds: (i64, i64, String, String) = sqlx::query_as(
        "SELECT s.record_count, s.next_row_id, c.min_value, c.max_value FROM ducklake_table_stats s \
         JOIN ducklake_table_column_stats c USING (table_id) WHERE column_id = 1",
    )
    .fetch_one(&database)
    .await
    .unwrap();
    assert_eq!(bounds, (6, 6, "8".to_owned(), "100".to_owned()), "numbers are compared as numbers");
}

#[tokio::test]
async fn untouched_tables_are_shared_between_images() {
    let lake = Lake::new().await;
    let (left, right) = (lake.table("l").await, lake.table("r").await);
    let before = lake.snapshot().await;
    let mut transaction = lake.begin().await;
    transaction.append_files(left, vec![file("a", 1, 1, 1)]).unwrap();
    let after = transaction.commit().await.unwrap();
    assert!(Arc::ptr_eq(before.table(right).unwrap(), after.table(right).unwrap()));
    assert_eq!(before.table(left).unwrap().files.len(), 0, "a snapshot never changes");
    assert_eq!(after.table(left).unwrap().files.len(), 1);
}

#[tokio::test]
async fn partition_values_belong_to_their_keys() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    let schema_id = public(&transaction.snapshot());
    let partition = vec![("d".to_owned(), Transform::Year), ("k".to_owned(), Transform::Identity)];
    let columns = vec![column("d", PgType::DATE), column("k", PgType::TEXT)];
    let created = transaction.create_table(NewTable { columns, partition, ..new_table(schema_id, "p") }).unwrap();
    let wrong = transaction.append_files(created.id, vec![file("x", 1, 1, 1)]);
    assert!(matches!(wrong, Err(Error::InvalidTable { .. })));
    let values = vec![Some("2024".to_owned()), None];
    let new = NewDataFile { partition_values: values.clone(), ..file("y=2024/x", 1, 1, 1) };
    transaction.append_files(created.id, vec![new]).unwrap();
    transaction.commit().await.unwrap();
    for catalog in [Arc::clone(&lake.catalog), lake.reopen().await] {
        let stored = table(&catalog.snapshot().await.unwrap(), "p");
        assert_eq!(stored.files[0].partition_values, values);
        assert_eq!(stored.files[0].partition_id, stored.partition.as_ref().map(|partition| partition.id));
    }
    let mut transaction = lake.begin().await;
    let of_list = NewTable {
        columns: vec![column("l", PgType::INT4.array_of())],
        partition: vec![("l".to_owned(), Transform::Identity)],
        ..new_table(schema_id, "q")
    };
    assert!(matches!(transaction.create_table(of_list), Err(Error::InvalidTable { .. })));
}

#[tokio::test]
async fn counts_beyond_the_format_are_refused() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    let huge = NewDataFile { record_count: u64::MAX, columns: HashMap::new(), ..file("a", 1, 1, 1) };
    transaction.append_files(id, vec![huge]).unwrap();
    assert!(matches!(transaction.commit().await, Err(Error::Limit { .. })));
    assert_eq!(lake.snapshot().await.id, 1);
}

/// Bounds and null flag of the table's column 1, as other programs read them.
async fn table_bounds(lake: &Lake) -> (Option<bool>, Option<String>, Option<String>) {
    sqlx::query_as("SELECT contains_null <> 0, min_value, max_value FROM ducklake_table_column_stats WHERE column_id = 1")
        .fetch_one(&lake.database().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn missing_bounds_mean_nothing_but_nulls() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let append = async |new: NewDataFile| {
        let mut transaction = lake.begin().await;
        transaction.append_files(id, vec![new]).unwrap();
        transaction.commit().await.unwrap();
    };
    let text = |value: &str| Some(value.to_owned());
    let nulls = ColumnStats { value_count: Some(0), null_count: Some(3), ..ColumnStats::default() };
    append(NewDataFile { columns: HashMap::from([(1, nulls)]), ..file("a", 3, 0, 0) }).await;
    assert_eq!(table_bounds(&lake).await, (Some(true), None, None));
    append(file("b", 2, 5, 6)).await;
    assert_eq!(table_bounds(&lake).await, (Some(true), text("5"), text("6")));
    append(NewDataFile { columns: HashMap::new(), ..file("c", 2, 0, 0) }).await;
    assert_eq!(table_bounds(&lake).await, (Some(true), text("-2147483648"), text("2147483647")));
    // Another program may have left bounds out although there are values.
    lake.run("UPDATE ducklake_table_column_stats SET min_value = NULL, max_value = NULL").await;
    append(file("d", 2, 5, 6)).await;
    assert_eq!(table_bounds(&lake).await, (Some(true), text("-2147483648"), text("2147483647")));
}
