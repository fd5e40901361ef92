//! Authorisation: what a statement needs against what the role may do. The only maker of [`Authorized`].

use kura_catalog::Role;
use kura_pgtypes::SqlState;

use crate::bind::Bound;
use crate::{Error, Result, Statement};

/// A statement that its role may run. Only [`authorize`] makes one, at every execution anew.
#[derive(Debug)]
pub struct Authorized<T>(T);

impl<T> Authorized<T> {
    /// The statement.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// The statement, looked at.
    pub fn statement(&self) -> &T {
        &self.0
    }
}

/// One thing a statement needs its role to be allowed to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Read a table or view.
    Read {
        /// Owner of the relation.
        owner: u32,
        /// "table" or "view".
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// Add, change or remove rows of a table.
    Write {
        /// Owner of the table.
        owner: u32,
        /// Its name.
        name: String,
    },
    /// Own an object, to drop, alter or comment on it.
    Own {
        /// Its owner.
        owner: u32,
        /// "table", "view", "schema".
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// Create something in a schema.
    CreateIn {
        /// Owner of the schema.
        owner: u32,
        /// Its name.
        schema: String,
    },
    /// Create a schema.
    CreateSchema,
    /// Be a role, to give something to it.
    BeRole {
        /// Its OID.
        oid: u32,
        /// Its name.
        name: String,
    },
    /// Read or write files of the server.
    ServerFiles,
}

/// Checks the bound statement against the role. Until GRANT exists, a role may use what it owns and a superuser everything.
///
/// # Errors
/// 42501 naming the first object the role may not use.
pub fn authorize(bound: Bound, role: &Role) -> Result<Authorized<Statement>> {
    if !role.superuser {
        for need in bound.needs() {
            check(need, role)?;
        }
    }
    Ok(Authorized(bound.into_statement()))
}

fn check(need: &Need, role: &Role) -> Result<()> {
    let (owner, message) = match need {
        Need::Read { owner, kind, name } => (Some(*owner), format!("permission denied for {kind} {name}")),
        Need::Write { owner, name } => (Some(*owner), format!("permission denied for table {name}")),
        Need::Own { owner, kind, name } => (Some(*owner), format!("must be owner of {kind} {name}")),
        Need::CreateIn { owner, schema } => (Some(*owner), format!("permission denied for schema {schema}")),
        Need::CreateSchema => (None, "permission denied for database kura".to_owned()),
        Need::BeRole { oid, name } => (Some(*oid), format!("must be member of role \"{name}\"")),
        Need::ServerFiles => (None, "must be superuser to COPY to or from a file".to_owned()),
    };
    if owner == Some(role.oid) {
        return Ok(());
    }
    Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
}

/// A view's owner reads what the view reads: collects needs per relation once.
pub(crate) fn add_need(needs: &mut Vec<Need>, need: Need) {
    if !needs.contains(&need) {
        needs.push(need);
    }
}
