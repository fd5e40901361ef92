//! Table data at rest: object stores, Parquet, scan and write operators.
//!
//! [`Table`] is what a query scans, [`write::append`] what an INSERT or COPY calls, [`write::write_deletes`] what a DELETE or UPDATE
//! does, [`external`] the files beside the lake that COPY reads and writes. Which files make up a table, and from when on they are visible, is the catalog's business: nothing
//! here commits, and a file that no commit names is garbage.

mod config;
mod error;
pub mod external;
mod object;
mod parquet;
mod positions;
mod scan;
mod storage;
mod table;
pub mod write;

pub use config::Config;
pub use error::{Error, Result};
pub use scan::ScanExec;
pub use storage::Storage;
pub use table::Table;
