//! CREATE VIEW: the text of its query is kept, its columns are those of the query as of now.

use datafusion::sql::sqlparser::ast;
use kura_catalog::{Column, NewView, Relation, View};
use kura_pgtypes::{PgType, SqlState};

use super::Binder;
use super::object::truncated;
use super::scope::folded;
use crate::authorize::Need;
use crate::statement::{OutputColumn, Statement};
use crate::{Error, Result};

impl Binder<'_> {
    pub(super) fn create_view(&self, view: &ast::CreateView) -> Result<Statement> {
        refuse_foreign(view)?;
        let parts = super::object::parts(&view.name)?;
        let (schema, name) = self.creation_schema(&parts)?;
        self.need(Need::CreateIn { owner: schema.owner, schema: schema.name.clone() });
        let taken = self.context.snapshot.relation(schema.id, &name).cloned();
        let replaces = match taken {
            None => None,
            Some(_) if view.if_not_exists => {
                self.notice(SqlState::DUPLICATE_TABLE, format!("relation \"{name}\" already exists, skipping"));
                return Ok(Statement::Nothing { tag: "CREATE VIEW" });
            }
            Some(Relation::View(old)) if view.or_replace => Some(old),
            Some(Relation::Table(_)) if view.or_replace => {
                return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is not a view")));
            }
            Some(_) => return Err(Error::new(SqlState::DUPLICATE_TABLE, format!("relation \"{name}\" already exists"))),
        };
        let sql = self.query_text()?;
        let bound = self.top_query(&view.query)?;
        if !self.parameters.borrow().is_empty() {
            return Err(Error::new(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1").detail("A view has no parameters."));
        }
        let names = view.columns.iter().map(|c| truncated(folded(&c.name))).collect::<Vec<_>>();
        let columns = named_columns(&bound.columns, &names)?;
        if let Some(old) = &replaces {
            self.need(Need::Own { owner: old.owner, kind: "view", name: old.name.clone() });
            check_replacement(old, &columns)?;
        }
        let new = NewView {
            schema_id: schema.id,
            name,
            owner: replaces.as_ref().map_or(self.context.role.oid, |old| old.owner),
            sql,
            column_names: names,
            columns,
            search_path: self.search_path(),
        };
        Ok(Statement::CreateView { replaces, view: new })
    }

    /// What stands behind AS in the statement.
    fn query_text(&self) -> Result<String> {
        let end = crate::parse::end_of_keyword(self.text, "AS");
        let text = end.and_then(|end| self.text.get(end..)).map(str::trim).unwrap_or_default();
        // The view lives on as this text, so it must be one query by itself.
        match crate::parse(text)?.as_slice() {
            [one] if matches!(one.kind, crate::Kind::Query) => Ok(one.text.to_string()),
            _ => Err(Error::unsupported("options behind the query of a view are not supported")),
        }
    }
}

fn named_columns(columns: &[OutputColumn], names: &[String]) -> Result<Vec<Column>> {
    if names.len() > columns.len() {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "CREATE VIEW specifies more column names than columns"));
    }
    let mut seen = std::collections::HashSet::new();
    let mut result = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let name = names.get(index).unwrap_or(&column.name).clone();
        if !seen.insert(name.clone()) {
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, format!("column \"{name}\" specified more than once")));
        }
        let ty = if column.ty == PgType::UNKNOWN { PgType::TEXT } else { column.ty };
        result.push(Column::new(i64::try_from(index + 1).unwrap_or(i64::MAX), name, ty));
    }
    Ok(result)
}

/// CREATE OR REPLACE VIEW may add columns at the end and nothing else.
fn check_replacement(old: &View, new: &[Column]) -> Result<()> {
    let invalid = |message: String| Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
    if new.len() < old.columns.len() {
        return invalid("cannot drop columns from view".to_owned());
    }
    for (before, after) in old.columns.iter().zip(new) {
        if before.name != after.name {
            return Err(Error::new(
                SqlState::INVALID_TABLE_DEFINITION,
                format!("cannot change name of view column \"{}\" to \"{}\"", before.name, after.name),
            )
            .hint("Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead."));
        }
        if before.ty.with_typmod(-1) != after.ty.with_typmod(-1) {
            return invalid(format!(
                "cannot change data type of view column \"{}\" from {} to {}",
                before.name,
                before.ty.display(),
                after.ty.display()
            ));
        }
    }
    Ok(())
}

fn refuse_foreign(view: &ast::CreateView) -> Result<()> {
    if view.materialized {
        return Err(Error::unsupported("materialized views are not supported yet").hint("Use CREATE TABLE AS."));
    }
    if view.temporary {
        return Err(Error::unsupported("temporary views are not supported yet"));
    }
    let foreign = [
        (view.or_alter, "CREATE OR ALTER VIEW"),
        (view.secure, "CREATE SECURE VIEW"),
        (!matches!(view.options, ast::CreateTableOptions::None), "WITH (view options)"),
        (!view.cluster_by.is_empty(), "CLUSTER BY"),
        (view.comment.is_some(), "COMMENT in CREATE VIEW"),
        (view.to.is_some(), "CREATE VIEW TO"),
        (view.params.is_some(), "ALGORITHM, DEFINER and SQL SECURITY"),
    ];
    match foreign.into_iter().find(|(there, _)| *there) {
        Some((_, name)) => Err(Error::unsupported(format!("{name} is not supported"))),
        None => Ok(()),
    }
}
