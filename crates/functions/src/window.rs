//! Window functions: the engine's ranks in PostgreSQL's types, and what the engine cannot do with computed arguments.
//!
//! Aggregates are window functions too; those are in [`crate::aggregate`].

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::functions_window::{cume_dist, nth_value, rank, row_number};
use datafusion::logical_expr::WindowUDF;
use kura_pgtypes::PgType;

use crate::math::INT4;
use crate::registry::{ArgType, Returns, Window};

mod nth;
mod ntile;
mod ranked;
mod shift;

use shift::Direction;

/// All window functions.
pub(crate) fn windows() -> Vec<Window> {
    let mut all = ranks();
    all.extend(values(false));
    all.extend(values(true));
    all
}

fn window(name: &'static str, arguments: &'static [ArgType], returns: Returns, make: fn(&[PgType]) -> Arc<WindowUDF>) -> Window {
    Window { name, arguments, returns, make }
}

fn ranks() -> Vec<Window> {
    const BIGINT: Returns = Returns::Fixed(PgType::INT8);
    const DOUBLE: Returns = Returns::Fixed(PgType::FLOAT8);
    vec![
        window("row_number", &[], BIGINT, |_| ranked::typed(row_number::row_number_udwf(), DataType::Int64)),
        window("rank", &[], BIGINT, |_| ranked::typed(rank::rank_udwf(), DataType::Int64)),
        window("dense_rank", &[], BIGINT, |_| ranked::typed(rank::dense_rank_udwf(), DataType::Int64)),
        window("percent_rank", &[], DOUBLE, |_| ranked::typed(rank::percent_rank_udwf(), DataType::Float64)),
        window("cume_dist", &[], DOUBLE, |_| ranked::typed(cume_dist::cume_dist_udwf(), DataType::Float64)),
        window("ntile", &[INT4], Returns::Fixed(PgType::INT4), |_| ntile::ntile()),
    ]
}

/// The functions that give a row's value, over arrays or over everything else.
fn values(array: bool) -> Vec<Window> {
    const SAME: Returns = Returns::SameAs(0);
    const ONE: [&[ArgType]; 2] = [&[ArgType::AnyElement], &[ArgType::AnyArray]];
    const OFFSET: [&[ArgType]; 2] = [&[ArgType::AnyElement, INT4], &[ArgType::AnyArray, INT4]];
    const DEFAULT: [&[ArgType]; 2] = [&[ArgType::AnyElement, INT4, ArgType::AnyElement], &[ArgType::AnyArray, INT4, ArgType::AnyArray]];
    let shape = usize::from(array);
    vec![
        window("lag", ONE[shape], SAME, |_| shift::shift(Direction::Lag)),
        window("lag", OFFSET[shape], SAME, |_| shift::shift(Direction::Lag)),
        window("lag", DEFAULT[shape], SAME, |_| shift::shift(Direction::Lag)),
        window("lead", ONE[shape], SAME, |_| shift::shift(Direction::Lead)),
        window("lead", OFFSET[shape], SAME, |_| shift::shift(Direction::Lead)),
        window("lead", DEFAULT[shape], SAME, |_| shift::shift(Direction::Lead)),
        window("first_value", ONE[shape], SAME, |_| nth_value::first_value_udwf()),
        window("last_value", ONE[shape], SAME, |_| nth_value::last_value_udwf()),
        window("nth_value", OFFSET[shape], SAME, |_| nth::nth()),
    ]
}
