//! BEING WRITTEN BY ANOTHER PERSON NOW (see /work/notes/requests-functions.md); leave this file alone.
pub(crate) fn aggregates() -> Vec<crate::registry::Aggregate> {
    Vec::new()
}
