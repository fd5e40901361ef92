//! Moves the changes of an open transaction onto a newer image of the catalog, so that it sees what others committed meanwhile.
//!
//! It is all or nothing and careful: what others did to an object this transaction touched must not have to do with what it did
//! itself. Where in doubt nothing is moved, and the commit decides. Nothing is written here.

use std::collections::HashMap;
use std::sync::Arc;

use crate::difference::{ColumnChanges, FileChanges, Touched};
use crate::object::data_file::DataFile;
use crate::object::relation::Relation;
use crate::object::table::Table;
use crate::snapshot::Snapshot;

/// What `view`, which comes of `base` by the changes of what was touched, is when it comes of `head`. `None` when the changes
/// of others stand in the way.
pub(crate) fn rebased(base: &Snapshot, view: &Snapshot, touched: &Touched, head: &Snapshot) -> Option<Snapshot> {
    let mut relations = Vec::with_capacity(touched.relations.len());
    for id in &touched.relations {
        let (old, own, new) = (base.relation_by_id(*id), view.relation_by_id(*id), head.relation_by_id(*id));
        relations.extend(relation(old, own, new)?);
    }
    let mut image = head.clone();
    for id in &touched.relations {
        image.remove_relation(*id);
    }
    put_schemas(base, view, touched, &mut image)?;
    for relation in relations {
        let is_free = image.relation(relation.schema_id(), relation.name()).is_none();
        if !is_free || image.schema_by_id(relation.schema_id()).is_none() {
            return None;
        }
        image.put_relation(relation);
    }
    image.mark_modified();
    Some(image)
}

/// Does to the schemas what the transaction did. The relations it touched are not in `image`.
fn put_schemas(base: &Snapshot, view: &Snapshot, touched: &Touched, image: &mut Snapshot) -> Option<()> {
    for id in &touched.schemas {
        if base.schema_by_id(*id) != image.schema_by_id(*id) {
            return None;
        }
        match view.schema_by_id(*id) {
            // Others may have filled it since.
            None if image.has_relations(*id) => return None,
            None => image.remove_schema(*id),
            Some(own) => {
                if image.schema(&own.name).is_some_and(|other| other.id != *id && !touched.schemas.contains(&other.id)) {
                    return None;
                }
            }
        }
    }
    for own in touched.schemas.iter().filter_map(|id| view.schema_by_id(*id)) {
        image.put_schema(own.as_ref().clone());
    }
    Some(())
}

/// What becomes of a relation that was `old`, is `own` in the transaction and `new` for others; `Some(None)` when it is gone.
fn relation(old: Option<&Relation>, own: Option<&Relation>, new: Option<&Relation>) -> Option<Option<Relation>> {
    match (old, own, new) {
        // Created here.
        (None, own, None) => Some(own.cloned()),
        (Some(Relation::View(old)), own, Some(Relation::View(new))) if old == new => Some(own.cloned()),
        // Dropped here: it goes as it is now, as long as it is the same one.
        (Some(Relation::Table(old)), None, Some(Relation::Table(new))) => is_same_definition(old, new).then_some(None),
        (Some(Relation::Table(old)), Some(Relation::Table(own)), Some(Relation::Table(new))) => {
            let merged = table(old, own, new)?;
            Some(Some(Relation::Table(merged)))
        }
        _ => None,
    }
}

/// The transaction's table with what others did to its rows.
fn table(old: &Arc<Table>, own: &Arc<Table>, new: &Arc<Table>) -> Option<Arc<Table>> {
    if !is_same_definition(old, new) {
        return None;
    }
    if Arc::ptr_eq(&old.files, &new.files) || old.files == new.files {
        return Some(Arc::clone(own));
    }
    // A change of columns may have looked at the rows there were, or have rewritten them.
    if ColumnChanges::between(&old.columns, &own.columns).is_definition() {
        return None;
    }
    let files = files(old, own, new)?;
    let mut merged = Table::clone(own);
    merged.replace_files(files);
    Some(Arc::new(merged))
}

/// The files as they are for others, changed as the transaction changed the ones there were.
fn files(old: &Table, own: &Table, new: &Table) -> Option<Vec<Arc<DataFile>>> {
    let changes = FileChanges::between(&old.files, &own.files);
    let present: HashMap<i64, &Arc<DataFile>> = new.files.iter().map(|file| (file.id, file)).collect();
    let is_untouched = |file: &&DataFile| present.get(&file.id).is_some_and(|now| now.deletes == file.deletes);
    if !changes.ended.iter().all(is_untouched) || !changes.deletes.iter().all(|(file, _)| is_untouched(file)) {
        return None;
    }
    let before: HashMap<i64, &Arc<DataFile>> = old.files.iter().map(|file| (file.id, file)).collect();
    let mine: HashMap<i64, &Arc<DataFile>> = own.files.iter().map(|file| (file.id, file)).collect();
    let mut files = Vec::with_capacity(new.files.len() + changes.added.len());
    for file in new.files.iter() {
        match (before.get(&file.id), mine.get(&file.id)) {
            // Added by others.
            (None, _) => files.push(Arc::clone(file)),
            // Ended here.
            (Some(_), None) => {}
            (Some(before), Some(mine)) if before.deletes != mine.deletes => files.push(Arc::clone(mine)),
            (Some(_), Some(_)) => files.push(Arc::clone(file)),
        }
    }
    files.extend(own.files.iter().filter(|file| !before.contains_key(&file.id)).map(Arc::clone));
    Some(files)
}

/// Whether nothing but rows differs.
fn is_same_definition(left: &Table, right: &Table) -> bool {
    let without_rows = |table: &Table| Table { files: Arc::default(), record_count: 0, ..table.clone() };
    without_rows(left) == without_rows(right)
}
