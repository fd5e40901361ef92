//! What a `jsonb` holds: `@>`, `<@`, `?`, `?|`, `?&`.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;
use kura_pgtypes::json::unescape;

use super::scan::{self, Kind, kind};
use crate::array::{lists, span};
use crate::kernel::column::{Column, Text};
use crate::kernel::function;
use crate::kernel::lift::{map2, rows};
use crate::registry::Call;

/// `a @> b`, or `a <@ b`.
pub(super) fn contains(call: &Call<'_>, swapped: bool) -> Arc<ScalarUDF> {
    map2::<Text, Text, bool>(call, move |a, b| {
        let (outer, inner) = if swapped { (b, a) } else { (a, b) };
        // An array also contains a bare scalar that is one of its elements.
        if kind(outer) == Kind::Array && kind(inner).is_scalar() {
            return Ok(scan::elements(outer).any(|element| same_scalar(element, inner)));
        }
        Ok(holds(outer, inner))
    })
}

/// Whether `inner` is part of `outer`. Values nest no deeper than `jsonb` allows.
fn holds(outer: &str, inner: &str) -> bool {
    match (kind(outer), kind(inner)) {
        (Kind::Object, Kind::Object) => {
            scan::members(inner).all(|(key, wanted)| scan::get(outer, &unescape(key)).is_some_and(|have| holds(have, wanted)))
        }
        (Kind::Array, Kind::Array) => scan::elements(inner).all(|wanted| scan::elements(outer).any(|have| holds(have, wanted))),
        _ => same_scalar(outer, inner),
    }
}

fn same_scalar(a: &str, b: &str) -> bool {
    match (kind(a), kind(b)) {
        (Kind::Number, Kind::Number) => without_zeros(scan::trim(a)) == without_zeros(scan::trim(b)),
        (one, other) => one == other && one.is_scalar() && scan::trim(a) == scan::trim(b),
    }
}

/// A number of `jsonb`, which has no exponent, without the zeros at the end of its decimals.
fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// Whether a text is a key of the object, an element of the array, or the string itself.
fn has(value: &str, key: &str) -> bool {
    let is_it = |element: &str| kind(element) == Kind::String && unescape(element) == key;
    match kind(value) {
        Kind::Object => scan::get(value, key).is_some(),
        Kind::Array => scan::elements(value).any(is_it),
        Kind::String => is_it(scan::trim(value)),
        _ => false,
    }
}

/// `jsonb ? text`
pub(super) fn exists(call: &Call<'_>) -> Arc<ScalarUDF> {
    map2::<Text, Text, bool>(call, |value, key| Ok(has(value, key)))
}

/// `jsonb ?| text[]`, `jsonb ?& text[]`; NULLs among the keys are passed over.
pub(super) fn exists_of(call: &Call<'_>, any: bool) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let values = args.column(0)?.read::<Text>()?;
        let list = lists(args, 1)?;
        let keys = Column { array: Arc::clone(list.values()), constant: false };
        let keys = keys.read::<Text>()?;
        rows::<bool>(args.rows, &PgType::BOOL.arrow(), |row| {
            let (Some(value), Some(mut places)) = (values.get(row), span(&list, row)) else {
                return Ok(None);
            };
            let one = |place: usize| keys.get(place).map_or(!any, |key| has(value, key));
            Ok(Some(if any { places.any(one) } else { places.all(one) }))
        })
    })
}
