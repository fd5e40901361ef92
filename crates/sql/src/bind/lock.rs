//! What a statement locks because it says so: LOCK TABLE, and FOR UPDATE and its kin behind a query.
//!
//! Rows are locked all together, a table at a time. What a statement locks because of what it does is in `statement::lock`.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{self, JoinOperator, SetExpr, TableFactor};
use kura_catalog::{LockKey, LockMode, Relation, Table};
use kura_pgtypes::SqlState;

use super::group::Collected;
use super::scope::{Env, Scope, folded};
use super::select::BoundQuery;
use super::{Binder, Query, position_of, query_is_select_into};
use crate::authorize::Need;
use crate::parse::{Locking, Strength};
use crate::statement::{Lock, Statement};
use crate::{Error, Result};

/// An item of FROM to which a locking clause can apply, or cannot.
struct Item<'a> {
    /// The name it goes by.
    name: String,
    factor: &'a TableFactor,
    /// On the side of an outer join that may be NULL.
    nullable: bool,
}

/// What a SELECT calls beside plain functions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Calls {
    aggregates: bool,
    windows: bool,
    series: bool,
}

impl Calls {
    pub(super) fn of(collected: &Collected) -> Self {
        let there = |calls: &[(datafusion::logical_expr::Expr, datafusion::common::Column)]| !calls.is_empty();
        Self { aggregates: there(&collected.aggregates), windows: there(&collected.windows), series: there(&collected.series) }
    }
}

