//! Roles: who may log in, with what. Rights are not kept here yet; password verification belongs to `session`.

use std::fmt;

/// OID of the first superuser, as in PostgreSQL. Objects without a recorded owner belong to it.
pub const BOOTSTRAP_ROLE_OID: u32 = 10;

/// A role. Not versioned by snapshots: a change is visible at once.
#[derive(Clone, PartialEq, Eq)]
pub struct Role {
    /// OID; 0 in [`crate::Catalog::create_role`] asks for a new one.
    pub oid: u32,
    /// Name, unique.
    pub name: String,
    /// Whether every check of rights is passed.
    pub superuser: bool,
    /// Whether it may log in.
    pub login: bool,
    /// SCRAM verifier, `SCRAM-SHA-256$4096:salt$stored:server`; without one no password is accepted.
    pub verifier: Option<String>,
}

impl fmt::Debug for Role {
    /// Leaves the verifier out: it must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role")
            .field("oid", &self.oid)
            .field("name", &self.name)
            .field("superuser", &self.superuser)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}
