//! Runs a bound statement within limits: optimise, admit, execute, stream, cancel.
//!
//! [`Engine::run`] takes only what [`kura_sql::authorize()`] let through and answers with an [`Outcome`]: rows as they are
//! computed, a command tag, or a COPY in progress. Changes go into the statement's transaction; nothing here commits. No
//! error of DataFusion leaves this crate.

mod admission;
mod config;
mod context;
mod engine;
mod error;
mod execute;
mod interrupt;
mod memory;
mod outcome;
mod planner;
mod query_log;
mod rows;
mod rules;
mod runtime;

pub use config::Config;
pub use context::StatementContext;
pub use engine::Engine;
pub use error::{Error, Result};
pub use execute::copy_from::CopyIn;
pub use execute::copy_to::CopyOut;
pub use outcome::Outcome;
pub use rows::RowStream;
