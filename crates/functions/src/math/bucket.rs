//! `width_bucket`.

use kura_pgtypes::{PgType, SqlError, SqlState};

use super::{Decimal, FLOAT8, INT4, NUMERIC, decimal};
use crate::failure::{Outcome, out_of_range};
use crate::kernel::column::{Float8, Read};
use crate::kernel::{function, lift};
use crate::registry::{Call, Function};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("width_bucket", &[FLOAT8, FLOAT8, FLOAT8, INT4], PgType::INT4, |call| {
            buckets::<Float8>(call, |operand, low, high, count| float(operand, low, high, count))
        }),
        Function::fixed("width_bucket", &[NUMERIC, NUMERIC, NUMERIC, INT4], PgType::INT4, |call| {
            buckets::<Decimal>(call, |operand, low, high, count| decimal::width_bucket(operand, low, high, count))
        }),
    ]
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
        lift::rows::<i32>(args.rows, &PgType::INT4.arrow(), |row| {
            match (operand.get(row), low.get(row), high.get(row), count.get(row)) {
                (Some(operand), Some(low), Some(high), Some(count)) => f(operand, low, high, count).map(Some),
                _ => Ok(None),
            }
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
