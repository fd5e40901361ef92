//! Casts between PostgreSQL types over whole columns.
//!
//! Which casts are implicit is the binder's knowledge; here is how each is done. Text goes through PostgreSQL's input
//! and output functions in `kura_pgtypes`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{ScalarUDF, Volatility};
use kura_pgtypes::{OutputSettings, PgType, Scalar, encode};

use crate::decode;

use crate::failure::{self, Outcome};
use crate::kernel::{Column, scalar_udf, signature_text};
use crate::numeric::exact_type;
use crate::session_info::SessionInfo;

mod character;
mod json;
mod number;
mod temporal;

/// How one cast is done.
pub struct Cast {
    /// The type of the result. It is the type asked for, except that a `numeric` without modifier becomes the numeric
    /// type that holds all values of the source.
    pub returns: PgType,
    /// The function that converts; `None` when the values stay as they are.
    pub function: Option<Arc<ScalarUDF>>,
}

/// Converts one column; the argument's length is kept.
pub(crate) type Convert = Arc<dyn Fn(&ArrayRef) -> Outcome<ArrayRef> + Send + Sync>;

/// What a conversion may depend on beside its types.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) session: &'a SessionInfo,
    /// Whether the cast was written by the user: too long strings are cut silently then.
    pub(crate) explicit: bool,
}

/// The cast from one type to another. `None`: PostgreSQL has no such cast (42846).
///
/// `explicit`: written by the user, `CAST(x AS t)` or `x::t`; otherwise an assignment or implicit cast.
#[must_use]
pub fn cast(from: PgType, to: PgType, explicit: bool, session: &SessionInfo) -> Option<Cast> {
    let returns = target(from, to);
    if from == returns || (from.arrow() == returns.arrow() && is_relabelling(from, returns)) {
        return Some(Cast { returns, function: None });
    }
    let convert = converter(from, returns, Context { session, explicit })?;
    let key = format!("{} {explicit}", signature_text("cast", &[from], returns));
    let volatility = if depends_on_session(from, returns) { Volatility::Stable } else { Volatility::Immutable };
    let name = format!("cast_to_{}", returns.name());
    let function = scalar_udf(&name, key, returns.arrow(), volatility, move |args| {
        let column = args.column(0)?;
        let array = convert(&column.array)?;
        Column { array, constant: column.constant }.expanded(args.rows)
    });
    Some(Cast { returns, function: Some(function) })
}

/// As [`cast()`] to exactly `to`, as a function even where the values stay as they are. `None`: there is no such cast.
#[must_use]
pub fn function(from: PgType, to: PgType, explicit: bool, session: &SessionInfo) -> Option<Arc<ScalarUDF>> {
    let cast = cast(from, to, explicit, session)?;
    Some(cast.function.unwrap_or_else(|| {
        let key = signature_text("relabel", &[from], to);
        scalar_udf(&format!("cast_to_{}", to.name()), key, to.arrow(), Volatility::Immutable, |args| args.column(0)?.expanded(args.rows))
    }))
}

/// The type a cast really goes to.
fn target(from: PgType, to: PgType) -> PgType {
    if to.scalar != Scalar::Numeric || to.numeric_parts().is_some() || from.array != to.array {
        return to;
    }
    let natural = match from.scalar {
        Scalar::Float4 => PgType::numeric(38, number::FLOAT4_DECIMALS),
        Scalar::Float8 => PgType::numeric(38, number::FLOAT8_DECIMALS),
        _ => exact_type(PgType { array: false, ..from }),
    };
    PgType { array: to.array, ..natural }
}

fn is_identifier(scalar: Scalar) -> bool {
    matches!(scalar, Scalar::Oid | Scalar::Regclass | Scalar::Regtype | Scalar::Regnamespace | Scalar::Regproc)
}

pub(crate) fn is_text(scalar: Scalar) -> bool {
    matches!(scalar, Scalar::Text | Scalar::Varchar | Scalar::Bpchar | Scalar::Name | Scalar::Char | Scalar::Unknown)
}

/// Whether values stay as they are although the type changes.
fn is_relabelling(from: PgType, to: PgType) -> bool {
    if from.array != to.array {
        return false;
    }
    if is_identifier(from.scalar) && is_identifier(to.scalar) {
        return true;
    }
    let plain = |scalar| matches!(scalar, Scalar::Text | Scalar::Varchar | Scalar::Name | Scalar::Unknown);
    if plain(from.scalar) && to.scalar == Scalar::Text {
        return true;
    }
    if plain(from.scalar) && to.scalar == Scalar::Varchar {
        return to.typmod == -1 || (from.scalar == Scalar::Varchar && from.typmod == to.typmod);
    }
    match (from.scalar, to.scalar) {
        (Scalar::Text | Scalar::Varchar, Scalar::Bpchar) => to.typmod == -1,
        (Scalar::Jsonb, Scalar::Json) => true,
        (a, b) if a == b => to.typmod == -1 || from.typmod == to.typmod,
        _ => false,
    }
}

