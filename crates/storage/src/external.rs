//! Files beside the lake that COPY reads and writes on the server's behalf: only below configured directories.
//!
//! What is in a csv or json file is not understood here; Parquet files come out in whatever types they have.

mod access;
mod bytes;
mod parquet;

pub use access::FileAccess;
pub use bytes::{ByteWriter, read_bytes};
pub use parquet::{read_parquet, write_parquet};
