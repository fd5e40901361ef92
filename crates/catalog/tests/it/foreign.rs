//! What other programs write into the lake: read when it can be, refused clearly when not.

use kura_catalog::{Error, Relation};
use kura_pgtypes::{Diagnostic, PgType};

use crate::lake::{Lake, file, public, table, told};

#[tokio::test]
async fn tables_and_views_of_others_appear_with_oids_of_their_own() {
    let lake = Lake::new().await;
    lake.table("mine").await;
    lake.foreign("created_table:\"public\".\"theirs\",created_view:\"public\".\"seen\"",
        "INSERT INTO ducklake_table VALUES (5, 'u', 2, NULL, 0, 'theirs', 'theirs/', 1); \
         INSERT INTO ducklake_column VALUES (1, 2, NULL, 5, 1, 'tiny', 'uint8', NULL, '7', 1, NULL, 'literal', 'duckdb'), \
         (2, 2, NULL, 5, 2, 'l', 'list', NULL, 'NULL', 1, NULL, '', 'duckdb'), \
         (3, 2, NULL, 5, 3, 'element', 'uint64', NULL, 'NULL', 1, 2, 'literal', 'duckdb'), \
         (4, 2, NULL, 5, 4, 'ns', 'timestamp_ns', NULL, 'NULL', 1, NULL, 'literal', 'duckdb'); \
         INSERT INTO ducklake_view VALUES (6, 'u', 2, NULL, 0, 'seen', 'duckdb', 'SELECT * FROM {DUCKLAKE_CATALOG}.public.t', '\"x\",\"y\"\"z\"');").await;
    let snapshot = lake.snapshot().await;
    let theirs = table(&snapshot, "theirs");
    assert!(theirs.oid > 16384 && theirs.check_readable().is_ok());
    let columns: Vec<_> = theirs.columns.iter().map(|column| (column.name.as_str(), column.ty)).collect();
    assert_eq!(columns, [("tiny", PgType::INT4), ("l", PgType::numeric(20, 0).array_of()), ("ns", PgType::TIMESTAMP)]);
    assert_eq!(theirs.columns[0].default.as_deref(), Some("7"));
    assert_eq!(theirs.columns[0].lake_type, "uint8");
    assert_eq!(theirs.columns[1].leaf_id(), 3);
    let Some(Relation::View(view)) = snapshot.relation(public(&snapshot), "seen") else { unreachable!("a view") };
    assert_eq!(view.sql, "SELECT * FROM public.t");
    assert_eq!(view.column_names, ["x", "y\"z"]);
    assert_eq!((view.columns.len(), view.search_path.as_slice()), (0, &["public".to_owned()][..]));
    let again = lake.reopen().await.snapshot().await.unwrap();
    assert_eq!(table(&again, "theirs").oid, theirs.oid, "an OID stays");
    let next = lake.table("next").await;
    assert!(next > 6, "identities continue after theirs");
}

#[tokio::test]
async fn unsupported_columns_make_a_table_unreadable_but_not_undroppable() {
    let lake = Lake::new().await;
    lake.foreign(
        "created_table:\"public\".\"odd\"",
        "INSERT INTO ducklake_table VALUES (5, 'u', 1, NULL, 0, 'odd', 'odd/', 1); \
         INSERT INTO ducklake_column VALUES (1, 1, NULL, 5, 1, 's', 'struct', NULL, 'NULL', 1, NULL, '', 'duckdb'), \
         (2, 1, NULL, 5, 2, 'x', 'int32', NULL, 'NULL', 1, 1, 'literal', 'duckdb');",
    )
    .await;
    let odd = table(&*lake.snapshot().await, "odd");
    let error = odd.check_readable().unwrap_err();
    assert_eq!(told(&error), "0A000 table \"odd\" cannot be read: column \"s\" has type struct, which is not supported");
    assert!(error.hint().is_some());
    let mut transaction = lake.begin().await;
    assert!(matches!(transaction.append_files(5, vec![file("f", 1, 1, 1)]), Err(Error::Unreadable { .. })));
    transaction.drop_table(5).unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn inlined_rows_make_a_table_unreadable_until_they_are_flushed() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    assert_eq!(id, 1);
    lake.foreign(
        "inlined_insert:1",
        "INSERT INTO ducklake_inlined_data_tables VALUES (1, 'ducklake_inlined_data_1_1', 1); \
         CREATE TABLE ducklake_inlined_data_1_1(row_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, a BIGINT); \
         INSERT INTO ducklake_inlined_data_1_1 VALUES (0, 2, NULL, 1);",
    )
    .await;
    for snapshot in [lake.snapshot().await, lake.reopen().await.snapshot().await.unwrap()] {
        let reason = table(&snapshot, "t").unreadable.clone();
        assert_eq!(reason.as_deref(), Some("it has rows inlined in the catalog"));
    }
    lake.foreign(
        "inline_flush:1",
        "DELETE FROM ducklake_inlined_data_1_1; \
         INSERT INTO ducklake_data_file VALUES (9, 1, 2, NULL, NULL, 'f.parquet', 1, 'parquet', 1, 100, 50, 0, NULL, NULL, NULL, 2);",
    )
    .await;
    let flushed = table(&*lake.snapshot().await, "t");
    assert_eq!((flushed.unreadable.as_deref(), flushed.record_count), (None, 1));
}

