//! Who holds what and who waits for it: the state behind the lock table, changed under its mutex. Waits for nothing itself.
//!
//! A lock is granted when no other owner holds a mode that excludes it and nobody who waits already wants one; who holds a lock
//! on the object that a waiter must wait for anyway goes before that waiter (PostgreSQL's `JoinWaitQueue`), so that making a
//! lock stronger does not wait for those who wait for its owner.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use super::key::{LockKey, Scope};
use super::mode::{LockMode, MODES, Modes};

/// Names an owner in the table.
pub(super) type OwnerId = u64;

/// All locks.
#[derive(Default)]
pub(super) struct State {
    queues: HashMap<LockKey, Queue>,
    owners: HashMap<OwnerId, Holdings>,
}

/// The locks on one object. There is none without a holder or a waiter.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) holders: Vec<Holder>,
    /// In the order in which they get their turn.
    pub(super) waiting: VecDeque<Waiter>,
}

/// What one owner holds on one object.
pub(super) struct Holder {
    pub(super) owner: OwnerId,
    /// Modes held to the end of the transaction.
    transaction: Modes,
    /// How often each mode is held for the session.
    session: [u32; MODES.len()],
}

/// A lock wanted.
pub(super) struct Waiter {
    pub(super) owner: OwnerId,
    pub(super) mode: LockMode,
    scope: Scope,
    granted: oneshot::Sender<()>,
}

/// What one owner holds, and what it waits for.
#[derive(Default)]
pub(super) struct Holdings {
    pub(super) pid: i32,
    /// Locks of the transaction in the order in which they were taken.
    transaction: Vec<(LockKey, LockMode)>,
    /// Objects and modes held for the session.
    session: usize,
    /// Counts the transactions that ended.
    ended: u64,
    pub(super) waits_for: Option<LockKey>,
}

/// What became of a request.
pub(super) enum Request {
    Granted,
    /// It waits; the receiver is told when it is granted.
    Waits(oneshot::Receiver<()>),
}

impl Holder {
    pub(super) fn modes(&self) -> Modes {
        let session = MODES.into_iter().filter(|mode| self.session[*mode as usize] > 0);
        session.fold(self.transaction, Modes::with)
    }
}

impl Queue {
    pub(super) fn held_by(&self, owner: OwnerId) -> Modes {
        self.holders.iter().find(|holder| holder.owner == owner).map_or(Modes::NONE, Holder::modes)
    }

    /// Whether another owner holds what excludes `mode`.
    fn is_excluded(&self, owner: OwnerId, mode: LockMode) -> bool {
        self.holders.iter().any(|holder| holder.owner != owner && holder.modes().meets(mode.conflicts()))
    }

    fn holder(&mut self, owner: OwnerId) -> &mut Holder {
        let at = self.holders.iter().position(|holder| holder.owner == owner).unwrap_or_else(|| {
            self.holders.push(Holder { owner, transaction: Modes::NONE, session: [0; MODES.len()] });
            self.holders.len() - 1
        });
        &mut self.holders[at]
    }

    /// Where a new request stands among those who wait, and the modes wanted before it.
    fn place(&self, owner: OwnerId) -> (usize, Modes) {
        let held = self.held_by(owner);
        let mut ahead = Modes::NONE;
        for (place, waiter) in self.waiting.iter().enumerate() {
            if waiter.mode.conflicts().meets(held) {
                return (place, ahead);
            }
            ahead = ahead.with(waiter.mode);
        }
        (self.waiting.len(), ahead)
    }
}

impl State {
    pub(super) fn enter(&mut self, owner: OwnerId, pid: i32) {
        self.owners.insert(owner, Holdings { pid, ..Holdings::default() });
    }

    pub(super) fn holdings(&self, owner: OwnerId) -> Option<&Holdings> {
        self.owners.get(&owner)
    }

    pub(super) fn queue(&self, key: &LockKey) -> Option<&Queue> {
        self.queues.get(key)
    }

    /// Every owner that waits.
    pub(super) fn waiting(&self) -> Vec<OwnerId> {
        let mut waiting: Vec<OwnerId> = self.owners.iter().filter(|(_, held)| held.waits_for.is_some()).map(|(id, _)| *id).collect();
        waiting.sort_unstable();
        waiting
    }

    /// How many locks an owner holds.
    pub(super) fn count(&self, owner: OwnerId) -> usize {
        self.owners.get(&owner).map_or(0, |held| held.transaction.len() + held.session)
    }

