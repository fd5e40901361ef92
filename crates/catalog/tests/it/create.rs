//! Creating, opening and refusing a lake.

use kura_catalog::{Catalog, CatalogUrl, Config, Error, PUBLIC_SCHEMA_OID, SystemClock};
use std::sync::Arc;

use crate::lake::{DATA_PATH, Lake, open, told};

#[tokio::test]
async fn a_new_lake_holds_schema_public() {
    let lake = Lake::new().await;
    let snapshot = lake.snapshot().await;
    assert_eq!((snapshot.id, snapshot.schema_version), (0, 0));
    let names: Vec<_> = snapshot.schemas().map(|schema| (schema.name.clone(), schema.oid, schema.id)).collect();
    assert_eq!(names, [("public".to_owned(), PUBLIC_SCHEMA_OID, 0)]);
    assert_eq!(lake.catalog.data_path(), DATA_PATH);
    let database = lake.database().await;
    let options: Vec<(String, String)> =
        sqlx::query_as("SELECT key, value FROM ducklake_metadata ORDER BY key").fetch_all(&database).await.unwrap();
    let option = |name: &str| options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(option("version"), Some("1.0"));
    assert_eq!(option("data_path"), Some(DATA_PATH));
    assert_eq!(option("data_inlining_row_limit"), Some("0"));
    let spec_tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name LIKE 'ducklake%'")
        .fetch_one(&database)
        .await
        .unwrap();
    assert_eq!(spec_tables, 28);
}

#[tokio::test]
async fn an_unchanged_catalog_is_one_shared_image() {
    let lake = Lake::new().await;
    let first = lake.snapshot().await;
    assert!(Arc::ptr_eq(&first, &lake.snapshot().await));
}

#[tokio::test]
async fn other_versions_are_refused() {
    let lake = Lake::new().await;
    lake.catalog.close().await;
    lake.run("UPDATE ducklake_metadata SET value = '1.1-dev1' WHERE key = 'version'").await;
    let error = open(lake.path(), DATA_PATH).await.err().expect("refused");
    assert_eq!(told(&error), "0A000 the catalog has version \"1.1-dev1\", this server supports 1.0");
    lake.run("UPDATE ducklake_metadata SET value = '1.0' WHERE key = 'version'; UPDATE kura_meta SET value = '2' WHERE key = 'version'")
        .await;
    assert!(matches!(open(lake.path(), DATA_PATH).await, Err(Error::UnsupportedVersion { .. })));
}

#[tokio::test]
async fn another_data_path_is_refused_unless_the_lake_moved() {
    let lake = Lake::new().await;
    lake.catalog.close().await;
    assert!(matches!(open(lake.path(), "/elsewhere").await, Err(Error::DataPathMismatch { .. })));
    let config = Config { url: CatalogUrl::Sqlite(lake.path()), relocate: true };
    let moved = Catalog::open(config, "/elsewhere", Arc::new(SystemClock)).await.unwrap();
    assert_eq!(moved.data_path(), "/elsewhere/");
    moved.close().await;
    open(lake.path(), "/elsewhere/").await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_no_catalog_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.sqlite");
    std::fs::write(&path, "not a database, but long enough to be mistaken for one by nobody").unwrap();
    assert!(open(path, DATA_PATH).await.is_err());
    let lake = Lake::new().await;
    lake.catalog.close().await;
    lake.run("DROP TABLE ducklake_metadata").await;
    assert!(matches!(open(lake.path(), DATA_PATH).await, Err(Error::NotACatalog { .. })));
}

#[tokio::test]
async fn a_lake_without_our_tables_is_adopted() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    lake.catalog.close().await;
    lake.run(
        "DROP TABLE kura_meta; DROP TABLE kura_role; DROP TABLE kura_oid; DROP TABLE kura_column_type; \
         DROP TABLE kura_view; DROP TABLE kura_owner; DROP TABLE kura_commit; \
         DROP INDEX kura_live_schema; DROP INDEX kura_live_table; DROP INDEX kura_live_table_name; \
         DROP INDEX kura_live_view; DROP INDEX kura_live_view_name; DROP INDEX kura_live_column; \
         DROP INDEX kura_live_tag; DROP INDEX kura_live_column_tag; DROP INDEX kura_live_data_file; \
         DROP INDEX kura_live_delete_file; DROP INDEX kura_file_column_stats_by_file; \
         DROP INDEX kura_file_partition_value_by_file; DROP INDEX kura_table_stats_by_table; \
         DROP INDEX kura_table_column_stats_by_table; DROP INDEX kura_column_by_table; \
         DELETE FROM ducklake_metadata WHERE key = 'data_inlining_row_limit'",
    )
    .await;
    let adopted = lake.reopen().await;
    let snapshot = adopted.snapshot().await.unwrap();
    assert_eq!(snapshot.schema("public").unwrap().oid, PUBLIC_SCHEMA_OID);
    assert_eq!(snapshot.table(id).unwrap().oid, 16384);
    let again = lake.reopen().await;
    assert_eq!(again.snapshot().await.unwrap().table(id).unwrap().oid, 16384);
}

#[test]
fn urls_are_read() {
    assert_eq!("sqlite:/a/b".parse::<CatalogUrl>().unwrap(), CatalogUrl::Sqlite("/a/b".into()));
    for url in ["", "sqlite:", "postgres://x", "/a/b"] {
        assert!(url.parse::<CatalogUrl>().is_err(), "{url}");
    }
}
