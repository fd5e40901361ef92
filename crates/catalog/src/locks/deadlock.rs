//! Finds owners that wait for each other, at the moment one begins to wait.
//!
//! An owner waits for those who hold what excludes its lock, and for those who wait before it for what excludes it. A circle
//! with a wait of the second kind is opened by letting the later one go first, as PostgreSQL does; when that leaves a circle,
//! it is a deadlock. A deadlock is always found; that one could still have been avoided by another order is possible.

use super::key::LockKey;
use super::mode::{LockMode, Modes};
use super::queue::{OwnerId, State};

/// Changes of order tried before a circle counts as a deadlock.
const REORDERINGS_MAX: usize = 64;

/// One owner that waits for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) owner: OwnerId,
    pub(super) pid: i32,
    pub(super) key: LockKey,
    pub(super) mode: LockMode,
    pub(super) blocker: OwnerId,
    pub(super) blocker_pid: i32,
    /// Whether the other does not hold the lock either but wanted it earlier.
    pub(super) queued: bool,
}

/// Makes sure that nobody waits in a circle, changing the order of those who wait where that helps. `start`: who began to wait.
///
/// # Errors
/// The circle that is left; it begins with `start` where that is in it.
pub(super) fn resolve(state: &mut State, start: OwnerId) -> Result<(), Vec<Wait>> {
    let mut moved: Vec<(LockKey, Vec<OwnerId>)> = Vec::new();
    for left in (0..=REORDERINGS_MAX).rev() {
        let Some(circle) = circle(state, start) else { break };
        let Some(queued) = circle.iter().find(|wait| wait.queued).filter(|_| left > 0) else {
            // The old order had no circle without `start`.
            for (key, order) in moved {
                state.restore(&key, &order);
            }
            return Err(circle);
        };
        if !moved.iter().any(|(key, _)| *key == queued.key) {
            moved.push((queued.key.clone(), state.order(&queued.key)));
        }
        state.advance(&queued.key, queued.owner, queued.blocker);
    }
    for (key, _) in moved {
        state.wake(&key);
    }
    Ok(())
}

fn circle(state: &State, start: OwnerId) -> Option<Vec<Wait>> {
    let others = state.waiting().into_iter().filter(|owner| *owner != start);
    std::iter::once(start).chain(others).find_map(|owner| circle_through(state, owner))
}

/// A way from an owner over those it waits for back to itself.
fn circle_through(state: &State, start: OwnerId) -> Option<Vec<Wait>> {
    let mut seen = vec![start];
    let mut path: Vec<Wait> = Vec::new();
    // The waits not yet followed, for each owner on the path.
    let mut open = vec![waits(state, start)];
    while let Some(branches) = open.last_mut() {
        let Some(wait) = branches.pop() else {
            open.pop();
            path.pop();
            continue;
        };
        let blocker = wait.blocker;
        if blocker == start {
            path.push(wait);
            return Some(path);
        }
        if !seen.contains(&blocker) {
            seen.push(blocker);
            path.push(wait);
            open.push(waits(state, blocker));
        }
    }
    None
}

/// Whom an owner waits for.
fn waits(state: &State, owner: OwnerId) -> Vec<Wait> {
    let Some(held) = state.holdings(owner) else { return Vec::new() };
    let Some((key, queue)) = held.waits_for.as_ref().and_then(|key| Some((key, state.queue(key)?))) else {
        return Vec::new();
    };
    let Some(place) = queue.waiting.iter().position(|waiter| waiter.owner == owner) else {
        return Vec::new();
    };
    let mode = queue.waiting[place].mode;
    let wait = |blocker: OwnerId, queued: bool| Wait {
        owner,
        pid: held.pid,
        key: key.clone(),
        mode,
        blocker,
        blocker_pid: state.holdings(blocker).map_or(0, |held| held.pid),
        queued,
    };
    let excluded = |modes: Modes| modes.meets(mode.conflicts());
    let before = queue.waiting.iter().take(place).filter(|other| excluded(Modes::NONE.with(other.mode)));
    let holders = queue.holders.iter().filter(|holder| holder.owner != owner && excluded(holder.modes()));
    // The last one is followed first: circles of held locks are found before those that a change of order opens.
    before.map(|other| wait(other.owner, true)).chain(holders.map(|holder| wait(holder.owner, false))).collect()
}
