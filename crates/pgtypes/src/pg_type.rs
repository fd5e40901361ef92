//! The types a client can be told of: [`Scalar`], [`PgType`], their OIDs, names and modifiers.
//!
//! What a type looks like in Arrow is in [`crate::arrow`]; its values are in [`crate::encode`] and [`crate::decode`].

use std::fmt::Write as _;

use crate::oid;

/// A built-in type without modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scalar {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `numeric`
    Numeric,
    /// `text`
    Text,
    /// `character varying`
    Varchar,
    /// `character`, padded with blanks
    Bpchar,
    /// `name`, at most 63 bytes
    Name,
    /// `"char"`, a single byte
    Char,
    /// `bytea`
    Bytea,
    /// `date`
    Date,
    /// `time without time zone`
    Time,
    /// `timestamp without time zone`
    Timestamp,
    /// `timestamp with time zone`
    Timestamptz,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `oid`
    Oid,
    /// `regclass`
    Regclass,
    /// `regtype`
    Regtype,
    /// `regnamespace`
    Regnamespace,
    /// `regproc`
    Regproc,
    /// `void`
    Void,
    /// `unknown`, the type of a literal nothing has decided yet
    Unknown,
}

/// A type as a column or an expression has it: scalar, modifier, and whether it is an array of that.
///
/// As in PostgreSQL, an array type does not say how many dimensions its values have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PgType {
    /// The type, or of an array the element type.
    pub scalar: Scalar,
    /// PostgreSQL's encoding of the modifier (`pg_attribute.atttypmod`); -1 for none.
    pub typmod: i32,
    /// Whether this is the array type.
    pub array: bool,
}

/// Bytes PostgreSQL adds to the modifiers of variable-length types (`VARHDRSZ`).
const VARLENA_HEADER: i32 = 4;

/// The half of an interval modifier that means "any precision".
const INTERVAL_FULL_PRECISION: i32 = 0xFFFF;
/// The half of an interval modifier that means "all fields".
pub(crate) const INTERVAL_FULL_RANGE: i32 = 0x7FFF;

/// The names of the field ranges an interval may be limited to, with their bits.
#[rustfmt::skip]
static INTERVAL_RANGES: [(i32, &str); 13] = [
    (1 << 2, " year"), (1 << 1, " month"), (1 << 3, " day"), (1 << 10, " hour"), (1 << 11, " minute"), (1 << 12, " second"),
    (1 << 2 | 1 << 1, " year to month"),
    (1 << 3 | 1 << 10, " day to hour"),
    (1 << 3 | 1 << 10 | 1 << 11, " day to minute"),
    (1 << 3 | 1 << 10 | 1 << 11 | 1 << 12, " day to second"),
    (1 << 10 | 1 << 11, " hour to minute"),
    (1 << 10 | 1 << 11 | 1 << 12, " hour to second"),
    (1 << 11 | 1 << 12, " minute to second"),
];

macro_rules! constants {
    ($($name:ident = $scalar:ident),* $(,)?) => {
        /// The types without modifier.
        impl PgType {
            $(
                #[doc = concat!("[`Scalar::", stringify!($scalar), "`] without modifier.")]
                pub const $name: PgType = PgType::new(Scalar::$scalar);
            )*
        }
    };
}

constants! {
    BOOL = Bool, INT2 = Int2, INT4 = Int4, INT8 = Int8, FLOAT4 = Float4, FLOAT8 = Float8, NUMERIC = Numeric,
    TEXT = Text, VARCHAR = Varchar, BPCHAR = Bpchar, NAME = Name, CHAR = Char, BYTEA = Bytea, DATE = Date,
    TIME = Time, TIMESTAMP = Timestamp, TIMESTAMPTZ = Timestamptz, INTERVAL = Interval, UUID = Uuid, JSON = Json,
    JSONB = Jsonb, OID = Oid, REGCLASS = Regclass, REGTYPE = Regtype, REGNAMESPACE = Regnamespace,
    REGPROC = Regproc, VOID = Void, UNKNOWN = Unknown,
}

impl PgType {
    /// The scalar without modifier.
    #[must_use]
    pub const fn new(scalar: Scalar) -> Self {
        Self { scalar, typmod: -1, array: false }
    }

