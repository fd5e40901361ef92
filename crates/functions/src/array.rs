//! BEING WRITTEN BY ANOTHER PERSON NOW (see /work/notes/requests-functions.md); leave this file alone.
use crate::registry::Function;
pub(crate) fn functions() -> Vec<Function> {
    Vec::new()
}
pub(crate) fn operators() -> Vec<Function> {
    Vec::new()
}
