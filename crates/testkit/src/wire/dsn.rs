//! Connection addresses as `postgres://user:password@host:port/database`. No percent-decoding, no parameters: tests need neither.

use std::fmt;
use std::str::FromStr;

/// Where to connect, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dsn {
    /// Role to log in as.
    pub user: String,
    /// Its password; `None` where the server asks for none.
    pub password: Option<String>,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Database name.
    pub database: String,
}

/// A connection address that does not have the form above.
#[derive(Debug, thiserror::Error)]
#[error("not a connection address of the form postgres://user:password@host:port/database")]
pub struct InvalidDsn;

impl FromStr for Dsn {
    type Err = InvalidDsn;

    fn from_str(text: &str) -> Result<Self, InvalidDsn> {
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")).ok_or(InvalidDsn)?;
        let (login, rest) = rest.rsplit_once('@').ok_or(InvalidDsn)?;
        let (address, database) = rest.split_once('/').ok_or(InvalidDsn)?;
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password.to_owned())),
            None => (login, None),
        };
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| InvalidDsn)?),
            None => (address, 5432),
        };
        if user.is_empty() || host.is_empty() || database.is_empty() {
            return Err(InvalidDsn);
        }
        Ok(Self { user: user.to_owned(), password, host: host.to_owned(), port, database: database.to_owned() })
    }
}

impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}", self.user)?;
        if let Some(password) = &self.password {
            write!(f, ":{password}")?;
        }
        write!(f, "@{}:{}/{}", self.host, self.port, self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let full = "postgres://kura:secret@127.0.0.1:5433/kura";
        assert_eq!(full.parse::<Dsn>().unwrap().to_string(), full);
        let short: Dsn = "postgresql://me@localhost/db".parse().unwrap();
        assert_eq!((short.password, short.port), (None, 5432));
        assert!("host=localhost".parse::<Dsn>().is_err());
        assert!("postgres://me@localhost:x/db".parse::<Dsn>().is_err());
    }
}
