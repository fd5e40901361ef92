//! One client's conversation: login, settings, transaction state, prepared statements, portals, cancellation.
//!
//! [`Sessions`] is what all conversations share, [`Session`] is one of them. A protocol calls these and translates; it
//! decides nothing about rights, transactions or limits. Here no protocol and no query engine is named: statements go to
//! `sql` and `engine`, results come back as Arrow batches.

mod advisory;
mod block;
mod characteristics;
mod command;
pub mod config;
mod copy;
mod error;
mod interrupt;
mod lock;
pub mod login;
mod notice;
mod portal;
mod prepared;
mod registry;
mod response;
mod run;
mod session;
mod sessions;
pub mod settings;
mod transaction;

pub use config::Config;
pub use copy::{CopyIn, CopyOut};
pub use error::{Error, Result};
pub use interrupt::{Interrupt, Reason};
pub use kura_sql::OutputColumn;
pub use notice::{Notice, Severity};
pub use portal::PortalColumns;
pub use prepared::{Description, Values};
pub use response::{Response, Rows, Slice};
pub use run::Script;
pub use session::Session;
pub use sessions::{DATABASE, LoginOptions, Sessions};
pub use transaction::Status;
