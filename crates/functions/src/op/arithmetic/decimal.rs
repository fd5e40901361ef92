//! Arithmetic of `numeric`: 128 bits where they suffice, 256 in between where they do not.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use datafusion::logical_expr::ScalarUDF;

use super::{DecimalArrow, decimal_scale, zip};
use crate::failure::Outcome;
use crate::kernel::column::Numeric;
use crate::kernel::lift::{self, map2};
use crate::kernel::write::relabel;
use crate::kernel::{Args, function};
use crate::math::NUMERIC;
use crate::numeric::{Dec, parts, pow10, product_type, quotient_type, remainder_type, sum_type};
use crate::registry::{Call, Function, Returns};

const LIMIT: u128 = 10u128.pow(38);

pub(super) fn operators() -> Vec<Function> {
    const SUM: Returns = Returns::Computed(|types, _| sum_type(types[0], types[1]));
    const PRODUCT: Returns = Returns::Computed(|types, _| product_type(types[0], types[1]));
    const QUOTIENT: Returns = Returns::Computed(|types, _| quotient_type(types[0], types[1]));
    const REMAINDER: Returns = Returns::Computed(|types, _| remainder_type(types[0], types[1]));
    const POWER: Returns = Returns::Computed(crate::math::power_type);
    vec![
        Function::new("+", &[NUMERIC, NUMERIC], SUM, |call| build(call, Fast::Add, Dec::add)),
        Function::new("-", &[NUMERIC, NUMERIC], SUM, |call| build(call, Fast::Subtract, Dec::subtract)),
        Function::new("*", &[NUMERIC, NUMERIC], PRODUCT, |call| build(call, Fast::Multiply, Dec::multiply)),
        Function::new("/", &[NUMERIC, NUMERIC], QUOTIENT, |call| build(call, Fast::Divide, Dec::divide)),
        Function::new("%", &[NUMERIC, NUMERIC], REMAINDER, |call| {
            let scale = parts(call.returns).1;
            map2::<Numeric, Numeric, i128>(call, move |a, b| a.remainder(b, scale))
        }),
        Function::new("^", &[NUMERIC, NUMERIC], POWER, |call| {
            let scale = parts(call.returns).1;
            map2::<Numeric, Numeric, i128>(call, move |a, b| crate::math::numeric_power(a, b, scale))
        }),
    ]
}

/// Which shortcut an operator has in 128 bits.
#[derive(Clone, Copy)]
enum Fast {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// `exact`: the operation on any values, at the scale of the result.
fn build(call: &Call<'_>, fast: Fast, exact: fn(Dec, Dec, i8) -> Outcome<i128>) -> Arc<ScalarUDF> {
    let data_type = call.returns.arrow();
    let scale = parts(call.returns).1;
    function(call, move |args| {
        if let Some(array) = attempt(args, fast, scale)? {
            return relabel(array.as_primitive::<DecimalArrow>(), &data_type);
        }
        let (a, b) = (args.column(0)?.read::<Numeric>()?, args.column(1)?.read::<Numeric>()?);
        lift::rows::<i128>(args.rows, &data_type, |row| match (a.get(row), b.get(row)) {
            (Some(a), Some(b)) => exact(a, b, scale).map(Some),
            _ => Ok(None),
        })
    })
}

/// The whole batch in 128 bits; `None` when a value needs more, or is wrong.
fn attempt(args: &Args, fast: Fast, scale: i8) -> Outcome<Option<ArrayRef>> {
    let (a, b) = (args.column(0)?, args.column(1)?);
    let (s1, s2) = (decimal_scale(a)?, decimal_scale(b)?);
    let factor = |by: i32| u32::try_from(by).ok().and_then(pow10);
    let (by_a, by_b) = match fast {
        Fast::Add | Fast::Subtract => (i32::from(scale) - i32::from(s1), i32::from(scale) - i32::from(s2)),
        Fast::Multiply => (i32::from(scale) - i32::from(s1) - i32::from(s2), 0),
        Fast::Divide => (i32::from(scale) + i32::from(s2) - i32::from(s1), 0),
    };
    let (Some(fa), Some(fb)) = (factor(by_a), factor(by_b)) else {
        return Ok(None);
    };
    if matches!(fast, Fast::Multiply) && fa != 1 {
        return Ok(None);
    }
    let failed = std::cell::Cell::new(false);
    let guard = |value: Option<i128>| match value {
        Some(value) if value.unsigned_abs() < LIMIT => (value, false),
        _ => (0, true),
    };
    let array = zip::<DecimalArrow>(
        a,
        b,
        args.rows,
        |a, b| {
            guard(match fast {
                Fast::Add => a.checked_mul(fa).zip(b.checked_mul(fb)).and_then(|(a, b)| a.checked_add(b)),
                Fast::Subtract => a.checked_mul(fa).zip(b.checked_mul(fb)).and_then(|(a, b)| a.checked_sub(b)),
                Fast::Multiply => a.checked_mul(b),
                Fast::Divide => a.checked_mul(fa).and_then(|a| divide(a, b)),
            })
        },
        |_, _| {
            failed.set(true);
            None
        },
    )?;
    Ok((!failed.get()).then_some(array))
}

/// `a / b`, rounded half away from zero.
fn divide(a: i128, b: i128) -> Option<i128> {
    let (quotient, remainder) = (a.checked_div(b)?, a.checked_rem(b)?);
    let up = remainder.unsigned_abs() >= b.unsigned_abs() - remainder.unsigned_abs();
    Some(if up { quotient + if (a < 0) == (b < 0) { 1 } else { -1 } } else { quotient })
}
