//! One scalar function over Arrow columns: [`Kernel`], a closure with a name and a fixed result type.
//!
//! A constant argument is handed on as a column of one row that stands for all rows; nothing is expanded.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use kura_pgtypes::PgType;

use crate::failure::{Outcome, external, internal};
use crate::registry::Call;

pub(crate) mod column;
mod fused;
pub(crate) mod lift;
pub(crate) mod list;
mod name;
pub(crate) mod write;

pub(crate) use column::Column;
pub use fused::shortened;
use name::Id;

/// The arguments of one invocation.
pub(crate) struct Args {
    pub(crate) columns: Vec<Column>,
    /// Rows to produce.
    pub(crate) rows: usize,
}

impl Args {
    /// The argument with this index.
    pub(crate) fn column(&self, index: usize) -> Outcome<&Column> {
        self.columns.get(index).ok_or_else(|| internal("function called with too few arguments"))
    }
}

/// What a kernel computes.
type Body = dyn Fn(&Args) -> Outcome<ArrayRef> + Send + Sync;

/// A scalar function of the engine whose body is a closure.
struct Kernel {
    name: String,
    /// Part of the name of a long call; no part of what makes kernels equal.
    id: Id,
    /// Everything two kernels of one name may differ in.
    key: String,
    returns: DataType,
    signature: Signature,
    body: Box<Body>,
}

impl Kernel {
    fn evaluate(&self, arguments: Vec<ColumnarValue>, rows: usize) -> Result<ColumnarValue> {
        // A volatile function without arguments must produce a value for every row.
        let constant = self.signature.volatility != Volatility::Volatile
            && arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { rows };
        let columns = arguments.into_iter().map(Column::new).collect::<Result<Vec<_>>>()?;
        let array = (self.body)(&Args { columns, rows }).map_err(external)?;
        debug_assert_eq!(array.len(), rows, "{} must return one value for each row", self.key);
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)
    }
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.returns == other.returns && self.signature == other.signature
    }
}

impl Eq for Kernel {}

impl Hash for Kernel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

/// Builds a function from its parts. `key`: differs wherever two bodies of one name differ.
pub(crate) fn scalar_udf(
    name: &str,
    key: String,
    returns: DataType,
    volatility: Volatility,
    body: impl Fn(&Args) -> Outcome<ArrayRef> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    let signature = Signature::one_of(vec![TypeSignature::VariadicAny, TypeSignature::Nullary], volatility);
    Arc::new(ScalarUDF::new_from_impl(Kernel { name: name.to_owned(), id: Id::next(), key, returns, signature, body: Box::new(body) }))
}

/// Builds the function of a call.
pub(crate) fn function(call: &Call<'_>, body: impl Fn(&Args) -> Outcome<ArrayRef> + Send + Sync + 'static) -> Arc<ScalarUDF> {
    scalar_udf(call.name, signature_text(call.name, call.arguments, call.returns), call.returns.arrow(), call.volatility, body)
}

/// `name(integer, text) -> text`, as the key of a kernel.
pub(crate) fn signature_text(name: &str, arguments: &[PgType], returns: PgType) -> String {
    let arguments: Vec<String> = arguments.iter().map(|ty| ty.display()).collect();
    format!("{name}({}) -> {}", arguments.join(", "), returns.display())
}

impl ScalarUDFImpl for Kernel {
    fn name(&self) -> &str {
        &self.name
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        name::of_call(&self.name, self.id, arguments)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn return_field_from_args(&self, _arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(&self.name, self.returns.clone(), true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.evaluate(arguments.args, arguments.number_rows)
    }
}

#[cfg(test)]
mod tests;
