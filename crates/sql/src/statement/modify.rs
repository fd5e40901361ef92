//! Statements that change rows, as one query whose rows say what to do.

use std::sync::Arc;

use datafusion::datasource::MemTable;
use datafusion::logical_expr::LogicalPlan;
use kura_catalog::Table;

use super::OutputColumn;

/// What one row of [`Modify::source`] asks for; the values of its first field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing: a row of MERGE that no WHEN clause takes, or that one of them leaves alone.
    Nothing,
    /// The row at (file, position) goes.
    Delete,
    /// The row at (file, position) is replaced by the new values.
    Update,
    /// The new values are added.
    Insert,
}

impl Action {
    /// The number that stands for it in the plan.
    pub const fn code(self) -> i32 {
        match self {
            Self::Nothing => 0,
            Self::Delete => 1,
            Self::Update => 2,
            Self::Insert => 3,
        }
    }

    /// What a number stands for.
    pub fn from_code(code: i32) -> Option<Self> {
        [Self::Nothing, Self::Delete, Self::Update, Self::Insert].into_iter().find(|action| action.code() == code)
    }
}

/// What happens when a row of the table is hit a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twice {
    /// The first hit counts, the others do not: UPDATE … FROM, DELETE … USING.
    FirstWins,
    /// 21000: MERGE.
    Error,
}

/// DELETE, UPDATE, MERGE, INSERT with RETURNING.
#[derive(Clone, Debug)]
pub struct Modify {
    /// "DELETE", "UPDATE", "MERGE" or "INSERT".
    pub command: &'static str,
    /// The table whose rows change.
    pub table: Arc<Table>,
    /// Fields in order: the [`Action`] as Int32, file and position as Int64 (NULL for an insert); then, when `writes`, one per
    /// column of the table, of its type, with the new values (of no meaning for a delete); then one per column of `returning`.
    pub source: LogicalPlan,
    /// Whether rows may be written.
    pub writes: bool,
    /// What happens when a row is hit a second time.
    pub twice: Twice,
    /// The columns of RETURNING.
    pub returning: Option<Vec<OutputColumn>>,
    /// Whether every row of the table goes and nothing else is asked for: the plan need not be run.
    pub everything: bool,
}

/// A query of a WITH list that changes rows.
#[derive(Clone, Debug)]
pub struct Part {
    /// What it changes.
    pub modify: Modify,
    /// Takes the rows it returns, for the statement's other parts to read. One partition, empty until it has run; fields are those
    /// of RETURNING.
    pub rows: Arc<MemTable>,
}
