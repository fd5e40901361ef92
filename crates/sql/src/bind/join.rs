//! Joins: the comma, JOIN … ON, USING and NATURAL, and what stands to the right of LATERAL.

use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Operator, lit};
use datafusion::sql::sqlparser::ast::{self, JoinConstraint, JoinOperator};
use kura_pgtypes::SqlState;

use super::expression::{At, Clause, balanced};
use super::relation::{Factor, check_aliases};
use super::scope::{Env, Scope, ScopeColumn, folded};
use super::typed::Typed;
use super::{Binder, series};
use crate::{Error, Result};

/// A pair of columns that USING makes one.
struct Merge {
    name: String,
    left: ScopeColumn,
    right: ScopeColumn,
}

impl Binder<'_> {
    /// One item of FROM with its joins, put to the right of what came before it.
    pub(crate) fn joined(
        &self,
        before: Option<(LogicalPlan, Scope)>,
        item: &ast::TableWithJoins,
        env: &Env<'_>,
    ) -> Result<(LogicalPlan, Scope)> {
        let empty = Scope::default();
        // A comma binds weaker than JOIN: the item's own joins see what came before only through LATERAL.
        let first = self.factor(&item.relation, Some(before.as_ref().map_or(&empty, |(_, scope)| scope)), env)?;
        let mut current = match (before, first) {
            (None, Factor::Relation(plan, scope)) => (plan, scope),
            (None, expand @ Factor::Expand { .. }) => self.attach(one_row(), expand, JoinType::Inner, None, env)?,
            (Some(left), factor) => self.attach(left, factor, JoinType::Inner, None, env)?,
        };
        for join in &item.joins {
            let (kind, constraint) = join_kind(&join.join_operator)?;
            let factor = self.factor(&join.relation, Some(&current.1), env)?;
            current = self.attach(current, factor, kind, constraint, env)?;
        }
        Ok(current)
    }

    fn attach(
        &self,
        (left, left_scope): (LogicalPlan, Scope),
        factor: Factor,
        kind: JoinType,
        constraint: Option<&JoinConstraint>,
        env: &Env<'_>,
    ) -> Result<(LogicalPlan, Scope)> {
        match factor {
            Factor::Relation(right, right_scope) => {
                check_aliases(&left_scope, &right_scope)?;
                self.join((left, left_scope), (right, right_scope), kind, constraint, env)
            }
            Factor::Expand { lists, scope } => {
                check_aliases(&left_scope, &scope)?;
                let mut joined = left_scope;
                joined.columns.extend(scope.columns);
                let plan = series::expand(left, lists, kind)?;
                let plan = match constraint {
                    None | Some(JoinConstraint::None) => plan,
                    Some(JoinConstraint::On(on)) if is_true(on) => plan,
                    Some(JoinConstraint::On(on)) if kind == JoinType::Inner => {
                        let inner = Env { scope: &joined, ..*env };
                        let condition = self.condition(on, At { env: &inner, clause: Clause::JoinOn, operand: false }, "JOIN/ON")?;
                        LogicalPlanBuilder::from(plan).filter(condition)?.build()?
                    }
                    Some(_) => return Err(Error::unsupported("an outer join with a set-returning function needs ON true")),
                };
                Ok((plan, joined))
            }
        }
    }

    fn join(
        &self,
        (left, left_scope): (LogicalPlan, Scope),
        (right, right_scope): (LogicalPlan, Scope),
        kind: JoinType,
        constraint: Option<&JoinConstraint>,
        env: &Env<'_>,
    ) -> Result<(LogicalPlan, Scope)> {
        let names = match constraint {
            Some(JoinConstraint::Using(names)) => {
                let mut list = Vec::with_capacity(names.len());
                for name in names {
                    list.push(super::object::parts(name)?.last().map(folded).unwrap_or_default());
                }
                Some(list)
            }
            Some(JoinConstraint::Natural) => Some(common_names(&left_scope, &right_scope)),
            _ => None,
        };
        if let Some(names) = names {
            let mut seen = std::collections::HashSet::new();
            if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
                return Err(Error::new(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column name \"{twice}\" appears more than once in USING clause"),
                ));
            }
            return self.join_using((left, left_scope), (right, right_scope), kind, &names);
        }
        let mut joined = left_scope;
        joined.columns.extend(right_scope.columns);
        let condition = match constraint {
            Some(JoinConstraint::On(on)) => {
                let inner = Env { scope: &joined, ..*env };
                Some(self.condition(on, At { env: &inner, clause: Clause::JoinOn, operand: false }, "JOIN/ON")?)
            }
            _ => None,
        };
        let plan = match condition {
            None if kind == JoinType::Inner => LogicalPlanBuilder::from(left).cross_join(right)?.build()?,
            None => return Err(Error::new(SqlState::SYNTAX_ERROR, "an outer join needs ON or USING")),
            Some(condition) => join_on(left, right, kind, vec![condition])?,
        };
        Ok((plan, joined))
    }

    fn join_using(
        &self,
        (left, left_scope): (LogicalPlan, Scope),
        (right, right_scope): (LogicalPlan, Scope),
        kind: JoinType,
        names: &[String],
    ) -> Result<(LogicalPlan, Scope)> {
        let mut merges = Vec::with_capacity(names.len());
        let mut conditions = Vec::with_capacity(names.len());
        for name in names {
            let merge =
                Merge { name: name.clone(), left: one_named(&left_scope, name, "left")?, right: one_named(&right_scope, name, "right")? };
            self.reads_column(&merge.left);
            self.reads_column(&merge.right);
            let value = |c: &ScopeColumn| Typed::new(Expr::Column(c.column.clone()), c.ty);
            conditions.push(self.compare(value(&merge.left), Operator::Eq, value(&merge.right))?.expr);
            merges.push(merge);
        }
        let mut plan = if conditions.is_empty() {
            match kind {
                JoinType::Inner => LogicalPlanBuilder::from(left).cross_join(right)?.build()?,
                _ => join_on(left, right, kind, vec![lit(true)])?,
            }
        } else {
            join_on(left, right, kind, conditions)?
        };
        let mut merged = Vec::with_capacity(merges.len());
        let mut computed = Vec::new();
        for merge in &merges {
            merged.push(self.merged_column(merge, kind, &mut computed)?);
        }
        if !computed.is_empty() {
            let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
            exprs.extend(computed);
            plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
        }
        // The merged columns come first, then the others; the merged ones stay reachable through their relation.
        let mut columns = merged;
        for mut column in left_scope.columns.into_iter().chain(right_scope.columns) {
            column.merged |= merges.iter().any(|m| m.left.column == column.column || m.right.column == column.column);
            columns.push(column);
        }
        Ok((plan, Scope { columns }))
    }

    /// The one column that USING shows: the side that is never filled with NULLs, or both coalesced.
    fn merged_column(&self, merge: &Merge, kind: JoinType, computed: &mut Vec<Expr>) -> Result<ScopeColumn> {
        let ty = super::typed::common(merge.left.ty, merge.right.ty).unwrap_or(merge.left.ty);
        let preserved = match kind {
            JoinType::Right => Some(&merge.right),
            JoinType::Full => None,
            _ => Some(&merge.left),
        };
        if let Some(side) = preserved
            && side.ty == ty
        {
            return Ok(ScopeColumn { relation: None, name: merge.name.clone(), merged: false, ..side.clone() });
        }
        let value = |c: &ScopeColumn| self.coerce(Typed::new(Expr::Column(c.column.clone()), c.ty), ty);
        let expr = match preserved {
            Some(side) => value(side)?.expr,
            None => datafusion::functions::core::expr_fn::coalesce(vec![value(&merge.left)?.expr, value(&merge.right)?.expr]),
        };
        let column: Column = self.fresh_column(&merge.name);
        computed.push(expr.alias(column.name.clone()));
        Ok(ScopeColumn { relation: None, name: merge.name.clone(), column, ty, origin: None, merged: false, whole: false })
    }
}

