//! The two directions of a connection: framed input with limits, buffered output under back-pressure.
//!
//! Input and output are separate so that a connection can be watched for its end while a statement writes. Nothing is
//! allocated because a length claims it; buffers grow with the bytes that arrive.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::server::TlsStream;

use super::frontend::Frame;

/// Bytes of output gathered before they are written.
pub(crate) const OUTPUT_BYTES: usize = 64 * 1024;
/// A buffer that grew beyond this is not kept.
const KEPT_BYTES: usize = 1024 * 1024;
/// Bytes read ahead while a statement runs.
const AHEAD_BYTES: usize = 64 * 1024;
/// Messages longer than this count against the budget that all connections share.
const LARGE_BYTES: usize = 1024 * 1024;

/// A client's socket, encrypted or not.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Limits of what a client may send.
#[derive(Clone, Debug)]
pub(crate) struct InputLimits {
    /// Longest message in bytes.
    pub(crate) message_bytes_max: usize,
    /// Kilobytes that long messages of all connections may hold together.
    pub(crate) large_kilobytes: Arc<Semaphore>,
}

/// Why no message could be read.
#[derive(Debug)]
pub(crate) enum InputError {
    /// The connection is closed or broken.
    Closed,
    /// The length is impossible or over the limit.
    Length(i64),
    /// Long messages hold all the memory there is for them.
    Memory,
}

/// What the client sends.
pub(crate) struct Input {
    stream: ReadHalf<Stream>,
    buffer: BytesMut,
    limits: InputLimits,
    permit: Option<OwnedSemaphorePermit>,
}

impl Input {
    pub(crate) fn new(stream: ReadHalf<Stream>, limits: InputLimits) -> Self {
        Self { stream, buffer: BytesMut::new(), limits, permit: None }
    }

    /// The next message. Can be dropped and called again without loss.
    pub(crate) async fn frame(&mut self) -> Result<Frame, InputError> {
        loop {
            if let Some(frame) = self.buffered()? {
                return Ok(frame);
            }
            let room = if self.buffer.len() >= AHEAD_BYTES { self.buffer.len() / 2 } else { 8 * 1024 };
            self.buffer.reserve(room);
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return Err(InputError::Closed),
                Ok(_) => {}
            }
        }
    }

    /// Waits until the client is gone, reading ahead meanwhile. With as much read ahead as there may be, waits for ever.
    pub(crate) async fn closed(&mut self) {
        while self.buffer.len() < AHEAD_BYTES {
            self.buffer.reserve(8 * 1024);
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        std::future::pending().await
    }

    /// Whether the next message is here already and is a Sync.
    pub(crate) fn sync_follows(&self) -> bool {
        self.buffer.first() == Some(&b'S')
    }

    fn buffered(&mut self) -> Result<Option<Frame>, InputError> {
        let Some(mut head) = self.buffer.get(..5) else {
            return Ok(None);
        };
        let tag = head.get_u8();
        let length = i64::from(head.get_i32());
        let body = usize::try_from(length - 4).map_err(|_| InputError::Length(length))?;
        if body > self.limits.message_bytes_max {
            return Err(InputError::Length(length));
        }
        if body > LARGE_BYTES && self.permit.is_none() {
            let kilobytes = u32::try_from(body / 1024).unwrap_or(u32::MAX);
            let permit = Arc::clone(&self.limits.large_kilobytes).try_acquire_many_owned(kilobytes);
            self.permit = Some(permit.map_err(|_| InputError::Memory)?);
        }
        if self.buffer.len() < 5 + body {
            return Ok(None);
        }
        self.buffer.advance(5);
        let bytes = self.buffer.split_to(body).freeze();
        if body > LARGE_BYTES {
            // What follows must not keep the long message's memory.
            self.buffer = BytesMut::from(&self.buffer[..]);
            self.permit = None;
        }
        Ok(Some(Frame { tag, body: bytes }))
    }
}

/// What is sent to the client.
pub(crate) struct Output {
    stream: WriteHalf<Stream>,
    /// Encoded and not yet written.
    pub(crate) buffer: BytesMut,
}

impl Output {
    pub(crate) fn new(stream: WriteHalf<Stream>) -> Self {
        Self { stream, buffer: BytesMut::with_capacity(8 * 1024) }
    }

    /// Appends a message.
    pub(crate) fn put(&mut self, message: &impl pgwire::messages::Message) {
        let before = self.buffer.len();
        if let Err(error) = message.encode(&mut self.buffer) {
            // Only a message over the protocol's own limits gets here; half of it must not be sent.
            self.buffer.truncate(before);
            tracing::error!(%error, "message cannot be encoded");
        }
    }

    /// Whether enough is gathered to be written.
    pub(crate) fn is_full(&self) -> bool {
        self.buffer.len() >= OUTPUT_BYTES
    }

    /// Writes everything gathered. Can be dropped and called again without loss.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        while !self.buffer.is_empty() {
            let written = self.stream.write_buf(&mut self.buffer).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            metrics::counter!(crate::telemetry::SENT_BYTES).increment(written as u64);
        }
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer = BytesMut::with_capacity(8 * 1024);
        }
        self.stream.flush().await
    }

    /// Ends the connection from this side.
    pub(crate) async fn close(&mut self) {
        drop(self.stream.shutdown().await);
    }
}
