//! INSERT: rows of VALUES or a query brought to the table's columns, defaults filled in.

use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::{self, SetExpr, TableObject};
use kura_catalog::Table;
use kura_pgtypes::SqlState;

use super::expression::{At, Clause};
use super::modify::{Change, always, table_scope, unexpected};
use super::query::project;
use super::scope::{Env, folded};
use super::select::{BoundQuery, QueryColumn};
use super::typed::Typed;
use super::{Binder, place_of, position_of};
use crate::statement::{Action, Query, Statement, Twice};
use crate::{Error, Result};

impl Binder<'_> {
    /// `alike`: it becomes a [`Statement::Modify`] even without RETURNING.
    pub(super) fn insert(&self, insert: &ast::Insert, env: &Env<'_>, alike: bool) -> Result<Statement> {
        refuse_foreign(insert)?;
        let TableObject::TableName(name) = &insert.table else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "INSERT needs the name of a table"));
        };
        let parts = super::object::parts(name)?;
        let table = self.changed_table(&parts, "insert into")?;
        let targets = insert_columns(&table, &insert.columns)?;
        let rows = match insert.source.as_deref() {
            None => self.default_row(&table)?,
            Some(query) => match &*query.body {
                SetExpr::Values(values) if is_plain(query) => self.inserted_values(&table, &targets, values, &insert.columns, env)?,
                _ => self.inserted_query(&table, &targets, query, &insert.columns, env)?,
            },
        };
        let plan = self.exact_fields(rows.plan, &rows.columns)?;
        if insert.returning.is_none() && !alike {
            let columns = rows.columns.iter().map(QueryColumn::output).collect();
            return Ok(Statement::Insert { table, source: Query { plan, columns } });
        }
        let relation = insert.table_alias.as_ref().map_or_else(|| table.name.clone(), |a| folded(&a.alias));
        let values = plan.schema().columns();
        let returned = table_scope(&table, &relation, values.iter().cloned());
        let change = Change {
            command: "INSERT",
            table,
            twice: Twice::FirstWins,
            plan,
            action: always(Action::Insert),
            place: None,
            values: Some(values),
            everything: false,
        };
        self.changing(change, insert.returning.as_deref(), &Env { scope: &returned, ..*env })
    }

    /// DEFAULT VALUES.
    fn default_row(&self, table: &Table) -> Result<BoundQuery> {
        let row = table.columns.iter().map(|column| self.default_of(column)).collect::<Result<Vec<_>>>()?;
        self.rows(table, vec![row])
    }

    /// Rows of expressions, each already of its column's type.
    fn rows(&self, table: &Table, rows: Vec<Vec<Typed>>) -> Result<BoundQuery> {
        let types: Vec<_> = table.columns.iter().map(|c| c.ty).collect();
        self.values_of(rows, &types)
    }

    /// VALUES: each expression goes straight to its column's type, and may be DEFAULT.
    fn inserted_values(
        &self,
        table: &Table,
        targets: &[usize],
        values: &ast::Values,
        names: &[ast::ObjectName],
        env: &Env<'_>,
    ) -> Result<BoundQuery> {
        let at = At { env, clause: Clause::Values, operand: false };
        let width = values.rows.first().map_or(0, |row| row.len());
        let mut rows = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            if row.len() != width {
                return Err(
                    Error::new(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length").at(row.first().and_then(place_of))
                );
            }
            check_width(row.len(), targets.len(), names, row.get(targets.len()))?;
            let mut cells: Vec<Option<Typed>> = table.columns.iter().map(|_| None).collect();
            for (expr, target) in row.iter().zip(targets) {
                let (Some(column), Some(cell)) = (table.columns.get(*target), cells.get_mut(*target)) else {
                    continue;
                };
                if !is_default(expr) {
                    let typed = self.expr(expr, at)?;
                    *cell = Some(self.assign(typed, column.ty, &column.name).map_err(|error| error.at(place_of(expr)))?);
                }
            }
            rows.push(self.filled(table, cells)?);
        }
        self.rows(table, rows)
    }

    /// A query's columns brought to the table's, the others filled with defaults.
    fn inserted_query(
        &self,
        table: &Table,
        targets: &[usize],
        query: &ast::Query,
        names: &[ast::ObjectName],
        env: &Env<'_>,
    ) -> Result<BoundQuery> {
        let bound = self.query_with(query, Some(env), true)?;
        check_width(bound.columns.len(), targets.len(), names, None)?;
        let plan = self.exact_fields(bound.plan.clone(), &bound.columns)?;
        let columns = super::relation::exact_columns(&plan, bound);
        let mut cells: Vec<Option<Typed>> = table.columns.iter().map(|_| None).collect();
        for (source, target) in columns.iter().zip(targets) {
            let (Some(column), Some(cell)) = (table.columns.get(*target), cells.get_mut(*target)) else {
                continue;
            };
            // What was a constant of unknown type is text in the plan by now.
            let value = Typed::new(Expr::Column(source.column.clone()), source.ty);
            *cell = Some(self.assign(value, column.ty, &column.name)?);
        }
        let exprs = self.filled(table, cells)?;
        let named = table
            .columns
            .iter()
            .map(|c| QueryColumn { name: c.name.clone(), ty: c.ty, column: self.fresh_column(&c.name), origin: None })
            .collect();
        project(self, BoundQuery { plan, columns: named }, exprs)
    }

    /// A row in which what is not given is the column's default.
    pub(super) fn filled(&self, table: &Table, cells: Vec<Option<Typed>>) -> Result<Vec<Typed>> {
        let pairs = table.columns.iter().zip(cells);
        pairs.map(|(column, cell)| cell.map_or_else(|| self.default_of(column), Ok)).collect()
    }
}

