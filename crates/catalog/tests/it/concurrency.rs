//! Many tasks, several processes' worth of catalogs, one file.

use std::sync::Arc;

use kura_catalog::Catalog;
use tokio::task::JoinSet;

use crate::lake::{Lake, file, is_conflict, new_table, public, table};

/// Appends one row's worth of file after another, beginning anew at each conflict.
async fn append_each(catalog: Arc<Catalog>, id: i64, writer: usize, count: usize) {
    for index in 0..count {
        let mut transaction = catalog.begin().await.unwrap();
        transaction.append_files(id, vec![file(&format!("{writer}-{index}"), 1, 1, 1)]).unwrap();
        transaction.commit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_inserts_all_arrive() {
    let lake = Lake::new().await;
    let id = lake.table("t").await;
    // Two catalogs stand for two processes: they share the file only.
    let other = lake.reopen().await;
    let mut tasks = JoinSet::new();
    for writer in 0..6 {
        let catalog = if writer % 2 == 0 { Arc::clone(&lake.catalog) } else { Arc::clone(&other) };
        tasks.spawn(append_each(catalog, id, writer, 8));
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    for catalog in [&lake.catalog, &other, &lake.reopen().await] {
        let snapshot = catalog.snapshot().await.unwrap();
        let appended = table(&snapshot, "t");
        assert_eq!((snapshot.id, appended.record_count, appended.files.len()), (49, 48, 48));
        let mut starts: Vec<_> = appended.files.iter().map(|file| file.row_id_start.unwrap()).collect();
        starts.sort_unstable();
        assert_eq!(starts, (0..48).collect::<Vec<_>>(), "no row id is given twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_creators_wins() {
    let lake = Lake::new().await;
    let mut transactions = Vec::new();
    for _ in 0..8 {
        transactions.push(lake.begin().await);
    }
    let mut tasks = JoinSet::new();
    for mut transaction in transactions {
        tasks.spawn(async move {
            let schema_id = public(&transaction.snapshot());
            transaction.create_table(new_table(schema_id, "t")).unwrap();
            transaction.commit().await
        });
    }
    let results = tasks.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(|result| is_conflict(result)).count(), 7);
}

#[tokio::test]
async fn oids_are_never_given_twice() {
    let lake = Lake::new().await;
    let mut oids = Vec::new();
    for round in 0..3 {
        let catalog = lake.reopen().await;
        for index in 0..3 {
            let mut transaction = catalog.begin().await.unwrap();
            let schema_id = public(&transaction.snapshot());
            let name = format!("t{round}_{index}");
            oids.push(transaction.create_table(new_table(schema_id, &name)).unwrap().oid);
            // Every other transaction is given up; its OIDs stay unused.
            if index % 2 == 0 {
                transaction.commit().await.unwrap();
            }
        }
    }
    let count = oids.len();
    oids.sort_unstable();
    oids.dedup();
    assert_eq!(oids.len(), count);
}
