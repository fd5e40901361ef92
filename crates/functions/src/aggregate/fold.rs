//! Aggregates that fold rows into a small state: the trait, and the engine's accumulators made of it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::gather::Finish;
use crate::failure::{Outcome, external, internal};

/// The small states rows are folded into: how they come together, travel, and end.
pub(crate) trait Summary: Send + Sync + 'static {
    /// What is kept of one group; the default is that of no rows.
    type State: Clone + Default + fmt::Debug + Send + Sync + 'static;

    fn combine(&self, state: &mut Self::State, other: &Self::State) -> Outcome<()>;

    /// The Arrow types of [`Summary::export`].
    fn state_types(&self) -> Vec<DataType>;
    /// States as columns, for another stage of the aggregation.
    fn export(&self, states: &[Self::State]) -> Outcome<Vec<ArrayRef>>;
    /// The states in such columns.
    fn import(&self, columns: &[ArrayRef]) -> Outcome<Vec<Self::State>>;

    /// The result of each state.
    fn finish(&self, states: &[Self::State]) -> Outcome<ArrayRef>;
}

/// An aggregate as a fold of rows. Nulls are its own affair.
pub(crate) trait Fold: Summary {
    /// The arguments, opened for reading.
    type Input<'a>;

    /// Whether rows can be taken away again, exactly.
    const RETRACTS: bool = false;
    /// Whether rows that come twice count once anyway.
    const IDEMPOTENT: bool = false;

    fn open<'a>(&self, arguments: &'a [ArrayRef]) -> Outcome<Self::Input<'a>>;
    fn add(&self, state: &mut Self::State, input: &Self::Input<'_>, row: usize) -> Outcome<()>;

    fn retract(&self, _state: &mut Self::State, _input: &Self::Input<'_>, _row: usize) -> Outcome<()> {
        Err(internal("aggregate cannot forget rows"))
    }
}

/// A [`Fold`] without its type parameters.
pub(crate) trait Folding: Send + Sync {
    fn accumulator(self: Arc<Self>) -> Box<dyn Accumulator>;
    fn groups(self: Arc<Self>) -> Box<dyn GroupsAccumulator>;
    fn as_finish(self: Arc<Self>) -> Arc<dyn Finish>;
    fn state_types(&self) -> Vec<DataType>;
    fn retracts(&self) -> bool;
}

/// A fold in the roles the engine has for it.
pub(crate) struct Refold<F>(Arc<F>);

impl<F: Fold> Refold<F> {
    pub(crate) fn new(fold: F) -> Self {
        Self(Arc::new(fold))
    }
}

impl<F: Fold> Folding for Refold<F> {
    fn accumulator(self: Arc<Self>) -> Box<dyn Accumulator> {
        Box::new(One { fold: Arc::clone(&self.0), state: F::State::default() })
    }

    fn groups(self: Arc<Self>) -> Box<dyn GroupsAccumulator> {
        Box::new(Many { fold: Arc::clone(&self.0), states: Vec::new() })
    }

    fn as_finish(self: Arc<Self>) -> Arc<dyn Finish> {
        self
    }

    fn state_types(&self) -> Vec<DataType> {
        self.0.state_types()
    }

    fn retracts(&self) -> bool {
        F::RETRACTS
    }
}

impl<F: Fold> Finish for Refold<F> {
    fn finish(&self, columns: &[ArrayRef], ranges: &[Range<usize>]) -> Outcome<ArrayRef> {
        let input = self.0.open(columns)?;
        let mut states = vec![F::State::default(); ranges.len()];
        for (state, range) in states.iter_mut().zip(ranges) {
            for row in range.clone() {
                self.0.add(state, &input, row)?;
            }
        }
        self.0.finish(&states)
    }
}

fn rows(columns: &[ArrayRef]) -> usize {
    columns.first().map_or(0, |column| column.len())
}

/// The state of the one group.
struct One<F: Fold> {
    fold: Arc<F>,
    state: F::State,
}

impl<F: Fold> fmt::Debug for One<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}

impl<F: Fold> Accumulator for One<F> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let input = self.fold.open(values).map_err(external)?;
        for row in 0..rows(values) {
            self.fold.add(&mut self.state, &input, row).map_err(external)?;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let input = self.fold.open(values).map_err(external)?;
        for row in 0..rows(values) {
            self.fold.retract(&mut self.state, &input, row).map_err(external)?;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        F::RETRACTS
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in self.fold.import(states).map_err(external)? {
            self.fold.combine(&mut self.state, &state).map_err(external)?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let columns = self.fold.export(std::slice::from_ref(&self.state)).map_err(external)?;
        columns.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let result = self.fold.finish(std::slice::from_ref(&self.state)).map_err(external)?;
        ScalarValue::try_from_array(&result, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The states of many groups.
struct Many<F: Fold> {
    fold: Arc<F>,
    states: Vec<F::State>,
}

impl<F: Fold> GroupsAccumulator for Many<F> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.states.resize(total_num_groups, F::State::default());
        let input = self.fold.open(values).map_err(external)?;
        for (row, group) in group_indices.iter().enumerate() {
            if opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row)) {
                self.fold.add(&mut self.states[*group], &input, row).map_err(external)?;
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.states.resize(total_num_groups, F::State::default());
        let states = self.fold.import(values).map_err(external)?;
        for (state, group) in states.iter().zip(group_indices) {
            self.fold.combine(&mut self.states[*group], state).map_err(external)?;
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let states = emit_to.take_needed(&mut self.states);
        self.fold.finish(&states).map_err(external)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let states = emit_to.take_needed(&mut self.states);
        self.fold.export(&states).map_err(external)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let input = self.fold.open(values).map_err(external)?;
        let mut states = vec![F::State::default(); rows(values)];
        for (row, state) in states.iter_mut().enumerate() {
            if opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row)) {
                self.fold.add(state, &input, row).map_err(external)?;
            }
        }
        self.fold.export(&states).map_err(external)
    }

    fn size(&self) -> usize {
        self.states.capacity() * size_of::<F::State>()
    }
}
