//! CREATE SCHEMA and CREATE TABLE, with columns or from a query.

use datafusion::sql::sqlparser::ast::{self, ColumnOption, SchemaName, SetExpr, Statement as Sql};
use kura_catalog::{NewColumn, NewTable, Transform};
use kura_pgtypes::{PgType, Scalar, SqlState};

use super::expression::{At, Clause};
use super::object::truncated;
use super::scope::{Scope, folded};
use super::typed::Typed;
use super::{Binder, empty_env, place_of, position_of, type_name};
use crate::authorize::Need;
use crate::parse::TableExtras;
use crate::statement::{OutputColumn, Query, Statement};
use crate::{Error, Result};

/// Columns of a table, at most, as in PostgreSQL.
const COLUMNS_MAX: usize = 1_600;

impl Binder<'_> {
    pub(super) fn create_schema(&self, statement: &Sql) -> Result<Statement> {
        let Sql::CreateSchema { schema_name, if_not_exists, with: None, options: None, default_collate_spec: None, clone: None } =
            statement
        else {
            return Err(Error::unsupported("options of CREATE SCHEMA are not supported"));
        };
        let (SchemaName::Simple(name) | SchemaName::NamedAuthorization(name, _)) = schema_name else {
            return Err(Error::unsupported("CREATE SCHEMA AUTHORIZATION is not supported yet").hint("Name the schema."));
        };
        if let SchemaName::NamedAuthorization(_, owner) = schema_name
            && folded(owner) != self.context.role.name
        {
            return Err(Error::unsupported("CREATE SCHEMA AUTHORIZATION for another role is not supported yet"));
        }
        let parts = super::object::parts(name)?;
        let (_, name) = self.qualified(&parts)?;
        if name.starts_with("pg_") || name == "information_schema" {
            return Err(Error::new(SqlState::RESERVED_NAME, format!("unacceptable schema name \"{name}\""))
                .detail("The prefix \"pg_\" is reserved for system schemas."));
        }
        self.need(Need::CreateSchema);
        let exists = self.context.snapshot.schema(&name).is_some();
        if exists {
            let message = format!("schema \"{name}\" already exists");
            if !if_not_exists {
                return Err(Error::new(SqlState::DUPLICATE_SCHEMA, message));
            }
            self.notice(SqlState::DUPLICATE_SCHEMA, format!("{message}, skipping"));
        }
        Ok(Statement::CreateSchema { name, exists })
    }

    pub(super) fn create_table(&self, table: &ast::CreateTable, extras: &TableExtras) -> Result<Statement> {
        refuse_foreign(table)?;
        let parts = super::object::parts(&table.name)?;
        let from_query = table.query.is_some();
        let Some(new) = self.new_table(&parts, table.if_not_exists)? else {
            return Ok(Statement::CreateTable { table: None, source: None, with_rows: from_query });
        };
        if let Some(query) = &table.query {
            if !table.columns.is_empty() {
                return Err(Error::new(SqlState::SYNTAX_ERROR, "CREATE TABLE AS takes column names without types"));
            }
            return self.table_from(new, query, extras);
        }
        let columns = table.columns.iter().map(|column| self.new_column(column)).collect::<Result<Vec<_>>>()?;
        let new = NewTable { columns, ..new };
        self.finished(new, &extras.partition, None, false)
    }

    /// `SELECT … INTO table`.
    pub(super) fn select_into(&self, query: &ast::Query) -> Result<Statement> {
        let mut query = query.clone();
        let into = match &mut *query.body {
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
            .map(|(column, name)| stored_column(name.unwrap_or_else(|| column.name.clone()), column))
            .collect::<Result<Vec<_>>>()?;
        let source = (!extras.no_data).then_some(source);
        self.finished(NewTable { columns, ..new }, &extras.partition, source, true)
    }

    fn finished(&self, mut table: NewTable, partition: &[ast::Expr], source: Option<Query>, with_rows: bool) -> Result<Statement> {
        if table.columns.is_empty() {
            return Err(Error::unsupported("a table needs at least one column"));
        }
        if table.columns.len() > COLUMNS_MAX {
            return Err(Error::new(SqlState::TOO_MANY_COLUMNS, format!("tables can have at most {COLUMNS_MAX} columns")));
        }
        let mut seen = std::collections::HashSet::new();
        if let Some(twice) = table.columns.iter().find(|c| !seen.insert(c.name.as_str())) {
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, format!("column \"{}\" specified more than once", twice.name)));
        }
        table.partition =
            partition.iter().map(|expr| partition_key(expr, &table.columns).map_err(|e| e.at(place_of(expr)))).collect::<Result<_>>()?;
        Ok(Statement::CreateTable { table: Some(table), source, with_rows })
    }

    /// A column definition: its type, NOT NULL and DEFAULT.
    fn new_column(&self, column: &ast::ColumnDef) -> Result<NewColumn> {
        let name = truncated(folded(&column.name));
        let ty = type_name::resolve(&column.data_type).map_err(|error| error.at(position_of(&column.name)))?;
        check_storable(&name, ty)?;
        let mut new = NewColumn { name, ty, nullable: true, default: None };
        for option in &column.options {
            match &option.option {
                ColumnOption::Null => new.nullable = true,
                ColumnOption::NotNull => new.nullable = false,
                ColumnOption::Default(expr) => new.default = self.default_text(expr, &new)?,
                ColumnOption::PrimaryKey(_) | ColumnOption::Unique(_) | ColumnOption::ForeignKey(_) => return Err(no_constraints()),
                other => return Err(Error::unsupported(format!("column option {other} is not supported"))),
            }
        }
        Ok(new)
    }

    /// The text of a DEFAULT, once it is known to be an expression of the column's type.
    fn default_text(&self, expr: &ast::Expr, column: &NewColumn) -> Result<Option<String>> {
        let typed = self.default_expression(expr, column.ty, &column.name)?;
        if typed.is_null_literal() {
            return Ok(None);
        }
        let text = expr.to_string();
        // What is stored is read back at every INSERT, so it must mean the same then.
        let again = crate::parse::parse_expression(&text)?;
        self.default_expression(&again, column.ty, &column.name)?;
        Ok(Some(text))
    }

    fn default_expression(&self, expr: &ast::Expr, ty: PgType, column: &str) -> Result<Typed> {
        let scope = Scope::default();
        let env = empty_env(&scope);
        let at = At { env: &env, clause: Clause::Default, operand: false };
        let typed = self.expr(expr, at).map_err(|error| match kura_pgtypes::Diagnostic::sqlstate(&error) {
            SqlState::UNDEFINED_COLUMN => Error::unsupported("cannot use column reference in DEFAULT expression").at(place_of(expr)),
            _ => error,
        })?;
        if !typed.is_unknown() && super::cast::assignable(typed.ty, ty) || typed.is_unknown() {
            return self.assign(typed, ty, column);
        }
        Err(Error::new(
            SqlState::DATATYPE_MISMATCH,
            format!(
                "column \"{column}\" is of type {} but default expression is of type {}",
                ty.with_typmod(-1).display(),
                typed.ty.with_typmod(-1).display()
            ),
        )
        .hint("You will need to rewrite or cast the expression."))
    }

    /// The value a column takes when an INSERT or COPY does not name it.
    pub(super) fn default_of(&self, column: &kura_catalog::Column) -> Result<Typed> {
        match &column.default {
            None => self.assign(super::literal::null(), column.ty, &column.name),
            Some(text) => {
                let expr = crate::parse::parse_expression(text)?;
                let typed = self.default_expression(&expr, column.ty, &column.name).map_err(|error| {
                    let mut sql = error.into_sql();
                    sql.position = None;
                    sql.context = Some(format!("default value of column \"{}\"", column.name));
                    Error::Sql(sql)
                })?;
                Ok(typed)
            }
        }
    }
}

