//! Configuration: flag over environment (`KURA_*`) over file (`kura.toml`) over default. The only reader of the environment.
//!
//! [`RawConfig`] is what was written, [`Config`] what it means, resolved and valid. An unknown key stops the start.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use kura_catalog::CatalogUrl;

mod memory;
mod raw;
mod units;

pub use raw::{LogFormat, RawConfig};
pub use units::{ByteSize, Span};

/// The file read when it is there and `--config` is not given.
const DEFAULT_FILE: &str = "kura.toml";

/// Why the configuration is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key is unknown or a value is of the wrong kind.
    #[error("invalid configuration")]
    Invalid(#[source] Box<figment::Error>),
    /// A value is not what its key takes.
    #[error("invalid value for {key}: {reason}")]
    Value {
        /// The key, as a flag is written.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Only one of certificate and key was given.
    #[error("--tls-cert and --tls-key go together")]
    HalfTls,
    /// A door would be open to others in plain text.
    #[error(
        "{flag} {address} is reachable from other machines and would not be encrypted; give --tls-cert and --tls-key, listen on \
         127.0.0.1, or accept it with --insecure-allow-plaintext"
    )]
    Plaintext {
        /// The flag with the address.
        flag: &'static str,
        /// The address.
        address: SocketAddr,
    },
}

/// `kura` on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "kura",
    version,
    about = "A columnar warehouse that speaks PostgreSQL, on open Parquet files under a DuckLake catalog",
    after_help = AFTER_HELP,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
To try it: `kura demo`, then paste the psql line it prints.

The superuser is kura, its database is kura. Its password is KURA_PASSWORD at the first start, or generated and printed once.
Data stays in ./kura-data unless --data-dir says otherwise; stop the server with Ctrl-C and start it again on the same data.

Every option can also be given in the environment (--data-dir as KURA_DATA_DIR) and in the file kura.toml (data_dir = \"...\").
A flag outranks the environment, the environment the file. `kura serve --help` lists the options.";

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Start the server
    Serve(Box<RawConfig>),
    /// Start the server with sample data in the schema demo, loaded when it is not there yet
    Demo(Box<RawConfig>),
    /// Give the superuser kura the password in `KURA_PASSWORD`, or a generated one; the server may be running
    SetPassword(Box<RawConfig>),
}

/// A text that is not to be seen.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Certificate and key.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// PEM file with the certificate chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// The server's configuration, resolved and valid.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of everything the server keeps.
    pub data_dir: PathBuf,
    /// The catalog.
    pub catalog: CatalogUrl,
    /// Folder of the tables' files.
    pub storage: PathBuf,
    /// Whether the catalog may belong to a storage folder of another name, and is to remember this one.
    pub relocate: bool,
    /// Address of the PostgreSQL door; port 0 picks a free one.
    pub postgres_listen: SocketAddr,
    /// Address of the HTTP door; port 0 picks a free one.
    pub http_listen: SocketAddr,
    /// Memory that statements may use, in bytes.
    pub memory_limit: u64,
    /// Folders below which COPY may read and write files of the server.
    pub copy_roots: Vec<PathBuf>,
    /// Where to write the ports once the server is ready.
    pub ports_file: Option<PathBuf>,
    /// TLS for the PostgreSQL door.
    pub tls: Option<TlsFiles>,
    /// Whether clients on other machines may connect without encryption.
    pub plaintext: bool,
    /// Sessions at the same time.
    pub connections_max: usize,
    /// Longest message of a PostgreSQL client in bytes.
    pub message_bytes_max: usize,
    /// How long running statements may go on after a shutdown began.
    pub shutdown_grace: Duration,
    /// Password of the superuser `kura`, when given.
    pub password: Option<Secret>,
    /// Form of the log.
    pub log_format: LogFormat,
    /// Level of the log.
    pub log_level: String,
}

