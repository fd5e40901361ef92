//! Bounds of columns: gathered while rows are written, written down for the catalog, and read back for pruning.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Date32Array, Float32Array, Float64Array, ListArray, StringArray, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::compute::{self, CastOptions};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType, UInt32Type,
};
use kura_catalog::ColumnStats;

use crate::parquet::text;

/// Bytes of a string bound, as `DuckDB` keeps them.
const TEXT_MAX: usize = 256;

/// The range of a column's values so far, NULL and NaN left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Bounds {
    /// No value yet.
    #[default]
    Empty,
    /// Integers, decimals, dates, times and timestamps, by the number behind them.
    Integer(i128, i128),
    /// Either width of floating point.
    Float(f64, f64),
    /// Booleans.
    Boolean(bool, bool),
    /// Strings in byte order.
    Text(String, String),
    /// UUIDs in byte order.
    Bytes(Vec<u8>, Vec<u8>),
    /// A type whose bounds nobody uses.
    Unknown,
}

/// Bounds and the presence of NaN of one leaf column.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gathered {
    bounds: Bounds,
    /// `None` for types without NaN.
    nan: Option<bool>,
}

impl Gathered {
    /// What a whole array of a canonical, not nested type adds.
    pub(crate) fn of(array: &dyn Array) -> Self {
        match array.data_type() {
            DataType::Float32 => Self::of_floats(array.as_primitive::<Float32Type>().iter().map(|v| v.map(f64::from))),
            DataType::Float64 => Self::of_floats(array.as_primitive::<Float64Type>().iter()),
            _ => Self { bounds: Bounds::of(array), nan: None },
        }
    }

    fn of_floats(values: impl Iterator<Item = Option<f64>>) -> Self {
        let mut nan = false;
        let mut range: Option<(f64, f64)> = None;
        for value in values.flatten() {
            if value.is_nan() {
                nan = true;
            } else {
                range = Some(range.map_or((value, value), |(low, high)| (least(low, value), most(high, value))));
            }
        }
        Self { bounds: range.map_or(Bounds::Empty, |(low, high)| Bounds::Float(low, high)), nan: Some(nan) }
    }

    /// Takes in what another part of the column has.
    pub(crate) fn merge(&mut self, other: Self) {
        self.nan = match (self.nan, other.nan) {
            (Some(a), Some(b)) => Some(a || b),
            (a, b) => a.or(b),
        };
        self.bounds = std::mem::take(&mut self.bounds).merge(other.bounds);
    }

    /// The catalog's form. `data_type` is the canonical one of the leaf.
    pub(crate) fn into_stats(self, data_type: &DataType, values: u64, nulls: u64, size_bytes: u64) -> ColumnStats {
        let (min, max) = self.bounds.into_text(data_type);
        ColumnStats { value_count: Some(values), null_count: Some(nulls), min, max, contains_nan: self.nan, size_bytes: Some(size_bytes) }
    }
}

/// Negative zero counts as less than zero, as it does in the engine's total order.
fn least(a: f64, b: f64) -> f64 {
    if b.total_cmp(&a).is_lt() { b } else { a }
}

fn most(a: f64, b: f64) -> f64 {
    if b.total_cmp(&a).is_gt() { b } else { a }
}

impl Bounds {
    fn of(array: &dyn Array) -> Self {
        match array.data_type() {
            DataType::Int16 => integers::<Int16Type>(array),
            DataType::Int32 => integers::<Int32Type>(array),
            DataType::Int64 => integers::<Int64Type>(array),
            DataType::UInt32 => integers::<UInt32Type>(array),
            DataType::Date32 => integers::<Date32Type>(array),
            DataType::Time64(TimeUnit::Microsecond) => integers::<Time64MicrosecondType>(array),
            DataType::Timestamp(TimeUnit::Microsecond, _) => integers::<TimestampMicrosecondType>(array),
            DataType::Decimal128(_, _) => integers::<Decimal128Type>(array),
            DataType::Boolean => {
                let values = array.as_boolean();
                match (compute::min_boolean(values), compute::max_boolean(values)) {
                    (Some(low), Some(high)) => Self::Boolean(low, high),
                    _ => Self::Empty,
                }
            }
            DataType::Utf8View => {
                let values = array.as_string_view();
                match (compute::min_string_view(values), compute::max_string_view(values)) {
                    (Some(low), Some(high)) => Self::Text(low.to_owned(), high.to_owned()),
                    _ => Self::Empty,
                }
            }
            DataType::FixedSizeBinary(16) => {
                let values = array.as_fixed_size_binary();
                let present = || values.iter().flatten();
                match (present().min(), present().max()) {
                    (Some(low), Some(high)) => Self::Bytes(low.to_vec(), high.to_vec()),
                    _ => Self::Empty,
                }
            }
            _ => Self::Unknown,
        }
    }

    fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Empty, bounds) | (bounds, Self::Empty) => bounds,
            (Self::Integer(a, b), Self::Integer(c, d)) => Self::Integer(a.min(c), b.max(d)),
            (Self::Float(a, b), Self::Float(c, d)) => Self::Float(least(a, c), most(b, d)),
            (Self::Boolean(a, b), Self::Boolean(c, d)) => Self::Boolean(a && c, b || d),
            (Self::Text(a, b), Self::Text(c, d)) => Self::Text(a.min(c), b.max(d)),
            (Self::Bytes(a, b), Self::Bytes(c, d)) => Self::Bytes(a.min(c), b.max(d)),
            _ => Self::Unknown,
        }
    }

    fn into_text(self, data_type: &DataType) -> (Option<String>, Option<String>) {
        match self {
            Self::Empty | Self::Unknown => (None, None),
            Self::Integer(low, high) => (text::integer(data_type, low), text::integer(data_type, high)),
            Self::Float(low, high) if *data_type == DataType::Float32 => {
                // The values were of this width before they were widened.
                #[expect(clippy::cast_possible_truncation, reason = "an f32 comes back from f64 unchanged")]
                let (low, high) = (low as f32, high as f32);
                (Some(text::float32(low)), Some(text::float32(high)))
            }
            Self::Float(low, high) => (Some(text::float64(low)), Some(text::float64(high))),
            Self::Boolean(low, high) => (Some(u8::from(low).to_string()), Some(u8::from(high).to_string())),
            Self::Text(low, high) => (Some(lower(&low).to_owned()), upper(high)),
            Self::Bytes(low, high) => (Some(text::uuid(&low)), Some(text::uuid(&high))),
        }
    }
}

fn integers<T>(array: &dyn Array) -> Bounds
where
    T: ArrowPrimitiveType<Native: Into<i128>>,
    T::Native: PartialOrd,
{
    let values = array.as_primitive::<T>();
    match (compute::min(values), compute::max(values)) {
        (Some(low), Some(high)) => Bounds::Integer(low.into(), high.into()),
        _ => Bounds::Empty,
    }
}

/// A prefix: it sorts before the whole.
fn lower(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_MAX)]
}

/// A prefix whose last character is raised: it sorts after everything with the same beginning.
fn upper(mut text: String) -> Option<String> {
    if text.len() <= TEXT_MAX {
        return Some(text);
    }
    text.truncate(text.floor_char_boundary(TEXT_MAX - 4));
    while let Some(last) = text.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// Which end of a range a bound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The lower bound.
    Min,
    /// The upper bound.
    Max,
}

/// Reads bounds of a column of canonical type back from the catalog's text; NULL where unknown or not understood.
///
/// `None` for types without usable bounds.
pub(crate) fn parse_bounds<'a>(texts: impl Iterator<Item = Option<&'a str>>, data_type: &DataType, end: End) -> Option<ArrayRef> {
    let parsed = match data_type {
        DataType::Utf8View => Arc::new(texts.collect::<StringViewArray>()) as ArrayRef,
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt32
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Time64(_)
        | DataType::Timestamp(_, _)
        | DataType::Decimal128(_, _) => {
            let texts: StringArray = texts.collect();
            let lenient = CastOptions { safe: true, ..CastOptions::default() };
            compute::cast_with_options(&texts, data_type, &lenient).ok()?
        }
        DataType::FixedSizeBinary(16) => {
            let bytes = texts.map(|text| Some(*uuid::Uuid::try_parse(text?).ok()?.as_bytes()));
            let bytes: Vec<Option<[u8; 16]>> = bytes.collect();
            let array = arrow::array::FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes.into_iter(), 16).ok()?;
            Arc::new(array)
        }
        _ => return None,
    };
    Some(widened(parsed, end))
}

/// Makes bounds hold in the engine's order of floating point, in which zeros differ by sign and NaN is no bound.
pub(crate) fn widened(bounds: ArrayRef, end: End) -> ArrayRef {
    let zero = if end == End::Min { -0.0 } else { 0.0 };
    let fixed = |value: f64| if value == 0.0 { zero } else { value };
    match bounds.data_type() {
        DataType::Float64 => {
            let values = bounds.as_primitive::<Float64Type>().iter();
            Arc::new(values.map(|v| v.filter(|v| !v.is_nan()).map(fixed)).collect::<Float64Array>())
        }
        DataType::Float32 => {
            let values = bounds.as_primitive::<Float32Type>().iter();
            let zero = if end == End::Min { -0.0_f32 } else { 0.0 };
            let fixed = |value: f32| if value == 0.0 { zero } else { value };
            Arc::new(values.map(|v| v.filter(|v| !v.is_nan()).map(fixed)).collect::<Float32Array>())
        }
        _ => bounds,
    }
}