/// A column of CREATE TABLE AS.
fn stored_column(name: String, column: &OutputColumn) -> Result<NewColumn> {
    let ty = match (column.ty.scalar, column.ty.array) {
        (Scalar::Unknown | Scalar::Name | Scalar::Char, false) => PgType::TEXT,
        (Scalar::Unknown | Scalar::Name | Scalar::Char, true) => PgType::TEXT.array_of(),
        // numeric of unknown size is stored with the size its Arrow values have.
        (Scalar::Numeric, false) if column.ty.numeric_parts().is_none() => PgType::numeric(38, 9),
        _ => column.ty,
    };
    check_storable(&name, ty)?;
    Ok(NewColumn { name, ty, nullable: true, default: None })
}

fn check_storable(column: &str, ty: PgType) -> Result<()> {
    if matches!(ty.scalar, Scalar::Void | Scalar::Unknown) {
        return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, format!("column \"{column}\" has pseudo-type {}", ty.display())));
    }
    let seconds = matches!(ty.scalar, Scalar::Timestamp | Scalar::Timestamptz | Scalar::Time | Scalar::Interval);
    if seconds && !matches!(ty.typmod, -1 | 6) {
        return Err(Error::unsupported(format!("column \"{column}\" of type {} is not supported", ty.display()))
            .hint("Leave the precision away: times are kept in microseconds."));
    }
    Ok(())
}

