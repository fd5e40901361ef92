//! Snapshot isolation against a model: random interleavings of transactions, each seeing what it may.

use std::collections::{BTreeMap, BTreeSet};

use kura_catalog::{Snapshot, Transaction};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::lake::{Lake, file, is_conflict, new_table, public};

/// One step of one of the slots in which transactions run.
#[derive(Debug, Clone)]
enum Step {
    Begin(usize),
    Create(usize, u8),
    Drop(usize, u8),
    Append(usize, u8),
    Commit(usize),
    Rollback(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let slot = 0..3_usize;
    let name = 0..3_u8;
    let step = prop_oneof![
        3 => slot.clone().prop_map(Step::Begin),
        3 => (slot.clone(), name.clone()).prop_map(|(slot, name)| Step::Create(slot, name)),
        2 => (slot.clone(), name.clone()).prop_map(|(slot, name)| Step::Drop(slot, name)),
        4 => (slot.clone(), name).prop_map(|(slot, name)| Step::Append(slot, name)),
        3 => slot.clone().prop_map(Step::Commit),
        1 => slot.prop_map(Step::Rollback),
    ];
    prop::collection::vec(step, 1..40)
}

/// Rows by table name.
type State = BTreeMap<String, u64>;

/// A transaction as the model has it.
struct Modelled {
    transaction: Transaction,
    began_at: usize,
    state: State,
    created: BTreeSet<String>,
    dropped: BTreeSet<String>,
    appended: BTreeMap<String, u64>,
}

/// What one commit did to names that were there before.
#[derive(Default)]
struct Done {
    created: BTreeSet<String>,
    dropped: BTreeSet<String>,
}

fn observed(snapshot: &Snapshot) -> State {
    let rows = |name: &str, id| (name.to_owned(), snapshot.table(id).map_or(0, |table| table.record_count));
    snapshot.relations(public(snapshot)).map(|relation| rows(relation.name(), relation.id())).collect()
}

impl Modelled {
    fn apply(&mut self, step: &Step) {
        let view = self.transaction.snapshot();
        let schema_id = public(&view);
        let (Step::Create(_, name) | Step::Drop(_, name) | Step::Append(_, name)) = step else {
            return;
        };
        let name = format!("t{name}");
        let id = view.relation(schema_id, &name).map(kura_catalog::Relation::id);
        assert_eq!(id.is_some(), self.state.contains_key(&name));
        match (step, id) {
            (Step::Create(..), None) => {
                self.transaction.create_table(new_table(schema_id, &name)).unwrap();
                self.state.insert(name.clone(), 0);
                self.created.insert(name);
            }
            (Step::Drop(..), Some(id)) => {
                self.transaction.drop_table(id).unwrap();
                self.state.remove(&name);
                self.appended.remove(&name);
                if !self.created.remove(&name) {
                    self.dropped.insert(name);
                }
            }
            (Step::Append(..), Some(id)) => {
                self.transaction.append_files(id, vec![file("f", 2, 1, 2)]).unwrap();
                *self.state.get_mut(&name).unwrap() += 2;
                if !self.created.contains(&name) {
                    *self.appended.entry(name).or_default() += 2;
                }
            }
            _ => {}
        }
        assert_eq!(observed(&self.transaction.snapshot()), self.state);
    }

    /// Whether the model lets it commit after `since`.
    fn may_commit(&self, since: &[Done]) -> bool {
        let mut gone: BTreeSet<&String> = BTreeSet::new();
        for done in since {
            gone.extend(&done.dropped);
            if self.created.intersection(&done.created).next().is_some() {
                return false;
            }
        }
        !self.dropped.iter().chain(self.appended.keys()).any(|name| gone.contains(name))
    }
}

async fn run(steps: Vec<Step>) {
    let lake = Lake::new().await;
    let mut committed = State::new();
    let mut history: Vec<Done> = Vec::new();
    let mut slots: [Option<Modelled>; 3] = [None, None, None];
    for step in steps {
        match step {
            Step::Begin(slot) => {
                let transaction = lake.begin().await;
                let state = observed(&transaction.snapshot());
                assert_eq!(state, committed);
                slots[slot] = Some(Modelled {
                    transaction,
                    began_at: history.len(),
                    state,
                    created: BTreeSet::new(),
                    dropped: BTreeSet::new(),
                    appended: BTreeMap::new(),
                });
            }
            Step::Rollback(slot) => slots[slot] = None,
            Step::Commit(slot) => {
                let Some(modelled) = slots[slot].take() else { continue };
                let expected = modelled.may_commit(&history[modelled.began_at..]);
                let Modelled { transaction, state, created, dropped, appended, .. } = modelled;
                let has_changes = transaction.has_changes();
                assert_eq!(has_changes, !(created.is_empty() && dropped.is_empty() && appended.is_empty()));
                let result = transaction.commit().await;
                assert_eq!(result.is_ok(), expected || !has_changes, "{:?}", result.err());
                if !expected {
                    assert!(!has_changes || is_conflict(&result));
                    continue;
                }
                for name in &dropped {
                    committed.remove(name);
                }
                for name in &created {
                    committed.insert(name.clone(), state[name]);
                }
                for (name, rows) in &appended {
                    *committed.get_mut(name).unwrap() += rows;
                }
                if has_changes {
                    history.push(Done { created, dropped });
                }
            }
            Step::Create(slot, _) | Step::Drop(slot, _) | Step::Append(slot, _) => {
                if let Some(modelled) = &mut slots[slot] {
                    modelled.apply(&step);
                }
            }
        }
        assert_eq!(observed(&*lake.snapshot().await), committed);
    }
    let reopened = lake.reopen().await.snapshot().await.unwrap();
    assert_eq!(observed(&reopened), committed);
}

proptest! {
    #![proptest_config(Config { cases: 48, ..Config::default() })]

    #[test]
    fn transactions_see_their_snapshot_and_commit_all_or_nothing(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
