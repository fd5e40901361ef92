//! The settings of one session: SET, SHOW, RESET, and what they mean for output.
//!
//! Values are kept as canonical text. Three layers: what is in force now, what stays after the transaction commits
//! (`SET LOCAL` does not), and what was there when the transaction began. The table itself is in [`table`].

use std::collections::BTreeMap;

use kura_pgtypes::{ByteaOutput, IntervalStyle, OutputSettings, SqlError, SqlState, TimeZone, identifier};

pub mod table;
pub(crate) mod value;

pub use table::{Access, Definition, Kind, SERVER_VERSION, SERVER_VERSION_NUM, TABLE};

/// Most names with a dot (`myapp.user`) a session may set.
const CUSTOM_MAX: usize = 256;

/// One row of `pg_settings` and `SHOW ALL`.
#[derive(Clone, Debug)]
pub struct Row {
    /// The setting.
    pub definition: &'static Definition,
    /// Value in force, canonical.
    pub value: String,
    /// Value after RESET, canonical.
    pub reset: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Values {
    known: Vec<String>,
    custom: BTreeMap<String, String>,
}

/// The settings at a moment within a transaction, to return to.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    now: Values,
    kept: Values,
}

/// All settings of one session.
#[derive(Clone, Debug)]
pub struct Settings {
    now: Values,
    kept: Values,
    before: Option<Values>,
    reset: Vec<String>,
    reported: Vec<String>,
    output: OutputSettings,
}

impl Settings {
    /// A fresh session of this user.
    #[must_use]
    pub fn new(user: &str, superuser: bool) -> Self {
        let mut known: Vec<String> = TABLE.iter().map(|definition| definition.default.to_owned()).collect();
        let mut fact = |name: &str, value: &str| {
            if let Some(at) = table::position(name) {
                value.clone_into(&mut known[at]);
            }
        };
        fact("is_superuser", if superuser { "on" } else { "off" });
        fact("session_authorization", user);
        let values = Values { known: known.clone(), custom: BTreeMap::new() };
        let mut settings = Self {
            now: values.clone(),
            kept: values,
            before: None,
            reset: known.clone(),
            reported: known,
            output: OutputSettings::default(),
        };
        settings.refresh();
        settings
    }

    /// Sets a value at login: it becomes what RESET returns to.
    ///
    /// # Errors
    /// As [`Settings::set`].
    pub fn set_initial(&mut self, name: &str, text: &str) -> Result<(), SqlError> {
        self.set_text(name, text, false)?;
        if let Some(at) = table::position(name) {
            self.reset[at].clone_from(&self.now.known[at]);
        }
        Ok(())
    }

    /// SET name = values. `local`: until the end of the transaction only. Returns the value as SHOW prints it.
    ///
    /// # Errors
    /// 42704 unknown name; 55P02 a fact; 22023 a value the setting does not take; 0A000 a value PostgreSQL takes and we do not.
    pub fn set(&mut self, name: &str, values: &[String], local: bool) -> Result<String, SqlError> {
        let Some(at) = table::position(name) else {
            return self.set_custom(name, &values.join(", "), local);
        };
        self.set_text(name, &joined(&TABLE[at], values)?, local)
    }

    /// As [`Settings::set`] with the whole value in one text, a list in its written form: `set_config()` and login options.
    ///
    /// # Errors
    /// As [`Settings::set`].
    pub fn set_text(&mut self, name: &str, text: &str, local: bool) -> Result<String, SqlError> {
        let Some(at) = table::position(name) else {
            return self.set_custom(name, text, local);
        };
        let canonical = self.canonical(name, text)?;
        self.put(at, canonical, local);
        Ok(value::shown(&TABLE[at], &self.now.known[at]))
    }

    /// The canonical spelling of a value for a setting of the table.
    ///
    /// # Errors
    /// As [`Settings::set`].
    pub(crate) fn canonical(&self, name: &str, text: &str) -> Result<String, SqlError> {
        let definition = table::position(name).map(|at| &TABLE[at]).ok_or_else(|| unrecognized(name))?;
        if definition.access == Access::Internal {
            return Err(cannot_change(definition));
        }
        match definition.kind {
            Kind::DateStyle => value::date_style(definition, text, self.output.date_style),
            _ => value::canonical(definition, text),
        }
    }

