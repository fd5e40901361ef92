//! Typed reading of argument columns: one marker type per PostgreSQL type, each knowing its Arrow representations.

use std::marker::PhantomData;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, LargeBinaryArray, LargeStringArray,
    ListArray, PrimitiveArray, StringArray, StringViewArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;

use crate::failure::{Outcome, internal};
use crate::numeric::Dec;

/// One argument: a column, or one row that stands for all rows.
pub(crate) struct Column {
    pub(crate) array: ArrayRef,
    pub(crate) constant: bool,
}

impl Column {
    pub(crate) fn new(value: ColumnarValue) -> Result<Self> {
        Ok(match value {
            ColumnarValue::Array(array) => Self { array, constant: false },
            ColumnarValue::Scalar(scalar) => Self { array: scalar.to_array()?, constant: true },
        })
    }

    /// The row of the array that holds this row's value.
    pub(crate) fn at(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.array.is_null(self.at(row))
    }

    /// The column at its full length.
    pub(crate) fn expanded(&self, rows: usize) -> Outcome<ArrayRef> {
        if !self.constant || rows == 1 {
            return Ok(ArrayRef::clone(&self.array));
        }
        let indices = arrow::array::UInt32Array::from(vec![0; rows]);
        arrow::compute::take(&self.array, &indices, None).map_err(|error| crate::failure::arrow(&error))
    }

    /// Opens the column for typed reading.
    pub(crate) fn read<T: Read>(&self) -> Outcome<Typed<'_, T>> {
        Ok(Typed { column: T::open(self.array.as_ref())?, constant: self.constant, marker: PhantomData })
    }
}

/// A column opened for reading as `T`.
pub(crate) struct Typed<'a, T: Read> {
    column: T::Column<'a>,
    constant: bool,
    marker: PhantomData<T>,
}

impl<'a, T: Read> Typed<'a, T> {
    /// The value of a row; `None` for NULL.
    pub(crate) fn get(&self, row: usize) -> Option<T::Item<'a>> {
        T::get(&self.column, if self.constant { 0 } else { row })
    }
}

/// A type values can be read as.
pub(crate) trait Read: 'static {
    /// One value.
    type Item<'a>;
    /// The array behind it.
    type Column<'a>;

    fn open(array: &dyn Array) -> Outcome<Self::Column<'_>>;
    fn get<'a>(column: &Self::Column<'a>, row: usize) -> Option<Self::Item<'a>>;
}

fn mismatch(array: &dyn Array, wanted: &str) -> kura_pgtypes::SqlError {
    internal(format!("function expected {wanted}, got {}", array.data_type()))
}

fn primitive<'a, T: ArrowPrimitiveType>(array: &'a dyn Array, wanted: &str) -> Outcome<&'a PrimitiveArray<T>> {
    array.as_any().downcast_ref::<PrimitiveArray<T>>().ok_or_else(|| mismatch(array, wanted))
}

macro_rules! primitives {
    ($($(#[$doc:meta])* $marker:ident: $arrow:ty => $native:ty, $wanted:literal;)*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $marker;

            impl Read for $marker {
                type Item<'a> = $native;
                type Column<'a> = &'a PrimitiveArray<$arrow>;

                fn open(array: &dyn Array) -> Outcome<Self::Column<'_>> {
                    primitive(array, $wanted)
                }

                fn get<'a>(column: &Self::Column<'a>, row: usize) -> Option<Self::Item<'a>> {
                    column.is_valid(row).then(|| column.value(row))
                }
            }
        )*
    };
}

primitives! {
    /// `smallint`
    Int2: Int16Type => i16, "smallint";
    /// `integer`
    Int4: Int32Type => i32, "integer";
    /// `bigint`
    Int8: Int64Type => i64, "bigint";
    /// `real`
    Float4: Float32Type => f32, "real";
    /// `double precision`
    Float8: Float64Type => f64, "double precision";
    /// `date`, days since 1970-01-01
    Date: Date32Type => i32, "date";
    /// `time`, microseconds since midnight
    Time: Time64MicrosecondType => i64, "time";
    /// `timestamp` and `timestamptz`, microseconds since 1970-01-01
    Stamp: TimestampMicrosecondType => i64, "timestamp";
    /// `interval`
    Interval: IntervalMonthDayNanoType => IntervalMonthDayNano, "interval";
    /// `oid` and the other identifiers
    Oid: UInt32Type => u32, "oid";
}

