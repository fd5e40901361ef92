//! [`ColumnBuilder`]: an Arrow builder that takes values as PostgreSQL writes them.
//!
//! The type is resolved once; a value costs a match and its reading. How each type is read is in its own file.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Builder, Decimal256Builder, FixedSizeBinaryBuilder, ListArray, NullArray,
    PrimitiveBuilder, StringViewBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Field, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};

use crate::decode::numeric::Target;
use crate::decode::{array, binary, bytes, datetime, interval, json, jsonb, number, numeric, text};
use crate::diagnostic::SqlError;
use crate::pg_type::{PgType, Scalar};
use crate::settings::{DateOrder, IntervalStyle, OutputSettings};
use crate::sqlstate::SqlState;
use crate::timezone::TimeZone;

/// Builds one column of a type from texts or binary values.
///
/// After an error the builder is of no more use: half of an array may be in it.
pub struct ColumnBuilder {
    ty: PgType,
    reading: Reading,
    values: Values,
}

/// The settings that decide how a text is read.
#[derive(Clone)]
struct Reading {
    order: DateOrder,
    timezone: TimeZone,
    interval_style: IntervalStyle,
}

type Primitive<T> = PrimitiveBuilder<T>;

enum Values {
    Bool(BooleanBuilder),
    Int2(Primitive<Int16Type>),
    Int4(Primitive<Int32Type>),
    Int8(Primitive<Int64Type>),
    Oid(Primitive<UInt32Type>),
    Float4(Primitive<Float32Type>),
    Float8(Primitive<Float64Type>),
    Numeric128(Decimal128Builder, Target),
    Numeric256(Decimal256Builder, Target),
    Text(StringViewBuilder),
    Bytea(BinaryBuilder),
    Date(Primitive<Date32Type>),
    Time(Primitive<Time64MicrosecondType>),
    Timestamp(Primitive<TimestampMicrosecondType>),
    Timestamptz(Primitive<TimestampMicrosecondType>),
    Interval(Primitive<IntervalMonthDayNanoType>),
    Uuid(FixedSizeBinaryBuilder),
    Array(Box<Lists>),
    Void(usize),
}

/// Lists in lists down to the elements; `levels[0]` has one list per row.
struct Lists {
    levels: Vec<Level>,
    elements: ColumnBuilder,
}

struct Level {
    /// Where each list ends in the next level.
    ends: Vec<i32>,
    valid: Vec<bool>,
}

impl ColumnBuilder {
    /// An empty column of `ty`. Of an array type its values have one dimension.
    #[must_use]
    pub fn new(ty: PgType, settings: &OutputSettings) -> Self {
        Self::with_dimensions(ty, 1, settings)
    }

    /// An empty column; `dimensions` is how many an array's values have, at least 1 and at most 6.
    #[must_use]
    pub fn with_dimensions(ty: PgType, dimensions: usize, settings: &OutputSettings) -> Self {
        let reading =
            Reading { order: settings.date_style.order, timezone: settings.timezone.clone(), interval_style: settings.interval_style };
        Self::build(ty, dimensions, reading)
    }

    fn build(ty: PgType, dimensions: usize, reading: Reading) -> Self {
        let values = match ty.element() {
            Some(element) => {
                let dimensions = dimensions.clamp(1, crate::encode::ARRAY_DIMENSIONS_MAX);
                let levels = (0..dimensions).map(|_| Level { ends: Vec::new(), valid: Vec::new() }).collect();
                Values::Array(Box::new(Lists { levels, elements: Self::build(element, 1, reading.clone()) }))
            }
            None => Values::new(ty),
        };
        Self { ty, reading, values }
    }

