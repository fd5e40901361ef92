//! Queries of a WITH list that change rows. Each is bound once, against the statement's snapshot, and runs before the rest of the
//! statement; a reference to it reads the rows it returned.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::{Column, TableReference};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, SetExpr};
use kura_pgtypes::SqlState;

use super::modify::Modification;
use super::scope::{Env, Scope, folded};
use super::select::{BoundQuery, QueryColumn};
use super::{Binder, position_of};
use crate::parse::modified;
use crate::statement::{Modify, Part, Statement};
use crate::{Error, Result};

/// What a reference to such a query reads.
pub(crate) struct PartRows {
    name: String,
    /// `None` when there is no RETURNING.
    rows: Option<(Arc<MemTable>, Vec<QueryColumn>)>,
}

impl PartRows {
    /// A scan of the rows; its columns under fresh names.
    pub(crate) fn scan(&self, binder: &Binder<'_>) -> Result<(LogicalPlan, Vec<QueryColumn>)> {
        let Some((rows, known)) = &self.rows else {
            return Err(Error::unsupported(format!("WITH query \"{}\" does not have a RETURNING clause", self.name)));
        };
        let reference = TableReference::bare(binder.fresh(&self.name));
        let mut exprs = Vec::with_capacity(known.len());
        let mut columns = Vec::with_capacity(known.len());
        for column in known {
            let fresh = binder.fresh_column(&column.name);
            exprs.push(Expr::Column(Column::new(Some(reference.clone()), column.column.name.clone())).alias(fresh.name.clone()));
            columns.push(QueryColumn { column: fresh, ..column.clone() });
        }
        let source = provider_as_source(Arc::clone(rows) as _);
        let plan = LogicalPlanBuilder::scan(reference, source, None)?.project(exprs)?.build()?;
        Ok((plan, columns))
    }
}

impl Binder<'_> {
    /// Binds a query of a WITH list if it changes rows; `None` when it does not.
    pub(crate) fn part(&self, cte: &ast::Cte, recursive: bool, env: &Env<'_>) -> Result<Option<PartRows>> {
        let Some(statement) = modified(&cte.query.body) else {
            return Ok(None);
        };
        let position = position_of(&cte.alias.name);
        if matches!(&*cte.query.body, SetExpr::Merge(_)) {
            return Err(Error::unsupported("MERGE not supported in WITH query").at(position));
        }
        if env.outer.is_some() || self.depth.get() > 0 || self.is_in_view() {
            let message = "WITH clause containing a data-modifying statement must be at the top level";
            return Err(Error::unsupported(message).at(position));
        }
        let name = folded(&cte.alias.name);
        if recursive && super::recursive::refers_to(&cte.query, &name) {
            let message = format!("recursive query \"{name}\" must not contain data-modifying statements");
            return Err(Error::new(SqlState::INVALID_RECURSION, message).at(position));
        }
        // What the query's own WITH list changes would not be at the top level.
        let inner = Env { outer: Some(env), ..*env };
        let mut part = self.part_of(cte.query.with.as_ref(), statement, name, inner)?;
        if let Some((_, columns)) = &mut part.rows {
            super::query::rename(columns, &cte.alias.columns, &part.name)?;
        }
        Ok(Some(part))
    }

    /// Binds a statement that changes rows as a part of the whole.
    fn part_of(&self, with: Option<&ast::With>, statement: &ast::Statement, name: String, env: Env<'_>) -> Result<PartRows> {
        let Statement::Modify(modify) = self.modification_in(with, Modification::Sql(statement), true, env)? else {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "a change of rows that is not bound as one"));
        };
        let (rows, columns) = returned(&modify)?;
        let referred = modify.returning.is_some().then(|| (Arc::clone(&rows), columns));
        self.parts.borrow_mut().push(Part { modify: Modify { everything: false, ..*modify }, rows });
        Ok(PartRows { name, rows: referred })
    }

    /// `COPY (INSERT … RETURNING …) TO`: the rows that the statement returns.
    pub(crate) fn copied_change(&self, with: Option<&ast::With>, statement: &ast::Statement) -> Result<BoundQuery> {
        let scope = Scope::default();
        let part = self.part_of(with, statement, "copied".to_owned(), super::empty_env(&scope))?;
        if part.rows.is_none() {
            return Err(Error::unsupported("COPY query must have a RETURNING clause"));
        }
        let (plan, columns) = part.scan(self)?;
        Ok(BoundQuery { plan, columns })
    }
}

/// An empty table for the rows that a statement returns, and its columns.
fn returned(modify: &Modify) -> Result<(Arc<MemTable>, Vec<QueryColumn>)> {
    let columns = modify.returning.as_deref().unwrap_or_default();
    let all = modify.source.schema().fields();
    let fields = all.iter().skip(all.len().saturating_sub(columns.len()));
    let fields: Vec<Field> = fields.map(|field| field.as_ref().clone().with_nullable(true)).collect();
    let known = columns.iter().zip(&fields).map(|(column, field)| QueryColumn {
        name: column.name.clone(),
        ty: column.ty,
        column: Column::new_unqualified(field.name().clone()),
        origin: (column.table_oid != 0).then_some((column.table_oid, column.attnum)),
    });
    let known = known.collect();
    Ok((Arc::new(MemTable::try_new(Arc::new(Schema::new(fields)), vec![Vec::new()])?), known))
}

/// A statement with the changes of its WITH list.
///
/// # Errors
/// 0A000 where such a list may not stand.
pub(super) fn with_parts(statement: Statement, parts: Vec<Part>) -> Result<Statement> {
    if parts.is_empty() {
        return Ok(statement);
    }
    let body = match statement {
        Statement::Modify(modify) => Statement::Modify(Box::new(Modify { everything: false, ..*modify })),
        body @ (Statement::Query(_) | Statement::Insert { .. } | Statement::CopyTo { .. }) => body,
        other => return Err(Error::unsupported(format!("data-modifying statements in WITH are not supported in {}", other.command()))),
    };
    Ok(Statement::With { parts, body: Box::new(body) })
}
