//! What exists and who may use it, at which snapshot: schemas, tables, views, data files, roles, transactions, commits.
//!
//! The catalog is a `DuckLake` 1.0 metadata database (<https://ducklake.select/docs/stable/specification/introduction>)
//! of which [`Snapshot`] is an immutable image in memory and [`Transaction`] the only way to change it. It holds no table
//! data, reads no Parquet, knows no SQL dialect and decides no right.

mod catalog;
mod changes;
mod clock;
mod column_type;
mod commit;
mod config;
mod difference;
mod error;
mod locks;
mod names;
mod object;
mod rebase;
mod snapshot;
mod statistics;
mod store;
mod transaction;

pub use catalog::Catalog;
pub use clock::{Clock, SystemClock};
pub use config::{CatalogUrl, Config};
pub use error::{Error, Result};
pub use locks::{LockError, LockKey, LockMark, LockMode, LockOwner, LockTable, Scope};
pub use object::column::{Column, NewColumn};
pub use object::data_file::{ColumnStats, DataFile, DeleteFile, FileChange, NewDataFile, NewDeleteFile};
pub use object::partition::{Partition, PartitionColumn, Transform};
pub use object::relation::Relation;
pub use object::role::{BOOTSTRAP_ROLE_OID, Role};
pub use object::schema::{PUBLIC_SCHEMA_OID, Schema};
pub use object::table::{NewTable, Table};
pub use object::view::{NewView, View};
pub use snapshot::Snapshot;
pub use transaction::{Savepoint, Transaction};
