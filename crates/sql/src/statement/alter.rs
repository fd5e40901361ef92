//! ALTER: what changes of a table's columns, and of a table, view or schema as a whole.

use std::sync::Arc;

use kura_catalog::{NewColumn, Schema, Table, View};
use kura_pgtypes::{PgType, SqlError, SqlState};

use super::Query;

/// ALTER TABLE: changes of a table's columns, all or none.
#[derive(Clone, Debug)]
pub struct AlterTable {
    /// The table as it is before.
    pub table: Arc<Table>,
    /// Views that go with a dropped column, dependent ones first.
    pub views: Vec<Arc<View>>,
    /// The changes, in the order in which they are made.
    pub changes: Vec<ColumnChange>,
    /// How the rows that there are get into the table's new shape.
    pub rows: ExistingRows,
}

impl AlterTable {
    /// The error for a NULL where the table takes none any more.
    #[must_use]
    pub fn null_found(table: &str, column: &str) -> SqlError {
        SqlError::new(SqlState::NOT_NULL_VIOLATION, format!("column \"{column}\" of relation \"{table}\" contains null values"))
    }
}

/// One change of a table. A column is named as it is called at the time of the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnChange {
    /// DROP COLUMN.
    Drop {
        /// Which.
        column: String,
    },
    /// ADD COLUMN.
    Add {
        /// The column.
        column: NewColumn,
        /// Its value, as text, in the rows that there are and stay as they are; `None` is NULL.
        initial: Option<String>,
    },
    /// TYPE, where files stay as they are: every value of the old type is one of the new type as it stands.
    Widen {
        /// Which.
        column: String,
        /// The new type.
        ty: PgType,
    },
    /// TYPE, where the rows are written anew.
    Replace {
        /// Which.
        column: String,
        /// The new type.
        ty: PgType,
    },
    /// SET DEFAULT, DROP DEFAULT.
    Default {
        /// Which.
        column: String,
        /// SQL text; `None` is NULL.
        default: Option<String>,
    },
    /// SET NOT NULL, DROP NOT NULL.
    Nullable {
        /// Which.
        column: String,
        /// Whether NULL may be stored.
        nullable: bool,
    },
    /// RENAME COLUMN.
    Rename {
        /// Which.
        column: String,
        /// The new name.
        name: String,
    },
    /// OWNER TO.
    Owner {
        /// OID of the role.
        owner: u32,
    },
}

/// What becomes of a table's rows in ALTER TABLE.
#[derive(Clone, Debug)]
pub enum ExistingRows {
    /// They are not looked at.
    Kept,
    /// They stay, once none of them has NULL in one of the columns.
    Checked(Vec<NullCheck>),
    /// They are written anew: a query over the old table that yields all of them in the new shape.
    Rewritten(Query),
}

/// A question whether a column holds a NULL.
#[derive(Clone, Debug)]
pub struct NullCheck {
    /// The column's name.
    pub column: String,
    /// A query that returns a row when it does.
    pub query: Query,
}

/// ALTER of a table, view or schema as a whole.
#[derive(Clone, Debug)]
pub struct AlterObject {
    /// "ALTER TABLE", "ALTER VIEW" or "ALTER SCHEMA", as the statement was written.
    pub tag: &'static str,
    /// What is changed.
    pub object: AlteredObject,
    /// How.
    pub change: ObjectChange,
}

/// A table, view or schema.
#[derive(Clone, Debug)]
pub enum AlteredObject {
    /// A schema.
    Schema(Arc<Schema>),
    /// A table.
    Table(Arc<Table>),
    /// A view.
    View(Arc<View>),
}

/// A change of an object as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectChange {
    /// RENAME TO.
    Name(String),
    /// SET SCHEMA: the id of the new one. Not of schemas.
    Schema(i64),
    /// OWNER TO: the OID of the role.
    Owner(u32),
}
