//! The configuration as it is written, on the command line, in the environment or in a file. Means nothing yet.

#![expect(rustdoc::invalid_html_tags, reason = "the comments are the help texts, where <data-dir> is a placeholder")]

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Deserializer, Serialize};

use super::units::{ByteSize, Span};

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// Options of `kura serve` and `kura demo`, every one of them optional.
#[derive(Clone, Debug, Default, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// Folder of everything the server keeps [default: ./kura-data]
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,

    /// The catalog, sqlite:PATH [default: sqlite:<data-dir>/catalog.sqlite]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,

    /// Folder of the tables' Parquet files [default: <data-dir>/lake]
    #[arg(long, value_name = "PATH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,

    /// Address for PostgreSQL clients; port 0 picks a free port [default: 127.0.0.1:5432]
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres_listen: Option<String>,

    /// Address for health checks and metrics; port 0 picks a free port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_listen: Option<String>,

    /// Memory for statements: bytes, 4GB, or a share of the machine's memory such as 50% [default: 70%]
    #[arg(long, value_name = "SIZE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<ByteSize>,

    /// Accept that the storage folder is not where the catalog says; for a lake that was moved
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relocate: Option<bool>,

    /// Folder where COPY may read and write files of the server, for superusers; can be repeated [default: none]
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    pub copy_root: Vec<PathBuf>,

    /// File to write the ports to as JSON once the server is ready
    #[arg(long, value_name = "PATH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports_file: Option<PathBuf>,

    /// Certificate chain for PostgreSQL clients, a PEM file
    #[arg(long, value_name = "PATH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate, a PEM file
    #[arg(long, value_name = "PATH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,

    /// Listen beyond this machine without encryption, and let clients on other machines in without it
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure_allow_plaintext: Option<bool>,

    /// Sessions at the same time; three of them only superusers get [default: 100]
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u16>,

    /// Longest message of a PostgreSQL client, at most 1GB [default: 256MB]
    #[arg(long, value_name = "SIZE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_message_size: Option<ByteSize>,

    /// How long running statements may go on after SIGTERM [default: 30s]
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shutdown_grace: Option<Span>,

    /// Form of the log [default: human]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,

    /// What is logged: error, warn, info, debug, or by module as in `kura_session=debug,info` [default: info]
    #[arg(long, value_name = "LEVEL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,

    /// Configuration file [default: kura.toml, when there is one]
    #[arg(long, value_name = "PATH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
}

/// A list, or one element in its place.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(path) => vec![path],
        OneOrMany::Many(paths) => paths,
    })
}
