//! COPY's text and csv formats: the options, reading ([`CopyDecoder`]) and writing ([`CopyEncoder`]).
//!
//! The rules are those of the chapter "COPY" of the PostgreSQL 15 documentation and, where it is silent, of the
//! server. Whose columns are filled, in which order rows are kept and who may copy what is the caller's affair.

mod decoder;
mod encoder;
mod fields;
mod lines;
mod options;
mod table_row;
#[cfg(test)]
mod tests;

pub use decoder::CopyDecoder;
pub use encoder::CopyEncoder;
pub use options::{CopyColumns, CopyFormat, CopyOption, CopyOptions};
pub use table_row::{ColumnValue, TableColumn};
