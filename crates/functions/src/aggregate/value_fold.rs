//! Folds of one column of values of fixed width, whose NULLs do not count.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{ArrowPrimitiveType, DataType};

use super::fold::{Fold, Summary};
use crate::failure::{Outcome, internal};

/// A column of an aggregate's arguments or states.
pub(super) fn open<T: ArrowPrimitiveType>(columns: &[ArrayRef], index: usize) -> Outcome<&PrimitiveArray<T>> {
    columns
        .get(index)
        .and_then(|column| column.as_primitive_opt::<T>())
        .ok_or_else(|| internal(format!("aggregate expected a column of {}", T::DATA_TYPE)))
}

/// A fold of the values of one column.
pub(crate) trait ValueFold: Summary {
    type Value: ArrowPrimitiveType;

    /// Whether values can be taken away again, exactly.
    const RETRACTS: bool = false;
    /// Whether values that come twice count once anyway.
    const IDEMPOTENT: bool = false;

    fn put(&self, state: &mut Self::State, value: Native<Self>) -> Outcome<()>;

    fn take(&self, _state: &mut Self::State, _value: Native<Self>) -> Outcome<()> {
        Err(internal("aggregate cannot forget values"))
    }
}

type Native<F> = <<F as ValueFold>::Value as ArrowPrimitiveType>::Native;

impl<F: ValueFold> Fold for F {
    type Input<'a> = &'a PrimitiveArray<F::Value>;

    const RETRACTS: bool = <F as ValueFold>::RETRACTS;
    const IDEMPOTENT: bool = <F as ValueFold>::IDEMPOTENT;

    fn open<'a>(&self, arguments: &'a [ArrayRef]) -> Outcome<Self::Input<'a>> {
        open(arguments, 0)
    }

    fn add(&self, state: &mut F::State, input: &Self::Input<'_>, row: usize) -> Outcome<()> {
        if input.is_valid(row) { self.put(state, input.value(row)) } else { Ok(()) }
    }

    fn retract(&self, state: &mut F::State, input: &Self::Input<'_>, row: usize) -> Outcome<()> {
        if input.is_valid(row) { self.take(state, input.value(row)) } else { Ok(()) }
    }
}

/// A fold in which any two values make one: the state is the value made so far, NULL before the first.
pub(crate) trait Pairwise: Send + Sync + 'static {
    type Value: ArrowPrimitiveType;

    /// Whether a value with itself makes itself.
    const IDEMPOTENT: bool = false;

    /// What two values make, in the order they came.
    fn pair(&self, first: Paired<Self>, second: Paired<Self>) -> Outcome<Paired<Self>>;
}

type Paired<F> = <<F as Pairwise>::Value as ArrowPrimitiveType>::Native;

impl<F: Pairwise> Summary for F {
    type State = Option<Paired<F>>;

    fn combine(&self, state: &mut Self::State, other: &Self::State) -> Outcome<()> {
        *state = match (*state, *other) {
            (Some(first), Some(second)) => Some(self.pair(first, second)?),
            (one, other) => one.or(other),
        };
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![<F::Value as ArrowPrimitiveType>::DATA_TYPE]
    }

    fn export(&self, states: &[Self::State]) -> Outcome<Vec<ArrayRef>> {
        Ok(vec![self.finish(states)?])
    }

    fn import(&self, columns: &[ArrayRef]) -> Outcome<Vec<Self::State>> {
        Ok(open::<F::Value>(columns, 0)?.iter().collect())
    }

    fn finish(&self, states: &[Self::State]) -> Outcome<ArrayRef> {
        Ok(Arc::new(PrimitiveArray::<F::Value>::from_iter(states.iter().copied())))
    }
}

impl<F: Pairwise> ValueFold for F {
    type Value = <F as Pairwise>::Value;

    const IDEMPOTENT: bool = <F as Pairwise>::IDEMPOTENT;

    fn put(&self, state: &mut Self::State, value: Native<Self>) -> Outcome<()> {
        self.combine(state, &Some(value))
    }
}
