//! The engine through its public face: statements go from text through parsing, binding and authorisation into a temporary lake.

mod admission;
mod copy;
mod define;
mod explain;
mod lake;
mod limits;
mod query;
mod traps;
