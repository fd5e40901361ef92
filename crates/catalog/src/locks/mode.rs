//! The eight strengths of a lock and which of them exclude each other: PostgreSQL's table "Conflicting Lock Modes".

use std::fmt;

/// How strong a lock is, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockMode {
    /// Reading, in PostgreSQL.
    AccessShare,
    /// SELECT FOR UPDATE and its kin, of the relation.
    RowShare,
    /// Changing rows.
    RowExclusive,
    /// COMMENT, maintenance.
    ShareUpdateExclusive,
    /// Against changes of rows.
    Share,
    /// As Share, for one owner at a time.
    ShareRowExclusive,
    /// Only reading beside it.
    Exclusive,
    /// Nothing beside it.
    AccessExclusive,
}

/// Every mode, weakest first.
pub(super) const MODES: [LockMode; 8] = [
    LockMode::AccessShare,
    LockMode::RowShare,
    LockMode::RowExclusive,
    LockMode::ShareUpdateExclusive,
    LockMode::Share,
    LockMode::ShareRowExclusive,
    LockMode::Exclusive,
    LockMode::AccessExclusive,
];

impl LockMode {
    /// The modes that nobody else may hold beside this one.
    pub(super) fn conflicts(self) -> Modes {
        use LockMode as M;
        let modes: &[LockMode] = match self {
            M::AccessShare => &[M::AccessExclusive],
            M::RowShare => &[M::Exclusive, M::AccessExclusive],
            M::RowExclusive => &[M::Share, M::ShareRowExclusive, M::Exclusive, M::AccessExclusive],
            M::ShareUpdateExclusive => &[M::ShareUpdateExclusive, M::Share, M::ShareRowExclusive, M::Exclusive, M::AccessExclusive],
            M::Share => &[M::RowExclusive, M::ShareUpdateExclusive, M::ShareRowExclusive, M::Exclusive, M::AccessExclusive],
            M::ShareRowExclusive => {
                &[M::RowExclusive, M::ShareUpdateExclusive, M::Share, M::ShareRowExclusive, M::Exclusive, M::AccessExclusive]
            }
            M::Exclusive => &MODES[1..],
            M::AccessExclusive => &MODES,
        };
        modes.iter().fold(Modes::NONE, |all, mode| all.with(*mode))
    }
}

/// PostgreSQL's name of the mode, as in `pg_locks`: `RowExclusiveLock`.
impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}Lock")
    }
}

/// A set of modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Modes(u8);

impl Modes {
    pub(super) const NONE: Self = Self(0);

    #[must_use]
    pub(super) fn with(self, mode: LockMode) -> Self {
        Self(self.0 | 1 << mode as u8)
    }

    #[must_use]
    pub(super) fn without(self, mode: LockMode) -> Self {
        Self(self.0 & !(1 << mode as u8))
    }

    pub(super) fn contains(self, mode: LockMode) -> bool {
        self.0 & 1 << mode as u8 != 0
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the manual, chapter "Explicit Locking", written down row by row: `x` where two modes exclude each other.
    const TABLE: [&str; 8] = [".......x", "......xx", "....xxxx", "...xxxxx", "..xx.xxx", "..xxxxxx", ".xxxxxxx", "xxxxxxxx"];

    #[test]
    fn conflicts_are_those_of_the_manual() {
        for (mode, row) in MODES.into_iter().zip(TABLE) {
            for (other, mark) in MODES.into_iter().zip(row.chars()) {
                assert_eq!(mode.conflicts().contains(other), mark == 'x', "{mode} and {other}");
            }
        }
    }

    #[test]
    fn names() {
        assert_eq!(LockMode::ShareRowExclusive.to_string(), "ShareRowExclusiveLock");
    }
}
