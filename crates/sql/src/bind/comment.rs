//! COMMENT ON.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{CommentObject, Statement as Sql};
use kura_catalog::Relation;
use kura_pgtypes::SqlState;

use super::scope::folded;
use super::{Binder, position_of};
use crate::authorize::Need;
use crate::statement::{CommentTarget, Statement};
use crate::{Error, Result};

impl Binder<'_> {
    pub(super) fn comment(&self, statement: &Sql) -> Result<Statement> {
        let Sql::Comment { object_type, object_name, comment, .. } = statement else {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "not a COMMENT"));
        };
        let parts = super::object::parts(object_name)?;
        let wrong = |name: &str, kind: &str| Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is not a {kind}"));
        let on = match object_type {
            CommentObject::Schema => {
                let (_, name) = self.qualified(&parts)?;
                let schema = self
                    .context
                    .snapshot
                    .schema(&name)
                    .ok_or_else(|| super::object::missing_schema(&name).at(parts.first().and_then(position_of)))?;
                self.need(Need::Own { owner: schema.owner, kind: "schema", name });
                CommentTarget::Schema(Arc::clone(schema))
            }
            CommentObject::Table => match self.find_relation(&parts)? {
                Relation::Table(table) => CommentTarget::Table(table),
                Relation::View(view) => return Err(wrong(&view.name, "table")),
            },
            CommentObject::View => match self.find_relation(&parts)? {
                Relation::View(view) => CommentTarget::View(view),
                Relation::Table(table) => return Err(wrong(&table.name, "view")),
            },
            CommentObject::Column => self.commented_column(&parts)?,
            other => return Err(Error::unsupported(format!("COMMENT ON {other} is not supported"))),
        };
        match &on {
            CommentTarget::Schema(_) => {}
            CommentTarget::Table(table) | CommentTarget::Column(table, _) => {
                self.need(Need::Own { owner: table.owner, kind: "table", name: table.name.clone() });
            }
            CommentTarget::View(view) => self.need(Need::Own { owner: view.owner, kind: "view", name: view.name.clone() }),
        }
        // PostgreSQL takes an empty comment for none.
        Ok(Statement::Comment { on, text: comment.clone().filter(|text| !text.is_empty()) })
    }

    fn commented_column(&self, parts: &[datafusion::sql::sqlparser::ast::Ident]) -> Result<CommentTarget> {
        let Some((column, relation)) = parts.split_last().filter(|(_, relation)| !relation.is_empty()) else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "column name must be qualified"));
        };
        let name = folded(column);
        match self.find_relation(relation)? {
            Relation::Table(table) => match table.column(&name).map(|c| c.id) {
                Some(id) => Ok(CommentTarget::Column(table, id)),
                None => {
                    Err(Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" of relation \"{}\" does not exist", table.name)))
                }
            },
            Relation::View(_) => Err(Error::unsupported("comments on columns of views are not supported yet")),
        }
    }
}
