//! `(a, b) OVERLAPS (c, d)`: the function `overlaps` with four arguments, two ends or an end and a length each.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;

use super::calendar::DAY;
use crate::failure::{Outcome, internal};
use crate::kernel::column::{Interval, Stamp, Time};
use crate::kernel::lift::rows;
use crate::kernel::{Args, function};
use crate::op::temporal::{INTERVAL, TIME, TIMESTAMP, TIMESTAMPTZ, micros, shift, shift_in};
use crate::registry::{Call, Function};

pub(super) fn functions() -> Vec<Function> {
    let mut all = vec![];
    macro_rules! forms {
        ($end:ident) => {
            for arguments in
                [&[$end, $end, $end, $end], &[$end, INTERVAL, $end, INTERVAL], &[$end, $end, $end, INTERVAL], &[$end, INTERVAL, $end, $end]]
            {
                all.push(Function::fixed("overlaps", arguments, PgType::BOOL, make).lenient());
            }
        };
    }
    forms!(TIME);
    forms!(TIMESTAMP);
    forms!(TIMESTAMPTZ);
    for function in &mut all {
        if function.arguments.first() == Some(&TIMESTAMPTZ) && function.arguments.contains(&INTERVAL) {
            function.volatility = datafusion::logical_expr::Volatility::Stable;
        }
    }
    all
}

fn make(call: &Call<'_>) -> Arc<ScalarUDF> {
    let zone = call.session.timezone.clone();
    let types: Vec<PgType> = call.arguments.to_vec();
    function(call, move |args| {
        let end = |start: usize| -> Outcome<Vec<(Option<i64>, Option<i64>)>> {
            let first = types.get(start).copied().ok_or_else(|| internal("overlaps takes four arguments"))?;
            let length = types.get(start + 1).is_some_and(|ty| ty.scalar == PgType::INTERVAL.scalar);
            let ends = if length { None } else { Some(instants(args, start + 1, first)?) };
            let starts = instants(args, start, first)?;
            let lengths = if length { Some(args.column(start + 1)?.read::<Interval>()?) } else { None };
            (0..args.rows)
                .map(|row| {
                    let from = starts.get(row).copied().flatten();
                    let to = match (&ends, &lengths) {
                        (Some(ends), _) => ends.get(row).copied().flatten(),
                        (None, Some(lengths)) => match (from, lengths.get(row)) {
                            (Some(from), Some(by)) if first.scalar == PgType::TIME.scalar => {
                                Some((from + micros(by) % DAY).rem_euclid(DAY))
                            }
                            (Some(from), Some(by)) if first.scalar == PgType::TIMESTAMPTZ.scalar => Some(shift_in(&zone, from, by)?),
                            (Some(from), Some(by)) => Some(shift(from, by)?),
                            _ => None,
                        },
                        (None, None) => None,
                    };
                    Ok((from, to))
                })
                .collect()
        };
        let (a, b) = (end(0)?, end(2)?);
        rows::<bool>(args.rows, &PgType::BOOL.arrow(), |row| match (a.get(row), b.get(row)) {
            (Some(a), Some(b)) => Ok(overlap(*a, *b)),
            _ => Ok(None),
        })
    })
}

fn instants(args: &Args, index: usize, ty: PgType) -> Outcome<Vec<Option<i64>>> {
    let column = args.column(index)?;
    Ok(if ty.scalar == PgType::TIME.scalar {
        let times = column.read::<Time>()?;
        (0..args.rows).map(|row| times.get(row)).collect()
    } else {
        let stamps = column.read::<Stamp>()?;
        (0..args.rows).map(|row| stamps.get(row)).collect()
    })
}

/// Start first; a missing end stays missing, and a period with none is unknown.
fn ordered(period: (Option<i64>, Option<i64>)) -> Option<(i64, Option<i64>)> {
    match period {
        (Some(a), Some(b)) => Some((a.min(b), Some(a.max(b)))),
        (Some(a), None) | (None, Some(a)) => Some((a, None)),
        (None, None) => None,
    }
}

/// The standard's definition with its NULLs: a missing end makes the answer unknown unless it does not matter.
fn overlap(a: (Option<i64>, Option<i64>), b: (Option<i64>, Option<i64>)) -> Option<bool> {
    let (a, b) = (ordered(a)?, ordered(b)?);
    let (earlier, later) = if a.0 <= b.0 { (a, b) } else { (b, a) };
    if earlier.0 == later.0 {
        return earlier.1.and(later.1).map(|_| true);
    }
    if later.0 < earlier.1? { Some(true) } else { later.1.map(|_| false) }
}
