//! What running a statement comes to: rows, a command tag, or a COPY in progress.

use kura_sql::OutputColumn;

use crate::execute::copy_from::CopyIn;
use crate::execute::copy_to::CopyOut;
use crate::rows::RowStream;

/// The outcome of a statement.
#[derive(Debug)]
pub enum Outcome {
    /// Rows, still being computed.
    Rows {
        /// The columns, by position those of every batch.
        columns: Vec<OutputColumn>,
        /// The rows.
        rows: RowStream,
    },
    /// Done.
    Command {
        /// The command tag, such as `INSERT 0 5`.
        tag: String,
    },
    /// Waiting for the client's data.
    CopyIn(CopyIn),
    /// Data for the client.
    CopyOut(CopyOut),
}

impl Outcome {
    /// A statement that is done.
    pub(crate) fn command(tag: impl Into<String>) -> Self {
        Self::Command { tag: tag.into() }
    }
}
