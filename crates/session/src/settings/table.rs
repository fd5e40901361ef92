//! The one table of settings: every name a session knows, its type, default and meaning.
//!
//! Only settings that act, that are facts, or whose every accepted value is true already are in it: a setting without an
//! effect is refused as unknown (42704) instead of being swallowed.

/// PostgreSQL's version that the server reports and whose behaviour it follows.
pub const SERVER_VERSION: &str = "15.20";
/// [`SERVER_VERSION`] as a number.
pub const SERVER_VERSION_NUM: &str = "150020";

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `on` or `off`, in all of PostgreSQL's spellings.
    Bool,
    /// A whole number.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
        /// Whether it is a time in milliseconds and takes units.
        milliseconds: bool,
    },
    /// One of these words.
    Enum(&'static [&'static str]),
    /// Any text.
    Text,
    /// A list of schema names.
    SearchPath,
    /// `DateStyle`.
    DateStyle,
    /// `TimeZone`.
    TimeZone,
    /// `client_encoding`.
    Encoding,
}

/// Who may change a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every session its own.
    User,
    /// Nobody: a fact.
    Internal,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The name as PostgreSQL spells it; compared without regard to case.
    pub name: &'static str,
    /// Which values.
    pub kind: Kind,
    /// Value of a fresh session, canonical.
    pub default: &'static str,
    /// Whether a change is reported to the client.
    pub report: bool,
    /// Who may change it.
    pub access: Access,
    /// `pg_settings.category`.
    pub category: &'static str,
    /// `pg_settings.short_desc`.
    pub description: &'static str,
}

const fn user(name: &'static str, kind: Kind, default: &'static str, category: &'static str, description: &'static str) -> Definition {
    Definition { name, kind, default, report: false, access: Access::User, category, description }
}

const fn fact(name: &'static str, default: &'static str, description: &'static str) -> Definition {
    Definition { name, kind: Kind::Text, default, report: false, access: Access::Internal, category: PRESET, description }
}

const fn reported(definition: Definition) -> Definition {
    Definition { report: true, ..definition }
}

const fn milliseconds() -> Kind {
    Kind::Integer { min: 0, max: 2_147_483_647, milliseconds: true }
}

const PRESET: &str = "Preset Options";
const LOCALE: &str = "Client Connection Defaults / Locale and Formatting";
const BEHAVIOUR: &str = "Client Connection Defaults / Statement Behavior";
const COMPATIBLE: &str = "Version and Platform Compatibility / Previous PostgreSQL Versions";

const ON: Kind = Kind::Enum(&["on"]);
const C_LOCALE: Kind = Kind::Enum(&["C", "POSIX"]);
const ISOLATION: Kind = Kind::Enum(&["serializable", "repeatable read", "read committed", "read uncommitted"]);
const MESSAGES: Kind = Kind::Enum(&["debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"]);

