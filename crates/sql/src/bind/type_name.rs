//! Type names in SQL text to [`PgType`].

use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, ObjectName, TimezoneInfo};
use kura_pgtypes::{PgType, SqlState};

use crate::{Error, Result};

/// The precision DuckLake and Arrow's 128-bit decimals can hold.
const NUMERIC_PRECISION_MAX: u64 = 38;
/// PostgreSQL's limit on `n` of varchar(n) and char(n).
const CHARACTER_LENGTH_MAX: u64 = 10_485_760;

/// The type a name means.
///
/// # Errors
/// 42704 for unknown types, 22023 for modifiers out of range, 0A000 for types that are not supported yet.
pub(crate) fn resolve(ty: &DataType) -> Result<PgType> {
    Ok(match ty {
        DataType::Boolean | DataType::Bool => PgType::BOOL,
        DataType::SmallInt(_) | DataType::Int2(_) => PgType::INT2,
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => PgType::INT4,
        DataType::BigInt(_) | DataType::Int8(_) => PgType::INT8,
        DataType::Real | DataType::Float4 => PgType::FLOAT4,
        DataType::DoublePrecision | DataType::Float8 | DataType::Double(_) => PgType::FLOAT8,
        DataType::Float(info) => float(info)?,
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => numeric(info)?,
        DataType::Text | DataType::String(None) => PgType::TEXT,
        DataType::Varchar(length) | DataType::CharacterVarying(length) | DataType::CharVarying(length) | DataType::Nvarchar(length) => {
            match character_length(length.as_ref(), "varchar")? {
                Some(n) => PgType::varchar(n),
                None => PgType::VARCHAR,
            }
        }
        DataType::Char(length) | DataType::Character(length) => PgType::bpchar(character_length(length.as_ref(), "char")?.unwrap_or(1)),
        DataType::Bytea => PgType::BYTEA,
        DataType::Date => PgType::DATE,
        DataType::Time(p, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => seconds(PgType::TIME, *p),
        DataType::Timestamp(p, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => seconds(PgType::TIMESTAMP, *p),
        DataType::Timestamp(p, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => seconds(PgType::TIMESTAMPTZ, *p),
        DataType::Interval { .. } => PgType::INTERVAL,
        DataType::Uuid => PgType::UUID,
        DataType::JSON => PgType::JSON,
        DataType::JSONB => PgType::JSONB,
        DataType::Regclass => PgType::REGCLASS,
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element)) => {
            let element = resolve(element)?;
            if element.array { element } else { element.array_of() }
        }
        DataType::Custom(name, modifiers) => custom(name, modifiers)?,
        other => return Err(Error::unsupported(format!("type {} is not supported", other.to_string().to_lowercase()))),
    })
}

fn custom(name: &ObjectName, modifiers: &[String]) -> Result<PgType> {
    let parts: Vec<String> = name
        .0
        .iter()
        .map(|part| {
            part.as_ident()
                .map_or_else(|| part.to_string(), |i| if i.quote_style.is_some() { i.value.clone() } else { i.value.to_lowercase() })
        })
        .collect();
    let (last, schema) = parts.split_last().ok_or_else(|| undefined(name))?;
    if !schema.is_empty() && schema != ["pg_catalog"] {
        return Err(undefined(name));
    }
    let quoted_char = last == "char" && name.0.last().and_then(|p| p.as_ident()).is_some_and(|i| i.quote_style.is_some());
    let ty = if quoted_char { PgType::CHAR } else { PgType::parse_name(last).ok_or_else(|| undefined(name))? };
    if modifiers.is_empty() {
        return Ok(ty);
    }
    let number = |index: usize| modifiers.get(index).and_then(|m| m.parse::<u64>().ok());
    match (ty, number(0)) {
        (PgType::VARCHAR, Some(n)) => Ok(PgType::varchar(bounded_length(n, "varchar")?)),
        (PgType::BPCHAR, Some(n)) => Ok(PgType::bpchar(bounded_length(n, "char")?)),
        (PgType::NUMERIC, Some(p)) => decimal(p, i64::try_from(number(1).unwrap_or(0)).unwrap_or(i64::MAX)),
        (PgType::TIMESTAMP | PgType::TIMESTAMPTZ | PgType::TIME, Some(p)) => Ok(seconds(ty, Some(p))),
        _ => Err(Error::new(SqlState::SYNTAX_ERROR, format!("type modifier is not allowed for type \"{last}\""))),
    }
}

/// A time type with so many digits behind the second; PostgreSQL takes more than six for six.
fn seconds(ty: PgType, precision: Option<u64>) -> PgType {
    match precision {
        None => ty,
        Some(precision) => ty.with_typmod(i32::try_from(precision.min(6)).unwrap_or(6)),
    }
}

fn undefined(name: &ObjectName) -> Error {
    Error::new(SqlState::UNDEFINED_OBJECT, format!("type \"{}\" does not exist", name.to_string().replace('"', "")))
}

fn float(info: &ExactNumberInfo) -> Result<PgType> {
    match info {
        ExactNumberInfo::None => Ok(PgType::FLOAT8),
        ExactNumberInfo::Precision(p) | ExactNumberInfo::PrecisionAndScale(p, _) => match p {
            0 => Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "precision for type float must be at least 1 bit")),
            1..=24 => Ok(PgType::FLOAT4),
            25..=53 => Ok(PgType::FLOAT8),
            _ => Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "precision for type float must be less than 54 bits")),
        },
    }
}

fn numeric(info: &ExactNumberInfo) -> Result<PgType> {
    match info {
        ExactNumberInfo::None => Ok(PgType::NUMERIC),
        ExactNumberInfo::Precision(p) => decimal(*p, 0),
        ExactNumberInfo::PrecisionAndScale(p, s) => decimal(*p, *s),
    }
}

fn decimal(precision: u64, scale: i64) -> Result<PgType> {
    if precision == 0 || precision > 1000 {
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("NUMERIC precision {precision} must be between 1 and 1000")));
    }
    if precision > NUMERIC_PRECISION_MAX {
        return Err(Error::unsupported(format!("NUMERIC precision {precision} is more than {NUMERIC_PRECISION_MAX} digits"))
            .hint("Use numeric(38, s), or double precision."));
    }
    let scale_fits = u64::try_from(scale).is_ok_and(|s| s <= precision);
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(p), Ok(s)) if scale_fits => Ok(PgType::numeric(p, s)),
        _ if (-1000..=1000).contains(&scale) => {
            Err(Error::unsupported(format!("NUMERIC scale {scale} must be between 0 and precision {precision}")))
        }
        _ => Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("NUMERIC scale {scale} must be between -1000 and 1000"))),
    }
}

fn character_length(length: Option<&CharacterLength>, name: &str) -> Result<Option<u32>> {
    match length {
        None | Some(CharacterLength::Max) => Ok(None),
        Some(CharacterLength::IntegerLength { length, .. }) => bounded_length(*length, name).map(Some),
    }
}

fn bounded_length(length: u64, name: &str) -> Result<u32> {
    if length == 0 {
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("length for type {name} must be at least 1")));
    }
    match u32::try_from(length) {
        Ok(n) if length <= CHARACTER_LENGTH_MAX => Ok(n),
        _ => Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("length for type {name} cannot exceed {CHARACTER_LENGTH_MAX}"))),
    }
}
