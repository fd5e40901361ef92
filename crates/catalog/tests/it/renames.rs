//! Names, schemas and owners of objects that are there.

use kura_catalog::{Error, Relation, Snapshot};

use crate::lake::{Lake, file, is_conflict, log, new_table, new_view, public, table, told};

fn names(snapshot: &Snapshot, schema: &str) -> Vec<String> {
    let schema = snapshot.schema(schema).expect("the schema exists");
    snapshot.relations(schema.id).map(|relation| relation.name().to_owned()).collect()
}

#[tokio::test]
async fn a_renamed_table_is_the_same_table() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    transaction.append_files(id, vec![file("f", 3, 1, 3)]).unwrap();
    transaction.commit().await.unwrap();
    let before = table(&*lake.snapshot().await, "t");
    let mut transaction = lake.begin().await;
    transaction.rename_table(id, "u").unwrap();
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!(log(&lake).await, "created_table:\"public\".\"u\"");
    assert_eq!((names(&snapshot, "public"), snapshot.schema_version), (vec!["u".to_owned()], 2));
    let after = table(&snapshot, "u");
    assert_eq!((after.id, after.oid, &after.path, &after.files), (id, before.oid, &before.path, &before.files));
    assert_eq!(after, table(&lake.reopen().await.snapshot().await.unwrap(), "u"));
    type Row = (i64, i64, Option<i64>, String, bool);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT table_id, begin_snapshot, end_snapshot, table_name, table_uuid = (SELECT min(table_uuid) FROM ducklake_table) \
         AND path = (SELECT min(path) FROM ducklake_table) FROM ducklake_table ORDER BY begin_snapshot",
    )
    .fetch_all(&lake.database().await)
    .await
    .unwrap();
    assert_eq!(rows, [(id, 1, Some(3), "t".to_owned(), true), (id, 3, None, "u".to_owned(), true)]);
}

#[tokio::test]
async fn names_are_passed_on_within_one_transaction() {
    let lake = Lake::new().await;
    let (old, new) = (lake.table("model").await, lake.table("model__tmp").await);
    // As dbt does: the old table steps aside, the new one takes its name, the old one goes later.
    let mut transaction = lake.begin().await;
    transaction.rename_table(old, "model__backup").unwrap();
    transaction.rename_table(new, "model").unwrap();
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!(names(&snapshot, "public"), ["model", "model__backup"]);
    assert_eq!((table(&snapshot, "model").id, table(&snapshot, "model__backup").id), (new, old));
    // A ring, over a name nobody keeps.
    let mut transaction = lake.begin().await;
    transaction.rename_table(new, "aside").unwrap();
    transaction.rename_table(old, "model").unwrap();
    transaction.rename_table(new, "model__backup").unwrap();
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!((table(&snapshot, "model").id, table(&snapshot, "model__backup").id), (old, new));
    assert_eq!(names(&lake.reopen().await.snapshot().await.unwrap(), "public"), ["model", "model__backup"]);
    // A dropped table's name, and a created table under a name that was freed.
    let mut transaction = lake.begin().await;
    transaction.drop_table(new).unwrap();
    transaction.rename_table(old, "model__backup").unwrap();
    let schema_id = public(&transaction.snapshot());
    transaction.create_view(new_view(schema_id, "model")).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    assert!(matches!(snapshot.relation(schema_id, "model"), Some(Relation::View(_))));
    assert_eq!(table(&snapshot, "model__backup").id, old);
}

