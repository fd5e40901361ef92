//! Pairs of transactions that begin together: the first commits, the second goes with it or does not.

use kura_catalog::{Error, FileChange, NewColumn, Transaction};
use kura_pgtypes::PgType;
use tokio::task::JoinSet;

use crate::lake::{Lake, column, deletes, file, is_conflict, new_table, new_view, public, table};

/// What a transaction does in these tests. All are possible in the lake of [`outcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Insert,
    Delete,
    DeleteElsewhere,
    Truncate,
    AddColumn,
    AddRequiredColumn,
    RenameColumn,
    ForbidNull,
    ReplaceColumn,
    GiveTable,
    RenameTable,
    MoveTable,
    DropTable,
    CommentTable,
    CommentColumn,
    CommentSchema,
    RenameView,
    DropView,
    CommentView,
    CreateTable,
    CreateOtherTable,
    CreateView,
    CreateSchema,
    RenameEmpty,
    CreateInEmpty,
    DropEmpty,
}

const ALL: [Act; 26] = [
    Act::Insert,
    Act::Delete,
    Act::DeleteElsewhere,
    Act::Truncate,
    Act::AddColumn,
    Act::AddRequiredColumn,
    Act::RenameColumn,
    Act::ForbidNull,
    Act::ReplaceColumn,
    Act::GiveTable,
    Act::RenameTable,
    Act::MoveTable,
    Act::DropTable,
    Act::CommentTable,
    Act::CommentColumn,
    Act::CommentSchema,
    Act::RenameView,
    Act::DropView,
    Act::CommentView,
    Act::CreateTable,
    Act::CreateOtherTable,
    Act::CreateView,
    Act::CreateSchema,
    Act::RenameEmpty,
    Act::CreateInEmpty,
    Act::DropEmpty,
];

/// What an act is in the terms in which they exclude each other.
#[derive(Debug, Default)]
struct Effect {
    /// The object whose definition it changes.
    alters: Option<&'static str>,
    /// The object to which it gives another name or place.
    moves: Option<&'static str>,
    drops: Option<&'static str>,
    /// The name it gives, with the schema for a relation.
    names: Option<&'static str>,
    /// The schema into which it puts something.
    fills: Option<&'static str>,
    inserts: bool,
    /// The files of the table from which it deletes.
    deletes: &'static [usize],
    /// Whether it is right only for the rows it found.
    examines: bool,
}

fn effect(act: Act) -> Effect {
    let none = Effect::default();
    let in_public = Effect { fills: Some("public"), ..Effect::default() };
    match act {
        Act::Insert => Effect { inserts: true, ..none },
        Act::Delete => Effect { deletes: &[0], ..none },
        Act::DeleteElsewhere => Effect { deletes: &[1], ..none },
        Act::Truncate => Effect { deletes: &[0, 1], ..none },
        Act::AddColumn | Act::RenameColumn | Act::GiveTable | Act::CommentTable | Act::CommentColumn => {
            Effect { alters: Some("t"), ..none }
        }
        Act::AddRequiredColumn | Act::ForbidNull => Effect { alters: Some("t"), examines: true, ..none },
        Act::ReplaceColumn => Effect { alters: Some("t"), examines: true, inserts: true, deletes: &[0, 1], ..none },
        Act::RenameTable => Effect { moves: Some("t"), names: Some("public.new"), ..in_public },
        Act::MoveTable => Effect { moves: Some("t"), names: Some("empty.t"), fills: Some("empty"), ..none },
        Act::DropTable => Effect { drops: Some("t"), ..none },
        Act::CommentSchema => none,
        Act::RenameView => Effect { moves: Some("v"), names: Some("public.new"), ..in_public },
        Act::DropView => Effect { drops: Some("v"), ..none },
        Act::CommentView => Effect { alters: Some("v"), ..none },
        Act::CreateTable | Act::CreateView => Effect { names: Some("public.new"), ..in_public },
        Act::CreateOtherTable => Effect { names: Some("public.other"), ..in_public },
        Act::CreateSchema => Effect { names: Some("new"), ..none },
        Act::RenameEmpty => Effect { moves: Some("empty"), names: Some("new"), ..none },
        Act::CreateInEmpty => Effect { names: Some("empty.x"), fills: Some("empty"), ..none },
        Act::DropEmpty => Effect { drops: Some("empty"), ..none },
    }
}

/// The matrix: whether `second` cannot be committed after `first`.
fn excludes(first: Act, second: Act) -> bool {
    let (first, second) = (effect(first), effect(second));
    let same = |left: Option<&str>, right: Option<&str>| left.is_some() && left == right;
    let touches_rows = |effect: &Effect| effect.inserts || !effect.deletes.is_empty();
    let table = |effect: &Effect| touches_rows(effect).then_some("t");
    // Nothing is done to what is gone, nor to a schema that something came into.
    same(first.drops, second.drops)
        || same(first.drops, second.moves)
        || same(first.drops, second.alters)
        || same(first.drops, second.fills)
        || same(first.drops, table(&second))
        || same(first.fills, second.drops)
        // A definition must be the one that was found, a name too where it is used; rows do not care for names.
        || same(first.alters, second.alters)
        || same(first.alters, table(&second))
        || same(first.moves, second.moves)
        || same(first.moves, second.drops)
        || same(first.names, second.names)
        // Rows are deleted once, and those that were examined are all there are.
        || first.deletes.iter().any(|file| second.deletes.contains(file))
        || (touches_rows(&first) && second.examines)
}

