//! From an accepted socket to a start-up packet: encryption requests, cancel requests, protocol versions, limits.
//!
//! Reads exactly the bytes of each packet, so nothing sent in the clear can pass for encrypted. Chapter "Start-up".

use std::collections::BTreeMap;
use std::io;

use bytes::{Buf, Bytes, BytesMut};
use kura_pgtypes::{SqlError, SqlState};
use pgwire::messages::startup::NegotiateProtocolVersion;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::frontend::Body;
use super::io::Stream;
use crate::tls::Tls;

/// Longest start-up packet in bytes, as PostgreSQL's.
const PACKET_BYTES_MAX: usize = 10_000;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;
/// Newest minor version of protocol 3 spoken here.
const MINOR_MAX: u32 = 2;
/// First byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;
/// Options of start-up that are about the protocol, not settings.
const PROTOCOL_OPTION: &str = "_pq_.";

/// What a client connected for.
pub(crate) enum Opening {
    /// A session.
    Session { stream: Stream, startup: Startup },
    /// To cancel another session's statement.
    Cancel { pid: i32, key: Bytes },
    /// It went away, or what it sent is no PostgreSQL protocol.
    Nothing,
    /// Refused; the stream to say so on.
    Refused { stream: Stream, error: SqlError },
}

/// A start-up packet.
#[derive(Debug)]
pub(crate) struct Startup {
    minor: u32,
    parameters: BTreeMap<String, String>,
}

impl Startup {
    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Bytes of the cancel key that this version of the protocol allows.
    pub(crate) fn key_bytes(&self) -> usize {
        if self.minor >= 2 { 32 } else { 4 }
    }

    /// The answer to a client that asks for more than there is.
    pub(crate) fn negotiation(&self) -> Option<NegotiateProtocolVersion> {
        let unknown: Vec<String> = self.parameters.keys().filter(|name| name.starts_with(PROTOCOL_OPTION)).cloned().collect();
        if self.minor <= MINOR_MAX && unknown.is_empty() {
            return None;
        }
        let version = (3 << 16) | self.minor.min(MINOR_MAX);
        Some(NegotiateProtocolVersion::new(i32::try_from(version).expect("a small number"), unknown))
    }

    /// The settings asked for, in order: name and text.
    ///
    /// # Errors
    /// 42601 when `options` cannot be read.
    pub(crate) fn settings(&self) -> Result<Vec<(String, String)>, SqlError> {
        let mut settings = match self.get("options") {
            Some(options) => command_line_settings(options)?,
            None => Vec::new(),
        };
        // What the redshift driver sends of itself is no setting.
        let no_settings =
            ["user", "database", "options", "replication", "client_protocol_version", "driver_version", "os_version", "plugin_name"];
        let named = self.parameters.iter().filter(|(name, _)| !no_settings.contains(&name.as_str()) && !name.starts_with(PROTOCOL_OPTION));
        settings.extend(named.map(|(name, text)| (name.clone(), text.clone())));
        Ok(settings)
    }
}

/// Reads packets until it is clear what the client wants. The caller limits the time.
pub(crate) async fn open(tcp: TcpStream, tls: Option<&Tls>) -> io::Result<Opening> {
    let mut first = [0; 1];
    let seen = tcp.peek(&mut first).await?;
    if seen == 0 {
        return Ok(Opening::Nothing);
    }
    let mut stream = Stream::Plain(tcp);
    if first[0] == TLS_HANDSHAKE {
        let (Some(tls), Stream::Plain(tcp)) = (tls, stream) else {
            return Ok(Opening::Nothing);
        };
        match tls.accept_direct(tcp).await? {
            Some(encrypted) => stream = Stream::Tls(Box::new(encrypted)),
            None => return Ok(Opening::Nothing),
        }
    }
    // Each kind of request is answered once; a client that goes on asking is not a client.
    for _ in 0..3 {
        let Some(packet) = read_packet(&mut stream).await? else {
            return Ok(Opening::Nothing);
        };
        let mut body = packet.freeze();
        match body.get_u32() {
            SSL_REQUEST => match (tls, stream) {
                (Some(tls), Stream::Plain(mut tcp)) => {
                    tcp.write_all(b"S").await?;
                    stream = Stream::Tls(Box::new(tls.accept(tcp).await?));
                }
                (_, mut same) => {
                    same.write_all(b"N").await?;
                    same.flush().await?;
                    stream = same;
                }
            },
            GSS_REQUEST => {
                stream.write_all(b"N").await?;
                stream.flush().await?;
            }
            CANCEL_REQUEST => return Ok(cancel(Body(body))),
            version => {
                return Ok(match startup(version, Body(body)) {
                    Ok(startup) => Opening::Session { stream, startup },
                    Err(error) => Opening::Refused { stream, error },
                });
            }
        }
    }
    Ok(Opening::Nothing)
}

