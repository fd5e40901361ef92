//! Merging a table's column bounds with those of new files, in the order of the column's type.
//!
//! Values are the text `DuckDB`'s cast to VARCHAR gives. What cannot be compared widens the bounds: wide ones cost
//! speed, wrong ones cost rows. Computes no statistics of files.

use std::cmp::Ordering;

use crate::column_type;
use crate::object::data_file::ColumnStats;

/// Row of `ducklake_table_column_stats`: bounds over all rows ever added. `None` is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TableColumnStats {
    pub(crate) contains_null: Option<bool>,
    pub(crate) contains_nan: Option<bool>,
    pub(crate) min: Option<String>,
    pub(crate) max: Option<String>,
}

impl TableColumnStats {
    /// The statistics of a column without any value yet.
    pub(crate) fn of_nothing(lake_type: &str) -> Self {
        let is_float = matches!(lake_type, "float32" | "float64");
        Self { contains_null: Some(false), contains_nan: is_float.then_some(false), min: None, max: None }
    }

    /// Whether there are no bounds: to other programs that says that there is no value but NULL.
    pub(crate) fn is_unbounded(&self) -> bool {
        self.min.is_none() && self.max.is_none()
    }

    /// Widens the statistics by those of a file with `record_count` rows.
    ///
    /// `DuckDB` takes a column without both bounds for one that holds only NULL, and replaces them by those of its next
    /// file. An unknown bound is therefore written as the widest one of the type.
    pub(crate) fn merge(&mut self, stats: &ColumnStats, record_count: u64, lake_type: &str) {
        self.contains_null = either(self.contains_null, stats.null_count.map(|count| count > 0));
        if is_all_null(stats, record_count) {
            return;
        }
        let is_float = matches!(lake_type, "float32" | "float64");
        self.contains_nan = if is_float { either(self.contains_nan, stats.contains_nan) } else { None };
        let had_values = !self.is_unbounded();
        let known = |bound: &Option<String>| bound.clone().filter(|text| is_comparable(lake_type, text));
        match (known(&stats.min), known(&stats.max)) {
            (Some(min), Some(max)) if !had_values => (self.min, self.max) = (Some(min), Some(max)),
            (Some(min), Some(max)) => {
                self.min = keep(lake_type, self.min.take(), min, Ordering::Less);
                self.max = keep(lake_type, self.max.take(), max, Ordering::Greater);
            }
            _ => (self.min, self.max) = widest(lake_type),
        }
    }

    /// Forgets the bounds: some values are not accounted for.
    pub(crate) fn widen(&mut self, lake_type: &str) {
        (self.min, self.max) = widest(lake_type);
    }
}

/// Whether a file has no value of a column.
fn is_all_null(stats: &ColumnStats, record_count: u64) -> bool {
    record_count == 0 || (stats.value_count == Some(0) && stats.null_count == Some(record_count))
}

/// Whether either is true; unknown unless both are known or one is true.
fn either(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        (None, _) | (_, None) => None,
    }
}

/// The one of two bounds that is `wanted` compared with the other; an unknown one stays unknown.
fn keep(lake_type: &str, old: Option<String>, new: String, wanted: Ordering) -> Option<String> {
    let old = old?;
    if compare(lake_type, &new, &old)? == wanted { Some(new) } else { Some(old) }
}

/// Bounds that hold for every value of a type. Text has no greatest value; types without an order have no bounds.
fn widest(lake_type: &str) -> (Option<String>, Option<String>) {
    let (min, max): (&str, &str) = match lake_type {
        "boolean" => ("0", "1"),
        "int8" => ("-128", "127"),
        "int16" => ("-32768", "32767"),
        "int32" => ("-2147483648", "2147483647"),
        "int64" => ("-9223372036854775808", "9223372036854775807"),
        "int128" => ("-170141183460469231731687303715884105728", "170141183460469231731687303715884105727"),
        "uint8" => ("0", "255"),
        "uint16" => ("0", "65535"),
        "uint32" => ("0", "4294967295"),
        "uint64" => ("0", "18446744073709551615"),
        "float32" | "float64" => ("-inf", "inf"),
        "date" | "timestamp" | "timestamp_s" | "timestamp_ms" | "timestamp_ns" | "timestamptz" => ("-infinity", "infinity"),
        "time" => ("00:00:00", "24:00:00"),
        "uuid" => ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        "varchar" | "json" | "blob" => return (Some(String::new()), None),
        _ => return widest_decimal(lake_type).unwrap_or_default(),
    };
    (Some(min.to_owned()), Some(max.to_owned()))
}

