//! Functions of text and `bytea`, save those of dates and JSON.
//!
//! Characters are Unicode scalar values; lengths and positions count them, from 1.

use kura_pgtypes::PgType;

use crate::registry::{ArgType, Function};

mod array;
mod bytes;
mod concat;
mod format;
mod length;
mod number;
mod pad;
mod part;
mod quote;
mod regexp;
mod regexp_count;
mod regexp_replace;
mod unicode;

const TEXT: ArgType = ArgType::Exact(PgType::TEXT);
const BPCHAR: ArgType = ArgType::Exact(PgType::BPCHAR);
const BYTEA: ArgType = ArgType::Exact(PgType::BYTEA);

/// The functions of this family.
pub(crate) fn functions() -> Vec<Function> {
    let families = [
        length::functions(),
        part::functions(),
        pad::functions(),
        concat::functions(),
        format::functions(),
        quote::functions(),
        bytes::functions(),
        unicode::functions(),
        regexp::functions(),
        array::functions(),
        number::functions(),
        crate::op::pattern::functions(),
    ];
    families.into_iter().flatten().collect()
}

/// The operators of this family beyond those of [`crate::op`].
pub(crate) fn operators() -> Vec<Function> {
    length::operators()
}
