//! `width_bucket`.

use arrow::array::{Array, make_comparator};
use arrow::compute::SortOptions;
use kura_pgtypes::{PgType, SqlError, SqlState};

use super::{Decimal, FLOAT8, INT4, NUMERIC, decimal};
use crate::failure::{Outcome, arrow, out_of_range};
use crate::kernel::column::{Float8, List, Read};
use crate::kernel::{function, lift};
use crate::registry::{ArgType, Call, Function};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("width_bucket", &[FLOAT8, FLOAT8, FLOAT8, INT4], PgType::INT4, |call| buckets::<Float8>(call, float)),
        Function::fixed("width_bucket", &[NUMERIC, NUMERIC, NUMERIC, INT4], PgType::INT4, |call| {
            buckets::<Decimal>(call, decimal::width_bucket)
        }),
        Function::fixed("width_bucket", &[ArgType::AnyElement, ArgType::AnyArray], PgType::INT4, thresholds),
    ]
}

/// How many of the lower bounds in a sorted array an operand reaches.
fn thresholds(call: &Call<'_>) -> std::sync::Arc<datafusion::logical_expr::ScalarUDF> {
    function(call, |args| {
        let bounds = args.column(1)?.read::<List>()?;
        let operands = args.column(0)?;
        lift::rows::<i32>(args.rows, &PgType::INT4.arrow(), |row| {
            let Some(bounds) = bounds.get(row).filter(|_| !operands.is_null(row)) else {
                return Ok(None);
            };
            if bounds.null_count() > 0 {
                return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "thresholds array must not contain NULLs"));
            }
            let compare = make_comparator(&operands.array, &bounds, SortOptions::default()).map_err(|error| arrow(&error))?;
            let (mut low, mut high) = (0, bounds.len());
            while low < high {
                let middle = usize::midpoint(low, high);
                if compare(operands.at(row), middle).is_lt() { high = middle } else { low = middle + 1 }
            }
            i32::try_from(low).map(Some).map_err(|_| out_of_range("integer"))
        })
    })
}

fn buckets<T: Read>(
    call: &Call<'_>,
    f: impl for<'a> Fn(T::Item<'a>, T::Item<'a>, T::Item<'a>, i32) -> Outcome<i32> + Send + Sync + 'static,
) -> std::sync::Arc<datafusion::logical_expr::ScalarUDF> {
    function(call, move |args| {
        let operand = args.column(0)?.read::<T>()?;
        let low = args.column(1)?.read::<T>()?;
        let high = args.column(2)?.read::<T>()?;
        let count = args.column(3)?.read::<decimal::Count>()?;
        lift::rows::<i32>(args.rows, &PgType::INT4.arrow(), |row| match (operand.get(row), low.get(row), high.get(row), count.get(row)) {
            (Some(operand), Some(low), Some(high), Some(count)) => f(operand, low, high, count).map(Some),
            _ => Ok(None),
        })
    })
}

fn invalid(message: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION, message)
}

/// Refuses a count that is not positive.
pub(super) fn count(count: i32) -> Outcome<()> {
    if count > 0 { Ok(()) } else { Err(invalid("count must be greater than zero")) }
}

/// The bucket above all others.
pub(super) fn above(count: i32) -> Outcome<i32> {
    count.checked_add(1).ok_or_else(|| out_of_range("integer"))
}

fn float(operand: f64, low: f64, high: f64, buckets: i32) -> Outcome<i32> {
    count(buckets)?;
    if operand.is_nan() || low.is_nan() || high.is_nan() {
        return Err(invalid("operand, lower bound, and upper bound cannot be NaN"));
    }
    if !low.is_finite() || !high.is_finite() {
        return Err(invalid("lower and upper bounds must be finite"));
    }
    let (position, range) = if low < high {
        if operand < low {
            return Ok(0);
        }
        if operand >= high {
            return above(buckets);
        }
        (operand - low, high - low)
    } else if low > high {
        if operand > low {
            return Ok(0);
        }
        if operand <= high {
            return above(buckets);
        }
        (low - operand, low - high)
    } else {
        return Err(invalid("lower bound cannot equal upper bound"));
    };
    Ok(((f64::from(buckets) * (position / range)) as i32).min(buckets - 1) + 1)
}
