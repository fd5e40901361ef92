//! TRUNCATE: the tables' files end, all at once.

use std::sync::Arc;

use kura_catalog::Table;

use crate::context::StatementContext;
use crate::error::Result;
use crate::outcome::Outcome;

/// TRUNCATE.
pub(crate) async fn run(tables: &[Arc<Table>], context: &StatementContext) -> Result<Outcome> {
    let mut transaction = context.transaction.lock().await;
    let before = transaction.savepoint();
    for table in tables {
        if let Err(error) = transaction.truncate(table.id) {
            transaction.roll_back_to(&before);
            return Err(error.into());
        }
    }
    Ok(Outcome::command("TRUNCATE TABLE"))
}
