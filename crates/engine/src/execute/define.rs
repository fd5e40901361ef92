//! CREATE and DROP of schemas, tables and views, and COMMENT: changes of the catalog alone.
//!
//! The binder has checked names, rights and dependencies; what the catalog still refuses happened since then.

use std::sync::Arc;

use kura_catalog::{NewView, Schema, Table, View};
use kura_sql::statement::CommentTarget;

use crate::context::StatementContext;
use crate::error::Result;
use crate::outcome::Outcome;

/// CREATE SCHEMA. `exists`: it is there already, which IF NOT EXISTS allows.
pub(crate) async fn create_schema(name: String, exists: bool, owner: u32, context: &StatementContext) -> Result<Outcome> {
    if !exists {
        context.transaction.lock().await.create_schema(&name, owner)?;
    }
    Ok(Outcome::command("CREATE SCHEMA"))
}

/// DROP SCHEMA with everything that goes with it.
pub(crate) async fn drop_schemas(
    schemas: Vec<Arc<Schema>>,
    tables: Vec<Arc<Table>>,
    views: Vec<Arc<View>>,
    context: &StatementContext,
) -> Result<Outcome> {
    drop_all(&tables, &views, context).await?;
    let mut transaction = context.transaction.lock().await;
    for schema in schemas {
        transaction.drop_schema(schema.id)?;
    }
    Ok(Outcome::command("DROP SCHEMA"))
}

/// DROP TABLE, DROP VIEW.
pub(crate) async fn drop_relations(
    tag: &'static str,
    tables: Vec<Arc<Table>>,
    views: Vec<Arc<View>>,
    context: &StatementContext,
) -> Result<Outcome> {
    drop_all(&tables, &views, context).await?;
    Ok(Outcome::command(tag))
}

async fn drop_all(tables: &[Arc<Table>], views: &[Arc<View>], context: &StatementContext) -> Result<()> {
    let mut transaction = context.transaction.lock().await;
    for view in views {
        transaction.drop_view(view.id)?;
    }
    for table in tables {
        transaction.drop_table(table.id)?;
    }
    Ok(())
}

/// CREATE VIEW, with OR REPLACE in place of an older one. The comment stays, as PostgreSQL keeps it.
pub(crate) async fn create_view(replaces: Option<Arc<View>>, view: NewView, context: &StatementContext) -> Result<Outcome> {
    let mut transaction = context.transaction.lock().await;
    if let Some(old) = &replaces {
        transaction.drop_view(old.id)?;
    }
    let new = transaction.create_view(view)?;
    if let Some(comment) = replaces.and_then(|old| old.comment.clone()) {
        transaction.comment_on_view(new.id, Some(comment))?;
    }
    Ok(Outcome::command("CREATE VIEW"))
}

/// COMMENT ON.
pub(crate) async fn comment(on: CommentTarget, text: Option<String>, context: &StatementContext) -> Result<Outcome> {
    let mut transaction = context.transaction.lock().await;
    match on {
        CommentTarget::Schema(schema) => transaction.comment_on_schema(schema.id, text)?,
        CommentTarget::Table(table) => transaction.comment_on_table(table.id, text)?,
        CommentTarget::View(view) => transaction.comment_on_view(view.id, text)?,
        CommentTarget::Column(table, column) => transaction.comment_on_column(table.id, column, text)?,
    }
    Ok(Outcome::command("COMMENT"))
}