    /// Appends a value from its text.
    ///
    /// # Errors
    /// What PostgreSQL's input function answers: 22P02, 22003, 22007, 22008, 22001 and so on.
    pub fn append_text(&mut self, text: &str) -> Result<(), SqlError> {
        let (order, ty) = (self.reading.order, self.ty);
        match &mut self.values {
            Values::Bool(builder) => builder.append_value(number::parse_bool(text)?),
            Values::Int2(builder) => builder.append_value(number::parse_int2(text)?),
            Values::Int4(builder) => builder.append_value(number::parse_int4(text)?),
            Values::Int8(builder) => builder.append_value(number::parse_int8(text)?),
            Values::Oid(builder) => builder.append_value(number::parse_object(text, ty.scalar)?),
            Values::Float4(builder) => builder.append_value(number::parse_float4(text)?),
            Values::Float8(builder) => builder.append_value(number::parse_float8(text)?),
            Values::Numeric128(builder, target) => builder.append_value(numeric::parse_numeric128(text, *target)?),
            Values::Numeric256(builder, target) => builder.append_value(numeric::parse_numeric(text, *target)?),
            Values::Text(builder) => return append_string(builder, text, ty),
            Values::Bytea(builder) => append_bytes(builder, &bytes::parse_bytea(text)?)?,
            Values::Date(builder) => builder.append_value(datetime::parse_date(text, order)?),
            Values::Time(builder) => {
                builder.append_value(datetime::parse_time(text, order, ty.seconds_precision())?);
            }
            Values::Timestamp(builder) => {
                builder.append_value(datetime::parse_timestamp(text, order, ty.seconds_precision())?);
            }
            Values::Timestamptz(builder) => {
                let zone = &self.reading.timezone;
                builder.append_value(datetime::parse_timestamptz(text, order, zone, ty.seconds_precision())?);
            }
            Values::Interval(builder) => {
                builder.append_value(interval::parse_interval(text, ty, self.reading.interval_style)?);
            }
            Values::Uuid(builder) => append_uuid(builder, &bytes::parse_uuid(text)?),
            Values::Array(lists) => {
                let literal = array::parse_literal(text)?;
                return lists.append(&literal.sizes, &literal.elements, |elements, element| match element {
                    Some(element) => elements.append_text(element),
                    None => {
                        elements.append_null();
                        Ok(())
                    }
                });
            }
            Values::Void(count) => *count += 1,
        }
        Ok(())
    }

    /// Appends a value from its binary form, without the length before it.
    ///
    /// # Errors
    /// What PostgreSQL's receive function answers: 22P03, 08P01, 22003 and so on.
    pub fn append_binary(&mut self, value: &[u8]) -> Result<(), SqlError> {
        let ty = self.ty;
        match &mut self.values {
            Values::Bool(builder) => builder.append_value(binary::fixed::<1>(value)? != [0]),
            Values::Int2(builder) => builder.append_value(i16::from_be_bytes(binary::fixed(value)?)),
            Values::Int4(builder) => builder.append_value(i32::from_be_bytes(binary::fixed(value)?)),
            Values::Int8(builder) => builder.append_value(i64::from_be_bytes(binary::fixed(value)?)),
            Values::Oid(builder) => builder.append_value(u32::from_be_bytes(binary::fixed(value)?)),
            Values::Float4(builder) => builder.append_value(f32::from_be_bytes(binary::fixed(value)?)),
            Values::Float8(builder) => builder.append_value(f64::from_be_bytes(binary::fixed(value)?)),
            Values::Numeric128(builder, target) => {
                let read = numeric::read_numeric(value, *target)?;
                builder.append_value(read.to_i128().ok_or_else(|| target.overflow())?);
            }
            Values::Numeric256(builder, target) => builder.append_value(numeric::read_numeric(value, *target)?),
            Values::Text(builder) => {
                let text = if ty.scalar == Scalar::Jsonb { binary::jsonb(value)? } else { binary::text(value)? };
                return append_string(builder, text, ty);
            }
            Values::Bytea(builder) => append_bytes(builder, value)?,
            Values::Date(builder) => builder.append_value(binary::date(value)?),
            Values::Time(builder) => {
                builder.append_value(datetime::round_micros(binary::time(value)?, ty.seconds_precision()));
            }
            Values::Timestamp(builder) | Values::Timestamptz(builder) => {
                builder.append_value(datetime::round_micros(binary::timestamp(value)?, ty.seconds_precision()));
            }
            Values::Interval(builder) => {
                let (months, days, micros) = binary::interval(value)?;
                builder.append_value(interval::from_binary(months, days, micros, ty)?);
            }
            Values::Uuid(builder) => append_uuid(builder, &binary::fixed(value)?),
            Values::Array(lists) => {
                let read = binary::array(value, lists.elements.ty.oid())?;
                return lists.append(&read.sizes, &read.elements, |elements, element| match element {
                    Some(element) => elements.append_binary(element),
                    None => {
                        elements.append_null();
                        Ok(())
                    }
                });
            }
            Values::Void(count) => *count += 1,
        }
        Ok(())
    }

