//! FROM: tables, views, subqueries and functions as relations with a scope.

use std::sync::Arc;

use datafusion::common::{Column, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder, Subquery};
use datafusion::sql::sqlparser::ast::{self, Ident, ObjectName, TableFactor};
use kura_catalog::{Relation, Table};
use kura_pgtypes::SqlState;

use super::expression::{At, Clause};
use super::query::rename;
use super::scope::{CteBody, Env, Scope, ScopeColumn, folded};
use super::select::{BoundQuery, QueryColumn};
use super::{Binder, position_of};
use crate::authorize::Need;
use crate::{Error, Result};

/// Words that PostgreSQL reserves and the grammar crate takes for the name of a table.
const RESERVED: [&str; 10] = ["where", "group", "order", "having", "limit", "offset", "union", "except", "intersect", "on"];

/// An item of FROM.
pub(crate) enum Factor {
    /// A relation of its own.
    Relation(LogicalPlan, Scope),
    /// Rows made from each row to the left of it: set-returning functions over its columns.
    Expand {
        /// The lists, over the columns to the left, and the columns their elements become.
        lists: Vec<(Expr, Column)>,
        /// The new columns.
        scope: Scope,
    },
}

impl Binder<'_> {
    /// The FROM clause; without one, a single row without columns.
    pub(crate) fn from(&self, from: &[ast::TableWithJoins], env: &Env<'_>) -> Result<(LogicalPlan, Scope)> {
        let mut left: Option<(LogicalPlan, Scope)> = None;
        for item in from {
            left = Some(self.joined(left, item, env)?);
        }
        Ok(left.unwrap_or_else(|| {
            let plan = LogicalPlan::EmptyRelation(EmptyRelation {
                produce_one_row: true,
                schema: Arc::new(datafusion::common::DFSchema::empty()),
            });
            (plan, Scope::default())
        }))
    }

    /// Binds one item of FROM. `left`: the columns to the left of it, which LATERAL items and functions may use.
    pub(crate) fn factor(&self, factor: &TableFactor, left: Option<&Scope>, env: &Env<'_>) -> Result<Factor> {
        let (plan, scope) = match factor {
            TableFactor::Table { name, args: Some(args), with_ordinality, alias, .. } => {
                return self.table_function(name, &args.args, *with_ordinality, alias.as_ref(), left, env);
            }
            TableFactor::Function { name, args, with_ordinality, alias, .. } => {
                return self.table_function(name, args, *with_ordinality, alias.as_ref(), left, env);
            }
            TableFactor::UNNEST { array_exprs, with_ordinality, alias, with_offset: false, .. } => {
                return self.unnest(array_exprs, *with_ordinality, alias.as_ref(), left, env);
            }
            TableFactor::Table { name, alias, sample: None, version: None, .. } => self.named(name, alias.as_ref(), env)?,
            TableFactor::Derived { lateral, subquery, alias, .. } => {
                let (plan, scope) = self.derived(*lateral, subquery, alias.as_ref(), left, env)?;
                if let (true, LogicalPlan::Subquery(inner)) = (*lateral, &plan)
                    && let Some(lists) = self.computed(&inner.subquery, &scope)?
                {
                    return Ok(Factor::Expand { lists, scope });
                }
                return Ok(Factor::Relation(plan, scope));
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let (plan, mut scope) = self.joined(None, table_with_joins, env)?;
                if let Some(alias) = alias {
                    scope = aliased(scope.visible().cloned().collect(), alias)?;
                }
                (plan, scope)
            }
            other => {
                return Err(Error::unsupported(format!(
                    "this item of FROM is not supported: {}",
                    super::output::excerpt(&other.to_string())
                )));
            }
        };
        Ok(Factor::Relation(plan, scope))
    }

    /// A subquery in FROM.
    fn derived(
        &self,
        lateral: bool,
        subquery: &ast::Query,
        alias: Option<&ast::TableAlias>,
        left: Option<&Scope>,
        env: &Env<'_>,
    ) -> Result<(LogicalPlan, Scope)> {
        let empty = Scope::default();
        let around = match left {
            Some(left) if lateral => Env { scope: left, ..*env },
            // Without LATERAL only the queries around this one and the WITH queries are in reach.
            _ => Env { scope: &empty, ..*env },
        };
        let bound = self.query(subquery, Some(&around))?;
        let plan = self.exact_fields(bound.plan.clone(), &bound.columns)?;
        let columns = exact_columns(&plan, bound);
        let outer = plan.all_out_ref_exprs();
        let plan = if lateral && !outer.is_empty() {
            LogicalPlan::Subquery(Subquery { subquery: Arc::new(plan), outer_ref_columns: outer, spans: datafusion::common::Spans::new() })
        } else {
            plan
        };
        let name = alias.map(|a| folded(&a.name));
        let columns = columns.into_iter().map(|c| scope_column(c, name.clone())).collect();
        let scope = match alias {
            Some(alias) => aliased(columns, alias)?,
            None => Scope { columns },
        };
        Ok((plan, scope))
    }

    /// `LATERAL (SELECT expressions)` without FROM: the expressions over the columns to the left, as lists of one.
    fn computed(&self, plan: &LogicalPlan, scope: &Scope) -> Result<Option<Vec<(Expr, Column)>>> {
        use datafusion::common::tree_node::{Transformed, TreeNode};
        let LogicalPlan::Projection(projection) = plan else {
            return Ok(None);
        };
        let over_nothing = matches!(&*projection.input, LogicalPlan::EmptyRelation(empty) if empty.produce_one_row);
        if !over_nothing || scope.columns.iter().any(|c| c.ty.array) {
            return Ok(None);
        }
        let mut lists = Vec::with_capacity(scope.columns.len());
        for (expr, column) in projection.expr.iter().zip(&scope.columns) {
            let own = expr.clone().unalias().transform_up(|node| {
                Ok(match node {
                    Expr::OuterReferenceColumn(_, column) => Transformed::yes(Expr::Column(column)),
                    other => Transformed::no(other),
                })
            })?;
            lists.push((
                datafusion::functions_nested::make_array::make_array(vec![own.data]),
                Column::new_unqualified(column.column.name.clone()),
            ));
        }
        Ok(Some(lists))
    }

    /// A relation by name: WITH query, table or view.
    fn named(&self, name: &ObjectName, alias: Option<&ast::TableAlias>, env: &Env<'_>) -> Result<(LogicalPlan, Scope)> {
        let parts = super::object::parts(name)?;
        if let [only] = parts.as_slice() {
            let reserved = only.quote_style.is_none() && RESERVED.contains(&only.value.to_lowercase().as_str());
            if reserved {
                return Err(Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{}\"", only.value)).at(position_of(only)));
            }
        }
        let (plan, columns) = self.relation_columns(&parts, env)?;
        let own = alias.map_or_else(|| parts.last().map(folded).unwrap_or_default(), |a| folded(&a.name));
        let columns = columns.into_iter().map(|c| scope_column(c, Some(own.clone()))).collect();
        let scope = match alias {
            Some(alias) => aliased(columns, alias)?,
            None => Scope { columns },
        };
        Ok((plan, scope))
    }

    /// TABLE name.
    pub(crate) fn whole_table(&self, parts: &[Ident], env: &Env<'_>) -> Result<BoundQuery> {
        let (plan, columns) = self.relation_columns(parts, env)?;
        Ok(BoundQuery { plan, columns })
    }

    fn relation_columns(&self, parts: &[Ident], env: &Env<'_>) -> Result<(LogicalPlan, Vec<QueryColumn>)> {
        if let [name] = parts
            && let Some(cte) = env.cte(&folded(name))
        {
            cte.used.set(true);
            return match &cte.body {
                CteBody::WorkTable { table } => table.scan(self),
                CteBody::Part(rows) => rows.scan(self).map_err(|error| error.at(position_of(name))),
                CteBody::Query { .. } => {
                    let bound = self.cte_query(cte)?;
                    let plan = self.exact_fields(bound.plan.clone(), &bound.columns)?;
                    let columns = exact_columns(&plan, bound);
                    Ok((plan, columns))
                }
            };
        }
        let relation = self.find_relation(parts)?;
        self.reads_relation(relation.id());
        match relation {
            Relation::Table(table) => {
                self.need(Need::Read { owner: table.owner, kind: "table", name: table.name.clone() });
                self.scan(&table)
            }
            Relation::View(view) => {
                self.need(Need::Read { owner: view.owner, kind: "view", name: view.name.clone() });
                let bound = self.view_query(&view)?;
                let plan = self.exact_fields(bound.plan.clone(), &bound.columns)?;
                let columns = exact_columns(&plan, bound);
                Ok((plan, columns))
            }
        }
    }

    /// A scan of a table, each of its columns under a name of its own.
    pub(crate) fn scan(&self, table: &Arc<Table>) -> Result<(LogicalPlan, Vec<QueryColumn>)> {
        table.check_readable().map_err(|error| Error::Sql(kura_pgtypes::Diagnostic::to_sql_error(&error)))?;
        let names: Vec<String> = table.columns.iter().map(|c| self.fresh(&c.name)).collect();
        let provider = kura_storage::Table::new(Arc::clone(&self.context.storage), Arc::clone(table), names.clone());
        let reference = TableReference::bare(table.name.clone());
        let plan = LogicalPlanBuilder::scan(reference.clone(), provider_as_source(Arc::new(provider)), None)?.build()?;
        let columns = table
            .columns
            .iter()
            .zip(names)
            .enumerate()
            .map(|(index, (column, name))| QueryColumn {
                name: column.name.clone(),
                ty: column.ty,
                column: Column::new(Some(reference.clone()), name),
                origin: Some((table.oid, i16::try_from(index + 1).unwrap_or(0))),
            })
            .collect();
        Ok((plan, columns))
    }

    fn unnest(
        &self,
        arrays: &[ast::Expr],
        ordinality: bool,
        alias: Option<&ast::TableAlias>,
        left: Option<&Scope>,
        env: &Env<'_>,
    ) -> Result<Factor> {
        let empty = Scope::default();
        let around = Env { scope: left.unwrap_or(&empty), ..*env };
        let at = At { env: &around, clause: Clause::From, operand: false };
        let mut lists = Vec::with_capacity(arrays.len());
        for array in arrays {
            let typed = self.expr(array, at)?;
            lists.push(self.array_value(typed)?);
        }
        self.expanded("unnest", lists, ordinality, alias, left)
    }
}

