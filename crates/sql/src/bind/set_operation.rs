//! UNION, INTERSECT and EXCEPT, with ALL and without.

use std::sync::Arc;

use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Union, WindowFrame, WindowFunctionDefinition};
use datafusion::sql::sqlparser::ast::{SetExpr, SetOperator, SetQuantifier};
use kura_pgtypes::{PgType, SqlState};

use super::Binder;
use super::query::project;
use super::scope::Env;
use super::select::{BoundQuery, QueryColumn};
use super::typed::{Typed, common};
use crate::{Error, Result};

impl Binder<'_> {
    pub(crate) fn set_operation(&self, body: &SetExpr, env: &Env<'_>, unsettled: bool) -> Result<BoundQuery> {
        let SetExpr::SetOperation { op, set_quantifier, .. } = body else {
            return self.set_expr(body, env, unsettled);
        };
        let all = match set_quantifier {
            SetQuantifier::All => true,
            SetQuantifier::Distinct | SetQuantifier::None => false,
            other => return Err(Error::unsupported(format!("{op} {other} is not supported"))),
        };
        let name = match op {
            SetOperator::Union => "UNION",
            SetOperator::Intersect => "INTERSECT",
            SetOperator::Except => "EXCEPT",
            SetOperator::Minus => return Err(Error::unsupported("MINUS is not supported").hint("Use EXCEPT.")),
        };
        // Generated SQL chains UNIONs by the hundred: one chain is one node.
        let mut arms = Vec::new();
        let mut pending = vec![body];
        while let Some(next) = pending.pop() {
            match next {
                SetExpr::SetOperation { op: SetOperator::Union, set_quantifier: quantifier, left, right }
                    if *op == SetOperator::Union && same(*quantifier, *set_quantifier) =>
                {
                    pending.push(right);
                    pending.push(left);
                }
                SetExpr::SetOperation { left, right, .. } if std::ptr::eq(next, body) => {
                    pending.push(right);
                    pending.push(left);
                }
                other => arms.push(self.set_expr(other, env, true)?),
            }
        }
        let arms = self.aligned(name, arms)?;
        match op {
            SetOperator::Union => self.union(arms, all),
            _ => self.intersect_or_except(arms, *op == SetOperator::Intersect, all),
        }
    }

    /// Brings the arms to one list of types, under names of their own.
    fn aligned(&self, name: &str, arms: Vec<BoundQuery>) -> Result<Vec<BoundQuery>> {
        let Some(first) = arms.first() else {
            return Ok(arms);
        };
        let mut types: Vec<PgType> = first.columns.iter().map(|c| c.ty).collect();
        for arm in arms.iter().skip(1) {
            if arm.columns.len() != types.len() {
                return Err(Error::new(SqlState::SYNTAX_ERROR, format!("each {name} query must have the same number of columns")));
            }
            for (ty, column) in types.iter_mut().zip(&arm.columns) {
                *ty = common(*ty, column.ty).ok_or_else(|| {
                    Error::new(
                        SqlState::DATATYPE_MISMATCH,
                        format!(
                            "{name} types {} and {} cannot be matched",
                            ty.with_typmod(-1).display(),
                            column.ty.with_typmod(-1).display()
                        ),
                    )
                })?;
            }
        }
        let types: Vec<PgType> = types.into_iter().map(|ty| if ty == PgType::UNKNOWN { PgType::TEXT } else { ty }).collect();
        arms.into_iter().map(|arm| self.recast(arm, &types)).collect()
    }

    /// A query with its columns cast to `types`, each under a fresh name.
    pub(crate) fn recast(&self, query: BoundQuery, types: &[PgType]) -> Result<BoundQuery> {
        let mut exprs = Vec::with_capacity(types.len());
        for (column, ty) in query.columns.iter().zip(types) {
            let typed = self.column_value(&query.plan, column);
            exprs.push(self.coerce(typed, *ty)?);
        }
        project(self, query, exprs)
    }

    /// A column of a bound query as a value; one that is a literal below keeps being one, so that it can take a type.
    fn column_value(&self, plan: &LogicalPlan, column: &QueryColumn) -> Typed {
        if column.ty == PgType::UNKNOWN {
            if let LogicalPlan::Projection(projection) = plan {
                let below = projection.expr.iter().find_map(|e| match e {
                    Expr::Alias(alias) if alias.name == column.column.name => Some((*alias.expr).clone()),
                    _ => None,
                });
                if let Some(literal @ (Expr::Literal(..) | Expr::Placeholder(_))) = below {
                    return Typed::new(literal, PgType::UNKNOWN);
                }
            }
            return Typed::new(Expr::Column(column.column.clone()), PgType::TEXT);
        }
        Typed::new(Expr::Column(column.column.clone()), column.ty)
    }

    fn union(&self, arms: Vec<BoundQuery>, all: bool) -> Result<BoundQuery> {
        let Some(columns) = arms.first().map(|arm| arm.columns.clone()) else {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "a union without arms"));
        };
        let inputs = arms.into_iter().map(|arm| Arc::new(arm.plan)).collect();
        let union = LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?);
        let builder = LogicalPlanBuilder::from(union);
        let builder = if all { builder } else { builder.distinct()? };
        let query = BoundQuery { plan: builder.build()?, columns };
        let exprs = query.columns.iter().map(|c| Typed::new(Expr::Column(c.column.clone()), c.ty)).collect();
        project(self, query, exprs)
    }

    fn intersect_or_except(&self, arms: Vec<BoundQuery>, intersect: bool, all: bool) -> Result<BoundQuery> {
        let mut arms = arms.into_iter();
        let (Some(mut left), Some(mut right)) = (arms.next(), arms.next()) else {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "a set operation with one arm"));
        };
        let columns = left.columns.clone();
        if all {
            // Equal rows are numbered on both sides: the n-th on the left meets the n-th on the right.
            left = self.numbered(left)?;
            right = self.numbered(right)?;
        } else {
            left.plan = LogicalPlanBuilder::from(left.plan).distinct()?.build()?;
        }
        let on_left: Vec<Column> = left.columns.iter().map(|c| c.column.clone()).collect();
        let on_right: Vec<Column> = right.columns.iter().map(|c| c.column.clone()).collect();
        let kind = if intersect { JoinType::LeftSemi } else { JoinType::LeftAnti };
        let plan = LogicalPlanBuilder::from(left.plan)
            .join_detailed(right.plan, kind, (on_left, on_right), None, NullEquality::NullEqualsNull)?
            .build()?;
        let query = BoundQuery { plan, columns };
        let exprs = query.columns.iter().map(|c| Typed::new(Expr::Column(c.column.clone()), c.ty)).collect();
        project(self, query, exprs)
    }

    fn numbered(&self, query: BoundQuery) -> Result<BoundQuery> {
        let name = self.fresh("row_number");
        let call = Expr::WindowFunction(Box::new(WindowFunction {
            fun: WindowFunctionDefinition::WindowUDF(datafusion::functions_window::row_number::row_number_udwf()),
            params: WindowFunctionParams {
                args: Vec::new(),
                partition_by: query.columns.iter().map(|c| Expr::Column(c.column.clone())).collect(),
                order_by: Vec::new(),
                window_frame: WindowFrame::new(None),
                filter: None,
                null_treatment: None,
                distinct: false,
            },
        }));
        let plan = LogicalPlanBuilder::from(query.plan).window(vec![call.alias(name.clone())])?.build()?;
        let mut columns = query.columns;
        columns.push(QueryColumn { name: String::new(), ty: PgType::INT8, column: Column::new_unqualified(name), origin: None });
        Ok(BoundQuery { plan, columns })
    }
}

fn same(a: SetQuantifier, b: SetQuantifier) -> bool {
    (a == SetQuantifier::All) == (b == SetQuantifier::All)
}
