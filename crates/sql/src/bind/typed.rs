//! Expressions with their PostgreSQL type, and the rules that bring two of them to one type.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use kura_pgtypes::{PgType, Scalar, SqlState};

use crate::{Error, Result};

/// A plan expression and what PostgreSQL calls its type. The expression's Arrow type is the type's canonical one.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) expr: Expr,
    pub(crate) ty: PgType,
}

impl Typed {
    pub(crate) fn new(expr: Expr, ty: PgType) -> Self {
        Self { expr, ty }
    }

    pub(crate) fn bool(expr: Expr) -> Self {
        Self { expr, ty: PgType::BOOL }
    }

    /// Whether the type is still to be found out: a string literal, NULL or an untyped parameter.
    pub(crate) fn is_unknown(&self) -> bool {
        self.ty == PgType::UNKNOWN
    }

    /// The text of a string literal whose type is not known yet.
    pub(crate) fn unknown_text(&self) -> Option<&str> {
        match (&self.expr, self.is_unknown()) {
            (Expr::Literal(ScalarValue::Utf8View(Some(text)), _), true) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null_literal(&self) -> bool {
        matches!(&self.expr, Expr::Literal(value, _) if value.is_null())
    }

    /// The constant, when it is one.
    pub(crate) fn literal(&self) -> Option<&ScalarValue> {
        match &self.expr {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        }
    }
}

/// Rank of a number type: implicit casts go upwards.
pub(crate) fn number_rank(ty: PgType) -> Option<u8> {
    if ty.array {
        return None;
    }
    Some(match ty.scalar {
        Scalar::Int2 => 1,
        Scalar::Int4 => 2,
        Scalar::Int8 => 3,
        Scalar::Numeric => 4,
        Scalar::Float4 => 5,
        Scalar::Float8 => 6,
        _ => return None,
    })
}

pub(crate) fn is_integer(ty: PgType) -> bool {
    matches!(number_rank(ty), Some(1..=3))
}

pub(crate) fn is_text(ty: PgType) -> bool {
    !ty.array && matches!(ty.scalar, Scalar::Text | Scalar::Varchar | Scalar::Bpchar | Scalar::Name | Scalar::Char)
}

pub(crate) fn is_oid(ty: PgType) -> bool {
    !ty.array && matches!(ty.scalar, Scalar::Oid | Scalar::Regclass | Scalar::Regtype | Scalar::Regnamespace | Scalar::Regproc)
}

/// Rank of a date/time type in the chain of implicit casts.
pub(crate) fn time_rank(ty: PgType) -> Option<u8> {
    if ty.array {
        return None;
    }
    Some(match ty.scalar {
        Scalar::Date => 1,
        Scalar::Timestamp => 2,
        Scalar::Timestamptz => 3,
        _ => return None,
    })
}

/// Digits before and behind the point that a number type needs as numeric.
pub(crate) fn digits(ty: PgType) -> (u8, u8) {
    match ty.scalar {
        Scalar::Int2 => (5, 0),
        Scalar::Int4 => (10, 0),
        Scalar::Int8 => (19, 0),
        _ => {
            let (precision, scale) = ty.numeric_parts().unwrap_or((38, 9));
            let scale = u8::try_from(scale).unwrap_or(0);
            (precision.saturating_sub(scale), scale)
        }
    }
}

/// The numeric that holds `whole` digits before and `scale` behind the point, the fraction cut first at 38 digits.
pub(crate) fn numeric(whole: u8, scale: u8) -> PgType {
    let whole = whole.min(38);
    let scale = scale.min(38_u8.saturating_sub(whole).max(scale.min(6)));
    let precision = whole.saturating_add(scale).clamp(1, 38);
    PgType::numeric(precision, i8::try_from(scale).unwrap_or(0))
}

/// The one type two types meet in, as for CASE, UNION, COALESCE and comparisons; `None` when they do not.
pub(crate) fn common(a: PgType, b: PgType) -> Option<PgType> {
    if a == b {
        return Some(a);
    }
    if a == PgType::UNKNOWN {
        return Some(b);
    }
    if b == PgType::UNKNOWN {
        return Some(a);
    }
    if a.array && b.array {
        return common(a.element()?, b.element()?).map(PgType::array_of);
    }
    if let (Some(x), Some(y)) = (number_rank(a), number_rank(b)) {
        let top = if x >= y { a } else { b };
        if top.scalar == Scalar::Numeric {
            let ((wa, sa), (wb, sb)) = (digits(a), digits(b));
            return Some(numeric(wa.max(wb), sa.max(sb)));
        }
        return Some(top);
    }
    if let (Some(x), Some(y)) = (time_rank(a), time_rank(b)) {
        return Some(if x >= y { a } else { b });
    }
    if is_text(a) && is_text(b) {
        let same = a.scalar == b.scalar && a.scalar != Scalar::Name;
        return Some(if same { PgType::new(a.scalar) } else { PgType::TEXT });
    }
    if is_oid(a) && (is_oid(b) || is_integer(b)) {
        return Some(if is_oid(b) { PgType::OID } else { PgType::INT8 });
    }
    if is_oid(b) && is_integer(a) {
        return Some(PgType::INT8);
    }
    if a.scalar == b.scalar && a.array == b.array {
        return Some(a.with_typmod(-1));
    }
    None
}

/// The type all the expressions meet in. All unknown: text.
///
/// # Errors
/// 42804 `{construct} types a and b cannot be matched`.
pub(crate) fn common_of(construct: &str, types: impl IntoIterator<Item = PgType>) -> Result<PgType> {
    let mut result = PgType::UNKNOWN;
    for ty in types {
        result = common(result, ty).ok_or_else(|| {
            Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!("{construct} types {} and {} cannot be matched", result.with_typmod(-1).display(), ty.with_typmod(-1).display()),
            )
        })?;
    }
    Ok(if result == PgType::UNKNOWN { PgType::TEXT } else { result })
}