    /// Names the owner's present transaction; `None` when the owner is gone.
    pub(super) fn transaction(&self, owner: OwnerId) -> Option<u64> {
        self.owners.get(&owner).map(|held| held.ended)
    }

    /// Locks of its transaction an owner holds.
    pub(super) fn mark(&self, owner: OwnerId) -> usize {
        self.owners.get(&owner).map_or(0, |held| held.transaction.len())
    }

    /// Whether the owner holds this very mode already, so that taking it once more never waits.
    pub(super) fn holds(&self, owner: OwnerId, key: &LockKey, mode: LockMode) -> bool {
        self.queues.get(key).is_some_and(|queue| queue.held_by(owner).contains(mode))
    }

    /// Whether a request would be granted at once.
    pub(super) fn is_free(&self, owner: OwnerId, key: &LockKey, mode: LockMode) -> bool {
        let Some(queue) = self.queues.get(key) else { return true };
        let (_, ahead) = queue.place(owner);
        queue.held_by(owner).contains(mode) || !(ahead.meets(mode.conflicts()) || queue.is_excluded(owner, mode))
    }

    /// Grants the lock, or puts the owner among those who wait for it.
    pub(super) fn request(&mut self, owner: OwnerId, key: &LockKey, mode: LockMode, scope: Scope) -> Request {
        if self.is_free(owner, key, mode) {
            self.grant(owner, key, mode, scope);
            return Request::Granted;
        }
        let (granted, told) = oneshot::channel();
        let queue = self.queues.entry(key.clone()).or_default();
        let (place, _) = queue.place(owner);
        queue.waiting.insert(place, Waiter { owner, mode, scope, granted });
        if let Some(held) = self.owners.get_mut(&owner) {
            held.waits_for = Some(key.clone());
        }
        Request::Waits(told)
    }

    fn grant(&mut self, owner: OwnerId, key: &LockKey, mode: LockMode, scope: Scope) {
        let holder = self.queues.entry(key.clone()).or_default().holder(owner);
        let held = self.owners.entry(owner).or_default();
        match scope {
            Scope::Transaction if holder.transaction.contains(mode) => {}
            Scope::Transaction => {
                holder.transaction = holder.transaction.with(mode);
                held.transaction.push((key.clone(), mode));
            }
            Scope::Session => {
                let count = &mut holder.session[mode as usize];
                held.session += usize::from(*count == 0);
                *count = count.saturating_add(1);
            }
        }
    }

    /// Takes back what a wait asked for, granted in the meantime or not.
    pub(super) fn give_up(&mut self, owner: OwnerId, key: &LockKey, mode: LockMode, scope: Scope) {
        let Some(held) = self.owners.get_mut(&owner) else { return };
        if held.waits_for.take().is_some() {
            self.stop_waiting(owner, key);
            return;
        }
        match scope {
            Scope::Transaction => {
                // It was granted last: its owner waited and took nothing else.
                let last = held.transaction.len().saturating_sub(1);
                self.release_to(owner, last);
            }
            Scope::Session => drop(self.release_once(owner, key, mode)),
        }
    }

    fn stop_waiting(&mut self, owner: OwnerId, key: &LockKey) {
        if let Some(queue) = self.queues.get_mut(key) {
            queue.waiting.retain(|waiter| waiter.owner != owner);
        }
        self.wake(key);
    }

    /// Releases the locks of the transaction that were taken after the first `mark` ones.
    pub(super) fn release_to(&mut self, owner: OwnerId, mark: usize) {
        let Some(held) = self.owners.get_mut(&owner) else { return };
        let released = held.transaction.split_off(mark.min(held.transaction.len()));
        for (key, mode) in released {
            if let Some(queue) = self.queues.get_mut(&key) {
                let holder = queue.holder(owner);
                holder.transaction = holder.transaction.without(mode);
            }
            self.wake(&key);
        }
    }

    /// Releases all locks of the transaction, which is over.
    pub(super) fn end_transaction(&mut self, owner: OwnerId) {
        self.release_to(owner, 0);
        if let Some(held) = self.owners.get_mut(&owner) {
            held.ended += 1;
        }
    }

