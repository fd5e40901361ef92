//! How a transaction runs: BEGIN's and SET TRANSACTION's modes, and when they may still be changed.
//!
//! All levels run as snapshot isolation. READ COMMITTED and READ UNCOMMITTED see the newest snapshot with every statement until the
//! transaction has changed something; SERIALIZABLE is REPEATABLE READ. A read-only transaction never fails for what others do,
//! so DEFERRABLE has nothing to wait for.

use kura_pgtypes::SqlState;
use kura_sql::TransactionModes;

use crate::error::{Error, Result};
use crate::session::Session;
use crate::settings::Settings;
use crate::transaction::{Open, State};

impl Session {
    /// SET TRANSACTION; `session`: SET SESSION CHARACTERISTICS.
    pub(crate) fn set_transaction(&mut self, session: bool, modes: &TransactionModes) -> Result<()> {
        if !session && !self.in_block() {
            self.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, "SET TRANSACTION can only be used in transaction blocks");
        }
        self.open();
        self.set_modes(if session { "default_transaction_" } else { "transaction_" }, modes, !session)
    }

    /// Sets those of the characteristics that `modes` says something of.
    pub(crate) fn set_modes(&mut self, prefix: &str, modes: &TransactionModes, local: bool) -> Result<()> {
        let on = |on: bool| if on { "on" } else { "off" };
        let wanted =
            [("isolation", modes.isolation.as_deref()), ("read_only", modes.read_only.map(on)), ("deferrable", modes.deferrable.map(on))];
        for (name, value) in wanted {
            if let Some(value) = value {
                let name = format!("{prefix}{name}");
                self.check_characteristic(&name, value)?;
                self.settings.lock().set_text(&name, value, local)?;
            }
        }
        Ok(())
    }

    /// Refuses a change of a transaction's characteristic that comes too late, as PostgreSQL does. Other settings pass.
    ///
    /// # Errors
    /// 25001.
    pub(crate) fn check_characteristic(&self, name: &str, value: &str) -> Result<()> {
        let (State::Block(open) | State::Implicit(open)) = &self.state else {
            return Ok(());
        };
        let settings = self.settings.lock();
        match too_late(&settings, open, name, value) {
            Some(message) => Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, message)),
            None => Ok(()),
        }
    }

    /// As what the present transaction runs.
    pub(crate) fn modes(&self) -> TransactionModes {
        let settings = self.settings.lock();
        TransactionModes {
            isolation: Some(settings.text("transaction_isolation").to_owned()),
            read_only: Some(settings.is_on("transaction_read_only")),
            deferrable: Some(settings.is_on("transaction_deferrable")),
        }
    }

    /// Whether every statement sees the newest snapshot, until the transaction has changed something.
    pub(crate) fn reads_committed(&self) -> bool {
        matches!(self.settings.lock().text("transaction_isolation"), "read committed" | "read uncommitted")
    }
}

fn too_late(settings: &Settings, open: &Open, name: &str, value: &str) -> Option<&'static str> {
    let nested = open.savepoint().is_some();
    match name {
        "transaction_isolation" => {
            let changed = settings.canonical(name, value).is_ok_and(|value| value != settings.text(name));
            let message = if open.is_used() {
                "SET TRANSACTION ISOLATION LEVEL must be called before any query"
            } else {
                "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction"
            };
            (changed && (open.is_used() || nested)).then_some(message)
        }
        "transaction_read_only" => {
            let writes = settings.is_on(name) && settings.canonical(name, value).is_ok_and(|value| value == "off");
            let message = if nested {
                "cannot set transaction read-write mode inside a read-only transaction"
            } else {
                "transaction read-write mode must be set before any query"
            };
            (writes && (nested || open.is_used())).then_some(message)
        }
        "transaction_deferrable" => {
            let message = if nested {
                "SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction"
            } else {
                "SET TRANSACTION [NOT] DEFERRABLE must be called before any query"
            };
            (nested || open.is_used()).then_some(message)
        }
        _ => None,
    }
}
