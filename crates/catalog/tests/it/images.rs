//! Random changes by two interleaved transactions: the image brought up to date after each commit is the one read from
//! scratch, and what older snapshots were can still be read from the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use kura_catalog::{DataFile, Error, FileChange, NewTable, Snapshot, Table, Transaction};
use kura_pgtypes::PgType;
use proptest::prelude::*;
use proptest::test_runner::Config;
use sqlx::sqlite::SqlitePool;

use crate::lake::{Lake, column, deletes, file, is_conflict, new_table, new_view};

/// What a step does; which object, and what else is to be chosen, are numbers taken modulo what there is.
#[derive(Debug, Clone, Copy)]
enum Action {
    CreateSchema,
    RenameSchema,
    DropSchema,
    GiveSchema,
    CreateTable,
    DropTable,
    RenameTable,
    MoveTable,
    CommentTable,
    GiveTable,
    AddColumn,
    DropColumn,
    RenameColumn,
    ReplaceColumn,
    WidenColumn,
    NullableColumn,
    DefaultColumn,
    CommentColumn,
    Append,
    DeleteSome,
    DeleteFile,
    Truncate,
    CreateView,
    RenameView,
    DropView,
    Savepoint,
    RollBackTo,
    Commit,
    RollBack,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    slot: usize,
    action: Action,
    which: usize,
    other: usize,
}

fn action() -> impl Strategy<Value = Action> {
    use Action::*;
    let rare =
        [CreateSchema, RenameSchema, DropSchema, GiveSchema, DropTable, CommentTable, GiveTable, Truncate, RollBack, DropView, CreateView];
    let common = [CreateTable, RenameTable, MoveTable, AddColumn, DropColumn, RenameColumn, ReplaceColumn, WidenColumn, NullableColumn];
    let more = [DefaultColumn, CommentColumn, RenameView, DeleteFile, Savepoint, RollBackTo];
    prop_oneof![
        2 => prop::sample::select(rare.to_vec()),
        5 => prop::sample::select(common.to_vec()),
        3 => prop::sample::select(more.to_vec()),
        3 => Just(Append),
        3 => Just(DeleteSome),
        3 => Just(Commit),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..2_usize, action(), 0..64_usize, 0..64_usize);
    prop::collection::vec(step.prop_map(|(slot, action, which, other)| Step { slot, action, which, other }), 1..100)
}

fn pick<T: Clone>(list: &[T], which: usize) -> Option<T> {
    list.get(which.checked_rem(list.len())?).cloned()
}

fn tables(view: &Snapshot) -> Vec<Arc<Table>> {
    let mut tables: Vec<Arc<Table>> = view.tables().cloned().collect();
    tables.sort_by_key(|table| table.oid);
    tables
}

fn views(view: &Snapshot) -> Vec<i64> {
    let relations = view.schemas().flat_map(|schema| view.relations(schema.id));
    relations.map(kura_catalog::Relation::id).filter(|id| view.view(*id).is_some()).collect()
}

/// Runs one step. What is impossible as things are must be refused as such.
fn perform(transaction: &mut Transaction, step: Step, number: usize) {
    let view = transaction.snapshot();
    let refused = match step.action {
        Action::Append | Action::DeleteSome | Action::DeleteFile | Action::Truncate => change_rows(transaction, &view, step, number),
        Action::AddColumn
        | Action::DropColumn
        | Action::RenameColumn
        | Action::ReplaceColumn
        | Action::WidenColumn
        | Action::NullableColumn
        | Action::DefaultColumn
        | Action::CommentColumn => change_columns(transaction, &view, step, number),
        _ => change_objects(transaction, &view, step),
    };
    if let Err(error) = refused {
        let expected = matches!(
            error,
            Error::SchemaExists { .. }
                | Error::RelationExists { .. }
                | Error::ColumnExists { .. }
                | Error::SchemaNotEmpty { .. }
                | Error::LastColumn { .. }
                | Error::InvalidTable { .. }
        );
        assert!(expected, "{step:?}: {error}");
    }
}

