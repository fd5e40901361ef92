//! Casts among numbers, booleans and object identifiers. Nothing wraps: what does not fit is 22003.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, UInt32Type};
use kura_pgtypes::{PgType, Scalar, SqlError};

use super::Convert;
use crate::failure::{self, Outcome, out_of_range, value_overflow, value_underflow};
use crate::kernel::write::relabel;
use crate::numeric::{Dec, approx, parts, to_field};

/// Decimals of a `real` cast to `numeric` without modifier.
pub(super) const FLOAT4_DECIMALS: i8 = 6;
/// Decimals of a `double precision` cast to `numeric` without modifier.
pub(super) const FLOAT8_DECIMALS: i8 = 15;

fn is_number(scalar: Scalar) -> bool {
    matches!(scalar, Scalar::Int2 | Scalar::Int4 | Scalar::Int8 | Scalar::Float4 | Scalar::Float8 | Scalar::Numeric)
}

/// The conversion between two types of this family; `None` for any other.
pub(super) fn converter(from: PgType, to: PgType) -> Option<Convert> {
    match (from.scalar, to.scalar) {
        (Scalar::Bool, Scalar::Int4) => Some(Arc::new(|array| {
            let numbers: PrimitiveArray<Int32Type> = array.as_boolean().iter().map(|value| value.map(i32::from)).collect();
            Ok(Arc::new(numbers))
        })),
        (Scalar::Int4, Scalar::Bool) => Some(Arc::new(|array| {
            let booleans: BooleanArray = array.as_primitive::<Int32Type>().iter().map(|value| value.map(|value| value != 0)).collect();
            Ok(Arc::new(booleans))
        })),
        (_, Scalar::Numeric) if is_number(from.scalar) => Some(to_numeric(from, to)),
        (Scalar::Numeric, _) if is_number(to.scalar) => Some(from_numeric(to)),
        (Scalar::Float4 | Scalar::Float8, Scalar::Int2 | Scalar::Int4 | Scalar::Int8) => Some(float_to_integer(to)),
        (a, b) if is_number(a) && is_number(b) => Some(widen_or_narrow(to)),
        (a, b) if is_identifier(a) && matches!(b, Scalar::Int4 | Scalar::Int8) => Some(from_identifier(b)),
        (Scalar::Int2 | Scalar::Int4 | Scalar::Int8, b) if is_identifier(b) => Some(to_identifier()),
        _ => None,
    }
}

use super::is_identifier;

/// Converts the values that are there.
fn each<A: ArrowPrimitiveType, B: ArrowPrimitiveType>(
    array: &dyn Array,
    f: impl Fn(A::Native) -> Outcome<B::Native>,
) -> Outcome<PrimitiveArray<B>> {
    let array = array.as_primitive_opt::<A>().ok_or_else(|| failure::internal(format!("cast of {}", array.data_type())))?;
    let mut values = Vec::with_capacity(array.len());
    for (row, value) in array.values().iter().enumerate() {
        values.push(if array.is_valid(row) { f(*value)? } else { B::Native::default() });
    }
    Ok(PrimitiveArray::new(values.into(), array.nulls().cloned()))
}

fn unexpected(array: &dyn Array) -> SqlError {
    failure::internal(format!("cast of {}", array.data_type()))
}

fn to_numeric(from: PgType, to: PgType) -> Convert {
    let data_type = to.arrow();
    let (precision, scale) = to.numeric_parts().unwrap_or_else(|| parts(to));
    let significant = if from.scalar == Scalar::Float4 { 6 } else { 15 };
    Arc::new(move |array| {
        let field = |dec: Dec| to_field(dec, precision, scale);
        let decimals: PrimitiveArray<Decimal128Type> = match array.data_type() {
            DataType::Int16 => each::<Int16Type, _>(array, |value| field(Dec::integer(value.into())))?,
            DataType::Int32 => each::<Int32Type, _>(array, |value| field(Dec::integer(value.into())))?,
            DataType::Int64 => each::<Int64Type, _>(array, |value| field(Dec::integer(value.into())))?,
            DataType::Float32 => {
                each::<Float32Type, _>(array, |value| field(Dec { value: approx::from_float(value.into(), significant, scale)?, scale }))?
            }
            DataType::Float64 => {
                each::<Float64Type, _>(array, |value| field(Dec { value: approx::from_float(value, significant, scale)?, scale }))?
            }
            DataType::Decimal128(_, from) => each::<Decimal128Type, _>(array, |value| field(Dec { value, scale: *from }))?,
            _ => return Err(unexpected(array)),
        };
        relabel(&decimals, &data_type)
    })
}