#[tokio::test]
async fn a_table_that_moves_keeps_its_files() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    transaction.append_files(id, vec![file("f", 3, 1, 3)]).unwrap();
    let schema = transaction.create_schema("s", 10).unwrap();
    transaction.set_table_schema(id, schema).unwrap();
    let created = transaction.create_table(new_table(schema, "u")).unwrap();
    let home = public(&transaction.snapshot());
    transaction.set_table_schema(created.id, home).unwrap();
    transaction.append_files(created.id, vec![file("g", 1, 1, 1)]).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!((names(&snapshot, "s"), names(&snapshot, "public")), (vec!["t".to_owned()], vec!["u".to_owned()]));
    let schema = snapshot.schema("s").unwrap().id;
    let moved = snapshot.table(id).unwrap();
    assert_eq!((moved.schema_id, moved.files[0].path.as_str()), (schema, &*format!("{}f", moved.path)));
    let reopened = lake.reopen().await.snapshot().await.unwrap();
    assert_eq!(reopened.table(id), Some(moved));
    assert_eq!(table(&reopened, "u").files[0].path, format!("{}g", created.path));
    let paths: Vec<(String, bool)> =
        sqlx::query_as("SELECT path, path_is_relative FROM ducklake_table WHERE end_snapshot IS NULL ORDER BY table_id")
            .fetch_all(&lake.database().await)
            .await
            .unwrap();
    assert_eq!(paths, [(format!("/lake/{}", moved.path), false), (format!("/lake/{}", created.path), false)]);
    // Back home it lies below its schema again; and files still come to the same place.
    let mut transaction = lake.begin().await;
    transaction.set_table_schema(id, home).unwrap();
    transaction.append_files(id, vec![file("h", 1, 1, 1)]).unwrap();
    transaction.commit().await.unwrap();
    let back = table(&*lake.snapshot().await, "t");
    assert_eq!((&back.path, back.record_count), (&moved.path, 4));
    let stored: (String, bool) =
        sqlx::query_as("SELECT path, path_is_relative FROM ducklake_table WHERE end_snapshot IS NULL AND table_id = 1")
            .fetch_one(&lake.database().await)
            .await
            .unwrap();
    let public_path = lake.snapshot().await.schema("public").unwrap().path.clone();
    assert_eq!((format!("{public_path}{}", stored.0), stored.1), (back.path.clone(), true));
}

#[tokio::test]
async fn a_lake_that_moves_takes_moved_tables_with_it() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    let schema = transaction.create_schema("s", 10).unwrap();
    transaction.set_table_schema(id, schema).unwrap();
    let path = transaction.commit().await.unwrap().table(id).unwrap().path.clone();
    lake.catalog.close().await;
    let config = kura_catalog::Config { url: kura_catalog::CatalogUrl::Sqlite(lake.path()), relocate: true };
    let moved = kura_catalog::Catalog::open(config, "/elsewhere", std::sync::Arc::new(kura_catalog::SystemClock)).await.unwrap();
    let snapshot = moved.snapshot().await.unwrap();
    let found = snapshot.table(id).unwrap();
    assert_eq!((&found.path, found.unreadable.as_deref()), (&path, None));
}

#[tokio::test]
async fn views_are_renamed_and_moved() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    let home = public(&transaction.snapshot());
    let created = transaction.create_view(new_view(home, "v")).unwrap();
    transaction.comment_on_view(created.id, Some("kept".to_owned())).unwrap();
    transaction.create_schema("s", 10).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    let id = snapshot.relation(home, "v").unwrap().id();
    let schema = snapshot.schema("s").unwrap().id;
    let mut transaction = lake.begin().await;
    transaction.rename_view(id, "w").unwrap();
    transaction.set_view_schema(id, schema).unwrap();
    transaction.set_view_owner(id, 77).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!(log(&lake).await, format!("created_view:\"s\".\"w\",altered_view:{id}"));
    let expected = kura_catalog::View {
        id,
        schema_id: schema,
        name: "w".to_owned(),
        owner: 77,
        comment: Some("kept".to_owned()),
        ..kura_catalog::View::clone(&created)
    };
    assert_eq!(**snapshot.view(id).unwrap(), expected);
    assert_eq!(**lake.reopen().await.snapshot().await.unwrap().view(id).unwrap(), expected);
    assert_eq!(names(&snapshot, "public").len(), 0);
}