impl Binder<'_> {
    /// Notes a lock of the statement.
    pub(super) fn lock(&self, lock: Lock) {
        self.locks.borrow_mut().push(lock);
    }

    /// LOCK TABLE.
    pub(super) fn lock_tables(&self, lock: &ast::Lock) -> Result<Statement> {
        let mode = lock.lock_mode.as_ref().map_or(LockMode::AccessExclusive, mode);
        for target in &lock.tables {
            let parts = super::object::parts(&target.name)?;
            let table = match self.find_relation(&parts)? {
                Relation::Table(table) => table,
                Relation::View(view) => {
                    return Err(Error::unsupported(format!("locking view \"{}\" is not supported", view.name)).hint("Lock its tables."));
                }
            };
            self.need(match mode {
                LockMode::AccessShare => Need::Read { owner: table.owner, kind: "table", name: table.name.clone() },
                _ => Need::Write { owner: table.owner, name: table.name.clone() },
            });
            let written: Vec<String> = parts.iter().map(folded).collect();
            let refusal = lock.nowait.then(|| format!("could not obtain lock on relation \"{}\"", written.join(".")));
            let reads = mode >= LockMode::Share;
            self.lock(Lock { refusal, reads, ..Lock::new(LockKey::Relation(table.id), mode) });
        }
        Ok(Statement::Nothing { tag: "LOCK TABLE" })
    }

    /// A query that stands alone, with locking clauses at its end.
    pub(super) fn locked_query(&self, query: &ast::Query, clauses: &[Locking]) -> Result<Query> {
        if query_is_select_into(query) {
            return Err(Error::unsupported("FOR UPDATE is not supported in SELECT INTO"));
        }
        let bound = self.query_locking(query, clauses)?;
        self.alone(bound)
    }

    /// As [`Self::query`], with locking clauses at its end.
    pub(super) fn query_locking(&self, query: &ast::Query, clauses: &[Locking]) -> Result<BoundQuery> {
        let scope = Scope::default();
        let env = Env { scope: &scope, outer: None, ctes: None, depth: self.depth.get() };
        self.under_with(query.with.as_ref(), env, &mut |env| self.locking_body(query, env, false, clauses))
    }

    /// A query's body with the locking clauses behind it; `clauses`: those cut out of it.
    pub(super) fn locking_body(&self, query: &ast::Query, env: &Env<'_>, unsettled: bool, clauses: &[Locking]) -> Result<BoundQuery> {
        let bound = self.body(query, env, unsettled)?;
        for clause in &query.locks {
            self.lock_rows(&query.body, &Locking::of_clause(clause)?, env)?;
        }
        for clause in clauses {
            self.lock_rows(&query.body, clause, env)?;
        }
        Ok(bound)
    }

    /// Notes what a locking clause behind a body locks. The body has been bound just now.
    fn lock_rows(&self, body: &SetExpr, clause: &Locking, env: &Env<'_>) -> Result<()> {
        let strength = clause.strength;
        let refused = |what: &str| Err(Error::unsupported(format!("{strength} {what}")));
        let select = match body {
            SetExpr::Select(select) => select,
            SetExpr::Query(query) if query.with.is_none() => return self.lock_rows(&query.body, clause, env),
            SetExpr::Values(_) => return refused("cannot be applied to VALUES"),
            SetExpr::SetOperation { .. } => return refused("is not allowed with UNION/INTERSECT/EXCEPT"),
            _ => return refused("is not supported here"),
        };
        self.check_lockable(select, strength)?;
        let mut items = Vec::new();
        for from in &select.from {
            collect(from, false, &mut items);
        }
        if clause.of.is_empty() {
            return items.iter().try_for_each(|item| self.lock_item(item, clause, env, false));
        }
        for name in &clause.of {
            let [name] = name.as_slice() else {
                return Err(Error::new(SqlState::SYNTAX_ERROR, format!("{strength} must specify unqualified relation names")));
            };
            let item = items.iter().find(|item| item.name == folded(name)).ok_or_else(|| {
                let message = format!("relation \"{}\" in {strength} clause not found in FROM clause", folded(name));
                Error::new(SqlState::UNDEFINED_TABLE, message).at(position_of(name))
            })?;
            self.lock_item(item, clause, env, true)?;
        }
        Ok(())
    }

    fn check_lockable(&self, select: &ast::Select, strength: Strength) -> Result<()> {
        let grouped = match &select.group_by {
            ast::GroupByExpr::All(_) => true,
            ast::GroupByExpr::Expressions(list, modifiers) => !(list.is_empty() && modifiers.is_empty()),
        };
        let calls = self.selected.get();
        let obstacles = [
            (select.distinct.is_some(), "DISTINCT clause"),
            (grouped, "GROUP BY clause"),
            (select.having.is_some(), "HAVING clause"),
            (calls.aggregates, "aggregate functions"),
            (calls.windows, "window functions"),
            (calls.series, "set-returning functions in the target list"),
        ];
        match obstacles.into_iter().find(|(there, _)| *there) {
            Some((_, what)) => Err(Error::unsupported(format!("{strength} is not allowed with {what}"))),
            None => Ok(()),
        }
    }

    /// `named`: the clause names this item. What cannot be locked is passed over otherwise, where PostgreSQL does so.
    fn lock_item(&self, item: &Item<'_>, clause: &Locking, env: &Env<'_>, named: bool) -> Result<()> {
        let strength = clause.strength;
        let refused = |what: &str| if named { Err(Error::unsupported(format!("{strength} cannot be applied to {what}"))) } else { Ok(()) };
        let name = match item.factor {
            TableFactor::Table { name, args: None, .. } => name,
            TableFactor::Table { .. } | TableFactor::Function { .. } | TableFactor::UNNEST { .. } => return refused("a function"),
            TableFactor::NestedJoin { .. } => return refused("a join"),
            _ => return Err(not_a_table(strength, "a subquery in FROM")),
        };
        let parts = super::object::parts(name)?;
        if let [only] = parts.as_slice()
            && env.cte(&folded(only)).is_some()
        {
            return refused("a WITH query");
        }
        let table = match self.find_relation(&parts)? {
            Relation::Table(table) => table,
            Relation::View(_) => return Err(not_a_table(strength, "a view")),
        };
        if item.nullable {
            return Err(Error::unsupported(format!("{strength} cannot be applied to the nullable side of an outer join")));
        }
        self.need(Need::Write { owner: table.owner, name: table.name.clone() });
        self.lock_table_rows(&table, clause);
        Ok(())
    }

    fn lock_table_rows(&self, table: &Arc<Table>, clause: &Locking) {
        let mode = match clause.strength {
            Strength::KeyShare => LockMode::RowShare,
            Strength::Share => LockMode::Share,
            Strength::NoKeyUpdate => LockMode::ShareRowExclusive,
            Strength::Update => LockMode::Exclusive,
        };
        let refusal = clause.nowait.then(|| format!("could not obtain lock on row in relation \"{}\"", table.name));
        self.lock(Lock { refusal: refusal.clone(), ..Lock::new(LockKey::Relation(table.id), LockMode::RowShare) });
        self.lock(Lock { refusal, ..Lock::new(LockKey::Rows(table.id), mode) });
        let strongest = self.row_strength.get().map_or(clause.strength, |other| other.max(clause.strength));
        self.row_strength.set(Some(strongest));
    }
}

