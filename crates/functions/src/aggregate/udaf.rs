//! One aggregate of the engine: [`Udaf`], with a fixed result type, over a [`Folding`] or a [`Finish`].
//!
//! DISTINCT, ORDER BY and sliding frames are handled here once for all aggregates, by gathering the rows.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature, TypeSignature, Volatility,
};

use kura_pgtypes::PgType;

use super::arrange::Layout;
use super::fold::{Fold, Folding, Refold};
use super::gather::{Finish, Gathered, GatheredGroups};
use crate::failure::{external, internal};
use crate::kernel::signature_text;
use crate::registry::AggregateCall;

/// How an aggregate comes to its result.
enum Body {
    /// Row by row into a small state.
    Fold(Arc<dyn Folding>),
    /// From all rows of a group at once. `ordered`: whether their order matters.
    Gather { finish: Arc<dyn Finish>, ordered: bool },
}

struct Udaf {
    name: String,
    /// Everything two aggregates of one name may differ in.
    key: String,
    returns: DataType,
    /// Whether DISTINCT changes nothing.
    idempotent: bool,
    /// The result over no rows.
    empty: ScalarValue,
    body: Body,
    signature: Signature,
}

impl fmt::Debug for Udaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)
    }
}

impl PartialEq for Udaf {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.returns == other.returns
    }
}

impl Eq for Udaf {}

impl Hash for Udaf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

/// What tells two builds of an aggregate apart.
pub(crate) fn key(call: &AggregateCall<'_>) -> String {
    let direction = if call.descending { " descending" } else { "" };
    format!("{}{direction}", signature_text(call.name, call.arguments, call.returns))
}

/// The name in plans. The engine rewrites what it takes for its own `sum` in a way that changes the result's type.
fn plan_name(name: &str) -> String {
    if name == "sum" { "sum_exact".to_owned() } else { name.to_owned() }
}

fn signature() -> Signature {
    Signature::one_of(vec![TypeSignature::VariadicAny, TypeSignature::Nullary], Volatility::Immutable)
}

fn build(call: &AggregateCall<'_>, body: Body, idempotent: bool, empty: Option<ScalarValue>) -> Arc<AggregateUDF> {
    let returns = call.returns.arrow();
    let empty = empty.or_else(|| ScalarValue::try_from(&returns).ok()).unwrap_or(ScalarValue::Null);
    let udaf = Udaf { name: plan_name(call.name), key: key(call), returns, idempotent, empty, body, signature: signature() };
    Arc::new(AggregateUDF::new_from_impl(udaf))
}

/// An aggregate that no user calls, over all rows of a group in any order.
pub(crate) fn internal_gather(name: &str, ty: PgType, finish: impl Finish) -> Arc<AggregateUDF> {
    let returns = ty.arrow();
    let empty = ScalarValue::try_from(&returns).unwrap_or(ScalarValue::Null);
    let body = Body::Gather { finish: Arc::new(finish), ordered: false };
    let key = signature_text(name, &[ty], ty);
    let udaf = Udaf { name: name.to_owned(), key, returns, idempotent: false, empty, body, signature: signature() };
    Arc::new(AggregateUDF::new_from_impl(udaf))
}

/// An aggregate that folds.
pub(crate) fn fold<F: Fold>(call: &AggregateCall<'_>, fold: F) -> Arc<AggregateUDF> {
    let empty = fold.finish(&[F::State::default()]).ok().and_then(|array| ScalarValue::try_from_array(&array, 0).ok());
    build(call, Body::Fold(Arc::new(Refold::new(fold))), F::IDEMPOTENT, empty)
}

/// An aggregate over all rows of a group. `ordered`: whether their order matters.
pub(crate) fn gather(call: &AggregateCall<'_>, finish: impl Finish, ordered: bool) -> Arc<AggregateUDF> {
    build(call, Body::Gather { finish: Arc::new(finish), ordered }, false, None)
}

/// Whether the aggregate keeps all rows of a group, so that a stage before the last one only copies them.
pub(crate) fn gathers(function: &AggregateUDF, distinct: bool) -> bool {
    function.inner().downcast_ref::<Udaf>().is_some_and(|udaf| match udaf.body {
        Body::Gather { .. } => true,
        Body::Fold(_) => udaf.distinct(distinct),
    })
}

impl Udaf {
    fn ordered(&self) -> bool {
        matches!(self.body, Body::Gather { ordered: true, .. })
    }

    fn distinct(&self, asked: bool) -> bool {
        asked && !self.idempotent
    }

