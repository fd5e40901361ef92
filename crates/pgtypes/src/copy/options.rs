//! The options of COPY: [`CopyOptions`], and the checks PostgreSQL makes when it reads them (`ProcessCopyOptions`).

use crate::diagnostic::SqlError;
use crate::sqlstate::SqlState;

/// How the rows are written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyFormat {
    /// Columns divided by tabs, special characters escaped with backslashes.
    #[default]
    Text,
    /// Comma separated values, quoted where needed.
    Csv,
}

/// The columns an option such as `FORCE_QUOTE` applies to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CopyColumns {
    /// The option was not given.
    #[default]
    None,
    /// `*`
    All,
    /// These.
    Named(Vec<String>),
}

impl CopyColumns {
    /// Whether the option applies to a column.
    #[must_use]
    pub fn contains(&self, column: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| name == column),
        }
    }
}

/// The value of an option as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyOption<'a> {
    /// None given.
    Absent,
    /// A word, a number or a string.
    Text(&'a str),
    /// A list of columns.
    Columns(&'a [String]),
    /// `*`
    All,
}

/// The options of a COPY in text or csv format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOptions {
    /// Text or csv.
    pub format: CopyFormat,
    /// Divides the columns; an ASCII character.
    pub delimiter: u8,
    /// What stands for NULL.
    pub null: String,
    /// Whether the first line names the columns.
    pub header: bool,
    /// Whether reading checks the names in the first line (HEADER MATCH). Implies `header`.
    pub header_match: bool,
    /// Quotes fields in csv; an ASCII character.
    pub quote: u8,
    /// Stands before a quote within quotes in csv; an ASCII character.
    pub escape: u8,
    /// Columns that csv output quotes even when it need not.
    pub force_quote: CopyColumns,
    /// Columns of which csv input takes the null string for NULL even when it is quoted.
    pub force_null: CopyColumns,
    /// Columns of which csv input never takes the null string for NULL.
    pub force_not_null: CopyColumns,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self::new(CopyFormat::Text)
    }
}

impl CopyOptions {
    /// The options as they are when only the format is given.
    #[must_use]
    pub fn new(format: CopyFormat) -> Self {
        let (delimiter, null) = match format {
            CopyFormat::Text => (b'\t', "\\N"),
            CopyFormat::Csv => (b',', ""),
        };
        Self {
            format,
            delimiter,
            null: null.to_owned(),
            header: false,
            header_match: false,
            quote: b'"',
            escape: b'"',
            force_quote: CopyColumns::None,
            force_null: CopyColumns::None,
            force_not_null: CopyColumns::None,
        }
    }

    /// Reads options by their lower-case names, in the order they were written. `from`: COPY FROM.
    ///
    /// # Errors
    /// PostgreSQL's answer to unknown, repeated and contradicting options (42601, 22023, 0A000); 0A000 for binary
    /// format, FREEZE and encodings other than UTF-8.
    pub fn parse(options: &[(&str, CopyOption<'_>)], from: bool) -> Result<Self, SqlError> {
        Written::read(options, from)?.resolve(from)
    }

    /// Checks that the columns named by `FORCE_QUOTE`, `FORCE_NOT_NULL` and `FORCE_NULL` are among those copied.
    ///
    /// # Errors
    /// 42P10.
    pub fn check_columns<S: AsRef<str>>(&self, copied: &[S]) -> Result<(), SqlError> {
        let lists = [("FORCE_QUOTE", &self.force_quote), ("FORCE_NOT_NULL", &self.force_not_null), ("FORCE_NULL", &self.force_null)];
        for (option, columns) in lists {
            let CopyColumns::Named(names) = columns else { continue };
            for name in names {
                if !copied.iter().any(|column| column.as_ref() == name) {
                    let message = format!("{option} column \"{name}\" not referenced by COPY");
                    return Err(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message));
                }
            }
        }
        Ok(())
    }
}

/// The options as written; `None` where one was not given.
#[derive(Default)]
struct Written<'a> {
    format: Option<CopyFormat>,
    delimiter: Option<&'a str>,
    null: Option<&'a str>,
    /// Whether there is one, and whether it is to match.
    header: Option<(bool, bool)>,
    quote: Option<&'a str>,
    escape: Option<&'a str>,
    force_quote: CopyColumns,
    force_null: CopyColumns,
    force_not_null: CopyColumns,
}

