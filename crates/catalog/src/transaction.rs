//! A transaction: its view of the catalog, beside the snapshot it began with. Writes nothing before `commit`.
//!
//! Its methods change the view and note which objects they touched; what is to be written is the difference between the
//! two images. So changes of one object coalesce, and a savepoint is a copy of the view. Objects created here get negative
//! identities until the commit maps them to real ones, and OIDs that stay.

mod columns;
mod rows;
mod schemas;
mod tables;
mod views;

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::difference::{Difference, Touched};
use crate::error::{Error, Result};
use crate::object::schema::Schema;
use crate::object::table::Table;
use crate::object::view::View;
use crate::rebase::rebased;
use crate::snapshot::Snapshot;

/// PostgreSQL's limit on the columns of a table.
const COLUMNS_MAX: usize = 1600;

/// PostgreSQL's limit on the length of a name, in bytes. `sql` truncates; here it is only a guard.
const NAME_BYTES_MAX: usize = 63;

/// One transaction under snapshot isolation over the whole catalog. Dropping it rolls back: nothing was written.
pub struct Transaction {
    catalog: Arc<Catalog>,
    base: Arc<Snapshot>,
    view: Arc<Snapshot>,
    touched: Touched,
    next_provisional_id: i64,
}

/// A point within a transaction to which it can return.
#[derive(Debug, Clone)]
pub struct Savepoint {
    view: Arc<Snapshot>,
    touched: Touched,
}

impl Transaction {
    pub(crate) fn new(catalog: Arc<Catalog>, base: Arc<Snapshot>) -> Self {
        let view = Arc::clone(&base);
        Self { catalog, base, view, touched: Touched::default(), next_provisional_id: -1 }
    }

    /// The catalog as this transaction sees it: the snapshot it began with and its own changes.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.view)
    }

    /// The snapshot it began with.
    #[must_use]
    pub fn base(&self) -> &Arc<Snapshot> {
        &self.base
    }

    /// Number of the snapshot it began with.
    #[must_use]
    pub fn base_id(&self) -> i64 {
        self.base.id
    }

    /// Whether anything was changed. Changes that undo each other may count, such as a renaming there and back.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Whether this transaction created, changed or dropped that table or view.
    #[must_use]
    pub fn is_changed(&self, relation_id: i64) -> bool {
        self.touched.relations.contains(&relation_id)
    }

    /// Marks the present state. Cheap: the image is shared until the next change.
    #[must_use]
    pub fn savepoint(&self) -> Savepoint {
        Savepoint { view: Arc::clone(&self.view), touched: self.touched.clone() }
    }

    /// Forgets what was changed since the savepoint, which must be one of this transaction and stays usable. Provisional
    /// identities are not given again.
    pub fn roll_back_to(&mut self, savepoint: &Savepoint) {
        self.view = Arc::clone(&savepoint.view);
        self.touched = savepoint.touched.clone();
    }

    /// Lets the transaction see what others committed up to `head`, a later image of the same catalog, with its own changes on
    /// top, as if it had begun just now. `savepoints`, all there are, move along.
    ///
    /// Returns `false`, and nothing is moved, when what others did has to do with what was changed here; the commit will
    /// find out whether it is a conflict.
    pub fn rebase(&mut self, head: Arc<Snapshot>, savepoints: &mut [&mut Savepoint]) -> bool {
        if head.id == self.base.id {
            return true;
        }
        let moved = |view: &Arc<Snapshot>, touched: &Touched| match touched.is_empty() {
            true => Some(Arc::clone(&head)),
            false => rebased(&self.base, view, touched, &head).map(Arc::new),
        };
        let Some(view) = moved(&self.view, &self.touched) else { return false };
        let images: Option<Vec<_>> = savepoints.iter().map(|savepoint| moved(&savepoint.view, &savepoint.touched)).collect();
        let Some(images) = images else { return false };
        for (savepoint, image) in savepoints.iter_mut().zip(images) {
            savepoint.view = image;
        }
        self.view = view;
        self.base = head;
        true
    }

    /// Makes the changes durable and visible, all or none. Without changes nothing is written.
    ///
    /// Returns the newest image of the catalog: this transaction's snapshot, or a later one when others committed
    /// meanwhile. Should reading it back fail, the commit stands and an older image is returned.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a transaction that committed meanwhile does not go together with this one; nothing was
    /// written then. [`Error::CommitUnknown`] when the database broke down in the commit and did not come back.
    pub async fn commit(self) -> Result<Arc<Snapshot>> {
        let difference = Difference::between(&self.base, &self.view, &self.touched);
        if difference.is_empty() {
            return Ok(Arc::clone(&self.base));
        }
        self.catalog.commit(self.base.id, &self.view, &difference).await
    }
}

impl Transaction {
    fn view_mut(&mut self) -> &mut Snapshot {
        let view = Arc::make_mut(&mut self.view);
        view.mark_modified();
        view
    }

    fn provisional_id(&mut self) -> i64 {
        let id = self.next_provisional_id;
        self.next_provisional_id -= 1;
        id
    }

    fn schema(&self, id: i64) -> Result<&Arc<Schema>> {
        self.view.schema_by_id(id).ok_or(Error::SchemaNotFound { id })
    }

    fn table(&self, id: i64) -> Result<&Arc<Table>> {
        self.view.table(id).ok_or_else(|| Error::NotFound { kind: "relation", name: id.to_string() })
    }

    fn view(&self, id: i64) -> Result<&Arc<View>> {
        self.view.view(id).ok_or_else(|| Error::NotFound { kind: "relation", name: id.to_string() })
    }

    /// Changes a table that is there.
    fn change_table(&mut self, id: i64, change: impl FnOnce(&mut Table)) {
        self.touched.relations.insert(id);
        self.view_mut().change_table(id, change);
    }

    /// Changes a view that is there.
    fn change_view(&mut self, id: i64, change: impl FnOnce(&mut View)) {
        self.touched.relations.insert(id);
        self.view_mut().change_view(id, change);
    }

    fn check_free(&self, schema_id: i64, name: &str) -> Result<()> {
        check_name(name)?;
        match self.view.relation(schema_id, name) {
            Some(_) => Err(Error::RelationExists { name: name.to_owned() }),
            None => Ok(()),
        }
    }
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('\0') {
        return Err(Error::InvalidTable { message: format!("invalid name \"{}\"", name.escape_debug()) });
    }
    Ok(())
}

fn check_column_count(count: usize) -> Result<()> {
    if count > COLUMNS_MAX {
        return Err(Error::Limit { message: format!("tables can have at most {COLUMNS_MAX} columns") });
    }
    Ok(())
}
