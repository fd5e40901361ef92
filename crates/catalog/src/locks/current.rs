//! Whether what a lock is on is still what a transaction began with. Asked when the lock is had: from then on it stays so.

use std::sync::Arc;

use super::key::LockKey;
use super::mode::LockMode;
use crate::error::{Error, Result};
use crate::object::relation::Relation;
use crate::object::table::Table;
use crate::snapshot::Snapshot;

impl Snapshot {
    /// Compares this image, with which a transaction began, with the newest one, as far as a lock needs them to agree: for
    /// rows, that those there were are there still ([`LockMode::AccessExclusive`]: that no others are); for a relation, its
    /// definition; for a name, that nobody else took it.
    ///
    /// # Errors
    /// [`Error::Conflict`]; [`Error::RelationExists`] or [`Error::SchemaExists`] for a name.
    pub fn check_current(&self, newest: &Self, key: &LockKey, mode: LockMode) -> Result<()> {
        match key {
            LockKey::Advisory { .. } => Ok(()),
            LockKey::Schema(id) if *id < 0 => Ok(()),
            LockKey::Relation(id) | LockKey::Rows(id) if *id < 0 => Ok(()),
            LockKey::Schema(id) => {
                let name = |snapshot: &Self| snapshot.schema_by_id(*id).map(|schema| schema.name.clone());
                require(name(self) == name(newest), || format!("schema {id} was changed"))
            }
            LockKey::SchemaName(name) => {
                let id = |snapshot: &Self| snapshot.schema(name).map(|schema| schema.id);
                match id(newest) {
                    Some(taken) if id(self) != Some(taken) => Err(Error::SchemaExists { name: name.to_string() }),
                    _ => Ok(()),
                }
            }
            LockKey::RelationName(schema, name) => {
                let id = |snapshot: &Self| snapshot.relation(*schema, name).map(Relation::id);
                match id(newest) {
                    Some(taken) if id(self) != Some(taken) => Err(Error::RelationExists { name: name.to_string() }),
                    _ => Ok(()),
                }
            }
            LockKey::Relation(id) => {
                let same = match (self.table(*id), newest.table(*id)) {
                    (Some(old), Some(new)) => same_definition(old, new),
                    (None, None) => match (self.view(*id), newest.view(*id)) {
                        (Some(old), Some(new)) => Arc::ptr_eq(old, new) || old == new,
                        _ => false,
                    },
                    _ => false,
                };
                require(same, || format!("relation {id} was altered or dropped"))
            }
            LockKey::Rows(id) => {
                let same = match (self.table(*id), newest.table(*id)) {
                    (Some(old), Some(new)) => same_rows(old, new, mode == LockMode::AccessExclusive),
                    _ => false,
                };
                require(same, || format!("rows of relation {id} were changed"))
            }
        }
    }
}

fn require(holds: bool, reason: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Conflict { reason: reason() }) }
}

/// Whether rows written for the one fit the other. Comments and owners may differ.
fn same_definition(old: &Arc<Table>, new: &Arc<Table>) -> bool {
    let same = (old.schema_id, &old.name, &old.path) == (new.schema_id, &new.name, &new.path);
    Arc::ptr_eq(old, new) || (same && old.columns == new.columns && old.partition == new.partition)
}

/// Whether every old row is there still, at its old place; `all`: and no other.
fn same_rows(old: &Arc<Table>, new: &Arc<Table>, all: bool) -> bool {
    if Arc::ptr_eq(old, new) || Arc::ptr_eq(&old.files, &new.files) {
        return true;
    }
    if old.files.len() > new.files.len() || (all && old.files.len() != new.files.len()) {
        return false;
    }
    let now: std::collections::HashMap<i64, Option<i64>> =
        new.files.iter().map(|file| (file.id, file.deletes.as_ref().map(|deletes| deletes.id))).collect();
    old.files.iter().all(|file| now.get(&file.id) == Some(&file.deletes.as_ref().map(|deletes| deletes.id)))
}

#[cfg(test)]
mod tests {
    use kura_pgtypes::SqlState;

    use super::*;
    use crate::object::column::Column;
    use crate::object::data_file::{DataFile, DeleteFile};
    use crate::object::schema::Schema;

