//! From text to an authorised, bound statement.
//!
//! [`parse()`] splits a string into statements, [`bind()`] resolves names against one pinned [`Snapshot`](kura_catalog::Snapshot)
//! and types every expression by PostgreSQL's rules, [`authorize()`] checks what the statement needs against what the role
//! may do. The result, [`Authorized`], is the only thing the engine runs. This crate reads no file and awaits nothing.

pub mod authorize;
pub mod bind;
pub mod error;
pub mod parse;
pub mod statement;

pub use authorize::{Authorized, authorize};
pub use bind::{BindContext, Bound, Parameters, bind};
pub use error::Error;
pub use kura_functions::SessionInfo;
pub use kura_functions::session_info::{AdvisoryLocks, AdvisoryRequest};
pub use parse::{Kind, Parsed, SessionCommand, SetValue, TransactionModes, parse};
pub use statement::{OutputColumn, Statement};

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
