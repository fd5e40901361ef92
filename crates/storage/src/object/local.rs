//! Files on a local disk that survive a crash of the machine once they are reported as written.
//!
//! `object_store`'s `LocalFileSystem` renames into place and syncs nothing, so writes do not go through it. Everything here
//! blocks and belongs on a blocking thread. Reading is not done here.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A new file being written. Removed again when dropped before [`LocalFile::finish`].
#[derive(Debug)]
pub(crate) struct LocalFile {
    file: File,
    claim: Claim,
}

/// A complete file whose bytes are on disk. Removed when dropped before [`Finished::keep`].
#[derive(Debug)]
pub(crate) struct Finished {
    claim: Claim,
    /// In bytes.
    pub(crate) size: u64,
}

/// The duty to remove a file that was not kept.
#[derive(Debug)]
struct Claim(Option<PathBuf>);

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            remove(&path);
        }
    }
}

/// Removes a file nobody needs. What fails is logged only.
pub(crate) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "unneeded file left behind");
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io { action, path, source }
}

impl LocalFile {
    /// Creates a file that must not exist yet, and the directories above it.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(failed("create directory", directory))?;
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).map_err(failed("create file", &path))?;
        Ok(Self { file, claim: Claim(Some(path)) })
    }

    /// Forces the bytes to disk. The directory entry needs [`sync_directories`] besides.
    pub(crate) fn finish(self) -> Result<Finished> {
        let path = self.path().to_owned();
        self.file.sync_all().map_err(failed("fsync file", &path))?;
        let size = self.file.metadata().map_err(failed("stat file", &path))?.len();
        Ok(Finished { claim: self.claim, size })
    }

    /// The last `length` bytes so far.
    pub(crate) fn last_bytes(&self, length: u64) -> Result<Vec<u8>> {
        let size = self.file.metadata().map_err(failed("stat file", self.path()))?.len();
        let start = size.checked_sub(length).ok_or_else(|| Error::internal("a file shorter than its end"))?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut bytes, start).map_err(failed("read file", self.path()))?;
        Ok(bytes)
    }

    /// Overwrites bytes from `position` on.
    pub(crate) fn write_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        self.file.write_all_at(bytes, position).map_err(failed("write to file", self.path()))
    }

    fn path(&self) -> &Path {
        self.claim.0.as_deref().unwrap_or(Path::new(""))
    }
}

impl Write for LocalFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Finished {
    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        self.claim.0.as_deref().unwrap_or(Path::new(""))
    }

    /// Gives the file the name it is meant to have, in place of whatever has it now.
    pub(crate) fn rename(mut self, to: &Path) -> Result<()> {
        fs::rename(self.path(), to).map_err(failed("rename file", to))?;
        self.claim.0 = None;
        to.parent().map_or(Ok(()), sync_directory)
    }

    /// The file stays; whoever calls this answers for it from now on.
    pub(crate) fn keep(mut self) {
        self.claim.0 = None;
    }
}

/// Makes the names of new files durable: syncs their directories and those above, up to and including `root`, each once.
///
/// All of them, because another append may have created a directory on the way a moment ago and not synced it yet.
pub(crate) fn sync_directories<'a>(root: &Path, files: impl Iterator<Item = &'a Path>) -> Result<()> {
    let mut directories = BTreeSet::new();
    for file in files {
        for directory in file.ancestors().skip(1).take_while(|directory| directory.starts_with(root)) {
            if !directories.insert(directory.to_owned()) {
                break;
            }
        }
    }
    // Deepest first: an entry must not become reachable before what it leads to is there.
    for directory in directories.iter().rev() {
        sync_directory(directory)?;
    }
    Ok(())
}

/// Creates the root of a lake, durably.
pub(crate) fn create_root(root: &Path) -> Result<PathBuf> {
    let missing: Vec<&Path> = root.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    fs::create_dir_all(root).map_err(failed("create directory", root))?;
    for created in missing {
        match created.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent)?,
            Some(_) => sync_directory(Path::new("."))?,
            None => {}
        }
    }
    root.canonicalize().map_err(failed("open directory", root))
}

fn sync_directory(directory: &Path) -> Result<()> {
    let opened = File::open(directory).map_err(failed("open directory", directory))?;
    opened.sync_all().map_err(failed("fsync directory", directory))
}