    fn file(id: i64, deletes: Option<i64>) -> Arc<DataFile> {
        let deletes = deletes.map(|id| DeleteFile { id, path: String::new(), delete_count: 1, file_size: 1, footer_size: 0 });
        Arc::new(DataFile {
            id,
            path: format!("{id}.parquet"),
            record_count: 10,
            file_size: 1,
            footer_size: 0,
            row_id_start: None,
            columns: std::collections::HashMap::default(),
            partition_id: None,
            partition_values: Vec::new(),
            deletes,
        })
    }

    fn lake(name: &str, columns: &[&str], files: Vec<Arc<DataFile>>) -> Snapshot {
        let mut lake = Snapshot::empty(1, 1);
        lake.put_schema(Schema { id: 1, oid: 1, name: "s".to_owned(), owner: 10, comment: None, path: "s/".to_owned() });
        let columns = (1..).zip(columns).map(|(id, column)| Column::new(id, *column, kura_pgtypes::PgType::INT4)).collect();
        lake.put_relation(Relation::Table(Arc::new(Table {
            id: 2,
            oid: 2,
            schema_id: 1,
            name: name.to_owned(),
            owner: 10,
            path: "s/t/".to_owned(),
            columns,
            next_column_id: 9,
            comment: None,
            partition: None,
            files: Arc::new(files),
            record_count: 0,
            unreadable: None,
        })));
        lake
    }

    fn state(old: &Snapshot, new: &Snapshot, key: LockKey, mode: LockMode) -> &'static str {
        use kura_pgtypes::Diagnostic;
        old.check_current(new, &key, mode).err().map_or("same", |error| match error.sqlstate() {
            SqlState::T_R_SERIALIZATION_FAILURE => "conflict",
            SqlState::DUPLICATE_TABLE | SqlState::DUPLICATE_SCHEMA => "taken",
            _ => "other",
        })
    }

    #[test]
    fn rows_agree_while_none_that_was_there_is_touched() {
        let old = lake("t", &["a"], vec![file(1, None), file(2, Some(7))]);
        let rows = |files, mode| state(&old, &lake("t", &["a"], files), LockKey::Rows(2), mode);
        let same = vec![file(1, None), file(2, Some(7))];
        let more = vec![file(1, None), file(2, Some(7)), file(3, None)];
        assert_eq!(rows(same, LockMode::AccessExclusive), "same");
        assert_eq!(rows(more.clone(), LockMode::Exclusive), "same");
        assert_eq!(rows(more, LockMode::AccessExclusive), "conflict");
        assert_eq!(rows(vec![file(1, Some(8)), file(2, Some(7))], LockMode::Share), "conflict");
        assert_eq!(rows(vec![file(1, None), file(2, Some(8))], LockMode::Exclusive), "conflict");
        assert_eq!(rows(vec![file(1, None), file(3, None)], LockMode::Exclusive), "conflict");
        assert_eq!(state(&old, &Snapshot::empty(2, 1), LockKey::Rows(2), LockMode::Exclusive), "conflict");
    }

    #[test]
    fn definitions_agree_whatever_becomes_of_the_rows() {
        let old = lake("t", &["a"], vec![file(1, None)]);
        let relation = |new: &Snapshot| state(&old, new, LockKey::Relation(2), LockMode::RowExclusive);
        assert_eq!(relation(&lake("t", &["a"], vec![file(9, None)])), "same");
        assert_eq!(relation(&lake("t", &["a", "b"], vec![file(1, None)])), "conflict");
        assert_eq!(relation(&lake("u", &["a"], vec![file(1, None)])), "conflict");
        assert_eq!(relation(&Snapshot::empty(2, 1)), "conflict");
        assert_eq!(state(&old, &Snapshot::empty(2, 1), LockKey::Relation(-2), LockMode::Exclusive), "same", "one's own table");
    }

    #[test]
    fn names_are_free_unless_someone_else_took_them() {
        let (old, empty) = (lake("t", &["a"], Vec::new()), Snapshot::empty(0, 0));
        let name = |name: &str| LockKey::RelationName(1, name.into());
        assert_eq!(state(&old, &lake("t", &["b"], Vec::new()), name("t"), LockMode::Exclusive), "same");
        assert_eq!(state(&old, &lake("u", &["a"], Vec::new()), name("u"), LockMode::Exclusive), "taken");
        assert_eq!(state(&old, &empty, name("t"), LockMode::Exclusive), "same");
        assert_eq!(state(&empty, &old, LockKey::SchemaName("s".into()), LockMode::Exclusive), "taken");
        assert_eq!(state(&old, &empty, LockKey::Schema(1), LockMode::AccessShare), "conflict");
    }
}
