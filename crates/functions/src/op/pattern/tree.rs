//! Regular expressions as trees, with PostgreSQL's preferences: which of several possible matches is meant.
//!
//! The documentation is PostgreSQL's chapter "Regular Expression Matching Rules": the earliest match counts; of those
//! beginning there the longest or the shortest, as the first quantifier that prefers one says; the parts then share it
//! out from the left, each by its own preference.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::translate::Mark;

/// What the library has no word for stands in the text handed to it as a character from here on.
pub(super) const FIRST_MARK: u32 = 0x0010_F000;

/// What groups that stand for a preference are named, followed by a number.
pub(super) const LONGEST: &str = "longest";
pub(super) const SHORTEST: &str = "shortest";

/// Index of a node.
pub(super) type Id = usize;

#[derive(Debug)]
pub(super) enum Node {
    Empty,
    Literal(Vec<char>),
    Set(Vec<(char, char)>),
    Look(Look),
    /// A look at what follows or precedes; `negated`: it must not match.
    Around {
        ahead: bool,
        negated: bool,
        node: Id,
    },
    Back(usize),
    Concat(Vec<Id>),
    Either(Vec<Id>),
    Repeat {
        least: usize,
        most: Option<usize>,
        node: Id,
    },
    Group(usize, Id),
}

/// A regular expression ready to be matched.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// Of each node: whether it prefers the longest match, the shortest, or neither.
    prefers: Vec<Option<bool>>,
    /// Of each node: whether there are groups in it.
    grouped: Vec<bool>,
    pub(super) root: Id,
    pub(super) groups: usize,
    /// Of each group, the first being the whole: its node.
    pub(super) group_nodes: Vec<Id>,
    /// Of each group of the library: its number here; those that stand for a preference have that of the one before.
    numbers: Vec<usize>,
    /// Whether it refers back to groups.
    pub(super) back: bool,
    /// Whether the first match that backtracking finds is the one meant.
    pub(super) plain: bool,
}

impl Tree {
    /// `marks`: what the marks in the expression stand for.
    pub(super) fn new(hir: &Hir, marks: &[Mark]) -> Self {
        let mut real = vec![true; hir.properties().explicit_captures_len() + 1];
        find_groups(hir, &mut real);
        let mut count = 0;
        let numbers: Vec<usize> = real
            .iter()
            .skip(1)
            .map(|real| {
                count += usize::from(*real);
                count
            })
            .collect();
        let mut tree = Self { groups: count, plain: true, numbers, ..Self::default() };
        tree.group_nodes = vec![0; count + 1];
        tree.root = tree.node(hir, marks);
        tree
    }

    fn add(&mut self, node: Node, prefers: Option<bool>) -> Id {
        let grouped = match &node {
            Node::Group(..) => true,
            Node::Concat(nodes) | Node::Either(nodes) => nodes.iter().any(|id| self.grouped[*id]),
            Node::Repeat { node, .. } => self.grouped[*node],
            _ => false,
        };
        self.nodes.push(node);
        self.prefers.push(prefers);
        self.grouped.push(grouped);
        self.nodes.len() - 1
    }

    pub(super) fn prefers_shortest(&self, id: Id) -> bool {
        self.prefers[id] == Some(false)
    }

    pub(super) fn has_groups(&self, id: Id) -> bool {
        self.grouped[id]
    }

    fn node(&mut self, hir: &Hir, marks: &[Mark]) -> Id {
        match hir.kind() {
            HirKind::Empty => self.add(Node::Empty, None),
            HirKind::Literal(literal) => self.literal(&String::from_utf8_lossy(&literal.0), marks),
            HirKind::Class(class) => {
                let ranges = match class {
                    Class::Unicode(class) => class.ranges().iter().map(|range| (range.start(), range.end())).collect(),
                    Class::Bytes(class) => {
                        class.ranges().iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
                    }
                };
                self.add(Node::Set(ranges), None)
            }
            HirKind::Look(look) => self.add(Node::Look(*look), None),
            HirKind::Repetition(repetition) => {
                let node = self.node(&repetition.sub, marks);
                let single = match &self.nodes[node] {
                    Node::Set(_) => true,
                    Node::Literal(characters) => characters.len() == 1,
                    _ => false,
                };
                self.plain &= repetition.greedy && single;
                let fixed = repetition.max == Some(repetition.min);
                let prefers = if fixed { self.prefers[node] } else { Some(repetition.greedy) };
                let bound = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
                self.add(Node::Repeat { least: bound(repetition.min), most: repetition.max.map(bound), node }, prefers)
            }
            HirKind::Capture(capture) => {
                let node = self.node(&capture.sub, marks);
                if let Some(name) = &capture.name {
                    self.plain = false;
                    return self.add(Node::Concat(vec![node]), Some(name.starts_with(LONGEST)));
                }
                let number = self.numbers.get(group_index(capture.index) - 1).copied().unwrap_or(0);
                if let Some(place) = self.group_nodes.get_mut(number) {
                    *place = node;
                }
                self.add(Node::Group(number, node), self.prefers[node])
            }
            HirKind::Concat(parts) => {
                let parts: Vec<Id> = parts.iter().map(|part| self.node(part, marks)).collect();
                let prefers = parts.iter().find_map(|id| self.prefers[*id]);
                self.add(Node::Concat(parts), prefers)
            }
            HirKind::Alternation(branches) => {
                self.plain = false;
                let branches = branches.iter().map(|branch| self.node(branch, marks)).collect();
                self.add(Node::Either(branches), Some(true))
            }
        }
    }

    /// A literal, parted at the marks in it.
    fn literal(&mut self, text: &str, marks: &[Mark]) -> Id {
        let mark_of = |c: char| u32::from(c).checked_sub(FIRST_MARK).and_then(|index| marks.get(usize::try_from(index).ok()?));
        let mut parts = vec![];
        let mut run = vec![];
        for c in text.chars() {
            let Some(mark) = mark_of(c) else {
                run.push(c);
                continue;
            };
            if !run.is_empty() {
                parts.push(self.add(Node::Literal(std::mem::take(&mut run)), None));
            }
            parts.push(self.mark(mark));
        }
        if parts.is_empty() {
            return self.add(Node::Literal(run), None);
        }
        if !run.is_empty() {
            parts.push(self.add(Node::Literal(run), None));
        }
        let prefers = parts.iter().find_map(|id| self.prefers[*id]);
        self.add(Node::Concat(parts), prefers)
    }

    fn mark(&mut self, mark: &Mark) -> Id {
        self.plain = false;
        match mark {
            Mark::Back(group) => {
                self.back = true;
                self.add(Node::Back(*group), None)
            }
            Mark::Around { ahead, negated, inner, marks } => {
                let node = self.node(inner, marks);
                self.add(Node::Around { ahead: *ahead, negated: *negated, node }, None)
            }
        }
    }
}

fn group_index(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// Tells the groups of the library that are groups of the expression from those that stand for a preference.
fn find_groups(hir: &Hir, real: &mut [bool]) {
    match hir.kind() {
        HirKind::Capture(capture) => {
            if let Some(real) = real.get_mut(group_index(capture.index)) {
                *real = capture.name.is_none();
            }
            find_groups(&capture.sub, real);
        }
        HirKind::Repetition(repetition) => find_groups(&repetition.sub, real),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().for_each(|part| find_groups(part, real)),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => {}
    }
}
