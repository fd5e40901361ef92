//! The catalog of one lake: publishes snapshots, begins transactions, commits them, knows the roles.
//!
//! Holds the one image every statement reads. Speaks no SQL itself; that is `store`.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Mutex as AsyncMutex;

use crate::clock::Clock;
use crate::commit::Intent;
use crate::config::{CatalogUrl, Config};
use crate::difference::Difference;
use crate::error::{Error, Result};
use crate::locks::LockTable;
use crate::names;
use crate::object::role::Role;
use crate::snapshot::Snapshot;
use crate::store::sqlite::SqliteStore;
use crate::store::{CommitRequest, MetadataStore, Origin};
use crate::transaction::Transaction;

/// OIDs reserved at a time. What a process reserved and did not use is lost.
const OID_BLOCK: u32 = 8192;

/// OIDs that every transaction finds available when it begins.
const OIDS_AT_BEGIN: usize = 4096;

/// The metadata of one lake.
pub struct Catalog {
    store: Box<dyn MetadataStore>,
    clock: Arc<dyn Clock>,
    data_path: String,
    /// The newest image. Replaced as a whole, never changed.
    published: RwLock<Arc<Snapshot>>,
    /// Held while a newer image is read, so that many statements wait for one reader.
    refreshing: AsyncMutex<()>,
    oids: Mutex<Range<u32>>,
    locks: Arc<LockTable>,
}

impl Catalog {
    /// Opens the catalog; creates an empty lake with schema `public` when the database is new.
    ///
    /// `data_path`: where the lake's files are, a directory or a URL; recorded in a new catalog, compared with a
    /// present one. `DuckDB` reads the recorded one, so it should be absolute.
    ///
    /// # Errors
    /// [`Error::UnsupportedVersion`], [`Error::NotACatalog`], [`Error::DataPathMismatch`], and failures of the database.
    pub async fn open(config: Config, data_path: &str, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        let data_path = if data_path.ends_with('/') { data_path.to_owned() } else { format!("{data_path}/") };
        let origin = Origin { data_path: data_path.clone(), relocate: config.relocate, clock: Arc::clone(&clock) };
        let store: Box<dyn MetadataStore> = match &config.url {
            CatalogUrl::Sqlite(path) => Box::new(SqliteStore::open(path, origin).await?),
        };
        let snapshot = store.load(None).await?;
        tracing::info!(url = %config.url, data_path, snapshot = snapshot.id, "catalog opened");
        Ok(Arc::new(Self {
            store,
            clock,
            data_path,
            published: RwLock::new(Arc::new(snapshot)),
            refreshing: AsyncMutex::new(()),
            oids: Mutex::new(0..0),
            locks: Arc::default(),
        }))
    }

    /// The catalog as of now. One cheap check of the head; the image itself is shared and read again only where it changed.
    ///
    /// # Errors
    /// Failures of the database; [`Error::Corrupt`].
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>> {
        let head = self.store.head().await?;
        let published = self.published();
        if published.id == head {
            return Ok(published);
        }
        self.refresh(head).await
    }

    /// Begins a transaction on the catalog as of now.
    ///
    /// # Errors
    /// Those of [`Catalog::snapshot`].
    pub async fn begin(self: &Arc<Self>) -> Result<Transaction> {
        let base = self.snapshot().await?;
        self.reserve_oids().await?;
        Ok(Transaction::new(Arc::clone(self), base))
    }

    /// The newest image there is in memory, without a look at the database: it has at least what this process committed.
    #[must_use]
    pub fn latest(&self) -> Arc<Snapshot> {
        self.published()
    }

    /// The locks of this process's sessions.
    #[must_use]
    pub fn locks(&self) -> &Arc<LockTable> {
        &self.locks
    }

    /// Where the lake's files are; ends with `/`.
    #[must_use]
    pub fn data_path(&self) -> &str {
        &self.data_path
    }

