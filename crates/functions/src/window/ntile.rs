//! `ntile(integer)`: the partition in buckets of nearly one size. The number is that of the partition's first row.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use arrow::datatypes::{DataType, Field, FieldRef, Int32Type};
use datafusion::error::Result;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{LimitEffect, PartitionEvaluator, Signature, TypeSignature, Volatility, WindowUDF, WindowUDFImpl};
use datafusion::physical_expr::PhysicalExpr;
use kura_pgtypes::{SqlError, SqlState};

use crate::failure::{external, internal};

#[derive(Debug, PartialEq, Eq, Hash)]
struct Ntile {
    signature: Signature,
}

pub(super) fn ntile() -> Arc<WindowUDF> {
    let signature = Signature::new(TypeSignature::Any(1), Volatility::Immutable);
    Arc::new(WindowUDF::new_from_impl(Ntile { signature }))
}

impl WindowUDFImpl for Ntile {
    fn name(&self) -> &str {
        "ntile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(&self, _args: PartitionEvaluatorArgs<'_>) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Buckets))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Int32, true)))
    }

    fn limit_effect(&self, _args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::Unknown
    }
}

#[derive(Debug)]
struct Buckets;

impl PartitionEvaluator for Buckets {
    fn evaluate_all(&mut self, values: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        let counts = values.first().and_then(|column| column.as_primitive_opt::<Int32Type>());
        let counts = counts.ok_or_else(|| external(internal("ntile without a number")))?;
        if num_rows == 0 || counts.is_null(0) {
            return Ok(Arc::new(Int32Array::new_null(num_rows)));
        }
        let count = usize::try_from(counts.value(0))
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| external(SqlError::new(SqlState::INVALID_ARGUMENT_FOR_NTILE, "argument of ntile must be greater than zero")))?;
        // The first buckets take one row more each, as long as there is a remainder.
        let (size, larger) = (num_rows / count, num_rows % count);
        let bucket = |row: usize| {
            let in_larger = larger * (size + 1);
            let index = if row < in_larger { row / (size + 1) } else { larger + (row - in_larger) / size.max(1) };
            i32::try_from(index + 1).unwrap_or(i32::MAX)
        };
        Ok(Arc::new(Int32Array::from_iter_values((0..num_rows).map(bucket))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(count: i32, rows: usize) -> Vec<i32> {
        let argument: ArrayRef = Arc::new(Int32Array::from(vec![count; rows]));
        let result = Buckets.evaluate_all(&[argument], rows).unwrap();
        result.as_primitive::<Int32Type>().values().to_vec()
    }

    #[test]
    fn the_first_buckets_are_larger() {
        assert_eq!(buckets(3, 7), [1, 1, 1, 2, 2, 3, 3]);
        assert_eq!(buckets(5, 3), [1, 2, 3]);
        assert_eq!(buckets(1, 3), [1, 1, 1]);
    }

    #[test]
    fn zero_buckets_are_an_error() {
        let argument: ArrayRef = Arc::new(Int32Array::from(vec![0]));
        let error = Buckets.evaluate_all(&[argument], 1).unwrap_err();
        assert!(error.to_string().contains("argument of ntile must be greater than zero"));
    }
}
