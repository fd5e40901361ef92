//! Tests of the crate's public face, with a real catalog and real files in a temporary directory.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod append;
mod column_types;
mod corrupt;
mod delete;
mod external;
mod identity;
mod identity_property;
mod lake;
mod partition;
mod property;
mod scan;
mod values;
