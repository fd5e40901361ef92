//! Columns of tables that are there: added, dropped, renamed, retyped, and how several changes become one.

use kura_catalog::{Column, Error, NewColumn, NewTable, Snapshot, Table, Transform};
use kura_pgtypes::PgType;

use crate::lake::{Lake, column, file, is_conflict, log, new_table, public, table, told};

/// A row of `ducklake_column`: identity, begin, end, order, name, type.
type ColumnRow = (i64, i64, Option<i64>, i64, String, String);

async fn column_rows(lake: &Lake) -> Vec<ColumnRow> {
    let sql = "SELECT column_id, begin_snapshot, end_snapshot, column_order, column_name, column_type FROM ducklake_column \
               ORDER BY column_id, begin_snapshot";
    sqlx::query_as(sql).fetch_all(&lake.database().await).await.unwrap()
}

fn row(id: i64, begin: i64, end: Option<i64>, order: i64, name: &str, ty: &str) -> ColumnRow {
    (id, begin, end, order, name.to_owned(), ty.to_owned())
}

fn columns(table: &Table) -> Vec<(i64, &str)> {
    table.columns.iter().map(|column| (column.id, column.name.as_str())).collect()
}

fn find<'a>(table: &'a Table, name: &str) -> &'a Column {
    table.column(name).expect("the column exists")
}

/// The table `t`, the same in the lake's image and in one read from scratch.
async fn stored(lake: &Lake) -> Table {
    let found = table(&*lake.snapshot().await, "t");
    assert_eq!(*found, *table(&lake.reopen().await.snapshot().await.unwrap(), "t"));
    Table::clone(&found)
}

async fn versions(lake: &Lake) -> Vec<(i64, i64, i64)> {
    let sql = "SELECT begin_snapshot, schema_version, table_id FROM ducklake_schema_versions ORDER BY begin_snapshot";
    sqlx::query_as(sql).fetch_all(&lake.database().await).await.unwrap()
}

#[tokio::test]
async fn columns_come_and_go_and_no_identity_comes_twice() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    let required = NewColumn { nullable: false, default: Some("0.00".to_owned()), ..column("c", PgType::numeric(10, 2)) };
    assert_eq!(transaction.add_column(id, required, Some("0.00".to_owned())).unwrap(), 3);
    assert_eq!(transaction.add_column(id, column("l", PgType::INT4.array_of()), None).unwrap(), 4);
    let view = table(&transaction.snapshot(), "t");
    transaction.commit().await.unwrap();
    assert_eq!(log(&lake).await, "altered_table:1");
    assert_eq!(stored(&lake).await, *view);
    let added = find(&view, "c");
    assert_eq!((added.initial_default.as_deref(), added.default.as_deref(), added.nullable), (Some("0.00"), Some("0.00"), false));
    assert_eq!(find(&view, "l").element_id, Some(5));

    let mut transaction = lake.begin().await;
    transaction.comment_on_column(id, 4, Some("gone soon".to_owned())).unwrap();
    transaction.commit().await.unwrap();
    let mut transaction = lake.begin().await;
    transaction.drop_column(id, 4).unwrap();
    assert_eq!(transaction.add_column(id, column("d", PgType::TEXT), None).unwrap(), 6);
    transaction.commit().await.unwrap();
    let mut transaction = lake.begin().await;
    transaction.drop_column(id, 6).unwrap();
    transaction.commit().await.unwrap();
    // The dropped one was the last: its identity stays taken.
    let reopened = lake.reopen().await;
    let mut transaction = reopened.begin().await.unwrap();
    assert_eq!(transaction.add_column(id, column("e", PgType::TEXT), None).unwrap(), 7);
    transaction.commit().await.unwrap();
    assert_eq!(columns(&stored(&lake).await), [(1, "a"), (2, "b"), (3, "c"), (7, "e")]);
    let expected = [
        row(1, 1, None, 1, "a", "int32"),
        row(2, 1, None, 2, "b", "varchar"),
        row(3, 2, None, 3, "c", "decimal(10,2)"),
        row(4, 2, Some(4), 4, "l", "list"),
        row(5, 2, Some(4), 5, "element", "int32"),
        row(6, 4, Some(5), 6, "d", "varchar"),
        row(7, 6, None, 7, "e", "varchar"),
    ];
    assert_eq!(column_rows(&lake).await, expected);
    assert_eq!(versions(&lake).await, [(1, 1, 1), (2, 2, 1), (4, 4, 1), (5, 5, 1), (6, 6, 1)], "a comment is no new version");
    let tags: i64 = sqlx::query_scalar("SELECT count(*) FROM ducklake_column_tag WHERE end_snapshot IS NULL")
        .fetch_one(&lake.database().await)
        .await
        .unwrap();
    assert_eq!(tags, 0, "a comment goes with its column");
}

