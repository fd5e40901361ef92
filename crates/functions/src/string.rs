//! Placeholder.
pub(crate) fn functions() -> Vec<crate::registry::Function> {
    Vec::new()
}
