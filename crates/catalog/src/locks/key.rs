//! What can be locked.

use std::fmt;
use std::sync::Arc;

/// What a lock is on. Identities are those of the catalog; objects that are not committed yet (negative ones) are seen by
/// nobody else and need no lock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LockKey {
    /// A schema, against its being dropped while something is created in it.
    Schema(i64),
    /// The name of a schema that is to be created.
    SchemaName(Arc<str>),
    /// A table's or view's definition.
    Relation(i64),
    /// The name, in a schema, of a relation that is to be created.
    RelationName(i64, Arc<str>),
    /// The rows of a table, all together.
    Rows(i64),
    /// A number that applications agree on.
    Advisory {
        /// The number; for a pair, the first one in the upper half.
        key: i64,
        /// Whether it is a pair of integers: those are a space of their own.
        pair: bool,
    },
}

/// As PostgreSQL names what a process waits for in the detail of a deadlock.
impl fmt::Display for LockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(id) => write!(f, "schema {id}"),
            Self::SchemaName(name) => write!(f, "the name of schema \"{name}\""),
            Self::Relation(id) => write!(f, "relation {id}"),
            Self::RelationName(_, name) => write!(f, "the name of relation \"{name}\""),
            Self::Rows(id) => write!(f, "rows of relation {id}"),
            Self::Advisory { key, pair } => {
                let halves = key.to_be_bytes();
                let half = |bytes: &[u8]| bytes.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
                let class = if *pair { 2 } else { 1 };
                write!(f, "advisory lock [{},{},{class}]", half(&halves[..4]), half(&halves[4..]))
            }
        }
    }
}

/// How long a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// To the end of the transaction, or until it is rolled back to a mark before it. Taking it again changes nothing.
    Transaction,
    /// Until it is released as often as it was taken.
    Session,
}