/// One expression of PARTITIONED BY: a column, or `year`, `month`, `day`, `hour` of one, or `bucket(n, column)`.
fn partition_key(expr: &ast::Expr, columns: &[NewColumn]) -> Result<(String, Transform)> {
    let wrong = || {
        Error::new(SqlState::SYNTAX_ERROR, format!("\"{expr}\" cannot be partitioned by"))
            .hint("PARTITIONED BY takes columns, year(c), month(c), day(c), hour(c) and bucket(n, c).")
    };
    let column = |expr: &ast::Expr| match expr {
        ast::Expr::Identifier(name) => {
            let name = folded(name);
            match columns.iter().find(|c| c.name == name) {
                Some(column) if column.ty.array => Err(Error::unsupported("partitioning by an array is not supported")),
                Some(column) => Ok(column),
                None => Err(Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" named in key does not exist"))),
            }
        }
        _ => Err(wrong()),
    };
    let ast::Expr::Function(call) = expr else {
        return column(expr).map(|c| (c.name.clone(), Transform::Identity));
    };
    let ast::FunctionArguments::List(list) = &call.args else {
        return Err(wrong());
    };
    let arguments = list.args.iter().map(super::function::positional).collect::<Result<Vec<_>>>()?;
    let name = call.name.to_string().to_lowercase();
    let (transform, target) =
        match (name.as_str(), arguments.as_slice()) {
            ("year", [target]) => (Transform::Year, target),
            ("month", [target]) => (Transform::Month, target),
            ("day", [target]) => (Transform::Day, target),
            ("hour", [target]) => (Transform::Hour, target),
            ("bucket", [count, target]) => {
                let count =
                    count.to_string().parse::<u32>().ok().filter(|n| (1..=4_096).contains(n)).ok_or_else(|| {
                        Error::new(SqlState::INVALID_PARAMETER_VALUE, "bucket takes a number of buckets between 1 and 4096")
                    })?;
                (Transform::Bucket(count), target)
            }
            _ => return Err(wrong()),
        };
    let column = column(target)?;
    let calendar = matches!(column.ty.scalar, Scalar::Date | Scalar::Timestamp | Scalar::Timestamptz);
    let fits = match transform {
        Transform::Year | Transform::Month | Transform::Day => calendar,
        Transform::Hour => calendar && column.ty.scalar != Scalar::Date,
        _ => true,
    };
    if !fits {
        return Err(Error::new(
            SqlState::DATATYPE_MISMATCH,
            format!("{name} of column \"{}\" of type {}", column.name, column.ty.display()),
        ));
    }
    Ok((column.name.clone(), transform))
}

fn no_constraints() -> Error {
    Error::unsupported("PRIMARY KEY, UNIQUE and FOREIGN KEY constraints are not supported")
        .hint("Kura does not enforce keys; leave the constraint away.")
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
            _ => no_constraints(),
        });
    }
    if table.partition_by.is_some() || table.partition_of.is_some() {
        return Err(Error::unsupported("PARTITION BY is not supported")
            .hint("Use PARTITIONED BY (year(c), …): the partitions are made by themselves."));
    }
    let foreign = [
        (table.external, "CREATE EXTERNAL TABLE"),
        (table.like.is_some(), "CREATE TABLE (LIKE ...)"),
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
