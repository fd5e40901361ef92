//! Conversions between types: implicit, on assignment, and explicit, as PostgreSQL's `pg_cast` allows them.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, cast as engine_cast, lit};
use datafusion::sql::sqlparser::ast::Ident;
use kura_pgtypes::{PgType, Scalar, SqlState, decode, identifier};

use super::Binder;
use super::literal::placeholder_number;
use super::typed::{Typed, digits, is_integer, is_oid, is_text, number_rank, numeric, time_rank};
use crate::{Error, Result};

/// Whether a value of one type may stand where another is wanted without a word of the user.
pub(crate) fn implicit(from: PgType, to: PgType) -> bool {
    if from.scalar == to.scalar && from.array == to.array {
        return true;
    }
    if from.array || to.array {
        return match (from.element(), to.element()) {
            (Some(from), Some(to)) => implicit(from, to),
            _ => false,
        };
    }
    if let (Some(a), Some(b)) = (number_rank(from), number_rank(to)) {
        return a < b;
    }
    if let (Some(a), Some(b)) = (time_rank(from), time_rank(to)) {
        return a < b;
    }
    match (from.scalar, to.scalar) {
        (Scalar::Varchar | Scalar::Bpchar | Scalar::Name | Scalar::Char, Scalar::Text) => true,
        (Scalar::Text, Scalar::Varchar | Scalar::Bpchar) | (Scalar::Varchar, Scalar::Bpchar) | (Scalar::Bpchar, Scalar::Varchar) => true,
        (Scalar::Text | Scalar::Varchar, Scalar::Name) => true,
        (Scalar::Time, Scalar::Interval) => true,
        _ if is_integer(from) && is_oid(to) => true,
        _ if is_oid(from) && to == PgType::INT8 => true,
        _ => is_oid(from) && is_oid(to),
    }
}

/// Whether an INSERT may store a value of one type in a column of another.
pub(crate) fn assignable(from: PgType, to: PgType) -> bool {
    if implicit(from, to) {
        return true;
    }
    if from.array || to.array {
        return match (from.element(), to.element()) {
            (Some(from), Some(to)) => assignable(from, to),
            (Some(_), None) => is_text(to),
            _ => false,
        };
    }
    if number_rank(from).is_some() && number_rank(to).is_some() {
        return true;
    }
    if is_text(to) {
        return true;
    }
    match (from.scalar, to.scalar) {
        (Scalar::Timestamptz, Scalar::Timestamp | Scalar::Date | Scalar::Time) | (Scalar::Timestamp, Scalar::Date | Scalar::Time) => true,
        (Scalar::Interval, Scalar::Time) => true,
        (Scalar::Json, Scalar::Jsonb) | (Scalar::Jsonb, Scalar::Json) => true,
        _ => is_oid(from) && is_integer(to),
    }
}

