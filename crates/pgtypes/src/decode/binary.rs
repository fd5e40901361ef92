//! Reading values in binary: what PostgreSQL's receive functions take, without the length before it.

use crate::calendar::{
    DATE_INFINITY, DATE_MAX, DATE_MIN, DATE_NEGATIVE_INFINITY, MICROS_PER_DAY, POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_MICROS,
    TIMESTAMP_INFINITY, TIMESTAMP_MIN, TIMESTAMP_NEGATIVE_INFINITY,
};
use crate::diagnostic::SqlError;
use crate::encode::ARRAY_DIMENSIONS_MAX;
use crate::sqlstate::SqlState;

/// The value ended before its type did.
pub(crate) fn insufficient_data() -> SqlError {
    SqlError::new(SqlState::PROTOCOL_VIOLATION, "insufficient data left in message")
}

/// The value goes on after its type ended.
pub(crate) fn incorrect_format() -> SqlError {
    SqlError::new(SqlState::INVALID_BINARY_REPRESENTATION, "incorrect binary data format")
}

/// The bytes of a value of fixed width.
pub(crate) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], SqlError> {
    match <[u8; N]>::try_from(bytes) {
        Ok(fixed) => Ok(fixed),
        Err(_) if bytes.len() < N => Err(insufficient_data()),
        Err(_) => Err(incorrect_format()),
    }
}

/// A string; PostgreSQL checks the encoding here.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, SqlError> {
    let invalid = |at: usize| {
        let shown = bytes[at..].iter().take(4).map(|byte| format!("0x{byte:02x}")).collect::<Vec<_>>();
        SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" ")))
    };
    if let Some(at) = memchr::memchr(0, bytes) {
        return Err(SqlError::new(
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            format!("invalid byte sequence for encoding \"UTF8\": 0x{:02x}", bytes[at]),
        ));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        match error.error_len() {
            Some(length) => invalid_sequence(&bytes[at..], length),
            None => invalid(at),
        }
    })
}

/// PostgreSQL shows as many bytes as the first one announces.
fn invalid_sequence(bytes: &[u8], _length: usize) -> SqlError {
    let announced = match bytes.first() {
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF7) => 4,
        _ => 1,
    };
    let shown = bytes.iter().take(announced).map(|byte| format!("0x{byte:02x}")).collect::<Vec<_>>();
    SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" ")))
}

/// `date`: days since 2000.
pub(crate) fn date(bytes: &[u8]) -> Result<i32, SqlError> {
    let days = i32::from_be_bytes(fixed(bytes)?);
    if matches!(days, DATE_INFINITY | DATE_NEGATIVE_INFINITY) {
        return Ok(days);
    }
    days.checked_add(POSTGRES_EPOCH_DAYS)
        .filter(|days| (DATE_MIN..=DATE_MAX).contains(&i64::from(*days)))
        .ok_or_else(|| SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "date out of range"))
}

/// `time`: microseconds since midnight.
pub(crate) fn time(bytes: &[u8]) -> Result<i64, SqlError> {
    let micros = i64::from_be_bytes(fixed(bytes)?);
    if (0..=MICROS_PER_DAY).contains(&micros) {
        return Ok(micros);
    }
    Err(SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "time out of range"))
}

/// `timestamp` and `timestamptz`: microseconds since 2000.
pub(crate) fn timestamp(bytes: &[u8]) -> Result<i64, SqlError> {
    let micros = i64::from_be_bytes(fixed(bytes)?);
    if matches!(micros, TIMESTAMP_INFINITY | TIMESTAMP_NEGATIVE_INFINITY) {
        return Ok(micros);
    }
    micros
        .checked_add(POSTGRES_EPOCH_MICROS)
        .filter(|micros| *micros >= TIMESTAMP_MIN)
        .ok_or_else(|| SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "timestamp out of range"))
}

/// `interval`: months, days, microseconds.
pub(crate) fn interval(bytes: &[u8]) -> Result<(i32, i32, i64), SqlError> {
    let bytes: [u8; 16] = fixed(bytes)?;
    let [a, b, c, d, e, f, g, h, days @ .., m, n, o, p] = bytes;
    let micros = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
    Ok((i32::from_be_bytes([m, n, o, p]), i32::from_be_bytes(days), micros))
}

/// `jsonb`: a version and the text.
pub(crate) fn jsonb(bytes: &[u8]) -> Result<&str, SqlError> {
    match bytes.split_first() {
        None => Err(insufficient_data()),
        Some((1, rest)) => text(rest),
        Some((version, _)) => Err(SqlError::new(SqlState::INTERNAL_ERROR, format!("unsupported jsonb version number {version}"))),
    }
}

/// An array: the size of each dimension, and the bytes of its elements in order.
pub(crate) struct BinaryArray<'a> {
    pub(crate) sizes: Vec<usize>,
    pub(crate) elements: Vec<Option<&'a [u8]>>,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], SqlError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(insufficient_data)?;
        self.0 = rest;
        Ok(taken)
    }

    fn i32(&mut self) -> Result<i32, SqlError> {
        Ok(i32::from_be_bytes(fixed(self.take(4)?)?))
    }
}

/// Reads an array whose elements must be of type `element_oid`.
pub(crate) fn array(bytes: &[u8], element_oid: u32) -> Result<BinaryArray<'_>, SqlError> {
    let invalid = |what: String| SqlError::new(SqlState::INVALID_BINARY_REPRESENTATION, what);
    let mut reader = Reader(bytes);
    let dimensions = reader.i32()?;
    let count = usize::try_from(dimensions).map_err(|_| invalid(format!("invalid number of dimensions: {dimensions}")))?;
    if count > ARRAY_DIMENSIONS_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("number of array dimensions ({count}) exceeds the maximum allowed ({ARRAY_DIMENSIONS_MAX})"),
        ));
    }
    if !matches!(reader.i32()?, 0 | 1) {
        return Err(invalid("invalid array flags".to_owned()));
    }
    let oid = reader.i32()?.cast_unsigned();
    if oid != element_oid {
        return Err(SqlError::new(
            SqlState::DATATYPE_MISMATCH,
            format!("binary data has array element type {oid} instead of expected {element_oid}"),
        ));
    }
    let mut sizes = Vec::with_capacity(count);
    let mut total = usize::from(count > 0);
    for _ in 0..count {
        let size = reader.i32()?;
        let _lower_bound = reader.i32()?;
        let too_large = || SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (134217727)");
        let size = usize::try_from(size).map_err(|_| too_large())?;
        total = total.checked_mul(size).filter(|total| *total <= 134_217_727).ok_or_else(too_large)?;
        sizes.push(size);
    }
    // Every element takes at least the four bytes of its length.
    if total > reader.0.len() / 4 {
        return Err(insufficient_data());
    }
    let mut elements = Vec::with_capacity(total);
    for _ in 0..total {
        let length = reader.i32()?;
        elements.push(match length {
            -1 => None,
            _ => Some(reader.take(usize::try_from(length).map_err(|_| insufficient_data())?)?),
        });
    }
    if !reader.0.is_empty() {
        return Err(incorrect_format());
    }
    if total == 0 {
        sizes.clear();
    }
    Ok(BinaryArray { sizes, elements })
}