    /// RESET name, and SET name TO DEFAULT.
    ///
    /// # Errors
    /// 42704, 55P02.
    pub fn reset(&mut self, name: &str, local: bool) -> Result<(), SqlError> {
        let Some(at) = table::position(name) else {
            if self.now.custom.remove(name).is_none() && !name.contains('.') {
                return Err(unrecognized(name));
            }
            self.kept.custom.remove(name);
            return Ok(());
        };
        if TABLE[at].access == Access::Internal {
            return Err(cannot_change(&TABLE[at]));
        }
        self.put(at, self.reset[at].clone(), local);
        Ok(())
    }

    /// RESET ALL.
    pub fn reset_all(&mut self) {
        for (at, definition) in TABLE.iter().enumerate() {
            // As PostgreSQL: the transaction's own characteristics and the role stay.
            let excluded = definition.name.starts_with("transaction_") || definition.name == "role";
            if definition.access == Access::User && !excluded {
                self.now.known[at].clone_from(&self.reset[at]);
                self.kept.known[at].clone_from(&self.reset[at]);
            }
        }
        self.now.custom.clear();
        self.kept.custom.clear();
        self.refresh();
    }

    /// The value as SHOW prints it; `None` for an unknown name.
    #[must_use]
    pub fn show(&self, name: &str) -> Option<String> {
        match table::position(name) {
            Some(at) => Some(value::shown(&TABLE[at], &self.now.known[at])),
            None => self.now.custom.get(&name.to_ascii_lowercase()).cloned(),
        }
    }

    /// As [`Settings::show`].
    ///
    /// # Errors
    /// 42704 for an unknown name.
    pub fn require(&self, name: &str) -> Result<String, SqlError> {
        self.show(name).ok_or_else(|| unrecognized(name))
    }

