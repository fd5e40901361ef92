//! One column made ready for encoding: its Arrow type is resolved once, so that cells cost a match and no downcast.
//!
//! Rare representations (16 bit floats, other time units, small integers) are converted by Arrow's kernels first.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, LargeBinaryArray,
    LargeStringArray, StringArray, StringViewArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, UInt32Type,
};

use crate::diagnostic::SqlError;
use crate::encode::array::Lists;
use crate::encode::{cast, json};
use crate::pg_type::{PgType, Scalar};
use crate::settings::OutputSettings;
use crate::sqlstate::SqlState;

/// A column with its Arrow type resolved.
pub(crate) struct Column {
    nulls: Option<NullBuffer>,
    pub(super) values: Values,
}

/// The values of a column in one of the forms the writers know.
pub(super) enum Values {
    Null,
    Bool(BooleanArray),
    Int2(Int16Array),
    Int4(Int32Array),
    Int8(Int64Array),
    Oid(UInt32Array),
    /// OIDs of objects whose names are not known here.
    Object(UInt32Array),
    Regtype(UInt32Array),
    Float4(Float32Array),
    Float8(Float64Array),
    Decimal128(Decimal128Array, i8),
    Decimal256(Decimal256Array, i8),
    Utf8(StringArray, TextKind),
    LargeUtf8(LargeStringArray, TextKind),
    Utf8View(StringViewArray, TextKind),
    Binary(BinaryArray),
    LargeBinary(LargeBinaryArray),
    BinaryView(BinaryViewArray),
    FixedBinary(FixedSizeBinaryArray),
    Uuid(FixedSizeBinaryArray),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    Timestamp(TimestampMicrosecondArray),
    Timestamptz(TimestampMicrosecondArray),
    Interval(IntervalMonthDayNanoArray),
    Lists(Lists),
    Dictionary(Vec<usize>, Box<Column>),
    /// Structs, maps and unions as JSON text, of which cells were never computed before they are asked for.
    Json(StringViewArray),
}

/// What the binary form of a text adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextKind {
    Plain,
    /// A version byte comes first.
    Jsonb,
}

impl Column {
    /// Resolves `array` to write values of `ty`.
    ///
    /// # Errors
    /// XX000 if the Arrow type cannot hold values of `ty`; 22003 if a conversion does not fit.
    pub(crate) fn new(array: &ArrayRef, ty: PgType) -> Result<Self, SqlError> {
        match array.data_type() {
            // void has one value, which is no NULL, and writes it as nothing.
            DataType::Null if ty == PgType::VOID => {
                let nothing = StringViewArray::from(vec![""; array.len()]);
                return Ok(Self { nulls: None, values: Values::Utf8View(nothing, TextKind::Plain) });
            }
            DataType::Null => return Ok(Self { nulls: array.logical_nulls(), values: Values::Null }),
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_any_dictionary();
                let inner = Self::new(dictionary.values(), ty)?;
                let keys = if dictionary.values().is_empty() { Vec::new() } else { dictionary.normalized_keys() };
                let values = Values::Dictionary(keys, Box::new(inner));
                return Ok(Self { nulls: array.logical_nulls(), values });
            }
            DataType::RunEndEncoded(_, values) => return Self::new(&cast(array, values.data_type())?, ty),
            DataType::ListView(field) => return Self::new(&cast(array, &DataType::List(Arc::clone(field)))?, ty),
            DataType::LargeListView(field) => {
                return Self::new(&cast(array, &DataType::LargeList(Arc::clone(field)))?, ty);
            }
            _ => {}
        }
        let natural = natural(array)?;
        let is_list = matches!(natural.data_type(), DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _));
        let values = match (is_list, ty.array) {
            (true, true) => Values::Lists(Lists::new(&natural, ty)?),
            (false, false) => scalar_values(&natural, ty)?,
            (true, false) if text_kind(ty.scalar).is_some() => as_text(&natural, ty)?,
            (true, false) | (false, true) => return Err(mismatch(array.data_type(), ty)),
        };
        Ok(Self { nulls: natural.nulls().cloned(), values })
    }

    /// Whether the value of a row is null.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        matches!(self.values, Values::Null) || self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// The column itself, where it is a column of strings already.
    pub(crate) fn as_string_view(&self) -> Option<StringViewArray> {
        match &self.values {
            Values::Utf8View(strings, _) | Values::Json(strings) => Some(strings.clone()),
            Values::Utf8(strings, _) => Some(StringViewArray::from(strings)),
            Values::LargeUtf8(strings, _) => Some(StringViewArray::from(strings)),
            _ => None,
        }
    }
}

/// The same values in a type the writers know; structs and the like stay.
fn natural(array: &ArrayRef) -> Result<ArrayRef, SqlError> {
    let target = match array.data_type() {
        DataType::Int8 => DataType::Int16,
        DataType::UInt8 | DataType::UInt16 => DataType::Int32,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => DataType::Decimal128(*precision, *scale),
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(TimeUnit::Nanosecond) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(unit, zone) if *unit != TimeUnit::Microsecond => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Duration(_) | DataType::Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime) => {
            DataType::Interval(IntervalUnit::MonthDayNano)
        }
        _ => return Ok(Arc::clone(array)),
    };
    cast(array, &target)
}

/// How a type of the text family is written; `None` for other types.
fn text_kind(scalar: Scalar) -> Option<TextKind> {
    match scalar {
        Scalar::Text | Scalar::Varchar | Scalar::Bpchar | Scalar::Name | Scalar::Char | Scalar::Json | Scalar::Unknown => {
            Some(TextKind::Plain)
        }
        Scalar::Jsonb => Some(TextKind::Jsonb),
        _ => None,
    }
}

