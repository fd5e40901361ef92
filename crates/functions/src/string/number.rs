//! `to_char` of numbers and `to_number`.

use std::cell::RefCell;
use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, SqlError, SqlState};

use super::TEXT;
use crate::failure::{Outcome, out_of_range};
use crate::kernel::column::{Float4, Float8, Int4, Int8, Numeric, Read, Text};
use crate::kernel::function;
use crate::kernel::lift::{rows, text_rows};
use crate::kernel::write::Out;
use crate::math::{FLOAT4, FLOAT8, INT4, INT8, NUMERIC};
use crate::numeric::{Dec, approx, parts, plain_text};
use crate::registry::{Call, Function};

mod picture;
mod read;
mod write;

use picture::Picture;

/// Digits a `real` is sure of.
const FLOAT4_DIGITS: usize = 6;
/// Digits a `double precision` is sure of.
const FLOAT8_DIGITS: usize = 15;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("to_char", &[INT4, TEXT], PgType::TEXT, |call| {
            to_char::<Int4>(call, |a, picture, out| integer(a.into(), picture, out))
        })
        .stable(),
        Function::fixed("to_char", &[INT8, TEXT], PgType::TEXT, |call| to_char::<Int8>(call, integer)).stable(),
        Function::fixed("to_char", &[FLOAT4, TEXT], PgType::TEXT, |call| {
            to_char::<Float4>(call, |a, picture, out| float(a.into(), FLOAT4_DIGITS, picture, out))
        })
        .stable(),
        Function::fixed("to_char", &[FLOAT8, TEXT], PgType::TEXT, |call| {
            to_char::<Float8>(call, |a, picture, out| float(a, FLOAT8_DIGITS, picture, out))
        })
        .stable(),
        Function::fixed("to_char", &[NUMERIC, TEXT], PgType::TEXT, |call| to_char::<Numeric>(call, decimal)).stable(),
        Function::fixed("to_number", &[TEXT, TEXT], PgType::NUMERIC, to_number).stable(),
    ]
}

/// The picture compiled last, which is nearly always the one asked for next.
#[derive(Default)]
struct Pictures {
    last: RefCell<Option<(String, Arc<Picture>)>>,
}

impl Pictures {
    fn get(&self, text: &str) -> Outcome<Arc<Picture>> {
        if let Some((last, picture)) = &*self.last.borrow()
            && last == text
        {
            return Ok(Arc::clone(picture));
        }
        let picture = Arc::new(Picture::parse(text)?);
        *self.last.borrow_mut() = Some((text.to_owned(), Arc::clone(&picture)));
        Ok(picture)
    }
}

fn to_char<T: Read>(
    call: &Call<'_>,
    f: impl for<'a> Fn(T::Item<'a>, &Picture, &mut Out) -> Outcome<()> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let (values, pictures) = (args.column(0)?.read::<T>()?, args.column(1)?.read::<Text>()?);
        let cache = Pictures::default();
        text_rows(args.rows, |row, out| {
            let (Some(value), Some(picture)) = (values.get(row), pictures.get(row)) else {
                return Ok(false);
            };
            out.admit(picture.len().saturating_mul(8))?;
            f(value, &*cache.get(picture)?, out)?;
            Ok(true)
        })
    })
}

/// The digits of a number ready for a picture.
struct Prepared {
    negative: bool,
    /// Without sign.
    digits: String,
    /// Digits before the decimal point the picture has room for.
    room: usize,
}

impl Prepared {
    /// Writes the digits through the picture, or `#` where it has too little room.
    fn write(mut self, picture: &Picture, post: usize, out: &mut Out) {
        let whole = self.digits.find('.').unwrap_or(self.digits.len());
        if whole > self.room {
            self.digits = format!("{}.{}", "#".repeat(self.room), "#".repeat(post));
        }
        let blanks = self.room.saturating_sub(whole);
        write::write(picture, &self.digits, self.negative, blanks, post, out);
    }
}

fn integer(value: i64, picture: &Picture, out: &mut Out) -> Outcome<()> {
    decimal(Dec::integer(value.into()), picture, out)
}

fn decimal(value: Dec, picture: &Picture, out: &mut Out) -> Outcome<()> {
    if picture.roman {
        let whole = i32::try_from(value.round()?).map_err(|_| out_of_range("integer"))?;
        write::roman(picture, whole, out);
        return Ok(());
    }
    if picture.exponent {
        scientific(value, picture.post, out);
        return Ok(());
    }
    let mut value = value;
    if picture.shift > 0 {
        let scale = i8::try_from(picture.shift).map_err(|_| out_of_range("value"))?;
        value = Dec { value: value.value, scale: value.scale.checked_sub(scale).ok_or_else(|| out_of_range("value"))? };
    }
    let digits = fixed(value, picture.post)?;
    let negative = value.value < 0 && digits.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    Prepared { negative, digits, room: picture.pre + picture.shift }.write(picture, picture.post, out);
    Ok(())
}

