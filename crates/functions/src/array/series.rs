//! `generate_series` and `generate_subscripts` as arrays: the binder makes rows of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::{PgType, Scalar, TimeZone};

use super::elements::{lists, too_many};
use super::{ARRAY, BOOL, ELEMENTS_MAX, INT4, INT4S, INT8};
use crate::failure::{Outcome, arrow, internal, invalid_parameter};
use crate::kernel::column::{Bool, Int4, Int8, Interval, Numeric, Read, Stamp};
use crate::kernel::write::Write;
use crate::kernel::{Args, Column, function};
use crate::math::NUMERIC;
use crate::numeric::{Dec, parts, sum_type};
use crate::op::temporal;
use crate::registry::{ArgType, Call, Function, Returns};

const STAMP: ArgType = ArgType::Exact(PgType::TIMESTAMP);
const STAMPTZ: ArgType = ArgType::Exact(PgType::TIMESTAMPTZ);
const INTERVAL: ArgType = ArgType::Exact(PgType::INTERVAL);

const fn array_of(scalar: Scalar) -> PgType {
    PgType { scalar, typmod: -1, array: true }
}

pub(super) fn functions() -> Vec<Function> {
    const NAME: &str = "generate_series";
    const DECIMALS: Returns = Returns::Computed(decimals);
    vec![
        Function::fixed(NAME, &[INT4, INT4], INT4S, whole::<Int4, i32>),
        Function::fixed(NAME, &[INT4, INT4, INT4], INT4S, whole::<Int4, i32>),
        Function::fixed(NAME, &[INT8, INT8], array_of(Scalar::Int8), whole::<Int8, i64>),
        Function::fixed(NAME, &[INT8, INT8, INT8], array_of(Scalar::Int8), whole::<Int8, i64>),
        Function::new(NAME, &[NUMERIC, NUMERIC], DECIMALS, decimal),
        Function::new(NAME, &[NUMERIC, NUMERIC, NUMERIC], DECIMALS, decimal),
        Function::fixed(NAME, &[STAMP, STAMP, INTERVAL], array_of(Scalar::Timestamp), |call| stamps(call, None)),
        Function::fixed(NAME, &[STAMPTZ, STAMPTZ, INTERVAL], array_of(Scalar::Timestamptz), |call| {
            stamps(call, Some(call.session.timezone.clone()))
        })
        .stable(),
        Function::fixed("generate_subscripts", &[ARRAY, INT4], INT4S, subscripts),
        Function::fixed("generate_subscripts", &[ARRAY, INT4, BOOL], INT4S, subscripts),
    ]
}

/// The type of a series of decimals: with the decimals of whatever is added up.
fn decimals(arguments: &[PgType], _: &[Option<i64>]) -> PgType {
    let ty = arguments.iter().copied().reduce(sum_type).unwrap_or(PgType::NUMERIC);
    ty.array_of()
}