    /// Releases a lock of the session once; `false`: it was not held.
    pub(super) fn release_once(&mut self, owner: OwnerId, key: &LockKey, mode: LockMode) -> bool {
        let Some(holder) = self.queues.get_mut(key).and_then(|queue| queue.holders.iter_mut().find(|holder| holder.owner == owner)) else {
            return false;
        };
        let count = &mut holder.session[mode as usize];
        if *count == 0 {
            return false;
        }
        *count -= 1;
        if *count == 0 {
            if let Some(held) = self.owners.get_mut(&owner) {
                held.session = held.session.saturating_sub(1);
            }
            self.wake(key);
        }
        true
    }

    /// Releases every lock of the session, however often it was taken.
    pub(super) fn release_session(&mut self, owner: OwnerId) {
        if self.owners.get(&owner).is_none_or(|held| held.session == 0) {
            return;
        }
        let holds = |queue: &Queue| queue.holders.iter().any(|holder| holder.owner == owner && holder.session != [0; MODES.len()]);
        let keys: Vec<LockKey> = self.queues.iter().filter(|(_, queue)| holds(queue)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            if let Some(queue) = self.queues.get_mut(&key) {
                queue.holder(owner).session = [0; MODES.len()];
            }
            self.wake(&key);
        }
        if let Some(held) = self.owners.get_mut(&owner) {
            held.session = 0;
        }
    }

    /// The owner is gone, and all its locks.
    pub(super) fn leave(&mut self, owner: OwnerId) {
        if let Some(key) = self.owners.get_mut(&owner).and_then(|held| held.waits_for.take()) {
            self.stop_waiting(owner, &key);
        }
        self.release_session(owner);
        self.release_to(owner, 0);
        self.owners.remove(&owner);
    }

    /// Who waits for an object, in order.
    pub(super) fn order(&self, key: &LockKey) -> Vec<OwnerId> {
        self.queues.get(key).map_or_else(Vec::new, |queue| queue.waiting.iter().map(|waiter| waiter.owner).collect())
    }

    /// Puts those who wait for an object back into an order.
    pub(super) fn restore(&mut self, key: &LockKey, order: &[OwnerId]) {
        if let Some(queue) = self.queues.get_mut(key) {
            let place = |waiter: &Waiter| order.iter().position(|owner| *owner == waiter.owner);
            queue.waiting.make_contiguous().sort_by_key(place);
        }
    }

    /// Lets `owner` have its turn before `before`, on the object both wait for.
    pub(super) fn advance(&mut self, key: &LockKey, owner: OwnerId, before: OwnerId) {
        let Some(queue) = self.queues.get_mut(key) else { return };
        let place = |queue: &Queue, owner| queue.waiting.iter().position(|waiter| waiter.owner == owner);
        if let (Some(from), Some(to)) = (place(queue, owner), place(queue, before))
            && let Some(waiter) = (from > to).then(|| queue.waiting.remove(from)).flatten()
        {
            queue.waiting.insert(to, waiter);
        }
    }

    /// Grants what can be granted now that something was released on the object.
    pub(super) fn wake(&mut self, key: &LockKey) {
        let Some(queue) = self.queues.get_mut(key) else { return };
        queue.holders.retain(|holder| !holder.modes().is_empty());
        let mut ahead = Modes::NONE;
        let mut place = 0;
        while let Some(queue) = self.queues.get_mut(key)
            && let Some(waiter) = queue.waiting.get(place)
        {
            let (owner, mode) = (waiter.owner, waiter.mode);
            if ahead.meets(mode.conflicts()) || queue.is_excluded(owner, mode) {
                ahead = ahead.with(mode);
                place += 1;
            } else if let Some(waiter) = queue.waiting.remove(place) {
                self.grant(owner, key, mode, waiter.scope);
                if let Some(held) = self.owners.get_mut(&owner) {
                    held.waits_for = None;
                }
                // Who stopped waiting at this moment gives up what it was granted.
                let _unheard = waiter.granted.send(());
            }
        }
        if self.queues.get(key).is_some_and(|queue| queue.holders.is_empty() && queue.waiting.is_empty()) {
            self.queues.remove(key);
        }
    }

    /// Whether nothing is held and nobody waits.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// All that is held: owner, object, modes. In no order.
    #[cfg(test)]
    pub(super) fn held(&self) -> Vec<(OwnerId, LockKey, Modes)> {
        let holders = |(key, queue): (&LockKey, &Queue)| {
            let key = key.clone();
            queue.holders.iter().map(move |holder| (holder.owner, key.clone(), holder.modes())).collect::<Vec<_>>()
        };
        self.queues.iter().flat_map(holders).collect()
    }
}
