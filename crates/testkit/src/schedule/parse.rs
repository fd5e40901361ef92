//! The form of `.sched` files: reading them, and writing recorded answers into them. Runs nothing.

use std::collections::BTreeMap;

use crate::slt::Target;

/// The answer of a statement that has not ended: another session has to release something first.
pub const WAITS: &str = "waits";

/// What a statement answered, as lines: rows, then the command tag; `ERROR` with the SQLSTATE; or [`WAITS`].
pub type Answer = Vec<String>;

/// A schedule: statements that make the tables, then steps.
#[derive(Debug, Default)]
pub struct Schedule {
    /// Run one after the other before the steps; none may fail.
    pub setup: Vec<String>,
    /// In the order they are sent.
    pub steps: Vec<Step>,
    /// It holds strings of several statements, which the extended protocol cannot send.
    pub simple_only: bool,
    lines: Vec<String>,
    /// For each step the number of lines of the file up to the end of its statement and data.
    ends: Vec<usize>,
}

/// One statement of one session.
#[derive(Debug)]
pub struct Step {
    /// Where it stands in the file, from 1.
    pub line: usize,
    /// Who sends it.
    pub session: String,
    /// What is sent.
    pub sql: String,
    /// Lines for COPY FROM STDIN.
    pub data: Vec<String>,
    /// Should it wait, the wait ends by itself: by a timeout, or as the victim of a deadlock.
    pub ends_alone: bool,
    answer: Expected,
    completions: Vec<(String, Expected)>,
}

/// An answer on PostgreSQL (none while a file has not been recorded, or where only Kura waits) and a deviating one on Kura.
#[derive(Debug, Default)]
struct Expected {
    postgres: Answer,
    kura: Answer,
    /// Kura's lines stand below a comment.
    explained: bool,
}

impl Expected {
    fn on(&self, target: Target) -> &Answer {
        if target == Target::Kura && !self.kura.is_empty() { &self.kura } else { &self.postgres }
    }
}

/// What is heard when one step is taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// The step's own answer.
    pub answer: Answer,
    /// Statements that had waited and end with this step, by name of their sessions: which of them ended first is not told.
    pub completions: Vec<Completion>,
}

/// The late answer of a statement that had waited.
#[derive(Debug, PartialEq, Eq)]
pub struct Completion {
    /// Who had sent it.
    pub session: String,
    /// What it answered.
    pub answer: Answer,
}

/// A file that is no schedule.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Invalid {
    line: usize,
    problem: &'static str,
}

