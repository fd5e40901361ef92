//! ORDER BY, LIMIT, OFFSET and FETCH.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr, lit};
use datafusion::sql::sqlparser::ast;
use kura_pgtypes::{PgType, SqlState};

use super::expression::{At, Clause};
use super::scope::folded;
use super::select::{BoundQuery, Item, QueryColumn, SortKey, SortTarget};
use super::{Binder, place_of};
use crate::{Error, Result};

/// The expressions of an ORDER BY clause.
pub(crate) fn expressions(order_by: Option<&ast::OrderBy>) -> Result<&[ast::OrderByExpr]> {
    match order_by {
        None => Ok(&[]),
        Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(list), interpolate: None }) => Ok(list),
        Some(_) => Err(Error::unsupported("ORDER BY ALL is not supported")),
    }
}

/// Ascending unless said otherwise; NULLs count as larger than everything.
pub(crate) fn direction(options: ast::OrderByOptions) -> (bool, bool) {
    let ascending = options.asc.unwrap_or(true);
    (ascending, options.nulls_first.unwrap_or(!ascending))
}

/// The item a number in GROUP BY or ORDER BY means, from 0.
pub(crate) fn ordinal(expr: &ast::Expr, items: usize, construct: &str) -> Result<Option<usize>> {
    let ast::Expr::Value(value) = expr else {
        return Ok(None);
    };
    match &value.value {
        ast::Value::Number(text, _) => match text.parse::<usize>() {
            Ok(number) if (1..=items).contains(&number) => Ok(Some(number - 1)),
            Ok(number) => {
                Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, format!("{construct} position {number} is not in select list"))
                    .at(place_of(expr)))
            }
            Err(_) => Err(Error::new(SqlState::SYNTAX_ERROR, format!("non-integer constant in {construct}")).at(place_of(expr))),
        },
        ast::Value::SingleQuotedString(_) | ast::Value::Boolean(_) | ast::Value::Null => {
            Err(Error::new(SqlState::SYNTAX_ERROR, format!("non-integer constant in {construct}")).at(place_of(expr)))
        }
        _ => Ok(None),
    }
}

