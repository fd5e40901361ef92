//! The live sessions: their process ids, cancel keys, what each runs, and how many there may be.

use std::collections::HashMap;
use std::sync::Arc;

use kura_pgtypes::{SqlError, SqlState};
use parking_lot::Mutex;

use crate::config::Config;
use crate::interrupt::{Interrupt, Reason};
use crate::login::random_bytes;
use crate::login::scram::equal;

/// Longest cancel key in bytes.
const KEY_BYTES_MAX: usize = 32;

/// All live sessions.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    live: Mutex<HashMap<i32, Arc<Live>>>,
}

/// What others may know of a live session, and do to it.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) pid: i32,
    pub(crate) key: Vec<u8>,
    running: Mutex<Option<Interrupt>>,
}

impl Live {
    /// The statement that a cancel request ends from now on.
    pub(crate) fn runs(&self, interrupt: Option<Interrupt>) {
        *self.running.lock() = interrupt;
    }

    pub(crate) fn interrupt(&self, reason: Reason) {
        if let Some(interrupt) = &*self.running.lock() {
            interrupt.raise(reason);
        }
    }
}

impl Registry {
    /// Enters a session; `key_bytes` as long as the protocol allows the cancel key to be.
    pub(crate) fn enter(&self, config: &Config, superuser: bool, key_bytes: usize) -> Result<Arc<Live>, SqlError> {
        let mut live = self.live.lock();
        if live.len() >= config.connections_max {
            return Err(SqlError::new(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already"));
        }
        if !superuser && live.len() >= config.connections_max.saturating_sub(config.connections_reserved) {
            let message = "remaining connection slots are reserved for non-replication superuser connections";
            return Err(SqlError::new(SqlState::TOO_MANY_CONNECTIONS, message));
        }
        let pid = loop {
            let pid = i32::from_be_bytes(random_bytes()) & 0x7fff_ffff;
            if pid > 0 && !live.contains_key(&pid) {
                break pid;
            }
        };
        let key = random_bytes::<KEY_BYTES_MAX>()[..key_bytes.clamp(4, KEY_BYTES_MAX)].to_vec();
        let entry = Arc::new(Live { pid, key, running: Mutex::new(None) });
        live.insert(pid, Arc::clone(&entry));
        Ok(entry)
    }

    pub(crate) fn leave(&self, pid: i32) {
        self.live.lock().remove(&pid);
    }

    /// Ends what the session with this process id and key runs; says nothing about whether there was one.
    pub(crate) fn cancel(&self, pid: i32, key: &[u8]) {
        let live = self.live.lock().get(&pid).map(Arc::clone);
        if let Some(live) = live
            && equal(&live.key, key)
        {
            live.interrupt(Reason::User);
        }
    }

    pub(crate) fn interrupt_all(&self, reason: Reason) {
        let live: Vec<_> = self.live.lock().values().map(Arc::clone).collect();
        for session in live {
            session.interrupt(reason);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.live.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_reserved_for_superusers() {
        let registry = Registry::default();
        let config = Config { connections_max: 3, connections_reserved: 1, ..Config::default() };
        let first = registry.enter(&config, false, 4).expect("a slot");
        registry.enter(&config, false, 4).expect("a slot");
        assert!(registry.enter(&config, false, 4).expect_err("reserved").message.contains("reserved"));
        registry.enter(&config, true, 4).expect("the reserved slot");
        assert_eq!(registry.enter(&config, true, 4).expect_err("full").message, "sorry, too many clients already");
        registry.leave(first.pid);
        registry.enter(&config, true, 4).expect("a slot again");
    }

    #[test]
    fn only_the_right_key_cancels() {
        let registry = Registry::default();
        let live = registry.enter(&Config::default(), false, 32).expect("a slot");
        let interrupt = Interrupt::new(None);
        live.runs(Some(interrupt.clone()));
        registry.cancel(live.pid, &[0; 32]);
        registry.cancel(live.pid, &live.key[..4]);
        registry.cancel(live.pid.wrapping_add(1), &live.key);
        assert_eq!(interrupt.reason(), None);
        registry.cancel(live.pid, &live.key);
        assert_eq!(interrupt.reason(), Some(Reason::User));
    }
}