impl<'a> Written<'a> {
    fn read(options: &[(&'a str, CopyOption<'a>)], from: bool) -> Result<Self, SqlError> {
        let mut written = Self::default();
        for (index, (name, value)) in options.iter().enumerate() {
            if options[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, "conflicting or redundant options"));
            }
            match *name {
                "format" => written.format = Some(format(string(name, *value)?)?),
                "delimiter" => written.delimiter = Some(string(name, *value)?),
                "null" => written.null = Some(string(name, *value)?),
                "header" => written.header = Some(header(*value, from)?),
                "quote" => written.quote = Some(string(name, *value)?),
                "escape" => written.escape = Some(string(name, *value)?),
                "force_quote" if *value == CopyOption::All => written.force_quote = CopyColumns::All,
                "force_quote" => written.force_quote = columns(name, *value)?,
                "force_null" => written.force_null = columns(name, *value)?,
                "force_not_null" => written.force_not_null = columns(name, *value)?,
                "encoding" => encoding(string(name, *value)?)?,
                "freeze" => freeze(*value)?,
                _ => {
                    let message = format!("option \"{name}\" not recognized");
                    return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
                }
            }
        }
        Ok(written)
    }

    /// The checks that need all options, in PostgreSQL's order.
    fn resolve(self, from: bool) -> Result<CopyOptions, SqlError> {
        let format = self.format.unwrap_or_default();
        let mut options = CopyOptions::new(format);
        if let Some(delimiter) = self.delimiter {
            options.delimiter = single(delimiter, "delimiter")?;
        }
        if let Some(null) = self.null {
            options.null = null.to_owned();
        }
        options.check_delimiter()?;
        (options.header, options.header_match) = self.header.unwrap_or((false, false));
        options.read_quoting(self.quote, self.escape)?;
        options.force_quote = self.force_quote;
        options.force_null = self.force_null;
        options.force_not_null = self.force_not_null;
        options.check_forced(from)?;
        if options.null.as_bytes().contains(&options.delimiter) {
            return Err(unsupported("COPY delimiter must not appear in the NULL specification"));
        }
        if format == CopyFormat::Csv && options.null.as_bytes().contains(&options.quote) {
            return Err(unsupported("CSV quote character must not appear in the NULL specification"));
        }
        Ok(options)
    }
}

impl CopyOptions {
    fn check_delimiter(&self) -> Result<(), SqlError> {
        if matches!(self.delimiter, b'\n' | b'\r') {
            return Err(invalid("COPY delimiter cannot be newline or carriage return"));
        }
        if self.null.contains(['\n', '\r']) {
            return Err(invalid("COPY null representation cannot use newline or carriage return"));
        }
        let confusing = matches!(self.delimiter, b'\\' | b'.' | b'a'..=b'z' | b'0'..=b'9');
        if self.format == CopyFormat::Text && confusing {
            return Err(invalid(format!("COPY delimiter cannot be \"{}\"", char::from(self.delimiter))));
        }
        Ok(())
    }

    fn read_quoting(&mut self, quote: Option<&str>, escape: Option<&str>) -> Result<(), SqlError> {
        let csv = self.format == CopyFormat::Csv;
        if let Some(quote) = quote {
            if !csv {
                return Err(unsupported("COPY quote available only in CSV mode"));
            }
            self.quote = single(quote, "quote")?;
            self.escape = self.quote;
        }
        if csv && self.delimiter == self.quote {
            return Err(invalid("COPY delimiter and quote must be different"));
        }
        if let Some(escape) = escape {
            if !csv {
                return Err(unsupported("COPY escape available only in CSV mode"));
            }
            self.escape = single(escape, "escape")?;
        }
        Ok(())
    }

    fn check_forced(&self, from: bool) -> Result<(), SqlError> {
        let lists = [
            ("force quote", &self.force_quote, false),
            ("force not null", &self.force_not_null, true),
            ("force null", &self.force_null, true),
        ];
        for (option, columns, for_reading) in lists {
            if *columns == CopyColumns::None {
                continue;
            }
            if self.format != CopyFormat::Csv {
                return Err(unsupported(format!("COPY {option} available only in CSV mode")));
            }
            if from != for_reading {
                let direction = if for_reading { "FROM" } else { "TO" };
                return Err(unsupported(format!("COPY {option} only available using COPY {direction}")));
            }
        }
        Ok(())
    }
}

fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn unsupported(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}

fn string<'a>(name: &str, value: CopyOption<'a>) -> Result<&'a str, SqlError> {
    match value {
        CopyOption::Text(text) => Ok(text),
        CopyOption::All => Ok("*"),
        CopyOption::Absent | CopyOption::Columns(_) => Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("{name} requires a parameter"))),
    }
}

fn columns(name: &str, value: CopyOption<'_>) -> Result<CopyColumns, SqlError> {
    match value {
        CopyOption::Columns(names) => Ok(CopyColumns::Named(names.to_vec())),
        _ => Err(invalid(format!("argument to option \"{name}\" must be a list of column names"))),
    }
}

fn format(name: &str) -> Result<CopyFormat, SqlError> {
    match name {
        "text" => Ok(CopyFormat::Text),
        "csv" => Ok(CopyFormat::Csv),
        "binary" => Err(unsupported("COPY in binary format is not supported").hint("Use the text or the csv format.")),
        other => Err(invalid(format!("COPY format \"{other}\" not recognized"))),
    }
}

/// A Boolean as options spell it.
fn boolean(value: CopyOption<'_>) -> Option<bool> {
    match value {
        CopyOption::Absent => Some(true),
        CopyOption::Text(text) => {
            let is = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
            if is(["true", "on", "1"]) {
                Some(true)
            } else if is(["false", "off", "0"]) {
                Some(false)
            } else {
                None
            }
        }
        CopyOption::All | CopyOption::Columns(_) => None,
    }
}

