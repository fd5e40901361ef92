//! The session settings that decide how values read and print: DateStyle, IntervalStyle, `bytea_output`, TimeZone.
//!
//! Their names, defaults and scopes as settings belong to the session; here are only the types and their spellings.

use crate::timezone::TimeZone;

/// How the values of a session print, and how ambiguous dates are read.
#[derive(Clone, Debug)]
pub struct OutputSettings {
    /// `TimeZone`
    pub timezone: TimeZone,
    /// `DateStyle`
    pub date_style: DateStyle,
    /// `IntervalStyle`
    pub interval_style: IntervalStyle,
    /// `bytea_output`
    pub bytea_output: ByteaOutput,
    /// `extra_float_digits`, -15..=3; from 1 on floats print in their shortest exact form.
    pub extra_float_digits: i32,
}

impl Default for OutputSettings {
    fn default() -> Self {
        Self {
            timezone: TimeZone::utc(),
            date_style: DateStyle::default(),
            interval_style: IntervalStyle::default(),
            bytea_output: ByteaOutput::default(),
            extra_float_digits: 1,
        }
    }
}

/// Both halves of `DateStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DateStyle {
    /// How dates print.
    pub format: DateFormat,
    /// How `01/02/03` is read, and printed by the formats that have a choice.
    pub order: DateOrder,
}

/// The output half of `DateStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateFormat {
    /// `1997-12-17 07:37:16-08`
    #[default]
    Iso,
    /// `12/17/1997 07:37:16.00 PST`
    Sql,
    /// `Wed Dec 17 07:37:16 1997 PST`
    Postgres,
    /// `17.12.1997 07:37:16.00 PST`
    German,
}

/// The order of the fields of a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    /// Month, day, year.
    #[default]
    Mdy,
    /// Day, month, year.
    Dmy,
    /// Year, month, day.
    Ymd,
}

impl DateStyle {
    /// Reads a value of the setting, such as `ISO, MDY`, `german` or `european`; what it does not mention stays as in
    /// `self`. `None` for an unknown or contradicting word (PostgreSQL: 22023, `invalid value for parameter`).
    #[must_use]
    pub fn parse(self, value: &str) -> Option<Self> {
        let mut format = None;
        let mut order = None;
        for word in value.split(',') {
            let word = word.trim().to_ascii_lowercase();
            let (new_format, new_order) = match word.as_str() {
                "iso" => (Some(DateFormat::Iso), None),
                "sql" => (Some(DateFormat::Sql), None),
                "german" => (Some(DateFormat::German), None),
                "ymd" => (None, Some(DateOrder::Ymd)),
                "default" => (Some(DateFormat::Iso), Some(DateOrder::Mdy)),
                "dmy" => (None, Some(DateOrder::Dmy)),
                "mdy" | "us" => (None, Some(DateOrder::Mdy)),
                _ if word.starts_with("postgres") => (Some(DateFormat::Postgres), None),
                _ if word.starts_with("euro") => (None, Some(DateOrder::Dmy)),
                _ if word.starts_with("noneuro") => (None, Some(DateOrder::Mdy)),
                _ => return None,
            };
            if new_format.is_some() && format.is_some_and(|earlier| Some(earlier) != new_format)
                || new_order.is_some() && order.is_some_and(|earlier| Some(earlier) != new_order)
            {
                return None;
            }
            format = format.or(new_format);
            order = order.or(new_order);
        }
        // German dates are day first unless the same value says otherwise.
        let implied = if format == Some(DateFormat::German) { DateOrder::Dmy } else { self.order };
        Some(Self { format: format.unwrap_or(self.format), order: order.unwrap_or(implied) })
    }

    /// The value as SHOW prints it: `ISO, MDY`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match (self.format, self.order) {
            (DateFormat::Iso, DateOrder::Mdy) => "ISO, MDY",
            (DateFormat::Iso, DateOrder::Dmy) => "ISO, DMY",
            (DateFormat::Iso, DateOrder::Ymd) => "ISO, YMD",
            (DateFormat::Sql, DateOrder::Mdy) => "SQL, MDY",
            (DateFormat::Sql, DateOrder::Dmy) => "SQL, DMY",
            (DateFormat::Sql, DateOrder::Ymd) => "SQL, YMD",
            (DateFormat::Postgres, DateOrder::Mdy) => "Postgres, MDY",
            (DateFormat::Postgres, DateOrder::Dmy) => "Postgres, DMY",
            (DateFormat::Postgres, DateOrder::Ymd) => "Postgres, YMD",
            (DateFormat::German, DateOrder::Mdy) => "German, MDY",
            (DateFormat::German, DateOrder::Dmy) => "German, DMY",
            (DateFormat::German, DateOrder::Ymd) => "German, YMD",
        }
    }
}

/// `IntervalStyle`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntervalStyle {
    /// `1 year 2 mons 3 days 04:05:06`
    #[default]
    Postgres,
    /// `@ 1 year 2 mons 3 days 4 hours 5 mins 6 secs`
    PostgresVerbose,
    /// `+1-2 +3 +4:05:06`
    SqlStandard,
    /// `P1Y2M3DT4H5M6S`
    Iso8601,
}

impl IntervalStyle {
    /// Reads a value of the setting.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "postgres" => Some(Self::Postgres),
            "postgres_verbose" => Some(Self::PostgresVerbose),
            "sql_standard" => Some(Self::SqlStandard),
            "iso_8601" => Some(Self::Iso8601),
            _ => None,
        }
    }

    /// The value as SHOW prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::PostgresVerbose => "postgres_verbose",
            Self::SqlStandard => "sql_standard",
            Self::Iso8601 => "iso_8601",
        }
    }
}

/// `bytea_output`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByteaOutput {
    /// `\x616263`
    #[default]
    Hex,
    /// `abc`, with `\\` and octal `\001`
    Escape,
}

impl ByteaOutput {
    /// Reads a value of the setting.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "hex" => Some(Self::Hex),
            "escape" => Some(Self::Escape),
            _ => None,
        }
    }

    /// The value as SHOW prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Escape => "escape",
        }
    }
}

/// How a value travels: the format codes 0 and 1 of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Code 0.
    #[default]
    Text,
    /// Code 1.
    Binary,
}

impl Format {
    /// The format of a code; `None` for others than 0 and 1.
    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Binary),
            _ => None,
        }
    }

    /// The code of the format.
    #[must_use]
    pub fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_styles() {
        let parse = |value: &str| DateStyle::default().parse(value).map(DateStyle::name);
        assert_eq!(parse("ISO, DMY"), Some("ISO, DMY"));
        assert_eq!(parse("german"), Some("German, DMY"));
        assert_eq!(parse("postgresql, european"), Some("Postgres, DMY"));
        assert_eq!(parse("ISO, SQL"), None);
        assert_eq!(parse("x"), None);
    }
}
