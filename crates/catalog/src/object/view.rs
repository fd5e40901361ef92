//! Views. Binding their text belongs to `sql`.

use super::column::Column;

/// A view as of one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Identity in the catalog; negative while its transaction has not committed.
    pub id: i64,
    /// PostgreSQL object identifier, persisted.
    pub oid: u32,
    /// Identity of its schema.
    pub schema_id: i64,
    /// Name within the schema.
    pub name: String,
    /// OID of the role that owns it.
    pub owner: u32,
    /// The user's text of the query.
    pub sql: String,
    /// Column names given in CREATE VIEW; empty when the query's own are used.
    pub column_names: Vec<String>,
    /// Columns as bound at creation. Empty when another program created the view: bind it to know.
    pub columns: Vec<Column>,
    /// COMMENT ON VIEW.
    pub comment: Option<String>,
    /// Schemas, in order, in which the query's unqualified names were looked up at creation.
    pub search_path: Vec<String>,
}

/// A view to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewView {
    /// Schema it goes into.
    pub schema_id: i64,
    /// Name, free in the schema.
    pub name: String,
    /// OID of the role that will own it.
    pub owner: u32,
    /// The user's text of the query.
    pub sql: String,
    /// Column names given in CREATE VIEW; empty when the query's own are used.
    pub column_names: Vec<String>,
    /// Columns as bound; their ids are assigned by position.
    pub columns: Vec<Column>,
    /// Schemas, in order, in which the query's unqualified names were looked up.
    pub search_path: Vec<String>,
}
