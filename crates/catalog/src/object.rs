//! The kinds of objects a snapshot is made of: plain, immutable data. How they are stored is `store`'s affair.

pub(crate) mod column;
pub(crate) mod data_file;
pub(crate) mod default_value;
pub(crate) mod partition;
pub(crate) mod relation;
pub(crate) mod role;
pub(crate) mod schema;
pub(crate) mod table;
pub(crate) mod view;