fn widest_decimal(lake_type: &str) -> Option<(Option<String>, Option<String>)> {
    let (precision, scale) = column_type::decimal_parts(lake_type)?;
    let whole = "9".repeat(usize::from(precision - scale).max(1));
    let whole = if precision == scale { "0".to_owned() } else { whole };
    let fraction = "9".repeat(usize::from(scale));
    let max = if scale == 0 { whole } else { format!("{whole}.{fraction}") };
    Some((Some(format!("-{max}")), Some(max)))
}

fn is_comparable(lake_type: &str, text: &str) -> bool {
    compare(lake_type, text, text).is_some()
}

/// Orders two values of a type; `None` when either is not a value of it or the type has no order here.
pub(crate) fn compare(lake_type: &str, left: &str, right: &str) -> Option<Ordering> {
    match lake_type {
        "int8" | "int16" | "int32" | "int64" | "int128" | "uint8" | "uint16" | "uint32" | "uint64" => {
            Some(left.parse::<i128>().ok()?.cmp(&right.parse::<i128>().ok()?))
        }
        "float32" | "float64" => float(left)?.partial_cmp(&float(right)?),
        "boolean" => Some(boolean(left)?.cmp(&boolean(right)?)),
        "date" | "timestamp" | "timestamp_s" | "timestamp_ms" | "timestamp_ns" | "timestamptz" => Some(moment(left)?.cmp(&moment(right)?)),
        // Digits in fixed places, or no digits: the order of the text is the order of the values.
        "varchar" | "json" | "uuid" | "blob" | "time" => Some(left.cmp(right)),
        _ => {
            let (_, scale) = column_type::decimal_parts(lake_type)?;
            Some(decimal(left, scale)?.cmp(&decimal(right, scale)?))
        }
    }
}

/// The text of a `float32` as that of a `float64` with the same value; `None` when it is no number.
pub(crate) fn float64_text(text: &str) -> Option<String> {
    let narrow = text.parse::<f32>().ok().filter(|value| !value.is_nan())?;
    Some(f64::from(narrow).to_string())
}

fn float(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| !value.is_nan())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "t" => Some(true),
        "0" | "false" | "f" => Some(false),
        _ => None,
    }
}

/// A decimal number as an integer in units of its last place.
fn decimal(text: &str, scale: u8) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let scale = usize::from(scale);
    if (whole.is_empty() && fraction.is_empty()) || fraction.len() > scale || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let magnitude: i128 = format!("0{whole}{fraction:0<scale$}").parse().ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

