//! JSON: operators, functions and aggregates of `json` and `jsonb`.
//!
//! Both are text here: `json` as it was written, `jsonb` in the one form PostgreSQL prints. Parts are cut out of the
//! text; only what changes a `jsonb` is put into its form again.

use kura_pgtypes::{PgType, Scalar};

use crate::math::INT4;
use crate::registry::{ArgType, Function};

mod aggregate;
mod build;
mod change;
mod containment;
mod extract;
mod lists;
mod scan;
mod write;

pub(crate) use aggregate::aggregates;

const JSON: ArgType = ArgType::Exact(PgType::JSON);
const JSONB: ArgType = ArgType::Exact(PgType::JSONB);
const TEXT: ArgType = ArgType::Exact(PgType::TEXT);
const BOOL: ArgType = ArgType::Exact(PgType::BOOL);
const TEXT_ARRAY: PgType = PgType { scalar: Scalar::Text, typmod: -1, array: true };
const TEXTS: ArgType = ArgType::Exact(TEXT_ARRAY);

const fn array_of(ty: PgType) -> PgType {
    PgType { scalar: ty.scalar, typmod: -1, array: true }
}

/// All functions of this family.
pub(crate) fn functions() -> Vec<Function> {
    let mut all = extract::functions();
    all.extend(lists::functions());
    all.extend(build::functions());
    all.extend(change::functions());
    all
}

/// All operators of this family.
pub(crate) fn operators() -> Vec<Function> {
    let mut all = vec![];
    for (argument, ty) in [(&[JSON, TEXT], PgType::JSON), (&[JSONB, TEXT], PgType::JSONB)] {
        all.push(Function::fixed("->", argument, ty, |call| extract::member(call, false)));
        all.push(Function::fixed("->>", argument, PgType::TEXT, |call| extract::member(call, true)));
    }
    for (argument, ty) in [(&[JSON, INT4], PgType::JSON), (&[JSONB, INT4], PgType::JSONB)] {
        all.push(Function::fixed("->", argument, ty, |call| extract::element(call, false)));
        all.push(Function::fixed("->>", argument, PgType::TEXT, |call| extract::element(call, true)));
    }
    for (argument, ty) in [(&[JSON, TEXTS], PgType::JSON), (&[JSONB, TEXTS], PgType::JSONB)] {
        all.push(Function::fixed("#>", argument, ty, |call| extract::path(call, false)));
        all.push(Function::fixed("#>>", argument, PgType::TEXT, |call| extract::path(call, true)));
    }
    all.extend([
        Function::fixed("@>", &[JSONB, JSONB], PgType::BOOL, |call| containment::contains(call, false)),
        Function::fixed("<@", &[JSONB, JSONB], PgType::BOOL, |call| containment::contains(call, true)),
        Function::fixed("?", &[JSONB, TEXT], PgType::BOOL, containment::exists),
        Function::fixed("?|", &[JSONB, TEXTS], PgType::BOOL, |call| containment::exists_of(call, true)),
        Function::fixed("?&", &[JSONB, TEXTS], PgType::BOOL, |call| containment::exists_of(call, false)),
        Function::fixed("||", &[JSONB, JSONB], PgType::JSONB, change::concatenate),
        Function::fixed("-", &[JSONB, TEXT], PgType::JSONB, change::delete_key),
        Function::fixed("-", &[JSONB, TEXTS], PgType::JSONB, change::delete_keys),
        Function::fixed("-", &[JSONB, INT4], PgType::JSONB, change::delete_element),
        Function::fixed("#-", &[JSONB, TEXTS], PgType::JSONB, change::delete_path),
    ]);
    all
}