    /// Appends NULL.
    pub fn append_null(&mut self) {
        match &mut self.values {
            Values::Bool(builder) => builder.append_null(),
            Values::Int2(builder) => builder.append_null(),
            Values::Int4(builder) => builder.append_null(),
            Values::Int8(builder) => builder.append_null(),
            Values::Oid(builder) => builder.append_null(),
            Values::Float4(builder) => builder.append_null(),
            Values::Float8(builder) => builder.append_null(),
            Values::Numeric128(builder, _) => builder.append_null(),
            Values::Numeric256(builder, _) => builder.append_null(),
            Values::Text(builder) => builder.append_null(),
            Values::Bytea(builder) => builder.append_null(),
            Values::Date(builder) => builder.append_null(),
            Values::Time(builder) => builder.append_null(),
            Values::Timestamp(builder) | Values::Timestamptz(builder) => builder.append_null(),
            Values::Interval(builder) => builder.append_null(),
            Values::Uuid(builder) => builder.append_null(),
            Values::Array(lists) => lists.append_null(),
            Values::Void(count) => *count += 1,
        }
    }

    /// Rows appended since the last [`ColumnBuilder::finish`].
    #[must_use]
    pub fn len(&self) -> usize {
        use arrow::array::ArrayBuilder as _;
        match &self.values {
            Values::Bool(builder) => builder.len(),
            Values::Int2(builder) => builder.len(),
            Values::Int4(builder) => builder.len(),
            Values::Int8(builder) => builder.len(),
            Values::Oid(builder) => builder.len(),
            Values::Float4(builder) => builder.len(),
            Values::Float8(builder) => builder.len(),
            Values::Numeric128(builder, _) => builder.len(),
            Values::Numeric256(builder, _) => builder.len(),
            Values::Text(builder) => builder.len(),
            Values::Bytea(builder) => builder.len(),
            Values::Date(builder) => builder.len(),
            Values::Time(builder) => builder.len(),
            Values::Timestamp(builder) | Values::Timestamptz(builder) => builder.len(),
            Values::Interval(builder) => builder.len(),
            Values::Uuid(builder) => builder.len(),
            Values::Array(lists) => lists.levels[0].ends.len(),
            Values::Void(count) => *count,
        }
    }

    /// Whether no row was appended since the last [`ColumnBuilder::finish`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The column built so far; the builder starts anew.
    pub fn finish(&mut self) -> ArrayRef {
        match &mut self.values {
            Values::Bool(builder) => Arc::new(builder.finish()),
            Values::Int2(builder) => Arc::new(builder.finish()),
            Values::Int4(builder) => Arc::new(builder.finish()),
            Values::Int8(builder) => Arc::new(builder.finish()),
            Values::Oid(builder) => Arc::new(builder.finish()),
            Values::Float4(builder) => Arc::new(builder.finish()),
            Values::Float8(builder) => Arc::new(builder.finish()),
            Values::Numeric128(builder, _) => Arc::new(builder.finish()),
            Values::Numeric256(builder, _) => Arc::new(builder.finish()),
            Values::Text(builder) => Arc::new(builder.finish()),
            Values::Bytea(builder) => Arc::new(builder.finish()),
            Values::Date(builder) => Arc::new(builder.finish()),
            Values::Time(builder) => Arc::new(builder.finish()),
            Values::Timestamp(builder) | Values::Timestamptz(builder) => Arc::new(builder.finish()),
            Values::Interval(builder) => Arc::new(builder.finish()),
            Values::Uuid(builder) => Arc::new(builder.finish()),
            Values::Array(lists) => lists.finish(),
            Values::Void(count) => Arc::new(NullArray::new(std::mem::take(count))),
        }
    }
}

impl Values {
    fn new(ty: PgType) -> Self {
        match ty.scalar {
            Scalar::Bool => Self::Bool(BooleanBuilder::new()),
            Scalar::Int2 => Self::Int2(primitive(ty)),
            Scalar::Int4 => Self::Int4(primitive(ty)),
            Scalar::Int8 => Self::Int8(primitive(ty)),
            Scalar::Float4 => Self::Float4(primitive(ty)),
            Scalar::Float8 => Self::Float8(primitive(ty)),
            Scalar::Numeric if matches!(ty.arrow(), arrow::datatypes::DataType::Decimal256(_, _)) => {
                Self::Numeric256(primitive(ty), Target::new(ty))
            }
            Scalar::Numeric => Self::Numeric128(primitive(ty), Target::new(ty)),
            Scalar::Text
            | Scalar::Varchar
            | Scalar::Bpchar
            | Scalar::Name
            | Scalar::Char
            | Scalar::Json
            | Scalar::Jsonb
            | Scalar::Unknown => Self::Text(StringViewBuilder::new()),
            Scalar::Bytea => Self::Bytea(BinaryBuilder::new()),
            Scalar::Date => Self::Date(primitive(ty)),
            Scalar::Time => Self::Time(primitive(ty)),
            Scalar::Timestamp => Self::Timestamp(primitive(ty)),
            Scalar::Timestamptz => Self::Timestamptz(primitive(ty)),
            Scalar::Interval => Self::Interval(primitive(ty)),
            Scalar::Uuid => Self::Uuid(FixedSizeBinaryBuilder::new(16)),
            Scalar::Oid | Scalar::Regclass | Scalar::Regtype | Scalar::Regnamespace | Scalar::Regproc => Self::Oid(primitive(ty)),
            Scalar::Void => Self::Void(0),
        }
    }
}