/// Sort key of a date or timestamp: class (-infinity, finite, infinity), year, and the rest, which sorts as text.
/// A zone other than UTC is refused.
fn moment(text: &str) -> Option<(i8, i64, String)> {
    match text {
        "-infinity" => return Some((-1, 0, String::new())),
        "infinity" => return Some((1, 0, String::new())),
        _ => {}
    }
    let (text, before_christ) = match text.find(" (BC)") {
        Some(at) => (format!("{}{}", &text[..at], &text[at + " (BC)".len()..]), true),
        None => (text.to_owned(), false),
    };
    let (year, rest) = text.split_once('-')?;
    let year: i64 = year.parse().ok()?;
    // Only digits and the marks between them may remain, so that text order is time order.
    let rest = rest.strip_suffix("+00").unwrap_or(rest);
    if !rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b' ' | b':' | b'.')) {
        return None;
    }
    let year = if before_christ { 1 - year } else { year };
    Some((0, year, rest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_by_type() {
        let cases = [
            ("int32", "9", "10", Ordering::Less),
            ("int64", "-9", "-10", Ordering::Greater),
            ("float64", "-2e+300", "1.5", Ordering::Less),
            ("float64", "inf", "1e308", Ordering::Greater),
            ("decimal(10,2)", "9.5", "10.25", Ordering::Less),
            ("decimal(10,2)", "-0.50", "-.5", Ordering::Equal),
            ("boolean", "0", "true", Ordering::Less),
            ("date", "9999-12-31", "20200-01-01", Ordering::Less),
            ("date", "0044-03-15 (BC)", "0001-01-01", Ordering::Less),
            ("date", "0044-03-15 (BC)", "0043-03-15 (BC)", Ordering::Less),
            ("timestamp", "2020-01-01 00:00:00", "infinity", Ordering::Less),
            ("timestamptz", "2020-01-01 00:00:00+00", "2020-01-01 00:00:00.5+00", Ordering::Less),
            ("varchar", "10", "9", Ordering::Less),
        ];
        for (lake_type, left, right, expected) in cases {
            assert_eq!(compare(lake_type, left, right), Some(expected), "{lake_type} {left} {right}");
            assert_eq!(compare(lake_type, right, left), Some(expected.reverse()), "{lake_type} {right} {left}");
        }
        for (lake_type, text) in
            [("int32", "x"), ("float64", "nan"), ("timestamptz", "2020-01-01 00:00:00+09"), ("decimal(4,1)", "1.25"), ("interval", "1 day")]
        {
            assert_eq!(compare(lake_type, text, text), None, "{lake_type} {text}");
        }
    }

    fn file(values: u64, nulls: u64, bounds: Option<(&str, &str)>) -> ColumnStats {
        ColumnStats {
            value_count: Some(values),
            null_count: Some(nulls),
            min: bounds.map(|(min, _)| min.to_owned()),
            max: bounds.map(|(_, max)| max.to_owned()),
            ..ColumnStats::default()
        }
    }

    fn merged(lake_type: &str, files: &[(ColumnStats, u64)]) -> TableColumnStats {
        let mut stats = TableColumnStats::of_nothing(lake_type);
        for (file, rows) in files {
            stats.merge(file, *rows, lake_type);
        }
        stats
    }

    fn bounds(stats: &TableColumnStats) -> (Option<&str>, Option<&str>) {
        (stats.min.as_deref(), stats.max.as_deref())
    }

    #[test]
    fn bounds_grow_in_the_order_of_the_type() {
        let nulls = (file(0, 4, None), 4);
        let stats = merged("int32", std::slice::from_ref(&nulls));
        assert_eq!((bounds(&stats), stats.contains_null), ((None, None), Some(true)));
        let stats = merged("int32", &[nulls, (file(2, 0, Some(("9", "10"))), 2), (file(2, 1, Some(("8", "9"))), 3)]);
        assert_eq!((bounds(&stats), stats.contains_null), ((Some("8"), Some("10")), Some(true)));
        assert_eq!(stats.contains_nan, None);
    }

    #[test]
    fn unknown_bounds_are_the_widest_and_stay_so() {
        let known = (file(2, 0, Some(("1", "2"))), 2);
        let unknown = (ColumnStats::default(), 2);
        for files in [[known.clone(), unknown.clone()], [unknown.clone(), known.clone()]] {
            let stats = merged("int16", &files);
            assert_eq!((bounds(&stats), stats.contains_null), ((Some("-32768"), Some("32767")), None));
            assert_eq!(bounds(&merged("varchar", &files)), (Some(""), None));
            assert_eq!(bounds(&merged("decimal(5,2)", &files)), (Some("-999.99"), Some("999.99")));
            assert_eq!(bounds(&merged("decimal(3,0)", &files)), (Some("-999"), Some("999")));
            assert_eq!(bounds(&merged("interval", &files)), (None, None));
        }
        let fraction = (file(2, 0, Some(("0.10", "0.20"))), 2);
        let stats = merged("decimal(2,2)", &[fraction, unknown]);
        assert_eq!(bounds(&stats), (Some("-0.99"), Some("0.99")));
        for lake_type in ["boolean", "int64", "uint64", "int128", "float64", "date", "timestamptz", "time", "uuid"] {
            let (min, max) = widest(lake_type);
            let (min, max) = (min.expect("a bound"), max.expect("a bound"));
            assert_eq!(compare(lake_type, &min, &max), Some(Ordering::Less), "{lake_type}");
        }
    }

    #[test]
    fn nan_is_followed_for_floats_only() {
        let mut with_nan = file(2, 0, Some(("1", "2")));
        with_nan.contains_nan = Some(true);
        let without = ColumnStats { contains_nan: Some(false), ..with_nan.clone() };
        assert_eq!(merged("float64", &[(without.clone(), 2), (with_nan, 2)]).contains_nan, Some(true));
        assert_eq!(merged("float64", &[(without, 2)]).contains_nan, Some(false));
        assert_eq!(merged("float64", &[(file(2, 0, Some(("1", "2"))), 2)]).contains_nan, None);
    }
}