    fn layout(&self, args: &AccumulatorArgs<'_>) -> Result<Arc<Layout>> {
        let mut types: Vec<DataType> = args.expr_fields.iter().map(|field| field.data_type().clone()).collect();
        let mut keys = Vec::new();
        if self.ordered() {
            for order in args.order_bys {
                types.push(order.expr.data_type(args.schema)?);
                keys.push(order.options);
            }
        }
        let arguments = args.expr_fields.len();
        Ok(Arc::new(Layout { types, arguments, keys, distinct: self.distinct(args.is_distinct) }))
    }

    fn finish(&self) -> Arc<dyn Finish> {
        match &self.body {
            Body::Fold(fold) => Arc::clone(fold).as_finish(),
            Body::Gather { finish, .. } => Arc::clone(finish),
        }
    }

    /// The fold, when nothing asks for the rows themselves.
    fn plain(&self, args: &AccumulatorArgs<'_>) -> Option<&Arc<dyn Folding>> {
        match &self.body {
            Body::Fold(fold) if !self.distinct(args.is_distinct) => Some(fold),
            _ => None,
        }
    }
}

impl AggregateUDFImpl for Udaf {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(match &self.body {
            Body::Gather { finish, .. } => finish.returns(arguments).unwrap_or_else(|| self.returns.clone()),
            Body::Fold(_) => self.returns.clone(),
        })
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match self.plain(&args) {
            Some(fold) => Ok(Arc::clone(fold).accumulator()),
            None => Ok(Box::new(Gathered::new(self.finish(), self.layout(&args)?))),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match self.plain(&args) {
            Some(fold) if fold.retracts() => Ok(Arc::clone(fold).accumulator()),
            _ => Ok(Box::new(Gathered::new(self.finish(), self.layout(&args)?))),
        }
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        match self.plain(&args) {
            Some(fold) => Ok(Arc::clone(fold).groups()),
            None => Ok(Box::new(GatheredGroups::new(self.finish(), self.layout(&args)?))),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let types = match &self.body {
            Body::Fold(fold) if !self.distinct(args.is_distinct) => fold.state_types(),
            _ => {
                let ordering: &[FieldRef] = if self.ordered() { args.ordering_fields } else { &[] };
                let fields = args.input_fields.iter().chain(ordering);
                fields.map(|field| DataType::List(Arc::new(Field::new_list_field(field.data_type().clone(), true)))).collect()
            }
        };
        let field = |(index, ty)| -> FieldRef { Arc::new(Field::new(format!("{}[{index}]", args.name), ty, true)) };
        Ok(types.into_iter().enumerate().map(field).collect())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        // The rows are sorted here: input that comes sorted is welcome, not needed.
        if self.ordered() { AggregateOrderSensitivity::Beneficial } else { AggregateOrderSensitivity::Insensitive }
    }

    fn with_beneficial_ordering(self: Arc<Self>, _beneficial: bool) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        Ok(Some(self))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::NotSupported
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arguments.to_vec())
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        if self.empty.data_type() == *data_type {
            return Ok(self.empty.clone());
        }
        ScalarValue::try_from(data_type)
    }
}

/// An aggregate of the engine that is right, with what it answers from statistics taken away.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Borrowed {
    key: String,
    inner: AggregateUDF,
    /// Whether DISTINCT changes nothing.
    idempotent: bool,
}

/// Takes an aggregate of the engine for a call.
pub(crate) fn borrow(call: &AggregateCall<'_>, inner: &AggregateUDF, idempotent: bool) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Borrowed { key: key(call), inner: inner.clone(), idempotent }))
}

impl Borrowed {
    fn adapted<'a>(&self, mut args: AccumulatorArgs<'a>) -> AccumulatorArgs<'a> {
        args.is_distinct &= !self.idempotent;
        args.order_bys = &[];
        args
    }
}

impl AggregateUDFImpl for Borrowed {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(self.adapted(args))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct && !self.idempotent {
            return Err(external(internal("DISTINCT over a window frame")));
        }
        self.inner.create_sliding_accumulator(self.adapted(args))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(self.adapted(args))
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(self.adapted(args))
    }

    fn state_fields(&self, mut args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        args.is_distinct &= !self.idempotent;
        args.ordering_fields = &[];
        self.inner.state_fields(args)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arguments.to_vec())
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(data_type)
    }

    fn value_from_stats(&self, statistics: &datafusion::logical_expr::StatisticsArgs<'_>) -> Option<ScalarValue> {
        // Row counts are exact wherever a scan says so; least and greatest values are bounds of other expressions.
        if self.inner.name() == "count" && !statistics.is_distinct { self.inner.value_from_stats(statistics) } else { None }
    }
}
