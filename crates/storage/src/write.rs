//! Writing tables: rows become data files that are durable before anybody is told of them. The catalog is not touched here.

pub(crate) mod append;
mod bucket;
pub(crate) mod file;
mod partition;
pub(crate) mod pipeline;

pub use append::{AppendOptions, append, discard};
