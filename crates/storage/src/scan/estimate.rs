//! What a scan tells the optimiser about its rows, from the catalog alone.
//!
//! Only the number of rows of an unfiltered scan is exact. Bounds and counts of columns are estimates, so that no answer is ever
//! taken from them.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::error::Result;
use datafusion::physical_expr::intervals::utils::check_support;
use datafusion::physical_expr::{AnalysisContext, PhysicalExpr, analyze, conjunction};
use datafusion::scalar::ScalarValue;
use kura_catalog::{Column, DataFile};

use crate::parquet::statistics::{End, parse_bounds};

/// Share of rows a condition is taken to let through when nothing better is known.
const SELECTIVITY: f64 = 0.2;
/// Decoded bytes for each encoded one, roughly.
const EXPANSION: u64 = 3;

fn count(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Statistics over all columns of a table for the rows in `files`. What `schema` has behind them are rows' file and position, of
/// which only the size is known.
pub(crate) fn table(columns: &[Column], schema: &SchemaRef, files: &[Arc<DataFile>]) -> Statistics {
    let rows = count(files.iter().map(|file| file.live_rows()).sum());
    let of_column = |(number, field): (usize, &FieldRef)| match columns.get(number) {
        Some(own) => column(own, field.data_type(), files, rows),
        None => sized(field.data_type().primitive_width().map(|width| rows.saturating_mul(width))),
    };
    let column_statistics: Vec<ColumnStatistics> = schema.fields().iter().enumerate().map(of_column).collect();
    let sizes = column_statistics.iter().map(|own| own.byte_size.get_value().copied());
    let total = sizes.sum::<Option<usize>>().map_or(Precision::Absent, Precision::Inexact);
    Statistics { num_rows: Precision::Exact(rows), total_byte_size: total, column_statistics }
}

fn column(column: &Column, data_type: &arrow::datatypes::DataType, files: &[Arc<DataFile>], rows: usize) -> ColumnStatistics {
    let encoded = || files.iter().map(|file| file.columns.get(&column.leaf_id())?.size_bytes).sum::<Option<u64>>();
    let size = match data_type.primitive_width() {
        Some(width) => Some(rows.saturating_mul(width)),
        None => encoded().map(|bytes| count(bytes.saturating_mul(EXPANSION))),
    };
    let mut own = sized(size);
    if column.ty.array {
        return own;
    }
    let nulls = files.iter().map(|file| file.columns.get(&column.id)?.null_count).sum::<Option<u64>>();
    own.null_count = nulls.map_or(Precision::Absent, |nulls| Precision::Inexact(count(nulls).min(rows)));
    own.min_value = bound(column.id, data_type, files, End::Min).map_or(Precision::Absent, Precision::Inexact);
    own.max_value = bound(column.id, data_type, files, End::Max).map_or(Precision::Absent, Precision::Inexact);
    own
}

/// Nothing but a size in bytes.
fn sized(bytes: Option<usize>) -> ColumnStatistics {
    let mut own = ColumnStatistics::new_unknown();
    own.byte_size = bytes.map_or(Precision::Absent, Precision::Inexact);
    own
}

/// The bound over all files; `None` as soon as one file with values does not tell.
fn bound(id: i64, data_type: &arrow::datatypes::DataType, files: &[Arc<DataFile>], end: End) -> Option<ScalarValue> {
    let known = files.iter().map(|file| file.columns.get(&id)).collect::<Option<Vec<_>>>()?;
    let telling: Vec<_> = known.into_iter().filter(|stats| stats.value_count != Some(0)).collect();
    let texts = telling.iter().map(|stats| if end == End::Min { stats.min.as_deref() } else { stats.max.as_deref() });
    let bounds = parse_bounds(texts, data_type, end)?;
    if bounds.null_count() > 0 {
        return None;
    }
    let mut best: Option<ScalarValue> = None;
    for row in 0..bounds.len() {
        let next = ScalarValue::try_from_array(&bounds, row).ok()?;
        let better = best.as_ref().is_none_or(|best| match next.partial_cmp(best) {
            Some(order) => {
                if end == End::Min {
                    order.is_lt()
                } else {
                    order.is_gt()
                }
            }
            None => false,
        });
        if better {
            best = Some(next);
        }
    }
    best
}

/// What `filters` leave of `input`, both over the table's columns.
pub(crate) fn filtered(input: Statistics, filters: &[Arc<dyn PhysicalExpr>], schema: &SchemaRef) -> Statistics {
    if filters.is_empty() {
        return input;
    }
    let condition = conjunction(filters.iter().cloned());
    let share = selectivity(&condition, &input, schema).unwrap_or(SELECTIVITY);
    let mut left = input.to_inexact();
    left.num_rows = left.num_rows.with_estimated_selectivity(share);
    left.total_byte_size = left.total_byte_size.with_estimated_selectivity(share);
    for column in &mut left.column_statistics {
        column.null_count = column.null_count.with_estimated_selectivity(share);
        column.byte_size = column.byte_size.with_estimated_selectivity(share);
    }
    left
}

/// The share by interval arithmetic over bounds, where the condition allows it.
fn selectivity(condition: &Arc<dyn PhysicalExpr>, input: &Statistics, schema: &SchemaRef) -> Option<f64> {
    if !check_support(condition, schema) {
        return None;
    }
    let analysed = || -> Result<Option<f64>> {
        let context = AnalysisContext::try_from_statistics(schema, &input.column_statistics)?;
        Ok(analyze(condition, context, schema)?.selectivity)
    };
    analysed().ok().flatten().filter(|share| (0.0..=1.0).contains(share))
}