fn primitive<T: ArrowPrimitiveType>(ty: PgType) -> PrimitiveBuilder<T> {
    PrimitiveBuilder::new().with_data_type(ty.arrow())
}

fn append_string(builder: &mut StringViewBuilder, value: &str, ty: PgType) -> Result<(), SqlError> {
    if memchr::memchr(0, value.as_bytes()).is_some() {
        return Err(SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\": 0x00"));
    }
    let too_long = |_| SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "value exceeds the maximum length");
    match ty.scalar {
        Scalar::Varchar | Scalar::Bpchar | Scalar::Name | Scalar::Char => {
            return builder.try_append_value(text::fit(value, ty)?).map_err(too_long);
        }
        Scalar::Json => json::validate(value, false)?,
        Scalar::Jsonb => return builder.try_append_value(jsonb::normalize(value)?).map_err(too_long),
        _ => {}
    }
    builder.try_append_value(value).map_err(too_long)
}

/// Appends unless the column would pass the 2 GiB its offsets reach.
fn append_bytes(builder: &mut BinaryBuilder, value: &[u8]) -> Result<(), SqlError> {
    let total = builder.values_slice().len() + value.len();
    if i32::try_from(total).is_err() {
        return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "column of type bytea exceeds 2 GiB in one batch"));
    }
    builder.append_value(value);
    Ok(())
}

fn append_uuid(builder: &mut FixedSizeBinaryBuilder, value: &[u8; 16]) {
    builder.append_value(value).expect("the builder's width is 16");
}

impl Lists {
    /// Appends one array: its sizes by dimension and its elements in order.
    fn append<E>(
        &mut self,
        sizes: &[usize],
        elements: &[E],
        mut append: impl FnMut(&mut ColumnBuilder, &E) -> Result<(), SqlError>,
    ) -> Result<(), SqlError> {
        if !sizes.is_empty() && sizes.len() != self.levels.len() {
            let what = match self.levels.len() {
                1 => "multidimensional arrays are not supported here".to_owned(),
                expected => format!("an array of {} dimensions cannot be stored among arrays of {expected}", sizes.len()),
            };
            return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, what));
        }
        let total = self.elements.len() + elements.len();
        if i32::try_from(total).is_err() {
            return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "arrays exceed 2147483647 elements in one batch"));
        }
        for element in elements {
            append(&mut self.elements, element)?;
        }
        let mut lists = 1;
        for (depth, level) in self.levels.iter_mut().enumerate() {
            let size = sizes.get(depth).copied().unwrap_or(0);
            for _ in 0..lists {
                let end = level.end() + size as i32;
                level.ends.push(end);
                level.valid.push(true);
            }
            lists *= size;
        }
        Ok(())
    }

    fn append_null(&mut self) {
        let end = self.levels[0].end();
        self.levels[0].ends.push(end);
        self.levels[0].valid.push(false);
    }

    fn finish(&mut self) -> ArrayRef {
        let mut array = self.elements.finish();
        for level in self.levels.iter_mut().rev() {
            let field = Arc::new(Field::new_list_field(arrow::array::Array::data_type(&array).clone(), true));
            let offsets = std::iter::once(0).chain(std::mem::take(&mut level.ends)).collect::<Vec<_>>();
            let valid = std::mem::take(&mut level.valid);
            let nulls = valid.contains(&false).then(|| NullBuffer::from(valid));
            array = Arc::new(ListArray::new(field, OffsetBuffer::new(offsets.into()), array, nulls));
        }
        array
    }
}

impl Level {
    fn end(&self) -> i32 {
        self.ends.last().copied().unwrap_or(0)
    }
}