/// Query columns after [`Binder::exact_fields`]: the plan's own fields, in order.
pub(crate) fn exact_columns(plan: &LogicalPlan, bound: BoundQuery) -> Vec<QueryColumn> {
    plan.schema().columns().into_iter().zip(bound.columns).map(|(column, old)| QueryColumn { column, ..old }).collect()
}

pub(crate) fn scope_column(column: QueryColumn, relation: Option<String>) -> ScopeColumn {
    let ty = if column.ty == kura_pgtypes::PgType::UNKNOWN { kura_pgtypes::PgType::TEXT } else { column.ty };
    ScopeColumn { relation, name: column.name, column: column.column, ty, origin: column.origin, merged: false, whole: false }
}

/// Columns under an alias with its column names.
pub(crate) fn aliased(columns: Vec<ScopeColumn>, alias: &ast::TableAlias) -> Result<Scope> {
    let name = folded(&alias.name);
    let mut renamed: Vec<QueryColumn> =
        columns.iter().map(|c| QueryColumn { name: c.name.clone(), ty: c.ty, column: c.column.clone(), origin: c.origin }).collect();
    rename(&mut renamed, &alias.columns, &name).map_err(|error| error.at(position_of(&alias.name)))?;
    Ok(Scope { columns: renamed.into_iter().map(|c| scope_column(c, Some(name.clone()))).collect() })
}

/// "table name "t" specified more than once".
pub(crate) fn check_aliases(left: &Scope, right: &Scope) -> Result<()> {
    let known: std::collections::HashSet<&str> = left.columns.iter().filter_map(|c| c.relation.as_deref()).collect();
    match right.columns.iter().filter_map(|c| c.relation.as_deref()).find(|name| known.contains(name)) {
        Some(name) => Err(Error::new(SqlState::DUPLICATE_ALIAS, format!("table name \"{name}\" specified more than once"))),
        None => Ok(()),
    }
}