/// Joins on conditions; the optimiser takes equalities between the sides out of them.
pub(crate) fn join_on(left: LogicalPlan, right: LogicalPlan, kind: JoinType, conditions: Vec<Expr>) -> Result<LogicalPlan> {
    let condition = balanced(conditions, Operator::And);
    Ok(LogicalPlanBuilder::from(left)
        .join_detailed(right, kind, (Vec::<Column>::new(), Vec::<Column>::new()), Some(condition), NullEquality::NullEqualsNothing)?
        .build()?)
}

fn one_row() -> (LogicalPlan, Scope) {
    let plan = LogicalPlan::EmptyRelation(datafusion::logical_expr::EmptyRelation {
        produce_one_row: true,
        schema: std::sync::Arc::new(datafusion::common::DFSchema::empty()),
    });
    (plan, Scope::default())
}

fn is_true(expr: &ast::Expr) -> bool {
    matches!(expr, ast::Expr::Value(value) if value.value == ast::Value::Boolean(true))
}

fn one_named(scope: &Scope, name: &str, side: &str) -> Result<ScopeColumn> {
    let mut matches = scope.visible().filter(|c| c.name == name);
    let Some(first) = matches.next() else {
        return Err(Error::new(
            SqlState::UNDEFINED_COLUMN,
            format!("column \"{name}\" specified in USING clause does not exist in {side} table"),
        ));
    };
    if matches.next().is_some() {
        return Err(Error::new(
            SqlState::AMBIGUOUS_COLUMN,
            format!("common column name \"{name}\" appears more than once in {side} table"),
        ));
    }
    Ok(first.clone())
}

fn common_names(left: &Scope, right: &Scope) -> Vec<String> {
    left.visible().filter(|l| right.visible().any(|r| r.name == l.name)).map(|l| l.name.clone()).collect()
}

fn join_kind(operator: &JoinOperator) -> Result<(JoinType, Option<&JoinConstraint>)> {
    Ok(match operator {
        JoinOperator::Join(c) | JoinOperator::Inner(c) => match c {
            JoinConstraint::None => return Err(Error::new(SqlState::SYNTAX_ERROR, "JOIN needs ON or USING")),
            _ => (JoinType::Inner, Some(c)),
        },
        JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => (JoinType::Left, Some(c)),
        JoinOperator::Right(c) | JoinOperator::RightOuter(c) => (JoinType::Right, Some(c)),
        JoinOperator::FullOuter(c) => (JoinType::Full, Some(c)),
        JoinOperator::CrossJoin(_) => (JoinType::Inner, None),
        _ => return Err(Error::unsupported("this kind of join is not supported").hint("Use INNER, LEFT, RIGHT, FULL or CROSS JOIN.")),
    })
}