impl Binder<'_> {
    /// Gives a value without a type its type: text.
    pub(crate) fn settle(&self, value: Typed) -> Result<Typed> {
        if value.is_unknown() { self.coerce(value, PgType::TEXT) } else { Ok(value) }
    }

    /// Brings a value to a type it converts to implicitly.
    ///
    /// # Errors
    /// 42804 when there is no implicit cast.
    pub(crate) fn coerce(&self, value: Typed, ty: PgType) -> Result<Typed> {
        if value.is_unknown() {
            return self.typed_literal(value, ty);
        }
        if !implicit(value.ty, ty) && !meets(value.ty, ty) {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!("expression of type {} cannot be used as {}", value.ty.display(), ty.display()),
            )
            .hint("You might need to add an explicit cast."));
        }
        self.convert(value, ty, false)
    }

    /// A condition.
    ///
    /// # Errors
    /// 42804 `argument of WHERE must be type boolean, not type integer`.
    pub(crate) fn boolean(&self, value: Typed, construct: &str) -> Result<Expr> {
        if value.is_unknown() {
            return Ok(self.typed_literal(value, PgType::BOOL)?.expr);
        }
        if value.ty != PgType::BOOL {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!("argument of {construct} must be type boolean, not type {}", value.ty.with_typmod(-1).display()),
            ));
        }
        Ok(value.expr)
    }

    /// Brings a value to the type of the column it is stored in.
    ///
    /// # Errors
    /// 42804 naming the column.
    pub(crate) fn assign(&self, value: Typed, ty: PgType, column: &str) -> Result<Typed> {
        let bounded = matches!(ty.scalar, Scalar::Varchar | Scalar::Bpchar) && ty.typmod != -1;
        if value.is_unknown() && bounded && placeholder_number(&value.expr).is_none() {
            // Storing in varchar(n) refuses what a cast to it would cut.
            let text = self.typed_literal(value, ty.with_typmod(-1))?;
            return self.convert(text, ty, false);
        }
        if value.is_unknown() {
            return self.typed_literal(value, ty);
        }
        if !assignable(value.ty, ty) {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "column \"{column}\" is of type {} but expression is of type {}",
                    ty.with_typmod(-1).display(),
                    value.ty.with_typmod(-1).display()
                ),
            )
            .hint("You will need to rewrite or cast the expression."));
        }
        self.convert(value, ty, false)
    }

    /// An explicit cast.
    ///
    /// # Errors
    /// 42846 when there is none between the types.
    pub(crate) fn cast(&self, value: Typed, ty: PgType) -> Result<Typed> {
        if value.is_unknown() {
            return self.typed_literal(value, ty);
        }
        self.convert(value, ty, true)
    }

    /// A value without a type read as `ty`: a literal's text is parsed now, a parameter gets its type.
    fn typed_literal(&self, value: Typed, ty: PgType) -> Result<Typed> {
        let ty = if ty == PgType::UNKNOWN { PgType::TEXT } else { ty };
        if let Some(number) = placeholder_number(&value.expr) {
            self.infer_parameter(number, ty);
            return Ok(Typed::new(super::literal::placeholder(number, ty), ty));
        }
        if value.is_null_literal() {
            return Ok(Typed::new(lit(ScalarValue::try_from(&ty.arrow())?), ty));
        }
        let Some(text) = value.unknown_text() else {
            // A literal that came out of a subquery: its column is text by now.
            return self.convert(Typed::new(value.expr, PgType::TEXT), ty, true);
        };
        if ty == PgType::NUMERIC {
            return self.exact_numeric(text);
        }
        if is_oid(ty) && ty != PgType::OID {
            return self.object_identifier(text, ty);
        }
        // Casting to varchar(n) cuts; only storing refuses.
        let cut = (is_text(ty) && ty.char_length().is_some()) || (ty.scalar != Scalar::Numeric && ty.typmod != -1);
        let wanted = if cut { ty.with_typmod(-1) } else { ty };
        let mut builder = decode::ColumnBuilder::new(wanted, &self.context.info.settings);
        builder.append_text(text)?;
        let literal = Typed::new(lit(ScalarValue::try_from_array(&builder.finish(), 0)?), wanted);
        if wanted == ty { Ok(literal) } else { self.convert(literal, ty, true) }
    }

    /// A numeric literal in quotes: with as many digits as it is written with.
    fn exact_numeric(&self, text: &str) -> Result<Typed> {
        let trimmed = text.trim();
        let unsigned = trimmed.trim_start_matches(['-', '+']);
        let plain = !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit() || b == b'.') && unsigned.matches('.').count() <= 1;
        let ty = if plain {
            let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
            let whole = u8::try_from(whole.trim_start_matches('0').len()).unwrap_or(u8::MAX);
            numeric(whole.max(1), u8::try_from(fraction.len()).unwrap_or(u8::MAX))
        } else {
            PgType::numeric(38, 9)
        };
        let mut builder = decode::ColumnBuilder::new(ty, &self.context.info.settings);
        builder.append_text(trimmed)?;
        Ok(Typed::new(lit(ScalarValue::try_from_array(&builder.finish(), 0)?), ty))
    }

    /// `'name'::regclass` and its kin. `-` is no object.
    fn object_identifier(&self, text: &str, ty: PgType) -> Result<Typed> {
        let trimmed = text.trim();
        if trimmed == "-" {
            return Ok(Typed::new(lit(0_u32), ty));
        }
        if trimmed.starts_with(|c: char| c.is_ascii_digit())
            && let Ok(oid) = trimmed.parse::<u32>()
        {
            return Ok(Typed::new(lit(oid), ty));
        }
        let oid = match ty.scalar {
            Scalar::Regclass => self.relation_oid(&qualified_name(text)?)?,
            Scalar::Regtype => PgType::parse_name(trimmed)
                .ok_or_else(|| Error::new(SqlState::UNDEFINED_OBJECT, format!("type \"{text}\" does not exist")))?
                .oid(),
            Scalar::Regnamespace => match qualified_name(text)?.as_slice() {
                [name] => {
                    let schema = self.context.snapshot.schema(&name.value);
                    schema.map(|schema| schema.oid).ok_or_else(|| super::object::missing_schema(&name.value))?
                }
                _ => return Err(Error::new(SqlState::INVALID_NAME, "invalid name syntax")),
            },
            _ => return Err(Error::unsupported(format!("names as {} are not supported", ty.display()))),
        };
        Ok(Typed::new(lit(oid), ty))
    }

    /// # Errors
    /// 3F000 where the schema does not exist, 42P01.
    fn relation_oid(&self, name: &[Ident]) -> Result<u32> {
        if name.len() > 3 {
            let name: Vec<&str> = name.iter().map(|part| part.value.as_str()).collect();
            let message = format!("improper relation name (too many dotted names): {}", name.join("."));
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
        if let (Some(schema), _) = self.qualified(name)?
            && self.context.snapshot.schema(&schema).is_none()
        {
            return Err(super::object::missing_schema(&schema));
        }
        Ok(match self.find_relation(name)? {
            kura_catalog::Relation::Table(table) => table.oid,
            kura_catalog::Relation::View(view) => view.oid,
        })
    }

    /// The conversion itself, once it is known to be allowed.
    pub(crate) fn convert(&self, value: Typed, ty: PgType, explicit: bool) -> Result<Typed> {
        let from = value.ty;
        let mut to = if ty == PgType::NUMERIC && number_rank(from).is_some_and(|r| r <= 4) { natural_numeric(&value) } else { ty };
        if from == to || same_values(from, to) {
            return Ok(Typed::new(value.expr, if to.typmod == -1 && from.scalar == Scalar::Numeric && !to.array { from } else { to }));
        }
        let converted = if widens(from, to) {
            engine_cast(value.expr, to.arrow())
        } else {
            let made = kura_functions::cast::cast(from, to, explicit, &self.context.info).ok_or_else(|| {
                Error::new(
                    SqlState::CANNOT_COERCE,
                    format!("cannot cast type {} to {}", from.with_typmod(-1).display(), to.with_typmod(-1).display()),
                )
            })?;
            to = made.returns;
            match made.function {
                Some(function) => Expr::ScalarFunction(ScalarFunction { func: function, args: vec![value.expr] }),
                None => return Ok(Typed::new(value.expr, to)),
            }
        };
        // Constants are converted now: errors carry the place, and scans can be pruned by the value.
        if let Expr::ScalarFunction(call) = &converted
            && call.args.iter().all(|a| matches!(a, Expr::Literal(..)))
        {
            return Ok(Typed::new(lit(super::constant::evaluate(&converted)?), to));
        }
        if let Expr::Cast(cast) = &converted
            && let Expr::Literal(literal, _) = &*cast.expr
        {
            return Ok(Typed::new(lit(literal.cast_to(&to.arrow())?), to));
        }
        Ok(Typed::new(converted, to))
    }
}

