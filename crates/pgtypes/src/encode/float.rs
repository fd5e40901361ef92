//! Floating point as PostgreSQL prints it: shortest digits that read back exactly, or `%g` with fewer digits.

use bytes::BufMut;

use crate::encode::Scratch;

/// `extra_float_digits` from here on asks for the shortest exact form.
const SHORTEST_FROM: i32 = 1;

/// `double precision`.
pub(crate) fn write_float8<W: BufMut>(value: f64, extra_float_digits: i32, out: &mut W) {
    if !value.is_finite() {
        return out.put_slice(not_finite(value));
    }
    if extra_float_digits < SHORTEST_FROM {
        return write_general(value, 15 + extra_float_digits, out);
    }
    // Whole numbers of up to 15 digits print as integers.
    if value.fract() == 0.0 && value.abs() < 1e15 && (value != 0.0 || value.is_sign_positive()) {
        return out.put_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    }
    write_shortest(ryu::Buffer::new().format_finite(value), 15, out);
}

/// `real`.
pub(crate) fn write_float4<W: BufMut>(value: f32, extra_float_digits: i32, out: &mut W) {
    if !value.is_finite() {
        return out.put_slice(not_finite(f64::from(value)));
    }
    if extra_float_digits < SHORTEST_FROM {
        return write_general(f64::from(value), 6 + extra_float_digits, out);
    }
    write_shortest(ryu::Buffer::new().format_finite(value), 6, out);
}

fn not_finite(value: f64) -> &'static [u8] {
    if value.is_nan() {
        b"NaN"
    } else if value > 0.0 {
        b"Infinity"
    } else {
        b"-Infinity"
    }
}

/// Rewrites shortest digits, whatever their notation, by PostgreSQL's rule: scientific below 1e-4 and from
/// `10^fixed_below` on.
fn write_shortest<W: BufMut>(text: &str, fixed_below: i32, out: &mut W) {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().expect("ryu writes an integer exponent");
    let point = mantissa.find('.').unwrap_or(mantissa.len());

    let mut digits = [0_u8; 24];
    let mut len = 0;
    let mut leading_zeros = 0;
    for byte in mantissa.bytes().filter(|byte| *byte != b'.') {
        if len == 0 && byte == b'0' {
            leading_zeros += 1;
            continue;
        }
        digits[len] = byte;
        len += 1;
    }
    while len > 0 && digits[len - 1] == b'0' {
        len -= 1;
    }
    if len == 0 {
        return out.put_slice(if negative { b"-0" } else { b"0" });
    }
    let exponent = exponent + point as i32 - 1 - leading_zeros;
    write_digits(negative, &digits[..len], exponent, fixed_below, out);
}

/// C's `%.*g`.
fn write_general<W: BufMut>(value: f64, digits: i32, out: &mut W) {
    let digits = digits.max(1);
    if value == 0.0 {
        return out.put_slice(if value.is_sign_negative() { b"-0" } else { b"0" });
    }
    let text = format!("{:.*e}", (digits - 1) as usize, value);
    write_shortest(&text, digits, out);
}

/// Writes `0.digits * 10^(exponent + 1)`; `digits` has no zeros at its ends.
fn write_digits<W: BufMut>(negative: bool, digits: &[u8], exponent: i32, fixed_below: i32, out: &mut W) {
    let mut scratch = Scratch::new();
    if negative {
        scratch.push(b'-');
    }
    if !(-4..fixed_below).contains(&exponent) {
        scratch.push(digits[0]);
        if digits.len() > 1 {
            scratch.push(b'.');
            digits[1..].iter().for_each(|digit| scratch.push(*digit));
        }
        scratch.push(b'e');
        scratch.push(if exponent < 0 { b'-' } else { b'+' });
        scratch.push_padded(u64::from(exponent.unsigned_abs()), 2);
        return out.put_slice(scratch.as_slice());
    }
    if exponent < 0 {
        scratch.push_str("0.");
        (exponent..-1).for_each(|_| scratch.push(b'0'));
        digits.iter().for_each(|digit| scratch.push(*digit));
        return out.put_slice(scratch.as_slice());
    }
    let whole = exponent as usize + 1;
    for index in 0..whole.max(digits.len()) {
        if index == whole {
            scratch.push(b'.');
        }
        scratch.push(digits.get(index).copied().unwrap_or(b'0'));
    }
    out.put_slice(scratch.as_slice());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float8(value: f64, extra: i32) -> String {
        let mut out = Vec::new();
        write_float8(value, extra, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    fn float4(value: f32, extra: i32) -> String {
        let mut out = Vec::new();
        write_float4(value, extra, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn shortest() {
        let cases = [
            (1e15, "1e+15"),
            (1e14, "100000000000000"),
            (123_456_789_012_345_678.0, "1.2345678901234568e+17"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e300, "1.5e+300"),
            (-0.0, "-0"),
            (0.0, "0"),
            (-1.25, "-1.25"),
            (0.1 + 0.2, "0.30000000000000004"),
            (5e-324, "5e-324"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (999_999_999_999_999.9, "999999999999999.9"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, text) in cases {
            assert_eq!(float8(value, 1), text);
        }
        for (value, text) in [(1e6, "1e+06"), (1e5, "100000"), (123_456.0, "123456"), (1_234_567.0, "1.234567e+06"), (0.1, "0.1")] {
            assert_eq!(float4(value, 1), text);
        }
    }

    #[test]
    fn fewer_digits() {
        assert_eq!(float8(0.1 + 0.2, 0), "0.3");
        assert_eq!(float8(1e16 / 3.0, 0), "3.33333333333333e+15");
        assert_eq!(float8(1e-5 / 3.0, 0), "3.33333333333333e-06");
        assert_eq!(float8(1e14, 0), "100000000000000");
        assert_eq!(float8(123.456, -15), "1e+02");
        assert_eq!(float4(123.456, -3), "123");
        assert_eq!(float4(1_234_567.0, -3), "1.23e+06");
    }
}