fn scalar_values(array: &ArrayRef, ty: PgType) -> Result<Values, SqlError> {
    if let Some(kind) = text_kind(ty.scalar) {
        return match array.data_type() {
            DataType::Utf8 => Ok(Values::Utf8(array.as_string().clone(), kind)),
            DataType::LargeUtf8 => Ok(Values::LargeUtf8(array.as_string().clone(), kind)),
            DataType::Utf8View => Ok(Values::Utf8View(array.as_string_view().clone(), kind)),
            DataType::Struct(_) | DataType::Map(_, _) | DataType::Union(_, _) => Ok(Values::Json(json::text(array)?)),
            _ => as_text(array, ty),
        };
    }
    if let Some(values) = direct(array, ty.scalar) {
        return Ok(values);
    }
    // The engine's type differs from the announced one: Arrow's cast decides, and refuses what does not fit.
    let target = match (ty.scalar, array.data_type()) {
        (Scalar::Void, _) => return Ok(Values::Null),
        (Scalar::Numeric, DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::UInt32) => DataType::Decimal128(20, 0),
        _ => ty.arrow(),
    };
    if !castable(array.data_type(), &target) {
        return Err(mismatch(array.data_type(), ty));
    }
    direct(&cast(array, &target)?, ty.scalar).ok_or_else(|| mismatch(array.data_type(), ty))
}

/// The values without conversion, if the type is one that holds values of `scalar`.
fn direct(array: &ArrayRef, scalar: Scalar) -> Option<Values> {
    Some(match (scalar, array.data_type()) {
        (Scalar::Bool, DataType::Boolean) => Values::Bool(array.as_boolean().clone()),
        (Scalar::Int2, DataType::Int16) => Values::Int2(array.as_primitive::<Int16Type>().clone()),
        (Scalar::Int4, DataType::Int32) => Values::Int4(array.as_primitive::<Int32Type>().clone()),
        (Scalar::Int8, DataType::Int64) => Values::Int8(array.as_primitive::<Int64Type>().clone()),
        (Scalar::Float4, DataType::Float32) => Values::Float4(array.as_primitive::<Float32Type>().clone()),
        (Scalar::Float8, DataType::Float64) => Values::Float8(array.as_primitive::<Float64Type>().clone()),
        (Scalar::Numeric, DataType::Decimal128(_, scale)) => Values::Decimal128(array.as_primitive::<Decimal128Type>().clone(), *scale),
        (Scalar::Numeric, DataType::Decimal256(_, scale)) => Values::Decimal256(array.as_primitive::<Decimal256Type>().clone(), *scale),
        (Scalar::Bytea, DataType::Binary) => Values::Binary(array.as_binary().clone()),
        (Scalar::Bytea, DataType::LargeBinary) => Values::LargeBinary(array.as_binary().clone()),
        (Scalar::Bytea, DataType::BinaryView) => Values::BinaryView(array.as_binary_view().clone()),
        (Scalar::Bytea, DataType::FixedSizeBinary(_)) => Values::FixedBinary(array.as_fixed_size_binary().clone()),
        (Scalar::Uuid, DataType::FixedSizeBinary(16)) => Values::Uuid(array.as_fixed_size_binary().clone()),
        (Scalar::Date, DataType::Date32) => Values::Date(array.as_primitive::<Date32Type>().clone()),
        (Scalar::Time, DataType::Time64(TimeUnit::Microsecond)) => Values::Time(array.as_primitive::<Time64MicrosecondType>().clone()),
        (Scalar::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, _)) => {
            Values::Timestamp(array.as_primitive::<TimestampMicrosecondType>().clone())
        }
        (Scalar::Timestamptz, DataType::Timestamp(TimeUnit::Microsecond, _)) => {
            Values::Timestamptz(array.as_primitive::<TimestampMicrosecondType>().clone())
        }
        (Scalar::Interval, DataType::Interval(IntervalUnit::MonthDayNano)) => {
            Values::Interval(array.as_primitive::<IntervalMonthDayNanoType>().clone())
        }
        (Scalar::Oid, DataType::UInt32) => Values::Oid(array.as_primitive::<UInt32Type>().clone()),
        (Scalar::Regclass | Scalar::Regnamespace | Scalar::Regproc, DataType::UInt32) => {
            Values::Object(array.as_primitive::<UInt32Type>().clone())
        }
        (Scalar::Regtype, DataType::UInt32) => Values::Regtype(array.as_primitive::<UInt32Type>().clone()),
        _ => return None,
    })
}

/// The values as text, of an array that is none: the engine's type is printed by its own rules.
fn as_text(array: &ArrayRef, ty: PgType) -> Result<Values, SqlError> {
    let own = PgType::from_arrow(array.data_type());
    if text_kind(own.scalar).is_some() && !own.array {
        return Err(mismatch(array.data_type(), ty));
    }
    let strings = crate::encode::text_array(array, own, &OutputSettings::default())?;
    Ok(Values::Utf8View(strings, text_kind(ty.scalar).unwrap_or(TextKind::Plain)))
}

/// Whether both types are numbers or both are times; Arrow would also cast between these and much else.
fn castable(from: &DataType, to: &DataType) -> bool {
    from.is_numeric() && to.is_numeric() || from.is_temporal() && to.is_temporal()
}

pub(super) fn mismatch(data_type: &DataType, ty: PgType) -> SqlError {
    SqlError::new(SqlState::INTERNAL_ERROR, format!("cannot encode Arrow type {data_type} as type {}", ty.display()))
}