#[tokio::test]
async fn changes_of_one_table_become_one() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    // A column that comes and goes within the transaction was never there; its identity is used up all the same.
    let passing = transaction.add_column(id, column("x", PgType::INT4), None).unwrap();
    transaction.rename_column(id, passing, "y").unwrap();
    transaction.comment_on_column(id, passing, Some("never seen".to_owned())).unwrap();
    transaction.drop_column(id, passing).unwrap();
    let kept = transaction.add_column(id, column("x", PgType::INT4), Some("7".to_owned())).unwrap();
    transaction.rename_column(id, kept, "z").unwrap();
    transaction.set_column_default(id, kept, Some("9".to_owned())).unwrap();
    transaction.rename_column(id, 2, "text").unwrap();
    transaction.rename_column(id, 2, "b2").unwrap();
    transaction.set_column_nullable(id, 1, true).unwrap();
    transaction.set_column_nullable(id, 1, false).unwrap();
    transaction.rename_table(id, "u").unwrap();
    transaction.rename_table(id, "t2").unwrap();
    transaction.comment_on_table(id, Some("twice altered".to_owned())).unwrap();
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!(log(&lake).await, "created_table:\"public\".\"t2\",altered_table:1");
    assert_eq!(columns(&table(&snapshot, "t2")), [(1, "a"), (2, "b2"), (4, "z")]);
    assert_eq!(table(&snapshot, "t2"), table(&lake.reopen().await.snapshot().await.unwrap(), "t2"));
    let expected = [
        row(1, 1, None, 1, "a", "int32"),
        row(2, 1, Some(2), 2, "b", "varchar"),
        row(2, 2, None, 2, "b2", "varchar"),
        row(4, 2, None, 4, "z", "int32"),
    ];
    assert_eq!(column_rows(&lake).await, expected);
    assert_eq!(versions(&lake).await, [(1, 1, 1), (2, 2, 1)], "one version for a table and a snapshot");
}

#[tokio::test]
async fn a_table_is_created_altered_and_filled_in_one_transaction() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    let schema_id = public(&transaction.snapshot());
    let id = transaction.create_table(new_table(schema_id, "s")).unwrap().id;
    transaction.append_files(id, vec![file("before", 3, 1, 3)]).unwrap();
    transaction.add_column(id, column("c", PgType::INT8), Some("5".to_owned())).unwrap();
    transaction.replace_column(id, 2, PgType::INT4.array_of()).unwrap();
    transaction.drop_column(id, 1).unwrap();
    transaction.set_table_owner(id, 77).unwrap();
    transaction.comment_on_column(id, 3, Some("third".to_owned())).unwrap();
    transaction.rename_table(id, "t").unwrap();
    transaction.append_files(id, vec![file("after", 2, 1, 2)]).unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(log(&lake).await, "created_table:\"public\".\"t\",inserted_into_table:1");
    let stored = stored(&lake).await;
    assert_eq!(columns(&stored), [(4, "b"), (3, "c")]);
    assert_eq!(find(&stored, "c").initial_default.as_deref(), Some("5"));
    assert_eq!((stored.owner, stored.record_count, find(&stored, "c").comment.as_deref()), (77, 5, Some("third")));
    assert!(column_rows(&lake).await.iter().all(|(_, begin, end, ..)| (*begin, *end) == (1, None)));
}

