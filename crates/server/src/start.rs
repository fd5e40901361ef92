//! Start and end of the server: constructs every layer, in order, and takes them down again.
//!
//! The only file that names all layers. Doors are bound first, so that an address in use stops the start before anything
//! is made; they are opened last, when everything behind them is there.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kura_catalog::{Catalog, SystemClock};
use kura_engine::Engine;
use kura_session::Sessions;
use kura_storage::Storage;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::bootstrap::{self, Password};
use crate::config::Config;
use crate::demo::{self, DemoError};
use crate::http::{self, Console};
use crate::listener;
use crate::postgres::{Door, InputLimits};
use crate::shutdown::Shutdown;
use crate::tasks::Tasks;
use crate::telemetry::{self, TelemetryError};
use crate::terminal::{Ready, Terminal};
use crate::tls::{Tls, TlsError};

/// Below the data folder: the server's secret for logins.
const SECRET_FILE: &str = "login.key";
/// Below the data folder: what statements spill.
const SPILL_FOLDER: &str = "spill";
/// Below the data folder: the demo's files while they are loaded.
const DEMO_FOLDER: &str = "demo-files";
/// Between two drains of the metrics' histograms.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long the HTTP door's last answers may take.
const HTTP_GRACE: Duration = Duration::from_secs(1);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder or file of the server cannot be used.
    #[error("cannot use {path}")]
    Path {
        /// Which.
        path: String,
        /// The system's answer.
        source: io::Error,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({flag} picks another address, port 0 a free port)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The flag it comes from.
        flag: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// Certificate or key are not usable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Logs or metrics cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The tables' folder cannot be opened.
    #[error("cannot open the storage")]
    Storage(#[source] kura_storage::Error),
    /// The catalog cannot be opened.
    #[error("cannot open the catalog")]
    Catalog(#[source] kura_catalog::Error),
    /// The catalog belongs to another storage folder.
    #[error("cannot open the catalog; if the lake was moved, start once with --relocate")]
    Moved(#[source] kura_catalog::Error),
    /// The engine cannot be set up.
    #[error("cannot set up the engine")]
    Engine(#[source] kura_engine::Error),
    /// The sample data cannot be loaded.
    #[error("cannot load the sample data")]
    Demo(#[from] DemoError),
}

/// The ports actually bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ports {
    /// Of the PostgreSQL door.
    pub postgres: u16,
    /// Of the HTTP door.
    pub http: u16,
}

/// A running server.
pub struct Server {
    ports: Ports,
    shutdown: Arc<Shutdown>,
    sessions: Arc<Sessions>,
    catalog: Arc<Catalog>,
    grace: Duration,
    connections: Tasks,
    others: Tasks,
    end: CancellationToken,
}

/// The doors, bound and not yet open.
struct Doors {
    postgres: TcpListener,
    http: TcpListener,
}

impl Server {
    /// Starts the server; with `with_demo`, loads the sample data first when it is not there. When this returns, it is
    /// ready, has said so on the terminal and has written its ports file.
    ///
    /// # Errors
    /// What stops the start; nothing is left running then.
    pub async fn start(config: &Config, with_demo: bool, terminal: Terminal) -> Result<Self, StartError> {
        let tls = config.tls.as_ref().map(|files| Tls::load(&files.certificate, &files.key)).transpose()?;
        let metrics = telemetry::metrics()?;
        let doors = bind(config).await?;
        let addresses = (address(&doors.postgres, config.postgres_listen)?, address(&doors.http, config.http_listen)?);
        let (catalog, storage) = open_lake(config).await?;
        let engine = Engine::new(engine_config(config), Arc::clone(&catalog), storage).map_err(StartError::Engine)?;
        let secret_path = config.data_dir.join(SECRET_FILE);
        let secret = bootstrap::server_secret(&secret_path).map_err(path_error(&secret_path))?;
        let limits = kura_session::Config { connections_max: config.connections_max, ..kura_session::Config::default() };
        let sessions = Sessions::new(limits, Arc::clone(&catalog), engine, secret);
        let server = Self {
            ports: Ports { postgres: addresses.0.port(), http: addresses.1.port() },
            shutdown: Arc::default(),
            sessions,
            catalog,
            grace: config.shutdown_grace,
            connections: Tasks::default(),
            others: Tasks::default(),
            end: CancellationToken::new(),
        };
        let console = server.open_http(doors.http, metrics);
        let superuser = bootstrap::superuser(&server.catalog).await.map_err(StartError::Catalog)?;
        if with_demo {
            let folder = config.data_dir.join(DEMO_FOLDER);
            demo::load(&server.catalog, &server.sessions, superuser, folder, &terminal).await?;
        }
        // The last step that makes something: a generated password is shown as soon as it counts.
        let password = bootstrap::ensure_password(&server.catalog, config.password.as_ref()).await.map_err(StartError::Catalog)?;
        if matches!(password, Password::Differs) {
            tracing::warn!("KURA_PASSWORD is not the password of kura, which was set at the first start; kura set-password changes it");
        }
        server.open_postgres(doors.postgres, config, tls);
        console.ready.store(true, Ordering::Release);
        terminal.ready(&Ready { postgres: addresses.0, http: addresses.1, password: &password, demo: with_demo });
        if let Some(path) = &config.ports_file {
            write_ports(path, server.ports).map_err(path_error(path))?;
        }
        tracing::info!(postgres = %addresses.0, http = %addresses.1, "server ready");
        Ok(server)
    }

    /// The ports actually bound.
    #[must_use]
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// The handle by which the server is ended.
    #[must_use]
    pub fn shutdown(&self) -> Arc<Shutdown> {
        Arc::clone(&self.shutdown)
    }

    /// Serves until a shutdown is requested, and through it. When this returns, nothing runs any more.
    pub async fn ended(self) {
        let sessions = Arc::clone(&self.sessions);
        self.shutdown.supervise(self.grace, move || sessions.interrupt_all(), self.connections.ended()).await;
        self.end.cancel();
        if tokio::time::timeout(HTTP_GRACE, self.others.ended()).await.is_err() {
            tracing::debug!("http clients still connected");
        }
        self.catalog.close().await;
        tracing::info!("server stopped");
    }

    fn open_http(&self, listener: TcpListener, metrics: PrometheusHandle) -> Arc<Console> {
        let console = Arc::new(Console {
            sessions: Arc::clone(&self.sessions),
            metrics: metrics.clone(),
            shutdown: Arc::clone(&self.shutdown),
            ready: AtomicBool::new(false),
        });
        self.others.spawn("http", http::serve(listener, Arc::clone(&console), self.end.clone()));
        let end = self.end.clone();
        self.others.spawn("metrics", async move {
            while tokio::time::timeout(UPKEEP, end.cancelled()).await.is_err() {
                metrics.run_upkeep();
            }
        });
        console
    }

    fn open_postgres(&self, listener: TcpListener, config: &Config, tls: Option<Tls>) {
        // Long messages of all clients together may take a quarter of the memory, and one of the longest always fits.
        let kilobytes = config.message_bytes_max.max(usize::try_from(config.memory_limit / 4).unwrap_or(usize::MAX)) / 1024;
        let limits = InputLimits {
            message_bytes_max: config.message_bytes_max,
            large_kilobytes: Arc::new(Semaphore::new(kilobytes.min(Semaphore::MAX_PERMITS))),
        };
        let door = Arc::new(Door {
            sessions: Arc::clone(&self.sessions),
            tls,
            plaintext: config.plaintext,
            limits,
            shutdown: Arc::clone(&self.shutdown),
        });
        let tasks = self.connections.clone();
        self.connections.spawn("listener", listener::listen(listener, door, config.connections_max, tasks));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.request();
        self.end.cancel();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("ports", &self.ports).finish_non_exhaustive()
    }
}

/// Gives the superuser a new password: `kura set-password`.
///
/// # Errors
/// When the lake cannot be opened.
pub async fn set_password(config: &Config, terminal: Terminal) -> Result<(), StartError> {
    let (catalog, _storage) = open_lake(config).await?;
    let password = bootstrap::change_password(&catalog, config.password.as_ref()).await.map_err(StartError::Catalog)?;
    catalog.close().await;
    terminal.password_set(&password);
    Ok(())
}

async fn bind(config: &Config) -> Result<Doors, StartError> {
    let failed = |address, flag| move |source| StartError::Listen { address, flag, source };
    Ok(Doors {
        postgres: TcpListener::bind(config.postgres_listen).await.map_err(failed(config.postgres_listen, "--postgres-listen"))?,
        http: TcpListener::bind(config.http_listen).await.map_err(failed(config.http_listen, "--http-listen"))?,
    })
}

fn address(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|source| StartError::Listen { address: asked, flag: "the flag", source })
}

async fn open_lake(config: &Config) -> Result<(Arc<Catalog>, Arc<Storage>), StartError> {
    create_private_folder(&config.data_dir).map_err(path_error(&config.data_dir))?;
    let storage = Storage::open(kura_storage::Config::local(&config.storage)).map_err(StartError::Storage)?;
    let catalog_config = kura_catalog::Config { url: config.catalog.clone(), relocate: config.relocate };
    let data_path = storage.root().to_string_lossy().into_owned();
    let catalog = Catalog::open(catalog_config, &data_path, Arc::new(SystemClock)).await.map_err(|error| match error {
        moved @ kura_catalog::Error::DataPathMismatch { .. } => StartError::Moved(moved),
        other => StartError::Catalog(other),
    })?;
    Ok((catalog, storage))
}

fn engine_config(config: &Config) -> kura_engine::Config {
    kura_engine::Config {
        memory_limit: config.memory_limit,
        copy_roots: config.copy_roots.clone(),
        queue_length: config.connections_max,
        ..kura_engine::Config::new(config.data_dir.join(SPILL_FOLDER))
    }
}

/// Makes the folder of everything the server keeps; others on this machine have no business in it.
fn create_private_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Writes the ports file as a whole: who waits for it never reads half of it.
fn write_ports(path: &Path, ports: Ports) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    fs::write(&temporary, serde_json::to_vec(&ports)?)?;
    fs::rename(&temporary, path)
}

fn path_error(path: &Path) -> impl FnOnce(io::Error) -> StartError + use<> {
    let path = path.display().to_string();
    move |source| StartError::Path { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_file_is_the_contract() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ports.json");
        write_ports(&path, Ports { postgres: 5432, http: 8080 }).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), r#"{"postgres":5432,"http":8080}"#);
    }
}
