//! Open transactions that come to see what others committed.

use kura_catalog::{FileChange, Transaction};

use crate::lake::{Lake, column, deletes, file, new_table, public, table};

/// Brings a transaction without savepoints up to date.
async fn moves(lake: &Lake, transaction: &mut Transaction) -> bool {
    transaction.rebase(lake.snapshot().await, &mut [])
}

#[tokio::test]
async fn others_rows_appear_beside_our_own() {
    let lake = Lake::new().await;
    let (t, u) = (lake.table("t").await, lake.table("u").await);
    let mut first = lake.begin().await;
    first.append_files(t, vec![file("a", 10, 1, 10), file("b", 10, 11, 20)]).unwrap();
    first.commit().await.unwrap();

    let mut ours = lake.begin().await;
    let files: Vec<i64> = table(&ours.snapshot(), "t").files.iter().map(|file| file.id).collect();
    ours.delete_rows(t, vec![(files[0], deletes("d", 3))]).unwrap();
    ours.append_files(t, vec![file("c", 1, 0, 0)]).unwrap();
    ours.rename_table(u, "renamed").unwrap();

    let mut others = lake.begin().await;
    others.append_files(t, vec![file("e", 5, 0, 0)]).unwrap();
    others.delete_rows(t, vec![(files[1], FileChange::Remove)]).unwrap();
    others.append_files(u, vec![file("f", 2, 0, 0)]).unwrap();
    let schema_id = public(&others.snapshot());
    others.create_table(new_table(schema_id, "new")).unwrap();
    let head = others.commit().await.unwrap();

    assert!(moves(&lake, &mut ours).await);
    assert_eq!(ours.base_id(), head.id);
    let view = ours.snapshot();
    assert!(view.is_modified());
    assert_eq!(table(&view, "t").record_count, 7 + 1 + 5);
    assert_eq!(table(&view, "renamed").record_count, 2);
    assert_eq!(table(&view, "new").record_count, 0);
    let committed = ours.commit().await.unwrap();
    assert_eq!(table(&committed, "t").record_count, 13);
    let reopened = lake.reopen().await.snapshot().await.unwrap();
    assert_eq!(table(&reopened, "t").files, table(&committed, "t").files);
    assert_eq!(table(&reopened, "renamed").record_count, 2);
}

#[tokio::test]
async fn nothing_moves_where_both_did_something_to_the_same() {
    let lake = Lake::new().await;
    let t = lake.table("t").await;
    let mut first = lake.begin().await;
    first.append_files(t, vec![file("a", 10, 1, 10)]).unwrap();
    let committed = first.commit().await.unwrap();
    let id = table(&committed, "t").files[0].id;
    let schema_id = public(&committed);

    // The same file; the definition below our rows; a name; a table that is gone.
    let mut rows = lake.begin().await;
    rows.delete_rows(t, vec![(id, deletes("x", 2))]).unwrap();
    let mut name = lake.begin().await;
    name.create_table(new_table(schema_id, "new")).unwrap();
    let mut columns = lake.begin().await;
    columns.set_column_nullable(t, 2, false).unwrap();
    let before = columns.snapshot();

    let mut others = lake.begin().await;
    others.delete_rows(t, vec![(id, deletes("y", 1))]).unwrap();
    others.create_table(new_table(schema_id, "new")).unwrap();
    others.commit().await.unwrap();

    for transaction in [&mut rows, &mut name, &mut columns] {
        assert!(!moves(&lake, transaction).await);
    }
    assert_eq!(table(&columns.snapshot(), "t").record_count, table(&before, "t").record_count);
    for transaction in [rows, name, columns] {
        assert!(transaction.commit().await.is_err());
    }
}

#[tokio::test]
async fn savepoints_move_along() {
    let lake = Lake::new().await;
    let t = lake.table("t").await;
    let mut ours = lake.begin().await;
    let mut start = ours.savepoint();
    ours.append_files(t, vec![file("a", 10, 1, 10)]).unwrap();
    let mut middle = ours.savepoint();
    ours.add_column(t, column("c", kura_pgtypes::PgType::INT4), None).unwrap();

    let mut others = lake.begin().await;
    let schema_id = public(&others.snapshot());
    others.create_table(new_table(schema_id, "new")).unwrap();
    others.commit().await.unwrap();

    assert!(ours.rebase(lake.snapshot().await, &mut [&mut start, &mut middle]));
    assert_eq!(table(&ours.snapshot(), "t").columns.len(), 3);
    ours.roll_back_to(&middle);
    assert_eq!((table(&ours.snapshot(), "t").columns.len(), table(&ours.snapshot(), "t").record_count), (2, 10));
    ours.roll_back_to(&start);
    assert_eq!(table(&ours.snapshot(), "t").record_count, 0);
    assert!(!ours.has_changes());
    assert_eq!(table(&ours.snapshot(), "new").record_count, 0);

    // One savepoint that cannot move holds all of it back.
    let mut ours = lake.begin().await;
    let early = ours.savepoint();
    ours.rename_table(t, "later").unwrap();
    let mut renamed = ours.savepoint();
    ours.roll_back_to(&early);
    let mut others = lake.begin().await;
    others.create_table(new_table(schema_id, "later")).unwrap();
    others.commit().await.unwrap();
    let base = ours.base_id();
    assert!(!ours.rebase(lake.snapshot().await, &mut [&mut renamed]));
    assert_eq!(ours.base_id(), base);
}
