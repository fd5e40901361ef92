//! What the first start makes: the superuser `kura` with its password, and the server's secret for logins.
//!
//! Passwords are kept as SCRAM verifiers only. Everything here finds what an earlier start made and leaves it as it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use kura_catalog::{BOOTSTRAP_ROLE_OID, Catalog, Role};
use kura_session::login::{self, ServerSecret};

use crate::config::Secret;

/// The superuser every lake has.
pub(crate) const SUPERUSER: &str = "kura";

/// What is known of the superuser's password after a start.
#[derive(Debug)]
pub(crate) enum Password {
    /// Made by this start; to be shown, once.
    Generated(Secret),
    /// The one in the environment, set by this start.
    Given,
    /// Set by an earlier start.
    Kept,
    /// Set by an earlier start, and another one is in the environment now.
    Differs,
}

/// The superuser; the first start creates it. Without a password it owns what the server makes, and nobody can log in.
pub(crate) async fn superuser(catalog: &Catalog) -> kura_catalog::Result<Arc<Role>> {
    if let Some(existing) = catalog.role(SUPERUSER).await? {
        return Ok(existing);
    }
    let role = Role { oid: BOOTSTRAP_ROLE_OID, name: SUPERUSER.to_owned(), superuser: true, login: true, verifier: None };
    catalog.create_role(role).await
}

/// Gives the superuser the given password or a generated one, unless it has one.
pub(crate) async fn ensure_password(catalog: &Catalog, given: Option<&Secret>) -> kura_catalog::Result<Password> {
    if let Some(verifier) = superuser(catalog).await?.verifier.as_deref() {
        return Ok(match given {
            Some(given) if !login::matches(given.reveal(), verifier) => Password::Differs,
            _ => Password::Kept,
        });
    }
    set_password(catalog, given).await
}

/// Gives the superuser a new password.
pub(crate) async fn change_password(catalog: &Catalog, given: Option<&Secret>) -> kura_catalog::Result<Password> {
    superuser(catalog).await?;
    set_password(catalog, given).await
}

async fn set_password(catalog: &Catalog, given: Option<&Secret>) -> kura_catalog::Result<Password> {
    let (password, outcome) = choose(given);
    let verifier = login::verifier(password.reveal());
    catalog.set_verifier(SUPERUSER, Some(verifier)).await?;
    Ok(outcome)
}

fn choose(given: Option<&Secret>) -> (Secret, Password) {
    match given {
        Some(given) => (given.clone(), Password::Given),
        None => {
            let generated = Secret::new(login::generated_password());
            (generated.clone(), Password::Generated(generated))
        }
    }
}

/// The secret in this file, which is made at the first start and readable by its owner only.
pub(crate) fn server_secret(path: &Path) -> io::Result<ServerSecret> {
    match fs::read(path) {
        Ok(bytes) => match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(bytes) => Ok(ServerSecret::new(bytes)),
            // A start that was killed while writing it; nothing depends on its value.
            Err(_) => write_secret(path),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => write_secret(path),
        Err(error) => Err(error),
    }
}

fn write_secret(path: &Path) -> io::Result<ServerSecret> {
    let secret = ServerSecret::random();
    let mut file = create_private(path)?;
    file.write_all(secret.bytes())?;
    file.sync_all()?;
    Ok(secret)
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_stays_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("login.key");
        let first = server_secret(&path).expect("made");
        let second = server_secret(&path).expect("read");
        assert_eq!(first.bytes(), second.bytes());
        fs::write(&path, b"half").expect("written");
        assert_ne!(server_secret(&path).expect("made again").bytes(), first.bytes());
    }
}
