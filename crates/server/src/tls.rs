//! TLS for the PostgreSQL door: certificate and key from PEM files, TLS 1.2 and newer, direct connections by ALPN, and the
//! certificate's hash for SCRAM channel binding (RFC 5929).

use std::io;
use std::path::Path;
use std::sync::Arc;

use ring::digest;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The protocol's name in ALPN.
const ALPN: &[u8] = b"postgresql";

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or is not PEM.
    #[error("cannot read {path}")]
    Pem {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate file holds no certificate.
    #[error("{path} holds no certificate")]
    NoCertificate {
        /// The file.
        path: String,
    },
    /// Certificate and key do not fit, or one is not usable.
    #[error("cannot use the TLS certificate and key")]
    Unusable(#[from] rustls::Error),
}

/// TLS as this server speaks it.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    binding: Option<Vec<u8>>,
}

impl Tls {
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let pem = |path: &Path, source| TlsError::Pem { path: path.display().to_string(), source };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect).map_err(|source| pem(certificate, source))?;
        let first = chain.first().ok_or_else(|| TlsError::NoCertificate { path: certificate.display().to_string() })?;
        let binding = end_point_hash(first);
        let key = PrivateKeyDer::from_pem_file(key).map_err(|source| pem(key, source))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), binding })
    }

    /// Encrypts after an `SSLRequest`.
    pub(crate) async fn accept(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(tcp).await
    }

    /// Encrypts a connection that began with a handshake; `None` when it does not name the protocol.
    pub(crate) async fn accept_direct(&self, tcp: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
        let stream = self.acceptor.accept(tcp).await?;
        let named = stream.get_ref().1.alpn_protocol() == Some(ALPN);
        Ok(named.then_some(stream))
    }

    /// The `tls-server-end-point` of the certificate, where its signature algorithm defines one.
    pub(crate) fn binding(&self) -> Option<Vec<u8>> {
        self.binding.clone()
    }
}

/// The certificate's hash, by the hash of its own signature (SHA-256 for MD5 and SHA-1).
fn end_point_hash(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match signature_algorithm(certificate)? {
        // sha1/sha256 WithRSAEncryption, ecdsa-with-SHA1, ecdsa-with-SHA256
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05 | 0x0b]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02] => &digest::SHA256,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03] => &digest::SHA384,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04] => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, certificate).as_ref().to_vec())
}

/// The object identifier of the signature: Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm { OID, … }, … }.
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (0x30, certificate, _) = element(certificate)? else {
        return None;
    };
    let (0x30, _, rest) = element(certificate)? else {
        return None;
    };
    let (0x30, algorithm, _) = element(rest)? else {
        return None;
    };
    let (0x06, identifier, _) = element(algorithm)? else {
        return None;
    };
    Some(identifier)
}

/// The first DER element: tag, contents, what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (contents, after) = rest.split_at_checked(length)?;
    Some((*tag, contents, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_algorithm_is_found() {
        // SEQUENCE { SEQUENCE {}, SEQUENCE { OID ecdsa-with-SHA256 } }
        let certificate = [0x30, 0x0e, 0x30, 0x00, 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
        assert_eq!(end_point_hash(&certificate).map(|hash| hash.len()), Some(32));
        assert_eq!(end_point_hash(&certificate[..9]), None);
        assert_eq!(end_point_hash(&[]), None);
    }
}
