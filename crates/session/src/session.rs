//! One client's conversation: what it holds, and how its transaction begins and ends.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kura_catalog::{LockOwner, Role};
use kura_pgtypes::{OutputSettings, SqlError, SqlState};
use parking_lot::Mutex;

use crate::error::Result;
use crate::interrupt::{Interrupt, Reason};
use crate::notice::{Notice, Notices, Severity};
use crate::portal::Portal;
use crate::prepared::Prepared;
use crate::registry::Live;
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::transaction::{Failed, Open, State, Status};

/// One client's conversation. Dropping it ends what it runs and rolls back what it has open.
///
/// Every method that returns an error leaves the transaction to [`Session::fail`], which the protocol calls once per error.
pub struct Session {
    pub(crate) shared: Arc<Sessions>,
    pub(crate) role: Arc<Role>,
    pub(crate) settings: Arc<Mutex<Settings>>,
    pub(crate) state: State,
    pub(crate) prepared: HashMap<String, Arc<Prepared>>,
    pub(crate) portals: HashMap<String, Portal>,
    pub(crate) notices: Notices,
    pub(crate) query_id: u64,
    pub(crate) copy_roots: Vec<PathBuf>,
    pub(crate) locks: Arc<LockOwner>,
    /// Warnings of functions, raised while queries run.
    pub(crate) late_warnings: Arc<Mutex<Vec<SqlError>>>,
    /// Number of the next portal.
    pub(crate) next_portal: u64,
    /// Whether the statements that run came in one string of several.
    pub(crate) in_script: bool,
    live: Arc<Live>,
}

impl Session {
    pub(crate) fn new(shared: Arc<Sessions>, role: Arc<Role>, live: Arc<Live>, settings: Settings) -> Self {
        let locks = Arc::new(shared.catalog.locks().owner(live.pid));
        Self {
            shared,
            role,
            settings: Arc::new(Mutex::new(settings)),
            state: State::None,
            prepared: HashMap::new(),
            portals: HashMap::new(),
            notices: Notices::default(),
            query_id: 0,
            copy_roots: Vec::new(),
            locks,
            late_warnings: Arc::default(),
            next_portal: 0,
            in_script: false,
            live,
        }
    }

    /// Lets this session's COPY read files below `root`, beside the configured roots. For the server's own sessions.
    pub fn add_copy_root(&mut self, root: PathBuf) {
        self.copy_roots.push(root);
    }

