//! `bool_and`, `bool_or`, and the bit aggregates.

use std::marker::PhantomData;
use std::ops::{BitAnd, BitOr, BitXor};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Int64Type};

use super::fold::{Fold, Summary};
use super::value_fold::{Pairwise, open};
use crate::failure::{Outcome, internal};

/// Whether all values are true, or any.
pub(super) struct Truth {
    pub(super) all: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Votes {
    yes: i64,
    no: i64,
}

impl Votes {
    fn count(&mut self, value: bool, by: i64) {
        if value {
            self.yes += by;
        } else {
            self.no += by;
        }
    }
}

impl Summary for Truth {
    type State = Votes;

    fn combine(&self, state: &mut Votes, other: &Votes) -> Outcome<()> {
        state.yes += other.yes;
        state.no += other.no;
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Int64; 2]
    }

    fn export(&self, states: &[Votes]) -> Outcome<Vec<ArrayRef>> {
        let yes = Int64Array::from_iter_values(states.iter().map(|state| state.yes));
        let no = Int64Array::from_iter_values(states.iter().map(|state| state.no));
        Ok(vec![Arc::new(yes), Arc::new(no)])
    }

    fn import(&self, columns: &[ArrayRef]) -> Outcome<Vec<Votes>> {
        let (yes, no) = (open::<Int64Type>(columns, 0)?, open::<Int64Type>(columns, 1)?);
        Ok(yes.values().iter().zip(no.values()).map(|(yes, no)| Votes { yes: *yes, no: *no }).collect())
    }

    fn finish(&self, states: &[Votes]) -> Outcome<ArrayRef> {
        let result = |votes: &Votes| (votes.yes + votes.no > 0).then_some(if self.all { votes.no == 0 } else { votes.yes > 0 });
        Ok(Arc::new(BooleanArray::from_iter(states.iter().map(result))))
    }
}

impl Fold for Truth {
    type Input<'a> = &'a BooleanArray;

    const RETRACTS: bool = true;
    const IDEMPOTENT: bool = true;

    fn open<'a>(&self, arguments: &'a [ArrayRef]) -> Outcome<Self::Input<'a>> {
        let column = arguments.first().and_then(|column| column.as_boolean_opt());
        column.ok_or_else(|| internal("aggregate expected a column of boolean"))
    }

    fn add(&self, state: &mut Votes, input: &Self::Input<'_>, row: usize) -> Outcome<()> {
        if input.is_valid(row) {
            state.count(input.value(row), 1);
        }
        Ok(())
    }

    fn retract(&self, state: &mut Votes, input: &Self::Input<'_>, row: usize) -> Outcome<()> {
        if input.is_valid(row) {
            state.count(input.value(row), -1);
        }
        Ok(())
    }
}

/// How bits come together.
#[derive(Clone, Copy)]
pub(super) enum Bits {
    And,
    Or,
    Xor,
}

/// `bit_and`, `bit_or`, `bit_xor` of one integer type.
pub(super) struct Bitwise<T> {
    bits: Bits,
    marker: PhantomData<fn() -> T>,
}

impl<T> Bitwise<T> {
    pub(super) fn new(bits: Bits) -> Self {
        Self { bits, marker: PhantomData }
    }
}

impl<T> Pairwise for Bitwise<T>
where
    T: ArrowPrimitiveType,
    T::Native: BitAnd<Output = T::Native> + BitOr<Output = T::Native> + BitXor<Output = T::Native>,
{
    type Value = T;

    fn pair(&self, first: T::Native, second: T::Native) -> Outcome<T::Native> {
        Ok(match self.bits {
            Bits::And => first & second,
            Bits::Or => first | second,
            Bits::Xor => first ^ second,
        })
    }
}
