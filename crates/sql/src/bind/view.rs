//! Views: bound from their text at each use, in the search path they were created with, to the columns they had then.

use datafusion::sql::sqlparser::ast::Statement as Sql;
use kura_catalog::View;
use kura_pgtypes::SqlState;

use super::Binder;
use super::select::BoundQuery;
use crate::parse::Ast;
use crate::{Error, Result, parse};

impl Binder<'_> {
    /// The query of a view under the view's column names.
    pub(crate) fn view_query(&self, view: &View) -> Result<BoundQuery> {
        let path = if view.search_path.is_empty() { self.search_path() } else { view.search_path.clone() };
        let bound = self.inside_view(view, path, || {
            let parsed = parse(&view.sql)?;
            let [parsed] = parsed.as_slice() else {
                return Err(Error::new(SqlState::INTERNAL_ERROR, format!("the text of view \"{}\" is not one query", view.name)));
            };
            match &*parsed.ast {
                Ast::Statement(statement) => {
                    if let Sql::Query(query) = &**statement {
                        return self.query(query, None);
                    }
                }
                Ast::Locked(query, clauses) => return self.query_locking(query, clauses),
                _ => {}
            }
            Err(Error::new(SqlState::INTERNAL_ERROR, format!("the text of view \"{}\" is not a query", view.name)))
        });
        // Places in the view's text mean nothing in the statement's.
        let mut bound = bound.map_err(|error| {
            let mut sql = error.into_sql();
            sql.position = None;
            if sql.context.is_none() {
                sql.context = Some(format!("view \"{}\"", view.name));
            }
            Error::Sql(sql)
        })?;
        for (column, name) in bound.columns.iter_mut().zip(&view.column_names) {
            column.name.clone_from(name);
        }
        for column in &mut bound.columns {
            column.origin = None;
        }
        as_created(view, bound)
    }
}

/// The columns that the view was created with, in their order: what `*` stands for may have changed since.
///
/// # Errors
/// 42703 when one of them is not there any more; 0A000 when it cannot be told which one it is.
fn as_created(view: &View, mut bound: BoundQuery) -> Result<BoundQuery> {
    let same =
        bound.columns.len() == view.columns.len() && bound.columns.iter().zip(&view.columns).all(|(now, then)| now.name == then.name);
    // The columns of views that other programs created are not known.
    if same || view.columns.is_empty() {
        return Ok(bound);
    }
    let anew = "The tables it reads have changed: create the view anew.";
    if !view.column_names.is_empty() {
        return Err(
            Error::unsupported(format!("the query of view \"{}\" has other columns than when it was created", view.name)).hint(anew)
        );
    }
    let mut columns = Vec::with_capacity(view.columns.len());
    for then in &view.columns {
        let mut found = bound.columns.iter().filter(|now| now.name == then.name);
        match (found.next(), found.next()) {
            (Some(one), None) => columns.push(one.clone()),
            (Some(_), Some(_)) => {
                let message = format!("column \"{}\" of view \"{}\" is ambiguous by now", then.name, view.name);
                return Err(Error::unsupported(message).hint(anew));
            }
            (None, _) => {
                let message = format!("column \"{}\" of view \"{}\" does not exist any more", then.name, view.name);
                return Err(Error::new(SqlState::UNDEFINED_COLUMN, message).hint(anew));
            }
        }
    }
    bound.columns = columns;
    Ok(bound)
}
