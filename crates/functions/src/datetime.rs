//! Placeholder.
pub(crate) mod calendar;
pub(crate) fn functions() -> Vec<crate::registry::Function> {
    Vec::new()
}
