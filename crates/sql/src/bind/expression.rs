//! Expressions: one arm per form of the grammar, each a call.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, Operator, binary_expr, lit};
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, Ident, UnaryOperator};
use kura_pgtypes::{PgType, SqlState};

use super::scope::{Env, folded};
use super::typed::Typed;
use super::{Binder, output, place_of, position_of, type_name};
use crate::{Error, Result};

/// The clause an expression stands in; decides what may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clause {
    Select,
    Where,
    JoinOn,
    GroupBy,
    Having,
    OrderBy,
    /// A condition over the results of window functions, which PostgreSQL does not have.
    Qualify,
    /// Inside an aggregate's arguments.
    Aggregate,
    /// Inside a window function's arguments or definition.
    Window,
    From,
    Values,
    Limit,
    Default,
    /// USING of ALTER COLUMN TYPE.
    Transform,
    /// The new values of an UPDATE.
    Update,
    Returning,
    /// The condition of a WHEN clause of MERGE.
    MergeWhen,
}

impl Clause {
    /// The clause in PostgreSQL's words, for "aggregate functions are not allowed in …".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Where => "WHERE",
            Self::JoinOn => "JOIN conditions",
            Self::GroupBy => "GROUP BY",
            Self::Having => "HAVING",
            Self::OrderBy => "ORDER BY",
            Self::Qualify => "QUALIFY",
            Self::Aggregate => "aggregate arguments",
            Self::Window => "window definitions",
            Self::From => "functions in FROM",
            Self::Values => "VALUES",
            Self::Limit => "LIMIT",
            Self::Default => "DEFAULT expressions",
            Self::Transform => "transform expressions",
            Self::Update => "UPDATE",
            Self::Returning => "RETURNING",
            Self::MergeWhen => "MERGE WHEN conditions",
        }
    }
}

/// Where an expression is bound.
#[derive(Clone, Copy)]
pub(crate) struct At<'e> {
    pub(crate) env: &'e Env<'e>,
    pub(crate) clause: Clause,
    /// Whether it is part of a larger expression than AND and OR: there NULL is not as good as false.
    pub(crate) operand: bool,
}

impl At<'_> {
    pub(crate) fn within(self, clause: Clause) -> Self {
        Self { clause, ..self }
    }
}

