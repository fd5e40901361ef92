//! Conditions evaluated while reading: as the decoder's row filters, so that only columns of the condition are decoded for rows
//! that do not match, or on decoded batches where that would save nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, conjunction};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowPredicate;

use crate::parquet::adapter::{self, Adapter};

/// More stages of decoding than this cost more than they save.
const STAGES_MAX: usize = 6;

/// A condition with the columns it reads.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// Over batches of `schema`.
    expression: Arc<dyn PhysicalExpr>,
    /// Columns of the table, ascending.
    pub(crate) columns: Vec<usize>,
    /// Their fields.
    pub(crate) schema: SchemaRef,
}

/// Where each condition of a scan is evaluated.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    /// By the decoder, in this order.
    pub(crate) early: Vec<Filter>,
    /// On batches of all columns the scan decodes.
    pub(crate) late: Option<Filter>,
}

/// Columns, and the conditions that read just these.
type Reading = (Vec<usize>, Vec<Arc<dyn PhysicalExpr>>);

/// Columns of the table an expression over the table reads, ascending.
fn columns_of(expression: &Arc<dyn PhysicalExpr>) -> Vec<usize> {
    let mut columns: Vec<usize> = collect_columns(expression).iter().map(Column::index).collect();
    columns.sort_unstable();
    columns
}

impl Filter {
    /// `columns` are ascending and hold all that `expression` reads.
    fn new(expression: &Arc<dyn PhysicalExpr>, columns: Vec<usize>, table: &SchemaRef) -> Result<Self> {
        let rebased = Arc::clone(expression).transform_up(|node| {
            let Some(column) = node.downcast_ref::<Column>() else {
                return Ok(Transformed::no(node));
            };
            let position = columns
                .binary_search(&column.index())
                .map_err(|_| DataFusionError::Internal(format!("the filter's column {column} is not read")))?;
            Ok(Transformed::yes(Arc::new(Column::new(column.name(), position)) as Arc<dyn PhysicalExpr>))
        })?;
        Ok(Self { expression: rebased.data, schema: adapter::project(table, &columns), columns })
    }

    /// True for the rows that match; never NULL.
    pub(crate) fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let value = self.expression.evaluate(batch)?.into_array(batch.num_rows())?;
        let mask = value.as_boolean_opt().ok_or_else(|| DataFusionError::Internal(format!("a condition of type {}", value.data_type())))?;
        Ok(if mask.null_count() == 0 { mask.clone() } else { prep_null_mask_filter(mask) })
    }
}

impl Filters {
    /// Decides about `conditions`, which are over the table's schema, for a scan that gives out `projection`.
    pub(crate) fn new(conditions: &[Arc<dyn PhysicalExpr>], projection: &[usize], table: &SchemaRef) -> Result<Self> {
        let read = conjunction(conditions.iter().cloned());
        let read_columns = columns_of(&read);
        let only_filtered = projection.iter().all(|column| read_columns.binary_search(column).is_ok());
        if conditions.is_empty() {
            return Ok(Self::default());
        }
        if only_filtered {
            return Ok(Self { early: Vec::new(), late: Some(Filter::new(&read, read_columns, table)?) });
        }
        let mut early: Vec<Reading> = Vec::new();
        let mut late = Vec::new();
        for condition in conditions {
            let columns = columns_of(condition);
            if columns.is_empty() {
                late.push(Arc::clone(condition));
            } else if let Some((_, same)) = early.iter_mut().find(|(known, _)| *known == columns) {
                same.push(Arc::clone(condition));
            } else if early.len() == STAGES_MAX {
                late.push(Arc::clone(condition));
            } else {
                early.push((columns, vec![Arc::clone(condition)]));
            }
        }
        let early = early.into_iter().map(|(columns, own)| Filter::new(&conjunction(own), columns, table));
        let late = if late.is_empty() {
            None
        } else {
            let late = conjunction(late);
            let mut columns = columns_of(&late);
            columns.extend(projection);
            columns.sort_unstable();
            columns.dedup();
            Some(Filter::new(&late, columns, table)?)
        };
        Ok(Self { early: early.collect::<Result<_>>()?, late })
    }
}

/// Keeps the error of a condition, which the decoder would turn into text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failure(Arc<Mutex<Option<DataFusionError>>>);

impl Failure {
    fn set(&self, error: DataFusionError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The error, once.
    pub(crate) fn take(&self) -> Option<DataFusionError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A condition as a stage of the decoder.
pub(crate) struct Stage {
    /// The condition.
    pub(crate) filter: Filter,
    /// From the file's columns to those of the condition.
    pub(crate) adapter: Adapter,
    /// Where its error goes.
    pub(crate) failure: Failure,
}

impl ArrowPredicate for Stage {
    fn projection(&self) -> &ProjectionMask {
        &self.adapter.mask
    }

    fn evaluate(&mut self, batch: RecordBatch) -> Result<BooleanArray, ArrowError> {
        let batch = self.adapter.adapt(&batch)?;
        // A panic must be told from one of the decoder, which would mean that the file is damaged.
        let result = catch_unwind(AssertUnwindSafe(|| self.filter.evaluate(&batch)))
            .unwrap_or_else(|_| Err(DataFusionError::Internal("a condition panicked".to_owned())));
        result.map_err(|error| {
            self.failure.set(error);
            ArrowError::ComputeError("a condition failed".to_owned())
        })
    }
}
