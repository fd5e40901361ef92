//! Settings of the engine as data; nothing is read from a file or the environment here.

use std::path::PathBuf;

/// Limits under which statements run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes that the operators of all running statements may hold together.
    pub memory_limit: u64,
    /// Statements that run at a time; the others wait.
    pub max_running: usize,
    /// Statements that may wait; more are refused with 53400.
    pub queue_length: usize,
    /// Directories below which COPY may read and write files; none by default.
    pub copy_roots: Vec<PathBuf>,
    /// Directory for intermediate results that do not fit into memory. Created when it is not there; what an earlier run left
    /// in it is removed.
    pub spill_dir: PathBuf,
    /// Bytes that intermediate results may take on disk.
    pub spill_limit: u64,
    /// Threads that run queries, and parts a query is split into; 0 is one per core.
    pub threads: usize,
}

impl Config {
    /// Defaults with this directory for intermediate results: 1 GiB of memory, 32 statements running, 256 waiting, 64 GiB on
    /// disk, a thread per core.
    #[must_use]
    pub fn new(spill_dir: impl Into<PathBuf>) -> Self {
        Self {
            memory_limit: 1 << 30,
            max_running: 32,
            queue_length: 256,
            copy_roots: Vec::new(),
            spill_dir: spill_dir.into(),
            spill_limit: 64 << 30,
            threads: 0,
        }
    }

    /// Threads that run queries, resolved.
    pub(crate) fn cores(&self) -> usize {
        if self.threads > 0 {
            return self.threads;
        }
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }
}
