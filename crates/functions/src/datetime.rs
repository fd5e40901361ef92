//! Functions of dates, times, timestamps and intervals. Their operators are in [`crate::op`], their casts in
//! [`crate::cast`].
//!
//! Words such as the unit of `date_trunc`, the template of `to_char` or a zone are read once for a batch when they are
//! constant. Timestamps are microseconds since 1970; what a zone's clock shows comes from `clock::Clock`.

use kura_pgtypes::PgType;

use crate::failure::Outcome;
use crate::kernel::Column;
use crate::kernel::column::{Text, Typed};
use crate::registry::{ArgType, Function};

mod age;
pub(crate) mod calendar;
pub(crate) mod clock;
mod current;
mod extract;
mod format;
mod make;
mod overlaps;
mod template;
mod truncate;
mod unit;
mod zone;

#[cfg(test)]
pub(crate) mod tests;

pub use extract::extract_scale;

const TEXT: ArgType = ArgType::Exact(PgType::TEXT);

/// The functions of this family.
pub(crate) fn functions() -> Vec<Function> {
    let mut all = truncate::functions();
    all.extend(extract::functions());
    all.extend(age::functions());
    all.extend(make::functions());
    all.extend(format::functions());
    all.extend(zone::functions());
    all.extend(overlaps::functions());
    all.extend(current::functions());
    all
}

/// A text argument that is read into something: once while it stays the same.
struct Keys<'a, K> {
    texts: Typed<'a, Text>,
    constant: bool,
    last: Option<(String, K)>,
}

impl<'a, K> Keys<'a, K> {
    fn open(column: &'a Column) -> Outcome<Self> {
        Ok(Self { texts: column.read::<Text>()?, constant: column.constant, last: None })
    }

    /// What the text of a row was read into; `None` for NULL.
    fn get(&mut self, row: usize, read: impl Fn(&str) -> Outcome<K>) -> Outcome<Option<&K>> {
        let Some(text) = self.texts.get(row) else {
            return Ok(None);
        };
        if self.last.as_ref().is_none_or(|(known, _)| !self.constant && known != text) {
            self.last = Some((text.to_owned(), read(text)?));
        }
        Ok(self.last.as_ref().map(|(_, key)| key))
    }
}
