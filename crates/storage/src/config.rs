//! Settings of the storage layer as data; nothing is read from a file or the environment here.

use std::path::PathBuf;

/// Where table data lives and how much memory the caches may take.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory of the lake, the catalog's data path. Created when it does not exist.
    pub root: PathBuf,
    /// Bound of the cache of Parquet footers, in bytes.
    pub footer_cache_bytes: u64,
}

impl Config {
    /// A local directory with default bounds.
    #[must_use]
    pub fn local(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), footer_cache_bytes: 64 << 20 }
    }
}
