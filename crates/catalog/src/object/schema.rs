//! Schemas.

/// OID of the schema `public`, as in PostgreSQL.
pub const PUBLIC_SCHEMA_OID: u32 = 2200;

/// A schema: a name space of relations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Identity in the catalog; negative while its transaction has not committed.
    pub id: i64,
    /// PostgreSQL object identifier, persisted.
    pub oid: u32,
    /// Name, unique.
    pub name: String,
    /// OID of the role that owns it.
    pub owner: u32,
    /// COMMENT ON SCHEMA.
    pub comment: Option<String>,
    /// Location of its tables relative to the lake's data path; ends with `/`. Empty when another program put it outside:
    /// its tables cannot be read then, nor new ones created.
    pub path: String,
}
