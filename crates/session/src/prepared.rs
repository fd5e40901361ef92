//! Prepared statements: parsed and typed once, bound and authorised anew at every execution.
//!
//! No plan is kept: a statement always runs against the snapshot and the rights of its moment.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use bytes::Bytes;
use kura_pgtypes::{Format, OutputSettings, PgType, Scalar, SqlError, SqlState};
use kura_sql::{Kind, OutputColumn, Parameters, Parsed, SessionCommand};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::response::text_column;
use crate::session::Session;
use crate::settings::table;

/// A prepared statement.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// `None`: the string was empty.
    pub(crate) parsed: Option<Parsed>,
    pub(crate) parameters: Vec<PgType>,
    pub(crate) columns: Option<Arc<[OutputColumn]>>,
    bytes: usize,
}

/// What a client is told of a prepared statement.
#[derive(Clone, Debug)]
pub struct Description {
    /// Types of its parameters, in order.
    pub parameters: Vec<PgType>,
    /// Its columns; `None` when it returns no rows.
    pub columns: Option<Arc<[OutputColumn]>>,
}

/// Parameter values as a client sends them.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// Formats: none (all text), one for all, or one each.
    pub formats: Vec<i16>,
    /// The values; `None` is NULL.
    pub values: Vec<Option<Bytes>>,
}

impl Session {
    /// Prepares a statement. `types`: declared OIDs, 0 to infer. An empty name is the unnamed statement, which is replaced.
    ///
    /// # Errors
    /// 42601, also for more than one statement; 42P05 when the name is taken; 53400 when there are too many.
    pub async fn prepare(&mut self, name: &str, text: Arc<str>, types: &[u32]) -> Result<()> {
        if name.is_empty() {
            self.prepared.remove("");
        }
        let interrupt = self.begin_statement();
        let bytes = text.len();
        let mut parsed = self.parse(text, &interrupt).await?;
        if parsed.len() > 1 {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "cannot insert multiple commands into a prepared statement"));
        }
        let declared = types.iter().map(|oid| declared(*oid)).collect::<Result<Vec<_>, _>>()?;
        let prepared = self.analyse_prepared(parsed.pop(), declared, bytes, &interrupt).await?;
        self.keep(name, prepared)?;
        self.pause_statement();
        Ok(())
    }

    pub(crate) async fn analyse_prepared(
        &mut self,
        parsed: Option<Parsed>,
        declared: Vec<Option<PgType>>,
        bytes: usize,
        interrupt: &Interrupt,
    ) -> Result<Prepared> {
        let settled = || declared.iter().map(|ty| ty.unwrap_or(PgType::TEXT)).collect();
        let Some(statement) = &parsed else {
            return Ok(Prepared { parsed, parameters: settled(), columns: None, bytes });
        };
        self.check_not_failed(&statement.kind)?;
        if let Kind::Session(command) = &statement.kind {
            let columns = self.command_columns(command);
            return Ok(Prepared { parameters: settled(), columns, parsed, bytes });
        }
        if statement.defines().is_some() {
            // As PostgreSQL: what a definition names is looked up when it is run.
            return Ok(Prepared { parameters: settled(), columns: None, parsed, bytes });
        }
        let bound = self.analyse(statement, Parameters { types: declared, values: None }, interrupt).await?;
        let columns = bound.columns().map(Arc::from);
        Ok(Prepared { parameters: bound.parameters().to_vec(), columns, parsed, bytes })
    }

    /// Keeps a prepared statement under its name.
    pub(crate) fn keep(&mut self, name: &str, prepared: Prepared) -> Result<()> {
        let config = &self.shared.config;
        if self.prepared.contains_key(name) {
            return Err(Error::new(SqlState::DUPLICATE_PSTATEMENT, format!("prepared statement \"{name}\" already exists")));
        }
        let bytes: usize = self.prepared.values().map(|prepared| prepared.bytes).sum();
        if self.prepared.len() >= config.prepared_max || bytes.saturating_add(prepared.bytes) > config.prepared_bytes_max {
            let error = SqlError::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, "too many prepared statements in this session");
            return Err(Error::Session(error.hint("Deallocate statements that are no longer used.")));
        }
        self.prepared.insert(name.to_owned(), Arc::new(prepared));
        Ok(())
    }

    pub(crate) fn find_prepared(&self, name: &str) -> Result<Arc<Prepared>> {
        find(&self.prepared, name)
    }

    /// What a prepared statement takes and returns.
    ///
    /// # Errors
    /// 26000 when there is none of this name.
    pub fn describe_statement(&self, name: &str) -> Result<Description> {
        let prepared = self.find_prepared(name)?;
        Ok(Description { parameters: prepared.parameters.clone(), columns: prepared.columns.clone() })
    }

    /// Forgets a prepared statement; none of this name is no error.
    pub fn close_statement(&mut self, name: &str) {
        self.prepared.remove(name);
    }

    /// The values of a statement's parameters, one array of length 1 each. `portal`: what they are for, to be named in errors.
    pub(crate) fn decode_values(&self, name: &str, prepared: &Prepared, given: &Values, portal: Option<&str>) -> Result<Vec<ArrayRef>> {
        let wanted = prepared.parameters.len();
        let count = given.values.len();
        if given.formats.len() > 1 && given.formats.len() != count {
            let message = format!("bind message has {} parameter formats but {count} parameters", given.formats.len());
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, message));
        }
        if count != wanted {
            let message = format!("bind message supplies {count} parameters, but prepared statement \"{name}\" requires {wanted}");
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, message));
        }
        let settings = self.output_settings();
        let mut arrays = Vec::with_capacity(count);
        for (index, (ty, value)) in prepared.parameters.iter().zip(&given.values).enumerate() {
            let format = format_of(&given.formats, index)?;
            let array = decode_value(*ty, format, value.as_deref(), &settings).map_err(|error| match portal {
                Some(portal) => error.context(place_of_value(portal, index, format)),
                None => error,
            })?;
            arrays.push(array);
        }
        Ok(arrays)
    }

    /// The columns of a session command's rows.
    fn command_columns(&self, command: &SessionCommand) -> Option<Arc<[OutputColumn]>> {
        match command {
            SessionCommand::Show(name) if name == "all" => Some(["name", "setting", "description"].map(text_column).into()),
            SessionCommand::Show(name) => {
                Some([text_column(table::position(name).map_or(name.as_str(), |at| table::TABLE[at].name))].into())
            }
            SessionCommand::Execute { name, .. } => self.prepared.get(name)?.columns.clone(),
            _ => None,
        }
    }
}

