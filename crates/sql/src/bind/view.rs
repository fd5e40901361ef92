//! Views: bound from their text at each use, in the search path they were created with.

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
            let query = match &*parsed.ast {
                Ast::Statement(statement) => match &**statement {
                    Sql::Query(query) => Some(query),
                    _ => None,
                },
                _ => None,
            };
            match query {
                Some(query) => self.query(query, None),
                None => Err(Error::new(SqlState::INTERNAL_ERROR, format!("the text of view \"{}\" is not a query", view.name))),
            }
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
        Ok(bound)
    }
}
