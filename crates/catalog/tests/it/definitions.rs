//! Schemas, tables, views and comments: in a transaction's view, after commit, after reopening.

use kura_catalog::{Error, NewColumn, NewTable, Relation, Snapshot, Transform};
use kura_pgtypes::PgType;

use crate::lake::{Lake, column, file, new_table, new_view, public, table, told};

/// What a snapshot holds, for comparison.
fn describe(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for schema in snapshot.schemas() {
        lines.push(format!("schema {} oid {} {:?}", schema.name, schema.oid, schema.comment));
        for relation in snapshot.relations(schema.id) {
            lines.push(format!("  {} oid {} {:?}", relation.name(), relation.oid(), relation.comment()));
            let columns = match relation {
                Relation::Table(table) => &table.columns,
                Relation::View(view) => &view.columns,
            };
            lines.extend(columns.iter().map(|column| format!("    {column:?}")));
        }
    }
    lines
}

#[tokio::test]
async fn a_transaction_sees_its_own_changes_and_nobody_else_does() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    assert!(!transaction.has_changes());
    let schema = transaction.create_schema("sales", 10).unwrap();
    let created = transaction.create_table(new_table(schema, "orders")).unwrap();
    transaction.create_view(new_view(schema, "recent")).unwrap();
    transaction.append_files(created.id, vec![file("a.parquet", 3, 1, 3)]).unwrap();
    transaction.comment_on_schema(schema, Some("s".to_owned())).unwrap();
    transaction.comment_on_table(created.id, Some("t".to_owned())).unwrap();
    transaction.comment_on_column(created.id, 2, Some("c".to_owned())).unwrap();
    assert!(transaction.has_changes());
    let view = transaction.snapshot();
    assert!(view.is_modified());
    assert!(lake.snapshot().await.schema("sales").is_none());
    let seen = view.table(created.id).unwrap();
    assert_eq!((seen.record_count, seen.files.len()), (3, 1));
    assert_eq!(seen.files[0].path, format!("{}a.parquet", seen.path));
    assert!(seen.path.starts_with(&view.schema("sales").unwrap().path) && seen.path.ends_with('/'));

    let committed = transaction.commit().await.unwrap();
    assert!(!committed.is_modified());
    assert_eq!(committed.schema_version, 1);
    assert_eq!(describe(&committed), describe(&view));
    let reopened = lake.reopen().await.snapshot().await.unwrap();
    assert_eq!(describe(&reopened), describe(&view));
    let stored = reopened.relation(reopened.schema("sales").unwrap().id, "orders").unwrap().clone();
    let stored = reopened.table(stored.id()).unwrap();
    assert!(stored.id > 0);
    assert_eq!((stored.oid, stored.record_count, &stored.path), (created.oid, 3, &created.path));
    assert_eq!(reopened.relation_by_oid(created.oid).unwrap().id(), stored.id);
    assert_eq!(stored.files[0].row_id_start, Some(0));
}

#[tokio::test]
async fn dropping_a_transaction_leaves_nothing() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    transaction.create_schema("s", 10).unwrap();
    drop(transaction);
    let snapshot = lake.reopen().await.snapshot().await.unwrap();
    assert_eq!((snapshot.id, snapshot.schemas().count()), (0, 1));
}

#[tokio::test]
async fn a_transaction_without_changes_writes_no_snapshot() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    let schema = transaction.create_schema("s", 10).unwrap();
    let created = transaction.create_table(new_table(schema, "t")).unwrap();
    transaction.comment_on_table(created.id, Some("x".to_owned())).unwrap();
    transaction.append_files(created.id, vec![file("a", 1, 1, 1)]).unwrap();
    transaction.drop_table(created.id).unwrap();
    transaction.drop_schema(schema).unwrap();
    assert!(!transaction.has_changes());
    assert_eq!(transaction.commit().await.unwrap().id, 0);
}

#[tokio::test]
async fn objects_are_dropped_and_their_names_free_again() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let old = table(&*lake.snapshot().await, "t");
    let mut transaction = lake.begin().await;
    transaction.comment_on_table(id, Some("gone".to_owned())).unwrap();
    transaction.drop_table(id).unwrap();
    let schema_id = public(&transaction.snapshot());
    transaction.create_view(new_view(schema_id, "t")).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    let relation = snapshot.relation(schema_id, "t").unwrap();
    assert!(matches!(relation, Relation::View(view) if view.sql == "SELECT a AS x FROM t"));
    assert_ne!(relation.oid(), old.oid);
    assert!(snapshot.table(id).is_none());
    let database = lake.database().await;
    for live in [
        "SELECT count(*) FROM ducklake_column WHERE end_snapshot IS NULL",
        "SELECT count(*) FROM ducklake_table WHERE end_snapshot IS NULL",
        "SELECT count(*) FROM ducklake_tag WHERE end_snapshot IS NULL",
    ] {
        let rows: i64 = sqlx::query_scalar(live).fetch_one(&database).await.unwrap();
        assert_eq!(rows, 0, "{live}");
    }
    let log: String =
        sqlx::query_scalar("SELECT changes_made FROM ducklake_snapshot_changes WHERE snapshot_id = 2").fetch_one(&database).await.unwrap();
    assert_eq!(log, format!("dropped_table:{id},created_view:\"public\".\"t\""));
}

