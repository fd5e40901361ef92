//! Array constructors and subscripts.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};
use datafusion::sql::sqlparser::ast::{self, AccessExpr, Subscript};
use kura_pgtypes::{PgType, SqlState};

use super::Binder;
use super::expression::At;
use super::typed::{Typed, common_of};
use crate::{Error, Result};

impl Binder<'_> {
    /// `ARRAY[…]`.
    pub(crate) fn array(&self, elements: &[ast::Expr], at: At<'_>) -> Result<Typed> {
        self.array_of(elements, None, at)
    }

    /// `ARRAY[…]` whose elements are cast to `element`, as in `ARRAY[…]::element[]`.
    pub(crate) fn array_of(&self, elements: &[ast::Expr], element: Option<PgType>, at: At<'_>) -> Result<Typed> {
        if elements.is_empty() {
            let Some(element) = element else {
                return Err(Error::new(SqlState::INDETERMINATE_DATATYPE, "cannot determine type of empty array")
                    .hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
            };
            return self.empty_array(element);
        }
        if elements.iter().any(|e| matches!(e, ast::Expr::Array(_))) {
            return Err(multidimensional());
        }
        let mut values = Vec::with_capacity(elements.len());
        for item in elements {
            let value = self.expr(item, at)?;
            values.push(match element {
                Some(element) => self.cast(value, element)?,
                None => value,
            });
        }
        let element = common_of("ARRAY", values.iter().map(|v| v.ty))?;
        self.array_literal(values, element)
    }

    /// An array of bound values.
    pub(crate) fn array_literal(&self, values: Vec<Typed>, element: PgType) -> Result<Typed> {
        if element.array {
            return Err(multidimensional());
        }
        let element = if element == PgType::UNKNOWN { PgType::TEXT } else { element };
        let exprs = values.into_iter().map(|v| Ok(self.coerce(v, element)?.expr)).collect::<Result<Vec<_>>>()?;
        let constant = exprs.iter().all(|e| matches!(e, Expr::Literal(..)));
        let list = datafusion::functions_nested::make_array::make_array(exprs);
        let list = if constant { lit(super::constant::evaluate(&list)?) } else { list };
        Ok(Typed::new(list, element.array_of()))
    }

    /// An array without elements.
    pub(crate) fn empty_array(&self, element: PgType) -> Result<Typed> {
        if element.array {
            return self.empty_array(element.element().unwrap_or(PgType::TEXT));
        }
        let list = ScalarValue::List(ScalarValue::new_list_nullable(&[], &element.arrow()));
        Ok(Typed::new(lit(list), element.array_of()))
    }

    /// A value that must be an array.
    pub(crate) fn array_value(&self, value: Typed) -> Result<Typed> {
        if value.is_unknown() {
            return Err(Error::new(SqlState::AMBIGUOUS_FUNCTION, "function unnest(unknown) is not unique")
                .hint("Could not choose a best candidate function. You might need to add explicit type casts."));
        }
        if !value.ty.array {
            return Err(super::function::missing("unnest", &[value]));
        }
        Ok(value)
    }

    /// `a[1]`, `a[2:3]`, `t.a[1]`, `document['key']`.
    pub(crate) fn access(&self, root: &ast::Expr, chain: &[AccessExpr], at: At<'_>) -> Result<Typed> {
        let mut chain = chain.iter().peekable();
        let mut value = match root {
            ast::Expr::Identifier(first) => {
                let mut parts = vec![first.clone()];
                while let Some(AccessExpr::Dot(ast::Expr::Identifier(next))) = chain.peek() {
                    parts.push(next.clone());
                    chain.next();
                }
                match parts.as_slice() {
                    [_] => self.expr(root, at)?,
                    _ => self.expr(&ast::Expr::CompoundIdentifier(parts), at)?,
                }
            }
            _ => self.expr(root, at)?,
        };
        for access in chain {
            value = match access {
                AccessExpr::Subscript(subscript) => self.subscript(value, subscript, at)?,
                AccessExpr::Dot(field) => {
                    return Err(Error::new(
                        SqlState::WRONG_OBJECT_TYPE,
                        format!("column notation .{field} applied to type {}, which is not a composite type", value.ty.display()),
                    ));
                }
            };
        }
        Ok(value)
    }

    fn subscript(&self, value: Typed, subscript: &Subscript, at: At<'_>) -> Result<Typed> {
        if value.ty == PgType::JSONB {
            let Subscript::Index { index } = subscript else {
                return Err(Error::new(SqlState::DATATYPE_MISMATCH, "jsonb subscript does not support slices"));
            };
            let index = self.expr(index, at)?;
            return self.operate("->", value, index);
        }
        if !value.ty.array {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!("cannot subscript type {} because it does not support subscripting", value.ty.with_typmod(-1).display()),
            ));
        }
        let bound = |expr: &ast::Expr| {
            let index = self.expr(expr, at)?;
            if index.ty == PgType::INT8 || index.ty == PgType::NUMERIC {
                self.cast(index, PgType::INT4)
            } else {
                self.coerce(index, PgType::INT4)
            }
        };
        match subscript {
            Subscript::Index { index } => {
                let index = bound(index)?;
                self.scalar_call("array_subscript", vec![value, index])
            }
            Subscript::Slice { lower_bound, upper_bound, stride: None } => {
                let open = || Typed::new(lit(ScalarValue::Int32(None)), PgType::INT4);
                let lower = lower_bound.as_ref().map_or_else(|| Ok(open()), bound)?;
                let upper = upper_bound.as_ref().map_or_else(|| Ok(open()), bound)?;
                self.scalar_call("array_slice", vec![value, lower, upper])
            }
            Subscript::Slice { .. } => Err(Error::new(SqlState::SYNTAX_ERROR, "an array slice takes two bounds")),
        }
    }
}

fn multidimensional() -> Error {
    Error::unsupported("multidimensional arrays are not supported").hint("Keep one array per dimension, or use json.")
}