#[tokio::test]
async fn deletes_and_merges_of_others_are_read_again() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    for path in ["a", "b"] {
        let mut transaction = lake.begin().await;
        transaction.append_files(id, vec![file(path, 10, 1, 9)]).unwrap();
        transaction.commit().await.unwrap();
    }
    lake.foreign(
        "deleted_from_table:1",
        "INSERT INTO ducklake_delete_file VALUES (2, 1, 4, NULL, 0, 'd.parquet', 1, 'parquet', 3, 90, 40, NULL, NULL);",
    )
    .await;
    let deleted = table(&*lake.snapshot().await, "t");
    assert_eq!((deleted.record_count, deleted.files[0].live_rows()), (17, 7));
    let file_of_deletes = deleted.files[0].deletes.as_ref().unwrap();
    assert_eq!((file_of_deletes.path.as_str(), file_of_deletes.delete_count), (&*format!("{}d.parquet", deleted.path), 3));
    // History is rewritten in place: the merged file began before the image at hand.
    lake.foreign(
        "merge_adjacent:1",
        "DELETE FROM ducklake_data_file; DELETE FROM ducklake_delete_file; \
         INSERT INTO ducklake_data_file VALUES (12, 1, 2, NULL, NULL, 'm', 1, 'parquet', 17, 100, 50, NULL, NULL, NULL, NULL, 3);",
    )
    .await;
    let merged = table(&*lake.snapshot().await, "t");
    assert_eq!((merged.record_count, merged.files.len()), (17, 1));
}

#[tokio::test]
async fn expired_snapshots_lead_to_a_full_read() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    lake.foreign(
        "inserted_into_table:1",
        "INSERT INTO ducklake_data_file VALUES (3, 1, 2, NULL, NULL, 'a', 1, 'parquet', 4, 100, 50, 0, NULL, NULL, NULL, NULL);",
    )
    .await;
    lake.foreign("inserted_into_table:99", "DELETE FROM ducklake_snapshot_changes WHERE snapshot_id < 3;").await;
    let snapshot = lake.snapshot().await;
    assert_eq!((snapshot.id, snapshot.table(id).unwrap().record_count), (3, 4));
}

#[tokio::test]
async fn files_that_cannot_be_read_are_named() {
    let cases: [(&'static str, &str); 4] = [
        ("UPDATE ducklake_data_file SET encryption_key = 'k'", "it has encrypted files"),
        ("UPDATE ducklake_data_file SET mapping_id = 1", "it has files without field ids"),
        ("UPDATE ducklake_data_file SET path = '../../etc/passwd'", "it has files outside of the lake's data path"),
        ("UPDATE ducklake_data_file SET path = '/etc/x', path_is_relative = 0", "it has files outside of the lake's data path"),
    ];
    for (sql, reason) in cases {
        let lake = Lake::new().await;
        let id = lake.table("t").await;
        let mut transaction = lake.begin().await;
        transaction.append_files(id, vec![file("a", 1, 1, 1)]).unwrap();
        transaction.commit().await.unwrap();
        lake.run(sql).await;
        let snapshot = lake.reopen().await.snapshot().await.unwrap();
        assert_eq!(table(&snapshot, "t").unreadable.as_deref(), Some(reason));
    }
}
