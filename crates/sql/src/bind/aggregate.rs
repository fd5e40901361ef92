//! Aggregates: DISTINCT, ORDER BY, FILTER and WITHIN GROUP, and GROUPING.

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{Expr, SortExpr, lit};
use datafusion::sql::sqlparser::ast::{
    self, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
};
use kura_functions::{Aggregate, aggregate_functions};
use kura_pgtypes::{PgType, SqlState};

use super::Binder;
use super::expression::{At, Clause};
use super::function::{Shape, choose_shape, missing, positional};
use super::group::List;
use super::order::direction;
use super::typed::Typed;
use crate::{Error, Result};

/// An aggregate call with its arguments bound, before it is put into a plan.
pub(crate) struct AggregateParts {
    pub(crate) expr: AggregateFunction,
    pub(crate) ty: PgType,
}

impl Binder<'_> {
    /// An aggregate in a query's own list: collected, and replaced by the column of its result.
    pub(crate) fn aggregate_call(
        &self,
        name: &str,
        call: &ast::Function,
        list: Option<&FunctionArgumentList>,
        at: At<'_>,
    ) -> Result<Typed> {
        match at.clause {
            Clause::Select | Clause::Having | Clause::OrderBy | Clause::Qualify | Clause::Window => {}
            Clause::Aggregate => return Err(Error::new(SqlState::GROUPING_ERROR, "aggregate function calls cannot be nested")),
            other => return Err(Error::new(SqlState::GROUPING_ERROR, format!("aggregate functions are not allowed in {}", other.words()))),
        }
        let parts = self.aggregate_parts(name, call, list, at.within(Clause::Aggregate))?;
        self.collect(List::Aggregates, Expr::AggregateFunction(parts.expr), name, parts.ty)
    }

    /// Binds an aggregate's arguments and clauses, which stand `inside` an aggregate or a window call.
    pub(crate) fn aggregate_parts(
        &self,
        name: &str,
        call: &ast::Function,
        list: Option<&FunctionArgumentList>,
        inside: At<'_>,
    ) -> Result<AggregateParts> {
        let distinct = list.is_some_and(|l| matches!(l.duplicate_treatment, Some(DuplicateTreatment::Distinct)));
        let mut arguments = Vec::new();
        let mut star = false;
        for argument in list.map(|l| l.args.as_slice()).unwrap_or_default() {
            if matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Wildcard)) {
                star = true;
                continue;
            }
            arguments.push(self.expr(positional(argument)?, inside)?);
        }
        if star && name != "count" {
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("{name}(*) is not an aggregate that takes *")));
        }
        let mut order: &[ast::OrderByExpr] = &[];
        for clause in list.map(|l| l.clauses.as_slice()).unwrap_or_default() {
            match clause {
                FunctionArgumentClause::OrderBy(keys) => order = keys,
                FunctionArgumentClause::IgnoreOrRespectNulls(_) => {}
                other => return Err(Error::unsupported(format!("{other} in an aggregate is not supported"))),
            }
        }
        let mut descending = false;
        let mut order_by = Vec::new();
        if call.within_group.is_empty() {
            order_by = self.argument_order(order, inside)?;
        } else {
            let [key] = call.within_group.as_slice() else {
                return Err(Error::unsupported("WITHIN GROUP takes one ORDER BY expression"));
            };
            descending = !direction(key.options).0;
            arguments.insert(0, self.expr(&key.expr, inside)?);
        }
        let filter = call.filter.as_ref().map(|f| self.condition(f, inside, "FILTER")).transpose()?;
        let overload = self.overload(name, &arguments, !call.within_group.is_empty())?;
        let arguments = self.declared(overload.arguments, false, arguments)?;
        let types: Vec<PgType> = arguments.iter().map(|a| a.ty).collect();
        let mut args: Vec<Expr> = arguments.into_iter().map(|a| a.expr).collect();
        if args.is_empty() {
            args.push(lit(1_i64));
        }
        if distinct && order_by.iter().any(|key: &SortExpr| !args.contains(&key.expr)) {
            return Err(Error::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
            ));
        }
        if distinct && order_by.is_empty() && matches!(name, "array_agg" | "string_agg") {
            // PostgreSQL finds the distinct values by sorting them, and clients have come to see them sorted.
            order_by.extend(args.first().map(|value| SortExpr::new(value.clone(), true, false)));
        }
        let expr = AggregateFunction {
            func: overload.build(&self.context.info, &types, descending),
            params: AggregateFunctionParams { args, distinct, filter: filter.map(Box::new), order_by, null_treatment: None },
        };
        Ok(AggregateParts { expr, ty: overload.result(&types) })
    }

    /// An aggregate over bound arguments, not collected.
    pub(crate) fn aggregate_of(&self, name: &str, arguments: Vec<Typed>) -> Result<Typed> {
        let overload = self.overload(name, &arguments, false)?;
        let arguments = self.declared(overload.arguments, false, arguments)?;
        let types: Vec<PgType> = arguments.iter().map(|a| a.ty).collect();
        let udf = overload.build(&self.context.info, &types, false);
        Ok(Typed::new(udf.call(arguments.into_iter().map(|a| a.expr).collect()), overload.result(&types)))
    }

    fn overload(&self, name: &str, arguments: &[Typed], ordered_set: bool) -> Result<&'static Aggregate> {
        let candidates: Vec<&'static Aggregate> = aggregate_functions(name).iter().filter(|a| a.ordered_set == ordered_set).collect();
        if candidates.is_empty() && !aggregate_functions(name).is_empty() {
            return Err(if ordered_set {
                Error::new(SqlState::WRONG_OBJECT_TYPE, format!("{name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP"))
            } else {
                missing(name, arguments)
            });
        }
        let shapes: Vec<Shape<'_>> = candidates.iter().map(|a| Shape { arguments: a.arguments, variadic: false, optional: 0 }).collect();
        let types: Vec<PgType> = arguments.iter().map(|a| a.ty).collect();
        match choose_shape(&shapes, &types) {
            Ok(index) => candidates.get(index).copied().ok_or_else(|| missing(name, arguments)),
            Err(true) => Err(Error::new(
                SqlState::AMBIGUOUS_FUNCTION,
                format!("function {} is not unique", super::function::signature(name, arguments)),
            )),
            Err(false) => Err(missing(name, arguments)),
        }
    }

    /// ORDER BY inside an aggregate's parentheses: expressions only, no positions.
    pub(crate) fn argument_order(&self, order: &[ast::OrderByExpr], at: At<'_>) -> Result<Vec<SortExpr>> {
        let mut keys = Vec::with_capacity(order.len());
        for key in order {
            let typed = self.expr(&key.expr, at)?;
            let typed = self.settle(typed)?;
            let typed = self.sort_value(typed)?;
            let (ascending, nulls_first) = direction(key.options);
            keys.push(SortExpr::new(typed.expr, ascending, nulls_first));
        }
        Ok(keys)
    }

    /// GROUPING(a, b): which of the expressions the row's grouping set leaves out, as bits.
    pub(crate) fn grouping(&self, list: Option<&FunctionArgumentList>, at: At<'_>) -> Result<Typed> {
        if at.clause == Clause::Aggregate {
            return Err(Error::new(SqlState::GROUPING_ERROR, "aggregate function calls cannot be nested"));
        }
        let mut args = Vec::new();
        for argument in list.map(|l| l.args.as_slice()).unwrap_or_default() {
            args.push(self.expr(positional(argument)?, at.within(Clause::Aggregate))?.expr);
        }
        if args.is_empty() || args.len() > 31 {
            return Err(Error::new(SqlState::TOO_MANY_ARGUMENTS, "GROUPING must have between 1 and 31 arguments"));
        }
        let call = datafusion::functions_aggregate::grouping::grouping_udaf().call(args);
        self.collect(List::Aggregates, call, "grouping", PgType::INT4)
    }
}

/// Inside GROUPING the arguments name grouping expressions: by the columns those have become.
pub(crate) fn over_grouping(call: Expr, groups: &[(Expr, Column)]) -> Expr {
    let is_grouping = matches!(&call, Expr::AggregateFunction(f) if f.func.name() == "grouping");
    if !is_grouping {
        return call;
    }
    let rewritten = call.clone().transform_down(|node| {
        Ok(match groups.iter().find(|(group, _)| *group == node) {
            Some((_, column)) => Transformed::new(Expr::Column(column.clone()), true, TreeNodeRecursion::Jump),
            None => Transformed::no(node),
        })
    });
    rewritten.map_or(call, |t| t.data)
}
