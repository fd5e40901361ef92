//! Matching of [`Tree`]s without back references, by sets of possible ends; what a text can cost is limited.

use std::collections::HashMap;
use std::rc::Rc;

use kura_pgtypes::{SqlError, SqlState};
use regex_syntax::hir::Look;

use super::tree::{Id, Node, Tree};
use crate::failure::Outcome;

/// Steps a search in one text may take.
const STEPS_MAX: u64 = 20_000_000;
/// What a result costs that is remembered: it takes memory.
const REMEMBERED: usize = 32;

/// Positions in ascending ranges, both ends inclusive, no two of which touch.
pub(super) type Ends = Rc<Vec<(usize, usize)>>;

/// A search in one text. Positions count characters.
pub(super) struct Search<'a> {
    pub(super) tree: &'a Tree,
    pub(super) text: &'a [char],
    known: HashMap<(Id, usize), Ends>,
    steps: u64,
}

pub(super) fn too_complex() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "regular expression is too complex")
        .hint("Simplify the expression or shorten the text.")
}

fn union(ranges: &mut Vec<(usize, usize)>) {
    ranges.sort_unstable();
    let mut merged: Vec<(usize, usize)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges.drain(..) {
        match merged.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    *ranges = merged;
}

fn contains(ends: &Ends, position: usize) -> bool {
    ends.binary_search_by(|(from, to)| {
        if *to < position {
            std::cmp::Ordering::Less
        } else if *from > position {
            std::cmp::Ordering::Greater
        } else {
            std::cmp::Ordering::Equal
        }
    })
    .is_ok()
}

fn positions(ends: &Ends) -> impl DoubleEndedIterator<Item = usize> {
    ends.iter().flat_map(|(from, to)| *from..=*to)
}

fn in_set(ranges: &[(char, char)], c: char) -> bool {
    ranges
        .binary_search_by(|(from, to)| {
            if *to < c {
                std::cmp::Ordering::Less
            } else if *from > c {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Equal
            }
        })
        .is_ok()
}

impl<'a> Search<'a> {
    pub(super) fn new(tree: &'a Tree, text: &'a [char]) -> Self {
        Self { tree, text, known: HashMap::new(), steps: STEPS_MAX }
    }

    pub(super) fn step(&mut self, n: usize) -> Outcome<()> {
        self.steps = self.steps.checked_sub(n as u64 + 1).ok_or_else(too_complex)?;
        Ok(())
    }

    /// The end of the match meant that begins at a position.
    pub(super) fn end(&mut self, from: usize) -> Outcome<Option<usize>> {
        let ends = self.ends(self.tree.root, from)?;
        let shortest = self.tree.prefers_shortest(self.tree.root);
        Ok(if shortest { ends.first().map(|range| range.0) } else { ends.last().map(|range| range.1) })
    }

    /// Whether a single character matches a node that is one.
    pub(super) fn single(&self, id: Id, at: usize) -> Option<bool> {
        let c = self.text.get(at);
        match &self.tree.nodes[id] {
            Node::Set(ranges) => Some(c.is_some_and(|c| in_set(ranges, *c))),
            Node::Literal(characters) if characters.len() == 1 => Some(c == characters.first()),
            _ => None,
        }
    }

    fn ends(&mut self, id: Id, from: usize) -> Outcome<Ends> {
        if let Some(ends) = self.known.get(&(id, from)) {
            return Ok(Rc::clone(ends));
        }
        let simple = matches!(self.tree.nodes[id], Node::Empty | Node::Literal(_) | Node::Set(_) | Node::Look(_));
        self.step(if simple { 1 } else { REMEMBERED })?;
        let ends = Rc::new(self.compute(id, from)?);
        if !simple {
            self.known.insert((id, from), Rc::clone(&ends));
        }
        Ok(ends)
    }

    fn compute(&mut self, id: Id, from: usize) -> Outcome<Vec<(usize, usize)>> {
        let tree = self.tree;
        let here = |holds: bool| if holds { vec![(from, from)] } else { vec![] };
        Ok(match &tree.nodes[id] {
            Node::Empty => here(true),
            Node::Literal(characters) => {
                if self.text[from..].starts_with(characters) {
                    vec![(from + characters.len(), from + characters.len())]
                } else {
                    vec![]
                }
            }
            Node::Set(_) => {
                if self.single(id, from) == Some(true) {
                    vec![(from + 1, from + 1)]
                } else {
                    vec![]
                }
            }
            Node::Look(look) => here(looks(self.text, *look, from)),
            Node::Around { ahead, negated, node } => here(self.around(*ahead, *node, from)? != *negated),
            // Here a reference may be anything its group may be; what it must be is seen to elsewhere.
            Node::Back(group) => match tree.group_nodes.get(*group) {
                Some(node) => self.ends(*node, from)?.to_vec(),
                None => vec![],
            },
            Node::Concat(parts) => self.sequence(parts, from)?.to_vec(),
            Node::Either(branches) => {
                let mut ends = vec![];
                for branch in branches {
                    ends.extend(self.ends(*branch, from)?.iter());
                }
                union(&mut ends);
                ends
            }
            Node::Repeat { least, most, node } => self.repeated(*node, *least, *most, from)?,
            Node::Group(_, node) => self.ends(*node, from)?.to_vec(),
        })
    }

    pub(super) fn around(&mut self, ahead: bool, node: Id, at: usize) -> Outcome<bool> {
        if ahead {
            return Ok(!self.ends(node, at)?.is_empty());
        }
        for from in (0..=at).rev() {
            if contains(&self.ends(node, from)?, at) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where nodes one after the other can end.
    fn sequence(&mut self, parts: &[Id], from: usize) -> Outcome<Ends> {
        let mut ends: Ends = Rc::new(vec![(from, from)]);
        for part in parts {
            ends = self.advance(*part, &ends)?;
            if ends.is_empty() {
                break;
            }
        }
        Ok(ends)
    }

    fn advance(&mut self, id: Id, from: &Ends) -> Outcome<Ends> {
        if let [(only, same)] = from.as_slice()
            && only == same
        {
            return self.ends(id, *only);
        }
        let mut ends = vec![];
        for position in positions(from) {
            let more = self.ends(id, position)?;
            self.step(more.len())?;
            ends.extend(more.iter());
            if ends.len() > 4096 {
                union(&mut ends);
            }
        }
        union(&mut ends);
        Ok(Rc::new(ends))
    }

    fn repeated(&mut self, node: Id, least: usize, most: Option<usize>, from: usize) -> Outcome<Vec<(usize, usize)>> {
        if self.single(node, from).is_some() {
            let limit = most.unwrap_or(usize::MAX).min(self.text.len() - from);
            let run = (0..limit).take_while(|n| self.single(node, from + n) == Some(true)).count();
            self.step(run / 64)?;
            return Ok(if run >= least { vec![(from + least, from + run)] } else { vec![] });
        }
        let mut frontier: Ends = Rc::new(vec![(from, from)]);
        for _ in 0..least {
            frontier = self.advance(node, &frontier)?;
        }
        let mut all = frontier.to_vec();
        let mut rounds = most.map_or(usize::MAX, |most| most - least);
        while rounds > 0 && !frontier.is_empty() {
            rounds -= 1;
            let reached = self.advance(node, &frontier)?;
            let seen: Ends = Rc::new(all.clone());
            let new: Vec<(usize, usize)> =
                positions(&reached).filter(|position| !contains(&seen, *position)).map(|position| (position, position)).collect();
            self.step(new.len())?;
            all.extend(&new);
            union(&mut all);
            let mut new = new;
            union(&mut new);
            frontier = Rc::new(new);
        }
        Ok(all)
    }

    /// Shares a match out among the groups of a node. `spans`: by group, in characters.
    pub(super) fn share(&mut self, id: Id, from: usize, to: usize, spans: &mut [Option<(usize, usize)>]) -> Outcome<()> {
        let tree = self.tree;
        if !tree.has_groups(id) {
            return Ok(());
        }
        match &tree.nodes[id] {
            Node::Group(group, node) => {
                if let Some(span) = spans.get_mut(*group) {
                    *span = Some((from, to));
                }
                self.share(*node, from, to, spans)
            }
            Node::Concat(parts) => {
                let mut at = from;
                for (index, part) in parts.iter().enumerate() {
                    let middle = self.middle(*part, &parts[index + 1..], at, to)?;
                    self.share(*part, at, middle, spans)?;
                    at = middle;
                }
                Ok(())
            }
            Node::Either(branches) => {
                for branch in branches {
                    if contains(&self.ends(*branch, from)?, to) {
                        return self.share(*branch, from, to, spans);
                    }
                }
                Ok(())
            }
            Node::Repeat { least, most, node } => self.share_repeated(*node, (*least, *most), from, to, spans),
            _ => Ok(()),
        }
    }

    /// Where a part ends that is followed by others up to `to`.
    fn middle(&mut self, part: Id, rest: &[Id], from: usize, to: usize) -> Outcome<usize> {
        if rest.is_empty() {
            return Ok(to);
        }
        let ends = self.ends(part, from)?;
        let shortest = self.tree.prefers_shortest(part);
        let mut candidates: Vec<usize> = positions(&ends).filter(|end| *end <= to).collect();
        if !shortest {
            candidates.reverse();
        }
        for end in candidates {
            self.step(1)?;
            if contains(&self.sequence(rest, end)?, to) {
                return Ok(end);
            }
        }
        Ok(to)
    }

    fn share_repeated(
        &mut self,
        node: Id,
        (least, most): (usize, Option<usize>),
        from: usize,
        to: usize,
        spans: &mut [Option<(usize, usize)>],
    ) -> Outcome<()> {
        let (mut at, mut count) = (from, 0);
        while at < to || count < least {
            let ends = self.ends(node, at)?;
            let mut candidates: Vec<usize> = positions(&ends).filter(|end| *end <= to && (*end > at || count < least)).collect();
            if !self.tree.prefers_shortest(node) {
                candidates.reverse();
            }
            let left = |count: usize| (least.saturating_sub(count), most.map(|most| most - count));
            let mut next = None;
            for end in candidates {
                self.step(1)?;
                let (fewest, farthest) = left(count + 1);
                if (end == to && fewest == 0) || (farthest != Some(0) && self.reaches(node, fewest, farthest, end, to)?) {
                    next = Some(end);
                    break;
                }
            }
            let Some(end) = next else {
                return Ok(());
            };
            self.share(node, at, end, spans)?;
            at = end;
            count += 1;
            if end == to && count >= least {
                return Ok(());
            }
        }
        Ok(())
    }

    fn reaches(&mut self, node: Id, least: usize, most: Option<usize>, from: usize, to: usize) -> Outcome<bool> {
        let ends: Ends = Rc::new(self.repeated(node, least, most, from)?);
        Ok(contains(&ends, to))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether an anchor holds at a position.
pub(super) fn looks(text: &[char], look: Look, at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
    let after = text.get(at).copied();
    let (word_before, word_after) = (before.is_some_and(is_word), after.is_some_and(is_word));
    match look {
        Look::Start => at == 0,
        Look::End => at == text.len(),
        Look::StartLF | Look::StartCRLF => before.is_none_or(|c| c == '\n'),
        Look::EndLF | Look::EndCRLF => after.is_none_or(|c| c == '\n'),
        Look::WordAscii | Look::WordUnicode => word_before != word_after,
        Look::WordAsciiNegate | Look::WordUnicodeNegate => word_before == word_after,
        Look::WordStartAscii | Look::WordStartUnicode => !word_before && word_after,
        Look::WordEndAscii | Look::WordEndUnicode => word_before && !word_after,
        Look::WordStartHalfAscii | Look::WordStartHalfUnicode => !word_before,
        Look::WordEndHalfAscii | Look::WordEndHalfUnicode => !word_after,
    }
}
