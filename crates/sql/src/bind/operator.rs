//! Operators: comparison by the engine, everything else by PostgreSQL's overloads.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, Operator, binary_expr, lit};
use datafusion::sql::sqlparser::ast::{self, BinaryOperator};
use kura_functions::operator_functions;
use kura_pgtypes::{PgType, Scalar, SqlState};

use super::cast::natural_numeric;
use super::expression::{At, balanced, operator_missing};
use super::function::{Choice, choose};
use super::typed::{Typed, common, number_rank};
use super::{Binder, place_of};
use crate::{Error, Result};

/// The engine's operator for a comparison.
pub(crate) fn comparison(op: &BinaryOperator) -> Option<Operator> {
    Some(match op {
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        _ => return None,
    })
}

/// How PostgreSQL writes an operator.
pub(crate) fn symbol(op: &BinaryOperator) -> String {
    match op {
        BinaryOperator::PGCustomBinaryOperator(parts) => parts.last().cloned().unwrap_or_default(),
        BinaryOperator::PGLikeMatch => "like".to_owned(),
        BinaryOperator::PGILikeMatch => "ilike".to_owned(),
        BinaryOperator::PGNotLikeMatch => "not like".to_owned(),
        BinaryOperator::PGNotILikeMatch => "not ilike".to_owned(),
        other => other.to_string(),
    }
}