fn header(value: CopyOption<'_>, from: bool) -> Result<(bool, bool), SqlError> {
    if let Some(given) = boolean(value) {
        return Ok((given, false));
    }
    match value {
        CopyOption::Text(text) if text.eq_ignore_ascii_case("match") => {
            if from {
                Ok((true, true))
            } else {
                Err(unsupported("cannot use \"match\" with HEADER in COPY TO"))
            }
        }
        _ => Err(SqlError::new(SqlState::SYNTAX_ERROR, "header requires a Boolean value or \"match\"")),
    }
}

fn freeze(value: CopyOption<'_>) -> Result<(), SqlError> {
    match boolean(value) {
        Some(false) => Ok(()),
        Some(true) => Err(unsupported("COPY FREEZE is not supported").hint("Leave the option out: there is nothing to freeze.")),
        None => Err(SqlError::new(SqlState::SYNTAX_ERROR, "freeze requires a Boolean value")),
    }
}

/// UTF-8 under the names PostgreSQL knows it by, or nothing that needs converting.
fn encoding(name: &str) -> Result<(), SqlError> {
    let letters = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if matches!(letters.as_str(), "utf8" | "unicode" | "sqlascii") {
        return Ok(());
    }
    Err(unsupported(format!("COPY with encoding \"{name}\" is not supported")).hint("Convert the data to UTF8."))
}

/// The one byte of a delimiter, quote or escape.
fn single(text: &str, what: &str) -> Result<u8, SqlError> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(unsupported(format!("COPY {what} must be a single one-byte character"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[(&str, CopyOption<'_>)], from: bool) -> Result<CopyOptions, (String, String)> {
        CopyOptions::parse(options, from).map_err(|error| (error.state.0.to_owned(), error.message))
    }

    fn refused(options: &[(&str, &str)]) -> (String, String) {
        let options = options.iter().map(|(name, value)| (*name, CopyOption::Text(value))).collect::<Vec<_>>();
        parse(&options, true).expect_err("refused")
    }

    #[test]
    fn defaults_and_values() {
        assert_eq!(parse(&[], true), Ok(CopyOptions::new(CopyFormat::Text)));
        let columns = ["b".to_owned()];
        let options = parse(
            &[
                ("format", CopyOption::Text("csv")),
                ("header", CopyOption::Absent),
                ("quote", CopyOption::Text("'")),
                ("null", CopyOption::Text("NA")),
                ("force_null", CopyOption::Columns(&columns)),
            ],
            true,
        )
        .expect("valid options");
        assert_eq!((options.quote, options.escape, options.delimiter, options.header), (b'\'', b'\'', b',', true));
        assert!(options.force_null.contains("b") && !options.force_null.contains("a"));
        options.check_columns(&["a", "b"]).expect("b is copied");
        let error = options.check_columns(&["a"]).expect_err("b is not copied");
        assert_eq!((error.state.0, error.message.as_str()), ("42P10", "FORCE_NULL column \"b\" not referenced by COPY"));
        let header = parse(&[("header", CopyOption::Text("match"))], true).expect("a match");
        assert!(header.header && header.header_match);
    }

    #[test]
    fn refusals() {
        let pair = |state: &str, message: &str| (state.to_owned(), message.to_owned());
        assert_eq!(refused(&[("format", "xml")]), pair("22023", "COPY format \"xml\" not recognized"));
        assert_eq!(refused(&[("fromat", "csv")]), pair("42601", "option \"fromat\" not recognized"));
        assert_eq!(refused(&[("null", "a"), ("null", "b")]), pair("42601", "conflicting or redundant options"));
        assert_eq!(refused(&[("delimiter", "ab")]), pair("0A000", "COPY delimiter must be a single one-byte character"));
        assert_eq!(refused(&[("delimiter", "é")]).0, "0A000");
        assert_eq!(refused(&[("delimiter", "a")]), pair("22023", "COPY delimiter cannot be \"a\""));
        assert_eq!(refused(&[("delimiter", "\n")]).1, "COPY delimiter cannot be newline or carriage return");
        assert_eq!(refused(&[("quote", "'")]), pair("0A000", "COPY quote available only in CSV mode"));
        let csv = ("format", "csv");
        assert_eq!(refused(&[csv, ("quote", ",")]), pair("22023", "COPY delimiter and quote must be different"));
        assert_eq!(refused(&[csv, ("null", "a,b")]).1, "COPY delimiter must not appear in the NULL specification");
        assert_eq!(refused(&[csv, ("null", "\"")]).1, "CSV quote character must not appear in the NULL specification");
        assert_eq!(refused(&[csv, ("encoding", "latin1")]).0, "0A000");
        assert_eq!(
            parse(&[("format", CopyOption::Text("csv")), ("force_quote", CopyOption::All)], true),
            Err(pair("0A000", "COPY force quote only available using COPY TO"))
        );
        assert_eq!(
            parse(&[("header", CopyOption::Text("match"))], false),
            Err(pair("0A000", "cannot use \"match\" with HEADER in COPY TO"))
        );
    }
}
