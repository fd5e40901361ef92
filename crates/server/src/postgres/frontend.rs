//! Messages from the client, decoded strictly.
//!
//! Own code instead of pgwire's decoder, which replaces invalid UTF-8 silently, reads past a message's end into the next
//! one and panics on a body that is too short. Chapter "Message Formats" of the PostgreSQL documentation.

use bytes::{Buf, Bytes};
use kura_pgtypes::{SqlError, SqlState};

/// A message as it came: its type and its body.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) tag: u8,
    pub(crate) body: Bytes,
}

/// Whether a Describe or Close is about a statement or a portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Statement,
    Portal,
}

/// A decoded message.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Query { text: String },
    Parse { name: String, text: String, types: Vec<u32> },
    Bind { portal: String, statement: String, formats: Vec<i16>, values: Vec<Option<Bytes>>, result_formats: Vec<i16> },
    Describe { target: Target, name: String },
    Execute { portal: String, max_rows: i32 },
    Close { target: Target, name: String },
    Flush,
    Sync,
    Terminate,
    CopyData(Bytes),
    CopyDone,
    CopyFail { message: String },
    FunctionCall,
}

/// What is wrong with a message.
#[derive(Debug)]
pub(crate) enum Malformed {
    /// The message is refused; the conversation goes on.
    Refused(SqlError),
    /// The conversation cannot go on.
    Fatal(SqlError),
}

impl From<SqlError> for Malformed {
    fn from(error: SqlError) -> Self {
        Self::Refused(error)
    }
}

/// Decodes a message of an established session.
pub(crate) fn decode(frame: Frame) -> Result<Message, Malformed> {
    let mut body = Body(frame.body);
    let message = match frame.tag {
        b'Q' => Message::Query { text: body.string()? },
        b'P' => Message::Parse { name: body.string()?, text: body.string()?, types: body.list(Body::u32)? },
        b'B' => Message::Bind {
            portal: body.string()?,
            statement: body.string()?,
            formats: body.list(Body::i16)?,
            values: body.list(Body::value)?,
            result_formats: body.list(Body::i16)?,
        },
        b'D' => Message::Describe { target: body.target("DESCRIBE")?, name: body.string()? },
        b'C' => Message::Close { target: body.target("CLOSE")?, name: body.string()? },
        b'E' => Message::Execute { portal: body.string()?, max_rows: body.i32()? },
        b'H' => Message::Flush,
        b'S' => Message::Sync,
        b'X' => Message::Terminate,
        b'd' => Message::CopyData(std::mem::take(&mut body.0)),
        b'c' => Message::CopyDone,
        b'f' => Message::CopyFail { message: body.string()? },
        b'F' => {
            body.0.clear();
            Message::FunctionCall
        }
        other => {
            let message = format!("invalid frontend message type {other}");
            return Err(Malformed::Fatal(SqlError::new(SqlState::PROTOCOL_VIOLATION, message)));
        }
    };
    if body.0.has_remaining() {
        return Err(invalid("invalid message format").into());
    }
    Ok(message)
}

/// The body of a message, read from front to back.
pub(crate) struct Body(pub(crate) Bytes);

impl Body {
    /// A text ended by NUL.
    pub(crate) fn string(&mut self) -> Result<String, SqlError> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or_else(|| invalid("invalid string in message"))?;
        let bytes = self.0.split_to(end);
        self.0.advance(1);
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(invalid_utf8(&bytes, &error)),
        }
    }

    pub(crate) fn i32(&mut self) -> Result<i32, SqlError> {
        self.0.try_get_i32().map_err(|_| insufficient())
    }

    fn u32(&mut self) -> Result<u32, SqlError> {
        self.0.try_get_u32().map_err(|_| insufficient())
    }

    fn i16(&mut self) -> Result<i16, SqlError> {
        self.0.try_get_i16().map_err(|_| insufficient())
    }

    fn value(&mut self) -> Result<Option<Bytes>, SqlError> {
        let length = self.i32()?;
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| insufficient())?;
        self.bytes(length).map(Some)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<Bytes, SqlError> {
        if length > self.0.len() {
            return Err(insufficient());
        }
        Ok(self.0.split_to(length))
    }

    /// A list with its length in two bytes before it. Grows as elements are read, not by what the length claims.
    fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Result<T, SqlError>) -> Result<Vec<T>, SqlError> {
        let count = self.0.try_get_u16().map_err(|_| insufficient())?;
        (0..count).map(|_| element(self)).collect()
    }

    fn target(&mut self, what: &str) -> Result<Target, SqlError> {
        match self.0.try_get_u8() {
            Ok(b'S') => Ok(Target::Statement),
            Ok(b'P') => Ok(Target::Portal),
            Ok(other) => Err(invalid(&format!("invalid {what} message subtype {other}"))),
            Err(_) => Err(insufficient()),
        }
    }
}

fn invalid(message: &str) -> SqlError {
    SqlError::new(SqlState::PROTOCOL_VIOLATION, message)
}

fn insufficient() -> SqlError {
    invalid("insufficient data left in message")
}

fn invalid_utf8(bytes: &[u8], error: &std::str::Utf8Error) -> SqlError {
    let start = error.valid_up_to();
    let end = error.error_len().map_or(bytes.len(), |length| start + length).min(start + 4);
    let hex: Vec<String> = bytes[start..end].iter().map(|byte| format!("0x{byte:02x}")).collect();
    let message = format!("invalid byte sequence for encoding \"UTF8\": {}", hex.join(" "));
    SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(tag: u8, body: &'static [u8]) -> String {
        match decode(Frame { tag, body: Bytes::from_static(body) }) {
            Ok(message) => format!("{message:?}"),
            Err(Malformed::Refused(error)) => format!("{} {}", error.state.code(), error.message),
            Err(Malformed::Fatal(error)) => format!("fatal {} {}", error.state.code(), error.message),
        }
    }

    #[test]
    fn malformed_bodies_are_refused() {
        assert_eq!(refused(b'Q', b"select 1"), "08P01 invalid string in message");
        assert_eq!(refused(b'Q', b"select\xff\0"), "22021 invalid byte sequence for encoding \"UTF8\": 0xff");
        assert_eq!(refused(b'Q', b"select 1\0more"), "08P01 invalid message format");
        assert_eq!(refused(b'P', b"\0select\0\xff\xff\0\0"), "08P01 insufficient data left in message");
        assert_eq!(refused(b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0"), "08P01 insufficient data left in message");
        assert_eq!(refused(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0"), "08P01 insufficient data left in message");
        assert_eq!(refused(b'D', b"X\0"), "08P01 invalid DESCRIBE message subtype 88");
        assert_eq!(refused(b'E', b"\0\0"), "08P01 insufficient data left in message");
        assert_eq!(refused(b'~', b""), "fatal 08P01 invalid frontend message type 126");
    }

    #[test]
    fn bind_is_read_whole() {
        let body = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\x01\0\0";
        let Ok(Message::Bind { portal, statement, formats, values, result_formats }) =
            decode(Frame { tag: b'B', body: Bytes::from_static(body) })
        else {
            panic!("a Bind");
        };
        assert_eq!((portal.as_str(), statement.as_str(), formats, result_formats), ("p", "s", vec![1], vec![0]));
        assert_eq!(values, [Some(Bytes::from_static(b"x")), None]);
    }
}
