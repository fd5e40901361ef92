//! Statements the session answers itself: transaction control, SET and SHOW, PREPARE and EXECUTE, DISCARD.

use bytes::Bytes;
use kura_pgtypes::{PgType, SqlError, SqlState};
use kura_sql::{Parameters, Parsed, SessionCommand, SetValue};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::prepared::Values;
use crate::response::{Response, Rows};
use crate::session::Session;
use crate::settings::table;

impl Session {
    pub(crate) async fn command(&mut self, command: &SessionCommand, parsed: &Parsed, interrupt: Interrupt) -> Result<Response> {
        let tag = match command {
            SessionCommand::Begin(modes) => {
                self.begin(modes)?;
                if parsed.text.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("START")) {
                    "START TRANSACTION"
                } else {
                    "BEGIN"
                }
            }
            SessionCommand::Commit { chain } => self.commit_command(*chain).await?,
            SessionCommand::Rollback { chain } => self.rollback_command(*chain)?,
            SessionCommand::Savepoint(name) => {
                self.savepoint(name).await?;
                "SAVEPOINT"
            }
            SessionCommand::RollbackTo(name) => {
                self.roll_back_to(name).await?;
                "ROLLBACK"
            }
            SessionCommand::Release(name) => {
                self.release_savepoint(name)?;
                "RELEASE"
            }
            SessionCommand::SetTransaction { session, modes } => {
                self.set_transaction(*session, modes)?;
                "SET"
            }
            SessionCommand::Set { name, value, local } => {
                self.set(name, value, *local)?;
                "SET"
            }
            SessionCommand::Show(name) => return self.show(name, interrupt),
            SessionCommand::Reset(name) => {
                self.open();
                if name == "all" {
                    self.settings.lock().reset_all();
                } else {
                    self.settings.lock().reset(name, false)?;
                }
                "RESET"
            }
            SessionCommand::Discard(what) => self.discard(what)?,
            SessionCommand::Prepare { name, types, statement } => {
                let declared = types.iter().copied().map(Some).collect();
                let prepared = self.analyse_prepared(Some((**statement).clone()), declared, statement.text.len(), &interrupt).await?;
                self.keep(name, prepared)?;
                "PREPARE"
            }
            SessionCommand::Execute { name, arguments } => {
                return Box::pin(self.execute_named(name, arguments, interrupt)).await;
            }
            SessionCommand::Deallocate(None) => {
                self.prepared.retain(|name, _| name.is_empty());
                "DEALLOCATE ALL"
            }
            SessionCommand::Deallocate(Some(name)) => {
                self.find_prepared(name)?;
                self.prepared.remove(name);
                "DEALLOCATE"
            }
        };
        Ok(Response::Command(tag.to_owned()))
    }

    fn set(&mut self, name: &str, value: &SetValue, local: bool) -> Result<()> {
        if local && !self.in_block() {
            self.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, "SET LOCAL can only be used in transaction blocks");
        }
        // The characteristics of a transaction end with it, however they are set.
        let local = local || name.starts_with("transaction_");
        self.open();
        if let SetValue::Values(values) = value {
            self.check_characteristic(name, &values.join(", "))?;
        }
        let mut settings = self.settings.lock();
        match value {
            SetValue::Default => settings.reset(name, local)?,
            SetValue::Values(values) => {
                settings.set(name, values, local)?;
            }
        }
        Ok(())
    }

    fn show(&self, name: &str, interrupt: Interrupt) -> Result<Response> {
        let settings = self.settings.lock();
        let rows = if name == "all" {
            let rows: Vec<Vec<String>> = settings
                .rows()
                .map(|row| {
                    let shown = settings.show(row.definition.name).unwrap_or_default();
                    vec![row.definition.name.to_owned(), shown, row.definition.description.to_owned()]
                })
                .collect();
            Rows::of_texts("SHOW", &["name", "setting", "description"], &rows, interrupt)
        } else {
            let column = table::position(name).map_or(name, |at| table::TABLE[at].name);
            Rows::of_texts("SHOW", &[column], &[vec![settings.require(name)?]], interrupt)
        };
        Ok(Response::Rows(rows))
    }

    fn discard(&mut self, what: &str) -> Result<&'static str> {
        match what.to_ascii_lowercase().as_str() {
            "all" => {
                if self.in_block() {
                    return Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, "DISCARD ALL cannot run inside a transaction block"));
                }
                self.portals.clear();
                self.prepared.clear();
                self.settings.lock().reset_all();
                self.locks.unlock_all();
                Ok("DISCARD ALL")
            }
            // Plans are never kept, and there are no sequences or temporary tables to forget.
            "plans" => Ok("DISCARD PLANS"),
            "sequences" => Ok("DISCARD SEQUENCES"),
            "temp" | "temporary" => Ok("DISCARD TEMP"),
            other => Err(Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{other}\""))),
        }
    }

    async fn execute_named(&mut self, name: &str, arguments: &[Option<String>], interrupt: Interrupt) -> Result<Response> {
        let prepared = self.find_prepared(name)?;
        let (wanted, given) = (prepared.parameters.len(), arguments.len());
        if wanted != given {
            let error = SqlError::new(SqlState::SYNTAX_ERROR, format!("wrong number of parameters for prepared statement \"{name}\""));
            return Err(Error::Session(error.detail(format!("Expected {wanted} parameters but got {given}."))));
        }
        let values = arguments.iter().map(|argument| argument.as_ref().map(|text| Bytes::copy_from_slice(text.as_bytes())));
        let given = Values { formats: Vec::new(), values: values.collect() };
        let values = self.decode_values(name, &prepared, &given, None)?;
        let Some(parsed) = &prepared.parsed else {
            return Ok(Response::Empty);
        };
        let types: Vec<Option<PgType>> = prepared.parameters.iter().copied().map(Some).collect();
        let parameters = Parameters { types, values: Some(values) };
        self.run(parsed, parameters, prepared.columns.as_deref(), interrupt).await
    }
}