/// The absolute value with this many decimals.
fn fixed(value: Dec, decimals: usize) -> Outcome<String> {
    let exact = i8::try_from(decimals).unwrap_or(i8::MAX).min(value.scale.max(0));
    let mut digits = plain_text(value.rescale(exact)?.saturating_abs(), exact);
    let missing = decimals - usize::from(exact.unsigned_abs());
    if missing > 0 {
        if exact == 0 {
            digits.push('.');
        }
        digits.extend(std::iter::repeat_n('0', missing));
    }
    Ok(digits)
}

/// `d.ddde+XX`, with a blank in place of `+`.
fn scientific(value: Dec, decimals: usize, out: &mut Out) {
    out.push(if value.value < 0 { '-' } else { ' ' });
    let mut digits = value.value.unsigned_abs().to_string().into_bytes();
    let mut exponent = if value.value == 0 { 0 } else { digits.len() as i32 - 1 - i32::from(value.scale) };
    let kept = decimals + 1;
    if digits.len() > kept {
        let up = digits[kept] >= b'5';
        digits.truncate(kept);
        if up && carry(&mut digits) {
            digits.insert(0, b'1');
            digits.truncate(kept);
            exponent += 1;
        }
    }
    digits.resize(kept, b'0');
    for (index, digit) in digits.into_iter().enumerate() {
        if index == 1 {
            out.push('.');
        }
        out.push(char::from(digit));
    }
    push_exponent(exponent, out);
}

/// Adds one in the last place; whether a one is carried out of the first.
fn carry(digits: &mut [u8]) -> bool {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return false;
        }
        *digit = b'0';
    }
    true
}

fn push_exponent(exponent: i32, out: &mut Out) {
    out.push_str(&format!("e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs()));
}

/// `sure`: the decimal digits the type holds for sure.
fn float(value: f64, sure: usize, picture: &Picture, out: &mut Out) -> Outcome<()> {
    if picture.roman {
        let whole = value.round_ties_even();
        if !(-2_147_483_648.0..2_147_483_648.0).contains(&whole) {
            return Err(out_of_range("integer"));
        }
        write::roman(picture, whole as i32, out);
        return Ok(());
    }
    if picture.exponent {
        if !value.is_finite() {
            // Room for sign, point and exponent is filled as well.
            out.push_str(&format!(" {}.{}", "#".repeat(picture.pre), "#".repeat(picture.post + 4)));
            return Ok(());
        }
        let text = format!("{:.*e}", picture.post, value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        out.push(if value.is_sign_negative() { '-' } else { ' ' });
        out.push_str(mantissa);
        push_exponent(exponent.parse().unwrap_or(0), out);
        return Ok(());
    }
    let value = value * 10f64.powi(i32::try_from(picture.shift).unwrap_or(i32::MAX));
    let whole = if value.is_nan() {
        "NaN".len()
    } else if value.is_finite() {
        format!("{:.0}", value.abs()).len()
    } else {
        "Infinity".len()
    };
    let post = if whole >= sure { 0 } else { picture.post.min(sure - whole) };
    let digits = if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        "Infinity".to_owned()
    } else {
        format!("{:.*}", post, value.abs())
    };
    let negative = value < 0.0 || (value == 0.0 && value.is_sign_negative());
    Prepared { negative, digits, room: picture.pre + picture.shift }.write(picture, post, out);
    Ok(())
}

fn to_number(call: &Call<'_>) -> Arc<ScalarUDF> {
    let scale = parts(call.returns).1;
    let data_type = call.returns.arrow();
    function(call, move |args| {
        let (texts, pictures) = (args.column(0)?.read::<Text>()?, args.column(1)?.read::<Text>()?);
        let cache = Pictures::default();
        rows::<i128>(args.rows, &data_type, |row| {
            let (Some(text), Some(picture)) = (texts.get(row), pictures.get(row)) else {
                return Ok(None);
            };
            if picture.is_empty() {
                return Ok(None);
            }
            let picture = cache.get(picture)?;
            number(&read::read(&picture, text)?, picture.shift, scale).map(Some)
        })
    })
}

/// A number such as ` 12.5` or `-0.3`, divided by a power of ten, at `scale`.
fn number(text: &str, shift: usize, scale: i8) -> Outcome<i128> {
    let invalid = || SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid input syntax for type numeric: \"{text}\""));
    let trimmed = text.trim();
    let (negative, unsigned) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if whole.len() + decimals.len() == 0 || !whole.bytes().chain(decimals.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(invalid());
    }
    let digits: i128 = format!("{whole}{decimals}").parse().map_err(|_| crate::failure::numeric_overflow())?;
    let places = i32::try_from(decimals.len() + shift).map_err(|_| crate::failure::numeric_overflow())?;
    approx::shifted(if negative { -digits } else { digits }, places, scale)
}
