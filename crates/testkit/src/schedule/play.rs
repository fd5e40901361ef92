//! Takes the steps of a schedule one after the other and notes who answers when. Judges nothing.
//!
//! PostgreSQL is asked which sessions are blocked, as its own isolation tester does. Kura shows that nowhere: there, a statement of which a
//! wait is expected is given a moment in which it must not answer, and may not before the step that releases it. No result depends on
//! how fast a statement is that does not wait: it has [`ANSWER_TIMEOUT`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::session::Session;
use super::{Answer, Completion, Schedule, Step, Turn, WAITS};
use crate::slt::{Protocol, Target};
use crate::wire::{Client, Dsn};

/// How long a statement may take that waits for nobody, or no longer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long Kura is watched before a statement counts as waiting.
const WAIT_SEEN: Duration = Duration::from_millis(200);

/// How often PostgreSQL is asked whether a session is blocked.
const POLL: Duration = Duration::from_millis(5);

/// On PostgreSQL who waits longest without looking is no victim of a deadlock: so the victim is a session with a step that ends alone.
const PATIENT: (&str, &str) = ("deadlock_timeout", "60s");
const VICTIM: (&str, &str) = ("deadlock_timeout", "100ms");

/// Plays the steps. `expected` is what Kura is to answer, and is not needed on PostgreSQL.
///
/// Stops before the end where a statement waited that should not, or the other way round, on Kura: what follows would say nothing.
///
/// # Errors
/// When the server cannot be reached or refuses the set-up, or a session that waits would have to be asked again.
pub(super) fn play(
    schedule: &Schedule,
    expected: &[Turn],
    admin: &mut Client,
    dsn: &Dsn,
    schema: &str,
    target: Target,
    protocol: Protocol,
) -> Result<Vec<Turn>> {
    for statement in &schedule.setup {
        admin.simple(statement).map_err(|error| anyhow::anyhow!("setup: {error}\n{statement}"))?;
    }
    let mut sessions: BTreeMap<&str, Session> = BTreeMap::new();
    for step in &schedule.steps {
        let name = step.session.as_str();
        if !sessions.contains_key(name) {
            let victim = schedule.steps.iter().any(|step| step.session == name && step.ends_alone);
            let settings: &[(&str, &str)] = match (target, victim) {
                (Target::Kura, _) => &[],
                (Target::Postgres, true) => &[VICTIM],
                (Target::Postgres, false) => &[PATIENT],
            };
            sessions.insert(name, Session::open(dsn, settings, schema, protocol)?);
        }
    }
    let mut players = Players { admin, sessions, waiting: Vec::new() };
    let mut turns = Vec::new();
    for (index, step) in schedule.steps.iter().enumerate() {
        ensure!(!players.waiting.contains(&step.session.as_str()), "line {}: {} still waits and cannot be asked", step.line, step.session);
        let turn = match target {
            Target::Postgres => players.turn_on_postgres(step)?,
            Target::Kura => players.turn_on_kura(step, &expected[index])?,
        };
        let gone_astray = expected.get(index).is_some_and(|expected| target == Target::Kura && !waits_alike(expected, &turn));
        turns.push(turn);
        if gone_astray {
            break;
        }
    }
    Ok(turns)
}

fn waits_alike(one: &Turn, other: &Turn) -> bool {
    let waits = |turn: &Turn| turn.answer == [WAITS];
    let completed = |turn: &Turn| turn.completions.iter().map(|completion| completion.session.clone()).collect::<Vec<_>>();
    waits(one) == waits(other) && completed(one) == completed(other)
}

struct Players<'a> {
    admin: &'a mut Client,
    sessions: BTreeMap<&'a str, Session>,
    /// Sessions whose last statement has not been answered, in the order they began to wait.
    waiting: Vec<&'a str>,
}

impl<'a> Players<'a> {
    fn turn_on_postgres(&mut self, step: &'a Step) -> Result<Turn> {
        let name = step.session.as_str();
        self.sessions[name].send(&step.sql, &step.data)?;
        let own = if step.ends_alone { self.sessions[name].answer(ANSWER_TIMEOUT) } else { self.answer_unless_blocked(name)? };
        let mut completions = Vec::new();
        // One that ends may release another that was looked at before it.
        loop {
            let before = completions.len();
            for name in self.waiting.clone() {
                if let Some(answer) = self.answer_unless_blocked(name)? {
                    self.completed(name, answer, &mut completions);
                }
            }
            if completions.len() == before {
                break;
            }
        }
        Ok(self.turn(name, own, completions))
    }

    /// `None` when the session is blocked by another of the schedule.
    fn answer_unless_blocked(&mut self, name: &str) -> Result<Option<Answer>> {
        let pids: Vec<String> = self.sessions.values().map(|session| session.pid.to_string()).collect();
        let question = format!("SELECT pg_isolation_test_session_is_blocked({}, '{{{}}}')", self.sessions[name].pid, pids.join(","));
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        loop {
            if let Some(answer) = self.sessions[name].answer(POLL) {
                return Ok(Some(answer));
            }
            if self.admin.value(&question)? == "t" {
                return Ok(None);
            }
            ensure!(Instant::now() < deadline, "{name} neither answers nor is it blocked");
        }
    }

    fn turn_on_kura(&mut self, step: &'a Step, expected: &Turn) -> Result<Turn> {
        let name = step.session.as_str();
        let mut completions = Vec::new();
        // Whoever was not released by the step before must still be waiting.
        self.collect_answered(&mut completions);
        self.sessions[name].send(&step.sql, &step.data)?;
        let patience = if expected.answer == [WAITS] { WAIT_SEEN } else { ANSWER_TIMEOUT };
        let own = self.sessions[name].answer(patience);
        for expected in &expected.completions {
            let Some(waiting) = self.waiting.iter().copied().find(|waiting| *waiting == expected.session) else {
                continue;
            };
            if let Some(answer) = self.sessions[waiting].answer(ANSWER_TIMEOUT) {
                self.completed(waiting, answer, &mut completions);
            }
        }
        self.collect_answered(&mut completions);
        Ok(self.turn(name, own, completions))
    }

    fn collect_answered(&mut self, completions: &mut Vec<Completion>) {
        for name in self.waiting.clone() {
            if let Some(answer) = self.sessions[name].answer(Duration::ZERO) {
                self.completed(name, answer, completions);
            }
        }
    }

    fn completed(&mut self, name: &str, answer: Answer, completions: &mut Vec<Completion>) {
        self.waiting.retain(|waiting| *waiting != name);
        completions.push(Completion { session: name.to_owned(), answer });
    }

    fn turn(&mut self, name: &'a str, own: Option<Answer>, mut completions: Vec<Completion>) -> Turn {
        completions.sort_by(|one, other| one.session.cmp(&other.session));
        let answer = own.unwrap_or_else(|| {
            self.waiting.push(name);
            vec![WAITS.to_owned()]
        });
        Turn { answer, completions }
    }
}