/// `DuckDB` keeps minus infinity as the negative of infinity, PostgreSQL as the smallest number of all.
pub(crate) fn infinities_to_lake(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Date32 => replace_date(array, i32::MIN, -i32::MAX),
        DataType::Timestamp(TimeUnit::Microsecond, _) => replace_timestamp(array, i64::MIN, -i64::MAX),
        DataType::List(_) => in_elements(array, infinities_to_lake),
        _ => array,
    }
}

/// The reverse of [`infinities_to_lake`].
pub(crate) fn infinities_from_lake(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Date32 => replace_date(array, -i32::MAX, i32::MIN),
        DataType::Timestamp(TimeUnit::Microsecond, _) => replace_timestamp(array, -i64::MAX, i64::MIN),
        DataType::List(_) => in_elements(array, infinities_from_lake),
        _ => array,
    }
}

/// The same list of replaced elements, which are of the same type.
fn in_elements(array: ArrayRef, replace: impl FnOnce(ArrayRef) -> ArrayRef) -> ArrayRef {
    let list = array.as_list::<i32>();
    let DataType::List(field) = list.data_type() else {
        return array;
    };
    let replaced = replace(Arc::clone(list.values()));
    if Arc::ptr_eq(&replaced, list.values()) {
        return array;
    }
    let rebuilt = ListArray::try_new(Arc::clone(field), list.offsets().clone(), replaced, list.nulls().cloned());
    rebuilt.map_or(array, |list| Arc::new(list))
}

fn replace_date(array: ArrayRef, from: i32, to: i32) -> ArrayRef {
    let values: &Date32Array = array.as_primitive();
    if !values.values().contains(&from) {
        return array;
    }
    Arc::new(values.unary::<_, Date32Type>(|value| if value == from { to } else { value }))
}

fn replace_timestamp(array: ArrayRef, from: i64, to: i64) -> ArrayRef {
    let values: &TimestampMicrosecondArray = array.as_primitive();
    if !values.values().contains(&from) {
        return array;
    }
    let replaced = values.unary::<_, TimestampMicrosecondType>(|value| if value == from { to } else { value });
    Arc::new(replaced.with_data_type(array.data_type().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_strings_keep_true_bounds() {
        let long = "é".repeat(300);
        let gathered = Gathered::of(&StringViewArray::from(vec![Some(long.as_str()), None]));
        let stats = gathered.into_stats(&DataType::Utf8View, 1, 1, 0);
        let (min, max) = (stats.min.unwrap(), stats.max.unwrap());
        assert!(min.len() <= TEXT_MAX && min.as_str() < long.as_str());
        assert!(max.len() <= TEXT_MAX && max.as_str() > long.as_str());
        assert_eq!(upper(char::MAX.to_string().repeat(100)), None);
    }

    #[test]
    fn nan_is_noted_and_left_out() {
        let gathered = Gathered::of(&Float64Array::from(vec![Some(f64::NAN), Some(2.0), None, Some(-0.0)]));
        let stats = gathered.into_stats(&DataType::Float64, 3, 1, 0);
        assert_eq!((stats.min.as_deref(), stats.max.as_deref(), stats.contains_nan), (Some("-0"), Some("2"), Some(true)));
        let only = Gathered::of(&Float32Array::from(vec![f32::NAN])).into_stats(&DataType::Float32, 1, 0, 0);
        assert_eq!((only.min, only.max, only.contains_nan), (None, None, Some(true)));
    }

    #[test]
    fn bounds_are_read_back() {
        let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let check = |text: &str, data_type: &DataType| {
            let array = parse_bounds([Some(text), None, Some("?")].into_iter(), data_type, End::Min).unwrap();
            assert_eq!(array.data_type(), data_type);
            assert!(array.is_valid(0) && array.is_null(1), "{text} as {data_type}");
            assert!(array.is_null(2) || *data_type == DataType::Utf8View);
            text::of(&array, 0).unwrap()
        };
        assert_eq!(check("2020-01-02 03:04:05.6+00", &zoned), "2020-01-02 03:04:05.6+00");
        assert_eq!(check("0001-01-02 03:04:05", &DataType::Timestamp(TimeUnit::Microsecond, None)), "0001-01-02 03:04:05");
        assert_eq!(check("1", &DataType::Boolean), "true");
        assert_eq!(check("-12.34", &DataType::Decimal128(10, 2)), "-12.34");
        assert_eq!(check("12:34:56.789", &DataType::Time64(TimeUnit::Microsecond)), "12:34:56.789");
        assert_eq!(check("1e+30", &DataType::Float32), "1e30");
        assert_eq!(check("inf", &DataType::Float64), "inf");
        assert_eq!(check("0", &DataType::Float64), "-0");
        assert_eq!(check("9999-12-31", &DataType::Date32), "9999-12-31");
        let id = "550e8400-e29b-41d4-a716-446655440000";
        assert_eq!(check(id, &DataType::FixedSizeBinary(16)), id);
    }
}
