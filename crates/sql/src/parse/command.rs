//! What a statement about the session says. Carrying it out is the session's.

use kura_pgtypes::PgType;

use super::Parsed;

/// What a SET assigns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetValue {
    /// DEFAULT.
    Default,
    /// One or more values, unquoted.
    Values(Vec<String>),
}

/// What a statement says of how a transaction is to run; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionModes {
    /// The isolation level, lower case.
    pub isolation: Option<String>,
    /// READ ONLY or READ WRITE.
    pub read_only: Option<bool>,
    /// DEFERRABLE or NOT DEFERRABLE.
    pub deferrable: Option<bool>,
}

/// A statement about the session.
#[derive(Clone, Debug)]
pub enum SessionCommand {
    /// BEGIN, START TRANSACTION.
    Begin(TransactionModes),
    /// COMMIT, END.
    Commit {
        /// AND CHAIN: a new transaction begins at once.
        chain: bool,
    },
    /// ROLLBACK, ABORT.
    Rollback {
        /// As of COMMIT.
        chain: bool,
    },
    /// SAVEPOINT.
    Savepoint(String),
    /// ROLLBACK TO SAVEPOINT.
    RollbackTo(String),
    /// RELEASE SAVEPOINT.
    Release(String),
    /// SET TRANSACTION, SET SESSION CHARACTERISTICS.
    SetTransaction {
        /// Whether it is about the session's later transactions.
        session: bool,
        /// What is set.
        modes: TransactionModes,
    },
    /// SET.
    Set {
        /// The setting's name, lower case.
        name: String,
        /// Its new value.
        value: SetValue,
        /// Whether it ends with the transaction.
        local: bool,
    },
    /// SHOW; `all` shows every setting.
    Show(String),
    /// RESET; `all` resets every setting.
    Reset(String),
    /// DISCARD, with its object in lower case.
    Discard(String),
    /// PREPARE.
    Prepare {
        /// The statement's name.
        name: String,
        /// Its parameter types, as far as given.
        types: Vec<PgType>,
        /// What it prepares.
        statement: Box<Parsed>,
    },
    /// EXECUTE.
    Execute {
        /// The statement's name.
        name: String,
        /// Its arguments as literal text; `None` is NULL.
        arguments: Vec<Option<String>>,
    },
    /// DEALLOCATE; `None` is ALL.
    Deallocate(Option<String>),
}
