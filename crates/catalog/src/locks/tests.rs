//! The lock table: turns, upgrades, deadlocks, ends of waits; and a long random course held against a simple model.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinHandle;

use super::mode::{MODES, Modes};
use super::*;

use LockMode::{AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share, ShareRowExclusive};

const T: LockKey = LockKey::Relation(1);
const U: LockKey = LockKey::Relation(2);

fn owners<const N: usize>() -> [Arc<LockOwner>; N] {
    let table: Arc<LockTable> = Arc::default();
    std::array::from_fn(|at| Arc::new(table.owner(i32::try_from(at).expect("few") + 1)))
}

async fn lock(owner: &LockOwner, key: &LockKey, mode: LockMode) -> Result<bool, LockError> {
    owner.lock(key, mode, Scope::Transaction, Some(Duration::from_millis(20))).await
}

/// Begins to wait on a task of its own; returns when it is among those who wait.
async fn begin(owner: &Arc<LockOwner>, key: LockKey, mode: LockMode) -> JoinHandle<Result<bool, LockError>> {
    let task = tokio::spawn({
        let owner = Arc::clone(owner);
        async move { owner.lock(&key, mode, Scope::Transaction, None).await }
    });
    while !owner.table.state.lock().waiting().contains(&owner.id) {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test]
async fn modes_that_go_together_do_not_wait() {
    let [a, b] = owners();
    assert_eq!(lock(&a, &T, RowExclusive).await, Ok(false));
    assert_eq!(lock(&b, &T, RowExclusive).await, Ok(false));
    assert_eq!(lock(&b, &T, Share).await, Err(LockError::Timeout));
    assert_eq!(lock(&b, &U, AccessExclusive).await, Ok(false));
    a.release_transaction();
    assert_eq!(lock(&b, &T, Share).await, Ok(false));
}

#[tokio::test]
async fn turns_are_in_order_of_arrival() {
    let [a, b, c] = owners();
    assert_eq!(lock(&a, &T, RowShare).await, Ok(false));
    let strong = begin(&b, T, AccessExclusive).await;
    // It would go with what is held, and still waits behind the one who came first.
    let weak = begin(&c, T, RowShare).await;
    a.release_transaction();
    assert_eq!(strong.await.expect("no panic"), Ok(true));
    assert!(!weak.is_finished());
    b.release_transaction();
    assert_eq!(weak.await.expect("no panic"), Ok(true));
}

#[tokio::test]
async fn a_stronger_lock_of_the_holder_goes_first() {
    let [a, b] = owners();
    assert_eq!(lock(&a, &T, RowExclusive).await, Ok(false));
    let waits = begin(&b, T, Exclusive).await;
    assert_eq!(lock(&a, &T, ShareRowExclusive).await, Ok(false));
    assert_eq!(lock(&a, &T, RowExclusive).await, Ok(false));
    a.release_transaction();
    assert_eq!(waits.await.expect("no panic"), Ok(true));
}

#[tokio::test]
async fn two_who_upgrade_are_a_deadlock() {
    let [a, b] = owners();
    assert_eq!(lock(&a, &T, Share).await, Ok(false));
    assert_eq!(lock(&b, &T, Share).await, Ok(false));
    let first = begin(&a, T, RowExclusive).await;
    let error = lock(&b, &T, RowExclusive).await.expect_err("a circle");
    assert_eq!(error.sqlstate(), SqlState::T_R_DEADLOCK_DETECTED);
    let detail = "Process 2 waits for RowExclusiveLock on relation 1; blocked by process 1.\n\
                  Process 1 waits for RowExclusiveLock on relation 1; blocked by process 2.";
    assert_eq!(error.detail().as_deref(), Some(detail));
    b.release_transaction();
    assert_eq!(first.await.expect("no panic"), Ok(true));
}

#[tokio::test]
async fn a_circle_of_three_is_found_and_a_chain_is_not_one() {
    let [a, b, c] = owners();
    let keys = [LockKey::Relation(1), LockKey::Rows(1), LockKey::Advisory { key: 1, pair: false }];
    for (owner, key) in [&a, &b, &c].into_iter().zip(&keys) {
        assert_eq!(lock(owner, key, Exclusive).await, Ok(false));
    }
    let first = begin(&a, keys[1].clone(), Share).await;
    let second = begin(&b, keys[2].clone(), Share).await;
    assert!(matches!(lock(&c, &keys[0], Share).await, Err(LockError::Deadlock { .. })));
    assert!(!first.is_finished() && !second.is_finished());
    c.release_transaction();
    assert_eq!(second.await.expect("no panic"), Ok(true));
    b.release_transaction();
    assert_eq!(first.await.expect("no panic"), Ok(true));
}

#[tokio::test]
async fn a_circle_of_turns_only_is_opened() {
    let [a, b, c] = owners();
    assert_eq!(lock(&a, &T, RowShare).await, Ok(false));
    assert_eq!(lock(&c, &U, Exclusive).await, Ok(false));
    // b waits for a; c would wait behind b, and a for c: nobody could go on, but c may go before b.
    let strong = begin(&b, T, AccessExclusive).await;
    let weak = begin(&c, T, AccessShare).await;
    let last = begin(&a, U, Exclusive).await;
    assert_eq!(weak.await.expect("no panic"), Ok(true));
    c.release_transaction();
    assert_eq!(last.await.expect("no panic"), Ok(true));
    a.release_transaction();
    assert_eq!(strong.await.expect("no panic"), Ok(true));
}

#[tokio::test]
async fn a_wait_that_ends_makes_room() {
    let [a, b, c] = owners();
    assert_eq!(lock(&a, &T, RowShare).await, Ok(false));
    let strong = begin(&b, T, AccessExclusive).await;
    let weak = begin(&c, T, RowShare).await;
    strong.abort();
    assert_eq!(weak.await.expect("no panic"), Ok(true));
    drop((a, c));
    assert_eq!(lock(&b, &T, AccessExclusive).await, Ok(false));
}

#[tokio::test]
async fn marks_are_returned_to() {
    let [a, b] = owners();
    assert_eq!(lock(&a, &T, RowShare).await, Ok(false));
    let mark = a.mark();
    assert_eq!(lock(&a, &T, RowShare).await, Ok(false));
    assert_eq!(lock(&a, &T, Exclusive).await, Ok(false));
    assert_eq!(lock(&a, &U, Exclusive).await, Ok(false));
    a.release_to(mark);
    assert_eq!(lock(&b, &U, Exclusive).await, Ok(false));
    assert_eq!(lock(&b, &T, RowShare).await, Ok(false));
    assert_eq!(lock(&b, &T, Exclusive).await, Err(LockError::Timeout));
}

#[test]
fn locks_of_a_session_are_counted_and_outlive_its_transactions() {
    let [a, b] = owners();
    let key = LockKey::Advisory { key: 7, pair: true };
    let attempt = |owner: &LockOwner, mode| owner.try_lock(&key, mode, Scope::Session, None);
    assert_eq!(attempt(&a, Exclusive), Ok(true));
    assert_eq!(attempt(&a, Exclusive), Ok(true));
    assert_eq!(attempt(&a, Share), Ok(true));
    a.release_transaction();
    assert_eq!(attempt(&b, Share), Ok(false));
    assert!(a.unlock(&key, Exclusive) && a.unlock(&key, Exclusive) && !a.unlock(&key, Exclusive));
    assert_eq!(attempt(&b, Share), Ok(true));
    assert_eq!(attempt(&b, Exclusive), Ok(false));
    a.unlock_all();
    assert_eq!(attempt(&b, Exclusive), Ok(true));
    b.leave();
    assert_eq!(attempt(&b, Exclusive), Err(LockError::Gone));
    assert!(a.table.state.lock().is_empty());
}

#[test]
fn what_is_late_for_its_transaction_gets_nothing() {
    let [a] = owners();
    let transaction = Some(a.transaction());
    assert_eq!(a.try_lock(&T, Exclusive, Scope::Transaction, transaction), Ok(true));
    a.release_transaction();
    assert_eq!(a.try_lock(&T, Exclusive, Scope::Transaction, transaction), Err(LockError::Gone));
}

#[test]
fn one_owner_cannot_take_all_memory() {
    let [a] = owners();
    let attempt = |id: usize| a.try_lock(&LockKey::Rows(i64::try_from(id).expect("few")), Share, Scope::Transaction, None);
    assert!((0..LOCKS_MAX).all(|id| attempt(id) == Ok(true)));
    assert_eq!(attempt(LOCKS_MAX), Err(LockError::TooMany));
    assert_eq!(attempt(0), Ok(true), "what is held already is no new lock");
}

/// What a table must be like, kept in the simplest way: a list of grants, and for each owner the request it waits with.
#[derive(Default)]
struct Model {
    held: Vec<(OwnerId, LockKey, LockMode)>,
    waits: BTreeMap<OwnerId, (LockKey, LockMode)>,
}

impl Model {
    fn blockers(&self, owner: OwnerId, key: &LockKey, mode: LockMode) -> Vec<OwnerId> {
        let blocks =
            |(other, held, with): &&(OwnerId, LockKey, LockMode)| *other != owner && held == key && mode.conflicts().contains(*with);
        self.held.iter().filter(blocks).map(|(other, ..)| *other).collect()
    }

    /// Whether owners wait in a circle for what others hold.
    fn has_circle(&self) -> bool {
        // Whoever waits for nobody who waits will go on; taking those away again and again leaves the circles.
        let mut stuck: Vec<OwnerId> = self.waits.keys().copied().collect();
        loop {
            let before = stuck.len();
            let waits_for_stuck = |owner: &OwnerId| {
                let (key, mode) = &self.waits[owner];
                self.blockers(*owner, key, *mode).iter().any(|blocker| stuck.contains(blocker))
            };
            stuck = stuck.iter().copied().filter(waits_for_stuck).collect();
            if stuck.len() == before {
                return before > 0;
            }
        }
    }

    fn grant(&mut self, owner: OwnerId, key: LockKey, mode: LockMode) {
        assert!(self.blockers(owner, &key, mode).is_empty(), "{mode} on {key} was granted beside what excludes it");
        if !self.held.contains(&(owner, key.clone(), mode)) {
            self.held.push((owner, key, mode));
        }
    }

    fn modes(&self) -> BTreeMap<(OwnerId, String), u32> {
        let mut modes: BTreeMap<(OwnerId, String), u32> = BTreeMap::new();
        for (owner, key, mode) in &self.held {
            *modes.entry((*owner, key.to_string())).or_default() |= 1 << *mode as u8;
        }
        modes
    }
}

fn modes_of(state: &State) -> BTreeMap<(OwnerId, String), u32> {
    let bits = |modes: Modes| MODES.into_iter().filter(|mode| modes.contains(*mode)).fold(0, |bits, mode| bits | 1 << mode as u8);
    state.held().into_iter().map(|(owner, key, modes)| ((owner, key.to_string()), bits(modes))).collect()
}

/// Eight owners, three objects, all modes: requests, ends, ends of waits, in random order. After each step the table holds what
/// the model holds, nobody waits in a circle, and whoever waits first for an object has a reason to.
#[test]
fn random_courses_agree_with_the_model() {
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut state, mut model) = (State::default(), Model::default());
        let mut told: BTreeMap<OwnerId, tokio::sync::oneshot::Receiver<()>> = BTreeMap::new();
        (0..8).for_each(|owner| state.enter(owner, 0));
        let (mut waited, mut deadlocks) = (0, 0);
        for _ in 0..2_000 {
            let owner = rng.random_range(0..8);
            if let Some((key, mode)) = model.waits.get(&owner).cloned() {
                if rng.random_bool(0.1) {
                    state.give_up(owner, &key, mode, Scope::Transaction);
                    model.waits.remove(&owner);
                    told.remove(&owner);
                }
            } else if rng.random_bool(0.2) {
                state.end_transaction(owner);
                model.held.retain(|(holder, ..)| *holder != owner);
            } else {
                let (key, mode) = (LockKey::Rows(rng.random_range(0..3)), MODES[rng.random_range(0..MODES.len())]);
                match state.request(owner, &key, mode, Scope::Transaction) {
                    Request::Granted => model.grant(owner, key, mode),
                    Request::Waits(receiver) => {
                        model.waits.insert(owner, (key.clone(), mode));
                        if deadlock::resolve(&mut state, owner).is_err() {
                            state.give_up(owner, &key, mode, Scope::Transaction);
                            model.waits.remove(&owner);
                            deadlocks += 1;
                        } else {
                            told.insert(owner, receiver);
                            waited += 1;
                        }
                    }
                }
            }
            let granted: Vec<OwnerId> = told.iter_mut().filter_map(|(owner, told)| told.try_recv().ok().map(|()| *owner)).collect();
            for owner in granted {
                told.remove(&owner);
                let (key, mode) = model.waits.remove(&owner).expect("only who waits is told");
                model.grant(owner, key, mode);
            }
            assert_eq!(modes_of(&state), model.modes(), "seed {seed}");
            assert!(!model.has_circle(), "seed {seed}: a deadlock was not seen");
            for key in (0..3).map(LockKey::Rows) {
                if let Some(first) = state.order(&key).first() {
                    let (_, mode) = &model.waits[first];
                    assert!(!model.blockers(*first, &key, *mode).is_empty(), "seed {seed}: the first one waits for nothing");
                }
            }
        }
        assert!(waited > 50 && deadlocks > 5, "seed {seed}: {waited} waits and {deadlocks} deadlocks say little");
        (0..8).for_each(|owner| state.leave(owner));
        assert!(state.is_empty(), "seed {seed}: something is left");
    }
}
