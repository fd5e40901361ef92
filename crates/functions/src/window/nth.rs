//! `nth_value(any, integer)`: the engine's function behind PostgreSQL's checks. The number must be constant.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::functions_window::nth_value::nth_value_udwf;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{LimitEffect, PartitionEvaluator, Signature, WindowUDF, WindowUDFImpl};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use kura_pgtypes::{SqlError, SqlState};

use crate::failure::{external, unsupported};

#[derive(Debug, PartialEq, Eq, Hash)]
struct Nth {
    inner: WindowUDF,
}

pub(super) fn nth() -> Arc<WindowUDF> {
    Arc::new(WindowUDF::new_from_impl(Nth { inner: Arc::unwrap_or_clone(nth_value_udwf()) }))
}

impl WindowUDFImpl for Nth {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn partition_evaluator(&self, args: PartitionEvaluatorArgs<'_>) -> Result<Box<dyn PartitionEvaluator>> {
        let number = args.input_exprs().get(1).and_then(|expr| expr.downcast_ref::<Literal>()).map(Literal::value);
        match number {
            Some(ScalarValue::Int32(Some(number))) if *number > 0 => self.inner.partition_evaluator_factory(args),
            Some(ScalarValue::Int32(Some(_))) => {
                Err(external(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_NTH_VALUE, "argument of nth_value must be greater than zero")))
            }
            Some(ScalarValue::Int32(None)) => {
                let ty = args.input_fields().first().map_or(DataType::Null, |field| field.data_type().clone());
                Ok(Box::new(Never(ty)))
            }
            _ => Err(external(unsupported("nth_value with a computed number is not supported").hint("Write the number as a constant."))),
        }
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.field(args)
    }

    fn limit_effect(&self, _args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::Unknown
    }
}

/// NULL for every row: there is no value number NULL.
#[derive(Debug)]
struct Never(DataType);

impl PartitionEvaluator for Never {
    fn evaluate_all(&mut self, _values: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        Ok(new_null_array(&self.0, num_rows))
    }

    fn evaluate(&mut self, _values: &[ArrayRef], _range: &Range<usize>) -> Result<ScalarValue> {
        ScalarValue::try_from(&self.0)
    }
}
