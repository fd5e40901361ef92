//! PostgreSQL types and the type names of `DuckLake` (specification, chapter "Data Types"). Converts no values.

use kura_pgtypes::{PgType, Scalar};

/// Precision and scale of `numeric` without modifier.
const NUMERIC_DEFAULT: (u8, i8) = (38, 9);

/// The stored type of `real`.
pub(crate) const FLOAT32: &str = "float32";

/// The `DuckLake` type in which values of a PostgreSQL type are kept; for an array, the type of its elements. `None`
/// for what cannot be stored: pseudo-types and `numeric` beyond 38 digits.
pub(crate) fn from_pg(ty: PgType) -> Option<String> {
    let name = match ty.scalar {
        Scalar::Bool => "boolean",
        Scalar::Int2 => "int16",
        Scalar::Int4 => "int32",
        Scalar::Int8 => "int64",
        Scalar::Float4 => FLOAT32,
        Scalar::Float8 => "float64",
        Scalar::Numeric => return decimal(ty.numeric_parts().unwrap_or(NUMERIC_DEFAULT)),
        Scalar::Text | Scalar::Varchar | Scalar::Bpchar | Scalar::Name | Scalar::Char => "varchar",
        Scalar::Bytea => "blob",
        Scalar::Date => "date",
        Scalar::Time => "time",
        Scalar::Timestamp => "timestamp",
        Scalar::Timestamptz => "timestamptz",
        Scalar::Interval => "interval",
        Scalar::Uuid => "uuid",
        Scalar::Json | Scalar::Jsonb => "json",
        Scalar::Oid | Scalar::Regclass | Scalar::Regtype | Scalar::Regnamespace | Scalar::Regproc => "uint32",
        Scalar::Void | Scalar::Unknown => return None,
    };
    Some(name.to_owned())
}

fn decimal((precision, scale): (u8, i8)) -> Option<String> {
    let valid = (1..=38).contains(&precision) && scale >= 0 && scale.unsigned_abs() <= precision;
    valid.then(|| format!("decimal({precision},{scale})"))
}

/// The PostgreSQL type of a scalar `DuckLake` type, where no better one was recorded; `None` for what is not supported:
/// nested types, `timetz`, `geometry`, `variant`, integers of more than 38 digits.
pub(crate) fn to_pg(lake_type: &str) -> Option<PgType> {
    Some(match lake_type {
        "boolean" => PgType::BOOL,
        "int8" | "int16" => PgType::INT2,
        "int32" | "uint8" | "uint16" => PgType::INT4,
        "int64" | "uint32" => PgType::INT8,
        "uint64" => PgType::numeric(20, 0),
        "int128" => PgType::numeric(38, 0),
        "float32" => PgType::FLOAT4,
        "float64" => PgType::FLOAT8,
        "time" => PgType::TIME,
        "date" => PgType::DATE,
        "timestamp" | "timestamp_s" | "timestamp_ms" | "timestamp_ns" => PgType::TIMESTAMP,
        "timestamptz" => PgType::TIMESTAMPTZ,
        "interval" => PgType::INTERVAL,
        "varchar" => PgType::TEXT,
        "blob" => PgType::BYTEA,
        "json" => PgType::JSON,
        "uuid" => PgType::UUID,
        _ => {
            let (precision, scale) = decimal_parts(lake_type)?;
            PgType::numeric(precision, i8::try_from(scale).ok()?)
        }
    })
}

/// Precision and scale of `decimal(p,s)`.
pub(crate) fn decimal_parts(lake_type: &str) -> Option<(u8, u8)> {
    let body = lake_type.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = body.split_once(',')?;
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    ((1..=38).contains(&precision) && scale <= precision).then_some((precision, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storable_types_come_back() {
        for ty in [
            PgType::BOOL,
            PgType::INT2,
            PgType::INT4,
            PgType::INT8,
            PgType::FLOAT4,
            PgType::FLOAT8,
            PgType::numeric(10, 2),
            PgType::TEXT,
            PgType::BYTEA,
            PgType::DATE,
            PgType::TIME,
            PgType::TIMESTAMP,
            PgType::TIMESTAMPTZ,
            PgType::INTERVAL,
            PgType::UUID,
            PgType::JSON,
        ] {
            let lake = from_pg(ty).expect("storable");
            assert_eq!(to_pg(&lake), Some(ty), "{lake}");
        }
        assert_eq!(from_pg(PgType::NUMERIC).as_deref(), Some("decimal(38,9)"));
        assert_eq!(from_pg(PgType::numeric(3, -2)), None);
        assert_eq!(from_pg(PgType::VOID), None);
        assert_eq!(to_pg("struct"), None);
        assert_eq!(to_pg("decimal(39,0)"), None);
        assert_eq!(to_pg("decimal(4,5)"), None);
    }
}
