//! Pairs of transactions that begin together: the first commits, the second goes with it or does not.

use kura_catalog::{Error, Transaction};

use crate::lake::{Lake, file, is_conflict, new_table, new_view, public};

/// What a transaction does in these tests. All are possible in the lake of [`outcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Insert,
    DropTable,
    CommentTable,
    CommentColumn,
    CommentSchema,
    DropView,
    CommentView,
    CreateTable,
    CreateOtherTable,
    CreateView,
    CreateSchema,
    CreateInEmpty,
    DropEmpty,
}

const ALL: [Act; 13] = [
    Act::Insert,
    Act::DropTable,
    Act::CommentTable,
    Act::CommentColumn,
    Act::CommentSchema,
    Act::DropView,
    Act::CommentView,
    Act::CreateTable,
    Act::CreateOtherTable,
    Act::CreateView,
    Act::CreateSchema,
    Act::CreateInEmpty,
    Act::DropEmpty,
];

/// The matrix: whether `second` cannot be committed after `first`.
fn excludes(first: Act, second: Act) -> bool {
    let comments = |act| matches!(act, Act::CommentTable | Act::CommentColumn);
    let builds_on_table = |act| comments(act) || act == Act::Insert;
    let creates = |act| matches!(act, Act::CreateTable | Act::CreateView);
    match (first, second) {
        // A drop may follow anything but a drop, an alteration may follow an insert, inserts follow each other.
        (Act::Insert, _) => false,
        (Act::DropTable, Act::DropTable) | (Act::DropView, Act::DropView) => true,
        (Act::DropView | Act::CommentView, Act::CommentView) => true,
        (Act::DropEmpty, Act::DropEmpty | Act::CreateInEmpty)
        | (Act::CreateInEmpty, Act::DropEmpty | Act::CreateInEmpty)
        | (Act::CreateSchema, Act::CreateSchema)
        | (Act::CreateOtherTable, Act::CreateOtherTable) => true,
        (Act::DropTable, _) => builds_on_table(second),
        (_, _) => (comments(first) && builds_on_table(second)) || (creates(first) && creates(second)),
    }
}

fn perform(transaction: &mut Transaction, act: Act) -> Result<(), Error> {
    let view = transaction.snapshot();
    let schema_id = public(&view);
    let id = |name| view.relation(schema_id, name).expect("it is in the lake").id();
    let empty = view.schema("empty").expect("it is in the lake").id;
    let text = Some(format!("{act:?}"));
    match act {
        Act::Insert => transaction.append_files(id("t"), vec![file("f", 1, 1, 1)]),
        Act::DropTable => transaction.drop_table(id("t")),
        Act::CommentTable => transaction.comment_on_table(id("t"), text),
        Act::CommentColumn => transaction.comment_on_column(id("t"), 1, text),
        Act::CommentSchema => transaction.comment_on_schema(schema_id, text),
        Act::DropView => transaction.drop_view(id("v")),
        Act::CommentView => transaction.comment_on_view(id("v"), text),
        Act::CreateTable => transaction.create_table(new_table(schema_id, "new")).map(drop),
        Act::CreateOtherTable => transaction.create_table(new_table(schema_id, "other")).map(drop),
        Act::CreateView => transaction.create_view(new_view(schema_id, "new")).map(drop),
        Act::CreateSchema => transaction.create_schema("new", 10).map(drop),
        Act::CreateInEmpty => transaction.create_table(new_table(empty, "x")).map(drop),
        Act::DropEmpty => transaction.drop_schema(empty),
    }
}

/// Commits `first`, then `second`, both begun before.
async fn outcome(first: Act, second: Act) -> bool {
    let lake = Lake::new().await;
    let mut setup = lake.begin().await;
    let schema_id = public(&setup.snapshot());
    setup.create_table(new_table(schema_id, "t")).unwrap();
    setup.create_view(new_view(schema_id, "v")).unwrap();
    setup.create_schema("empty", 10).unwrap();
    setup.commit().await.unwrap();

    let (mut left, mut right) = (lake.begin().await, lake.begin().await);
    perform(&mut left, first).unwrap();
    perform(&mut right, second).unwrap();
    let after_left = left.commit().await.unwrap();
    let result = right.commit().await;
    let conflict = is_conflict(&result);
    match result {
        Ok(snapshot) => assert_eq!(snapshot.id, after_left.id + 1),
        Err(error) => {
            assert!(conflict && error.is_retryable(), "{first:?} {second:?}: {error}");
            assert_eq!(lake.snapshot().await.id, after_left.id, "a conflict writes nothing");
        }
    }
    conflict
}

#[tokio::test]
async fn the_matrix_holds_for_each_pair() {
    for first in ALL {
        for second in ALL {
            assert_eq!(outcome(first, second).await, excludes(first, second), "{first:?} then {second:?}");
        }
    }
}

#[tokio::test]
async fn a_delete_by_another_program_excludes_our_insert() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    assert_eq!(id, 1);
    let mut transaction = lake.begin().await;
    transaction.append_files(id, vec![file("f", 1, 1, 1)]).unwrap();
    lake.run(
        "INSERT INTO ducklake_snapshot SELECT snapshot_id + 1, snapshot_time, schema_version, next_catalog_id, \
         next_file_id FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1; \
         INSERT INTO ducklake_snapshot_changes VALUES (2, 'deleted_from_table:1', NULL, NULL, NULL)",
    )
    .await;
    assert!(is_conflict(&transaction.commit().await));
}

#[tokio::test]
async fn an_unknown_change_by_another_program_excludes_everything() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    transaction.append_files(id, vec![file("f", 1, 1, 1)]).unwrap();
    lake.run(
        "INSERT INTO ducklake_snapshot SELECT snapshot_id + 1, snapshot_time, schema_version, next_catalog_id, \
         next_file_id FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1; \
         INSERT INTO ducklake_snapshot_changes VALUES (2, 'turned_table_upside_down:1', NULL, NULL, NULL)",
    )
    .await;
    assert!(is_conflict(&transaction.commit().await));
    let mut again = lake.begin().await;
    again.append_files(id, vec![file("f", 1, 1, 1)]).unwrap();
    again.commit().await.unwrap();
}

#[tokio::test]
async fn dropping_a_table_renamed_meanwhile_is_a_conflict() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    transaction.drop_table(id).unwrap();
    lake.run(
        "INSERT INTO ducklake_snapshot SELECT 2, snapshot_time, 2, next_catalog_id, next_file_id \
         FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1; \
         INSERT INTO ducklake_snapshot_changes VALUES (2, 'created_table:\"public\".\"renamed\"', NULL, NULL, NULL); \
         INSERT INTO ducklake_table SELECT table_id, table_uuid, 2, NULL, schema_id, 'renamed', path, 1 FROM ducklake_table; \
         UPDATE ducklake_table SET end_snapshot = 2 WHERE begin_snapshot = 1",
    )
    .await;
    assert!(is_conflict(&transaction.commit().await));
    let snapshot = lake.snapshot().await;
    assert_eq!(snapshot.relation(public(&snapshot), "renamed").unwrap().id(), id);
    assert!(snapshot.relation(public(&snapshot), "t").is_none());
}