impl Binder<'_> {
    pub(crate) fn binary(&self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr, at: At<'_>) -> Result<Typed> {
        if let BinaryOperator::PGCustomBinaryOperator(parts) = op
            && let Some(plain) = parts.last().and_then(|s| plain_operator(s))
        {
            return self.binary(left, &plain, right, at);
        }
        if let (Some(operator), true) = (comparison(op), is_row(left) && is_row(right)) {
            return self.compare_rows(left, operator, right, at);
        }
        if *op == BinaryOperator::Overlaps {
            return self.overlaps(left, right, at);
        }
        let (left, right) = (self.expr(left, at)?, self.expr(right, at)?);
        match comparison(op) {
            Some(operator) => self.compare(left, operator, right),
            None => self.operate(&symbol(op), left, right),
        }
    }

    /// `(start, end) OVERLAPS (start, end)`.
    fn overlaps(&self, left: &ast::Expr, right: &ast::Expr, at: At<'_>) -> Result<Typed> {
        match (left, right) {
            (ast::Expr::Tuple(left), ast::Expr::Tuple(right)) if left.len() == 2 && right.len() == 2 => {
                let arguments: Vec<&ast::Expr> = left.iter().chain(right).collect();
                self.call("overlaps", &arguments, at)
            }
            _ => Err(Error::new(SqlState::SYNTAX_ERROR, "wrong number of parameters on left side of OVERLAPS expression")),
        }
    }

    /// Compares two values after bringing them to one type.
    pub(crate) fn compare(&self, left: Typed, operator: Operator, right: Typed) -> Result<Typed> {
        let name = match operator {
            Operator::NotEq => "<>".to_owned(),
            Operator::IsDistinctFrom | Operator::IsNotDistinctFrom => "=".to_owned(),
            other => other.to_string(),
        };
        let ty = comparison_type(&left, &right).ok_or_else(|| operator_missing(&name, Some(left.ty), right.ty))?;
        if !ty.array && matches!(ty.scalar, Scalar::Json) {
            return Err(operator_missing(&name, Some(left.ty), right.ty));
        }
        let left = self.coerce(left, ty)?;
        let right = self.coerce(right, ty)?;
        // The engine puts NULL elements first, PostgreSQL last.
        let by_elements = match operator {
            Operator::Lt => Some("array_lt"),
            Operator::LtEq => Some("array_le"),
            Operator::Gt => Some("array_gt"),
            Operator::GtEq => Some("array_ge"),
            _ => None,
        };
        if let (true, Some(function)) = (ty.array, by_elements) {
            return self.scalar_call(function, vec![left, right]);
        }
        let (left, right) = (self.sort_value(left)?, self.sort_value(right)?);
        Ok(Typed::bool(binary_expr(left.expr, operator, right.expr)))
    }

    /// The value a value is compared, sorted and grouped by: itself for most types.
    pub(crate) fn sort_value(&self, value: Typed) -> Result<Typed> {
        if value.ty.array {
            return Ok(value);
        }
        match value.ty.scalar {
            Scalar::Json => Err(no_operator("ordering")),
            Scalar::Interval => {
                let key = kura_functions::op::interval_key();
                Ok(Typed::new(Expr::ScalarFunction(ScalarFunction { func: key, args: vec![value.expr] }), PgType::numeric(38, 0)))
            }
            // Blanks at the end of char(n) do not count.
            Scalar::Bpchar => {
                let text = Typed::new(value.expr, PgType::TEXT);
                let blank = Typed::new(lit(ScalarValue::Utf8View(Some(" ".to_owned()))), PgType::TEXT);
                self.scalar_call("rtrim", vec![text, blank])
            }
            _ => Ok(value),
        }
    }

    /// `(a, b) = (c, d)` and its kin: equality by members, order by the first that differ.
    fn compare_rows(&self, left: &ast::Expr, operator: Operator, right: &ast::Expr, at: At<'_>) -> Result<Typed> {
        let (ast::Expr::Tuple(left), ast::Expr::Tuple(right)) = (left, right) else {
            return Err(Error::unsupported("row comparison needs rows on both sides"));
        };
        if left.len() != right.len() {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "unequal number of entries in row expressions"));
        }
        let mut pairs = Vec::with_capacity(left.len());
        for (l, r) in left.iter().zip(right) {
            pairs.push((self.expr(l, at)?, self.expr(r, at)?));
        }
        match operator {
            Operator::Eq | Operator::NotEq => {
                let join = if operator == Operator::Eq { Operator::And } else { Operator::Or };
                let tests = pairs.into_iter().map(|(l, r)| Ok(self.compare(l, operator, r)?.expr)).collect::<Result<Vec<_>>>()?;
                Ok(Typed::bool(balanced(tests, join)))
            }
            _ => {
                let strict = match operator {
                    Operator::LtEq => Operator::Lt,
                    Operator::GtEq => Operator::Gt,
                    other => other,
                };
                let mut result: Option<Expr> = None;
                for (l, r) in pairs.into_iter().rev() {
                    result = Some(match result {
                        None => self.compare(l, operator, r)?.expr,
                        Some(rest) => {
                            let before = self.compare(l.clone(), strict, r.clone())?.expr;
                            let equal = self.compare(l, Operator::Eq, r)?.expr;
                            before.or(equal.and(rest))
                        }
                    });
                }
                Ok(Typed::bool(result.unwrap_or_else(|| lit(true))))
            }
        }
    }

    /// An operator that is no comparison.
    pub(crate) fn operate(&self, symbol: &str, left: Typed, right: Typed) -> Result<Typed> {
        let (left, right) = number_pair(left, right);
        let types = (left.ty, right.ty);
        let arguments = vec![left, right];
        match choose(operator_functions(symbol), &arguments) {
            Choice::One(function) => self.build(function, arguments),
            Choice::None => Err(operator_missing(symbol, Some(types.0), types.1)),
            Choice::Many => Err(Error::new(
                SqlState::AMBIGUOUS_FUNCTION,
                format!("operator is not unique: {} {symbol} {}", types.0.with_typmod(-1).display(), types.1.with_typmod(-1).display()),
            )
            .hint("Could not choose a best candidate operator. You might need to add explicit type casts.")),
        }
    }

    fn prefix(&self, symbol: &str, operand: Typed) -> Result<Typed> {
        let ty = operand.ty;
        let arguments = vec![operand];
        match choose(operator_functions(symbol), &arguments) {
            Choice::One(function) => self.build(function, arguments),
            _ => Err(operator_missing(symbol, None, ty)),
        }
    }

    pub(crate) fn negate(&self, operand: Typed) -> Result<Typed> {
        let operand = if operand.is_unknown() { self.coerce(operand, PgType::FLOAT8)? } else { operand };
        self.prefix("-", operand)
    }

    pub(crate) fn bitwise_not(&self, operand: Typed) -> Result<Typed> {
        self.prefix("~", operand)
    }

    /// `x op ANY (array)`, `x op ALL (array)`, or the same over a subquery.
    pub(crate) fn quantified(&self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr, at: At<'_>, any: bool) -> Result<Typed> {
        let mut inner = right;
        while let ast::Expr::Nested(nested) = inner {
            inner = nested;
        }
        let operator = comparison(op);
        if let ast::Expr::Subquery(query) = inner {
            let operator = operator.ok_or_else(|| Error::unsupported(format!("{op} ANY/ALL (subquery) is not supported")))?;
            return self.quantified_subquery(left, operator, query, any, at);
        }
        let value = self.expr(left, at)?;
        let array = self.expr(right, at)?;
        let array = if array.is_unknown() {
            let element = if value.is_unknown() { PgType::TEXT } else { value.ty };
            self.coerce(array, element.array_of())?
        } else {
            array
        };
        let Some(element) = array.ty.element() else {
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, "op ANY/ALL (array) requires array on right side").at(place_of(right)));
        };
        if let Some(items) = self.constant_items(&array, element)? {
            let tests = items
                .into_iter()
                .map(|item| match operator {
                    Some(operator) => self.compare(value.clone(), operator, item).map(|t| t.expr),
                    None => self.operate(&symbol(op), value.clone(), item).map(|t| t.expr),
                })
                .collect::<Result<Vec<_>>>()?;
            let join = if any { Operator::Or } else { Operator::And };
            return Ok(Typed::bool(if tests.is_empty() { lit(!any) } else { balanced(tests, join) }));
        }
        let name = format!("{} {}", symbol(op).replace("!=", "<>"), if any { "any" } else { "all" });
        self.scalar_call(&name, vec![value, array])
    }

    /// The elements of a constant array.
    fn constant_items(&self, array: &Typed, element: PgType) -> Result<Option<Vec<Typed>>> {
        let Some(ScalarValue::List(list)) = self.constant(array)? else {
            return Ok(None);
        };
        if arrow::array::Array::is_null(list.as_ref(), 0) || matches!(list.value_type(), arrow::datatypes::DataType::List(_)) {
            return Ok(None);
        }
        let values = list.value(0);
        let mut items = Vec::with_capacity(values.len());
        for index in 0..values.len() {
            items.push(Typed::new(lit(ScalarValue::try_from_array(&values, index)?), element));
        }
        Ok(Some(items))
    }
}