#[tokio::test]
async fn the_identity_of_a_column_that_came_and_went_is_used_up() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    let schema_id = public(&transaction.snapshot());
    let id = transaction.create_table(new_table(schema_id, "t")).unwrap().id;
    // The file has a field 2, which nobody may take for another column's.
    transaction.append_files(id, vec![file("f", 1, 1, 1)]).unwrap();
    transaction.drop_column(id, 2).unwrap();
    let id = table(&transaction.commit().await.unwrap(), "t").id;
    assert_eq!(stored(&lake).await.next_column_id, 3);
    let (mut passing, mut other) = (lake.begin().await, lake.begin().await);
    assert_eq!(passing.add_column(id, column("c", PgType::INT4), None).unwrap(), 3);
    passing.append_files(id, vec![file("g", 1, 1, 1)]).unwrap();
    passing.drop_column(id, 3).unwrap();
    other.add_column(id, column("c", PgType::INT4), None).unwrap();
    passing.commit().await.unwrap();
    assert!(is_conflict(&other.commit().await));
    let stored = stored(&lake).await;
    assert_eq!((columns(&stored), stored.next_column_id), (vec![(1, "a")], 4));
}

#[tokio::test]
async fn names_defaults_and_nullability_change_in_place() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    transaction.rename_column(id, 1, "key").unwrap();
    transaction.set_column_nullable(id, 1, true).unwrap();
    transaction.set_column_default(id, 2, Some("'it''s'".to_owned())).unwrap();
    let view = table(&transaction.snapshot(), "t");
    transaction.commit().await.unwrap();
    assert_eq!(stored(&lake).await, *view);
    assert_eq!(columns(&view), [(1, "key"), (2, "b")]);
    let mut transaction = lake.begin().await;
    transaction.set_column_default(id, 2, None).unwrap();
    transaction.set_column_nullable(id, 2, false).unwrap();
    transaction.commit().await.unwrap();
    let stored = stored(&lake).await;
    assert_eq!((find(&stored, "b").default.as_deref(), find(&stored, "b").nullable), (None, false));
    let defaults: Vec<(String, String)> =
        sqlx::query_as("SELECT default_value, default_value_type FROM ducklake_column WHERE column_id = 2 ORDER BY begin_snapshot")
            .fetch_all(&lake.database().await)
            .await
            .unwrap();
    let expected = [("NULL", "literal"), ("it's", "literal"), ("NULL", "literal")];
    assert_eq!(defaults, expected.map(|(value, kind)| (value.to_owned(), kind.to_owned())));
}

#[tokio::test]
async fn a_column_is_widened_where_files_can_be_read_as_they_are() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    let schema_id = public(&transaction.snapshot());
    let types = [PgType::INT2, PgType::varchar(5), PgType::FLOAT4, PgType::varchar(5).array_of(), PgType::TIMESTAMP.with_typmod(3)];
    let columns = types.iter().zip(["i", "v", "f", "l", "t"]).map(|(ty, name)| column(name, *ty)).collect();
    let id = transaction.create_table(NewTable { columns, ..new_table(schema_id, "t") }).unwrap().id;
    let mut new = file("x", 2, 0, 0);
    let bounds = new.columns.remove(&1).unwrap();
    let bounds = kura_catalog::ColumnStats { min: Some("-0.1".to_owned()), max: Some("0.1".to_owned()), ..bounds };
    new.columns.insert(3, bounds);
    transaction.append_files(id, vec![new]).unwrap();
    transaction.commit().await.unwrap();

    let id = table(&*lake.snapshot().await, "t").id;
    let mut transaction = lake.begin().await;
    transaction.add_column(id, column("g", PgType::FLOAT4), Some("0.2".to_owned())).unwrap();
    transaction.commit().await.unwrap();
    let mut transaction = lake.begin().await;
    let wider = [PgType::INT8, PgType::varchar(9), PgType::FLOAT8, PgType::TEXT.array_of(), PgType::TIMESTAMP, PgType::FLOAT8];
    let found = table(&transaction.snapshot(), "t");
    for (column, ty) in found.columns.iter().zip(wider) {
        assert!(column.can_widen_to(ty), "{}", column.name);
        transaction.widen_column(id, column.id, ty).unwrap();
    }
    for (column, ty) in found.columns.iter().zip([PgType::BOOL, PgType::varchar(4), PgType::INT8, PgType::INT4, PgType::DATE]) {
        assert!(!column.can_widen_to(ty), "{}", column.name);
        assert!(matches!(transaction.widen_column(id, column.id, ty), Err(Error::InvalidTable { .. })));
    }
    let view = table(&transaction.snapshot(), "t");
    transaction.commit().await.unwrap();
    let stored = stored(&lake).await;
    assert_eq!(stored.columns, view.columns);
    assert_eq!(stored.columns.iter().map(|column| column.ty).collect::<Vec<_>>(), wider);
    // 0.1 in four bytes is more than in eight: the old text would exclude the value it stands for.
    let widened = &stored.files[0].columns[&3];
    assert_eq!((widened.min.as_deref(), widened.max.as_deref()), (Some("-0.10000000149011612"), Some("0.10000000149011612")));
    assert_eq!(view.files[0].columns[&3], *widened);
    assert_eq!(find(&stored, "g").initial_default.as_deref(), Some("0.20000000298023224"));
    let of_table: (String, String) = sqlx::query_as("SELECT min_value, max_value FROM ducklake_table_column_stats WHERE column_id = 3")
        .fetch_one(&lake.database().await)
        .await
        .unwrap();
    assert_eq!(of_table.1, "0.10000000149011612");
}