/// Positions in the table of the columns an INSERT or COPY names; all of them when it names none.
pub(super) fn insert_columns(table: &Table, names: &[ast::ObjectName]) -> Result<Vec<usize>> {
    if names.is_empty() {
        return Ok((0..table.columns.len()).collect());
    }
    let mut positions = Vec::with_capacity(names.len());
    for name in names {
        let parts = super::object::parts(name)?;
        let [ident] = parts.as_slice() else {
            return Err(Error::unsupported("INSERT into a part of a column is not supported"));
        };
        let position = column_position(table, &folded(ident)).map_err(|error| error.at(position_of(ident)))?;
        if positions.contains(&position) {
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, format!("column \"{}\" specified more than once", folded(ident)))
                .at(position_of(ident)));
        }
        positions.push(position);
    }
    Ok(positions)
}

/// The position of a column in its table.
pub(super) fn column_position(table: &Table, name: &str) -> Result<usize> {
    table
        .columns
        .iter()
        .position(|c| c.name == name)
        .ok_or_else(|| Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" of relation \"{}\" does not exist", table.name)))
}

/// Refuses a row of the wrong width. `names`: the columns that the statement names; `beyond`: the first value without a column.
pub(super) fn check_width(have: usize, want: usize, names: &[ast::ObjectName], beyond: Option<&ast::Expr>) -> Result<()> {
    if have > want {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "INSERT has more expressions than target columns").at(beyond.and_then(place_of)));
    }
    if have < want && !names.is_empty() {
        let missing = names.get(have).and_then(|name| super::object::parts(name).ok());
        let position = missing.and_then(|parts| parts.first().and_then(position_of));
        return Err(Error::new(SqlState::SYNTAX_ERROR, "INSERT has more target columns than expressions").at(position));
    }
    Ok(())
}

/// The word DEFAULT in the place of a value.
pub(super) fn is_default(expr: &ast::Expr) -> bool {
    matches!(expr, ast::Expr::Identifier(name) if is_word_default(name))
}

/// The word DEFAULT, which is no name unless it is quoted.
pub(super) fn is_word_default(name: &ast::Ident) -> bool {
    name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default")
}

/// Whether a query is its body alone.
fn is_plain(query: &ast::Query) -> bool {
    query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none() && query.fetch.is_none()
}

fn refuse_foreign(insert: &ast::Insert) -> Result<()> {
    if insert.on.is_some() {
        return Err(Error::unsupported("ON CONFLICT is not supported").hint("Kura has no unique keys to conflict with."));
    }
    if let Some(alias) = insert.table_alias.as_ref().filter(|alias| !alias.explicit) {
        return Err(unexpected(&alias.alias));
    }
    let foreign = [
        (insert.or.is_some() || insert.ignore || insert.replace_into, "INSERT OR ..."),
        (insert.overwrite, "INSERT OVERWRITE"),
        (!insert.assignments.is_empty(), "INSERT ... SET"),
        (insert.partitioned.is_some() || !insert.after_columns.is_empty(), "INSERT ... PARTITION"),
        (insert.insert_alias.is_some(), "an alias of the rows in INSERT"),
        (insert.output.is_some(), "OUTPUT"),
        (insert.multi_table_insert_type.is_some(), "INSERT ALL"),
    ];
    match foreign.into_iter().find(|(there, _)| *there) {
        Some((_, name)) => Err(Error::unsupported(format!("{name} is not supported"))),
        None => Ok(()),
    }
}
