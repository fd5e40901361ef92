//! Portals: a prepared statement with its values, and how far its execution has come.
//!
//! A portal lives until its transaction ends. A suspended one keeps its result stream, which has read no further than what
//! was sent.

use std::sync::Arc;

use arrow::array::ArrayRef;
use kura_pgtypes::{Format, SqlError, SqlState};
use kura_sql::{Kind, OutputColumn, Parameters};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::prepared::{Prepared, Values, format_of};
use crate::response::{Response, Rows};
use crate::session::Session;

/// The columns of a portal's rows, and the format of each.
pub type PortalColumns = (Arc<[OutputColumn]>, Vec<Format>);

/// A portal.
#[derive(Debug)]
pub(crate) struct Portal {
    /// Rises with every portal of the session.
    pub(crate) number: u64,
    prepared: Arc<Prepared>,
    values: Vec<ArrayRef>,
    formats: Vec<Format>,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    Ready,
    Suspended(Box<Rows>),
    Done,
}

impl Session {
    /// Makes a portal. An empty name is the unnamed portal, which is replaced.
    ///
    /// # Errors
    /// 26000 no such statement; 08P01 wrong counts; 42P03 the name is taken; what is wrong with a value.
    pub fn bind_portal(&mut self, portal: &str, statement: &str, given: &Values, result_formats: &[i16]) -> Result<()> {
        let prepared = self.find_prepared(statement)?;
        if let Some(parsed) = &prepared.parsed {
            self.check_not_failed(&parsed.kind)?;
        }
        if portal.is_empty() {
            self.portals.remove("");
        } else if self.portals.contains_key(portal) {
            return Err(Error::new(SqlState::DUPLICATE_CURSOR, format!("cursor \"{portal}\" already exists")));
        }
        if self.portals.len() >= self.shared.config.portals_max {
            let error = SqlError::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, "too many portals in this session");
            return Err(Error::Session(error.hint("Close portals that are no longer used.")));
        }
        let values = self.decode_values(statement, &prepared, given, Some(portal))?;
        let columns = prepared.columns.as_ref().map_or(0, |columns| columns.len());
        if result_formats.len() > 1 && result_formats.len() != columns {
            let message = format!("bind message has {} result formats but query has {columns} columns", result_formats.len());
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, message));
        }
        let formats = (0..columns).map(|column| format_of(result_formats, column)).collect::<Result<Vec<_>>>()?;
        // A portal belongs to a transaction, if only to the implicit one of its pipeline.
        if !matches!(self.state, crate::transaction::State::Failed(_)) {
            self.open();
        }
        let number = self.next_portal;
        self.next_portal += 1;
        self.portals.insert(portal.to_owned(), Portal { number, prepared, values, formats, progress: Progress::Ready });
        Ok(())
    }

    /// The columns of a portal's rows with their formats; `None` when it returns none.
    ///
    /// # Errors
    /// 34000 when there is none of this name.
    pub fn describe_portal(&self, name: &str) -> Result<Option<PortalColumns>> {
        let portal = self.portals.get(name).ok_or_else(|| missing(name))?;
        Ok(portal.prepared.columns.clone().map(|columns| (columns, portal.formats.clone())))
    }

    /// Runs a portal, or goes on with a suspended one.
    ///
    /// # Errors
    /// 34000 no such portal; 55000 when it has run already and returns no rows; what the statement fails with.
    pub async fn execute_portal(&mut self, name: &str) -> Result<Response> {
        self.in_script = false;
        let portal = self.portals.get_mut(name).ok_or_else(|| missing(name))?;
        let progress = std::mem::replace(&mut portal.progress, Progress::Done);
        let (prepared, values, formats) = (Arc::clone(&portal.prepared), portal.values.clone(), portal.formats.clone());
        match progress {
            Progress::Ready => {
                let Some(parsed) = &prepared.parsed else {
                    return Ok(Response::Empty);
                };
                let interrupt = self.begin_statement();
                let parameters = Parameters { types: prepared.parameters.iter().copied().map(Some).collect(), values: Some(values) };
                let response = self.run(parsed, parameters, prepared.columns.as_deref(), interrupt).await?;
                Ok(match response {
                    Response::Rows(rows) => Response::Rows(rows.with_formats(formats)),
                    other => other,
                })
            }
            Progress::Suspended(rows) => {
                let interrupt = self.continue_statement(rows.interrupt());
                Ok(Response::Rows(rows.continued(interrupt)))
            }
            Progress::Done => match &prepared.columns {
                Some(columns) => {
                    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
                    let shows = prepared.parsed.as_ref().is_some_and(|parsed| matches!(parsed.kind, Kind::Session(_)));
                    let command = if shows { "SHOW" } else { "SELECT" };
                    Ok(Response::Rows(Rows::of_texts(command, &names, &[], Interrupt::new(None))))
                }
                None => {
                    let message = format!("portal \"{name}\" cannot be run");
                    Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message))
                }
            },
        }
    }

    /// Gives a portal its rows back after as many as were asked for were sent.
    pub fn suspend_portal(&mut self, name: &str, rows: Rows) {
        self.pause_statement();
        if let Some(portal) = self.portals.get_mut(name) {
            portal.progress = Progress::Suspended(Box::new(rows));
        }
    }

    /// Ends a portal; none of this name is no error.
    pub fn close_portal(&mut self, name: &str) {
        self.portals.remove(name);
    }
}

fn missing(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_CURSOR, format!("portal \"{name}\" does not exist"))
}
