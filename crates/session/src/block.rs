//! Transaction blocks as statements: BEGIN, COMMIT, ROLLBACK, and the savepoints within.

use kura_pgtypes::SqlState;
use kura_sql::TransactionModes;

use crate::error::{Error, Result};
use crate::session::Session;
use crate::transaction::{Savepoint, State};

impl Session {
    /// BEGIN. In a string of statements, what is implicit becomes the block.
    pub(crate) fn begin(&mut self, modes: &TransactionModes) -> Result<()> {
        if matches!(self.state, State::Block(_)) {
            self.warn(SqlState::ACTIVE_SQL_TRANSACTION, "there is already a transaction in progress");
        }
        self.open_block();
        self.set_modes("transaction_", modes, true)
    }

    /// COMMIT. Returns the command tag.
    pub(crate) async fn commit_command(&mut self, chain: bool) -> Result<&'static str> {
        let modes = self.chained("COMMIT AND CHAIN", chain)?;
        let tag = match self.state {
            State::Failed(_) => {
                self.roll_back();
                "ROLLBACK"
            }
            State::None | State::Implicit(_) | State::Block(_) => {
                if !self.state.is_block() {
                    self.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
                }
                self.commit().await?;
                "COMMIT"
            }
        };
        self.chain(modes)?;
        Ok(tag)
    }

    /// ROLLBACK. Returns the command tag.
    pub(crate) fn rollback_command(&mut self, chain: bool) -> Result<&'static str> {
        let modes = self.chained("ROLLBACK AND CHAIN", chain)?;
        if !self.state.is_block() {
            self.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
        }
        self.roll_back();
        self.chain(modes)?;
        Ok("ROLLBACK")
    }

    /// As what the next transaction is to run, when AND CHAIN asks for one.
    fn chained(&self, what: &str, chain: bool) -> Result<Option<TransactionModes>> {
        if !chain {
            return Ok(None);
        }
        match &self.state {
            State::None | State::Implicit(_) => Err(needs_block(what)),
            State::Block(_) => Ok(Some(self.modes())),
            State::Failed(failed) => Ok(Some(failed.modes.clone())),
        }
    }

    fn chain(&mut self, modes: Option<TransactionModes>) -> Result<()> {
        let Some(modes) = modes else { return Ok(()) };
        self.open_block();
        self.set_modes("transaction_", &modes, true)
    }

    /// SAVEPOINT.
    pub(crate) async fn savepoint(&mut self, name: &str) -> Result<()> {
        let savepoint = Savepoint::new(name, self.settings.lock().layers(), self.locks.mark(), self.next_portal);
        match &mut self.state {
            State::Block(open) => open.set_savepoint(savepoint).await,
            _ => Err(needs_block("SAVEPOINT")),
        }
    }

    /// RELEASE SAVEPOINT.
    pub(crate) fn release_savepoint(&mut self, name: &str) -> Result<()> {
        match &mut self.state {
            State::Block(open) => open.release_savepoint(name),
            _ => Err(needs_block("RELEASE SAVEPOINT")),
        }
    }

    /// ROLLBACK TO SAVEPOINT: everything is as it was then, in a failed block as well. Locks taken since are released.
    pub(crate) async fn roll_back_to(&mut self, name: &str) -> Result<()> {
        let open = match &mut self.state {
            State::Block(open) => open,
            State::Failed(failed) => match &mut failed.open {
                Some(open) => open,
                None => return Err(Error::new(SqlState::S_E_INVALID_SPECIFICATION, format!("savepoint \"{name}\" does not exist"))),
            },
            State::None | State::Implicit(_) => return Err(needs_block("ROLLBACK TO SAVEPOINT")),
        };
        let savepoint = open.roll_back_to(name).await?;
        self.locks.release_to(savepoint.locks);
        self.settings.lock().restore(&savepoint.settings);
        let portals = savepoint.portals;
        self.portals.retain(|_, portal| portal.number < portals);
        self.state = match std::mem::take(&mut self.state) {
            State::Failed(failed) => failed.open.map_or(State::None, State::Block),
            other => other,
        };
        Ok(())
    }

    /// Whether a statement is in a block, or in a string of several, which is one until its end.
    pub(crate) fn in_block(&self) -> bool {
        self.state.is_block() || self.in_script
    }
}

/// 25P01.
pub(crate) fn needs_block(what: &str) -> Error {
    Error::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, format!("{what} can only be used in transaction blocks"))
}