    /// The same type with a modifier in PostgreSQL's encoding; -1 takes it away.
    #[must_use]
    pub const fn with_typmod(self, typmod: i32) -> Self {
        Self { typmod, ..self }
    }

    /// `numeric(precision, scale)`; a scale may be negative.
    #[must_use]
    pub fn numeric(precision: u8, scale: i8) -> Self {
        let packed = (i32::from(precision) << 16) | (i32::from(scale) & 0x7FF);
        Self::NUMERIC.with_typmod(packed + VARLENA_HEADER)
    }

    /// `character varying(n)`, `n` in characters.
    #[must_use]
    pub fn varchar(n: u32) -> Self {
        Self::VARCHAR.with_typmod(length_modifier(n))
    }

    /// `character(n)`, `n` in characters.
    #[must_use]
    pub fn bpchar(n: u32) -> Self {
        Self::BPCHAR.with_typmod(length_modifier(n))
    }

    /// The array type of this element type. An array stays as it is, as PostgreSQL has no arrays of arrays;
    /// `unknown` and `void` have none and give `text[]`.
    #[must_use]
    pub fn array_of(self) -> Self {
        match self.scalar {
            Scalar::Unknown | Scalar::Void => Self { array: true, ..Self::TEXT },
            _ => Self { array: true, ..self },
        }
    }

    /// The element type of an array, with the modifier; `None` for a scalar.
    #[must_use]
    pub fn element(self) -> Option<Self> {
        self.array.then_some(Self { array: false, ..self })
    }

    /// `pg_type.oid`.
    #[must_use]
    pub fn oid(self) -> u32 {
        let row = oid::of(self.scalar);
        if self.array { row.array_oid } else { row.oid }
    }

    /// The type with this OID, without modifier.
    #[must_use]
    pub fn from_oid(oid: u32) -> Option<Self> {
        if oid == 0 {
            return None;
        }
        let row = oid::TYPES.iter().find(|row| row.oid == oid || row.array_oid == oid)?;
        Some(Self { array: row.array_oid == oid, ..Self::new(row.scalar) })
    }

    /// `pg_type.typlen`: bytes, -1 for variable length.
    #[expect(clippy::len_without_is_empty, reason = "a property of a type, not the size of a collection")]
    #[must_use]
    pub fn len(self) -> i16 {
        if self.array { -1 } else { oid::of(self.scalar).len }
    }

    /// `pg_type.typcategory`.
    #[must_use]
    pub fn category(self) -> char {
        if self.array { 'A' } else { oid::of(self.scalar).category }
    }

    /// `pg_type.typispreferred`: whether ambiguous calls within the category fall to this type.
    #[must_use]
    pub fn is_preferred(self) -> bool {
        let preferred =
            matches!(self.scalar, Scalar::Bool | Scalar::Float8 | Scalar::Oid | Scalar::Text | Scalar::Timestamptz | Scalar::Interval);
        preferred && !self.array
    }

    /// `pg_type.typname`: `int4`, `_int4`, `bpchar`.
    #[must_use]
    pub fn name(self) -> String {
        let name = oid::of(self.scalar).name;
        if self.array { format!("_{name}") } else { name.to_owned() }
    }

    /// What `format_type` prints: `integer`, `numeric(10,2)`, `character varying(5)[]`, `timestamp(3) with time zone`.
    #[must_use]
    pub fn display(self) -> String {
        let mut text = self.display_scalar();
        if self.array {
            text.push_str("[]");
        }
        text
    }

    fn display_scalar(self) -> String {
        let mut text = oid::of(self.scalar).display.to_owned();
        match self.scalar {
            Scalar::Numeric => {
                if let Some((precision, scale)) = self.numeric_modifier() {
                    write!(text, "({precision},{scale})").expect("writing to a String cannot fail");
                }
            }
            Scalar::Varchar | Scalar::Bpchar => {
                if let Some(n) = self.char_length() {
                    write!(text, "({n})").expect("writing to a String cannot fail");
                }
            }
            Scalar::Time | Scalar::Timestamp | Scalar::Timestamptz => {
                if let Some(digits) = self.seconds_precision() {
                    let at = text.find(' ').unwrap_or(text.len());
                    text.insert_str(at, &format!("({digits})"));
                }
            }
            Scalar::Interval => {
                let range = self.interval_range();
                text.push_str(INTERVAL_RANGES.iter().find(|(bits, _)| *bits == range).map_or("", |(_, name)| name));
                if let Some(digits) = self.seconds_precision() {
                    write!(text, "({digits})").expect("writing to a String cannot fail");
                }
            }
            _ => {}
        }
        text
    }

