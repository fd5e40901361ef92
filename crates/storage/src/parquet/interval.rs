//! Intervals in Parquet: twelve bytes of unsigned months, days and milliseconds, which cannot hold every PostgreSQL interval.
//!
//! A column of intervals is therefore written twice. The main column is what any reader sees: exact where the format allows it,
//! and otherwise the closest interval of about the same length. Its companion, in a field id no column has, holds the exact value
//! of just those rows and is NULL elsewhere; it costs next to nothing and only we read it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, FixedSizeBinaryBuilder, IntervalMonthDayNanoBuilder};
use arrow::datatypes::{IntervalMonthDayNano, IntervalMonthDayNanoType};
use arrow::error::ArrowError;

/// Bytes of an interval in Parquet.
pub(crate) const WIDTH: i32 = 12;
/// Bytes of an exact one: months and days in four bytes each, nanoseconds in eight, little endian.
pub(crate) const EXACT_WIDTH: i32 = 16;
/// Field id of a companion, less the id of its column. `DuckLake` counts columns up from 1 and reserves ids near 2^31.
const COMPANION: i64 = 1 << 30;

const NANOS_PER_MILLI: i64 = 1_000_000;
const NANOS_PER_DAY: i64 = 86_400_000 * NANOS_PER_MILLI;
const DAYS_PER_MONTH: i64 = 30;

/// Field id of the companion of the leaf with id `id`.
pub(crate) fn companion_id(id: i64) -> i64 {
    COMPANION.saturating_add(id)
}

/// Months, days and milliseconds, and whether they are the whole truth.
fn to_parquet(value: IntervalMonthDayNano) -> ([u32; 3], bool) {
    let exact = (u32::try_from(value.months), u32::try_from(value.days), u32::try_from(value.nanoseconds / NANOS_PER_MILLI));
    if let (Ok(months), Ok(days), Ok(millis)) = exact
        && value.nanoseconds % NANOS_PER_MILLI == 0
    {
        return ([months, days, millis], true);
    }
    // Borrow from the larger units as PostgreSQL's comparison of intervals does, and cut off at zero.
    let days_in_time = value.nanoseconds.div_euclid(NANOS_PER_DAY);
    let millis = value.nanoseconds.rem_euclid(NANOS_PER_DAY) / NANOS_PER_MILLI;
    let days = i64::from(value.days) + days_in_time;
    let months = i64::from(value.months);
    let (months, days) = if months >= 0 && days >= 0 {
        (months, days)
    } else {
        let total = months * DAYS_PER_MONTH + days;
        (total.div_euclid(DAYS_PER_MONTH), total.rem_euclid(DAYS_PER_MONTH))
    };
    match (u32::try_from(months), u32::try_from(days), u32::try_from(millis)) {
        (Ok(months), Ok(days), Ok(millis)) => ([months, days, millis], false),
        _ => ([0; 3], false),
    }
}

/// Main column and companion for a column of `Interval(MonthDayNano)`.
pub(crate) fn encode(array: &dyn Array) -> Result<(ArrayRef, ArrayRef), ArrowError> {
    let values = array
        .as_primitive_opt::<IntervalMonthDayNanoType>()
        .ok_or_else(|| ArrowError::SchemaError(format!("an interval cannot be {}", array.data_type())))?;
    let mut main = FixedSizeBinaryBuilder::with_capacity(values.len(), WIDTH);
    let mut exact = FixedSizeBinaryBuilder::with_capacity(values.len(), EXACT_WIDTH);
    for value in values {
        let Some(value) = value else {
            main.append_null();
            exact.append_null();
            continue;
        };
        let (parts, is_exact) = to_parquet(value);
        let mut bytes = [0; WIDTH as usize];
        for (slot, part) in bytes.chunks_exact_mut(4).zip(parts) {
            slot.copy_from_slice(&part.to_le_bytes());
        }
        main.append_value(bytes)?;
        if is_exact {
            exact.append_null();
            continue;
        }
        let mut bytes = [0; EXACT_WIDTH as usize];
        bytes[..4].copy_from_slice(&value.months.to_le_bytes());
        bytes[4..8].copy_from_slice(&value.days.to_le_bytes());
        bytes[8..].copy_from_slice(&value.nanoseconds.to_le_bytes());
        exact.append_value(bytes)?;
    }
    Ok((Arc::new(main.finish()), Arc::new(exact.finish())))
}

/// The reverse of [`encode`]; files of other programs have no companion.
pub(crate) fn decode(main: &dyn Array, companion: Option<&dyn Array>) -> Result<ArrayRef, ArrowError> {
    let main = fixed(main, WIDTH)?;
    let companion = companion.map(|array| fixed(array, EXACT_WIDTH)).transpose()?;
    let mut values = IntervalMonthDayNanoBuilder::with_capacity(main.len());
    for row in 0..main.len() {
        if main.is_null(row) {
            values.append_null();
            continue;
        }
        if let Some(exact) = companion.filter(|exact| row < exact.len() && exact.is_valid(row)) {
            let bytes = exact.value(row);
            values.append_value(IntervalMonthDayNano::new(le4(bytes, 0), le4(bytes, 4), le8(bytes, 8)));
            continue;
        }
        let bytes = main.value(row);
        let millis = i64::from(le4(bytes, 8).cast_unsigned());
        values.append_value(IntervalMonthDayNano::new(le4(bytes, 0), le4(bytes, 4), millis * NANOS_PER_MILLI));
    }
    Ok(Arc::new(values.finish()))
}

fn fixed(array: &dyn Array, width: i32) -> Result<&FixedSizeBinaryArray, ArrowError> {
    array
        .as_fixed_size_binary_opt()
        .filter(|array| array.value_length() == width)
        .ok_or_else(|| ArrowError::SchemaError(format!("an interval cannot be stored as {}", array.data_type())))
}

fn le4(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..at + 4).and_then(|part| part.try_into().ok()).map_or(0, i32::from_le_bytes)
}

fn le8(bytes: &[u8], at: usize) -> i64 {
    bytes.get(at..at + 8).and_then(|part| part.try_into().ok()).map_or(0, i64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::IntervalMonthDayNanoArray;

    #[test]
    fn every_interval_survives() {
        let day = NANOS_PER_DAY;
        let array = IntervalMonthDayNanoArray::from(vec![
            Some(IntervalMonthDayNano::new(1, 2, 3 * NANOS_PER_MILLI)),
            None,
            Some(IntervalMonthDayNano::new(0, 0, 1_000)),
            Some(IntervalMonthDayNano::new(-1, 40, -day)),
            Some(IntervalMonthDayNano::new(i32::MIN, i32::MAX, i64::MIN)),
            Some(IntervalMonthDayNano::new(0, 0, 50 * day)),
        ]);
        let (main, companion) = encode(&array).unwrap();
        assert_eq!(companion.null_count(), 2);
        assert_eq!(decode(&main, Some(&companion)).unwrap().as_primitive::<IntervalMonthDayNanoType>(), &array);
        // Without the companion: the closest thing other readers can see.
        let plain = decode(&main, None).unwrap();
        let plain = plain.as_primitive::<IntervalMonthDayNanoType>();
        assert_eq!(plain.value(2), IntervalMonthDayNano::new(0, 0, 0));
        assert_eq!(plain.value(3), IntervalMonthDayNano::new(0, 9, 0));
        assert_eq!(plain.value(5), IntervalMonthDayNano::new(0, 50, 0));
    }
}