    /// Every setting, in the order of SHOW ALL.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        TABLE.iter().enumerate().map(|(at, definition)| Row {
            definition,
            value: self.now.known[at].clone(),
            reset: self.reset[at].clone(),
        })
    }

    /// Everything that output depends on.
    #[must_use]
    pub fn output(&self) -> &OutputSettings {
        &self.output
    }

    /// Schema names in search order, `"$user"` replaced.
    #[must_use]
    pub fn search_path(&self, user: &str) -> Vec<String> {
        let names = identifier::split(self.text("search_path"), ',').expect("the value is canonical");
        names.into_iter().map(|name| if name == "$user" { user.to_owned() } else { name }).collect()
    }

    /// A time in milliseconds, `None` when switched off (0).
    #[must_use]
    pub fn timeout(&self, name: &str) -> Option<std::time::Duration> {
        let milliseconds: u64 = self.text(name).parse().ok()?;
        (milliseconds > 0).then(|| std::time::Duration::from_millis(milliseconds))
    }

    /// Whether a boolean setting is on.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        self.text(name) == "on"
    }

    /// The canonical value of a setting of the table.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        table::position(name).map_or("", |at| &self.now.known[at])
    }

    /// A transaction begins: remembers what a rollback returns to and starts its characteristics from the defaults.
    pub(crate) fn begin(&mut self) {
        self.before = Some(self.kept.clone());
        self.start_characteristics();
    }

    /// The transaction committed: `SET LOCAL` ends.
    pub(crate) fn commit(&mut self) {
        self.before = None;
        self.now = self.kept.clone();
        self.start_characteristics();
        self.refresh();
    }

    /// The transaction was rolled back: everything set in it ends.
    pub(crate) fn rollback(&mut self) {
        if let Some(before) = self.before.take() {
            self.kept = before;
        }
        self.now = self.kept.clone();
        self.start_characteristics();
        self.refresh();
    }

    /// Marks what is set now, for a savepoint.
    pub(crate) fn layers(&self) -> Layers {
        Layers { now: self.now.clone(), kept: self.kept.clone() }
    }

    /// Returns to what was set at a moment of the same transaction.
    pub(crate) fn restore(&mut self, layers: &Layers) {
        self.now = layers.now.clone();
        self.kept = layers.kept.clone();
        self.refresh();
    }

    /// Settings to report whose value changed since the last call: name and value, in table order.
    pub fn take_changes(&mut self) -> Vec<(&'static str, String)> {
        let mut changes = Vec::new();
        for (at, definition) in TABLE.iter().enumerate() {
            if definition.report && self.reported[at] != self.now.known[at] {
                self.reported[at].clone_from(&self.now.known[at]);
                changes.push((definition.name, self.now.known[at].clone()));
            }
        }
        changes
    }

    /// All reported settings: name and value. What a client is told at login.
    pub fn take_reported(&mut self) -> Vec<(&'static str, String)> {
        self.reported.clone_from(&self.now.known);
        let reported = TABLE.iter().enumerate().filter(|(_, definition)| definition.report);
        reported.map(|(at, definition)| (definition.name, self.now.known[at].clone())).collect()
    }

    fn start_characteristics(&mut self) {
        for name in ["transaction_isolation", "transaction_read_only", "transaction_deferrable"] {
            let value = self.text(&format!("default_{name}")).to_owned();
            if let Some(at) = table::position(name) {
                self.kept.known[at].clone_from(&value);
                self.now.known[at] = value;
            }
        }
    }

    fn set_custom(&mut self, name: &str, text: &str, local: bool) -> Result<String, SqlError> {
        let name = name.to_ascii_lowercase();
        let part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
        };
        if !name.contains('.') {
            return Err(unrecognized(&name));
        }
        if !name.split('.').all(part) {
            return Err(SqlError::new(SqlState::INVALID_NAME, format!("invalid configuration parameter name \"{name}\""))
                .detail("Custom parameter names must be two or more simple identifiers separated by dots."));
        }
        if text.len() > value::VALUE_BYTES_MAX || (self.now.custom.len() >= CUSTOM_MAX && !self.now.custom.contains_key(&name)) {
            return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "too many custom parameters, or a value that is too long"));
        }
        if !local {
            self.kept.custom.insert(name.clone(), text.to_owned());
        }
        self.now.custom.insert(name, text.to_owned());
        Ok(text.to_owned())
    }

    fn put(&mut self, at: usize, canonical: String, local: bool) {
        if !local {
            self.kept.known[at].clone_from(&canonical);
        }
        self.now.known[at] = canonical;
        let default = TABLE[at].name.strip_prefix("default_");
        if self.before.is_none() && default.is_some() {
            self.start_characteristics();
        }
        self.refresh();
    }

    fn refresh(&mut self) {
        let defaults = OutputSettings::default();
        self.output = OutputSettings {
            timezone: TimeZone::from_name(self.text("TimeZone")).unwrap_or(defaults.timezone),
            date_style: defaults.date_style.parse(self.text("DateStyle")).unwrap_or(defaults.date_style),
            interval_style: IntervalStyle::parse(self.text("IntervalStyle")).unwrap_or(defaults.interval_style),
            bytea_output: ByteaOutput::parse(self.text("bytea_output")).unwrap_or(defaults.bytea_output),
            extra_float_digits: self.text("extra_float_digits").parse().unwrap_or(defaults.extra_float_digits),
        };
    }
}

fn joined(definition: &Definition, values: &[String]) -> Result<String, SqlError> {
    match (definition.kind, values) {
        (Kind::SearchPath, names) => Ok(names.iter().map(|name| value::quote_identifier(name)).collect::<Vec<_>>().join(", ")),
        (Kind::DateStyle, words) => Ok(words.join(", ")),
        (_, [one]) => Ok(one.clone()),
        _ => Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("SET {} takes only one argument", definition.name))),
    }
}

fn unrecognized(name: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_OBJECT, format!("unrecognized configuration parameter \"{name}\""))
}

fn cannot_change(definition: &Definition) -> SqlError {
    SqlError::new(SqlState::CANT_CHANGE_RUNTIME_PARAM, format!("parameter \"{}\" cannot be changed", definition.name))
}

#[cfg(test)]
mod tests;