fn depends_on_session(from: PgType, to: PgType) -> bool {
    let zoned = |scalar| matches!(scalar, Scalar::Timestamptz);
    let written = |scalar| {
        matches!(
            scalar,
            Scalar::Date | Scalar::Time | Scalar::Timestamp | Scalar::Interval | Scalar::Bytea | Scalar::Float4 | Scalar::Float8
        )
    };
    zoned(from.scalar) || zoned(to.scalar) || (written(from.scalar) && is_text(to.scalar)) || (written(to.scalar) && is_text(from.scalar))
}

/// How values of one type become values of another; `None` when there is no such cast.
pub(crate) fn converter(from: PgType, to: PgType, context: Context<'_>) -> Option<Convert> {
    match (from.array, to.array) {
        (true, true) => {
            let element = converter_or_same(from.element()?, to.element()?, context)?;
            return Some(Arc::new(move |array| map_elements(array, &element)));
        }
        (true, false) if is_text(to.scalar) => return Some(character::to_text(from, to, context)),
        (false, true) if is_text(from.scalar) => return Some(parse(to, context)),
        (true, false) | (false, true) => return None,
        (false, false) => {}
    }
    if is_text(to.scalar) {
        return Some(character::to_text(from, to, context));
    }
    if is_text(from.scalar) {
        return Some(parse(to, context));
    }
    number::converter(from, to).or_else(|| temporal::converter(from, to, context)).or_else(|| json::converter(from, to, context))
}

fn converter_or_same(from: PgType, to: PgType, context: Context<'_>) -> Option<Convert> {
    if from == to || (from.arrow() == to.arrow() && is_relabelling(from, to)) {
        return Some(Arc::new(|array| Ok(Arc::clone(array))));
    }
    converter(from, to, context)
}

/// Text through the input function of a type.
fn parse(to: PgType, context: Context<'_>) -> Convert {
    let settings = context.session.settings.clone();
    Arc::new(move |array| decode::parse_array(array.as_ref(), to, &settings))
}

/// Applies a conversion to the elements of arrays of any number of dimensions.
fn map_elements(array: &ArrayRef, element: &Convert) -> Outcome<ArrayRef> {
    let Some(list) = array.as_list_opt::<i32>() else {
        return element(array);
    };
    // Only elements of values that are there may fail, so the child is cut to them.
    let values = map_elements(list.values(), element)?;
    let field = match list.data_type() {
        DataType::List(field) => Arc::new(field.as_ref().clone().with_data_type(values.data_type().clone()).with_nullable(true)),
        other => return Err(failure::internal(format!("array cast of {other}"))),
    };
    let list = ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned());
    Ok(Arc::new(list.map_err(|error| failure::arrow(&error))?))
}

/// Writes columns of one type as text, for functions that take `"any"`.
pub(crate) struct TextOf {
    convert: Option<Convert>,
}

impl TextOf {
    /// As `x::text` does it: a boolean is `true`.
    pub(crate) fn new(ty: PgType, settings: &OutputSettings) -> Self {
        if ty == PgType::BOOL {
            return Self { convert: Some(character::boolean_words()) };
        }
        if ty.scalar == Scalar::Bpchar && !ty.array {
            return Self { convert: Some(character::without_blanks()) };
        }
        Self::output(ty, settings)
    }

    /// As the output function of the type does it: a boolean is `t`.
    pub(crate) fn output(ty: PgType, settings: &OutputSettings) -> Self {
        if !ty.array && is_text(ty.scalar) || matches!((ty.array, ty.scalar), (false, Scalar::Json | Scalar::Jsonb)) {
            return Self { convert: None };
        }
        let settings = settings.clone();
        Self { convert: Some(Arc::new(move |array| write_text(array, ty, &settings))) }
    }

    /// The column as text; a constant stays one.
    pub(crate) fn column(&self, column: &Column) -> Outcome<Column> {
        let array = match &self.convert {
            Some(convert) => convert(&column.array)?,
            None => Arc::clone(&column.array),
        };
        Ok(Column { array, constant: column.constant })
    }

    /// The values of an array as text.
    pub(crate) fn array(&self, array: &ArrayRef) -> Outcome<ArrayRef> {
        self.convert.as_ref().map_or_else(|| Ok(Arc::clone(array)), |convert| convert(array))
    }
}

fn write_text(array: &ArrayRef, ty: PgType, settings: &OutputSettings) -> Outcome<ArrayRef> {
    Ok(Arc::new(encode::text_array(array.as_ref(), ty, settings)?))
}
