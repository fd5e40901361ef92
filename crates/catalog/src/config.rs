//! What the server's configuration says about the catalog. Reads no environment and no file.

use std::path::PathBuf;
use std::str::FromStr;

use crate::error::Error;

/// Where the catalog is.
#[derive(Debug, Clone)]
pub struct Config {
    /// The metadata database.
    pub url: CatalogUrl,
    /// Accept that the data path differs from the one the lake was created with, and record the new one. For a lake
    /// whose folder was moved.
    pub relocate: bool,
}

/// Address of a metadata database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogUrl {
    /// An SQLite file, `sqlite:PATH`.
    Sqlite(PathBuf),
}

impl FromStr for CatalogUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            _ => Err(Error::InvalidUrl { url: text.to_owned() }),
        }
    }
}

impl std::fmt::Display for CatalogUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}