fn perform(transaction: &mut Transaction, act: Act) -> Result<(), Error> {
    let view = transaction.snapshot();
    let schema_id = public(&view);
    let id = |name| view.relation(schema_id, name).expect("it is in the lake").id();
    let empty = view.schema("empty").expect("it is in the lake").id;
    let files: Vec<i64> = table(&view, "t").files.iter().map(|file| file.id).collect();
    let text = Some(format!("{act:?}"));
    match act {
        Act::Insert => transaction.append_files(id("t"), vec![file("f", 1, 1, 1)]),
        Act::Delete => transaction.delete_rows(id("t"), vec![(files[0], deletes("d", 1))]),
        Act::DeleteElsewhere => transaction.delete_rows(id("t"), vec![(files[1], FileChange::Remove)]),
        Act::Truncate => transaction.truncate(id("t")).map(drop),
        Act::AddColumn => transaction.add_column(id("t"), column("c", PgType::INT4), None).map(drop),
        Act::AddRequiredColumn => {
            transaction.add_column(id("t"), NewColumn { nullable: false, ..column("c", PgType::INT4) }, None).map(drop)
        }
        Act::RenameColumn => transaction.rename_column(id("t"), 2, "renamed"),
        Act::ForbidNull => transaction.set_column_nullable(id("t"), 2, false),
        Act::ReplaceColumn => {
            transaction.replace_column(id("t"), 2, PgType::INT4)?;
            transaction.truncate(id("t"))?;
            transaction.append_files(id("t"), vec![file("rewritten", 4, 1, 4)])
        }
        Act::GiveTable => transaction.set_table_owner(id("t"), 77),
        Act::RenameTable => transaction.rename_table(id("t"), "new"),
        Act::MoveTable => transaction.set_table_schema(id("t"), empty),
        Act::DropTable => transaction.drop_table(id("t")),
        Act::CommentTable => transaction.comment_on_table(id("t"), text),
        Act::CommentColumn => transaction.comment_on_column(id("t"), 1, text),
        Act::CommentSchema => transaction.comment_on_schema(schema_id, text),
        Act::RenameView => transaction.rename_view(id("v"), "new"),
        Act::DropView => transaction.drop_view(id("v")),
        Act::CommentView => transaction.comment_on_view(id("v"), text),
        Act::CreateTable => transaction.create_table(new_table(schema_id, "new")).map(drop),
        Act::CreateOtherTable => transaction.create_table(new_table(schema_id, "other")).map(drop),
        Act::CreateView => transaction.create_view(new_view(schema_id, "new")).map(drop),
        Act::CreateSchema => transaction.create_schema("new", 10).map(drop),
        Act::RenameEmpty => transaction.rename_schema(empty, "new"),
        Act::CreateInEmpty => transaction.create_table(new_table(empty, "x")).map(drop),
        Act::DropEmpty => transaction.drop_schema(empty),
    }
}

/// A lake with what the acts need.
async fn lake() -> Lake {
    let lake = Lake::new().await;
    let mut setup = lake.begin().await;
    let schema_id = public(&setup.snapshot());
    let id = setup.create_table(new_table(schema_id, "t")).unwrap().id;
    setup.append_files(id, vec![file("one", 2, 1, 2), file("two", 2, 3, 4)]).unwrap();
    setup.create_view(new_view(schema_id, "v")).unwrap();
    setup.create_schema("empty", 10).unwrap();
    setup.commit().await.unwrap();
    lake
}

/// Commits `first`, then `second`, both begun before.
async fn outcome(first: Act, second: Act) -> bool {
    let lake = lake().await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_matrix_holds_for_each_pair() {
    let mut tasks = JoinSet::new();
    for first in ALL {
        tasks.spawn(async move {
            for second in ALL {
                assert_eq!(outcome(first, second).await, excludes(first, second), "{first:?} then {second:?}");
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
}

/// What other programs' changes of table `t` (identity 2), as they log them, exclude of ours.
#[tokio::test]
async fn changes_of_another_program_exclude_what_does_not_go_with_them() {
    let deletes = [Act::Delete, Act::DeleteElsewhere, Act::Truncate, Act::ReplaceColumn];
    let examines = [Act::AddRequiredColumn, Act::ForbidNull, Act::ReplaceColumn];
    let alters = [Act::AddColumn, Act::RenameColumn, Act::GiveTable, Act::CommentTable, Act::CommentColumn];
    let inserts = [Act::Insert, Act::ReplaceColumn];
    let places = [Act::RenameTable, Act::MoveTable];
    let cases: [(&str, Vec<&[Act]>); 9] = [
        ("inserted_into_table:2", vec![&deletes, &examines]),
        ("inlined_insert:2", vec![&deletes, &examines]),
        ("deleted_from_table:2", vec![&inserts, &examines]),
        ("inlined_delete:2", vec![&inserts, &deletes, &examines]),
        ("merge_adjacent:2", vec![&deletes]),
        ("rewrite_delete:2", vec![&deletes]),
        ("altered_table:2", vec![&inserts, &deletes, &examines, &alters]),
        ("dropped_table:2", vec![&inserts, &deletes, &examines, &alters, &places, &[Act::DropTable]]),
        ("altered_table:99,inserted_into_table:99,deleted_from_table:99", vec![]),
    ];
    for (logged, excluded) in cases {
        for act in ALL {
            let lake = lake().await;
            let mut transaction = lake.begin().await;
            perform(&mut transaction, act).unwrap();
            lake.foreign(logged, "").await;
            let expected = excluded.iter().any(|acts| acts.contains(&act));
            assert_eq!(is_conflict(&transaction.commit().await), expected, "{logged} then {act:?}");
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