impl Config {
    /// The configuration of a process: these flags, its environment, its file.
    ///
    /// # Errors
    /// What is wrong with it, in words for the person who wrote it.
    pub fn load(flags: &RawConfig) -> Result<Self, ConfigError> {
        let file = match &flags.config {
            Some(path) => Toml::file_exact(path),
            None => Toml::file_exact(DEFAULT_FILE),
        };
        let mut figment = Figment::new();
        if flags.config.is_some() || Path::new(DEFAULT_FILE).exists() {
            figment = figment.merge(file);
        }
        // KURA_PASSWORD is read below; KURA_BIN and KURA_TEST_* belong to the project's tests.
        let environment = Env::prefixed("KURA_").filter(|key| key != "password" && key != "bin" && !key.starts_with("test_"));
        let raw: RawConfig = figment
            .merge(environment)
            .merge(Serialized::defaults(flags))
            .extract()
            .map_err(|error| ConfigError::Invalid(Box::new(error)))?;
        Self::resolve(&raw, password())
    }

    /// The defaults with this data folder.
    ///
    /// # Errors
    /// When the machine does not tell its memory.
    pub fn with_data_dir(data_dir: PathBuf) -> Result<Self, ConfigError> {
        Self::resolve(&RawConfig { data_dir: Some(data_dir), ..RawConfig::default() }, None)
    }

    fn resolve(raw: &RawConfig, password: Option<Secret>) -> Result<Self, ConfigError> {
        let data_dir = raw.data_dir.clone().unwrap_or_else(|| PathBuf::from("./kura-data"));
        let catalog = match &raw.catalog {
            Some(text) => catalog_url(text)?,
            None => CatalogUrl::Sqlite(data_dir.join("catalog.sqlite")),
        };
        let storage = match &raw.storage {
            Some(text) => storage_path(text)?,
            None => data_dir.join("lake"),
        };
        let tls = match (&raw.tls_cert, &raw.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate: certificate.clone(), key: key.clone() }),
            (None, None) => None,
            _ => return Err(ConfigError::HalfTls),
        };
        let postgres_listen = address(raw.postgres_listen.as_deref(), "--postgres-listen", 5432)?;
        let http_listen = address(raw.http_listen.as_deref(), "--http-listen", 8080)?;
        let plaintext = raw.insecure_allow_plaintext.unwrap_or(false);
        if !plaintext {
            let doors = [("--postgres-listen", postgres_listen, tls.is_some()), ("--http-listen", http_listen, false)];
            if let Some((flag, address, _)) = doors.into_iter().find(|(_, address, encrypted)| !encrypted && !is_loopback(address.ip())) {
                return Err(ConfigError::Plaintext { flag, address });
            }
        }
        let message_bytes_max = raw.max_message_size.map_or(Ok(256 << 20), |size| size.bytes("--max-message-size"))?;
        Ok(Self {
            data_dir,
            catalog,
            storage,
            relocate: raw.relocate.unwrap_or(false),
            postgres_listen,
            http_listen,
            memory_limit: memory::limit(raw.memory_limit.unwrap_or(ByteSize::Percent(70)))?,
            copy_roots: raw.copy_root.clone(),
            ports_file: raw.ports_file.clone(),
            tls,
            plaintext,
            connections_max: raw.max_connections.map_or(100, usize::from),
            message_bytes_max: usize::try_from(message_bytes_max).unwrap_or(usize::MAX).clamp(64 << 10, (1 << 30) - 1),
            shutdown_grace: raw.shutdown_grace.map_or(Duration::from_secs(30), |span| span.0),
            password,
            log_format: raw.log_format.unwrap_or_default(),
            log_level: raw.log_level.clone().unwrap_or_else(|| "info".to_owned()),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the configuration is the one reader of the environment")]
fn password() -> Option<Secret> {
    std::env::var("KURA_PASSWORD").ok().filter(|text| !text.is_empty()).map(Secret)
}

fn catalog_url(text: &str) -> Result<CatalogUrl, ConfigError> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        let reason = "a catalog in PostgreSQL is not supported yet; use sqlite:PATH".to_owned();
        return Err(ConfigError::Value { key: "--catalog", reason });
    }
    text.parse().map_err(|error: kura_catalog::Error| ConfigError::Value { key: "--catalog", reason: error.to_string() })
}

