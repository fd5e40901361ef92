//! Input functions, as casts and functions reach them: text to values of a type, whole columns at a time.

pub(crate) use kura_pgtypes::decode::parse_array;