#[tokio::test]
async fn a_replaced_column_stands_where_the_old_one_stood() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    transaction.append_files(id, vec![file("old", 4, 1, 4)]).unwrap();
    transaction.comment_on_column(id, 1, Some("key".to_owned())).unwrap();
    transaction.commit().await.unwrap();
    let mut transaction = lake.begin().await;
    assert_eq!(transaction.replace_column(id, 1, PgType::TEXT).unwrap(), 3);
    assert_eq!(transaction.truncate(id).unwrap(), 4);
    transaction.append_files(id, vec![file("new", 4, 1, 4)]).unwrap();
    transaction.add_column(id, column("c", PgType::INT4), None).unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(log(&lake).await, "altered_table:1,inserted_into_table:1,deleted_from_table:1");
    let stored = stored(&lake).await;
    assert_eq!(columns(&stored), [(3, "a"), (2, "b"), (4, "c")]);
    let replaced = &stored.columns[0];
    assert_eq!((replaced.ty, replaced.nullable, replaced.comment.as_deref()), (PgType::TEXT, false, Some("key")));
    assert_eq!((stored.files.len(), stored.record_count), (1, 4));
    let expected = [
        row(1, 1, Some(3), 1, "a", "int32"),
        row(2, 1, None, 2, "b", "varchar"),
        row(3, 3, None, 1, "a", "varchar"),
        row(4, 3, None, 4, "c", "int32"),
    ];
    assert_eq!(column_rows(&lake).await, expected);
}

#[tokio::test]
async fn an_added_column_has_bounds_for_the_rows_before_it() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    transaction.append_files(id, vec![file("a", 1, 1, 1)]).unwrap();
    transaction.commit().await.unwrap();
    let mut transaction = lake.begin().await;
    transaction.add_column(id, column("c", PgType::INT4), Some("7".to_owned())).unwrap();
    transaction.add_column(id, column("d", PgType::INT4), None).unwrap();
    transaction.commit().await.unwrap();
    type Row = (i64, bool, Option<String>, Option<String>);
    let bounds: Vec<Row> = sqlx::query_as(
        "SELECT column_id, contains_null, min_value, max_value FROM ducklake_table_column_stats WHERE column_id > 2 ORDER BY column_id",
    )
    .fetch_all(&lake.database().await)
    .await
    .unwrap();
    assert_eq!(bounds, [(3, false, Some("7".to_owned()), Some("7".to_owned())), (4, true, None, None)]);
}