fn storage_path(text: &str) -> Result<PathBuf, ConfigError> {
    match text.split_once("://") {
        None => Ok(PathBuf::from(text)),
        Some(("file", path)) => Ok(PathBuf::from(path)),
        Some((scheme, _)) => {
            let reason = format!("storage at {scheme}:// is not supported yet; use a folder");
            Err(ConfigError::Value { key: "--storage", reason })
        }
    }
}

fn address(text: Option<&str>, key: &'static str, default_port: u16) -> Result<SocketAddr, ConfigError> {
    let Some(text) = text else {
        return Ok(SocketAddr::from(([127, 0, 0, 1], default_port)));
    };
    let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    named.as_deref().unwrap_or(text).parse().map_err(|_| ConfigError::Value {
        key,
        reason: format!("\"{text}\" is not an address and a port, such as 127.0.0.1:{default_port}"),
    })
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(change: impl FnOnce(&mut RawConfig)) -> Result<Config, ConfigError> {
        let mut raw = RawConfig::default();
        change(&mut raw);
        Config::resolve(&raw, None)
    }

    #[test]
    fn defaults_are_the_contract() {
        let config = resolve(|_| {}).expect("defaults");
        assert_eq!(config.data_dir, Path::new("./kura-data"));
        assert_eq!(config.storage, Path::new("./kura-data/lake"));
        assert_eq!(config.catalog, CatalogUrl::Sqlite(PathBuf::from("./kura-data/catalog.sqlite")));
        assert_eq!(config.postgres_listen.to_string(), "127.0.0.1:5432");
        assert_eq!(config.http_listen.to_string(), "127.0.0.1:8080");
        assert!(config.copy_roots.is_empty());
    }

    #[test]
    fn plain_text_beyond_loopback_is_refused() {
        let open = |raw: &mut RawConfig| raw.postgres_listen = Some("0.0.0.0:5432".to_owned());
        assert!(matches!(resolve(open), Err(ConfigError::Plaintext { flag: "--postgres-listen", .. })));
        let accepted = resolve(|raw| {
            open(raw);
            raw.insecure_allow_plaintext = Some(true);
        });
        assert!(accepted.is_ok());
        let mapped = resolve(|raw| raw.http_listen = Some("[::ffff:127.0.0.1]:0".to_owned()));
        assert!(mapped.is_ok());
        assert!(matches!(resolve(|raw| raw.tls_cert = Some(PathBuf::from("x"))), Err(ConfigError::HalfTls)));
    }

    #[test]
    fn what_is_not_built_is_named() {
        let storage = resolve(|raw| raw.storage = Some("s3://bucket/prefix".to_owned())).expect_err("not yet");
        assert_eq!(storage.to_string(), "invalid value for --storage: storage at s3:// is not supported yet; use a folder");
        assert!(resolve(|raw| raw.catalog = Some("postgres://x".to_owned())).is_err());
    }

    #[test]
    fn unknown_keys_in_a_file_are_refused() {
        let extract = |text: &str| Figment::from(Toml::string(text)).extract::<RawConfig>();
        let raw = extract("data_dir = '/x'\nmemory_limit = '2GB'\nmax_connections = 7\ncopy_root = '/a'\nshutdown_grace = '5s'")
            .expect("known keys");
        assert_eq!((raw.data_dir.as_deref(), raw.max_connections), (Some(Path::new("/x")), Some(7)));
        assert_eq!(raw.copy_root, [PathBuf::from("/a")]);
        let error = extract("memory_limt = '2GB'").expect_err("a typing error").to_string();
        assert!(error.contains("memory_limt"), "{error}");
    }

    #[test]
    fn a_flag_outranks_the_file() {
        let cli = Cli::try_parse_from(["kura", "serve", "--data-dir", "/flag", "--copy-root", "/a", "--copy-root", "/b"]).expect("flags");
        let Command::Serve(flags) = cli.command else { panic!("serve") };
        let file = Toml::string("data_dir = '/file'\nlog_level = 'debug'");
        let raw: RawConfig = Figment::from(file).merge(Serialized::defaults(&*flags)).extract().expect("a configuration");
        assert_eq!(raw.data_dir.as_deref(), Some(Path::new("/flag")));
        assert_eq!(raw.log_level.as_deref(), Some("debug"));
        assert_eq!(raw.copy_root.len(), 2);
    }
}
