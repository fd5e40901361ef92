//! Long chains of calls, such as `a + b + c + …`, as few calls.
//!
//! What the engine does while planning at one level of an expression, asking for its type or its name, goes through all
//! levels below: planning a chain costs the square of its length. A call made of [`LEVELS`] levels of kernels is one level,
//! with what those levels read as its arguments.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::Kernel;
use super::name::{self, Id};
use crate::failure::{external, internal};

/// Levels of calls that become one. Expressions people write are not that deep, and stay as they are.
const LEVELS: usize = 32;

/// The expression with its long chains shortened. Its meaning and type stay; its name may not.
///
/// # Errors
/// None of its own: those of walking through an expression.
pub fn shortened(expr: Expr) -> Result<Transformed<Expr>> {
    if !expr.exists(|node| Ok(levels(node) >= LEVELS))? {
        return Ok(Transformed::no(expr));
    }
    expr.transform_up(|node| Ok(if levels(&node) >= LEVELS { Transformed::yes(fuse(node)) } else { Transformed::no(node) }))
}

/// The kernel that an expression calls.
fn kernel(function: &ScalarUDF) -> Option<&Kernel> {
    function.inner().downcast_ref()
}

/// How many calls of kernels stand directly inside one another, counted up to [`LEVELS`].
fn levels(expr: &Expr) -> usize {
    fn below(expr: &Expr, left: usize) -> usize {
        match expr {
            Expr::ScalarFunction(call) if left > 0 && kernel(&call.func).is_some() => {
                1 + call.args.iter().map(|argument| below(argument, left - 1)).max().unwrap_or(0)
            }
            _ => 0,
        }
    }
    below(expr, LEVELS)
}

/// Makes one call of an expression of kernels.
fn fuse(expr: Expr) -> Expr {
    let mut arguments = Vec::new();
    match part(expr, &mut arguments) {
        Part::Call(top) => Expr::ScalarFunction(ScalarFunction { func: Arc::new(Fused::of(top).into()), args: arguments }),
        Part::Argument(_) => arguments.swap_remove(0),
    }
}

fn part(expr: Expr, arguments: &mut Vec<Expr>) -> Part {
    match expr {
        Expr::ScalarFunction(call) if kernel(&call.func).is_some() => {
            let parts = call.args.into_iter().map(|argument| part(argument, arguments)).collect();
            Part::Call(Call { function: call.func, parts })
        }
        other => {
            arguments.push(other);
            Part::Argument(arguments.len() - 1)
        }
    }
}

#[derive(PartialEq, Eq, Hash)]
enum Part {
    /// An argument of the whole, by its number.
    Argument(usize),
    Call(Call),
}

#[derive(PartialEq, Eq, Hash)]
struct Call {
    function: Arc<ScalarUDF>,
    parts: Vec<Part>,
}

impl Call {
    fn volatility(&self) -> Volatility {
        let rank = |volatility: Volatility| match volatility {
            Volatility::Immutable => 0,
            Volatility::Stable => 1,
            Volatility::Volatile => 2,
        };
        let inner = self.parts.iter().filter_map(|part| match part {
            Part::Call(call) => Some(call.volatility()),
            Part::Argument(_) => None,
        });
        inner.chain([self.function.signature().volatility]).max_by_key(|volatility| rank(*volatility)).unwrap_or(Volatility::Volatile)
    }

    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
        let value = |part: &Part| match part {
            Part::Argument(index) => {
                arguments.get(*index).cloned().ok_or_else(|| external(internal("a chain called with too few arguments")))
            }
            Part::Call(call) => call.evaluate(arguments, rows),
        };
        let values = self.parts.iter().map(value).collect::<Result<_>>()?;
        let kernel = kernel(&self.function).ok_or_else(|| external(internal("a chain of something else than kernels")))?;
        kernel.evaluate(values, rows)
    }
}

/// Calls inside one another as one function.
struct Fused {
    top: Call,
    /// Its name; no part of what makes chains equal.
    id: Id,
    returns: DataType,
    signature: Signature,
}

impl Fused {
    fn of(top: Call) -> Self {
        let returns = kernel(&top.function).map_or(DataType::Null, |kernel| kernel.returns.clone());
        let signature = Signature::one_of(vec![TypeSignature::VariadicAny, TypeSignature::Nullary], top.volatility());
        Self { top, id: Id::next(), returns, signature }
    }
}

impl fmt::Debug for Fused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chain of {}", self.top.function.name())
    }
}

impl PartialEq for Fused {
    fn eq(&self, other: &Self) -> bool {
        self.top == other.top
    }
}

impl Eq for Fused {}

impl Hash for Fused {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.top.hash(state);
    }
}

impl ScalarUDFImpl for Fused {
    fn name(&self) -> &str {
        self.top.function.name()
    }

    fn schema_name(&self, _arguments: &[Expr]) -> Result<String> {
        Ok(name::of_long_call(self.name(), self.id))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn return_field_from_args(&self, _arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), self.returns.clone(), true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.top.evaluate(&arguments.args, arguments.number_rows)
    }
}