/// Every setting, sorted by lower-case name.
pub static TABLE: &[Definition] = &[
    reported(user(
        "application_name",
        Kind::Text,
        "",
        "Reporting and Logging / What to Log",
        "Sets the application name to be reported in statistics and logs.",
    )),
    user("array_nulls", ON, "on", COMPATIBLE, "Enable input of NULL elements in arrays."),
    user("bytea_output", Kind::Enum(&["escape", "hex"]), "hex", BEHAVIOUR, "Sets the output format for bytea."),
    reported(user("client_encoding", Kind::Encoding, "UTF8", LOCALE, "Sets the client's character set encoding.")),
    user("client_min_messages", MESSAGES, "notice", BEHAVIOUR, "Sets the message levels that are sent to the client."),
    reported(user("DateStyle", Kind::DateStyle, "ISO, MDY", LOCALE, "Sets the display format for date and time values.")),
    user("default_transaction_deferrable", Kind::Bool, "off", BEHAVIOUR, "Sets the default deferrable status of new transactions."),
    user(
        "default_transaction_isolation",
        ISOLATION,
        "read committed",
        BEHAVIOUR,
        "Sets the transaction isolation level of each new transaction.",
    ),
    reported(user("default_transaction_read_only", Kind::Bool, "off", BEHAVIOUR, "Sets the default read-only status of new transactions.")),
    user(
        "extra_float_digits",
        Kind::Integer { min: -15, max: 3, milliseconds: false },
        "1",
        LOCALE,
        "Sets the number of digits displayed for floating-point values.",
    ),
    user(
        "idle_in_transaction_session_timeout",
        milliseconds(),
        "0",
        BEHAVIOUR,
        "Sets the maximum allowed idle time between queries, when in a transaction.",
    ),
    user(
        "idle_session_timeout",
        milliseconds(),
        "0",
        BEHAVIOUR,
        "Sets the maximum allowed idle time between queries, when not in a transaction.",
    ),
    reported(fact("in_hot_standby", "off", "Shows whether hot standby is currently active.")),
    reported(fact("integer_datetimes", "on", "Shows whether datetimes are integer based.")),
    reported(user(
        "IntervalStyle",
        Kind::Enum(&["postgres", "postgres_verbose", "sql_standard", "iso_8601"]),
        "postgres",
        LOCALE,
        "Sets the display format for interval values.",
    )),
    reported(fact("is_superuser", "off", "Shows whether the current user is a superuser.")),
    fact("lc_collate", "C", "Shows the collation order locale."),
    fact("lc_ctype", "C", "Shows the character classification and case conversion locale."),
    user("lc_messages", C_LOCALE, "C", LOCALE, "Sets the language in which messages are displayed."),
    user("lc_monetary", C_LOCALE, "C", LOCALE, "Sets the locale for formatting monetary amounts."),
    user("lc_numeric", C_LOCALE, "C", LOCALE, "Sets the locale for formatting numbers."),
    user("lc_time", C_LOCALE, "C", LOCALE, "Sets the locale for formatting date and time values."),
    user("lock_timeout", milliseconds(), "0", BEHAVIOUR, "Sets the maximum allowed duration of any wait for a lock."),
    fact("max_identifier_length", "63", "Shows the maximum identifier length."),
    fact("max_index_keys", "32", "Shows the maximum number of index keys."),
    user(
        "password_encryption",
        Kind::Enum(&["scram-sha-256"]),
        "scram-sha-256",
        "Connections and Authentication / Authentication",
        "Chooses the algorithm for encrypting passwords.",
    ),
    user("role", Kind::Enum(&["none"]), "none", "Ungrouped", "Sets the current role."),
    user(
        "search_path",
        Kind::SearchPath,
        "\"$user\", public",
        BEHAVIOUR,
        "Sets the schema search order for names that are not schema-qualified.",
    ),
    reported(fact("server_encoding", "UTF8", "Shows the server (database) character set encoding.")),
    reported(fact("server_version", SERVER_VERSION, "Shows the server version.")),
    fact("server_version_num", SERVER_VERSION_NUM, "Shows the server version as an integer."),
    reported(fact("session_authorization", "", "Shows the session user name.")),
    reported(user("standard_conforming_strings", ON, "on", COMPATIBLE, "Causes '...' strings to treat backslashes literally.")),
    user("statement_timeout", milliseconds(), "0", BEHAVIOUR, "Sets the maximum allowed duration of any statement."),
    user(
        "synchronous_commit",
        Kind::Enum(&["on", "local"]),
        "on",
        "Write-Ahead Log / Settings",
        "Sets the current transaction's synchronization level.",
    ),
    reported(user("TimeZone", Kind::TimeZone, "UTC", LOCALE, "Sets the time zone for displaying and interpreting time stamps.")),
    user(
        "transaction_deferrable",
        Kind::Bool,
        "off",
        BEHAVIOUR,
        "Whether to defer a read-only serializable transaction until it can be executed with no possible serialization failures.",
    ),
    user("transaction_isolation", ISOLATION, "read committed", BEHAVIOUR, "Sets the current transaction's isolation level."),
    user("transaction_read_only", Kind::Bool, "off", BEHAVIOUR, "Sets the current transaction's read-only status."),
];

/// Position in [`TABLE`] of a setting, by name without regard to case.
pub fn position(name: &str) -> Option<usize> {
    TABLE.iter().position(|definition| definition.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_and_unique() {
        for pair in TABLE.windows(2) {
            assert!(pair[0].name.to_lowercase() < pair[1].name.to_lowercase(), "{} before {}", pair[0].name, pair[1].name);
        }
    }

    #[test]
    fn defaults_are_accepted() {
        for definition in TABLE {
            let value = super::super::value::canonical(definition, definition.default).expect(definition.name);
            assert_eq!(value, definition.default, "{}", definition.name);
        }
    }
}
