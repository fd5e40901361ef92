//! What a name in a schema can stand for.

use std::sync::Arc;

use super::table::Table;
use super::view::View;

/// A table or a view: the two share one name space within a schema.
#[derive(Debug, Clone)]
pub enum Relation {
    /// A table.
    Table(Arc<Table>),
    /// A view.
    View(Arc<View>),
}

impl Relation {
    /// Identity in the catalog.
    #[must_use]
    pub fn id(&self) -> i64 {
        match self {
            Self::Table(table) => table.id,
            Self::View(view) => view.id,
        }
    }

    /// PostgreSQL object identifier.
    #[must_use]
    pub fn oid(&self) -> u32 {
        match self {
            Self::Table(table) => table.oid,
            Self::View(view) => view.oid,
        }
    }

    /// Identity of the schema it is in.
    #[must_use]
    pub fn schema_id(&self) -> i64 {
        match self {
            Self::Table(table) => table.schema_id,
            Self::View(view) => view.schema_id,
        }
    }

    /// Name within its schema.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Table(table) => &table.name,
            Self::View(view) => &view.name,
        }
    }

    /// OID of the role that owns it.
    #[must_use]
    pub fn owner(&self) -> u32 {
        match self {
            Self::Table(table) => table.owner,
            Self::View(view) => view.owner,
        }
    }

    /// COMMENT ON TABLE or VIEW.
    #[must_use]
    pub fn comment(&self) -> Option<&str> {
        match self {
            Self::Table(table) => table.comment.as_deref(),
            Self::View(view) => view.comment.as_deref(),
        }
    }
}
