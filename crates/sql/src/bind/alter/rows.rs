//! What ALTER TABLE does to the rows that there are: nothing, a check for NULLs, or writing them anew.

use std::sync::Arc;

use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use kura_catalog::Table;
use kura_pgtypes::{OutputSettings, Scalar, SqlState, encode};

use super::columns::{Draft, Source};
use crate::bind::Binder;
use crate::bind::query::project;
use crate::bind::relation::scope_column;
use crate::bind::scope::Scope;
use crate::bind::select::{BoundQuery, QueryColumn};
use crate::bind::typed::Typed;
use crate::statement::{AlterTable, ExistingRows, NullCheck, Query};
use crate::{Error, Result};

/// The rows of a table before it is altered.
pub(super) struct OldRows {
    plan: LogicalPlan,
    scope: Scope,
}

impl OldRows {
    pub(super) fn new(binder: &Binder<'_>, table: &Arc<Table>) -> Result<Self> {
        let (plan, columns) = binder.scan(table)?;
        let columns = columns.into_iter().map(|column| scope_column(column, Some(table.name.clone()))).collect();
        Ok(Self { plan, scope: Scope { columns } })
    }

    /// The columns under their names, for expressions over them.
    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The values of the column at a position.
    pub(super) fn value(&self, position: usize) -> Result<Typed> {
        let column = self.scope.columns.get(position);
        let column = column.ok_or_else(|| Error::new(SqlState::INTERNAL_ERROR, "a column that the table does not have"))?;
        Ok(Typed::new(Expr::Column(column.column.clone()), column.ty))
    }
}

/// The value of an added column in the rows that there are.
pub(super) enum Initial {
    /// One for all, which the catalog keeps as text for files that do not have the column; `None` is NULL.
    Text(Option<String>),
    /// One for each row, or one that has no text that every reader of the lake understands.
    PerRow,
}

impl Initial {
    pub(super) fn of(binder: &Binder<'_>, value: &Typed) -> Result<Self> {
        let Some(constant) = binder.constant(value)? else {
            return Ok(Self::PerRow);
        };
        if constant.is_null() {
            return Ok(Self::Text(None));
        }
        if value.ty.array || matches!(value.ty.scalar, Scalar::Bytea | Scalar::Interval) {
            return Ok(Self::PerRow);
        }
        let mut text = Vec::new();
        encode::write_text(constant.to_array()?.as_ref(), 0, value.ty, &OutputSettings::default(), &mut text)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(match value.ty.scalar {
            Scalar::Bool => Self::Text(Some(if text == "t" { "true" } else { "false" }.to_owned())),
            Scalar::Date | Scalar::Timestamp | Scalar::Timestamptz if text.ends_with("BC") => Self::PerRow,
            _ => Self::Text(Some(text)),
        })
    }
}

impl Draft<'_> {
    /// What has to be done to the rows.
    pub(super) fn rows(&self) -> Result<ExistingRows> {
        if self.table.record_count == 0 && self.table.files.is_empty() {
            return Ok(ExistingRows::Kept);
        }
        if self.rewrites {
            return Ok(ExistingRows::Rewritten(self.rewritten()?));
        }
        let mut checks = Vec::new();
        for column in self.columns.iter().filter(|column| !column.nullable && self.table.record_count > 0) {
            match &column.source {
                Source::Old(position) | Source::Converted(position, _) => {
                    if self.table.columns.get(*position).is_some_and(|before| before.nullable) {
                        checks.push(NullCheck { column: column.name.clone(), query: self.nulls_at(*position)? });
                    }
                }
                Source::Added(value) => {
                    if self.binder.constant(value)?.is_some_and(|constant| constant.is_null()) {
                        return Err(Error::Sql(AlterTable::null_found(&self.table.name, &column.name)));
                    }
                }
            }
        }
        Ok(if checks.is_empty() { ExistingRows::Kept } else { ExistingRows::Checked(checks) })
    }

    /// All rows in the table's new shape.
    fn rewritten(&self) -> Result<Query> {
        let mut columns = Vec::with_capacity(self.columns.len());
        let mut values = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            columns.push(QueryColumn {
                name: column.name.clone(),
                ty: column.ty,
                column: self.binder.fresh_column(&column.name),
                origin: None,
            });
            values.push(match &column.source {
                Source::Old(position) => self.old.value(*position)?,
                Source::Converted(_, value) | Source::Added(value) => value.clone(),
            });
        }
        let rows = project(self.binder, BoundQuery { plan: self.old.plan.clone(), columns }, values)?;
        self.stored(rows)
    }

    /// A row for a NULL in the column at a position.
    fn nulls_at(&self, position: usize) -> Result<Query> {
        let (plan, columns) = self.binder.scan(self.table)?;
        let column = columns.into_iter().nth(position);
        let column = column.ok_or_else(|| Error::new(SqlState::INTERNAL_ERROR, "a column that the table does not have"))?;
        let value = Expr::Column(column.column.clone());
        let plan = LogicalPlanBuilder::from(plan).filter(value.clone().is_null())?.limit(0, Some(1))?.project([value])?.build()?;
        self.stored(BoundQuery { plan, columns: vec![column] })
    }

    fn stored(&self, rows: BoundQuery) -> Result<Query> {
        let columns = rows.columns.iter().map(QueryColumn::output).collect();
        let plan = self.binder.exact_fields(rows.plan, &rows.columns)?;
        Ok(Query { plan, columns })
    }
}
