//! Matching of [`Tree`]s with back references, by trying. What a text can cost is limited.

use super::search::{Search, looks, too_complex};
use super::tree::{Id, Node};
use crate::failure::Outcome;

/// Levels of nesting a try may reach.
const DEPTH_MAX: usize = 20_000;
/// Bytes of stack one level may need, and how many are added when they run out.
const STACK: (usize, usize) = (64 << 10, 1 << 20);

type Spans = Vec<Option<(usize, usize)>>;
/// What is left to match, last first.
type Rest<'r> = Option<&'r Task<'r>>;

enum Todo {
    Node(Id),
    /// More rounds of a repetition: its node, fewest and most of them, and where the round before began.
    More {
        node: Id,
        least: usize,
        most: Option<usize>,
        began: usize,
    },
    /// The end of a group that began at a position.
    Close {
        group: usize,
        began: usize,
    },
}

struct Task<'r> {
    todo: Todo,
    next: Rest<'r>,
}

/// The match found that is preferred so far.
pub(super) struct Best {
    shortest: bool,
    pub(super) found: Option<(usize, Spans)>,
}

/// The match that begins at a position: its end, and the spans of its groups.
pub(super) fn find(search: &mut Search<'_>, from: usize) -> Outcome<Option<(usize, Spans)>> {
    let root = search.tree.root;
    let mut best = Best { shortest: search.tree.prefers_shortest(root), found: None };
    let mut spans = vec![None; search.tree.groups + 1];
    try_node(search, root, from, None, &mut spans, &mut best, 0)?;
    Ok(best.found)
}

/// Goes on with what is left; `true` ends the search.
fn go_on(search: &mut Search<'_>, at: usize, rest: Rest<'_>, spans: &mut Spans, best: &mut Best, depth: usize) -> Outcome<bool> {
    search.step(1)?;
    if depth > DEPTH_MAX {
        return Err(too_complex());
    }
    let Some(task) = rest else {
        let better = best.found.as_ref().is_none_or(|(end, _)| if best.shortest { at < *end } else { at > *end });
        if better {
            best.found = Some((at, spans.clone()));
        }
        // No match is longer than one that ends with the text.
        return Ok(!best.shortest && at == search.text.len());
    };
    stacker::maybe_grow(STACK.0, STACK.1, || match task.todo {
        Todo::Node(node) => try_node(search, node, at, task.next, spans, best, depth),
        Todo::More { node, least, most, began } => {
            if least == 0 && at == began {
                return go_on(search, at, task.next, spans, best, depth + 1);
            }
            repeat(search, node, (least, most), at, task.next, spans, best, depth)
        }
        Todo::Close { group, began } => {
            let before = spans[group];
            spans[group] = Some((began, at));
            if go_on(search, at, task.next, spans, best, depth + 1)? {
                return Ok(true);
            }
            spans[group] = before;
            Ok(false)
        }
    })
}

fn try_node(search: &mut Search<'_>, id: Id, at: usize, rest: Rest<'_>, spans: &mut Spans, best: &mut Best, depth: usize) -> Outcome<bool> {
    let tree = search.tree;
    let depth = depth + 1;
    match &tree.nodes[id] {
        Node::Empty => go_on(search, at, rest, spans, best, depth),
        Node::Literal(characters) => {
            if !search.text[at..].starts_with(characters) {
                return Ok(false);
            }
            go_on(search, at + characters.len(), rest, spans, best, depth)
        }
        Node::Set(_) if search.single(id, at) == Some(true) => go_on(search, at + 1, rest, spans, best, depth),
        Node::Look(look) if looks(search.text, *look, at) => go_on(search, at, rest, spans, best, depth),
        Node::Set(_) | Node::Look(_) => Ok(false),
        // There are no back references within constraints, so the sets of ends do for them.
        Node::Around { ahead, negated, node } => {
            if search.around(*ahead, *node, at)? == *negated {
                return Ok(false);
            }
            go_on(search, at, rest, spans, best, depth)
        }
        Node::Back(group) => {
            let Some((from, to)) = spans.get(*group).copied().flatten() else {
                return Ok(false);
            };
            if !search.text[at..].starts_with(&search.text[from..to]) {
                return Ok(false);
            }
            go_on(search, at + (to - from), rest, spans, best, depth)
        }
        Node::Concat(parts) => sequence(search, parts, at, rest, spans, best, depth),
        Node::Either(branches) => {
            for branch in branches {
                if try_node(search, *branch, at, rest, spans, best, depth)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Node::Repeat { least, most, node } => repeat(search, *node, (*least, *most), at, rest, spans, best, depth),
        Node::Group(group, node) => {
            let close = Task { todo: Todo::Close { group: *group, began: at }, next: rest };
            try_node(search, *node, at, Some(&close), spans, best, depth)
        }
    }
}

fn sequence(
    search: &mut Search<'_>,
    parts: &[Id],
    at: usize,
    rest: Rest<'_>,
    spans: &mut Spans,
    best: &mut Best,
    depth: usize,
) -> Outcome<bool> {
    let Some((last, before)) = parts.split_last() else {
        return go_on(search, at, rest, spans, best, depth);
    };
    let task = Task { todo: Todo::Node(*last), next: rest };
    stacker::maybe_grow(STACK.0, STACK.1, || sequence(search, before, at, Some(&task), spans, best, depth))
}

#[expect(clippy::too_many_arguments, reason = "the state of one try")]
fn repeat(
    search: &mut Search<'_>,
    node: Id,
    (least, most): (usize, Option<usize>),
    at: usize,
    rest: Rest<'_>,
    spans: &mut Spans,
    best: &mut Best,
    depth: usize,
) -> Outcome<bool> {
    if search.single(node, at).is_some() {
        let limit = most.unwrap_or(usize::MAX).min(search.text.len() - at);
        let run = (0..limit).take_while(|n| search.single(node, at + n) == Some(true)).count();
        for count in (least..=run).rev() {
            if go_on(search, at + count, rest, spans, best, depth + 1)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if most != Some(0) {
        let more = Todo::More { node, least: least.saturating_sub(1), most: most.map(|most| most - 1), began: at };
        let task = Task { todo: more, next: rest };
        if try_node(search, node, at, Some(&task), spans, best, depth)? {
            return Ok(true);
        }
    }
    if least > 0 {
        return Ok(false);
    }
    go_on(search, at, rest, spans, best, depth + 1)
}