/// One packet without its length; `None` when the client went away or the length is impossible.
async fn read_packet(stream: &mut Stream) -> io::Result<Option<BytesMut>> {
    let mut length = [0; 4];
    if stream.read_exact(&mut length).await.is_err() {
        return Ok(None);
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if !(8..=PACKET_BYTES_MAX).contains(&length) {
        return Ok(None);
    }
    let mut packet = BytesMut::zeroed(length - 4);
    stream.read_exact(&mut packet).await?;
    Ok(Some(packet))
}

fn cancel(mut body: Body) -> Opening {
    match body.i32() {
        Ok(pid) if (4..=256).contains(&body.0.len()) => Opening::Cancel { pid, key: body.0 },
        _ => Opening::Nothing,
    }
}

fn startup(version: u32, mut body: Body) -> Result<Startup, SqlError> {
    let (major, minor) = (version >> 16, version & 0xffff);
    if major != 3 {
        let message = format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.{MINOR_MAX}");
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    let invalid = || SqlError::new(SqlState::PROTOCOL_VIOLATION, "invalid startup packet layout: expected terminator as last byte");
    let mut parameters = BTreeMap::new();
    loop {
        let name = body.string().map_err(|_| invalid())?;
        if name.is_empty() {
            break;
        }
        let value = body.string().map_err(|_| invalid())?;
        parameters.insert(name, value);
    }
    if body.0.has_remaining() {
        return Err(invalid());
    }
    Ok(Startup { minor, parameters })
}

/// The settings in an `options` parameter: `-c name=value`, `--name=value`, spaces escaped by a backslash.
fn command_line_settings(options: &str) -> Result<Vec<(String, String)>, SqlError> {
    let mut words = split_options(options).into_iter();
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let assignment = match (word.strip_prefix("--"), word.strip_prefix("-c")) {
            (Some(long), _) => Some(long.to_owned()),
            (None, Some("")) => words.next(),
            (None, Some(short)) => Some(short.to_owned()),
            (None, None) => None,
        };
        let pair = assignment.as_deref().and_then(|assignment| assignment.split_once('='));
        let Some((name, text)) = pair else {
            let message = format!("invalid command-line argument for server process: {word}");
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
        };
        settings.push((name.replace('-', "_"), text.to_owned()));
    }
    Ok(settings)
}

fn split_options(options: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.extend(characters.next()),
            c if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_split_as_postgres_splits_them() {
        let settings = command_line_settings(r"-c search_path=a,\ b --statement-timeout=5s -cTimeZone=UTC").expect("settings");
        let pairs: Vec<(&str, &str)> = settings.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(pairs, [("search_path", "a, b"), ("statement_timeout", "5s"), ("TimeZone", "UTC")]);
        assert!(command_line_settings("-x").is_err());
        assert!(command_line_settings("-c").is_err());
    }

    #[test]
    fn packets_are_read_strictly() {
        let ok = startup(0x0003_0000, Body(Bytes::from_static(b"user\0kura\0\0"))).expect("a packet");
        assert_eq!((ok.get("user"), ok.key_bytes()), (Some("kura"), 4));
        assert!(ok.negotiation().is_none());
        assert!(startup(0x0003_0000, Body(Bytes::from_static(b"user\0kura\0"))).is_err());
        assert!(startup(0x0003_0000, Body(Bytes::from_static(b"user\0kura\0\0x"))).is_err());
        assert!(startup(0x0002_0000, Body(Bytes::from_static(b"\0"))).expect_err("old").message.contains("2.0"));
        let newer = startup(0x0003_270f, Body(Bytes::from_static(b"_pq_.x\x001\0\0"))).expect("a packet");
        assert_eq!(newer.negotiation().expect("an answer").unsupported_options, ["_pq_.x"]);
        assert_eq!(newer.key_bytes(), 32);
    }
}
