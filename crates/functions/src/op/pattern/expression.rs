//! A compiled regular expression and how it is searched: by the engine's library where its answer is PostgreSQL's, by
//! the tree where it is not.

use regex::{CaptureLocations, Regex};

use super::backtrack;
use super::search::Search;
use super::tree::Tree;
use crate::failure::Outcome;

/// A compiled regular expression of PostgreSQL.
pub(crate) struct Expression {
    /// `None`: it has parts the library has no word for.
    regex: Option<Regex>,
    tree: Tree,
}

/// The text as characters, and the byte each begins at.
struct Characters {
    text: Vec<char>,
    bytes: Vec<usize>,
}

impl Characters {
    fn new(text: &str) -> Self {
        let (mut bytes, text_of): (Vec<usize>, Vec<char>) = text.char_indices().unzip();
        bytes.push(text.len());
        Self { text: text_of, bytes }
    }

    fn position(&self, byte: usize) -> usize {
        self.bytes.binary_search(&byte).unwrap_or_else(|at| at)
    }
}

impl Expression {
    pub(super) fn new(regex: Option<Regex>, tree: Tree) -> Self {
        Self { regex, tree }
    }

    /// Whether it matches anywhere.
    pub(crate) fn is_match(&self, text: &str) -> Outcome<bool> {
        match &self.regex {
            Some(regex) => Ok(regex.is_match(text)),
            None => self.find_at(text, 0, &mut vec![]),
        }
    }

    /// How many groups in parentheses it has.
    pub(crate) fn groups(&self) -> usize {
        self.tree.groups
    }

    /// The first match from a byte on: its span, then those of the groups, in bytes. `false`: there is none.
    pub(crate) fn find_at(&self, text: &str, at: usize, spans: &mut Vec<Option<(usize, usize)>>) -> Outcome<bool> {
        spans.clear();
        let Some(regex) = &self.regex else {
            let characters = Characters::new(text);
            let last = characters.text.len();
            return self.search(&characters, characters.position(at)..=last, spans);
        };
        if self.tree.plain {
            return Ok(find_plain(regex, self.groups(), text, at, spans));
        }
        // Both begin at the same character; where the match ends is another matter.
        let Some(found) = regex.find_at(text, at) else {
            return Ok(false);
        };
        let characters = Characters::new(text);
        let start = characters.position(found.start());
        self.search(&characters, start..=start, spans)
    }

    fn search(
        &self,
        characters: &Characters,
        starts: std::ops::RangeInclusive<usize>,
        spans: &mut Vec<Option<(usize, usize)>>,
    ) -> Outcome<bool> {
        let mut search = Search::new(&self.tree, &characters.text);
        for start in starts {
            let mut groups = vec![None; self.groups() + 1];
            let Some(end) = search.end(start)? else {
                continue;
            };
            if self.tree.back {
                let Some((end, found)) = backtrack::find(&mut search, start)? else {
                    continue;
                };
                groups = found;
                groups[0] = Some((start, end));
            } else {
                search.share(self.tree.root, start, end, &mut groups)?;
                groups[0] = Some((start, end));
            }
            let bytes = |span: Option<(usize, usize)>| span.map(|(from, to)| (characters.bytes[from], characters.bytes[to]));
            spans.extend(groups.into_iter().map(bytes));
            return Ok(true);
        }
        Ok(false)
    }
}

fn find_plain(regex: &Regex, groups: usize, text: &str, at: usize, spans: &mut Vec<Option<(usize, usize)>>) -> bool {
    if groups == 0 {
        let found = regex.find_at(text, at).map(|found| (found.start(), found.end()));
        spans.push(found);
        return found.is_some();
    }
    let mut locations: CaptureLocations = regex.capture_locations();
    if regex.captures_read_at(&mut locations, text, at).is_none() {
        return false;
    }
    spans.extend((0..locations.len()).map(|group| locations.get(group)));
    true
}