fn change_objects(transaction: &mut Transaction, view: &Snapshot, step: Step) -> Result<(), Error> {
    let name = format!("n{}", step.other % 4);
    let schemas: Vec<i64> = view.schemas().map(|schema| schema.id).collect();
    let schema = pick(&schemas, step.other / 4).expect("public or another");
    let table = pick(&tables(view), step.which).map(|table| table.id);
    let of_views = pick(&views(view), step.which);
    match (step.action, pick(&schemas, step.which), table, of_views) {
        (Action::CreateSchema, ..) => transaction.create_schema(&name, 10).map(drop),
        (Action::RenameSchema, Some(id), ..) => transaction.rename_schema(id, &name),
        (Action::DropSchema, Some(id), ..) if schemas.len() > 1 => transaction.drop_schema(id),
        (Action::GiveSchema, Some(id), ..) => transaction.set_schema_owner(id, 100 + u32::try_from(step.other).unwrap()),
        (Action::CreateTable, ..) => {
            let columns = vec![column("c0", PgType::INT2), column("c1", PgType::FLOAT4)];
            transaction.create_table(NewTable { columns, ..new_table(schema, &name) }).map(drop)
        }
        (Action::DropTable, _, Some(id), _) => transaction.drop_table(id),
        (Action::RenameTable, _, Some(id), _) => transaction.rename_table(id, &name),
        (Action::MoveTable, _, Some(id), _) => transaction.set_table_schema(id, schema),
        (Action::CommentTable, _, Some(id), _) => transaction.comment_on_table(id, (step.other > 20).then_some(name)),
        (Action::GiveTable, _, Some(id), _) => transaction.set_table_owner(id, 100 + u32::try_from(step.other).unwrap()),
        (Action::CreateView, ..) => transaction.create_view(new_view(schema, &name)).map(drop),
        (Action::RenameView, _, _, Some(id)) => transaction.rename_view(id, &name),
        (Action::DropView, _, _, Some(id)) => transaction.drop_view(id),
        _ => Ok(()),
    }
}

fn change_columns(transaction: &mut Transaction, view: &Snapshot, step: Step, number: usize) -> Result<(), Error> {
    let Some(table) = pick(&tables(view), step.which) else { return Ok(()) };
    let chosen = pick(&table.columns, step.other).expect("a table has a column");
    let name = format!("c{}", step.other % 5);
    let types = [PgType::INT2, PgType::FLOAT4, PgType::varchar(3), PgType::INT4.array_of(), PgType::TEXT];
    let ty = types[number % types.len()];
    match step.action {
        Action::AddColumn => transaction.add_column(table.id, column(&name, ty), (!ty.array).then(|| "1".to_owned())).map(drop),
        Action::DropColumn => transaction.drop_column(table.id, chosen.id),
        Action::RenameColumn => transaction.rename_column(table.id, chosen.id, &name),
        Action::ReplaceColumn => transaction.replace_column(table.id, chosen.id, ty).map(drop),
        Action::WidenColumn => {
            let wider = [PgType::INT4, PgType::INT8, PgType::FLOAT8, PgType::varchar(9), PgType::TEXT];
            wider.into_iter().try_for_each(|ty| transaction.widen_column(table.id, chosen.id, ty))
        }
        Action::NullableColumn => transaction.set_column_nullable(table.id, chosen.id, number.is_multiple_of(2)),
        Action::DefaultColumn => transaction.set_column_default(table.id, chosen.id, number.is_multiple_of(2).then(|| number.to_string())),
        _ => transaction.comment_on_column(table.id, chosen.id, number.is_multiple_of(2).then_some(name)),
    }
}