/// Lists under construction, value by value.
struct Series<R: Write> {
    builder: R::Builder,
    count: usize,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl<R: Write> Series<R> {
    fn new() -> Self {
        Self { builder: R::builder(0), count: 0, lengths: Vec::new(), valid: Vec::new() }
    }

    fn push(&mut self, value: R) -> Outcome<()> {
        self.count += 1;
        if self.count > ELEMENTS_MAX {
            return Err(too_many());
        }
        R::append(&mut self.builder, Some(value))
    }

    /// Ends a row that began when there were `before` values; `None` makes it NULL.
    fn end(&mut self, before: usize, valid: bool) {
        self.lengths.push(self.count - before);
        self.valid.push(valid);
    }

    fn finish(self, returns: &DataType) -> Outcome<ArrayRef> {
        let DataType::List(field) = returns else {
            return Err(internal("a series that is no array"));
        };
        let values = R::finish(self.builder, field.data_type())?;
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let list = ListArray::try_new(field, offsets, values, Some(NullBuffer::from(self.valid)));
        Ok(Arc::new(list.map_err(|error| arrow(&error))?))
    }
}

/// One list for each row of bounds that are not NULL.
fn each_row<R: Write>(
    args: &Args,
    returns: &DataType,
    mut one: impl FnMut(usize, &mut Series<R>) -> Outcome<Option<()>>,
) -> Outcome<ArrayRef> {
    let mut series = Series::new();
    for row in 0..args.rows {
        let before = series.count;
        let valid = one(row, &mut series)?.is_some();
        series.end(before, valid);
    }
    series.finish(returns)
}

fn zero_step() -> kura_pgtypes::SqlError {
    invalid_parameter("step size cannot equal zero")
}

/// Whether a value still belongs to a series.
fn within<T: PartialOrd>(value: &T, stop: &T, up: bool) -> bool {
    if up { value <= stop } else { value >= stop }
}

fn whole<M, N>(call: &Call<'_>) -> Arc<ScalarUDF>
where
    M: for<'a> Read<Item<'a> = N>,
    N: Write + Copy + Into<i64> + TryFrom<i64> + 'static,
{
    let returns = call.returns.arrow();
    function(call, move |args| {
        let (start, stop) = (args.column(0)?.read::<M>()?, args.column(1)?.read::<M>()?);
        let step = args.columns.get(2).map(Column::read::<M>).transpose()?;
        each_row::<N>(args, &returns, |row, series| {
            let by = step.as_ref().map_or(Some(1), |step| step.get(row).map(Into::into));
            let (Some(start), Some(stop), Some(by)) = (start.get(row), stop.get(row), by) else {
                return Ok(None);
            };
            if by == 0 {
                return Err(zero_step());
            }
            let (mut value, stop): (i64, i64) = (start.into(), stop.into());
            while within(&value, &stop, by > 0) {
                series.push(N::try_from(value).map_err(|_| internal("a series left its type"))?)?;
                // Beyond the type there is nothing before the bound either.
                let Some(next) = value.checked_add(by) else { break };
                value = next;
            }
            Ok(Some(()))
        })
    })
}

fn decimal(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    let scale = call.returns.element().map_or(0, |ty| parts(ty).1);
    function(call, move |args| {
        let (start, stop) = (args.column(0)?.read::<Numeric>()?, args.column(1)?.read::<Numeric>()?);
        let step = args.columns.get(2).map(Column::read::<Numeric>).transpose()?;
        each_row::<i128>(args, &returns, |row, series| {
            let by = step.as_ref().map_or(Some(Dec::integer(1)), |step| step.get(row));
            let (Some(start), Some(stop), Some(by)) = (start.get(row), stop.get(row), by) else {
                return Ok(None);
            };
            if by.value == 0 {
                return Err(zero_step());
            }
            let (mut value, stop, by) = (start.rescale(scale)?, stop.rescale(scale)?, by.rescale(scale)?);
            while within(&value, &stop, by > 0) {
                series.push(value)?;
                let Some(next) = value.checked_add(by) else { break };
                value = next;
            }
            Ok(Some(()))
        })
    })
}

/// Timestamps; with a zone, the steps are taken on its clock.
fn stamps(call: &Call<'_>, zone: Option<TimeZone>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let (start, stop) = (args.column(0)?.read::<Stamp>()?, args.column(1)?.read::<Stamp>()?);
        let step = args.column(2)?.read::<Interval>()?;
        each_row::<i64>(args, &returns, |row, series| {
            let (Some(start), Some(stop), Some(by)) = (start.get(row), stop.get(row), step.get(row)) else {
                return Ok(None);
            };
            let sign = temporal::key(by);
            if sign == 0 {
                return Err(zero_step());
            }
            let mut value = start;
            while within(&value, &stop, sign > 0) {
                series.push(value)?;
                let next = match &zone {
                    None => temporal::shift(value, by)?,
                    Some(zone) => temporal::shift_in(zone, value, by)?,
                };
                // Infinity does not move, and a month less a day may not move forward.
                if !within(&value, &next, sign > 0) || next == value {
                    return Err(too_many());
                }
                value = next;
            }
            Ok(Some(()))
        })
    })
}

/// `generate_subscripts(array, dimension [, reverse])`
fn subscripts(call: &Call<'_>) -> Arc<ScalarUDF> {
    let returns = call.returns.arrow();
    function(call, move |args| {
        let list = lists(args, 0)?;
        let dimensions = args.column(1)?.read::<Int4>()?;
        let reverse = args.columns.get(2).map(Column::read::<Bool>).transpose()?;
        each_row::<i32>(args, &returns, |row, series| {
            let back = reverse.as_ref().map_or(Some(false), |reverse| reverse.get(row));
            let (Some(sizes), Some(dimension), Some(back)) = (super::inspect::sizes(&list, row), dimensions.get(row), back) else {
                return Ok(None);
            };
            let index = usize::try_from(dimension).ok().and_then(|dimension| dimension.checked_sub(1));
            let size = index.and_then(|index| sizes.get(index)).copied().unwrap_or(0);
            let size = i32::try_from(size).map_err(|_| too_many())?;
            for number in 1..=size {
                series.push(if back { size + 1 - number } else { number })?;
            }
            Ok(Some(()))
        })
    })
}