/// json has no order and no equality, as in PostgreSQL.
pub(crate) fn no_operator(kind: &str) -> Error {
    Error::new(SqlState::UNDEFINED_FUNCTION, format!("could not identify an {kind} operator for type json"))
        .hint("Use jsonb, or an expression over the document.")
}

/// Integer literals take part in numeric arithmetic with the digits they have, not with those of their type.
fn number_pair(left: Typed, right: Typed) -> (Typed, Typed) {
    let mixed =
        |a: &Typed, b: &Typed| number_rank(a.ty) < Some(4) && number_rank(a.ty).is_some() && b.ty.scalar == Scalar::Numeric && !b.ty.array;
    let narrow = |value: Typed| {
        let ty = natural_numeric(&value);
        match value.literal().and_then(|v| v.cast_to(&ty.arrow()).ok()) {
            Some(literal) => Typed::new(lit(literal), ty),
            None => value,
        }
    };
    if mixed(&left, &right) {
        (narrow(left), right)
    } else if mixed(&right, &left) {
        (left, narrow(right))
    } else {
        (left, right)
    }
}

/// The type two values are compared in. A literal takes the column's type where that loses nothing, so that the
/// comparison can prune files.
fn comparison_type(left: &Typed, right: &Typed) -> Option<PgType> {
    if left.is_unknown() && right.is_unknown() {
        return Some(PgType::TEXT);
    }
    let natural = |value: &Typed, other: &Typed| {
        let numeric = other.ty.scalar == Scalar::Numeric && !other.ty.array;
        if numeric && value.literal().is_some() && number_rank(value.ty).is_some_and(|r| r < 4) { natural_numeric(value) } else { value.ty }
    };
    common(natural(left, right), natural(right, left))
}

fn is_row(expr: &ast::Expr) -> bool {
    matches!(expr, ast::Expr::Tuple(_))
}

/// `OPERATOR(pg_catalog.=)` as the operator it is.
fn plain_operator(symbol: &str) -> Option<BinaryOperator> {
    Some(match symbol {
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        _ => return None,
    })
}
