//! What a statement locks before it runs. Taking the locks is the session's.

use std::sync::Arc;

use kura_catalog::{LockKey, LockMode, Scope, Table, View};

use super::{AlterObject, AlterTable, AlteredObject, CommentTarget, ExistingRows, Modify, ObjectChange, Statement};

/// One lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// On what.
    pub key: LockKey,
    /// How strong.
    pub mode: LockMode,
    /// For how long.
    pub scope: Scope,
    /// NOWAIT: the message instead of waiting.
    pub refusal: Option<String>,
    /// Whether it is taken to read the relation as it is then: LOCK TABLE, where nobody else can change rows any more.
    pub reads: bool,
}

impl Lock {
    pub(crate) fn new(key: LockKey, mode: LockMode) -> Self {
        Self { key, mode, scope: Scope::Transaction, refusal: None, reads: false }
    }
}

impl Statement {
    /// The locks it needs, in the order in which they are to be taken. Readers need none. One on [`LockKey::Rows`] with
    /// [`LockMode::AccessExclusive`] is about rows that are added as well.
    pub fn locks(&self) -> Vec<Lock> {
        match self {
            Self::Query(_) | Self::CopyTo { .. } | Self::Nothing { .. } => Vec::new(),
            Self::Explain { statement, analyze, .. } => {
                if *analyze {
                    statement.locks()
                } else {
                    Vec::new()
                }
            }
            Self::CreateSchema { name, exists, .. } => {
                if *exists {
                    Vec::new()
                } else {
                    vec![Lock::new(LockKey::SchemaName(name.as_str().into()), LockMode::Exclusive)]
                }
            }
            Self::DropSchema { schemas, tables, views } => {
                let schemas = schemas.iter().map(|schema| Lock::new(LockKey::Schema(schema.id), LockMode::AccessExclusive));
                schemas.chain(whole(tables, views)).collect()
            }
            Self::CreateTable { table, .. } => table.as_ref().map_or_else(Vec::new, |table| name(table.schema_id, &table.name)),
            Self::DropRelations { tables, views, .. } => whole(tables, views).collect(),
            Self::CreateView { replaces, view } => {
                let mut locks = name(view.schema_id, &view.name);
                locks.extend(replaces.iter().map(|old| Lock::new(LockKey::Relation(old.id), LockMode::AccessExclusive)));
                locks
            }
            Self::AlterTable(alter) => altered_table(alter),
            Self::AlterObject(alter) => altered_object(alter),
            Self::Comment { on, .. } => vec![Lock::new(commented(on), LockMode::ShareUpdateExclusive)],
            Self::Insert { table, .. } | Self::CopyFrom { table, .. } => {
                vec![Lock::new(LockKey::Relation(table.id), LockMode::RowExclusive)]
            }
            Self::Modify(modify) => changed_rows(modify),
            Self::With { parts, body } => {
                let mut locks: Vec<Lock> = parts.iter().flat_map(|part| changed_rows(&part.modify)).collect();
                locks.extend(body.locks());
                locks
            }
            Self::Truncate { tables } => {
                let rows = tables.iter().map(|table| Lock::new(LockKey::Rows(table.id), LockMode::AccessExclusive));
                whole(tables, &[]).chain(rows).collect()
            }
        }
    }
}

/// Relations as a whole, against everyone.
fn whole(tables: &[Arc<Table>], views: &[Arc<View>]) -> impl Iterator<Item = Lock> {
    let ids: Vec<i64> = tables.iter().map(|table| table.id).chain(views.iter().map(|view| view.id)).collect();
    ids.into_iter().map(|id| Lock::new(LockKey::Relation(id), LockMode::AccessExclusive))
}

/// The name of a new relation, in a schema that has to stay.
fn name(schema_id: i64, name: &str) -> Vec<Lock> {
    vec![
        Lock::new(LockKey::Schema(schema_id), LockMode::AccessShare),
        Lock::new(LockKey::RelationName(schema_id, name.into()), LockMode::Exclusive),
    ]
}

fn commented(on: &CommentTarget) -> LockKey {
    match on {
        CommentTarget::Schema(schema) => LockKey::Schema(schema.id),
        CommentTarget::Table(table) | CommentTarget::Column(table, _) => LockKey::Relation(table.id),
        CommentTarget::View(view) => LockKey::Relation(view.id),
    }
}

/// As PostgreSQL locks rows: an UPDATE (there are no keys it could change) goes with FOR KEY SHARE, a DELETE with nothing.
fn changed_rows(modify: &Modify) -> Vec<Lock> {
    let mut locks = vec![Lock::new(LockKey::Relation(modify.table.id), LockMode::RowExclusive)];
    let mode = match modify.command {
        "INSERT" => return locks,
        "UPDATE" => LockMode::ShareRowExclusive,
        _ => LockMode::Exclusive,
    };
    locks.push(Lock::new(LockKey::Rows(modify.table.id), mode));
    locks
}

fn altered_table(alter: &AlterTable) -> Vec<Lock> {
    let mut locks: Vec<Lock> = whole(std::slice::from_ref(&alter.table), &alter.views).collect();
    match &alter.rows {
        ExistingRows::Kept => {}
        // What is looked at, or written anew, has to be all there is.
        ExistingRows::Checked(_) | ExistingRows::Rewritten(_) => {
            locks.push(Lock::new(LockKey::Rows(alter.table.id), LockMode::AccessExclusive));
        }
    }
    locks
}

fn altered_object(alter: &AlterObject) -> Vec<Lock> {
    let (relation, schema_id, old_name) = match &alter.object {
        AlteredObject::Table(table) => (table.id, table.schema_id, &table.name),
        AlteredObject::View(view) => (view.id, view.schema_id, &view.name),
        AlteredObject::Schema(schema) => {
            let mut locks = vec![Lock::new(LockKey::Schema(schema.id), LockMode::AccessExclusive)];
            if let ObjectChange::Name(new) = &alter.change {
                locks.push(Lock::new(LockKey::SchemaName(new.as_str().into()), LockMode::Exclusive));
            }
            return locks;
        }
    };
    let mut locks = vec![Lock::new(LockKey::Relation(relation), LockMode::AccessExclusive)];
    match &alter.change {
        ObjectChange::Name(new) => locks.extend(name(schema_id, new)),
        ObjectChange::Schema(target) => locks.extend(name(*target, old_name)),
        ObjectChange::Owner(_) => {}
    }
    locks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(statement: &Statement) -> Vec<String> {
        statement.locks().iter().map(|lock| format!("{} {}", lock.key, lock.mode)).collect()
    }

    #[test]
    fn what_is_only_explained_locks_nothing() {
        let create = |exists| Statement::CreateSchema { name: "s".to_owned(), exists, owner: 10 };
        assert_eq!(keys(&create(false)), ["the name of schema \"s\" ExclusiveLock"]);
        assert!(keys(&create(true)).is_empty());
        let explain = |analyze| Statement::Explain { statement: Box::new(create(false)), analyze, verbose: false, json: false };
        assert!(keys(&explain(false)).is_empty());
        assert_eq!(keys(&explain(true)), keys(&create(false)));
    }
}