fn change_rows(transaction: &mut Transaction, view: &Snapshot, step: Step, number: usize) -> Result<(), Error> {
    let Some(table) = pick(&tables(view), step.which) else { return Ok(()) };
    let chosen = pick(&table.files, step.other);
    match (step.action, chosen) {
        (Action::Append, _) => {
            let leaf = table.columns[0].leaf_id();
            let mut new = file(&format!("f{number}"), 10, 1, 9);
            let mut stats = new.columns.remove(&1).unwrap();
            stats.max = Some("0.3".to_owned());
            new.columns.insert(leaf, stats);
            transaction.append_files(table.id, vec![new])
        }
        (Action::DeleteSome, Some(chosen)) if chosen.live_rows() > 1 => {
            let count = chosen.record_count - chosen.live_rows() + 1;
            transaction.delete_rows(table.id, vec![(chosen.id, deletes(&format!("d{number}"), count))])
        }
        (Action::DeleteFile, Some(chosen)) => transaction.delete_rows(table.id, vec![(chosen.id, FileChange::Remove)]),
        (Action::Truncate, _) => {
            assert_eq!(transaction.truncate(table.id)?, table.record_count);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Asserts that two images are the same in everything but what is shared.
fn assert_same(left: &Snapshot, right: &Snapshot) {
    assert_eq!((left.id, left.schema_version), (right.id, right.schema_version));
    assert_eq!(left.schemas().collect::<Vec<_>>(), right.schemas().collect::<Vec<_>>());
    let (tables, others) = (tables(left), tables(right));
    assert_eq!(tables, others);
    for schema in left.schemas() {
        let relations =
            |image: &Snapshot| image.relations(schema.id).map(|found| (found.id(), found.name().to_owned())).collect::<Vec<_>>();
        assert_eq!(relations(left), relations(right));
    }
    assert_eq!(views(left), views(right));
    for id in views(left) {
        assert_eq!(left.view(id), right.view(id));
    }
}

/// A table without what a commit gives it.
fn without_identities(table: &Table) -> Table {
    let anonymous = |file: &Arc<DataFile>| {
        let deletes = file.deletes.clone().map(|deletes| kura_catalog::DeleteFile { id: 0, ..deletes });
        // The database keeps statistics of the columns there are.
        let known = file.columns.iter().filter(|(leaf, _)| table.columns.iter().any(|column| column.leaf_id() == **leaf));
        let columns =
            known.filter(|(_, stats)| **stats != kura_catalog::ColumnStats::default()).map(|(leaf, stats)| (*leaf, stats.clone()));
        Arc::new(DataFile { id: 0, row_id_start: None, deletes, columns: columns.collect(), ..DataFile::clone(file) })
    };
    let columns = table.columns.iter().map(|column| {
        // A constant comes back quoted or not by the type of its column.
        let default = column.default.as_deref().map(|text| text.trim_matches('\'').to_owned());
        kura_catalog::Column { default, ..column.clone() }
    });
    Table { id: 0, schema_id: 0, columns: columns.collect(), files: Arc::new(table.files.iter().map(anonymous).collect()), ..table.clone() }
}

/// Asserts that what was committed is what the transaction saw, when nobody else committed meanwhile.
fn assert_committed(view: &Snapshot, committed: &Snapshot) {
    let (seen, found) = (tables(view), tables(committed));
    assert_eq!(seen.len(), found.len());
    for (seen, found) in seen.iter().zip(&found) {
        assert_eq!(without_identities(seen), without_identities(found));
        let name = |image: &Snapshot, id| image.schema_by_id(id).expect("its schema").name.clone();
        assert_eq!(name(view, seen.schema_id), name(committed, found.schema_id));
    }
}

/// The tables of a snapshot: name, columns, and files with their delete files.
type Shape = BTreeMap<i64, (String, Vec<(i64, String)>, Vec<(i64, Option<i64>)>)>;

fn shape(image: &Snapshot) -> Shape {
    let describe = |table: &Arc<Table>| {
        let columns = table.columns.iter().map(|column| (column.id, column.name.clone())).collect();
        let files = table.files.iter().map(|file| (file.id, file.deletes.as_ref().map(|deletes| deletes.id))).collect();
        (table.id, (table.name.clone(), columns, files))
    };
    image.tables().map(describe).collect()
}

/// The same as of an older snapshot, as other programs read it.
async fn shape_at(database: &SqlitePool, snapshot: i64) -> Shape {
    let tables: Vec<(i64, String)> = sqlx::query_as(
        "SELECT table_id, table_name FROM ducklake_table WHERE ?1 >= begin_snapshot AND (?1 < end_snapshot OR end_snapshot IS NULL)",
    )
    .bind(snapshot)
    .fetch_all(database)
    .await
    .unwrap();
    let columns: Vec<(i64, i64, String)> = sqlx::query_as(
        "SELECT table_id, column_id, column_name FROM ducklake_column WHERE parent_column IS NULL \
         AND ?1 >= begin_snapshot AND (?1 < end_snapshot OR end_snapshot IS NULL) ORDER BY column_order",
    )
    .bind(snapshot)
    .fetch_all(database)
    .await
    .unwrap();
    let files: Vec<(i64, i64, Option<i64>)> = sqlx::query_as(
        "SELECT f.table_id, f.data_file_id, d.delete_file_id FROM ducklake_data_file f LEFT JOIN \
         (SELECT * FROM ducklake_delete_file WHERE ?1 >= begin_snapshot AND (?1 < end_snapshot OR end_snapshot IS NULL)) d USING (data_file_id) \
         WHERE ?1 >= f.begin_snapshot AND (?1 < f.end_snapshot OR f.end_snapshot IS NULL) ORDER BY f.data_file_id",
    )
    .bind(snapshot)
    .fetch_all(database)
    .await
    .unwrap();
    let mut shape: Shape = tables.into_iter().map(|(id, name)| (id, (name, Vec::new(), Vec::new()))).collect();
    for (table_id, id, name) in columns {
        shape.get_mut(&table_id).expect("a table of the column").1.push((id, name));
    }
    for (table_id, id, deletes) in files {
        shape.get_mut(&table_id).expect("a table of the file").2.push((id, deletes));
    }
    shape
}

/// What must not be in a database. Each counts violations.
const FORBIDDEN: [&str; 8] = [
    "SELECT count(*) FROM (SELECT 1 FROM ducklake_table WHERE end_snapshot IS NULL GROUP BY table_id HAVING count(*) > 1)",
    "SELECT count(*) FROM (SELECT 1 FROM ducklake_table WHERE end_snapshot IS NULL GROUP BY schema_id, table_name HAVING count(*) > 1)",
    "SELECT count(*) FROM (SELECT 1 FROM ducklake_schema WHERE end_snapshot IS NULL GROUP BY schema_name HAVING count(*) > 1)",
    "SELECT count(*) FROM (SELECT 1 FROM ducklake_column WHERE end_snapshot IS NULL GROUP BY table_id, column_id HAVING count(*) > 1)",
    "SELECT count(*) FROM (SELECT 1 FROM ducklake_column WHERE end_snapshot IS NULL AND parent_column IS NULL \
     GROUP BY table_id, column_order HAVING count(*) > 1)",
    "SELECT count(*) FROM (SELECT 1 FROM ducklake_delete_file WHERE end_snapshot IS NULL GROUP BY data_file_id HAVING count(*) > 1)",
    "SELECT count(*) FROM ducklake_delete_file d JOIN ducklake_data_file f USING (data_file_id) \
     WHERE d.end_snapshot IS NULL AND f.end_snapshot IS NOT NULL",
    "SELECT count(*) FROM (SELECT 1 FROM ducklake_schema_versions GROUP BY begin_snapshot, table_id HAVING count(*) > 1)",
];

/// Commits and compares what became of the catalog.
async fn commit(lake: &Lake, transaction: Transaction, shapes: &mut BTreeMap<i64, Shape>) {
    let before = lake.snapshot().await;
    let (view, base_id) = (transaction.snapshot(), transaction.base_id());
    let result = transaction.commit().await;
    assert!(result.is_ok() || is_conflict(&result), "{:?}", result.err());
    let after = lake.snapshot().await;
    assert_eq!(after.id > before.id, result.as_ref().is_ok_and(|image| image.id > before.id));
    assert_same(&after, &lake.reopen().await.snapshot().await.unwrap());
    if result.is_ok() && base_id == before.id {
        assert_committed(&view, &after);
    }
    shapes.insert(after.id, shape(&after));
    let database = lake.database().await;
    for sql in FORBIDDEN {
        let found: i64 = sqlx::query_scalar(sql).fetch_one(&database).await.unwrap();
        assert_eq!(found, 0, "{sql}");
    }
    database.close().await;
}

async fn run(steps: Vec<Step>) {
    let lake = Lake::new().await;
    let mut slots: [Option<(Transaction, Vec<kura_catalog::Savepoint>)>; 2] = [None, None];
    let mut shapes = BTreeMap::new();
    for (number, step) in steps.into_iter().enumerate() {
        let slot = &mut slots[step.slot];
        if slot.is_none() {
            *slot = Some((lake.begin().await, Vec::new()));
        }
        let Some((transaction, savepoints)) = slot else { continue };
        match step.action {
            Action::RollBack => *slot = None,
            Action::Commit => {
                let (transaction, _) = slot.take().expect("there is one");
                commit(&lake, transaction, &mut shapes).await;
            }
            Action::Savepoint => savepoints.push(transaction.savepoint()),
            Action::RollBackTo => {
                savepoints.truncate(step.which % (savepoints.len() + 1));
                if let Some(savepoint) = savepoints.last() {
                    transaction.roll_back_to(savepoint);
                }
            }
            _ => perform(transaction, step, number),
        }
    }
    for (transaction, _) in slots.into_iter().flatten() {
        commit(&lake, transaction, &mut shapes).await;
    }
    let database = lake.database().await;
    for (snapshot, shape) in shapes {
        assert_eq!(shape_at(&database, snapshot).await, shape, "snapshot {snapshot} is what it was");
    }
}

proptest! {
    #![proptest_config(Config { cases: 32, ..Config::default() })]

    #[test]
    fn images_follow_what_was_committed(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
