//! Authentication, for every protocol: who may log in, by SCRAM-SHA-256 against the verifier in the catalog.
//!
//! A protocol carries the exchange's messages ([`scram::Exchange`]); passwords are never stored and never compared here.

use std::fmt;
use std::sync::Arc;

use kura_catalog::Role;

pub mod scram;

pub use scram::{Exchange, Verifier};

/// Length of a generated password.
const GENERATED_LETTERS: usize = 24;

/// The verifier of a password, with a random salt and 4,096 iterations, as PostgreSQL stores it:
/// `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`.
#[must_use]
pub fn verifier(password: &str) -> String {
    Verifier::of_password(password).to_string()
}

/// Whether `password` is the one behind a stored verifier.
#[must_use]
pub fn matches(password: &str, verifier: &str) -> bool {
    Verifier::parse(verifier).is_some_and(|verifier| verifier.accepts(password))
}

/// Secret of this server from which the salts of unknown users are derived, so that a stranger cannot tell them from known ones.
#[derive(Clone)]
pub struct ServerSecret([u8; 32]);

impl ServerSecret {
    /// A secret kept from earlier.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new random secret.
    #[must_use]
    pub fn random() -> Self {
        Self(random_bytes())
    }

    /// The bytes, to keep them.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ServerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSecret(..)")
    }
}

/// A role that proved who it is. Only an [`Exchange`] makes one, and [`Authenticated::internal`] for the server's own work.
#[derive(Clone, Debug)]
pub struct Authenticated {
    role: Arc<Role>,
}

impl Authenticated {
    pub(crate) fn new(role: Arc<Role>) -> Self {
        Self { role }
    }

    /// A session of the server itself, which no client can reach.
    #[must_use]
    pub fn internal(role: Arc<Role>) -> Self {
        Self { role }
    }

    /// The role.
    #[must_use]
    pub fn role(&self) -> &Arc<Role> {
        &self.role
    }
}

/// A random password of letters and digits, with more than 128 bits of chance in it.
#[must_use]
pub fn generated_password() -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut password = String::with_capacity(GENERATED_LETTERS);
    while password.len() < GENERATED_LETTERS {
        let bytes: [u8; 64] = random_bytes();
        // 248 = 4 * 62: above it some letters would come more often than others.
        let letters = bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(LETTERS[usize::from(byte % 62)]));
        password.extend(letters.take(GENERATED_LETTERS - password.len()));
    }
    password
}

/// Random bytes from the operating system.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    use ring::rand::SecureRandom;
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
