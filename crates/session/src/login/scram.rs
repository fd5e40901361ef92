//! The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), and PostgreSQL's form of the verifier.
//!
//! Bytes in, bytes out: the protocol wraps them in its own messages. Comparisons of secrets take constant time. An unknown
//! user goes through the same steps with a verifier nobody has the password of.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kura_catalog::Role;
use kura_pgtypes::{SqlError, SqlState};
use ring::{digest, hmac, pbkdf2};

use super::{Authenticated, ServerSecret, random_bytes};

/// The mechanism without channel binding.
pub const MECHANISM: &str = "SCRAM-SHA-256";
/// The mechanism with channel binding.
pub const MECHANISM_PLUS: &str = "SCRAM-SHA-256-PLUS";

const ITERATIONS: u32 = 4096;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 18;
const NONCE_BYTES_MAX: usize = 1024;
const BINDING: &str = "tls-server-end-point";

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: [u8; 32],
    server_key: [u8; 32],
}

impl Verifier {
    /// Of a password, with a random salt.
    #[must_use]
    pub fn of_password(password: &str) -> Self {
        let iterations = NonZeroU32::new(ITERATIONS).expect("not zero");
        Self::derive(password, random_bytes::<SALT_BYTES>().to_vec(), iterations)
    }

    /// From PostgreSQL's text form; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("SCRAM-SHA-256$")?;
        let (head, keys) = rest.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        Some(Self {
            iterations: iterations.parse().ok()?,
            salt: BASE64.decode(salt).ok()?,
            stored_key: BASE64.decode(stored_key).ok()?.try_into().ok()?,
            server_key: BASE64.decode(server_key).ok()?.try_into().ok()?,
        })
    }

    /// Whether this is the verifier of `password`.
    #[must_use]
    pub fn accepts(&self, password: &str) -> bool {
        let other = Self::derive(password, self.salt.clone(), self.iterations);
        equal(&other.stored_key, &self.stored_key)
    }

    /// The verifier shown for a user that does not exist: always the same for one name, with a password nobody knows.
    fn mock(secret: &ServerSecret, user: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.bytes());
        let salt = hmac::sign(&key, user.as_bytes()).as_ref()[..SALT_BYTES].to_vec();
        let iterations = NonZeroU32::new(ITERATIONS).expect("not zero");
        Self { iterations, salt, stored_key: random_bytes(), server_key: random_bytes() }
    }

    fn derive(password: &str, salt: Vec<u8>, iterations: NonZeroU32) -> Self {
        // As PostgreSQL: a password that SASLprep refuses is used as it is.
        let prepared = stringprep::saslprep(password).unwrap_or_else(|_| password.into());
        let mut salted = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, prepared.as_bytes(), &mut salted);
        let client_key = sign(&salted, b"Client Key");
        Self { iterations, salt, stored_key: hash(&client_key), server_key: sign(&salted, b"Server Key") }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, stored, server) = (BASE64.encode(&self.salt), BASE64.encode(self.stored_key), BASE64.encode(self.server_key));
        write!(f, "SCRAM-SHA-256${}:{salt}${stored}:{server}", self.iterations)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

/// One login in progress: [`Exchange::first`], then [`Exchange::last`].
pub struct Exchange {
    user: String,
    role: Option<Arc<Role>>,
    verifier: Verifier,
    binding: Option<Vec<u8>>,
    state: Option<FirstMessages>,
}

struct FirstMessages {
    gs2_header: String,
    client_bare: String,
    server: String,
    nonce: String,
    bound: bool,
}

impl Exchange {
    /// `role`: the user's role when it exists; without a usable verifier the login fails at the end, not before.
    /// `binding`: the hash of the server's certificate when the connection is encrypted.
    pub(crate) fn new(user: &str, role: Option<Arc<Role>>, secret: &ServerSecret, binding: Option<Vec<u8>>) -> Self {
        let mock = Verifier::mock(secret, user);
        let known = role.as_ref().and_then(|role| Verifier::parse(role.verifier.as_deref()?));
        let role = role.filter(|_| known.is_some());
        Self { user: user.to_owned(), role, verifier: known.unwrap_or(mock), binding, state: None }
    }

    /// The mechanisms to offer, the best first.
    #[must_use]
    pub fn mechanisms(&self) -> Vec<String> {
        let plus = self.binding.is_some().then(|| MECHANISM_PLUS.to_owned());
        plus.into_iter().chain([MECHANISM.to_owned()]).collect()
    }

