//! DELETE.

use datafusion::sql::sqlparser::ast::{self, FromTable};
use kura_pgtypes::SqlState;

use super::modify::{Change, always, misplaced};
use super::scope::Env;
use super::{Binder, place_of};
use crate::statement::{Action, Statement, Twice};
use crate::{Error, Result};

impl Binder<'_> {
    pub(super) fn delete(&self, delete: &ast::Delete, env: &Env<'_>) -> Result<Statement> {
        refuse_foreign(delete)?;
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let [item] = from.as_slice() else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "syntax error at or near \",\"").at(None));
        };
        if let Some(join) = item.joins.first() {
            return Err(misplaced(&join.relation, "JOIN"));
        }
        let target = self.target(&item.relation, "delete from")?;
        let using = delete.using.as_deref().unwrap_or_default();
        let (plan, scope) = self.beside(&target, using, env)?;
        let inner = Env { scope: &scope, ..*env };
        let plan = self.filtered(plan, delete.selection.as_ref(), &inner)?;
        let change = Change {
            command: "DELETE",
            table: target.table,
            twice: Twice::FirstWins,
            plan,
            action: always(Action::Delete),
            place: Some(target.place),
            values: None,
            everything: using.is_empty() && delete.selection.is_none(),
        };
        self.changing(change, delete.returning.as_deref(), &inner)
    }
}

/// Clauses of other systems' DELETE that the grammar reads.
fn refuse_foreign(delete: &ast::Delete) -> Result<()> {
    if let Some(table) = delete.tables.first() {
        return Err(misplaced(table, &table.to_string()));
    }
    if let Some(key) = delete.order_by.first() {
        return Err(misplaced(&key.expr, "ORDER"));
    }
    if let Some(limit) = &delete.limit {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "syntax error at or near \"LIMIT\"").at(place_of(limit)));
    }
    if delete.output.is_some() {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "syntax error at or near \"OUTPUT\""));
    }
    Ok(())
}
