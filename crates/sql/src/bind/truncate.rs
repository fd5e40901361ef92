//! TRUNCATE.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast;
use kura_catalog::{Relation, Table};
use kura_pgtypes::SqlState;

use super::Binder;
use crate::statement::Statement;
use crate::{Error, Result};

impl Binder<'_> {
    /// CASCADE and RESTART IDENTITY ask for nothing: no table refers to another, and none has a sequence.
    pub(super) fn truncate(&self, truncate: &ast::Truncate) -> Result<Statement> {
        if truncate.if_exists {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "syntax error at or near \"exists\"").hint("TRUNCATE has no IF EXISTS."));
        }
        let foreign = [(truncate.partitions.is_some(), "TRUNCATE of partitions"), (truncate.on_cluster.is_some(), "ON CLUSTER")];
        if let Some((_, name)) = foreign.into_iter().find(|(there, _)| *there) {
            return Err(Error::unsupported(format!("{name} is not supported")));
        }
        let mut tables: Vec<Arc<Table>> = Vec::with_capacity(truncate.table_names.len());
        for target in &truncate.table_names {
            let parts = super::object::parts(&target.name)?;
            let (schema, _) = self.qualified(&parts)?;
            if let Some(missing) = schema.filter(|schema| self.context.snapshot.schema(schema).is_none()) {
                return Err(super::object::missing_schema(&missing));
            }
            if let Relation::View(view) = self.find_relation(&parts)? {
                return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a table", view.name)));
            }
            let table = self.changed_table(&parts, "truncate")?;
            if tables.iter().all(|known| known.id != table.id) {
                tables.push(table);
            }
        }
        Ok(Statement::Truncate { tables })
    }
}
