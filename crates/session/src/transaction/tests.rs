//! Savepoints over a catalog in a temporary directory.

use kura_catalog::{CatalogUrl, Config, LockTable, SystemClock};
use kura_pgtypes::Diagnostic;

use super::*;
use crate::settings::Settings;

struct Lake {
    catalog: Arc<Catalog>,
    settings: Settings,
    _directory: tempfile::TempDir,
}

impl Lake {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = Config { url: CatalogUrl::Sqlite(directory.path().join("catalog.sqlite")), relocate: false };
        let catalog = Catalog::open(config, "/lake/", Arc::new(SystemClock)).await.expect("a catalog");
        Self { catalog, settings: Settings::new("kura", true), _directory: directory }
    }

    async fn savepoint(&self, open: &mut Open, name: &str) -> Result<()> {
        let mark = Arc::new(LockTable::default()).owner(1).mark();
        open.set_savepoint(Savepoint::new(name, self.settings.layers(), mark, 0)).await
    }

    /// Creates a schema in the transaction.
    async fn create(&self, open: &mut Open, name: &str) {
        let work = open.work(&self.catalog, true).await.expect("a transaction");
        work.lock().await.create_schema(name, 10).expect("a new name");
    }

    /// Names of the schemas that the transaction's next statement sees, without `public`.
    async fn seen(&self, open: &mut Open, fresh: bool) -> Vec<String> {
        let work = open.work(&self.catalog, fresh).await.expect("a transaction");
        let snapshot = work.lock().await.snapshot();
        snapshot.schemas().map(|schema| schema.name.clone()).filter(|name| name != "public").collect()
    }

    /// Another session creates a schema and commits.
    async fn commit_elsewhere(&self, name: &str) {
        let mut other = Open::new(0);
        self.create(&mut other, name).await;
        other.commit().await.expect("no conflict");
    }
}

fn state<T>(result: Result<T>) -> &'static str {
    result.err().map_or("done", |error| error.sqlstate().code())
}

#[tokio::test]
async fn rolling_back_to_a_savepoint_undoes_what_came_after_it() {
    let (lake, mut open) = (Lake::new().await, Open::new(0));
    lake.create(&mut open, "a").await;
    lake.savepoint(&mut open, "one").await.expect("room");
    lake.create(&mut open, "b").await;
    lake.savepoint(&mut open, "two").await.expect("room");
    lake.create(&mut open, "c").await;
    open.roll_back_to("two").await.expect("there");
    assert_eq!(lake.seen(&mut open, true).await, ["a", "b"]);
    open.roll_back_to("one").await.expect("there");
    assert_eq!(lake.seen(&mut open, true).await, ["a"]);
    assert_eq!(state(open.roll_back_to("two").await), "3B001");
    lake.create(&mut open, "d").await;
    open.release_savepoint("one").expect("there");
    assert_eq!(state(open.roll_back_to("one").await), "3B001");
    open.commit().await.expect("no conflict");
    assert_eq!(lake.seen(&mut Open::new(0), true).await, ["a", "d"]);
}

#[tokio::test]
async fn a_name_used_again_hides_the_older_savepoint() {
    let (lake, mut open) = (Lake::new().await, Open::new(0));
    lake.savepoint(&mut open, "same").await.expect("room");
    lake.create(&mut open, "a").await;
    lake.savepoint(&mut open, "same").await.expect("room");
    lake.create(&mut open, "b").await;
    open.roll_back_to("same").await.expect("there");
    assert_eq!(lake.seen(&mut open, true).await, ["a"]);
    open.release_savepoint("same").expect("there");
    open.roll_back_to("same").await.expect("the older one");
    assert_eq!(lake.seen(&mut open, true).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_savepoint_without_snapshot_is_where_the_snapshot_is_taken() {
    let (lake, mut open) = (Lake::new().await, Open::new(0));
    lake.savepoint(&mut open, "start").await.expect("room");
    lake.commit_elsewhere("theirs").await;
    lake.create(&mut open, "ours").await;
    open.roll_back_to("start").await.expect("there");
    lake.commit_elsewhere("later").await;
    assert_eq!(lake.seen(&mut open, false).await, ["theirs"], "REPEATABLE READ keeps its snapshot");
    assert_eq!(lake.seen(&mut open, true).await, ["later", "theirs"], "READ COMMITTED does not");
    lake.create(&mut open, "ours").await;
    lake.commit_elsewhere("last").await;
    assert_eq!(lake.seen(&mut open, true).await, ["last", "later", "ours", "theirs"], "READ COMMITTED, under its own changes");
}

#[tokio::test]
async fn changes_kept_by_a_savepoint_outlive_their_being_undone() {
    let (lake, mut open) = (Lake::new().await, Open::new(0));
    lake.create(&mut open, "ours").await;
    lake.savepoint(&mut open, "kept").await.expect("room");
    let work = open.work(&lake.catalog, true).await.expect("a transaction");
    let mut transaction = work.lock().await;
    let id = transaction.snapshot().schema("ours").expect("just made").id;
    transaction.drop_schema(id).expect("empty");
    drop(transaction);
    lake.commit_elsewhere("theirs").await;
    assert_eq!(lake.seen(&mut open, true).await, ["theirs"]);
    open.roll_back_to("kept").await.expect("there");
    assert_eq!(lake.seen(&mut open, true).await, ["ours", "theirs"]);
}

#[tokio::test]
async fn what_was_not_used_can_begin_again() {
    let (lake, mut open) = (Lake::new().await, Open::new(0));
    assert!(!open.is_used());
    assert_eq!(lake.seen(&mut open, false).await, Vec::<String>::new());
    lake.commit_elsewhere("theirs").await;
    open.renew();
    assert!(!open.is_used());
    assert_eq!(lake.seen(&mut open, false).await, ["theirs"]);
    assert!(open.is_used());
}

#[tokio::test]
async fn savepoints_are_limited() {
    let (lake, mut open) = (Lake::new().await, Open::new(0));
    for _ in 0..SAVEPOINTS_MAX {
        lake.savepoint(&mut open, "again").await.expect("room");
    }
    assert_eq!(state(lake.savepoint(&mut open, "again").await), "54000");
    open.release_savepoint("again").expect("there");
    assert_eq!(state(lake.savepoint(&mut open, "again").await), "done");
}