impl Binder<'_> {
    pub(crate) fn sort_keys(&self, order: &[ast::OrderByExpr], items: &[Item], at: At<'_>) -> Result<Vec<SortKey>> {
        let at = at.within(Clause::OrderBy);
        let mut keys = Vec::with_capacity(order.len());
        for key in order {
            let target = self.sort_target(&key.expr, items, at, "ORDER BY")?;
            let (ascending, nulls_first) = direction(key.options);
            keys.push(SortKey { target, ascending, nulls_first });
        }
        Ok(keys)
    }

    /// What a sort expression means: an output name first (PostgreSQL's rule for a bare name), a number an ordinal,
    /// otherwise an expression over the select's input.
    pub(crate) fn sort_target(&self, expr: &ast::Expr, items: &[Item], at: At<'_>, construct: &str) -> Result<SortTarget> {
        if let Some(index) = ordinal(expr, items.len(), construct)? {
            return Ok(SortTarget::Item(index));
        }
        if let ast::Expr::Identifier(name) = expr {
            let name = folded(name);
            let mut matches = items.iter().enumerate().filter(|(_, item)| item.name == name);
            if let Some((index, first)) = matches.next() {
                if matches.any(|(_, other)| other.typed.expr != first.typed.expr) {
                    return Err(Error::new(SqlState::AMBIGUOUS_COLUMN, format!("{construct} \"{name}\" is ambiguous")).at(place_of(expr)));
                }
                return self.sortable(index, items);
            }
        }
        let typed = self.expr(expr, at)?;
        let typed = self.settle(typed)?;
        Ok(SortTarget::Expression(self.sort_value(typed)?))
    }

    /// An item sorts by itself unless its type sorts by another value.
    fn sortable(&self, index: usize, items: &[Item]) -> Result<SortTarget> {
        let Some(item) = items.get(index) else {
            return Ok(SortTarget::Item(index));
        };
        let value = self.sort_value(item.typed.clone())?;
        Ok(if value.expr == item.typed.expr { SortTarget::Item(index) } else { SortTarget::Expression(value) })
    }

    /// Sorts a bound query by names and positions of its output: the ORDER BY behind a set operation.
    pub(crate) fn sort_output(&self, query: BoundQuery, order: &[ast::OrderByExpr]) -> Result<BoundQuery> {
        if order.is_empty() {
            return Ok(query);
        }
        let mut sorts = Vec::with_capacity(order.len());
        for key in order {
            let column = output_column(&key.expr, &query.columns)?;
            let (ascending, nulls_first) = direction(key.options);
            let value = self.sort_value(super::typed::Typed::new(Expr::Column(column.column.clone()), column.ty))?;
            sorts.push(SortExpr::new(value.expr, ascending, nulls_first));
        }
        let plan = LogicalPlanBuilder::from(query.plan).sort(sorts)?.build()?;
        Ok(BoundQuery { plan, columns: query.columns })
    }

    /// LIMIT, OFFSET and FETCH FIRST.
    pub(crate) fn limit(&self, query: BoundQuery, ast: &ast::Query, sort: &[SortExpr], at: At<'_>) -> Result<BoundQuery> {
        let at = at.within(Clause::Limit);
        let (limit, offset) = match &ast.limit_clause {
            None => (None, None),
            Some(ast::LimitClause::LimitOffset { limit, offset, limit_by }) => {
                if !limit_by.is_empty() {
                    return Err(Error::unsupported("LIMIT BY is not supported"));
                }
                (limit.as_ref(), offset.as_ref().map(|o| &o.value))
            }
            Some(ast::LimitClause::OffsetCommaLimit { .. }) => {
                return Err(
                    Error::new(SqlState::SYNTAX_ERROR, "LIMIT #,# syntax is not supported").hint("Use separate LIMIT and OFFSET clauses.")
                );
            }
        };
        let skip = offset.map(|o| self.row_count(o, "OFFSET", at)).transpose()?.flatten();
        let mut fetch = limit.map(|l| self.row_count(l, "LIMIT", at)).transpose()?.flatten();
        let mut ties = false;
        if let Some(clause) = &ast.fetch {
            if clause.percent {
                return Err(Error::unsupported("FETCH ... PERCENT is not supported"));
            }
            fetch = match &clause.quantity {
                Some(quantity) => self.row_count(quantity, "LIMIT", at)?,
                None => Some(lit(1_i64)),
            };
            ties = clause.with_ties;
        }
        if ties {
            return self.with_ties(query, skip, fetch, sort);
        }
        if skip.is_none() && fetch.is_none() {
            return Ok(query);
        }
        let plan = LogicalPlanBuilder::from(query.plan).limit_by_expr(skip, fetch)?.build()?;
        Ok(BoundQuery { plan, columns: query.columns })
    }

    /// A row count: a constant, or a parameter; NULL is no limit.
    fn row_count(&self, expr: &ast::Expr, clause: &str, at: At<'_>) -> Result<Option<Expr>> {
        if matches!(expr, ast::Expr::Identifier(name) if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all")) {
            return Ok(None);
        }
        let typed = self.expr(expr, at)?;
        if typed.is_null_literal() {
            return Ok(None);
        }
        let typed = self.assign(typed, PgType::INT8, clause)?;
        match self.constant(&typed)? {
            Some(ScalarValue::Int64(None)) => Ok(None),
            Some(ScalarValue::Int64(Some(rows))) if rows < 0 => {
                let state = if clause == "OFFSET" {
                    SqlState::INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE
                } else {
                    SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE
                };
                Err(Error::new(state, format!("{clause} must not be negative")))
            }
            Some(value) => Ok(Some(lit(value))),
            None if matches!(typed.expr, Expr::Placeholder(_)) => Ok(Some(typed.expr)),
            None => Err(Error::unsupported(format!("{clause} must be a constant"))),
        }
    }

    /// FETCH FIRST n ROWS WITH TIES: rows whose rank is within the limit.
    fn with_ties(&self, query: BoundQuery, skip: Option<Expr>, fetch: Option<Expr>, sort: &[SortExpr]) -> Result<BoundQuery> {
        let (Some(fetch), None) = (fetch, &skip) else {
            return Err(Error::unsupported("WITH TIES together with OFFSET is not supported"));
        };
        let exprs: Vec<Expr> = query.columns.iter().map(|c| Expr::Column(c.column.clone())).collect();
        // The keys may have been left out of the select list.
        let (input, exprs, sort) = match query.plan {
            LogicalPlan::Projection(projection) if sort.is_empty() => {
                let sort = super::query::leading_sort(&projection.input);
                (std::sync::Arc::unwrap_or_clone(projection.input), projection.expr, sort)
            }
            other => (other, exprs, sort.to_vec()),
        };
        if sort.is_empty() {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "WITH TIES cannot be specified without ORDER BY clause"));
        }
        let number = self.fresh("rank");
        let rank = super::window::ranked(sort.clone()).alias(number.clone());
        let within = Expr::Column(datafusion::common::Column::new_unqualified(number))
            .lt_eq(datafusion::logical_expr::cast(fetch, arrow::datatypes::DataType::UInt64));
        let plan: LogicalPlan = LogicalPlanBuilder::from(input).window(vec![rank])?.filter(within)?.sort(sort)?.project(exprs)?.build()?;
        Ok(BoundQuery { plan, columns: query.columns })
    }
}

/// The output column an ORDER BY behind a set operation names.
fn output_column<'q>(expr: &ast::Expr, columns: &'q [QueryColumn]) -> Result<&'q QueryColumn> {
    if let Some(index) = ordinal(expr, columns.len(), "ORDER BY")? {
        return columns.get(index).ok_or_else(|| Error::new(SqlState::INTERNAL_ERROR, "a position outside the select list"));
    }
    if let ast::Expr::Identifier(name) = expr {
        let name = folded(name);
        return columns
            .iter()
            .find(|c| c.name == name)
            .ok_or_else(|| Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist")).at(place_of(expr)));
    }
    Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "invalid UNION/INTERSECT/EXCEPT ORDER BY clause")
        .detail("Only result column names can be used, not expressions or functions.")
        .hint("Add the expression/function to every SELECT, or move the UNION into a FROM clause.")
        .at(place_of(expr)))
}
