//! Points in a transaction to which it returns.

use kura_catalog::{FileChange, Snapshot};
use kura_pgtypes::PgType;

use crate::lake::{Lake, column, deletes, file, new_table, public, table};

/// Tables of schema `public` with their columns and rows.
fn describe(snapshot: &Snapshot) -> Vec<String> {
    let line = |relation: &kura_catalog::Relation| {
        let found = snapshot.table(relation.id()).expect("tables only");
        let columns: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
        format!("{} {} {}", found.name, columns.join(","), found.record_count)
    };
    snapshot.relations(public(snapshot)).map(line).collect()
}

#[tokio::test]
async fn what_came_after_a_savepoint_is_forgotten() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let mut transaction = lake.begin().await;
    transaction.append_files(id, vec![file("a", 10, 1, 10)]).unwrap();
    let written = table(&transaction.snapshot(), "t").files[0].id;
    let inserted = transaction.savepoint();
    transaction.delete_rows(id, vec![(written, deletes("d", 4))]).unwrap();
    transaction.rename_table(id, "renamed").unwrap();
    let renamed = transaction.savepoint();
    transaction.add_column(id, column("c", PgType::INT4), None).unwrap();
    let schema_id = public(&transaction.snapshot());
    let created = transaction.create_table(new_table(schema_id, "other")).unwrap();
    transaction.create_schema("s", 10).unwrap();
    assert!(transaction.is_changed(created.id));
    assert_eq!(describe(&transaction.snapshot()), ["other a,b 0", "renamed a,b,c 6"]);

    transaction.roll_back_to(&renamed);
    assert_eq!(describe(&transaction.snapshot()), ["renamed a,b 6"]);
    assert!(!transaction.is_changed(created.id) && transaction.is_changed(id));
    transaction.drop_table(id).unwrap();
    transaction.roll_back_to(&inserted);
    assert_eq!(describe(&transaction.snapshot()), ["t a,b 10"]);
    transaction.delete_rows(id, vec![(written, FileChange::Remove)]).unwrap();
    // A savepoint can be returned to again and again, until one before it is.
    transaction.roll_back_to(&inserted);
    let again = transaction.create_table(new_table(schema_id, "other")).unwrap();
    assert!(again.id < created.id, "identities are not given twice");
    let snapshot = transaction.commit().await.unwrap();
    assert_eq!(describe(&snapshot), ["other a,b 0", "t a,b 10"]);
    assert_eq!(lake.begin().await.base_id(), snapshot.id);
}

#[tokio::test]
async fn a_transaction_rolled_back_to_its_start_writes_nothing() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    let before = lake.snapshot().await.id;
    let mut transaction = lake.begin().await;
    let start = transaction.savepoint();
    transaction.drop_table(id).unwrap();
    transaction.roll_back_to(&start);
    assert!(!transaction.has_changes() && !transaction.is_changed(id));
    assert_eq!(transaction.commit().await.unwrap().id, before);
    // What undoes itself is not written either.
    let mut transaction = lake.begin().await;
    transaction.rename_table(id, "u").unwrap();
    transaction.rename_table(id, "t").unwrap();
    transaction.comment_on_table(id, Some("x".to_owned())).unwrap();
    transaction.comment_on_table(id, None).unwrap();
    assert_eq!(transaction.commit().await.unwrap().id, before);
}
