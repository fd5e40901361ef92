//! Where encoded values go: [`Output`], a growing buffer whose lengths can be filled in later, and [`Scratch`], room
//! for one short value on the stack.

use bytes::{BufMut, BytesMut};

/// A buffer that appends and can correct what it holds.
pub(crate) trait Output: BufMut + AsRef<[u8]> + AsMut<[u8]> {
    /// Bytes written so far.
    fn written(&self) -> usize {
        self.as_ref().len()
    }

    /// Overwrites four bytes at `at` with a number in network order.
    fn patch_i32(&mut self, at: usize, value: i32) {
        self.as_mut()[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// What was written from `at` on.
    fn tail(&self, at: usize) -> &[u8] {
        &self.as_ref()[at..]
    }

    /// Forgets what was written from `at` on.
    fn rewind(&mut self, at: usize);
}

impl Output for Vec<u8> {
    fn rewind(&mut self, at: usize) {
        self.truncate(at);
    }
}

impl Output for BytesMut {
    fn rewind(&mut self, at: usize) {
        self.truncate(at);
    }
}

/// Room for a value of bounded length, written once and appended as a whole.
///
/// The longest values are verbose intervals and numerics of 76 digits with a point and a sign.
pub(crate) struct Scratch {
    bytes: [u8; Self::ROOM],
    len: usize,
}

impl Scratch {
    const ROOM: usize = 192;

    pub(crate) fn new() -> Self {
        Self { bytes: [0; Self::ROOM], len: 0 }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(crate) fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        self.bytes[self.len..self.len + text.len()].copy_from_slice(text.as_bytes());
        self.len += text.len();
    }

    /// A number without padding.
    pub(crate) fn push_number(&mut self, value: i64) {
        self.push_str(itoa::Buffer::new().format(value));
    }

    /// Two digits; `value` is below 100.
    pub(crate) fn push_two(&mut self, value: u64) {
        self.push(b'0' + (value / 10 % 10) as u8);
        self.push(b'0' + (value % 10) as u8);
    }

    /// At least `width` digits.
    pub(crate) fn push_padded(&mut self, value: u64, width: usize) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(value);
        for _ in digits.len()..width {
            self.push(b'0');
        }
        self.push_str(digits);
    }

    /// A point and the fraction of a second without trailing zeros; nothing for none.
    pub(crate) fn push_fraction(&mut self, micros: u64) {
        if micros == 0 {
            return;
        }
        self.push(b'.');
        let mut rest = micros;
        let mut unit = 100_000;
        while rest > 0 {
            self.push(b'0' + (rest / unit) as u8);
            rest %= unit;
            unit /= 10;
        }
    }
}