/// What a line is, by how it begins.
enum Line<'a> {
    Empty,
    Comment,
    SimpleOnly,
    Setup(&'a str),
    Step { session: &'a str, ends_alone: bool, sql: &'a str },
    Continuation,
    Data(&'a str),
    Answer { session: Option<&'a str>, kura: bool, text: &'a str },
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Option<Self> {
        if line.trim().is_empty() {
            return Some(Self::Empty);
        }
        if let Some(data) = line.strip_prefix("> ") {
            return Some(Self::Data(data));
        }
        if line.starts_with('#') {
            return Some(Self::Comment);
        }
        if line.starts_with(' ') {
            return Some(Self::Continuation);
        }
        if line == "only simple" {
            return Some(Self::SimpleOnly);
        }
        let (kura, rest) = line.strip_prefix("kura ").map_or((false, line), |rest| (true, rest));
        if let Some(text) = rest.strip_prefix("< ") {
            return Some(Self::Answer { session: None, kura, text });
        }
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
        let (word, rest) = rest.split_at(end);
        if let Some(text) = rest.strip_prefix(" < ") {
            return Some(Self::Answer { session: Some(word), kura, text });
        }
        match (word, kura, rest.strip_prefix(": "), rest.strip_prefix("!: ")) {
            ("setup", false, Some(sql), _) => Some(Self::Setup(sql)),
            ("kura", ..) | (_, true, ..) => None,
            (session, _, Some(sql), _) => Some(Self::Step { session, ends_alone: false, sql }),
            (session, _, _, Some(sql)) => Some(Self::Step { session, ends_alone: true, sql }),
            (_, _, None, None) => None,
        }
    }
}

impl Schedule {
    /// Reads a file and checks that its steps have answers which fit together.
    ///
    /// # Errors
    /// At the first line that is no part of a schedule or contradicts the others.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let schedule = Self::parse_without_answers(text)?;
        if let Some(step) = schedule.steps.iter().find(|step| step.answer.postgres.is_empty()) {
            return Err(Invalid { line: step.line, problem: "the step has no answer: record it from PostgreSQL" });
        }
        schedule.check_waits(Target::Postgres)?;
        schedule.check_waits(Target::Kura)?;
        schedule.check_reasons()?;
        Ok(schedule)
    }

    /// Reads a file whose answers may be missing or wrong, to record them.
    ///
    /// # Errors
    /// At the first line that is no part of a schedule.
    pub fn parse_without_answers(text: &str) -> Result<Self, Invalid> {
        let mut schedule = Self { lines: text.lines().map(str::to_owned).collect(), ..Self::default() };
        if !text.starts_with("# ") {
            return Err(Invalid { line: 1, problem: "a schedule begins with a comment that says what it shows" });
        }
        // Whether the line before was a comment, or one for Kura below a comment.
        let mut explained = false;
        let mut last_is_setup = false;
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let invalid = |problem| Invalid { line: number, problem };
            let kind = Line::of(line).ok_or_else(|| invalid("neither a step, nor an answer, nor a comment"))?;
            let step = schedule.steps.last_mut();
            match &kind {
                Line::Empty | Line::Comment => {}
                Line::SimpleOnly => schedule.simple_only = true,
                Line::Setup(_) if step.is_some() => return Err(invalid("setup after the first step")),
                Line::Setup(sql) => schedule.setup.push((*sql).to_owned()),
                Line::Step { session, ends_alone, sql } => {
                    schedule.steps.push(Step::new(number, session, *ends_alone, sql));
                    schedule.ends.push(number);
                }
                Line::Continuation => {
                    let sql = if last_is_setup { schedule.setup.last_mut() } else { step.map(|step| &mut step.sql) };
                    let sql = sql.ok_or_else(|| invalid("a continuation of nothing"))?;
                    sql.push('\n');
                    sql.push_str(line.trim());
                    schedule.mark_end(number, last_is_setup);
                }
                Line::Data(data) => {
                    let step = step.ok_or_else(|| invalid("data without a COPY"))?;
                    step.data.push(format!("{data}\n"));
                    schedule.mark_end(number, false);
                }
                Line::Answer { session, kura, text } => {
                    let step = step.ok_or_else(|| invalid("an answer without a step"))?;
                    let expected = step.expected(*session);
                    if *kura {
                        expected.explained = expected.kura.is_empty() && explained || expected.explained;
                        expected.kura.push((*text).to_owned());
                    } else {
                        expected.postgres.push((*text).to_owned());
                    }
                }
            }
            explained = matches!(kind, Line::Comment) || explained && matches!(kind, Line::Answer { kura: true, .. });
            last_is_setup = matches!(kind, Line::Setup(_)) || last_is_setup && matches!(kind, Line::Continuation);
        }
        Ok(schedule)
    }

    fn mark_end(&mut self, number: usize, setup: bool) {
        if let Some(end) = self.ends.last_mut().filter(|_| !setup) {
            *end = number;
        }
    }

    /// What each step is to be answered there.
    pub fn expected(&self, target: Target) -> Vec<Turn> {
        let mut waiting: Vec<&str> = Vec::new();
        let mut turns = Vec::new();
        for step in &self.steps {
            let mut turn = Turn { answer: step.answer.on(target).clone(), completions: Vec::new() };
            for (session, expected) in &step.completions {
                let answer = expected.on(target);
                // What waits on one of the two only completes on that one only.
                if answer.is_empty() || *answer == [WAITS] || !waiting.contains(&session.as_str()) {
                    continue;
                }
                waiting.retain(|waits| waits != session);
                turn.completions.push(Completion { session: session.clone(), answer: answer.clone() });
            }
            turn.completions.sort_by(|one, other| one.session.cmp(&other.session));
            if turn.answer == [WAITS] {
                waiting.push(&step.session);
            }
            turns.push(turn);
        }
        turns
    }

    /// No session is asked while it waits, only waiting ones complete, and all do.
    fn check_waits(&self, target: Target) -> Result<(), Invalid> {
        let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
        for (step, turn) in self.steps.iter().zip(self.expected(target)) {
            let invalid = |problem| Invalid { line: step.line, problem };
            if waiting.contains_key(step.session.as_str()) {
                return Err(invalid("the session still waits for the answer to its step before"));
            }
            for completion in &turn.completions {
                waiting.remove(completion.session.as_str());
            }
            // A completion on PostgreSQL is passed over on Kura where Kura did not wait, but not one written for Kura.
            let completes = |(session, expected): &(String, Expected)| {
                let lines = if target == Target::Kura { &expected.kura } else { &expected.postgres };
                lines.is_empty() || *lines == [WAITS] || turn.completions.iter().any(|completion| completion.session == *session)
            };
            if !step.completions.iter().all(completes) {
                return Err(invalid("a session that does not wait completes here"));
            }
            if turn.answer == [WAITS] {
                waiting.insert(&step.session, step.line);
            }
        }
        match waiting.values().next() {
            Some(line) => Err(Invalid { line: *line, problem: "the step never completes" }),
            None => Ok(()),
        }
    }

    /// What Kura answers differently is explained. Only waiting for longer is not: then the late answer is PostgreSQL's.
    fn check_reasons(&self) -> Result<(), Invalid> {
        let mut late: BTreeMap<&str, &Answer> = BTreeMap::new();
        for step in &self.steps {
            let invalid = Invalid { line: step.line, problem: "Kura's answer differs: a comment above it has to say why" };
            let answer = &step.answer;
            if !answer.kura.is_empty() && answer.kura != [WAITS] && !answer.explained {
                return Err(invalid);
            }
            for (session, expected) in &step.completions {
                let same = late.remove(session.as_str()).is_some_and(|answer| *answer == expected.kura);
                if !expected.kura.is_empty() && expected.kura != [WAITS] && !same && !expected.explained {
                    return Err(invalid);
                }
            }
            if answer.kura == [WAITS] {
                late.insert(&step.session, &answer.postgres);
            }
        }
        Ok(())
    }

    /// The steps that Kura answers otherwise than PostgreSQL, and those that only wait for longer.
    pub fn deviations(&self) -> (usize, usize) {
        let all = || self.steps.iter().flat_map(|step| step.completions.iter().map(|(_, expected)| expected).chain([&step.answer]));
        let explained = all().filter(|expected| expected.explained && expected.kura != [WAITS]).count();
        let waits = self.steps.iter().filter(|step| step.answer.kura == [WAITS] && step.answer.postgres != [WAITS]).count();
        (explained, waits)
    }

    /// The file with these answers of PostgreSQL. All else stays as it is.
    pub fn with_answers(&self, turns: &[Turn]) -> String {
        let mut text = String::new();
        for (index, line) in self.lines.iter().enumerate() {
            if !matches!(Line::of(line), Some(Line::Answer { kura: false, .. })) {
                text.push_str(line);
                text.push('\n');
            }
            let Some(turn) = self.ends.iter().position(|end| *end == index + 1).and_then(|step| turns.get(step)) else {
                continue;
            };
            for line in &turn.answer {
                text.push_str(&format!("< {line}\n"));
            }
            for Completion { session, answer } in &turn.completions {
                for line in answer {
                    text.push_str(&format!("{session} < {line}\n"));
                }
            }
        }
        text
    }
}

impl Step {
    fn new(line: usize, session: &str, ends_alone: bool, sql: &str) -> Self {
        Self {
            line,
            session: session.to_owned(),
            sql: sql.to_owned(),
            data: Vec::new(),
            ends_alone,
            answer: Expected::default(),
            completions: Vec::new(),
        }
    }

    /// The step's own answer, or the completion of `session`.
    fn expected(&mut self, session: Option<&str>) -> &mut Expected {
        let Some(session) = session else {
            return &mut self.answer;
        };
        let known = self.completions.iter().position(|(name, _)| name == session);
        let at = known.unwrap_or_else(|| {
            self.completions.push((session.to_owned(), Expected::default()));
            self.completions.len() - 1
        });
        &mut self.completions[at].1
    }
}

#[cfg(test)]
mod tests;
