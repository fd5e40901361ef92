//! [`Storage`]: one lake's object store and the caches over it. Reads and writes themselves are in `scan` and `write`.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use moka::sync::Cache;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::object::{ObjectFile, Origin, local};
use crate::parquet::footer::{self, Footer};
use crate::scan::deletes::Deleted;

/// Identity of an immutable object: its path and its size in bytes.
type Key = (Arc<str>, u64);

/// Table data of one lake. Shared by all statements.
#[derive(Debug)]
pub struct Storage {
    root: PathBuf,
    store: Arc<dyn ObjectStore>,
    footers: Cache<Key, Arc<Footer>>,
    deletes: Cache<Key, Arc<Deleted>>,
}

impl Storage {
    /// Opens the directory of a lake, and creates it when it is not there.
    ///
    /// # Errors
    /// `Io` when the directory cannot be created or opened.
    pub fn open(config: Config) -> Result<Arc<Self>> {
        let root = local::create_root(&config.root)?;
        let store = LocalFileSystem::new_with_prefix(&root).map_err(|source| Error::Store { path: root.display().to_string(), source })?;
        let footers = Cache::builder()
            .max_capacity(config.footer_cache_bytes)
            .weigher(|key: &Key, footer: &Arc<Footer>| weight(key.0.len() + footer.memory_bytes()))
            .build();
        let deletes = Cache::builder()
            .max_capacity(config.footer_cache_bytes)
            .weigher(|key: &Key, deleted: &Arc<Deleted>| weight(key.0.len() + deleted.memory_bytes()))
            .build();
        Ok(Arc::new(Self { root, store: Arc::new(store), footers, deletes }))
    }

    /// The lake's directory, absolute.
    #[must_use]
    pub fn root(&self) -> &FilePath {
        &self.root
    }

    /// Where a file that the catalog names, or a directory, is on the disk.
    pub(crate) fn local_path(&self, path: &str) -> Result<PathBuf> {
        Ok(self.local(&location(path)?))
    }

    /// Where a location is on the disk.
    fn local(&self, location: &Path) -> PathBuf {
        location.parts().fold(self.root.clone(), |directory, part| directory.join(part.as_ref()))
    }

    /// A file the catalog names.
    pub(crate) fn object(&self, path: &str, size: u64) -> Result<ObjectFile> {
        let location = location(path)?;
        let local = self.local(&location);
        Ok(ObjectFile::new(Arc::clone(&self.store), location, &local, path, size, Origin::Lake))
    }

    /// The footer of a file, from the cache where present.
    ///
    /// `footer_size` is the catalog's, 0 when not known.
    pub(crate) async fn footer(&self, file: &ObjectFile, footer_size: u64) -> Result<Arc<Footer>> {
        let key = (Arc::clone(&file.name), file.size);
        if let Some(footer) = self.footers.get(&key) {
            return Ok(footer);
        }
        let footer = Arc::new(footer::load(file, footer_size).await?);
        self.footers.insert(key, Arc::clone(&footer));
        Ok(footer)
    }

    /// The contents of a delete file, from the cache where present. Who asks while it is being read waits for that.
    pub(crate) async fn deleted(&self, file: &kura_catalog::DeleteFile) -> Result<Arc<Deleted>> {
        let object = self.object(&file.path, file.file_size)?;
        let key = (Arc::clone(&object.name), object.size);
        if let Some(deleted) = self.deletes.get(&key) {
            return Ok(deleted);
        }
        let footer = self.footer(&object, file.footer_size).await?;
        let (cache, count) = (self.deletes.clone(), file.delete_count);
        let read = SpawnedTask::spawn_blocking(move || {
            let load = || Deleted::load(&object, &footer, count).map(Arc::new);
            // An error belongs to all who waited, and each needs one of its own.
            cache.try_get_with(key, load).or_else(|_| load())
        });
        read.join().await.map_err(|error| Error::internal(format!("a reading task ended: {error}")))?
    }
}

fn location(path: &str) -> Result<Path> {
    Path::parse(path).map_err(|_| Error::Corrupt { path: path.to_owned(), reason: "its path leaves the lake".to_owned() })
}

/// The cache counts in 32 bits; anything larger than that is never worth keeping.
fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
