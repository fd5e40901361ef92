//! What all conversations share, and how one begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kura_catalog::Catalog;
use kura_engine::Engine;
use kura_pgtypes::SqlState;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::interrupt::Reason;
use crate::login::{Authenticated, Exchange, ServerSecret, random_bytes};
use crate::registry::Registry;
use crate::session::Session;
use crate::settings::Settings;

/// The one database there is.
pub const DATABASE: &str = "kura";

/// What all sessions share.
pub struct Sessions {
    pub(crate) config: Config,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) registry: Registry,
    secret: ServerSecret,
    next_query: AtomicU64,
}

/// What a client asks for at login.
#[derive(Clone, Debug, Default)]
pub struct LoginOptions {
    /// The database.
    pub database: String,
    /// Settings in order: name and text.
    pub settings: Vec<(String, String)>,
    /// Length of the cancel key in bytes: 4 to 32.
    pub key_bytes: usize,
}

impl Sessions {
    /// Sessions over these components. `secret` belongs to this server and stays the same over restarts.
    #[must_use]
    pub fn new(config: Config, catalog: Arc<Catalog>, engine: Arc<Engine>, secret: ServerSecret) -> Arc<Self> {
        // Query ids of two runs of the server should not meet in its logs.
        let first = u64::from_be_bytes(random_bytes()) >> 1;
        Arc::new(Self { config, catalog, engine, registry: Registry::default(), secret, next_query: AtomicU64::new(first) })
    }

    /// Begins the proof of a user's identity; the same steps follow whether the user exists or not.
    ///
    /// `binding`: hash of the server's certificate (`tls-server-end-point`) when the connection is encrypted.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn exchange(&self, user: &str, binding: Option<Vec<u8>>) -> Result<Exchange> {
        let role = self.catalog.role(user).await?;
        Ok(Exchange::new(user, role, &self.secret, binding))
    }

    /// Begins the session of a role that proved itself.
    ///
    /// # Errors
    /// 28000 a role that may not log in; 3D000 another database; 53300 too many sessions; a setting's own error.
    pub fn open(self: &Arc<Self>, who: &Authenticated, options: &LoginOptions) -> Result<Session> {
        let role = who.role();
        if !role.login {
            let message = format!("role \"{}\" is not permitted to log in", role.name);
            return Err(Error::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, message));
        }
        if options.database != DATABASE {
            let message = format!("database \"{}\" does not exist", options.database);
            return Err(Error::new(SqlState::INVALID_CATALOG_NAME, message));
        }
        let mut settings = Settings::new(&role.name, role.superuser);
        for (name, text) in &options.settings {
            settings.set_initial(name, text)?;
        }
        let live = self.registry.enter(&self.config, role.superuser, options.key_bytes)?;
        Ok(Session::new(Arc::clone(self), Arc::clone(role), live, settings))
    }

    /// Ends what the session with this process id runs, if the key is its key. Tells nobody whether it was.
    pub fn cancel(&self, pid: i32, key: &[u8]) {
        self.registry.cancel(pid, key);
    }

    /// Ends every running statement because the server stops.
    pub fn interrupt_all(&self) {
        self.registry.interrupt_all(Reason::Shutdown);
    }

    /// How many sessions there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.registry.len()
    }

    pub(crate) fn next_query_id(&self) -> u64 {
        self.next_query.fetch_add(1, Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("count", &self.count()).finish_non_exhaustive()
    }
}