fn from_numeric(to: PgType) -> Convert {
    Arc::new(move |array| {
        let DataType::Decimal128(_, scale) = *array.data_type() else {
            return Err(unexpected(array));
        };
        let whole = |value| Dec { value, scale }.round();
        let array: ArrayRef = match to.scalar {
            Scalar::Int2 => Arc::new(each::<Decimal128Type, Int16Type>(array, |value| {
                i16::try_from(whole(value)?).map_err(|_| out_of_range("smallint"))
            })?),
            Scalar::Int4 => Arc::new(each::<Decimal128Type, Int32Type>(array, |value| {
                i32::try_from(whole(value)?).map_err(|_| out_of_range("integer"))
            })?),
            Scalar::Int8 => Arc::new(each::<Decimal128Type, Int64Type>(array, |value| {
                i64::try_from(whole(value)?).map_err(|_| out_of_range("bigint"))
            })?),
            Scalar::Float4 => Arc::new(each::<Decimal128Type, Float32Type>(array, |value| narrow(Dec { value, scale }.to_f64()))?),
            _ => Arc::new(each::<Decimal128Type, Float64Type>(array, |value| Ok(Dec { value, scale }.to_f64()))?),
        };
        Ok(array)
    })
}

fn narrow(value: f64) -> Outcome<f32> {
    let result = value as f32;
    if result.is_infinite() && value.is_finite() {
        return Err(value_overflow());
    }
    if result == 0.0 && value != 0.0 {
        return Err(value_underflow());
    }
    Ok(result)
}

/// Rounds half to even, as the processor does.
fn float_to_integer(to: PgType) -> Convert {
    Arc::new(move |array| {
        let array = arrow::compute::cast(array, &DataType::Float64).map_err(|error| failure::arrow(&error))?;
        // The upper bounds are exact powers of two, one above the greatest value.
        let checked = |value: f64, bound: f64, name: &str| {
            let rounded = value.round_ties_even();
            if rounded >= -bound && rounded < bound { Ok(rounded) } else { Err(out_of_range(name)) }
        };
        let array: ArrayRef = match to.scalar {
            Scalar::Int2 => {
                Arc::new(each::<Float64Type, Int16Type>(&array, |value| checked(value, 32_768.0, "smallint").map(|value| value as i16))?)
            }
            Scalar::Int4 => Arc::new(each::<Float64Type, Int32Type>(&array, |value| {
                checked(value, 2_147_483_648.0, "integer").map(|value| value as i32)
            })?),
            _ => Arc::new(each::<Float64Type, Int64Type>(&array, |value| {
                checked(value, 9_223_372_036_854_775_808.0, "bigint").map(|value| value as i64)
            })?),
        };
        Ok(array)
    })
}

/// Integers to integers and floats, floats to floats.
fn widen_or_narrow(to: PgType) -> Convert {
    Arc::new(move |array| {
        let data_type = to.arrow();
        match (array.data_type(), to.scalar) {
            (DataType::Int32, Scalar::Int2) => {
                Ok(Arc::new(each::<Int32Type, Int16Type>(array, |value| i16::try_from(value).map_err(|_| out_of_range("smallint")))?))
            }
            (DataType::Int64, Scalar::Int2) => {
                Ok(Arc::new(each::<Int64Type, Int16Type>(array, |value| i16::try_from(value).map_err(|_| out_of_range("smallint")))?))
            }
            (DataType::Int64, Scalar::Int4) => {
                Ok(Arc::new(each::<Int64Type, Int32Type>(array, |value| i32::try_from(value).map_err(|_| out_of_range("integer")))?))
            }
            (DataType::Float64, Scalar::Float4) => Ok(Arc::new(each::<Float64Type, Float32Type>(array, narrow)?)),
            // Everything left widens, and the engine's kernel does that as PostgreSQL does.
            _ => arrow::compute::cast(array, &data_type).map_err(|error| failure::arrow(&error)),
        }
    })
}

fn from_identifier(to: Scalar) -> Convert {
    Arc::new(move |array| {
        Ok(if to == Scalar::Int4 {
            Arc::new(each::<UInt32Type, Int32Type>(array, |value| Ok(value as i32))?)
        } else {
            Arc::new(each::<UInt32Type, Int64Type>(array, |value| Ok(value.into()))?)
        })
    })
}

fn to_identifier() -> Convert {
    Arc::new(|array| {
        let oids = match array.data_type() {
            DataType::Int16 => each::<Int16Type, UInt32Type>(array, |value| Ok(i32::from(value) as u32))?,
            DataType::Int32 => each::<Int32Type, UInt32Type>(array, |value| Ok(value as u32))?,
            DataType::Int64 => each::<Int64Type, UInt32Type>(array, |value| u32::try_from(value).map_err(|_| out_of_range("OID")))?,
            _ => return Err(unexpected(array)),
        };
        Ok(Arc::new(oids))
    })
}
