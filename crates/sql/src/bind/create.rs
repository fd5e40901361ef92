//! CREATE SCHEMA and CREATE TABLE, with columns, like another table or from a query.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{self, SchemaName, SetExpr, Statement as Sql};
use kura_catalog::NewTable;
use kura_pgtypes::SqlState;

use super::object::truncated;
use super::scope::folded;
use super::{Binder, place_of};
use crate::authorize::Need;
use crate::parse::{RoleName, TableExtras};
use crate::statement::{Query, Statement};
use crate::{Error, Result};

mod column;
mod like;
mod partition;

pub(super) use column::{check_column_count, check_storable, no_columns, refuse_subquery, refuse_system_column, refuse_system_name};

impl Binder<'_> {
    pub(super) fn create_schema(&self, statement: &Sql) -> Result<Statement> {
        let Sql::CreateSchema { schema_name, if_not_exists, with: None, options: None, default_collate_spec: None, clone: None } =
            statement
        else {
            return Err(Error::unsupported("options of CREATE SCHEMA are not supported"));
        };
        let (name, owner) = match schema_name {
            SchemaName::Simple(name) => (Some(name), None),
            SchemaName::UnnamedAuthorization(owner) => (None, Some(owner)),
            SchemaName::NamedAuthorization(name, owner) => (Some(name), Some(owner)),
        };
        let owner = match owner {
            Some(owner) => self.role_named(&role_name(owner))?,
            None => Arc::clone(&self.context.role),
        };
        let name = match name {
            Some(name) => self.qualified(&super::object::parts(name)?)?.1,
            None => owner.name.clone(),
        };
        check_schema_name(&name)?;
        self.need(Need::CreateSchema);
        self.need(Need::BeRole { oid: owner.oid, name: owner.name.clone() });
        let exists = self.context.snapshot.schema(&name).is_some();
        if exists {
            let message = format!("schema \"{name}\" already exists");
            if !if_not_exists {
                return Err(Error::new(SqlState::DUPLICATE_SCHEMA, message));
            }
            self.notice(SqlState::DUPLICATE_SCHEMA, format!("{message}, skipping"));
        }
        Ok(Statement::CreateSchema { name, exists, owner: owner.oid })
    }

    pub(super) fn create_table(&self, table: &ast::CreateTable, extras: &TableExtras) -> Result<Statement> {
        refuse_foreign(table)?;
        let parts = super::object::parts(&table.name)?;
        let from_query = table.query.is_some();
        let Some(new) = self.new_table(&parts, table.if_not_exists)? else {
            return Ok(Statement::CreateTable { table: None, source: None, with_rows: from_query, comments: Vec::new() });
        };
        self.tell_needless(extras);
        if let Some(query) = &table.query {
            if !table.columns.is_empty() || !extras.likes.is_empty() {
                return Err(Error::new(SqlState::SYNTAX_ERROR, "CREATE TABLE AS takes column names without types"));
            }
            return self.table_from(new, query, extras);
        }
        let (columns, comments) = self.defined_columns(&table.columns, &extras.likes)?;
        self.finished(NewTable { columns, ..new }, &extras.partition, None, false, comments)
    }

    /// Tells of options that ask for what one machine has no need of.
    fn tell_needless(&self, extras: &TableExtras) {
        if !extras.needless.is_empty() {
            let words = extras.needless.join(", ");
            let message = format!("{words}: nothing to do, rows are on one machine and compression is chosen by itself");
            self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
        }
    }

    /// `SELECT … INTO table`.
    pub(super) fn select_into(&self, query: &ast::Query) -> Result<Statement> {
        let mut query = query.clone();
        let mut leftmost = &mut *query.body;
        while let SetExpr::SetOperation { left, .. } = leftmost {
            leftmost = left;
        }
        let into = match leftmost {
            SetExpr::Select(select) => select.into.take(),
            _ => None,
        };
        let Some(into) = into else {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "SELECT INTO without its table"));
        };
        if into.temporary {
            return Err(no_temporary_tables());
        }
        let parts = super::object::parts(&into.name)?;
        match self.new_table(&parts, false)? {
            Some(new) => self.table_from(new, &query, &TableExtras::default()),
            None => Err(Error::new(SqlState::INTERNAL_ERROR, "SELECT INTO found its table")),
        }
    }

    /// A table without columns yet, under a free name; `None` when the name is taken and that is fine.
    fn new_table(&self, parts: &[ast::Ident], if_not_exists: bool) -> Result<Option<NewTable>> {
        let (schema, name) = self.creation_schema(parts)?;
        self.need(Need::CreateIn { owner: schema.owner, schema: schema.name.clone() });
        if self.context.snapshot.relation(schema.id, &name).is_some() {
            let message = format!("relation \"{name}\" already exists");
            if !if_not_exists {
                return Err(Error::new(SqlState::DUPLICATE_TABLE, message));
            }
            self.notice(SqlState::DUPLICATE_TABLE, format!("{message}, skipping"));
            return Ok(None);
        }
        Ok(Some(NewTable { schema_id: schema.id, name, columns: Vec::new(), partition: Vec::new(), owner: self.context.role.oid }))
    }

    /// CREATE TABLE AS.
    fn table_from(&self, new: NewTable, query: &ast::Query, extras: &TableExtras) -> Result<Statement> {
        let source = self.top_query(query)?;
        if extras.names.len() > source.columns.len() {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "too many column names were specified"));
        }
        let names = extras.names.iter().map(|n| Some(truncated(folded(n)))).chain(std::iter::repeat(None));
        let columns = source
            .columns
            .iter()
            .zip(names)
            .map(|(column, name)| column::stored_column(name.unwrap_or_else(|| column.name.clone()), column))
            .collect::<Result<Vec<_>>>()?;
        let source = (!extras.no_data).then_some(source);
        self.finished(NewTable { columns, ..new }, &extras.partition, source, true, Vec::new())
    }

    fn finished(
        &self,
        mut table: NewTable,
        partition: &[ast::Expr],
        source: Option<Query>,
        with_rows: bool,
        comments: Vec<(String, String)>,
    ) -> Result<Statement> {
        if table.columns.is_empty() {
            return Err(no_columns());
        }
        check_column_count(table.columns.len())?;
        let mut seen = std::collections::HashSet::new();
        for column in &table.columns {
            refuse_system_name(&column.name)?;
            if !seen.insert(column.name.as_str()) {
                return Err(Error::new(SqlState::DUPLICATE_COLUMN, format!("column \"{}\" specified more than once", column.name)));
            }
        }
        table.partition = partition
            .iter()
            .map(|expr| partition::partition_key(expr, &table.columns).map_err(|e| e.at(place_of(expr))))
            .collect::<Result<_>>()?;
        Ok(Statement::CreateTable { table: Some(table), source, with_rows, comments })
    }
}

