//! The lake's Parquet dialect: footers, schemas, statistics, encoding and decoding of row groups.
//!
//! The format is <https://parquet.apache.org/docs/file-format/>, the conventions are those of `DuckLake` 1.0 as `DuckDB` writes
//! them. Which rows go into which file is decided in `write`, which files are read in `scan`.

pub(crate) mod adapter;
pub(crate) mod checksum;
pub(crate) mod encode;
pub(crate) mod footer;
mod interval;
pub(crate) mod layout;
pub(crate) mod numbering;
pub(crate) mod pages;
pub(crate) mod reader;
pub(crate) mod statistics;
pub(crate) mod text;
mod thrift;