fn find(prepared: &HashMap<String, Arc<Prepared>>, name: &str) -> Result<Arc<Prepared>> {
    prepared.get(name).map(Arc::clone).ok_or_else(|| {
        let message = if name.is_empty() {
            "unnamed prepared statement does not exist".to_owned()
        } else {
            format!("prepared statement \"{name}\" does not exist")
        };
        Error::new(SqlState::UNDEFINED_PSTATEMENT, message)
    })
}

/// The type a client declared by OID; 0 and `unknown` are left to the statement.
fn declared(oid: u32) -> Result<Option<PgType>> {
    if oid == 0 {
        return Ok(None);
    }
    match PgType::from_oid(oid) {
        Some(ty) if ty.scalar == Scalar::Unknown => Ok(None),
        Some(ty) => Ok(Some(ty)),
        None => Err(Error::new(SqlState::UNDEFINED_OBJECT, format!("type with OID {oid} does not exist"))),
    }
}

/// The format of value or column `index`: none given is text, one is for all.
pub(crate) fn format_of(formats: &[i16], index: usize) -> Result<Format> {
    let code = match formats {
        [] => 0,
        [one] => *one,
        many => many.get(index).copied().unwrap_or(0),
    };
    match code {
        0 => Ok(Format::Text),
        1 => Ok(Format::Binary),
        other => Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("unsupported format code: {other}"))),
    }
}

fn decode_value(ty: PgType, format: Format, value: Option<&[u8]>, settings: &OutputSettings) -> Result<ArrayRef, SqlError> {
    if let (Format::Text, Some(bytes)) = (format, value) {
        check_text(bytes)?;
    }
    kura_pgtypes::decode::parameter(ty, format, value, settings)
}

/// The context of an error about a value. As PostgreSQL by default, without the value itself.
fn place_of_value(portal: &str, index: usize, format: Format) -> String {
    let portal = if portal.is_empty() { "unnamed portal".to_owned() } else { format!("portal \"{portal}\"") };
    let value = if format == Format::Text { " = '...'" } else { "" };
    format!("{portal} parameter ${}{value}", index + 1)
}

/// PostgreSQL's text: UTF-8 without NUL.
fn check_text(bytes: &[u8]) -> Result<(), SqlError> {
    let wrong = match std::str::from_utf8(bytes) {
        Err(error) => {
            let start = error.valid_up_to();
            let length = error.error_len().unwrap_or(bytes.len() - start).clamp(1, 4);
            &bytes[start..(start + length).min(bytes.len())]
        }
        Ok(text) if text.contains('\0') => &[0],
        Ok(_) => return Ok(()),
    };
    let hex: Vec<String> = wrong.iter().map(|byte| format!("0x{byte:02x}")).collect();
    Err(SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, format!("invalid byte sequence for encoding \"UTF8\": {}", hex.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_none_one_or_each() {
        assert!(matches!(format_of(&[], 3), Ok(Format::Text)));
        assert!(matches!(format_of(&[1], 3), Ok(Format::Binary)));
        assert!(matches!(format_of(&[1, 0], 1), Ok(Format::Text)));
        assert!(format_of(&[7], 0).is_err());
    }

    #[test]
    fn text_is_utf8_without_nul() {
        assert!(check_text("grün".as_bytes()).is_ok());
        let message = |bytes: &[u8]| check_text(bytes).expect_err("refused").to_string();
        assert_eq!(message(b"a\0b"), "invalid byte sequence for encoding \"UTF8\": 0x00");
        assert_eq!(message(b"a\xffb"), "invalid byte sequence for encoding \"UTF8\": 0xff");
        assert_eq!(message(b"\xe3\x81"), "invalid byte sequence for encoding \"UTF8\": 0xe3 0x81");
    }

    #[test]
    fn declared_types() {
        assert!(matches!(declared(0), Ok(None)));
        assert!(matches!(declared(705), Ok(None)));
        assert!(matches!(declared(23), Ok(Some(PgType::INT4))));
        assert_eq!(declared(999_999).expect_err("no such type").to_string(), "type with OID 999999 does not exist");
    }
}
