//! Values as the catalog writes them down: the text of `DuckDB`'s cast to VARCHAR. Reading such text back is done in
//! `statistics`; what clients see is formatted in `pgtypes`.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType, UInt32Type,
};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// One value of a column of a canonical type, as the text of a partition value.
///
/// `None` where the type has no such text here. The value must not be NULL.
pub(crate) fn of(array: &dyn Array, row: usize) -> Option<String> {
    match array.data_type() {
        DataType::Boolean => Some(array.as_boolean().value(row).to_string()),
        DataType::Utf8View => Some(array.as_string_view().value(row).to_owned()),
        DataType::Float32 => Some(float32(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => Some(float64(array.as_primitive::<Float64Type>().value(row))),
        DataType::FixedSizeBinary(16) => Some(uuid(array.as_fixed_size_binary().value(row))),
        data_type => integer(data_type, integer_at(array, row)?),
    }
}

/// The number behind a value of a type that is a number: integers, decimals, dates, times, timestamps.
fn integer_at(array: &dyn Array, row: usize) -> Option<i128> {
    Some(match array.data_type() {
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row).into(),
        DataType::Time64(TimeUnit::Microsecond) => array.as_primitive::<Time64MicrosecondType>().value(row).into(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => array.as_primitive::<TimestampMicrosecondType>().value(row).into(),
        DataType::Decimal128(_, _) => array.as_primitive::<Decimal128Type>().value(row),
        _ => return None,
    })
}

/// The text of such a number. `None` for dates that `DuckDB` would write with an era or cannot hold.
pub(crate) fn integer(data_type: &DataType, value: i128) -> Option<String> {
    match data_type {
        DataType::Date32 => date(i32::try_from(value).ok()?),
        DataType::Time64(_) => Some(time(i64::try_from(value).ok()?)),
        DataType::Timestamp(_, zone) => timestamp(i64::try_from(value).ok()?, zone.is_some()),
        DataType::Decimal128(_, scale) => decimal(value, *scale),
        _ => Some(value.to_string()),
    }
}

/// Shortest text that reads back as the same number.
pub(crate) fn float32(value: f32) -> String {
    if value.is_nan() { "nan".to_owned() } else { exponent(f64::from(value), value.to_string(), || format!("{value:e}")) }
}

/// Shortest text that reads back as the same number.
pub(crate) fn float64(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { exponent(value, value.to_string(), || format!("{value:e}")) }
}

fn exponent(value: f64, plain: String, scientific: impl FnOnce() -> String) -> String {
    let size = value.abs();
    if size != 0.0 && size.is_finite() && !(1e-5..1e16).contains(&size) { scientific() } else { plain }
}

/// Sixteen bytes with hyphens; anything else as bare digits.
pub(crate) fn uuid(bytes: &[u8]) -> String {
    uuid::Uuid::from_slice(bytes).map_or_else(|_| bytes.iter().map(|byte| format!("{byte:02x}")).collect(), |id| id.to_string())
}

fn decimal(value: i128, scale: i8) -> Option<String> {
    let scale = usize::try_from(scale).ok()?;
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs().to_string();
    if scale == 0 {
        return Some(format!("{sign}{digits}"));
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    Some(format!("{sign}{whole}.{fraction}"))
}

fn date(days: i32) -> Option<String> {
    match days {
        i32::MAX => Some("infinity".to_owned()),
        i32::MIN => Some("-infinity".to_owned()),
        _ => {
            let (year, month, day) = civil(days.into());
            (1..=9999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
        }
    }
}

fn time(micros: i64) -> String {
    let seconds = micros / MICROS_PER_SECOND;
    let fraction = micros % MICROS_PER_SECOND;
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        text.push('.');
        text.push_str(format!("{fraction:06}").trim_end_matches('0'));
    }
    text
}

fn timestamp(micros: i64, zoned: bool) -> Option<String> {
    match micros {
        i64::MAX => return Some("infinity".to_owned()),
        i64::MIN => return Some("-infinity".to_owned()),
        _ => {}
    }
    let days = date(i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok()?)?;
    let zone = if zoned { "+00" } else { "" };
    Some(format!("{days} {}{zone}", time(micros.rem_euclid(MICROS_PER_DAY))))
}

/// Year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years are counted from 1 March, so that the leap day is the last one of a year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_duckdb() {
        let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let cases = [
            (DataType::Date32, 0, "1970-01-01"),
            (DataType::Date32, -719_162, "0001-01-01"),
            (DataType::Date32, 11_016, "2000-02-29"),
            (DataType::Date32, 2_932_896, "9999-12-31"),
            (DataType::Date32, i128::from(i32::MAX), "infinity"),
            (DataType::Time64(TimeUnit::Microsecond), 45_296_789_000, "12:34:56.789"),
            (zoned, -1, "1969-12-31 23:59:59.999999+00"),
            (DataType::Decimal128(10, 2), -5, "-0.05"),
            (DataType::Decimal128(38, 9), 1_500_000_000, "1.500000000"),
            (DataType::Decimal128(10, 0), 12, "12"),
            (DataType::Int64, -3, "-3"),
        ];
        for (data_type, value, expected) in cases {
            assert_eq!(integer(&data_type, value).as_deref(), Some(expected));
        }
        assert_eq!(integer(&DataType::Date32, -719_163), None);
        assert_eq!(float64(1e30), "1e30");
        assert_eq!(float64(f64::NEG_INFINITY), "-inf");
        assert_eq!(float32(0.1), "0.1");
        assert_eq!(float64(-0.0), "-0");
    }
}
