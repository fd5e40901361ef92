//! Ordered-set aggregates: `percentile_cont`, `percentile_disc`, `mode`. They sort their rows themselves.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray, PrimitiveArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::{DataType, Field, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType};
use kura_pgtypes::{SqlError, SqlState};

use super::arrange::to_rows;
use super::gather::Finish;
use crate::failure::{Outcome, arrow, internal};
use crate::op::temporal;

/// The rows of a range that hold a value, sorted by it; and for each whether it equals the one before.
fn sorted(column: &ArrayRef, range: &Range<usize>, descending: bool) -> Outcome<Vec<(usize, bool)>> {
    let values = column.slice(range.start, range.len());
    let options = SortOptions { descending, nulls_first: false };
    let Some(rows) = to_rows(vec![(Arc::clone(&values), options)])? else {
        return Ok(Vec::new());
    };
    let mut order: Vec<usize> = (0..values.len()).filter(|row| values.is_valid(*row)).collect();
    order.sort_by(|a, b| rows.row(*a).cmp(&rows.row(*b)));
    let mut before: Option<usize> = None;
    let marked = order.into_iter().map(|row| {
        let same = before.is_some_and(|before| rows.row(before) == rows.row(row));
        before = Some(row);
        (range.start + row, same)
    });
    Ok(marked.collect())
}

fn checked(fraction: f64) -> Outcome<f64> {
    if (0.0..=1.0).contains(&fraction) {
        return Ok(fraction);
    }
    let message = format!("percentile value {fraction} is not between 0 and 1");
    Err(SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message))
}

/// A result for each fraction, one group after the other, and how many each group has; `None`: its result is NULL.
type Results<V> = (Vec<Option<V>>, Vec<Option<usize>>);

