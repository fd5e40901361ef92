//! Writing tables: rows become data files, and rows that are deleted become delete files, durable before anybody is told of them. The
//! catalog is not touched here.

pub(crate) mod append;
mod bucket;
mod delete;
pub(crate) mod file;
mod partition;
pub(crate) mod pipeline;

pub use append::{AppendOptions, append, discard};
pub use delete::{discard_deletes, write_deletes};

pub use crate::positions::RowSet;