    /// Precision and scale of a `numeric` (or array of it) with a modifier that fits Arrow's types;
    /// `None` without modifier. See [`PgType::numeric_modifier`] for PostgreSQL's whole range.
    #[must_use]
    pub fn numeric_parts(self) -> Option<(u8, i8)> {
        let (precision, scale) = self.numeric_modifier()?;
        Some((u8::try_from(precision).ok()?, i8::try_from(scale).ok()?))
    }

    /// Precision (1..=1000) and scale (-1000..=1000) of a `numeric` with a modifier.
    #[must_use]
    pub fn numeric_modifier(self) -> Option<(i32, i32)> {
        if self.scalar != Scalar::Numeric || self.typmod < VARLENA_HEADER {
            return None;
        }
        let packed = self.typmod - VARLENA_HEADER;
        // The scale is an 11 bit number in two's complement.
        let scale = ((packed & 0x7FF) ^ 1024) - 1024;
        Some(((packed >> 16) & 0xFFFF, scale))
    }

    /// The `n` of `character varying(n)` and `character(n)`, in characters.
    #[must_use]
    pub fn char_length(self) -> Option<u32> {
        match self.scalar {
            Scalar::Varchar | Scalar::Bpchar if self.typmod >= VARLENA_HEADER => u32::try_from(self.typmod - VARLENA_HEADER).ok(),
            _ => None,
        }
    }

    /// The `p` of `time(p)`, `timestamp(p)`, `timestamptz(p)`, `interval(p)`: digits of fractional seconds.
    #[must_use]
    pub fn seconds_precision(self) -> Option<u32> {
        let digits = match self.scalar {
            Scalar::Time | Scalar::Timestamp | Scalar::Timestamptz => self.typmod,
            Scalar::Interval if self.typmod >= 0 && self.typmod & 0xFFFF != INTERVAL_FULL_PRECISION => self.typmod & 0xFFFF,
            _ => -1,
        };
        u32::try_from(digits).ok().filter(|digits| *digits <= 6)
    }

    /// The fields an `interval` may have, as PostgreSQL's bits; all of them without a modifier.
    pub(crate) fn interval_range(self) -> i32 {
        if self.scalar == Scalar::Interval && self.typmod >= 0 { (self.typmod >> 16) & INTERVAL_FULL_RANGE } else { INTERVAL_FULL_RANGE }
    }

    /// Finds the type any SQL spelling without modifier means: `int`, `BIGINT`, `double precision`, `_text`,
    /// `timestamp with time zone`, `pg_catalog.int4`, `text[]`.
    ///
    /// `char` and `character` alone are `character(1)`, as in SQL; the internal type is `"char"`, with its quotes.
    #[must_use]
    pub fn parse_name(name: &str) -> Option<PgType> {
        let mut words = name.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
        let mut array = false;
        while let Some(element) = words.strip_suffix("[]") {
            array = true;
            words = element.trim_end().to_owned();
        }
        let words = words.strip_prefix("pg_catalog.").unwrap_or(&words);
        let ty = named_scalar(words).or_else(|| {
            let row = oid::TYPES.iter().find(|row| words.strip_prefix('_') == Some(row.name) && row.array_oid != 0)?;
            Some(Self { array: true, ..Self::new(row.scalar) })
        })?;
        if !array {
            return Some(ty);
        }
        (oid::of(ty.scalar).array_oid != 0 && !ty.array).then(|| ty.array_of())
    }
}

fn length_modifier(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX - VARLENA_HEADER).saturating_add(VARLENA_HEADER)
}

