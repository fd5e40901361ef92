//! The options of regular expressions.

use crate::failure::{Outcome, invalid_parameter};

/// The options of a regular expression.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Flags {
    /// `i`
    pub(crate) insensitive: bool,
    /// `.` and negated brackets do not match a line end: `n`, `m`, `p`
    pub(crate) line_dot: bool,
    /// `^` and `$` match at line ends: `n`, `m`, `w`
    pub(crate) line_anchors: bool,
    /// `x`: white space and comments are ignored
    pub(crate) expanded: bool,
    /// `q`: the expression is a plain string
    pub(crate) literal: bool,
    /// `g`, which only functions understand
    pub(crate) global: bool,
}

impl Flags {
    /// Reads the flags argument of the `regexp_` functions.
    ///
    /// # Errors
    /// 22023 for an unknown letter.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let mut flags = Self::default();
        for letter in text.chars() {
            flags.set(letter).ok_or_else(|| invalid_parameter(format!("invalid regular expression option: \"{letter}\"")))?;
        }
        Ok(flags)
    }

    /// Sets the option a letter stands for; `None`: it stands for none.
    pub(super) fn set(&mut self, letter: char) -> Option<()> {
        match letter {
            'g' => self.global = true,
            'i' => self.insensitive = true,
            'c' => self.insensitive = false,
            'm' | 'n' => (self.line_dot, self.line_anchors) = (true, true),
            'p' => (self.line_dot, self.line_anchors) = (true, false),
            's' => (self.line_dot, self.line_anchors) = (false, false),
            'w' => (self.line_dot, self.line_anchors) = (false, true),
            'x' => self.expanded = true,
            't' => self.expanded = false,
            'q' => self.literal = true,
            'e' | 'b' => {}
            _ => return None,
        }
        Some(())
    }
}
