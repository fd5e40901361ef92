//! Names the catalog invents: identifiers of objects and commits, and locations. Never made from a user's text.

use rand::RngCore;
use uuid::{Builder, Uuid};

use crate::clock::Clock;

/// A new time-ordered identifier (UUID version 7).
pub(crate) fn new_id(clock: &dyn Clock) -> Uuid {
    let mut random = [0_u8; 10];
    rand::rng().fill_bytes(&mut random);
    let millis = u64::try_from(clock.now_micros() / 1000).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The location of a new schema or table, relative to what contains it.
pub(crate) fn new_directory(id: &Uuid) -> String {
    format!("{}/", id.hyphenated())
}

/// Joins a location and one relative to it. `base` is empty or ends with `/`.
pub(crate) fn join(base: &str, path: &str) -> String {
    let mut joined = String::with_capacity(base.len() + path.len() + 1);
    joined.push_str(base);
    if !base.is_empty() && !base.ends_with('/') {
        joined.push('/');
    }
    joined.push_str(path);
    joined
}

/// Quotes an identifier the way `DuckLake` writes names into its own columns.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Resolves a stored location to one relative to the lake's data path. `base` is that of what contains it, already
/// resolved. `None` when it lies outside of the data path or tries to leave it.
pub(crate) fn resolve(base: Option<&str>, path: &str, is_relative: bool, data_path: &str) -> Option<String> {
    let resolved = if is_relative { join(base?, path) } else { path.strip_prefix(data_path)?.to_owned() };
    let leaves = resolved.starts_with('/') || resolved.split(['/', '\\']).any(|part| part == "..");
    (!leaves).then_some(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_stay_below_the_data_path() {
        let data = "/lake/";
        assert_eq!(resolve(Some("s/"), "t/", true, data).as_deref(), Some("s/t/"));
        assert_eq!(resolve(Some(""), "t/", true, data).as_deref(), Some("t/"));
        assert_eq!(resolve(None, "/lake/s/x.parquet", false, data).as_deref(), Some("s/x.parquet"));
        assert_eq!(resolve(None, "/etc/passwd", false, data), None);
        assert_eq!(resolve(Some("s/"), "../../etc", true, data), None);
        assert_eq!(resolve(Some(""), "/etc", true, data), None);
        assert_eq!(resolve(None, "x", true, data), None);
    }
}
