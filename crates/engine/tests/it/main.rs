//! The engine through its public face: statements go from text through parsing, binding and authorisation into a temporary lake.

#![expect(clippy::panic, reason = "what the tests are made of fails by panicking")]

mod admission;
mod copy;
mod define;
mod explain;
mod lake;
mod limits;
mod query;
mod traps;