#[tokio::test]
async fn schemas_are_renamed_with_all_in_them() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    let left = transaction.create_schema("left", 10).unwrap();
    transaction.create_schema("right", 10).unwrap();
    transaction.create_table(new_table(left, "t")).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    let (left, right) = (snapshot.schema("left").unwrap(), snapshot.schema("right").unwrap());
    let mut transaction = lake.begin().await;
    transaction.rename_schema(left.id, "aside").unwrap();
    transaction.rename_schema(right.id, "left").unwrap();
    transaction.rename_schema(left.id, "right").unwrap();
    transaction.create_table(new_table(left.id, "u")).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    let renamed = snapshot.schema("right").unwrap();
    assert_eq!((renamed.id, renamed.oid, &renamed.path), (left.id, left.oid, &left.path));
    assert_eq!(names(&snapshot, "right"), ["t", "u"]);
    assert_eq!(names(&lake.reopen().await.snapshot().await.unwrap(), "right"), ["t", "u"]);
    assert!(log(&lake).await.ends_with("created_table:\"right\".\"u\""));
}

#[tokio::test]
async fn owners_change_and_everyone_sees_it() {
    let lake = Lake::new().await;
    let other = lake.reopen().await;
    let id = lake.table("t").await;
    other.snapshot().await.unwrap();
    let mut transaction = lake.begin().await;
    let home = public(&transaction.snapshot());
    transaction.set_schema_owner(home, 77).unwrap();
    transaction.append_files(id, vec![file("f", 1, 1, 1)]).unwrap();
    transaction.commit().await.unwrap();
    // The log says nothing of the schema.
    assert_eq!(log(&lake).await, "inserted_into_table:1");
    for snapshot in [lake.snapshot().await, other.snapshot().await.unwrap(), lake.reopen().await.snapshot().await.unwrap()] {
        assert_eq!((snapshot.schema("public").unwrap().owner, table(&snapshot, "t").record_count), (77, 1));
    }
    let mut transaction = lake.begin().await;
    transaction.set_table_owner(id, 78).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!((log(&lake).await.as_str(), table(&snapshot, "t").owner), ("altered_table:1", 78));
    let versions: i64 =
        sqlx::query_scalar("SELECT count(*) FROM ducklake_schema_versions").fetch_one(&lake.database().await).await.unwrap();
    assert_eq!(versions, 1, "an owner is no new version of a table");
}

#[tokio::test]
async fn names_that_are_taken_are_refused_at_once() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    lake.table("u").await;
    let mut transaction = lake.begin().await;
    let home = public(&transaction.snapshot());
    let schema = transaction.create_schema("s", 10).unwrap();
    transaction.create_view(new_view(schema, "t")).unwrap();
    assert_eq!(told(&transaction.rename_table(id, "u").unwrap_err()), "42P07 relation \"u\" already exists");
    assert_eq!(told(&transaction.rename_table(id, "t").unwrap_err()), "42P07 relation \"t\" already exists");
    assert_eq!(told(&transaction.set_table_schema(id, schema).unwrap_err()), "42P07 relation \"t\" already exists");
    assert_eq!(told(&transaction.rename_schema(schema, "public").unwrap_err()), "42P06 schema \"public\" already exists");
    assert!(matches!(transaction.rename_view(id, "x"), Err(Error::NotFound { .. })));
    assert!(matches!(transaction.rename_schema(99, "x"), Err(Error::SchemaNotFound { id: 99 })));
    assert!(matches!(transaction.set_table_schema(id, 99), Err(Error::SchemaNotFound { id: 99 })));
    assert!(matches!(transaction.rename_table(id, &"x".repeat(64)), Err(Error::InvalidTable { .. })));
    transaction.set_table_schema(id, home).unwrap();
    assert!(!transaction.is_changed(id));
}

#[tokio::test]
async fn a_view_renamed_by_another_program_cannot_be_renamed_unseen() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    let home = public(&transaction.snapshot());
    transaction.create_view(new_view(home, "v")).unwrap();
    let id = transaction.commit().await.unwrap().relation(home, "v").unwrap().id();
    let mut transaction = lake.begin().await;
    transaction.rename_view(id, "w").unwrap();
    lake.foreign(
        "created_view:\"public\".\"theirs\"",
        "INSERT INTO ducklake_view SELECT view_id, view_uuid, 2, NULL, schema_id, 'theirs', dialect, sql, column_aliases FROM ducklake_view; \
         UPDATE ducklake_view SET end_snapshot = 2 WHERE begin_snapshot = 1",
    )
    .await;
    assert!(is_conflict(&transaction.commit().await));
    assert_eq!(names(&*lake.snapshot().await, "public"), ["theirs"]);
}