    /// The clock everything in this process goes by.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// The role of that name, as stored now.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn role(&self, name: &str) -> Result<Option<Arc<Role>>> {
        let roles = self.store.roles().await?;
        Ok(roles.into_iter().find(|role| role.name == name).map(Arc::new))
    }

    /// Creates a role, durable and visible at once. An OID of 0 is replaced by a new one. Returns the role as stored.
    ///
    /// # Errors
    /// [`Error::RoleExists`]; failures of the database.
    pub async fn create_role(&self, mut role: Role) -> Result<Arc<Role>> {
        if role.oid == 0 {
            self.reserve_oids().await?;
            role.oid = self.new_oid()?;
        }
        self.store.create_role(&role).await?;
        self.publish_roles().await?;
        Ok(Arc::new(role))
    }

    /// Sets a role's SCRAM verifier, or with `None` forbids its log-in by password.
    ///
    /// # Errors
    /// [`Error::RoleNotFound`]; failures of the database.
    pub async fn set_verifier(&self, name: &str, verifier: Option<String>) -> Result<()> {
        self.store.set_verifier(name, verifier.as_deref()).await?;
        self.publish_roles().await
    }

    /// Closes the connections to the database after work under way. Nothing may be asked afterwards.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

impl Catalog {
    /// An OID nobody else gets.
    pub(crate) fn new_oid(&self) -> Result<u32> {
        self.oids.lock().next().ok_or_else(|| Error::Limit { message: "too many objects are being created at a time".to_owned() })
    }

    /// Writes a transaction's changes, then reads back what became of the catalog.
    pub(crate) async fn commit(&self, base_id: i64, view: &Snapshot, difference: &Difference<'_>) -> Result<Arc<Snapshot>> {
        let request = CommitRequest {
            commit_id: names::new_id(self.clock()),
            time_micros: self.clock.now_micros(),
            intent: Intent::new(view, difference),
            base_id,
            view,
            difference,
        };
        let snapshot_id = self.store.commit(&request).await?;
        tracing::debug!(snapshot = snapshot_id, "transaction committed");
        match self.refresh(snapshot_id).await {
            Ok(snapshot) => Ok(snapshot),
            Err(error) => {
                // What is committed stays committed. The next statement reads the head again and fails by itself if it must.
                tracing::warn!(%error, snapshot = snapshot_id, "could not read back a committed snapshot");
                Ok(self.published())
            }
        }
    }

    fn published(&self) -> Arc<Snapshot> {
        Arc::clone(&self.published.read())
    }

    /// Publishes an image of snapshot `wanted` or later.
    async fn refresh(&self, wanted: i64) -> Result<Arc<Snapshot>> {
        let _only_one = self.refreshing.lock().await;
        let published = self.published();
        if published.id >= wanted {
            return Ok(published);
        }
        let loaded = Arc::new(self.store.load(Some(&published)).await?);
        *self.published.write() = Arc::clone(&loaded);
        Ok(loaded)
    }

    /// Publishes the present image again with the roles as they are now.
    async fn publish_roles(&self) -> Result<()> {
        let _only_one = self.refreshing.lock().await;
        let roles = self.store.roles().await?;
        let mut snapshot = Snapshot::clone(&self.published());
        snapshot.put_roles(Arc::new(roles.into_iter().map(Arc::new).collect()));
        *self.published.write() = Arc::new(snapshot);
        Ok(())
    }

    /// Tops up the OIDs at hand.
    async fn reserve_oids(&self) -> Result<()> {
        if self.oids.lock().len() >= OIDS_AT_BEGIN {
            return Ok(());
        }
        let _only_one = self.refreshing.lock().await;
        if self.oids.lock().len() >= OIDS_AT_BEGIN {
            return Ok(());
        }
        let block = self.store.reserve_oids(OID_BLOCK).await?;
        *self.oids.lock() = block;
        Ok(())
    }
}
