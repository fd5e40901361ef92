//! The simple query protocol: a string of statements, answered one after the other. Chapter "Simple Query".

use std::sync::Arc;

use kura_session::Response;
use pgwire::messages::response::EmptyQueryResponse;

use super::conversation::{Conversation, watched};
use super::error::Failure;

impl Conversation {
    /// Answers a Query message up to, not including, `ReadyForQuery`.
    pub(super) async fn query(&mut self, text: String) -> Result<(), Failure> {
        let text: Arc<str> = text.into();
        let mut script = watched(&mut self.input, Box::pin(self.session.parse_script(text))).await??;
        if script.is_empty() {
            self.output.put(&EmptyQueryResponse::new());
            self.session.complete(true).await?;
            return Ok(());
        }
        while let Some((statement, last)) = script.next_statement() {
            let response = watched(&mut self.input, Box::pin(self.session.start(&statement))).await??;
            if let Response::Rows(rows) = &response {
                let (columns, formats) = (rows.columns().to_vec(), rows.formats().to_vec());
                self.describe_rows(&columns, &formats);
            }
            Box::pin(self.answer(response, last)).await?;
        }
        Ok(())
    }
}
