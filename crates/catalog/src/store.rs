//! The metadata database behind a catalog: what any implementation must do. SQLite is the one there is.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::clock::Clock;
use crate::commit::Intent;
use crate::difference::Difference;
use crate::error::Result;
use crate::object::role::Role;
use crate::snapshot::Snapshot;

pub(crate) mod sqlite;

/// The version of `DuckLake` this crate reads and writes.
pub(crate) const LAKE_VERSION: &str = "1.0";

/// What a new lake is created with, and a present one compared with.
pub(crate) struct Origin {
    /// Ends with `/`.
    pub(crate) data_path: String,
    pub(crate) relocate: bool,
    pub(crate) clock: Arc<dyn Clock>,
}

/// One transaction to be committed.
pub(crate) struct CommitRequest<'a> {
    /// Recorded with the commit, to find out after a lost answer whether it happened.
    pub(crate) commit_id: Uuid,
    pub(crate) time_micros: i64,
    pub(crate) intent: Intent,
    /// Number of the snapshot it began with.
    pub(crate) base_id: i64,
    pub(crate) view: &'a Snapshot,
    pub(crate) difference: &'a Difference<'a>,
}

/// A metadata database.
#[async_trait]
pub(crate) trait MetadataStore: Send + Sync {
    /// Number of the newest snapshot.
    async fn head(&self) -> Result<i64>;

    /// An image of the newest snapshot. With an older image at hand, only what changed since is read.
    async fn load(&self, published: Option<&Snapshot>) -> Result<Snapshot>;

    /// Writes one transaction as the next snapshot, whose number is returned. Retries a bounded time while others write.
    async fn commit(&self, request: &CommitRequest<'_>) -> Result<i64>;

    /// Takes that many OIDs off the durable counter.
    async fn reserve_oids(&self, count: u32) -> Result<Range<u32>>;

    /// All roles, by OID.
    async fn roles(&self) -> Result<Vec<Role>>;

    /// Stores a new role.
    async fn create_role(&self, role: &Role) -> Result<()>;

    /// Changes a role's verifier.
    async fn set_verifier(&self, name: &str, verifier: Option<&str>) -> Result<()>;

    /// Closes all connections.
    async fn close(&self);
}
