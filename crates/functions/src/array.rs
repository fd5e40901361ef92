//! Arrays: functions, operators and subscripts. Arrays are lists of one dimension whose first element is number 1;
//! lists in lists are read as further dimensions, and not taken apart.
//!
//! `string_to_array` and its kin are with the strings, `array_agg` with the aggregates.

use kura_pgtypes::{PgType, Scalar};

use crate::math::{INT4, INT8};
use crate::registry::{ArgType, Function, Returns};

mod build;
mod elements;
mod inspect;
mod quantified;
mod series;
mod text;

pub(crate) use elements::{comparable, lists, span};

const ARRAY: ArgType = ArgType::AnyArray;
const ELEMENT: ArgType = ArgType::AnyElement;
const TEXT: ArgType = ArgType::Exact(PgType::TEXT);
const BOOL: ArgType = ArgType::Exact(PgType::BOOL);
const INT4S: PgType = PgType { scalar: Scalar::Int4, typmod: -1, array: true };

/// Elements the arrays of one batch may have together.
pub(crate) const ELEMENTS_MAX: usize = 10_000_000;

/// The element type of the first array among the arguments.
fn element(arguments: &[PgType], _: &[Option<i64>]) -> PgType {
    arguments.iter().find_map(|ty| ty.element()).unwrap_or(PgType::TEXT)
}

/// The array type of the call, whichever argument has it.
fn array(arguments: &[PgType], constants: &[Option<i64>]) -> PgType {
    match arguments.iter().find(|ty| ty.array) {
        Some(ty) => *ty,
        None => arguments.first().map_or_else(|| element(arguments, constants), |ty| *ty).array_of(),
    }
}

const SAME: Returns = Returns::Computed(array);

/// All functions of this family.
pub(crate) fn functions() -> Vec<Function> {
    let mut all = inspecting();
    all.extend(building());
    all.extend(series::functions());
    all.extend(quantified::functions());
    all
}

fn inspecting() -> Vec<Function> {
    vec![
        Function::new("array_subscript", &[ARRAY, INT4], Returns::Computed(element), inspect::subscript),
        Function::fixed("array_length", &[ARRAY, INT4], PgType::INT4, |call| inspect::size(call, Some)),
        Function::fixed("array_upper", &[ARRAY, INT4], PgType::INT4, |call| inspect::size(call, Some)),
        Function::fixed("array_lower", &[ARRAY, INT4], PgType::INT4, |call| inspect::size(call, |_| Some(1))),
        Function::fixed("array_ndims", &[ARRAY], PgType::INT4, inspect::dimensions),
        Function::fixed("array_dims", &[ARRAY], PgType::TEXT, inspect::bounds),
        Function::fixed("cardinality", &[ARRAY], PgType::INT4, inspect::cardinality),
        Function::fixed("array_position", &[ARRAY, ELEMENT], PgType::INT4, inspect::position).lenient(),
        Function::fixed("array_position", &[ARRAY, ELEMENT, INT4], PgType::INT4, inspect::position).lenient(),
        Function::fixed("array_positions", &[ARRAY, ELEMENT], INT4S, inspect::positions).lenient(),
        Function::fixed("array_to_string", &[ARRAY, TEXT], PgType::TEXT, text::array_to_string).stable(),
        Function::fixed("array_to_string", &[ARRAY, TEXT, TEXT], PgType::TEXT, text::array_to_string).stable().lenient(),
    ]
}

fn building() -> Vec<Function> {
    vec![
        Function::new("array_slice", &[ARRAY, INT4, INT4], SAME, build::slice).lenient(),
        Function::new("array_append", &[ARRAY, ELEMENT], SAME, build::append).lenient(),
        Function::new("array_prepend", &[ELEMENT, ARRAY], SAME, build::prepend).lenient(),
        Function::new("array_cat", &[ARRAY, ARRAY], SAME, build::concatenate).lenient(),
        Function::new("array_remove", &[ARRAY, ELEMENT], SAME, build::remove).lenient(),
        Function::new("array_replace", &[ARRAY, ELEMENT, ELEMENT], SAME, build::replace).lenient(),
        Function::new("array_fill", &[ELEMENT, ArgType::Exact(INT4S)], Returns::Computed(filled), build::fill).lenient(),
        Function::new("trim_array", &[ARRAY, INT4], SAME, build::trim),
    ]
}

fn filled(arguments: &[PgType], _: &[Option<i64>]) -> PgType {
    arguments.first().copied().unwrap_or(PgType::TEXT).array_of()
}

/// All operators of this family.
pub(crate) fn operators() -> Vec<Function> {
    let mut all = quantified::operators();
    all.extend([
        Function::new("||", &[ARRAY, ARRAY], SAME, build::concatenate).lenient(),
        Function::new("||", &[ARRAY, ELEMENT], SAME, build::append).lenient(),
        Function::new("||", &[ELEMENT, ARRAY], SAME, build::prepend).lenient(),
    ]);
    all
}