/// `boolean`
pub(crate) struct Bool;

impl Read for Bool {
    type Item<'a> = bool;
    type Column<'a> = &'a BooleanArray;

    fn open(array: &dyn Array) -> Outcome<Self::Column<'_>> {
        array.as_boolean_opt().ok_or_else(|| mismatch(array, "boolean"))
    }

    fn get<'a>(column: &Self::Column<'a>, row: usize) -> Option<Self::Item<'a>> {
        column.is_valid(row).then(|| column.value(row))
    }
}

/// `numeric`, with the scale of its Arrow type.
pub(crate) struct Numeric;

impl Read for Numeric {
    type Item<'a> = Dec;
    type Column<'a> = (&'a PrimitiveArray<Decimal128Type>, i8);

    fn open(array: &dyn Array) -> Outcome<Self::Column<'_>> {
        let DataType::Decimal128(_, scale) = array.data_type() else {
            return Err(mismatch(array, "numeric"));
        };
        Ok((primitive(array, "numeric")?, *scale))
    }

    fn get<'a>((array, scale): &Self::Column<'a>, row: usize) -> Option<Self::Item<'a>> {
        array.is_valid(row).then(|| Dec { value: array.value(row), scale: *scale })
    }
}

/// Text in any of Arrow's representations.
pub(crate) struct Text;

/// The arrays [`Text`] reads.
pub(crate) enum TextColumn<'a> {
    View(&'a StringViewArray),
    Utf8(&'a StringArray),
    Large(&'a LargeStringArray),
}

impl Read for Text {
    type Item<'a> = &'a str;
    type Column<'a> = TextColumn<'a>;

    fn open(array: &dyn Array) -> Outcome<Self::Column<'_>> {
        match array.data_type() {
            DataType::Utf8View => Ok(TextColumn::View(array.as_string_view())),
            DataType::Utf8 => Ok(TextColumn::Utf8(array.as_string())),
            DataType::LargeUtf8 => Ok(TextColumn::Large(array.as_string())),
            _ => Err(mismatch(array, "text")),
        }
    }

    fn get<'a>(column: &Self::Column<'a>, row: usize) -> Option<&'a str> {
        match *column {
            TextColumn::View(array) => array.is_valid(row).then(|| array.value(row)),
            TextColumn::Utf8(array) => array.is_valid(row).then(|| array.value(row)),
            TextColumn::Large(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// `bytea` in any of Arrow's representations.
pub(crate) struct Bytea;

/// The arrays [`Bytea`] reads.
pub(crate) enum BytesColumn<'a> {
    Binary(&'a BinaryArray),
    Large(&'a LargeBinaryArray),
    View(&'a BinaryViewArray),
    Fixed(&'a FixedSizeBinaryArray),
}

impl Read for Bytea {
    type Item<'a> = &'a [u8];
    type Column<'a> = BytesColumn<'a>;

    fn open(array: &dyn Array) -> Outcome<Self::Column<'_>> {
        match array.data_type() {
            DataType::Binary => Ok(BytesColumn::Binary(array.as_binary())),
            DataType::LargeBinary => Ok(BytesColumn::Large(array.as_binary())),
            DataType::BinaryView => Ok(BytesColumn::View(array.as_binary_view())),
            DataType::FixedSizeBinary(_) => Ok(BytesColumn::Fixed(array.as_fixed_size_binary())),
            _ => Err(mismatch(array, "bytea")),
        }
    }

    fn get<'a>(column: &Self::Column<'a>, row: usize) -> Option<&'a [u8]> {
        match *column {
            BytesColumn::Binary(array) => array.is_valid(row).then(|| array.value(row)),
            BytesColumn::Large(array) => array.is_valid(row).then(|| array.value(row)),
            BytesColumn::View(array) => array.is_valid(row).then(|| array.value(row)),
            BytesColumn::Fixed(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// An array: its elements as a column of their own.
pub(crate) struct List;

impl Read for List {
    type Item<'a> = ArrayRef;
    type Column<'a> = &'a ListArray;

    fn open(array: &dyn Array) -> Outcome<Self::Column<'_>> {
        array.as_list_opt::<i32>().ok_or_else(|| mismatch(array, "an array"))
    }

    fn get<'a>(column: &Self::Column<'a>, row: usize) -> Option<Self::Item<'a>> {
        column.is_valid(row).then(|| column.value(row))
    }
}
