//! What tests use to look at Kura from outside: a server process, a small client that can also misbehave, and the runners of `.slt` and
//! `.sched` files.
//!
//! It links nothing of the server: tests start the built binary `kura` and talk to it over its sockets, as users do, so that `kill -9` is a
//! real one and the memory measured is the server's own. It is never shipped.

#![expect(clippy::disallowed_methods, reason = "tests read their environment and wait for another process")]

pub mod programs;
pub mod random;
pub mod schedule;
pub mod server;
pub mod slt;
pub mod wire;
pub mod workspace;

pub use server::TestServer;
pub use wire::{Client, Dsn};