    /// Answers the client's first message.
    ///
    /// # Errors
    /// 08P01 for a malformed message, 28000 for a downgrade of channel binding.
    pub fn first(&mut self, mechanism: &str, message: &[u8]) -> Result<Vec<u8>, SqlError> {
        let text = std::str::from_utf8(message).map_err(|_| malformed("invalid UTF-8"))?;
        let (flag, rest) = text.split_once(',').ok_or_else(|| malformed("no channel binding flag"))?;
        let (authzid, bare) = rest.split_once(',').ok_or_else(|| malformed("no authorization identity"))?;
        if !authzid.is_empty() {
            return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "client uses authorization identity, but it is not supported"));
        }
        let bound = self.check_binding_flag(mechanism, flag)?;
        let mut fields = bare.split(',');
        let user = fields.next().unwrap_or_default();
        if user.starts_with("m=") {
            return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "client requires an unsupported SCRAM extension"));
        }
        if !user.starts_with("n=") {
            return Err(malformed("no user name"));
        }
        let client_nonce = fields.next().and_then(|field| field.strip_prefix("r=")).ok_or_else(|| malformed("no nonce"))?;
        let printable = client_nonce.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        if client_nonce.is_empty() || client_nonce.len() > NONCE_BYTES_MAX || !printable {
            return Err(malformed("bad nonce"));
        }
        let nonce = format!("{client_nonce}{}", BASE64.encode(random_bytes::<NONCE_BYTES>()));
        let server = format!("r={nonce},s={},i={}", BASE64.encode(&self.verifier.salt), self.verifier.iterations);
        let gs2_header = format!("{flag},,");
        self.state = Some(FirstMessages { gs2_header, client_bare: bare.to_owned(), server: server.clone(), nonce, bound });
        Ok(server.into_bytes())
    }

    /// Answers the client's last message: the server's signature, and the role that proved itself.
    ///
    /// # Errors
    /// 28P01 when the proof is wrong or the user unknown, 08P01 for a malformed message.
    pub fn last(&mut self, message: &[u8]) -> Result<(Vec<u8>, Authenticated), SqlError> {
        let first = self.state.take().ok_or_else(|| malformed("out of order"))?;
        let text = std::str::from_utf8(message).map_err(|_| malformed("invalid UTF-8"))?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or_else(|| malformed("no proof"))?;
        let mut fields = without_proof.split(',');
        let binding = fields.next().and_then(|field| field.strip_prefix("c=")).ok_or_else(|| malformed("no channel binding"))?;
        let nonce = fields.next().and_then(|field| field.strip_prefix("r=")).ok_or_else(|| malformed("no nonce"))?;
        if nonce != first.nonce {
            return Err(malformed("nonce does not match"));
        }
        let mut expected = first.gs2_header.clone().into_bytes();
        if first.bound {
            expected.extend_from_slice(self.binding.as_deref().unwrap_or_default());
        }
        if !equal(binding.as_bytes(), BASE64.encode(expected).as_bytes()) {
            return Err(SqlError::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "SCRAM channel binding check failed"));
        }
        let proof: [u8; 32] =
            BASE64.decode(proof).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| malformed("malformed proof"))?;
        let auth_message = format!("{},{},{without_proof}", first.client_bare, first.server);
        let right = self.proves(&proof, auth_message.as_bytes());
        match &self.role {
            Some(role) if right => {
                let signature = sign(&self.verifier.server_key, auth_message.as_bytes());
                Ok((format!("v={}", BASE64.encode(signature)).into_bytes(), Authenticated::new(Arc::clone(role))))
            }
            _ => Err(SqlError::new(SqlState::INVALID_PASSWORD, format!("password authentication failed for user \"{}\"", self.user))),
        }
    }

    fn proves(&self, proof: &[u8; 32], auth_message: &[u8]) -> bool {
        let signature = sign(&self.verifier.stored_key, auth_message);
        let mut client_key = [0; 32];
        for (key, (a, b)) in client_key.iter_mut().zip(proof.iter().zip(signature)) {
            *key = a ^ b;
        }
        equal(&hash(&client_key), &self.verifier.stored_key)
    }

    fn check_binding_flag(&self, mechanism: &str, flag: &str) -> Result<bool, SqlError> {
        match (mechanism, flag) {
            (MECHANISM_PLUS, _) if self.binding.is_none() => Err(malformed("mechanism was not offered")),
            (MECHANISM_PLUS, flag) => match flag.strip_prefix("p=") {
                Some(BINDING) => Ok(true),
                Some(other) => Err(malformed(&format!("unsupported channel binding type \"{other}\""))),
                None => Err(malformed("the client chose SCRAM-SHA-256-PLUS without channel binding")),
            },
            (MECHANISM, "n") => Ok(false),
            (MECHANISM, "y") if self.binding.is_none() => Ok(false),
            (MECHANISM, "y") => Err(SqlError::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "SCRAM channel binding negotiation error")
                .detail("The client supports SCRAM channel binding but thinks the server does not. However, this server does support channel binding.")),
            (MECHANISM, _) => Err(malformed("the client chose SCRAM-SHA-256 with channel binding")),
            _ => Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, "client selected an invalid SASL authentication mechanism")),
        }
    }
}

fn malformed(detail: &str) -> SqlError {
    SqlError::new(SqlState::PROTOCOL_VIOLATION, "malformed SCRAM message").detail(format!("{detail}."))
}

fn sign(key: &[u8], message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    tag.as_ref().try_into().expect("an HMAC-SHA-256 has 32 bytes")
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().expect("a SHA-256 has 32 bytes")
}

/// Compares in a time that depends on the lengths only.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut difference = u8::from(a.len() != b.len());
    for (x, y) in a.iter().zip(b) {
        difference |= std::hint::black_box(x ^ y);
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests;