    /// The process id a client knows this session by.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.live.pid
    }

    /// The secret that cancels this session's statements.
    #[must_use]
    pub fn cancel_key(&self) -> &[u8] {
        &self.live.key
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.role.name
    }

    /// Id of the statement that runs or ran last, as in the logs.
    #[must_use]
    pub fn query_id(&self) -> u64 {
        self.query_id
    }

    /// Where the transaction stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state.status()
    }

    /// Everything output depends on, as set now.
    #[must_use]
    pub fn output_settings(&self) -> OutputSettings {
        self.settings.lock().output().clone()
    }

    /// All settings a client is told at login.
    #[must_use]
    pub fn reported_settings(&self) -> Vec<(&'static str, String)> {
        self.settings.lock().take_reported()
    }

    /// Settings a client is told of that changed since the last call.
    #[must_use]
    pub fn changed_settings(&self) -> Vec<(&'static str, String)> {
        self.settings.lock().take_changes()
    }

    /// Notices since the last call, oldest first.
    #[must_use]
    pub fn take_notices(&mut self) -> Vec<Notice> {
        for warning in std::mem::take(&mut *self.late_warnings.lock()) {
            self.notices.push(Severity::Warning, warning, &self.settings.lock());
        }
        self.notices.take()
    }

    /// How long the session may stay idle as it stands, and the error that ends it then.
    #[must_use]
    pub fn idle_limit(&self) -> Option<(Duration, SqlError)> {
        let settings = self.settings.lock();
        let (name, state, message) = match self.status() {
            Status::Idle => ("idle_session_timeout", SqlState::IDLE_SESSION_TIMEOUT, "terminating connection due to idle-session timeout"),
            Status::Open | Status::Failed => (
                "idle_in_transaction_session_timeout",
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                "terminating connection due to idle-in-transaction timeout",
            ),
        };
        Some((settings.timeout(name)?, SqlError::new(state, message)))
    }

    /// A statement is answered. With `last`, nothing more follows in its string or pipeline: what was implicit commits.
    /// Only when this returns may the client be told that the statement is complete.
    ///
    /// # Errors
    /// 40001 when another session's commit conflicts; everything of the transaction is undone then.
    pub async fn complete(&mut self, last: bool) -> Result<()> {
        self.live.runs(None);
        if last && matches!(self.state, State::Implicit(_)) {
            return self.commit().await;
        }
        Ok(())
    }

    /// Something failed: undoes what was implicit, marks a block as failed. A block with savepoints can still return to them;
    /// what was locked, set and opened since the last one ends now.
    pub fn fail(&mut self) {
        self.live.runs(None);
        self.state = match std::mem::take(&mut self.state) {
            State::None => State::None,
            State::Implicit(_) => {
                self.ended(false);
                State::None
            }
            State::Block(open) => {
                let modes = self.modes();
                let open = if let Some(savepoint) = open.savepoint() {
                    self.locks.release_to(savepoint.locks);
                    self.settings.lock().restore(&savepoint.settings);
                    self.portals.retain(|_, portal| portal.number < savepoint.portals);
                    Some(open)
                } else {
                    drop(open);
                    self.ended(false);
                    None
                };
                State::Failed(Failed { open, modes })
            }
            State::Failed(failed) => State::Failed(failed),
        };
    }

    /// Begins a statement: its id, its timeout, its place in the registry.
    pub(crate) fn begin_statement(&mut self) -> Interrupt {
        self.query_id = self.shared.next_query_id();
        let interrupt = Interrupt::new(self.statement_timeout());
        self.live.runs(Some(interrupt.clone()));
        interrupt
    }

    pub(crate) fn continue_statement(&mut self, interrupt: &Interrupt) -> Interrupt {
        let interrupt = interrupt.renewed(self.statement_timeout());
        self.live.runs(Some(interrupt.clone()));
        interrupt
    }

    pub(crate) fn pause_statement(&mut self) {
        self.live.runs(None);
    }

    pub(crate) fn warn(&mut self, state: SqlState, message: &str) {
        self.notices.push(Severity::Warning, SqlError::new(state, message), &self.settings.lock());
    }

    /// Opens a transaction unless one is open, and says when it began.
    pub(crate) fn open(&mut self) -> &mut Open {
        if matches!(self.state, State::None) {
            let open = self.opened();
            self.state = State::Implicit(open);
        }
        self.state.open().expect("opened above, and nothing opens a failed transaction")
    }

    /// Opens a block, or turns what is implicit into one.
    pub(crate) fn open_block(&mut self) {
        self.state = match std::mem::take(&mut self.state) {
            State::None => State::Block(self.opened()),
            State::Implicit(open) | State::Block(open) => State::Block(open),
            State::Failed(failed) => State::Failed(failed),
        };
    }

    fn opened(&mut self) -> Open {
        self.settings.lock().begin();
        Open::new(self.shared.catalog.clock().now_micros())
    }

    /// Commits what is open.
    pub(crate) async fn commit(&mut self) -> Result<()> {
        // Portals read within the transaction; they end before it does.
        self.portals.clear();
        match std::mem::take(&mut self.state) {
            State::None | State::Failed(_) => Ok(()),
            State::Implicit(open) | State::Block(open) => {
                let result = open.commit().await;
                self.ended(result.is_ok());
                result
            }
        }
    }

    /// Undoes what is open.
    pub(crate) fn roll_back(&mut self) {
        self.state = State::None;
        self.ended(false);
    }

    fn ended(&mut self, committed: bool) {
        self.portals.clear();
        let mut settings = self.settings.lock();
        if committed {
            settings.commit();
        } else {
            settings.rollback();
        }
        drop(settings);
        self.locks.release_transaction();
    }

    fn statement_timeout(&self) -> Option<Duration> {
        self.settings.lock().timeout("statement_timeout")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.live.interrupt(Reason::Disconnected);
        self.locks.leave();
        self.shared.registry.leave(self.live.pid);
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("pid", &self.live.pid).field("user", &self.role.name).finish_non_exhaustive()
    }
}
