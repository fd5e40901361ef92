//! GROUP BY: expressions, ordinals, output names, ROLLUP, CUBE and GROUPING SETS.

use datafusion::common::Column;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast;
use kura_pgtypes::{PgType, SqlState};

use super::expression::{At, Clause};
use super::group::mentions;
use super::operator::no_operator;
use super::order::ordinal;
use super::scope::folded;
use super::select::Item;
use super::typed::Typed;
use super::{Binder, place_of};
use crate::{Error, Result};

/// Grouping sets of one query, as in PostgreSQL.
const SETS_MAX: usize = 4096;

/// GROUP BY as a list of grouping sets; one set when there is no ROLLUP or its kin.
#[derive(Default)]
pub(crate) struct Groups {
    pub(crate) sets: Vec<Vec<Expr>>,
}

impl Groups {
    fn simple(set: Vec<Expr>) -> Self {
        Self { sets: vec![set] }
    }

    /// Combines with further sets: every set so far with every new one.
    ///
    /// # Errors
    /// 54001 for more than [`SETS_MAX`].
    fn cross(&mut self, sets: Vec<Vec<Expr>>) -> Result<()> {
        let count = self.sets.len().max(1).saturating_mul(sets.len());
        if count > SETS_MAX {
            return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, format!("too many grouping sets present (maximum {SETS_MAX})")));
        }
        if self.sets.is_empty() {
            self.sets = sets;
            return Ok(());
        }
        let mut product = Vec::with_capacity(count);
        for left in &self.sets {
            for right in &sets {
                product.push(left.iter().chain(right).cloned().collect());
            }
        }
        self.sets = product;
        Ok(())
    }

    /// Every grouping expression once.
    pub(crate) fn distinct_expressions(&self) -> Vec<Expr> {
        let mut list: Vec<Expr> = Vec::new();
        for expr in self.sets.iter().flatten() {
            if !list.contains(expr) {
                list.push(expr.clone());
            }
        }
        list
    }
}

impl Binder<'_> {
    /// GROUP BY: expressions, ordinals, output names, grouping sets.
    pub(crate) fn group_by(&self, group_by: &ast::GroupByExpr, items: &[Item], at: At<'_>) -> Result<Option<Groups>> {
        let at = at.within(Clause::GroupBy);
        let (exprs, modifiers) = match group_by {
            ast::GroupByExpr::All(_) => return Ok(Some(Groups::simple(self.group_by_all(items)))),
            ast::GroupByExpr::Expressions(exprs, modifiers) => (exprs, modifiers),
        };
        if !modifiers.is_empty() {
            return Err(Error::unsupported("this modifier of GROUP BY is not supported"));
        }
        if exprs.is_empty() {
            return Ok(None);
        }
        let mut groups = Groups::default();
        for expr in exprs {
            groups.cross(match expr {
                ast::Expr::Rollup(lists) => rollup(&self.group_lists(lists, items, at)?),
                ast::Expr::Cube(lists) => cube(&self.group_lists(lists, items, at)?)?,
                ast::Expr::GroupingSets(lists) => self.group_lists(lists, items, at)?,
                ast::Expr::Tuple(list) => {
                    vec![list.iter().map(|member| self.group_item(member, items, at)).collect::<Result<_>>()?]
                }
                other => vec![vec![self.group_item(other, items, at)?]],
            })?;
        }
        Ok(Some(groups))
    }

    fn group_by_all(&self, items: &[Item]) -> Vec<Expr> {
        let stack = self.collected.borrow();
        let aggregates: Vec<Column> =
            stack.last().map(|c| c.aggregates.iter().chain(&c.windows).map(|(_, column)| column.clone()).collect()).unwrap_or_default();
        items.iter().map(|i| i.typed.expr.clone()).filter(|e| !mentions(e, &aggregates)).collect()
    }

    fn group_lists(&self, lists: &[Vec<ast::Expr>], items: &[Item], at: At<'_>) -> Result<Vec<Vec<Expr>>> {
        let mut sets = Vec::with_capacity(lists.len());
        for list in lists {
            let mut set = Vec::with_capacity(list.len());
            for expr in list {
                match expr {
                    ast::Expr::Tuple(members) => {
                        for member in members {
                            set.push(self.group_item(member, items, at)?);
                        }
                    }
                    other => set.push(self.group_item(other, items, at)?),
                }
            }
            sets.push(set);
        }
        Ok(sets)
    }

    /// One grouping expression. A bare name is a column of FROM first, an output name second; a number is an ordinal.
    fn group_item(&self, expr: &ast::Expr, items: &[Item], at: At<'_>) -> Result<Expr> {
        if let Some(index) = ordinal(expr, items.len(), "GROUP BY")? {
            return self.grouped_item(items, index, expr);
        }
        if let ast::Expr::Identifier(name) = expr
            && at.env.scope.find(std::slice::from_ref(name))?.is_none()
        {
            let alias = folded(name);
            if let Some(index) = items.iter().position(|i| i.name == alias) {
                return self.grouped_item(items, index, expr);
            }
        }
        let typed = self.expr(expr, at)?;
        self.grouped(typed, expr)
    }

    fn grouped_item(&self, items: &[Item], index: usize, expr: &ast::Expr) -> Result<Expr> {
        let Some(item) = items.get(index) else {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "a grouping position outside the select list"));
        };
        let aggregates =
            self.collected.borrow().last().map(|c| c.aggregates.iter().map(|(_, c)| c.clone()).collect::<Vec<_>>()).unwrap_or_default();
        if mentions(&item.typed.expr, &aggregates) {
            return Err(Error::new(SqlState::GROUPING_ERROR, "aggregate functions are not allowed in GROUP BY").at(place_of(expr)));
        }
        self.grouped(item.typed.clone(), expr)
    }

    /// A value that rows are grouped by.
    fn grouped(&self, typed: Typed, expr: &ast::Expr) -> Result<Expr> {
        if typed.ty == PgType::JSON {
            return Err(no_operator("equality").at(place_of(expr)));
        }
        Ok(self.settle(typed)?.expr)
    }
}

fn rollup(lists: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    (0..=lists.len()).rev().map(|n| lists.iter().take(n).flatten().cloned().collect()).collect()
}

fn cube(lists: &[Vec<Expr>]) -> Result<Vec<Vec<Expr>>> {
    if lists.len() > 12 {
        return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "CUBE is limited to 12 elements"));
    }
    let count = 1_usize << lists.len();
    Ok((0..count)
        .rev()
        .map(|mask| {
            let chosen = lists.iter().enumerate().filter(|(i, _)| mask & (1 << (lists.len() - 1 - i)) != 0);
            chosen.flat_map(|(_, list)| list.iter().cloned()).collect()
        })
        .collect())
}