#[tokio::test]
async fn impossible_changes_of_columns_are_refused_at_once() {
    let lake = Lake::new().await;
    let mut transaction = lake.begin().await;
    let schema_id = public(&transaction.snapshot());
    let partition = vec![("b".to_owned(), Transform::Identity)];
    let id = transaction.create_table(NewTable { partition, ..new_table(schema_id, "t") }).unwrap().id;
    let error = transaction.add_column(id, column("a", PgType::INT4), None).unwrap_err();
    assert_eq!(told(&error), "42701 column \"a\" of relation \"t\" already exists");
    let error = transaction.rename_column(id, 2, "a").unwrap_err();
    assert_eq!(told(&error), "42701 column \"a\" of relation \"t\" already exists");
    let part = "because it is part of the partition key of relation \"t\"";
    let error = transaction.drop_column(id, 2).unwrap_err();
    assert_eq!(told(&error), format!("42P16 cannot drop column \"b\" {part}"));
    for error in [transaction.replace_column(id, 2, PgType::INT4).unwrap_err(), transaction.widen_column(id, 2, PgType::TEXT).unwrap_err()]
    {
        assert_eq!(told(&error), format!("42P16 cannot alter column \"b\" {part}"));
    }
    transaction.drop_column(id, 1).unwrap();
    for missing in [1, 9] {
        assert!(matches!(transaction.drop_column(id, missing), Err(Error::NotFound { kind: "column", .. })));
        assert!(matches!(transaction.rename_column(id, missing, "x"), Err(Error::NotFound { kind: "column", .. })));
    }
    let single = NewTable { columns: vec![column("a", PgType::INT4)], ..new_table(schema_id, "single") };
    let single = transaction.create_table(single).unwrap().id;
    assert_eq!(told(&transaction.drop_column(single, 1).unwrap_err()), "0A000 cannot drop the only column of table \"single\"");
    assert!(matches!(transaction.add_column(single, column("b", PgType::VOID), None), Err(Error::UnsupportedType { .. })));
    assert!(matches!(transaction.add_column(77, column("b", PgType::INT4), None), Err(Error::NotFound { kind: "relation", .. })));
}

/// What the other transactions of a test do to table `t`.
async fn second(lake: &Lake, change: impl FnOnce(&mut kura_catalog::Transaction, &Snapshot)) {
    let mut transaction = lake.begin().await;
    let view = transaction.snapshot();
    change(&mut transaction, &view);
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_column_of_another_program_is_noticed_even_if_it_is_not_logged() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    transaction.add_column(id, column("c", PgType::INT4), None).unwrap();
    lake.foreign(
        "inserted_into_table:99",
        "INSERT INTO ducklake_column VALUES (3, 2, NULL, 1, 3, 'theirs', 'int32', NULL, 'NULL', 1, NULL, 'literal', 'duckdb')",
    )
    .await;
    assert!(is_conflict(&transaction.commit().await));
    second(&lake, |transaction, view| {
        assert_eq!(columns(view.table(id).unwrap()), [(1, "a"), (2, "b"), (3, "theirs")]);
        assert_eq!(transaction.add_column(id, column("c", PgType::INT4), None).unwrap(), 4);
    })
    .await;
    assert_eq!(columns(&stored(&lake).await), [(1, "a"), (2, "b"), (3, "theirs"), (4, "c")]);
}

#[tokio::test]
async fn a_sort_order_ends_with_the_names_it_uses() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    lake.run(
        "INSERT INTO ducklake_sort_info VALUES (9, 1, 1, NULL); \
         INSERT INTO ducklake_sort_expression VALUES (9, 1, 0, 'a', 'duckdb', 'ASC', 'NULLS_LAST')",
    )
    .await;
    let live = async || -> i64 {
        let sql = "SELECT count(*) FROM ducklake_sort_info WHERE end_snapshot IS NULL";
        sqlx::query_scalar(sql).fetch_one(&lake.database().await).await.unwrap()
    };
    second(&lake, |transaction, _| transaction.set_column_nullable(id, 1, true).unwrap()).await;
    assert_eq!(live().await, 1);
    second(&lake, |transaction, _| transaction.rename_column(id, 1, "x").unwrap()).await;
    assert_eq!(live().await, 0);
}
