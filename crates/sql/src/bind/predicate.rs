//! IN lists and pattern matches.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Expr, Operator, lit};
use datafusion::sql::sqlparser::ast::{self, ValueWithSpan};
use kura_functions::operator_functions;
use kura_pgtypes::{PgType, Scalar};

use super::Binder;
use super::expression::{At, balanced, operator_missing};
use super::function::{Choice, choose};
use super::typed::{Typed, common};
use crate::Result;

impl Binder<'_> {
    pub(crate) fn in_list(&self, expr: &ast::Expr, list: &[ast::Expr], negated: bool, at: At<'_>) -> Result<Typed> {
        if matches!(expr, ast::Expr::Tuple(_)) {
            return self.row_in_list(expr, list, negated, at);
        }
        let value = self.expr(expr, at)?;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            items.push(self.expr(item, at)?);
        }
        // One type for all, when there is one that costs the value no cast; otherwise each comparison has its own.
        let mut ty = Some(value.ty);
        for item in &items {
            ty = ty.and_then(|ty| common(ty, item.ty));
        }
        let plain = ty.is_some_and(|ty| {
            ty.array == value.ty.array && !matches!(ty.scalar, Scalar::Interval | Scalar::Bpchar | Scalar::Json) && ty != PgType::UNKNOWN
        });
        let literal_numbers = ty.is_some_and(|ty| ty.scalar == Scalar::Numeric);
        let Some(ty) = ty.filter(|_| plain && !literal_numbers) else {
            let tests =
                items.into_iter().map(|item| Ok(self.compare(value.clone(), Operator::Eq, item)?.expr)).collect::<Result<Vec<_>>>()?;
            let any = balanced(tests, Operator::Or);
            return Ok(Typed::bool(if negated { Expr::Not(Box::new(any)) } else { any }));
        };
        let value = self.coerce(value, ty)?;
        let list = items.into_iter().map(|item| Ok(self.coerce(item, ty)?.expr)).collect::<Result<Vec<_>>>()?;
        Ok(Typed::bool(Expr::InList(InList { expr: Box::new(value.expr), list, negated })))
    }

    fn row_in_list(&self, expr: &ast::Expr, list: &[ast::Expr], negated: bool, at: At<'_>) -> Result<Typed> {
        let mut tests = Vec::with_capacity(list.len());
        for item in list {
            tests.push(self.binary(expr, &ast::BinaryOperator::Eq, item, at)?.expr);
        }
        let any = balanced(tests, Operator::Or);
        Ok(Typed::bool(if negated { Expr::Not(Box::new(any)) } else { any }))
    }

    /// LIKE and ILIKE, with ESCAPE, over one pattern or ANY of an array.
    #[expect(clippy::too_many_arguments, reason = "the parts of one grammar form")]
    pub(crate) fn like(
        &self,
        expr: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ValueWithSpan>,
        negated: bool,
        case_insensitive: bool,
        any: bool,
        at: At<'_>,
    ) -> Result<Typed> {
        let name = match (negated, case_insensitive) {
            (false, false) => "like",
            (true, false) => "not like",
            (false, true) => "ilike",
            (true, true) => "not ilike",
        };
        if any {
            let op = match name {
                "like" => ast::BinaryOperator::PGLikeMatch,
                "not like" => ast::BinaryOperator::PGNotLikeMatch,
                "ilike" => ast::BinaryOperator::PGILikeMatch,
                _ => ast::BinaryOperator::PGNotILikeMatch,
            };
            return self.quantified(expr, &op, pattern, at, true);
        }
        if let Some((array, all)) = quantified_pattern(pattern) {
            let arguments = vec![self.expr(expr, at)?, self.expr(array, at)?];
            return self.scalar_call(&format!("{name} {}", if all { "all" } else { "any" }), arguments);
        }
        let value = self.expr(expr, at)?;
        let pattern = self.expr(pattern, at)?;
        self.match_pattern(name, value, pattern, escape)
    }

    pub(crate) fn similar_to(
        &self,
        expr: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ValueWithSpan>,
        negated: bool,
        at: At<'_>,
    ) -> Result<Typed> {
        let value = self.expr(expr, at)?;
        let pattern = self.expr(pattern, at)?;
        let matched = self.match_pattern("similar to", value, pattern, escape)?;
        Ok(if negated { Typed::bool(Expr::Not(Box::new(matched.expr))) } else { matched })
    }

    fn match_pattern(&self, name: &str, value: Typed, pattern: Typed, escape: Option<&ValueWithSpan>) -> Result<Typed> {
        let types = (value.ty, pattern.ty);
        // Blanks at the end of char(n) count for LIKE; it is matched as it is stored.
        let mut arguments = vec![value, pattern];
        if let Some(escape) = escape {
            arguments.push(self.literal(&escape.value)?);
        }
        let arguments =
            arguments.into_iter().map(|a| if a.is_unknown() { self.coerce(a, PgType::TEXT) } else { Ok(a) }).collect::<Result<Vec<_>>>()?;
        // Constant patterns without special needs go to the engine, which knows how to prune by them.
        if let ("like" | "not like" | "ilike" | "not ilike", [value, pattern]) = (name, arguments.as_slice()) {
            let simple = matches!(pattern.literal(), Some(ScalarValue::Utf8View(Some(text))) if !text.contains('\\'));
            if simple && super::typed::is_text(value.ty) {
                let like = datafusion::logical_expr::Like::new(
                    name.starts_with("not"),
                    Box::new(value.expr.clone()),
                    Box::new(lit(pattern.literal().cloned().unwrap_or(ScalarValue::Null))),
                    None,
                    name.ends_with("ilike"),
                );
                return Ok(Typed::bool(Expr::Like(like)));
            }
        }
        match choose(operator_functions(name), &arguments) {
            Choice::One(function) => self.build(function, arguments),
            _ => Err(operator_missing(operator_symbol(name), Some(types.0), types.1)),
        }
    }
}

/// `LIKE ALL (array)`, which the grammar crate reads as a call of a function `all`.
fn quantified_pattern(pattern: &ast::Expr) -> Option<(&ast::Expr, bool)> {
    let ast::Expr::Function(call) = pattern else {
        return None;
    };
    let all = match call.name.to_string().to_lowercase().as_str() {
        "all" => true,
        "any" | "some" => false,
        _ => return None,
    };
    let ast::FunctionArguments::List(list) = &call.args else {
        return None;
    };
    match list.args.as_slice() {
        [argument] => super::function::positional(argument).ok().map(|array| (array, all)),
        _ => None,
    }
}

fn operator_symbol(name: &str) -> &str {
    match name {
        "like" => "~~",
        "not like" => "!~~",
        "ilike" => "~~*",
        "not ilike" => "!~~*",
        other => other,
    }
}
