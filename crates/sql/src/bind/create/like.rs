//! The columns of CREATE TABLE, among them those that LIKE takes from another table or view.

use datafusion::sql::sqlparser::ast;
use kura_catalog::{Column, NewColumn, Relation, View};
use kura_pgtypes::PgType;

use crate::Result;
use crate::authorize::Need;
use crate::bind::Binder;
use crate::parse::Like;

/// Columns, and comments of some of them by name.
type Defined = (Vec<NewColumn>, Vec<(String, String)>);

impl Binder<'_> {
    /// All columns in their order. Constraints, indexes and the like are no part of any table here, so nothing is left to
    /// include of them.
    pub(super) fn defined_columns(&self, definitions: &[ast::ColumnDef], likes: &[Like]) -> Result<Defined> {
        let (mut columns, mut comments) = (Vec::new(), Vec::new());
        let mut likes = likes.iter().peekable();
        for (index, definition) in definitions.iter().enumerate() {
            while let Some(like) = likes.next_if(|like| like.at <= index) {
                self.add_like(like, &mut columns, &mut comments)?;
            }
            columns.push(self.new_column(definition)?);
        }
        for like in likes {
            self.add_like(like, &mut columns, &mut comments)?;
        }
        Ok((columns, comments))
    }

    fn add_like(&self, like: &Like, columns: &mut Vec<NewColumn>, comments: &mut Vec<(String, String)>) -> Result<()> {
        let relation = self.find_relation(&like.name)?;
        let (kind, own) = match &relation {
            Relation::Table(table) => ("table", table.columns.clone()),
            Relation::View(view) => ("view", self.view_columns(view)?),
        };
        self.need(Need::Read { owner: relation.owner(), kind, name: relation.name().to_owned() });
        for column in own {
            super::check_storable(&column.name, column.ty)?;
            let default = column.default.filter(|_| like.defaults);
            columns.push(NewColumn { name: column.name.clone(), ty: column.ty, nullable: column.nullable, default });
            if let Some(comment) = column.comment.filter(|_| like.comments) {
                comments.push((column.name, comment));
            }
        }
        Ok(())
    }

    /// A view's columns; those of a view that another program created are found out by binding it.
    fn view_columns(&self, view: &View) -> Result<Vec<Column>> {
        if !view.columns.is_empty() {
            return Ok(view.columns.clone());
        }
        let bound = self.view_query(view)?;
        let columns = (1..).zip(bound.columns).map(|(id, column)| Column::new(id, column.name, storable(column.ty)));
        Ok(columns.collect())
    }
}

/// The type of a view's column; a literal without a type is a text.
fn storable(ty: PgType) -> PgType {
    if ty == PgType::UNKNOWN { PgType::TEXT } else { ty }
}
