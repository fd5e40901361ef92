//! Reading tables: the scan operator and what it decides by.
//!
//! From the outside in: [`exec`] is the operator, [`prune`] leaves out files and row groups, [`split`] gives the rest to
//! partitions, [`stream`] reads one partition, [`filter`] evaluates conditions while reading, [`deletes`] knows the deleted rows.

pub(crate) mod deletes;
mod estimate;
pub(crate) mod exec;
mod filter;
mod prune;
mod split;
mod stream;

pub use exec::ScanExec;