/// The parts of a name in a text, folded already.
///
/// # Errors
/// 42602.
fn qualified_name(text: &str) -> Result<Vec<Ident>> {
    let names = identifier::split(text, '.').filter(|names| !names.is_empty());
    let names = names.ok_or_else(|| Error::new(SqlState::INVALID_NAME, "invalid name syntax"))?;
    Ok(names.into_iter().map(|name| Ident::with_quote('"', name)).collect())
}

/// Whether two types meet in the second one, as numeric types of other precision do.
fn meets(from: PgType, to: PgType) -> bool {
    super::typed::common(from, to).is_some_and(|c| c.scalar == to.scalar && c.array == to.array)
}

/// Whether values of one type are values of the other as they stand.
fn same_values(from: PgType, to: PgType) -> bool {
    if from.array != to.array {
        return false;
    }
    if from.scalar == to.scalar {
        return match from.scalar {
            Scalar::Numeric => to.typmod == -1,
            Scalar::Varchar | Scalar::Bpchar => to.typmod == -1,
            _ => to.typmod == -1 || from.typmod == to.typmod,
        };
    }
    let plain = |ty: PgType| matches!(ty.scalar, Scalar::Text | Scalar::Varchar);
    (plain(from) && plain(to) && to.typmod == -1)
        || (!from.array && is_oid(from) && is_oid(to))
        || (plain(to) && to.typmod == -1 && matches!(from.scalar, Scalar::Name | Scalar::Json))
}

/// Casts that the engine makes exactly as PostgreSQL does.
fn widens(from: PgType, to: PgType) -> bool {
    if from.array || to.array {
        return false;
    }
    match (number_rank(from), number_rank(to)) {
        (Some(1..=3), Some(b)) if b <= 3 => number_rank(from) < Some(b),
        (Some(1..=3), Some(4)) => {
            let ((whole, _), (room, _)) = (digits(from), digits(to));
            room >= whole
        }
        (Some(1..=3), Some(5 | 6)) | (Some(5), Some(6)) => true,
        (Some(4), Some(4)) => {
            let ((whole, scale), (room, fraction)) = (digits(from), digits(to));
            room >= whole && fraction >= scale
        }
        _ => false,
    }
}

/// The numeric that holds a value's digits, when nothing says how many.
pub(crate) fn natural_numeric(value: &Typed) -> PgType {
    match value.ty.scalar {
        Scalar::Numeric if !value.ty.array => value.ty,
        Scalar::Int2 | Scalar::Int4 | Scalar::Int8 if !value.ty.array => {
            let literal = match value.literal() {
                Some(ScalarValue::Int32(Some(v))) => Some(i64::from(*v)),
                Some(ScalarValue::Int64(Some(v))) => Some(*v),
                _ => None,
            };
            let whole = literal.map_or(digits(value.ty).0, |v| u8::try_from(v.unsigned_abs().to_string().len()).unwrap_or(19));
            numeric(whole, 0)
        }
        _ => PgType::numeric(38, 9),
    }
}
