//! [`FileAccess`]: which server-side files COPY may touch. Everything is decided on the file a path leads to, not on its spelling.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};

/// A pattern that matches more files than this is refused.
const MATCHES_MAX: usize = 10_000;

/// The directories below which COPY may read and write. Without any, nothing is allowed.
#[derive(Debug, Clone, Default)]
pub struct FileAccess {
    /// Compared after symbolic links in them are resolved; those that do not exist allow nothing.
    pub roots: Vec<PathBuf>,
}

impl FileAccess {
    /// Access below `roots`.
    #[must_use]
    pub fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots }
    }

    /// The one existing file that `path` leads to, absolute and without symbolic links.
    ///
    /// A relative path is looked for below each root. Blocks for as long as the file system does.
    ///
    /// # Errors
    /// `OutsideRoots` (whether or not anything is there), `Missing`, `NotAFile`, `InvalidName`, `Unsupported` for URLs.
    pub fn resolve(&self, path: &str) -> Result<PathBuf> {
        let candidates = self.candidates(path)?;
        let mut first_error = None;
        for candidate in candidates {
            match self.existing(&candidate, path) {
                Ok(found) => return Ok(found),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or_else(|| outside(path)))
    }

    /// The existing files that `path` leads to, sorted; `*` in a component stands for any characters.
    ///
    /// # Errors
    /// As [`FileAccess::resolve`]; `Missing` when nothing matches.
    pub fn resolve_all(&self, path: &str) -> Result<Vec<PathBuf>> {
        if !path.contains('*') {
            return self.resolve(path).map(|one| vec![one]);
        }
        let mut found = Vec::new();
        for candidate in self.candidates(path)? {
            for matched in self.matches(&candidate, path)? {
                let shown = matched.display().to_string();
                match self.existing(&matched, &shown) {
                    Ok(file) => found.push(file),
                    // Directories that match are passed over; links that lead out are not.
                    Err(Error::NotAFile { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        found.sort();
        found.dedup();
        if found.is_empty() { Err(Error::Missing { path: path.to_owned() }) } else { Ok(found) }
    }

    /// The file that writing to `path` would create or replace.
    ///
    /// # Errors
    /// As [`FileAccess::resolve`]; `RelativePath`; `Io` when the directory does not exist.
    pub fn resolve_for_writing(&self, path: &str) -> Result<PathBuf> {
        let target = plain(path)?;
        if !target.is_absolute() {
            return Err(Error::RelativePath);
        }
        let is_named = matches!(target.components().next_back(), Some(Component::Normal(_)));
        let (Some(parent), Some(name), true) = (target.parent(), target.file_name(), is_named) else {
            return Err(Error::NotAFile { path: path.to_owned(), what: "a directory" });
        };
        let directory = match parent.canonicalize() {
            Ok(directory) if self.allows(&directory) => directory,
            Ok(_) => return Err(outside(path)),
            Err(source) if self.allows_what_exists_of(parent) => {
                return Err(Error::Io { action: "open file", path: path.to_owned(), source });
            }
            Err(_) => return Err(outside(path)),
        };
        let target = directory.join(name);
        match fs::symlink_metadata(&target) {
            Err(_) => Ok(target),
            Ok(metadata) if metadata.is_symlink() => {
                // Writing follows the link, so it is where the link leads that counts.
                let real = target.canonicalize().map_err(|_| outside(path))?;
                if self.allows(&real) { regular(real, path) } else { Err(outside(path)) }
            }
            Ok(_) => regular(target, path),
        }
    }

    /// The absolute paths a path may mean.
    fn candidates(&self, path: &str) -> Result<Vec<PathBuf>> {
        let plain = plain(path)?;
        Ok(if plain.is_absolute() { vec![plain] } else { self.roots.iter().map(|root| root.join(&plain)).collect() })
    }

    fn existing(&self, candidate: &Path, shown: &str) -> Result<PathBuf> {
        match candidate.canonicalize() {
            Ok(real) if self.allows(&real) => regular(real, shown),
            Ok(_) => Err(outside(shown)),
            Err(source) if self.allows_what_exists_of(candidate) => Err(match source.kind() {
                io::ErrorKind::NotFound => Error::Missing { path: shown.to_owned() },
                _ => Error::Io { action: "open file", path: shown.to_owned(), source },
            }),
            Err(_) => Err(outside(shown)),
        }
    }

    /// `real` has no symbolic links.
    fn allows(&self, real: &Path) -> bool {
        let roots = self.roots.iter().filter_map(|root| root.canonicalize().ok());
        roots.into_iter().any(|root| real.starts_with(root))
    }

    /// Whether a path that does not exist would be inside, by the part of it that does; nobody learns what exists elsewhere.
    fn allows_what_exists_of(&self, path: &Path) -> bool {
        if path.components().any(|component| component == Component::ParentDir) {
            return false;
        }
        path.ancestors().find_map(|ancestor| ancestor.canonicalize().ok()).is_some_and(|real| self.allows(&real))
    }

    /// Expands the pattern component by component.
    fn matches(&self, pattern: &Path, shown: &str) -> Result<Vec<PathBuf>> {
        let mut found = vec![PathBuf::new()];
        for component in pattern.components() {
            let Some(text) = component.as_os_str().to_str() else {
                return Err(invalid(shown));
            };
            if !matches!(component, Component::Normal(_)) || !text.contains('*') {
                found.iter_mut().for_each(|path| path.push(component));
                continue;
            }
            let mut next = Vec::new();
            for directory in found {
                let Ok(real) = directory.canonicalize() else { continue };
                if !self.allows(&real) {
                    return Err(outside(shown));
                }
                next.extend(entries(&real, text));
                if next.len() > MATCHES_MAX {
                    return Err(Error::Unsupported { what: format!("a pattern that matches more than {MATCHES_MAX} files") });
                }
            }
            found = next;
        }
        found.retain(|path| path.exists());
        Ok(found)
    }
}

/// The entries of a directory that match, in no order; hidden ones only when the pattern says so.
fn entries(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let names = listing.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let shown = names.filter(|name| !name.starts_with('.') || pattern.starts_with('.'));
    shown.filter(|name| is_match(pattern, name)).map(|name| directory.join(name)).collect()
}

/// Whether `name` is `pattern` with something in place of each `*`.
fn is_match(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    // The earliest place for each part in the middle leaves the most for the others.
    for part in parts {
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.ends_with(last)
}

/// Local paths may be written as URLs; others are not read.
fn plain(path: &str) -> Result<PathBuf> {
    if path.is_empty() || path.contains('\0') {
        return Err(invalid(path));
    }
    match path.split_once("://") {
        None => Ok(PathBuf::from(path)),
        Some(("file", local)) if local.starts_with('/') => Ok(PathBuf::from(local)),
        Some((scheme, _)) => Err(Error::Unsupported { what: format!("COPY with a URL of scheme \"{scheme}\"") }),
    }
}

fn regular(path: PathBuf, shown: &str) -> Result<PathBuf> {
    let metadata = fs::metadata(&path).map_err(|source| Error::Io { action: "stat file", path: shown.to_owned(), source })?;
    if metadata.is_file() {
        return Ok(path);
    }
    Err(Error::NotAFile { path: shown.to_owned(), what: if metadata.is_dir() { "a directory" } else { "not a regular file" } })
}

fn outside(path: &str) -> Error {
    Error::OutsideRoots { path: path.to_owned() }
}

fn invalid(path: &str) -> Error {
    Error::InvalidName { path: path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::is_match;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*.parquet", "a.parquet", true),
            ("*.parquet", "a.csv", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "acb", false),
            ("*", "", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(is_match(pattern, name), expected, "{pattern} {name}");
        }
    }
}
