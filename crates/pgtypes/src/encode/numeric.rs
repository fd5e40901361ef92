//! `numeric` from Arrow's decimals: digits with a point, and PostgreSQL's groups of four digits.

use arrow::datatypes::i256;
use bytes::BufMut;

use crate::encode::Scratch;

/// Sign words of the binary form.
const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

/// The digits of an unscaled value without sign.
pub(crate) struct Digits {
    bytes: [u8; 80],
    len: usize,
    negative: bool,
}

impl Digits {
    pub(crate) fn from_i128(value: i128) -> Self {
        let mut buffer = itoa::Buffer::new();
        Self::new(buffer.format(value))
    }

    pub(crate) fn from_i256(value: i256) -> Self {
        value.to_i128().map_or_else(|| Self::new(&value.to_string()), Self::from_i128)
    }

    fn new(text: &str) -> Self {
        let digits = text.strip_prefix('-');
        let negative = digits.is_some();
        let digits = digits.unwrap_or(text).as_bytes();
        let mut bytes = [0; 80];
        bytes[..digits.len()].copy_from_slice(digits);
        Self { bytes, len: digits.len(), negative }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn is_zero(&self) -> bool {
        self.as_slice() == b"0"
    }
}

/// The value with exactly `scale` digits after the point.
pub(crate) fn write_numeric_text<W: BufMut>(digits: &Digits, scale: i8, out: &mut W) {
    let mut scratch = Scratch::new();
    if digits.negative {
        scratch.push(b'-');
    }
    let slice = digits.as_slice();
    let Ok(scale) = usize::try_from(scale) else {
        // A negative scale counts zeros before the point.
        slice.iter().for_each(|digit| scratch.push(*digit));
        if !digits.is_zero() {
            (0..scale.unsigned_abs()).for_each(|_| scratch.push(b'0'));
        }
        return out.put_slice(scratch.as_slice());
    };
    let whole = slice.len().saturating_sub(scale);
    if whole == 0 {
        scratch.push(b'0');
    }
    slice[..whole].iter().for_each(|digit| scratch.push(*digit));
    if scale > 0 {
        scratch.push(b'.');
        (slice.len()..scale).for_each(|_| scratch.push(b'0'));
        slice[whole..].iter().for_each(|digit| scratch.push(*digit));
    }
    out.put_slice(scratch.as_slice());
}

/// PostgreSQL's binary form: number of groups, weight of the first, sign, digits after the point, groups.
pub(crate) fn write_numeric_binary<W: BufMut>(digits: &Digits, scale: i8, out: &mut W) {
    let display_scale = u16::try_from(scale).unwrap_or(0);
    let slice = digits.as_slice();
    // Index of the digit (from the left, may lie outside) that stands right of the point.
    let point = slice.len() as i32 - i32::from(scale);
    // Groups are aligned to the point: the first group starts at or before the first digit.
    let first = point - (point + 3).div_euclid(4) * 4;
    let mut weight = (point - first) / 4 - 1;
    let digit = |index: i32| usize::try_from(index).ok().and_then(|index| slice.get(index)).map_or(0, |d| d - b'0');
    let mut groups = [0_u16; 48];
    let mut count = 0;
    let mut at = first;
    while at < slice.len() as i32 {
        groups[count] = (at..at + 4).fold(0, |group, index| group * 10 + u16::from(digit(index)));
        count += 1;
        at += 4;
    }
    while count > 0 && groups[count - 1] == 0 {
        count -= 1;
    }
    let skipped = groups[..count].iter().take_while(|group| **group == 0).count();
    weight -= skipped as i32;
    let groups = &groups[skipped..count];
    out.put_u16(groups.len() as u16);
    out.put_i16(if groups.is_empty() { 0 } else { weight as i16 });
    out.put_u16(if digits.negative { NEGATIVE } else { POSITIVE });
    out.put_u16(display_scale);
    groups.iter().for_each(|group| out.put_u16(*group));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: i128, scale: i8) -> String {
        let mut out = Vec::new();
        write_numeric_text(&Digits::from_i128(value), scale, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    fn binary(value: i128, scale: i8) -> Vec<u16> {
        let mut out = Vec::new();
        write_numeric_binary(&Digits::from_i128(value), scale, &mut out);
        out.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
    }

    #[test]
    fn texts() {
        assert_eq!(text(12_345, 2), "123.45");
        assert_eq!(text(-5, 3), "-0.005");
        assert_eq!(text(0, 2), "0.00");
        assert_eq!(text(12, -3), "12000");
        assert_eq!(text(0, -3), "0");
        assert_eq!(text(i128::MIN, 0), "-170141183460469231731687303715884105728");
    }

    #[test]
    fn groups_of_four() {
        assert_eq!(binary(12_345, 2), [2, 0, 0, 2, 123, 4500]);
        assert_eq!(binary(-1, 0), [1, 0, 0x4000, 0, 1]);
        assert_eq!(binary(10_000, 0), [1, 1, 0, 0, 1]);
        assert_eq!(binary(0, 2), [0, 0, 0, 2]);
        assert_eq!(binary(1, 5), [1, 0xFFFE, 0, 5, 1000]);
        assert_eq!(binary(123_456_789, 4), [3, 1, 0, 4, 1, 2345, 6789]);
        assert_eq!(binary(12, -3), [2, 1, 0, 0, 1, 2000]);
    }
}
