//! The vocabulary shared with a PostgreSQL client: type OIDs, Arrow mapping, text and binary values, SQLSTATE.
//!
//! Pure: no I/O, no clock, no query engine. What a value means to a query is decided elsewhere; here is how it is
//! written down. The specification is the PostgreSQL 15 documentation, chapters "Data Types" and
//! "Frontend/Backend Protocol", and where it is silent the behaviour of a PostgreSQL 15 server.

mod arrow;
pub mod calendar;
pub mod copy;
pub mod decode;
mod diagnostic;
pub mod encode;
pub mod identifier;
pub mod json;
mod oid;
mod pg_type;
mod settings;
mod sqlstate;
mod time_unit;
mod timezone;
pub mod violation;

pub use diagnostic::{Diagnostic, SqlError};
pub use pg_type::{PgType, Scalar};
pub use settings::{ByteaOutput, DateFormat, DateOrder, DateStyle, Format, IntervalStyle, OutputSettings};
pub use sqlstate::SqlState;
pub use time_unit::TimeUnit;
pub use timezone::TimeZone;