impl Binder<'_> {
    /// Binds an expression. Literals without a type keep [`PgType::UNKNOWN`] until something asks for one.
    pub(crate) fn expr(&self, ast: &ast::Expr, at: At<'_>) -> Result<Typed> {
        self.expr_unplaced(ast, at).map_err(|error| error.at(place_of(ast)))
    }

    /// Binds a condition.
    pub(crate) fn condition(&self, ast: &ast::Expr, at: At<'_>, construct: &str) -> Result<Expr> {
        let typed = self.expr(ast, at)?;
        self.boolean(typed, construct).map_err(|error| error.at(place_of(ast)))
    }

    fn expr_unplaced(&self, ast: &ast::Expr, at: At<'_>) -> Result<Typed> {
        use ast::Expr as E;
        let passes = matches!(
            ast,
            E::Nested(_)
                | E::InSubquery { .. }
                | E::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. }
                | E::AnyOp { .. }
                | E::AllOp { .. }
        );
        let at = At { operand: at.operand || !passes, ..at };
        match ast {
            E::Nested(inner) => self.expr(inner, at),
            E::Value(value) => self.literal(&value.value),
            E::Identifier(name) => self.column(std::slice::from_ref(name), at),
            E::CompoundIdentifier(parts) => self.column(parts, at),
            E::TypedString(typed) => self.typed_string(typed),
            E::Interval(interval) => self.interval(interval),
            E::Cast { kind, expr, data_type, .. } => self.cast_expression(kind, expr, data_type, at),
            E::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. } => self.logic_chain(ast, at),
            E::BinaryOp { left, op, right } => self.binary(left, op, right, at),
            E::UnaryOp { op, expr } => self.unary(*op, expr, at),
            E::IsNull(inner) => self.null_test(inner, at, false),
            E::IsNotNull(inner) => self.null_test(inner, at, true),
            E::IsTrue(inner) => self.truth_test(inner, at, "IS TRUE", Expr::IsTrue),
            E::IsNotTrue(inner) => self.truth_test(inner, at, "IS NOT TRUE", Expr::IsNotTrue),
            E::IsFalse(inner) => self.truth_test(inner, at, "IS FALSE", Expr::IsFalse),
            E::IsNotFalse(inner) => self.truth_test(inner, at, "IS NOT FALSE", Expr::IsNotFalse),
            E::IsUnknown(inner) => self.truth_test(inner, at, "IS UNKNOWN", Expr::IsUnknown),
            E::IsNotUnknown(inner) => self.truth_test(inner, at, "IS NOT UNKNOWN", Expr::IsNotUnknown),
            E::IsDistinctFrom(left, right) => self.distinct_from(left, right, at, true),
            E::IsNotDistinctFrom(left, right) => self.distinct_from(left, right, at, false),
            E::Between { expr, negated, low, high } => self.between(expr, *negated, low, high, at),
            E::InList { expr, list, negated } => self.in_list(expr, list, *negated, at),
            E::InSubquery { expr, subquery, negated } => self.in_subquery(expr, subquery, *negated, at),
            E::AnyOp { left, compare_op, right, .. } => self.quantified(left, compare_op, right, at, true),
            E::AllOp { left, compare_op, right } => self.quantified(left, compare_op, right, at, false),
            E::Like { negated, any, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_ref(), *negated, false, *any, at)
            }
            E::ILike { negated, any, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_ref(), *negated, true, *any, at)
            }
            E::SimilarTo { negated, expr, pattern, escape_char } => self.similar_to(expr, pattern, escape_char.as_ref(), *negated, at),
            E::Case { operand, conditions, else_result, .. } => self.case(operand.as_deref(), conditions, else_result.as_deref(), at),
            E::Exists { subquery, negated } => self.exists(subquery, *negated, at),
            E::Subquery(query) => self.scalar_subquery(query, at),
            E::Function(function) => self.function(function, at),
            E::Extract { field, expr, .. } => self.extract(field, expr, at),
            E::Position { expr, r#in } => self.call("position", &[r#in, expr], at),
            E::Substring { expr, substring_from, substring_for, .. } => {
                self.substring(expr, substring_from.as_deref(), substring_for.as_deref(), at)
            }
            E::Trim { trim_where, trim_what, expr, trim_characters } => {
                self.trim(trim_where.as_ref(), trim_what.as_deref(), expr, trim_characters.as_deref(), at)
            }
            E::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut arguments = vec![&**expr, &**overlay_what, &**overlay_from];
                arguments.extend(overlay_for.as_deref());
                self.call("overlay", &arguments, at)
            }
            E::Ceil { expr, .. } => self.call("ceil", &[expr], at),
            E::Floor { expr, .. } => self.call("floor", &[expr], at),
            E::AtTimeZone { timestamp, time_zone } => self.call("timezone", &[time_zone, timestamp], at),
            E::Collate { expr, collation } => self.collate(expr, collation, at),
            E::Array(array) => self.array(&array.elem, at),
            E::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, at),
            E::Tuple(_) => Err(Error::unsupported("row values are supported only in comparisons and IN")),
            E::GroupingSets(_) | E::Cube(_) | E::Rollup(_) => {
                Err(Error::new(SqlState::SYNTAX_ERROR, "grouping sets are allowed only in GROUP BY"))
            }
            other => Err(Error::unsupported(format!("this expression is not supported: {}", output::excerpt(&other.to_string())))),
        }
    }

    /// A column reference; one of an outer query makes the subquery correlated.
    fn column(&self, parts: &[Ident], at: At<'_>) -> Result<Typed> {
        if let Some(found) = at.env.find(parts)? {
            let column = found.column;
            self.reads_column(column);
            if found.level == 0 {
                return Ok(Typed::new(Expr::Column(column.column.clone()), column.ty));
            }
            if self.depth.get() > found.depth + 1 {
                return Err(Error::unsupported(format!(
                    "column \"{}\" belongs to a query more than one subquery further out",
                    column.name
                ))
                .hint("Write the inner subquery as a join.")
                .at(parts.first().and_then(position_of)));
            }
            return Ok(Typed::new(super::subquery::outer_column(&column.column, column.ty), column.ty));
        }
        if let [name] = parts {
            if name.quote_style.is_none()
                && let Some(typed) = self.keyword_function(&name.value)?
            {
                return Ok(typed);
            }
            if let Some(column) = at.env.scope.whole(&folded(name)) {
                return Ok(Typed::new(Expr::Column(column.column.clone()), column.ty));
            }
            if at.env.scope.has_relation(&folded(name)) {
                return Err(
                    Error::unsupported(format!("the whole row \"{}\" as a value is not supported", folded(name))).hint("Name the columns.")
                );
            }
        }
        Err(missing_column(parts, at.env))
    }

    /// AND and OR, which generated SQL chains by the thousand: flattened, then balanced.
    fn logic_chain(&self, ast: &ast::Expr, at: At<'_>) -> Result<Typed> {
        let ast::Expr::BinaryOp { op, .. } = ast else {
            return self.expr(ast, at);
        };
        let (operator, name) = if *op == BinaryOperator::And { (Operator::And, "AND") } else { (Operator::Or, "OR") };
        let mut operands = Vec::new();
        let mut pending = vec![ast];
        while let Some(next) = pending.pop() {
            match next {
                ast::Expr::BinaryOp { left, op: inner, right } if inner == op => {
                    pending.push(right);
                    pending.push(left);
                }
                other => operands.push(self.condition(other, at, name)?),
            }
        }
        Ok(Typed::bool(balanced(operands, operator)))
    }

    fn unary(&self, op: UnaryOperator, inner: &ast::Expr, at: At<'_>) -> Result<Typed> {
        match op {
            UnaryOperator::Not => Ok(Typed::bool(Expr::Not(Box::new(self.condition(inner, at, "NOT")?)))),
            UnaryOperator::Minus => {
                if let Some(typed) = self.negative_literal(inner)? {
                    return Ok(typed);
                }
                let operand = self.expr(inner, at)?;
                self.negate(operand)
            }
            UnaryOperator::Plus => {
                let operand = self.expr(inner, at)?;
                if super::typed::number_rank(operand.ty).is_none() && !operand.is_unknown() {
                    return Err(operator_missing("+", None, operand.ty));
                }
                if operand.is_unknown() { self.coerce(operand, PgType::FLOAT8) } else { Ok(operand) }
            }
            UnaryOperator::BitwiseNot => {
                let operand = self.expr(inner, at)?;
                self.bitwise_not(operand)
            }
            UnaryOperator::PGAbs => self.call("abs", &[inner], at),
            UnaryOperator::PGSquareRoot => self.call("sqrt", &[inner], at),
            UnaryOperator::PGCubeRoot => self.call("cbrt", &[inner], at),
            other => Err(Error::new(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {other}"))),
        }
    }

    fn null_test(&self, inner: &ast::Expr, at: At<'_>, negated: bool) -> Result<Typed> {
        if let ast::Expr::Tuple(items) = inner {
            let mut tests = Vec::with_capacity(items.len());
            for item in items {
                tests.push(self.null_test(item, at, negated)?.expr);
            }
            return Ok(Typed::bool(balanced(tests, Operator::And)));
        }
        let operand = self.expr(inner, at)?;
        if let (true, Some(number)) = (operand.is_unknown(), super::literal::placeholder_number(&operand.expr)) {
            return Err(Error::new(SqlState::INDETERMINATE_DATATYPE, format!("could not determine data type of parameter ${number}")));
        }
        let operand = self.settle(operand)?;
        // A void value is not NULL in PostgreSQL, though nothing else is known of it.
        let negated = negated != (operand.ty == PgType::VOID);
        let boxed = Box::new(operand.expr);
        Ok(Typed::bool(if negated { Expr::IsNotNull(boxed) } else { Expr::IsNull(boxed) }))
    }

    fn truth_test(&self, inner: &ast::Expr, at: At<'_>, construct: &str, make: fn(Box<Expr>) -> Expr) -> Result<Typed> {
        let operand = self.condition(inner, at, construct)?;
        Ok(Typed::bool(make(Box::new(operand))))
    }

    fn distinct_from(&self, left: &ast::Expr, right: &ast::Expr, at: At<'_>, distinct: bool) -> Result<Typed> {
        let (left, right) = (self.expr(left, at)?, self.expr(right, at)?);
        let operator = if distinct { Operator::IsDistinctFrom } else { Operator::IsNotDistinctFrom };
        self.compare(left, operator, right)
    }

    fn between(&self, expr: &ast::Expr, negated: bool, low: &ast::Expr, high: &ast::Expr, at: At<'_>) -> Result<Typed> {
        let value = self.expr(expr, at)?;
        let (low, high) = (self.expr(low, at)?, self.expr(high, at)?);
        let above = self.compare(value.clone(), Operator::GtEq, low)?;
        let below = self.compare(value, Operator::LtEq, high)?;
        let inside = binary_expr(above.expr, Operator::And, below.expr);
        Ok(Typed::bool(if negated { Expr::Not(Box::new(inside)) } else { inside }))
    }

    fn cast_expression(&self, kind: &ast::CastKind, expr: &ast::Expr, data_type: &ast::DataType, at: At<'_>) -> Result<Typed> {
        let ty = type_name::resolve(data_type)?;
        if matches!(kind, ast::CastKind::TryCast | ast::CastKind::SafeCast) {
            return Err(Error::unsupported("TRY_CAST is not supported"));
        }
        // ARRAY[…]::type[] gives its elements their type before they meet.
        if let (ast::Expr::Array(array), Some(element)) = (expr, ty.element()) {
            return self.array_of(&array.elem, Some(element), at);
        }
        let value = self.expr(expr, at)?;
        self.cast(value, ty)
    }

    fn case(&self, operand: Option<&ast::Expr>, conditions: &[ast::CaseWhen], otherwise: Option<&ast::Expr>, at: At<'_>) -> Result<Typed> {
        let operand = operand.map(|o| self.expr(o, at)).transpose()?;
        let mut whens = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        for when in conditions {
            whens.push(match &operand {
                Some(value) => {
                    let other = self.expr(&when.condition, at)?;
                    self.compare(value.clone(), Operator::Eq, other)?.expr
                }
                None => self.condition(&when.condition, at, "CASE/WHEN")?,
            });
            results.push(self.expr(&when.result, at)?);
        }
        let otherwise = otherwise.map(|o| self.expr(o, at)).transpose()?;
        let ty = super::typed::common_of("CASE", otherwise.iter().chain(&results).map(|t| t.ty))?;
        let mut results = results.into_iter().map(|then| Ok(self.coerce(then, ty)?.expr)).collect::<Result<Vec<_>>>()?;
        let mut otherwise = otherwise.map(|value| Ok::<_, Error>(self.coerce(value, ty)?.expr)).transpose()?;
        // The engine makes ANDs and ORs of a CASE of conditions, and evaluates all of them; not so of one of numbers.
        let guards = ty == PgType::BOOL && results.iter().chain(&otherwise).any(|e| !matches!(e, Expr::Literal(..) | Expr::Column(_)));
        if guards {
            let number = |expr: Expr| datafusion::logical_expr::cast(expr, DataType::Int8);
            results = results.into_iter().map(number).collect();
            otherwise = otherwise.map(number);
        }
        let pairs = whens.into_iter().zip(results).map(|(when, then)| (Box::new(when), Box::new(then))).collect();
        let case = Expr::Case(datafusion::logical_expr::Case::new(None, pairs, otherwise.map(Box::new)));
        Ok(Typed::new(if guards { case.eq(lit(1_i8)) } else { case }, ty))
    }

    fn collate(&self, expr: &ast::Expr, collation: &ast::ObjectName, at: At<'_>) -> Result<Typed> {
        let name = collation.to_string().to_lowercase().replace('"', "");
        if matches!(name.rsplit('.').next(), Some("c" | "posix" | "default" | "ucs_basic" | "c.utf-8" | "c.utf8"))
            || name.ends_with("c.utf-8")
        {
            return self.expr(expr, at);
        }
        Err(Error::new(SqlState::UNDEFINED_OBJECT, format!("collation \"{name}\" for encoding \"UTF8\" does not exist"))
            .hint("Text sorts by its bytes, as with COLLATE \"C\"; there are no other collations."))
    }
}

/// The error for a name that no scope has.
fn missing_column(parts: &[Ident], env: &Env<'_>) -> Error {
    let position = parts.first().and_then(position_of);
    match parts {
        [name] if super::insert::is_word_default(name) => Error::new(SqlState::SYNTAX_ERROR, "DEFAULT is not allowed in this context"),
        [name] => Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{}\" does not exist", folded(name))),
        [.., relation, name] => {
            let mut current = Some(env);
            while let Some(env) = current {
                if env.scope.has_relation(&folded(relation)) {
                    return Error::new(SqlState::UNDEFINED_COLUMN, format!("column {}.{} does not exist", folded(relation), folded(name)))
                        .at(position);
                }
                current = env.outer;
            }
            Error::new(SqlState::UNDEFINED_TABLE, format!("missing FROM-clause entry for table \"{}\"", folded(relation)))
        }
        [] => Error::new(SqlState::INTERNAL_ERROR, "a column reference without a name"),
    }
    .at(position)
}

/// "operator does not exist", worded as PostgreSQL does.
pub(crate) fn operator_missing(op: &str, left: Option<PgType>, right: PgType) -> Error {
    let left = left.map(|ty| format!("{} ", ty.with_typmod(-1).display())).unwrap_or_default();
    Error::new(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {left}{op} {}", right.with_typmod(-1).display()))
        .hint("No operator matches the given name and argument types. You might need to add explicit type casts.")
}

/// A balanced tree of one operator over the operands, in order: as deep as the logarithm of their number.
pub(crate) fn balanced(mut operands: Vec<Expr>, operator: Operator) -> Expr {
    while operands.len() > 1 {
        let mut next = Vec::with_capacity(operands.len().div_ceil(2));
        let mut rest = operands.into_iter();
        while let Some(left) = rest.next() {
            next.push(match rest.next() {
                Some(right) => binary_expr(left, operator, right),
                None => left,
            });
        }
        operands = next;
    }
    operands.pop().unwrap_or_else(|| lit(true))
}
