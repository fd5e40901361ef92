//! One file per statement, or per kind of statement where they only differ in a call.

pub(crate) mod alter;
pub(crate) mod copy_from;
pub(crate) mod copy_to;
pub(crate) mod define;
pub(crate) mod explain;
pub(crate) mod insert;
pub(crate) mod modify;
pub(crate) mod query;
mod table_rows;
pub(crate) mod truncate;
pub(crate) mod with;