/// A role as CREATE SCHEMA names it.
fn role_name(name: &ast::Ident) -> RoleName {
    let word = name.value.to_ascii_lowercase();
    if name.quote_style.is_none() && matches!(word.as_str(), "current_user" | "current_role" | "session_user") {
        return RoleName::Current;
    }
    RoleName::Named(name.clone())
}

/// Refuses the names of system schemas.
pub(super) fn check_schema_name(name: &str) -> Result<()> {
    if name.starts_with("pg_") || name == "information_schema" {
        return Err(Error::new(SqlState::RESERVED_NAME, format!("unacceptable schema name \"{name}\""))
            .detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    Ok(())
}

fn no_temporary_tables() -> Error {
    Error::unsupported("temporary tables are not supported yet").hint("Create the table in a schema of its own.")
}

fn refuse_foreign(table: &ast::CreateTable) -> Result<()> {
    if table.or_replace {
        return Err(Error::unsupported("CREATE OR REPLACE TABLE is not supported").hint("DROP TABLE IF EXISTS first."));
    }
    if table.temporary || table.global.is_some() {
        return Err(no_temporary_tables());
    }
    if !table.constraints.is_empty() {
        return Err(match table.constraints.first() {
            Some(ast::TableConstraint::Check(_)) => Error::unsupported("CHECK constraints are not supported"),
            _ => column::no_constraints(),
        });
    }
    if table.partition_by.is_some() || table.partition_of.is_some() {
        return Err(Error::unsupported("PARTITION BY is not supported").hint(
            "Write PARTITIONED BY (column, …), or year(c), month(c), day(c), hour(c), bucket(n, c): the partitions are made by themselves.",
        ));
    }
    let foreign = [
        (table.external, "CREATE EXTERNAL TABLE"),
        (table.like.is_some(), "CREATE TABLE ... LIKE without parentheses"),
        (table.clone.is_some(), "CLONE"),
        (table.inherits.is_some(), "INHERITS"),
        (table.on_commit.is_some(), "ON COMMIT"),
        (!matches!(table.table_options, ast::CreateTableOptions::None), "WITH (storage parameters)"),
        (table.cluster_by.is_some() || table.clustered_by.is_some(), "CLUSTER BY"),
        (table.order_by.is_some(), "ORDER BY in CREATE TABLE"),
    ];
    match foreign.into_iter().find(|(there, _)| *there) {
        Some((_, name)) => Err(Error::unsupported(format!("{name} is not supported"))),
        None => Ok(()),
    }
}