fn named_scalar(words: &str) -> Option<PgType> {
    Some(match words {
        "bool" | "boolean" => PgType::BOOL,
        "int2" | "smallint" => PgType::INT2,
        "int" | "int4" | "integer" => PgType::INT4,
        "int8" | "bigint" => PgType::INT8,
        "float4" | "real" => PgType::FLOAT4,
        "float8" | "float" | "double precision" => PgType::FLOAT8,
        "numeric" | "decimal" | "dec" => PgType::NUMERIC,
        "text" => PgType::TEXT,
        "varchar" | "character varying" | "char varying" | "nchar varying" | "national character varying" | "national char varying" => {
            PgType::VARCHAR
        }
        "bpchar" => PgType::BPCHAR,
        "char" | "character" | "nchar" | "national character" | "national char" => PgType::bpchar(1),
        "\"char\"" => PgType::CHAR,
        "name" => PgType::NAME,
        "bytea" => PgType::BYTEA,
        "date" => PgType::DATE,
        "time" | "time without time zone" => PgType::TIME,
        "timestamp" | "timestamp without time zone" => PgType::TIMESTAMP,
        "timestamptz" | "timestamp with time zone" => PgType::TIMESTAMPTZ,
        "interval" => PgType::INTERVAL,
        "uuid" => PgType::UUID,
        "json" => PgType::JSON,
        "jsonb" => PgType::JSONB,
        "oid" => PgType::OID,
        "regclass" => PgType::REGCLASS,
        "regtype" => PgType::REGTYPE,
        "regnamespace" => PgType::REGNAMESPACE,
        "regproc" => PgType::REGPROC,
        "void" => PgType::VOID,
        "unknown" => PgType::UNKNOWN,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oids_round_trip() {
        for row in &oid::TYPES {
            let ty = PgType::new(row.scalar);
            assert_eq!(PgType::from_oid(ty.oid()), Some(ty));
            if row.array_oid != 0 {
                assert_eq!(PgType::from_oid(row.array_oid), Some(ty.array_of()));
                assert_eq!(PgType::parse_name(&ty.array_of().name()), Some(ty.array_of()));
            }
        }
        assert_eq!(PgType::from_oid(0), None);
        assert_eq!(PgType::from_oid(869), None);
    }

    #[test]
    fn display_as_format_type() {
        let cases = [
            (PgType::INT4, "integer"),
            (PgType::numeric(10, 2), "numeric(10,2)"),
            (PgType::numeric(3, -2), "numeric(3,-2)"),
            (PgType::varchar(5).array_of(), "character varying(5)[]"),
            (PgType::bpchar(9), "character(9)"),
            (PgType::CHAR, "\"char\""),
            (PgType::TIMESTAMPTZ, "timestamp with time zone"),
            (PgType::TIMESTAMPTZ.with_typmod(3), "timestamp(3) with time zone"),
            (PgType::TIME.with_typmod(0), "time(0) without time zone"),
            (PgType::INTERVAL.with_typmod(3 | (0x7FFF << 16)), "interval(3)"),
            (PgType::INTERVAL.with_typmod(0xFFFF | (0x1C08 << 16)), "interval day to second"),
            (PgType::NUMERIC.array_of(), "numeric[]"),
        ];
        for (ty, text) in cases {
            assert_eq!(ty.display(), text);
        }
    }

    #[test]
    fn modifiers_unpack() {
        assert_eq!(PgType::numeric(38, 9).numeric_parts(), Some((38, 9)));
        assert_eq!(PgType::numeric(38, 9).typmod, ((38 << 16) | 9) + 4);
        assert_eq!(PgType::numeric(3, -2).numeric_parts(), Some((3, -2)));
        assert_eq!(PgType::NUMERIC.numeric_parts(), None);
        assert_eq!(PgType::varchar(5).char_length(), Some(5));
        assert_eq!(PgType::VARCHAR.char_length(), None);
        assert_eq!(PgType::TIMESTAMP.with_typmod(3).seconds_precision(), Some(3));
        assert_eq!(PgType::TIMESTAMP.seconds_precision(), None);
    }

    #[test]
    fn names_parse() {
        let cases = [
            ("INT", Some(PgType::INT4)),
            ("double  precision", Some(PgType::FLOAT8)),
            ("pg_catalog.text", Some(PgType::TEXT)),
            ("_text", Some(PgType::TEXT.array_of())),
            ("integer[][]", Some(PgType::INT4.array_of())),
            ("char", Some(PgType::bpchar(1))),
            ("\"char\"", Some(PgType::CHAR)),
            ("timestamp with time zone[]", Some(PgType::TIMESTAMPTZ.array_of())),
            ("unknown[]", None),
            ("inet", None),
        ];
        for (name, ty) in cases {
            assert_eq!(PgType::parse_name(name), ty, "{name}");
        }
    }
}
