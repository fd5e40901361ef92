//! Columns of tables: their definitions, their defaults, and what may not be a column.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, ColumnOption, visit_expressions};
use kura_catalog::NewColumn;
use kura_pgtypes::{PgType, Scalar, SqlState};

use crate::bind::expression::{At, Clause};
use crate::bind::object::truncated;
use crate::bind::scope::{Scope, folded};
use crate::bind::typed::Typed;
use crate::bind::{Binder, cast, empty_env, literal, place_of, position_of, type_name};
use crate::statement::OutputColumn;
use crate::{Error, Result};

/// Columns of a table, at most, as in PostgreSQL.
const COLUMNS_MAX: usize = 1_600;
/// Columns that every table of PostgreSQL has.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "cmax", "xmax", "cmin", "xmin", "ctid"];

impl Binder<'_> {
    /// A column definition: its type, NOT NULL and DEFAULT.
    pub(in crate::bind) fn new_column(&self, column: &ast::ColumnDef) -> Result<NewColumn> {
        let name = truncated(folded(&column.name));
        let ty = type_name::resolve(&column.data_type).map_err(|error| error.at(position_of(&column.name)))?;
        check_storable(&name, ty)?;
        let mut new = NewColumn { name, ty, nullable: true, default: None };
        for option in &column.options {
            match &option.option {
                ColumnOption::Null => new.nullable = true,
                ColumnOption::NotNull => new.nullable = false,
                ColumnOption::Default(expr) => new.default = self.default_text(expr, ty, &new.name)?,
                ColumnOption::PrimaryKey(_) | ColumnOption::Unique(_) | ColumnOption::ForeignKey(_) => return Err(no_constraints()),
                other => return Err(Error::unsupported(format!("column option {other} is not supported"))),
            }
        }
        Ok(new)
    }

    /// The text of a DEFAULT, once it is known to be an expression of the column's type.
    pub(in crate::bind) fn default_text(&self, expr: &ast::Expr, ty: PgType, column: &str) -> Result<Option<String>> {
        refuse_subquery(expr, "DEFAULT expression")?;
        let typed = self.default_expression(expr, ty, column)?;
        if typed.is_null_literal() {
            return Ok(None);
        }
        let text = expr.to_string();
        // What is stored is read back at every INSERT, so it must mean the same then.
        let again = crate::parse::parse_expression(&text)?;
        self.default_expression(&again, ty, column)?;
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
        if !typed.is_unknown() && cast::assignable(typed.ty, ty) || typed.is_unknown() {
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
    pub(in crate::bind) fn default_of(&self, column: &kura_catalog::Column) -> Result<Typed> {
        self.default_value(column.default.as_deref(), column.ty, &column.name)
    }

    /// The value that the text of a default stands for; NULL without one.
    pub(in crate::bind) fn default_value(&self, default: Option<&str>, ty: PgType, column: &str) -> Result<Typed> {
        let Some(text) = default else {
            return self.assign(literal::null(), ty, column);
        };
        let expr = crate::parse::parse_expression(text)?;
        self.default_expression(&expr, ty, column).map_err(|error| {
            let mut sql = error.into_sql();
            sql.position = None;
            sql.context = Some(format!("default value of column \"{column}\""));
            Error::Sql(sql)
        })
    }
}

/// A column of CREATE TABLE AS.
pub(super) fn stored_column(name: String, column: &OutputColumn) -> Result<NewColumn> {
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

/// Refuses types that no table can hold.
pub(in crate::bind) fn check_storable(column: &str, ty: PgType) -> Result<()> {
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

/// Refuses more columns than a table can have.
pub(in crate::bind) fn check_column_count(count: usize) -> Result<()> {
    if count > COLUMNS_MAX {
        return Err(Error::new(SqlState::TOO_MANY_COLUMNS, format!("tables can have at most {COLUMNS_MAX} columns")));
    }
    Ok(())
}

/// A table without columns, which PostgreSQL allows.
pub(in crate::bind) fn no_columns() -> Error {
    Error::unsupported("a table needs at least one column")
}

/// Refuses a new column with the name of a system column.
pub(in crate::bind) fn refuse_system_name(name: &str) -> Result<()> {
    if SYSTEM_COLUMNS.contains(&name) {
        return Err(Error::new(SqlState::DUPLICATE_COLUMN, format!("column name \"{name}\" conflicts with a system column name")));
    }
    Ok(())
}

/// Refuses to change a system column.
pub(in crate::bind) fn refuse_system_column(name: &str, verb: &str) -> Result<()> {
    if SYSTEM_COLUMNS.contains(&name) {
        return Err(Error::unsupported(format!("cannot {verb} system column \"{name}\"")));
    }
    Ok(())
}

/// Refuses subqueries in expressions that are evaluated for one row alone. `place` is PostgreSQL's name of it.
pub(in crate::bind) fn refuse_subquery(expr: &ast::Expr, place: &str) -> Result<()> {
    let found = visit_expressions(expr, |inner| match inner {
        ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => ControlFlow::Break(place_of(inner)),
        _ => ControlFlow::Continue(()),
    });
    match found {
        ControlFlow::Break(position) => Err(Error::unsupported(format!("cannot use subquery in {place}")).at(position)),
        ControlFlow::Continue(()) => Ok(()),
    }
}

pub(super) fn no_constraints() -> Error {
    Error::unsupported("PRIMARY KEY, UNIQUE and FOREIGN KEY constraints are not supported")
        .hint("Kura does not enforce keys; leave the constraint away.")
}
