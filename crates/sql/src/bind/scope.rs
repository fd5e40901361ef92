//! What names mean at a place in a query: the columns of FROM, the scopes around a subquery, the CTEs in reach.

use std::cell::Cell;
use std::rc::Rc;

use datafusion::common::Column;
use datafusion::sql::sqlparser::ast::{self, Ident};
use kura_pgtypes::{PgType, SqlState};

use super::position_of;
use crate::{Error, Result};

/// A column that names can reach.
#[derive(Clone, Debug)]
pub(crate) struct ScopeColumn {
    /// The relation's alias, when it has one.
    pub(crate) relation: Option<String>,
    /// The name users write.
    pub(crate) name: String,
    /// The plan's column; its name is unique in the plan.
    pub(crate) column: Column,
    /// Its type.
    pub(crate) ty: PgType,
    /// OID and 1-based column number of the table it comes from unchanged.
    pub(crate) origin: Option<(u32, i16)>,
    /// Found only through its relation's name: USING made one column of this and another.
    pub(crate) merged: bool,
    /// All there is of its relation, a function of one value: the relation's name alone means it too.
    pub(crate) whole: bool,
}

/// The columns of a FROM clause, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) columns: Vec<ScopeColumn>,
}

/// A scope and those around it.
#[derive(Clone, Copy)]
pub(crate) struct Env<'e> {
    /// The query's own columns.
    pub(crate) scope: &'e Scope,
    /// The query around this one.
    pub(crate) outer: Option<&'e Env<'e>>,
    /// CTEs in reach.
    pub(crate) ctes: Option<&'e Ctes<'e>>,
    /// Subqueries of expressions around this scope.
    pub(crate) depth: usize,
}

/// A list of WITH queries, innermost first.
pub(crate) struct Ctes<'e> {
    pub(crate) entry: Cte<'e>,
    pub(crate) before: Option<&'e Ctes<'e>>,
}

/// One WITH query.
pub(crate) struct Cte<'e> {
    pub(crate) name: String,
    pub(crate) body: CteBody<'e>,
    pub(crate) used: Cell<bool>,
}

/// How a reference to a WITH query is planned.
pub(crate) enum CteBody<'e> {
    /// Bound anew at each reference, so that every column name in the plan stays unique.
    Query { ast: &'e ast::Cte, outer: Option<&'e Env<'e>>, recursive: bool },
    /// A query that changes rows, bound already.
    Part(super::part::PartRows),
    /// The working table inside a recursive term.
    WorkTable { table: Rc<super::recursive::WorkTable> },
}

/// A column found by name.
pub(crate) struct Found<'s> {
    pub(crate) column: &'s ScopeColumn,
    /// Queries between the reference and the column: 0 is its own query.
    pub(crate) level: usize,
    /// Subqueries of expressions around the column's scope.
    pub(crate) depth: usize,
}

impl<'e> Env<'e> {
    /// Finds a column by the parts of its name, in this scope, then in those around it.
    pub(crate) fn find(&self, parts: &[Ident]) -> Result<Option<Found<'e>>> {
        let mut env = Some(self);
        let mut level = 0;
        while let Some(current) = env {
            if let Some(column) = current.scope.find(parts)? {
                return Ok(Some(Found { column, level, depth: current.depth }));
            }
            env = current.outer;
            level += 1;
        }
        Ok(None)
    }

    /// Finds a WITH query by name.
    pub(crate) fn cte(&self, name: &str) -> Option<&'e Cte<'e>> {
        let mut env: Option<&Env<'e>> = Some(self);
        while let Some(current) = env {
            let mut list = current.ctes;
            while let Some(ctes) = list {
                if ctes.entry.name == name {
                    return Some(&ctes.entry);
                }
                list = ctes.before;
            }
            env = current.outer;
        }
        None
    }
}

impl Scope {
    /// Finds a column by `name` or `relation.name` (with a schema in front ignored: relations are known by alias).
    pub(crate) fn find(&self, parts: &[Ident]) -> Result<Option<&ScopeColumn>> {
        let (name, relation) = match parts {
            [name] => (folded(name), None),
            [.., relation, name] => (folded(name), Some(folded(relation))),
            [] => return Ok(None),
        };
        let mut matches = self.columns.iter().filter(|c| {
            c.name == name
                && match &relation {
                    Some(relation) => c.relation.as_deref() == Some(relation),
                    None => !c.merged,
                }
        });
        let Some(first) = matches.next() else {
            return Ok(None);
        };
        if matches.next().is_some() {
            return Err(Error::new(SqlState::AMBIGUOUS_COLUMN, format!("column reference \"{name}\" is ambiguous"))
                .at(parts.first().and_then(position_of)));
        }
        Ok(Some(first))
    }

    /// The one value of a relation that is a function.
    pub(crate) fn whole(&self, relation: &str) -> Option<&ScopeColumn> {
        self.columns.iter().find(|c| c.whole && c.relation.as_deref() == Some(relation))
    }

    /// Whether a relation of this name is in the scope.
    pub(crate) fn has_relation(&self, name: &str) -> bool {
        self.columns.iter().any(|c| c.relation.as_deref() == Some(name))
    }

    /// The columns that `*` stands for.
    pub(crate) fn visible(&self) -> impl Iterator<Item = &ScopeColumn> {
        self.columns.iter().filter(|c| !c.merged)
    }
}

/// An identifier as PostgreSQL folds it.
pub(crate) fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}
