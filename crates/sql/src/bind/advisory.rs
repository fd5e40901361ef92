//! Advisory locks that are waited for: `pg_advisory_lock` and its kin.
//!
//! A lock is waited for before its statement runs, so that no thread of the engine waits and the waits of all sessions can be
//! seen together. So the call must be one that is certain to be evaluated once, with a key known beforehand: an item of a
//! SELECT of nothing but such calls.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};
use datafusion::sql::sqlparser::ast::{self, SetExpr};
use kura_catalog::{LockKey, LockMode, Scope};
use kura_functions::session_info::pair_key;
use kura_pgtypes::PgType;

use super::Binder;
use super::expression::At;
use super::scope::folded;
use super::typed::Typed;
use crate::statement::Lock;
use crate::{Error, Result};

/// Mode and scope of the lock that a function waits for; `None` for other functions.
fn waited_for(name: &str) -> Option<(LockMode, Scope)> {
    Some(match name {
        "pg_advisory_lock" => (LockMode::Exclusive, Scope::Session),
        "pg_advisory_lock_shared" => (LockMode::Share, Scope::Session),
        "pg_advisory_xact_lock" => (LockMode::Exclusive, Scope::Transaction),
        "pg_advisory_xact_lock_shared" => (LockMode::Share, Scope::Transaction),
        _ => return None,
    })
}

impl Binder<'_> {
    /// Says how many calls that wait the statement may have: those of a SELECT that is a list of them.
    pub(super) fn expect_waits(&self, query: &ast::Query) {
        let SetExpr::Select(select) = &*query.body else { return };
        let plain = query.with.is_none()
            && query.order_by.is_none()
            && query.limit_clause.is_none()
            && query.fetch.is_none()
            && select.from.is_empty()
            && select.selection.is_none()
            && select.having.is_none()
            && select.qualify.is_none()
            && select.distinct.is_none()
            && select.top.is_none()
            && matches!(&select.group_by, ast::GroupByExpr::Expressions(list, _) if list.is_empty());
        let calls = select.projection.iter().filter(|item| matches!(called(item), Some(name) if waited_for(&name).is_some())).count();
        if plain && calls == select.projection.len() {
            self.waits_left.set(calls);
        }
    }

    /// A call that waits for a lock; `None` when the function is another.
    pub(super) fn advisory_wait(&self, name: &str, arguments: &[&ast::Expr], at: At<'_>) -> Result<Option<Typed>> {
        let Some((mode, scope)) = waited_for(name) else { return Ok(None) };
        let bound = arguments.iter().map(|argument| self.expr(argument, at)).collect::<Result<Vec<_>>>()?;
        let call = self.scalar_call(name, bound)?;
        let refused = || {
            Error::unsupported(format!("{name} is supported only with a constant key, in a SELECT of nothing else"))
                .hint(format!("Use SELECT {name}(key), or a function that does not wait: pg_try_advisory_lock."))
        };
        let Some(left) = self.waits_left.get().checked_sub(1) else {
            return Err(refused());
        };
        self.waits_left.set(left);
        let Expr::ScalarFunction(function) = &call.expr else {
            return Err(refused());
        };
        let mut key = Vec::with_capacity(function.args.len());
        for argument in &function.args {
            match self.constant(&Typed::new(argument.clone(), PgType::INT8))? {
                Some(value) => key.push(value),
                // Only described: its parameters have no values yet.
                None if self.context.parameters.values.is_none() => return Ok(Some(nothing())),
                None => return Err(refused()),
            }
        }
        let key = match key.as_slice() {
            [ScalarValue::Int64(Some(key))] => LockKey::Advisory { key: *key, pair: false },
            [ScalarValue::Int32(Some(first)), ScalarValue::Int32(Some(second))] => {
                LockKey::Advisory { key: pair_key(*first, *second), pair: true }
            }
            // NULL locks nothing.
            _ => return Ok(Some(nothing())),
        };
        self.lock(Lock { scope, ..Lock::new(key, mode) });
        Ok(Some(nothing()))
    }
}

/// The one value of `void`.
fn nothing() -> Typed {
    Typed::new(lit(ScalarValue::Null), PgType::VOID)
}

/// The function that an item of a select list is a call of.
fn called(item: &ast::SelectItem) -> Option<String> {
    let (ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }) = item else {
        return None;
    };
    match expr {
        ast::Expr::Function(function) => function.name.0.last()?.as_ident().map(folded),
        _ => None,
    }
}