/// The fractions asked of each group: one, or an array of them.
enum Fractions<'a> {
    One(&'a Float64Array),
    Many(&'a ListArray),
}

impl<'a> Fractions<'a> {
    fn open(columns: &'a [ArrayRef]) -> Outcome<Self> {
        let column = columns.get(1).ok_or_else(|| internal("a percentile without fraction"))?;
        match column.as_list_opt::<i32>() {
            Some(list) => Ok(Self::Many(list)),
            None => Ok(Self::One(column.as_primitive_opt().ok_or_else(|| internal("a fraction that is no float"))?)),
        }
    }

    /// The fractions of a group; `None` for NULL, and for a group without rows.
    fn of(&self, range: &Range<usize>) -> Outcome<Option<Vec<Option<f64>>>> {
        let row = range.start;
        let fractions = match self {
            _ if range.is_empty() => return Ok(None),
            Self::One(array) if array.is_valid(row) => vec![Some(array.value(row))],
            Self::Many(list) if list.is_valid(row) => list.value(row).as_primitive::<Float64Type>().iter().collect(),
            Self::One(_) | Self::Many(_) => return Ok(None),
        };
        fractions.into_iter().map(|fraction| fraction.map(checked).transpose()).collect::<Outcome<_>>().map(Some)
    }

    /// The column of results: `values` in the shape of the fractions, `lengths` of them for each group.
    fn shaped(&self, values: ArrayRef, lengths: &[Option<usize>]) -> Outcome<ArrayRef> {
        match self {
            Self::One(_) => Ok(values),
            Self::Many(_) => {
                let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
                let offsets = OffsetBuffer::from_lengths(lengths.iter().map(|length| length.unwrap_or(0)));
                let nulls = NullBuffer::from_iter(lengths.iter().map(Option::is_some));
                let list = ListArray::try_new(field, offsets, values, Some(nulls)).map_err(|error| arrow(&error))?;
                Ok(Arc::new(list))
            }
        }
    }

    /// Calls `one` for each fraction of each group with the group's sorted rows.
    fn each<V>(
        &self,
        column: &ArrayRef,
        ranges: &[Range<usize>],
        descending: bool,
        mut one: impl FnMut(f64, &[(usize, bool)]) -> Outcome<V>,
    ) -> Outcome<Results<V>> {
        let (mut values, mut lengths) = (Vec::new(), Vec::new());
        for range in ranges {
            let fractions = self.of(range)?;
            let rows = if fractions.is_some() { sorted(column, range, descending)? } else { Vec::new() };
            let fractions = fractions.filter(|_| !rows.is_empty());
            lengths.push(fractions.as_ref().map(Vec::len));
            if fractions.is_none() && matches!(self, Self::One(_)) {
                values.push(None);
            }
            for fraction in fractions.into_iter().flatten() {
                values.push(fraction.map(|fraction| one(fraction, &rows)).transpose()?);
            }
        }
        Ok((values, lengths))
    }
}

/// A value that lies between two others.
trait Between: Copy {
    fn between(low: Self, high: Self, share: f64) -> Outcome<Self>;
}

impl Between for f64 {
    fn between(low: Self, high: Self, share: f64) -> Outcome<Self> {
        Ok(low + share * (high - low))
    }
}

impl Between for IntervalMonthDayNano {
    fn between(low: Self, high: Self, share: f64) -> Outcome<Self> {
        let apart = temporal::add(high, temporal::negate(low)?)?;
        temporal::add(low, temporal::multiply(apart, share)?)
    }
}

/// `percentile_cont`
pub(super) struct Continuous {
    pub(super) descending: bool,
}

fn interpolated<V: Between>(value: impl Fn(usize) -> V) -> impl FnMut(f64, &[(usize, bool)]) -> Outcome<V> {
    move |fraction, rows| {
        let place = fraction * (rows.len() - 1) as f64;
        let (low, high) = (place.floor(), place.ceil());
        let at = |place: f64| value(rows.get(place as usize).map_or(0, |(row, _)| *row));
        if low == high { Ok(at(low)) } else { V::between(at(low), at(high), place - low) }
    }
}

impl Finish for Continuous {
    fn finish(&self, columns: &[ArrayRef], ranges: &[Range<usize>]) -> Outcome<ArrayRef> {
        let column = columns.first().ok_or_else(|| internal("a percentile without values"))?;
        let fractions = Fractions::open(columns)?;
        if let Some(floats) = column.as_primitive_opt::<Float64Type>() {
            let one = interpolated(|row| floats.value(row));
            let (values, lengths) = fractions.each(column, ranges, self.descending, one)?;
            return fractions.shaped(Arc::new(Float64Array::from(values)), &lengths);
        }
        let intervals = column.as_primitive_opt::<IntervalMonthDayNanoType>();
        let intervals = intervals.ok_or_else(|| internal("percentile_cont of a type without distances"))?;
        let one = interpolated(|row| intervals.value(row));
        let (values, lengths) = fractions.each(column, ranges, self.descending, one)?;
        fractions.shaped(Arc::new(PrimitiveArray::<IntervalMonthDayNanoType>::from(values)), &lengths)
    }
}

/// `percentile_disc`
pub(super) struct Discrete {
    pub(super) descending: bool,
}

impl Finish for Discrete {
    fn finish(&self, columns: &[ArrayRef], ranges: &[Range<usize>]) -> Outcome<ArrayRef> {
        let column = columns.first().ok_or_else(|| internal("a percentile without values"))?;
        let fractions = Fractions::open(columns)?;
        let one = |fraction: f64, rows: &[(usize, bool)]| {
            let place = ((fraction * rows.len() as f64).ceil() as usize).max(1) - 1;
            Ok(rows.get(place).map_or(0, |(row, _)| *row as u32))
        };
        let (rows, lengths) = fractions.each(column, ranges, self.descending, one)?;
        let values = take(column, &UInt32Array::from(rows), None).map_err(|error| arrow(&error))?;
        fractions.shaped(values, &lengths)
    }

    fn returns(&self, arguments: &[DataType]) -> Option<DataType> {
        match arguments {
            [value, DataType::List(_)] => Some(DataType::List(Arc::new(Field::new_list_field(value.clone(), true)))),
            [value, ..] => Some(value.clone()),
            [] => None,
        }
    }
}

/// `mode`: the most frequent value, the first of several.
pub(super) struct Mode {
    pub(super) descending: bool,
}

impl Finish for Mode {
    fn finish(&self, columns: &[ArrayRef], ranges: &[Range<usize>]) -> Outcome<ArrayRef> {
        let column = columns.first().ok_or_else(|| internal("mode without values"))?;
        let mut chosen = Vec::with_capacity(ranges.len());
        for range in ranges {
            let (mut best, mut most, mut run) = (None, 0, (0, 0));
            for (row, same) in sorted(column, range, self.descending)? {
                run = if same { (run.0, run.1 + 1) } else { (row, 1) };
                if run.1 > most {
                    most = run.1;
                    best = u32::try_from(run.0).ok();
                }
            }
            chosen.push(best);
        }
        take(column, &UInt32Array::from(chosen), None).map_err(|error| arrow(&error))
    }

    fn returns(&self, arguments: &[DataType]) -> Option<DataType> {
        arguments.first().cloned()
    }
}