/// Whether a statement runs the queries it was bound with: where it does not, what they would lock stays unlocked.
pub(super) fn runs_queries(statement: &Statement) -> bool {
    match statement {
        Statement::Explain { analyze, .. } => *analyze,
        Statement::CreateView { .. } | Statement::DropRelations { .. } | Statement::DropSchema { .. } => false,
        Statement::AlterTable(_) | Statement::AlterObject(_) | Statement::Comment { .. } | Statement::Truncate { .. } => false,
        _ => true,
    }
}

fn mode(mode: &ast::LockTableMode) -> LockMode {
    match mode {
        ast::LockTableMode::AccessShare => LockMode::AccessShare,
        ast::LockTableMode::RowShare => LockMode::RowShare,
        ast::LockTableMode::RowExclusive => LockMode::RowExclusive,
        ast::LockTableMode::ShareUpdateExclusive => LockMode::ShareUpdateExclusive,
        ast::LockTableMode::Share => LockMode::Share,
        ast::LockTableMode::ShareRowExclusive => LockMode::ShareRowExclusive,
        ast::LockTableMode::Exclusive => LockMode::Exclusive,
        ast::LockTableMode::AccessExclusive => LockMode::AccessExclusive,
    }
}

fn not_a_table(strength: Strength, what: &str) -> Error {
    Error::unsupported(format!("{strength} of {what} is not supported")).hint("Name the tables to lock with OF.")
}

/// The items of FROM, those inside parentheses as well; a join with an alias is one item.
fn collect<'a>(from: &'a ast::TableWithJoins, nullable: bool, items: &mut Vec<Item<'a>>) {
    let start = items.len();
    collect_factor(&from.relation, nullable, items);
    for join in &from.joins {
        let (left, right) = match join.join_operator {
            JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => (false, true),
            JoinOperator::Right(_) | JoinOperator::RightOuter(_) => (true, false),
            JoinOperator::FullOuter(_) => (true, true),
            _ => (false, false),
        };
        for item in items.iter_mut().skip(start) {
            item.nullable |= left;
        }
        collect_factor(&join.relation, nullable || right, items);
    }
}

fn collect_factor<'a>(factor: &'a TableFactor, nullable: bool, items: &mut Vec<Item<'a>>) {
    let (alias, own) = match factor {
        TableFactor::NestedJoin { table_with_joins, alias: None } => return collect(table_with_joins, nullable, items),
        TableFactor::Table { name, alias, .. } => (alias, name.0.last().and_then(|part| part.as_ident()).map(folded)),
        TableFactor::Function { alias, name, .. } => (alias, name.0.last().and_then(|part| part.as_ident()).map(folded)),
        TableFactor::NestedJoin { alias, .. } | TableFactor::Derived { alias, .. } | TableFactor::UNNEST { alias, .. } => (alias, None),
        _ => (&None, None),
    };
    let name = alias.as_ref().map(|alias| folded(&alias.name)).or(own).unwrap_or_default();
    items.push(Item { name, factor, nullable });
}
