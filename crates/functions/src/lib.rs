//! PostgreSQL's functions, operators, casts, aggregates and window functions over Arrow columns.
//!
//! [`registry`] is the catalogue the binder resolves names in; [`cast`] and [`op`] are the building blocks it calls
//! directly. Nothing here parses SQL, resolves overloads or coerces arguments: every function sees exactly the Arrow
//! types its declaration names.

pub mod aggregate;
pub mod array;
pub mod cast;
pub mod datetime;
mod decode;
mod failure;
pub mod json;
mod kernel;
mod math;
mod numeric;
pub mod op;
pub mod registry;
pub mod session_info;
mod string;
mod system;
mod window;

pub use kernel::shortened;
pub use numeric::exact_type;
pub use registry::{
    Aggregate, AggregateCall, ArgType, Call, Function, Returns, Window, aggregate_functions, operator_functions, scalar_functions,
    window_functions,
};
pub use session_info::SessionInfo;
