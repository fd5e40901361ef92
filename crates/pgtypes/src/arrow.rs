//! Which Arrow type holds the values of a PostgreSQL type, and which PostgreSQL type describes an Arrow type.
//!
//! Types only; values are converted in [`crate::encode`] and [`crate::decode`].

use std::sync::Arc;

use ::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, IntervalUnit, TimeUnit};

use crate::pg_type::{PgType, Scalar};

/// Precision and scale of `numeric` without modifier.
pub(crate) const NUMERIC_DEFAULT: (u8, i8) = (38, 9);

impl PgType {
    /// The canonical Arrow type: what tables store and what [`crate::decode`] builds.
    ///
    /// A `numeric` of more than 38 digits is a `Decimal256`, of more than 76 a `Decimal256` of 76. Where the scale is
    /// greater than the precision, Arrow's precision is the scale; [`crate::decode`] still keeps PostgreSQL's limit.
    #[must_use]
    pub fn arrow(self) -> DataType {
        let scalar = match self.scalar {
            Scalar::Bool => DataType::Boolean,
            Scalar::Int2 => DataType::Int16,
            Scalar::Int4 => DataType::Int32,
            Scalar::Int8 => DataType::Int64,
            Scalar::Float4 => DataType::Float32,
            Scalar::Float8 => DataType::Float64,
            Scalar::Numeric => decimal(self.numeric_modifier()),
            Scalar::Text
            | Scalar::Varchar
            | Scalar::Bpchar
            | Scalar::Name
            | Scalar::Char
            | Scalar::Json
            | Scalar::Jsonb
            | Scalar::Unknown => DataType::Utf8View,
            Scalar::Bytea => DataType::Binary,
            Scalar::Date => DataType::Date32,
            Scalar::Time => DataType::Time64(TimeUnit::Microsecond),
            Scalar::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Scalar::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
            Scalar::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Scalar::Uuid => DataType::FixedSizeBinary(16),
            Scalar::Oid | Scalar::Regclass | Scalar::Regtype | Scalar::Regnamespace | Scalar::Regproc => DataType::UInt32,
            Scalar::Void => DataType::Null,
        };
        if self.array { list_of(scalar) } else { scalar }
    }

    /// The PostgreSQL type that describes an Arrow type best. Every Arrow type has one.
    ///
    /// Lists of any depth give the array type of the innermost element. Structs, maps and unions are announced as
    /// `text`, holding JSON.
    #[must_use]
    pub fn from_arrow(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::BOOL,
            DataType::Int8 | DataType::Int16 => Self::INT2,
            DataType::UInt8 | DataType::UInt16 | DataType::Int32 => Self::INT4,
            DataType::UInt32 | DataType::Int64 => Self::INT8,
            DataType::UInt64 => Self::numeric(20, 0),
            DataType::Float16 | DataType::Float32 => Self::FLOAT4,
            DataType::Float64 => Self::FLOAT8,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => Self::numeric(*precision, *scale),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Self::BYTEA,
            DataType::FixedSizeBinary(16) => Self::UUID,
            DataType::FixedSizeBinary(_) => Self::BYTEA,
            DataType::Date32 | DataType::Date64 => Self::DATE,
            DataType::Time32(_) | DataType::Time64(_) => Self::TIME,
            DataType::Timestamp(_, None) => Self::TIMESTAMP,
            DataType::Timestamp(_, Some(_)) => Self::TIMESTAMPTZ,
            DataType::Duration(_) | DataType::Interval(_) => Self::INTERVAL,
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::ListView(field)
            | DataType::LargeListView(field)
            | DataType::FixedSizeList(field, _) => Self::from_arrow(field.data_type()).array_of(),
            DataType::Dictionary(_, values) => Self::from_arrow(values),
            DataType::RunEndEncoded(_, values) => Self::from_arrow(values.data_type()),
            DataType::Null
            | DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Struct(_)
            | DataType::Map(_, _)
            | DataType::Union(_, _) => Self::TEXT,
        }
    }
}

/// `List` of nullable elements, the field named `item` as Arrow's builders do.
pub(crate) fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

fn decimal(modifier: Option<(i32, i32)>) -> DataType {
    let Some((precision, scale)) = modifier else {
        return DataType::Decimal128(NUMERIC_DEFAULT.0, NUMERIC_DEFAULT.1);
    };
    let widest = i32::from(DECIMAL256_MAX_PRECISION);
    let digits = precision.max(scale).clamp(1, widest);
    let precision = u8::try_from(digits).expect("clamped to 76");
    let scale = i8::try_from(scale.clamp(-widest, widest)).expect("clamped to 76");
    if precision <= DECIMAL128_MAX_PRECISION { DataType::Decimal128(precision, scale) } else { DataType::Decimal256(precision, scale) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oid;

    #[test]
    fn canonical_types() {
        assert_eq!(PgType::numeric(10, 2).arrow(), DataType::Decimal128(10, 2));
        assert_eq!(PgType::numeric(39, 2).arrow(), DataType::Decimal256(39, 2));
        assert_eq!(PgType::numeric(2, 5).arrow(), DataType::Decimal128(5, 5));
        assert_eq!(PgType::NUMERIC.arrow(), DataType::Decimal128(38, 9));
        assert_eq!(PgType::INT4.array_of().arrow(), list_of(DataType::Int32));
        assert_eq!(PgType::NUMERIC.with_typmod(((1000 << 16) | 500) + 4).arrow(), DataType::Decimal256(76, 76));
    }

    #[test]
    fn arrow_types_describe_themselves() {
        for row in &oid::TYPES {
            let ty = PgType::new(row.scalar);
            let again = PgType::from_arrow(&ty.arrow());
            assert_eq!(again.array, ty.array);
            if !matches!(row.category, 'S' | 'Z' | 'X' | 'P') && ty.arrow() != DataType::UInt32 {
                assert_eq!(again.arrow(), PgType::from_arrow(&again.arrow()).arrow());
            }
        }
        assert_eq!(PgType::from_arrow(&DataType::UInt64), PgType::numeric(20, 0));
        assert_eq!(PgType::from_arrow(&list_of(list_of(DataType::Int64))), PgType::INT8.array_of());
        assert_eq!(PgType::from_arrow(&DataType::Null), PgType::TEXT);
    }
}