#[tokio::test]
async fn impossible_changes_are_refused_at_once() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    let schema_id = public(&transaction.snapshot());
    assert_eq!(told(&transaction.create_schema("public", 10).unwrap_err()), "42P06 schema \"public\" already exists");
    assert_eq!(told(&transaction.create_table(new_table(schema_id, "t")).unwrap_err()), "42P07 relation \"t\" already exists");
    assert!(matches!(transaction.create_view(new_view(schema_id, "t")), Err(Error::RelationExists { .. })));
    assert_eq!(
        told(&transaction.drop_schema(schema_id).unwrap_err()),
        "2BP01 cannot drop schema public because other objects depend on it"
    );
    assert!(matches!(transaction.create_table(new_table(77, "x")), Err(Error::SchemaNotFound { id: 77 })));
    assert!(matches!(transaction.drop_table(77), Err(Error::NotFound { .. })));
    assert!(matches!(transaction.drop_view(id), Err(Error::NotFound { .. })));
    assert!(matches!(transaction.comment_on_column(id, 9, None), Err(Error::NotFound { kind: "column", .. })));
    assert!(matches!(transaction.append_files(77, vec![file("a", 1, 1, 1)]), Err(Error::NotFound { .. })));
    let twice = NewTable { columns: vec![column("a", PgType::INT4); 2], ..new_table(schema_id, "x") };
    assert!(matches!(transaction.create_table(twice), Err(Error::InvalidTable { .. })));
    let wide = NewTable { columns: vec![column("a", PgType::INT4); 1601], ..new_table(schema_id, "x") };
    assert!(matches!(transaction.create_table(wide), Err(Error::Limit { .. })));
    let huge = NewTable { columns: vec![column("a", PgType::numeric(100, 0))], ..new_table(schema_id, "x") };
    assert!(matches!(transaction.create_table(huge), Err(Error::UnsupportedType { .. })));
    assert!(!transaction.has_changes());
}

#[tokio::test]
async fn every_type_default_and_key_comes_back() {
    let lake = Lake::new().await;
    let types = [
        PgType::BOOL,
        PgType::INT2,
        PgType::INT4,
        PgType::INT8,
        PgType::FLOAT4,
        PgType::FLOAT8,
        PgType::NUMERIC,
        PgType::numeric(10, 2),
        PgType::numeric(38, 0),
        PgType::TEXT,
        PgType::varchar(5),
        PgType::VARCHAR,
        PgType::bpchar(3),
        PgType::NAME,
        PgType::CHAR,
        PgType::BYTEA,
        PgType::DATE,
        PgType::TIME,
        PgType::TIMESTAMP,
        PgType::TIMESTAMP.with_typmod(3),
        PgType::TIMESTAMPTZ,
        PgType::INTERVAL,
        PgType::UUID,
        PgType::JSON,
        PgType::JSONB,
        PgType::OID,
        PgType::REGCLASS,
        PgType::INT4.array_of(),
        PgType::TEXT.array_of(),
        PgType::varchar(7).array_of(),
        PgType::numeric(12, 4).array_of(),
    ];
    let mut columns: Vec<NewColumn> = types.iter().enumerate().map(|(index, ty)| column(&format!("c{index}"), *ty)).collect();
    columns[1].default = Some("42".to_owned());
    columns[9].default = Some("'it''s'".to_owned());
    columns[18].default = Some("now()".to_owned());
    columns[2].nullable = false;
    let partition = vec![("c16".to_owned(), Transform::Month), ("c2".to_owned(), Transform::Bucket(8))];
    let mut transaction = lake.begin().await;
    let schema_id = public(&transaction.snapshot());
    let created = transaction.create_table(NewTable { columns, partition, ..new_table(schema_id, "types") }).unwrap();
    transaction.commit().await.unwrap();
    let stored = table(&lake.reopen().await.snapshot().await.unwrap(), "types");
    assert_eq!(stored.columns, created.columns);
    assert_eq!(stored.columns.iter().map(|column| column.ty).collect::<Vec<_>>(), types);
    let (stored, created) = (stored.partition.as_ref().unwrap(), created.partition.as_ref().unwrap());
    assert_eq!(stored.columns, created.columns);
    // Depth first: each list takes two identities.
    let database = lake.database().await;
    let ids: Vec<i64> = sqlx::query_scalar("SELECT column_id FROM ducklake_column ORDER BY rowid").fetch_all(&database).await.unwrap();
    assert_eq!(ids, (1..=35).collect::<Vec<i64>>());
}

#[tokio::test]
async fn views_keep_text_columns_and_search_path() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    let schema_id = public(&transaction.snapshot());
    let mut new = new_view(schema_id, "v");
    new.column_names = vec!["x\"y,".to_owned()];
    new.search_path = vec!["a".to_owned(), "b \"c\"".to_owned()];
    let created = transaction.create_view(new).unwrap();
    transaction.comment_on_view(created.id, Some("first".to_owned())).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    let id = snapshot.relation(schema_id, "v").unwrap().id();
    let mut transaction = lake.begin().await;
    transaction.comment_on_view(id, Some("second".to_owned())).unwrap();
    transaction.commit().await.unwrap();
    let reopened = lake.reopen().await.snapshot().await.unwrap();
    let stored = reopened.view(id).unwrap();
    assert_eq!(stored.comment.as_deref(), Some("second"));
    let expected = kura_catalog::View { id, comment: Some("second".to_owned()), ..kura_catalog::View::clone(&created) };
    assert_eq!(**stored, expected);
    let mut transaction = lake.begin().await;
    transaction.comment_on_view(id, None).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!(snapshot.view(id).unwrap().comment, None);
    let mut transaction = lake.begin().await;
    transaction.drop_view(id).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!((snapshot.relations(schema_id).count(), snapshot.schema_version), (0, 4));
}

#[tokio::test]
async fn comments_on_schemas_are_seen_at_once() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    let schema_id = public(&transaction.snapshot());
    transaction.comment_on_schema(schema_id, Some("main things".to_owned())).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!(snapshot.schema("public").unwrap().comment.as_deref(), Some("main things"));
    assert_eq!(snapshot.id, 1);
}
