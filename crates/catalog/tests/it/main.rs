//! The catalog through its public face. Interplay with `DuckDB` itself is not tested here: two SQLite libraries may not
//! open one file in one process; what it writes is imitated by the same SQL.

#![expect(clippy::unwrap_used, reason = "a failure anywhere in a test is the test's failure")]

mod alter;
mod concurrency;
mod conflicts;
mod create;
mod definitions;
mod deletes;
mod files;
mod foreign;
mod images;
mod lake;
mod model;
mod rebase;
mod renames;
mod roles;
mod savepoints;
