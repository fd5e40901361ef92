//! `lag` and `lead`, with offsets and defaults that may differ from row to row.
//!
//! With a constant offset and default the engine's own function does it, within bounded memory.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{FieldRef, Int32Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::functions_window::lead_lag::{lag_udwf, lead_udwf};
use datafusion::logical_expr::function::{ExpressionArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{LimitEffect, PartitionEvaluator, Signature, WindowUDF, WindowUDFImpl};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;

use crate::failure::{external, internal};

/// Offsets the engine's function is trusted with: it keeps as many rows.
const OFFSET_MAX: i32 = 1_000_000;

/// Where the other row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    Lag,
    Lead,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Shift {
    direction: Direction,
    inner: WindowUDF,
}

pub(super) fn shift(direction: Direction) -> Arc<WindowUDF> {
    let inner = match direction {
        Direction::Lag => lag_udwf(),
        Direction::Lead => lead_udwf(),
    };
    Arc::new(WindowUDF::new_from_impl(Shift { direction, inner: Arc::unwrap_or_clone(inner) }))
}

/// Whether offset and default are constants the engine's function handles.
fn constant(exprs: &[Arc<dyn PhysicalExpr>]) -> bool {
    let literal = |index: usize| exprs.get(index).map(|expr| expr.downcast_ref::<Literal>().map(Literal::value));
    let offset = match literal(1) {
        None => true,
        Some(Some(ScalarValue::Int32(Some(offset)))) => (0..=OFFSET_MAX).contains(offset),
        Some(_) => false,
    };
    offset && literal(2).is_none_or(|value| value.is_some())
}

impl WindowUDFImpl for Shift {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn expressions(&self, args: ExpressionArgs<'_>) -> Vec<Arc<dyn PhysicalExpr>> {
        if constant(args.input_exprs()) { self.inner.expressions(args) } else { args.input_exprs().to_vec() }
    }

    fn partition_evaluator(&self, args: PartitionEvaluatorArgs<'_>) -> Result<Box<dyn PartitionEvaluator>> {
        if constant(args.input_exprs()) {
            return self.inner.partition_evaluator_factory(args);
        }
        Ok(Box::new(Shifted { direction: self.direction }))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.field(args)
    }

    fn limit_effect(&self, _args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::Unknown
    }
}

/// Every row's own offset and default, over a whole partition.
#[derive(Debug)]
struct Shifted {
    direction: Direction,
}

impl PartitionEvaluator for Shifted {
    fn evaluate_all(&mut self, values: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        let column = values.first().ok_or_else(|| external(internal("lag without a value")))?;
        let offsets = values.get(1).and_then(|offsets| offsets.as_primitive_opt::<Int32Type>());
        let offsets = offsets.ok_or_else(|| external(internal("lag without an offset")))?;
        let null = new_null_array(column.data_type(), 1);
        let defaults = values.get(2).unwrap_or(&null);
        let choice = |row: usize| {
            if offsets.is_null(row) {
                return (2, 0);
            }
            let offset = i64::from(offsets.value(row));
            let offset = if self.direction == Direction::Lag { -offset } else { offset };
            let other = i64::try_from(row).ok().and_then(|row| row.checked_add(offset)).and_then(|row| usize::try_from(row).ok());
            match other.filter(|other| *other < num_rows) {
                Some(other) => (0, other),
                None if defaults.len() == num_rows && values.len() > 2 => (1, row),
                None => (2, 0),
            }
        };
        let choices: Vec<(usize, usize)> = (0..num_rows).map(choice).collect();
        Ok(interleave(&[column.as_ref(), defaults.as_ref(), null.as_ref()], &choices)?)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int32Array;

    use super::*;

    #[test]
    fn each_row_has_its_offset() {
        let values: ArrayRef = Arc::new(Int32Array::from(vec![10, 20, 30, 40]));
        let offsets: ArrayRef = Arc::new(Int32Array::from(vec![Some(0), Some(1), None, Some(-1)]));
        let defaults: ArrayRef = Arc::new(Int32Array::from(vec![-1, -2, -3, -4]));
        let result = Shifted { direction: Direction::Lag }.evaluate_all(&[values, offsets, defaults], 4).unwrap();
        assert_eq!(result.as_primitive::<Int32Type>(), &Int32Array::from(vec![Some(10), Some(10), None, Some(-4)]));
    }
}
