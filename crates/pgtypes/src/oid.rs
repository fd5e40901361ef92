//! The OIDs PostgreSQL gave its built-in types, and what `pg_type` says of each.
//!
//! One table, read by [`crate::pg_type`]; types Kura does not have are not listed.

use crate::pg_type::Scalar;

/// The facts of one row of `pg_type`, with the OID of the array type beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypeRow {
    pub(crate) scalar: Scalar,
    /// `pg_type.oid`.
    pub(crate) oid: u32,
    /// `pg_type.typarray`; 0 where there is none.
    pub(crate) array_oid: u32,
    /// `pg_type.typname`.
    pub(crate) name: &'static str,
    /// `format_type(oid, NULL)`.
    pub(crate) display: &'static str,
    /// `pg_type.typlen`: bytes, -1 for variable, -2 for a C string.
    pub(crate) len: i16,
    /// `pg_type.typcategory`.
    pub(crate) category: char,
}

const fn row(scalar: Scalar, oid: u32, array_oid: u32, name: &'static str, display: &'static str, len: i16, category: char) -> TypeRow {
    TypeRow { scalar, oid, array_oid, name, display, len, category }
}

/// In the order of the variants of [`Scalar`], so that a scalar is an index into it.
#[rustfmt::skip]
pub(crate) static TYPES: [TypeRow; 28] = [
    row(Scalar::Bool, 16, 1000, "bool", "boolean", 1, 'B'),
    row(Scalar::Int2, 21, 1005, "int2", "smallint", 2, 'N'),
    row(Scalar::Int4, 23, 1007, "int4", "integer", 4, 'N'),
    row(Scalar::Int8, 20, 1016, "int8", "bigint", 8, 'N'),
    row(Scalar::Float4, 700, 1021, "float4", "real", 4, 'N'),
    row(Scalar::Float8, 701, 1022, "float8", "double precision", 8, 'N'),
    row(Scalar::Numeric, 1700, 1231, "numeric", "numeric", -1, 'N'),
    row(Scalar::Text, 25, 1009, "text", "text", -1, 'S'),
    row(Scalar::Varchar, 1043, 1015, "varchar", "character varying", -1, 'S'),
    row(Scalar::Bpchar, 1042, 1014, "bpchar", "character", -1, 'S'),
    row(Scalar::Name, 19, 1003, "name", "name", 64, 'S'),
    row(Scalar::Char, 18, 1002, "char", "\"char\"", 1, 'Z'),
    row(Scalar::Bytea, 17, 1001, "bytea", "bytea", -1, 'U'),
    row(Scalar::Date, 1082, 1182, "date", "date", 4, 'D'),
    row(Scalar::Time, 1083, 1183, "time", "time without time zone", 8, 'D'),
    row(Scalar::Timestamp, 1114, 1115, "timestamp", "timestamp without time zone", 8, 'D'),
    row(Scalar::Timestamptz, 1184, 1185, "timestamptz", "timestamp with time zone", 8, 'D'),
    row(Scalar::Interval, 1186, 1187, "interval", "interval", 16, 'T'),
    row(Scalar::Uuid, 2950, 2951, "uuid", "uuid", 16, 'U'),
    row(Scalar::Json, 114, 199, "json", "json", -1, 'U'),
    row(Scalar::Jsonb, 3802, 3807, "jsonb", "jsonb", -1, 'U'),
    row(Scalar::Oid, 26, 1028, "oid", "oid", 4, 'N'),
    row(Scalar::Regclass, 2205, 2210, "regclass", "regclass", 4, 'N'),
    row(Scalar::Regtype, 2206, 2211, "regtype", "regtype", 4, 'N'),
    row(Scalar::Regnamespace, 4089, 4090, "regnamespace", "regnamespace", 4, 'N'),
    row(Scalar::Regproc, 24, 1008, "regproc", "regproc", 4, 'N'),
    row(Scalar::Void, 2278, 0, "void", "void", 4, 'P'),
    row(Scalar::Unknown, 705, 0, "unknown", "unknown", -2, 'X'),
];

/// The row of a scalar.
pub(crate) fn of(scalar: Scalar) -> &'static TypeRow {
    &TYPES[scalar as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_variants() {
        for (index, row) in TYPES.iter().enumerate() {
            assert_eq!(row.scalar as usize, index, "{}", row.name);
        }
    }
}
