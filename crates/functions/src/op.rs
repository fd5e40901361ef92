//! Operators as functions: arithmetic with overflow checks, dates and intervals, text, bits and patterns.
//!
//! Declared like functions, under their symbol; one argument is the prefix operator. Comparisons are the engine's own,
//! save that intervals compare by [`interval_key`].

use std::sync::Arc;

use datafusion::logical_expr::{ScalarUDF, Volatility};
use kura_pgtypes::PgType;

use crate::kernel::column::Interval;
use crate::kernel::lift;
use crate::kernel::scalar_udf;
use crate::registry::Function;
use crate::{array, json, string};

mod arithmetic;
mod bits;
mod concat;
pub(crate) mod pattern;
pub(crate) mod temporal;

/// All operators.
pub(crate) fn operators() -> Vec<Function> {
    let mut all = arithmetic::operators();
    all.extend(bits::operators());
    all.extend(concat::operators());
    all.extend(pattern::operators());
    all.extend(string::operators());
    all.extend(temporal::operators());
    all.extend(array::operators());
    all.extend(json::operators());
    all
}

/// `interval` to `numeric(38,0)`: microseconds, a month counted as 30 days and a day as 24 hours.
///
/// Intervals are equal, ordered, grouped and joined by this value, as in PostgreSQL.
#[must_use]
pub fn interval_key() -> Arc<ScalarUDF> {
    let returns = PgType::numeric(38, 0).arrow();
    let data_type = returns.clone();
    scalar_udf("interval_key", "interval_key".to_owned(), returns, Volatility::Immutable, move |args| {
        let intervals = args.column(0)?.read::<Interval>()?;
        lift::rows::<i128>(args.rows, &data_type, |row| Ok(intervals.get(row).map(temporal::key)))
    })
}
