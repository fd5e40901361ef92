//! The extended query protocol: Parse, Bind, Describe, Execute, Close, Sync. Chapter "Extended Query".

use std::sync::Arc;

use kura_pgtypes::Format;
use kura_session::{Response, Values};
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{BindComplete, CloseComplete, ParseComplete, PortalSuspended};

use super::conversation::{Conversation, watched};
use super::error::Failure;
use super::frontend::Target;
use super::rows::Sent;

impl Conversation {
    pub(super) async fn parse(&mut self, name: &str, text: String, types: &[u32]) -> Result<(), Failure> {
        let text: Arc<str> = text.into();
        watched(&mut self.input, Box::pin(self.session.prepare(name, text, types))).await??;
        self.output.put(&ParseComplete::new());
        Ok(())
    }

    pub(super) fn bind(&mut self, portal: &str, statement: &str, values: &Values, result_formats: &[i16]) -> Result<(), Failure> {
        self.session.bind_portal(portal, statement, values, result_formats)?;
        self.output.put(&BindComplete::new());
        Ok(())
    }

    pub(super) fn describe(&mut self, target: Target, name: &str) -> Result<(), Failure> {
        let (columns, formats) = match target {
            Target::Statement => {
                let description = self.session.describe_statement(name)?;
                let types = description.parameters.iter().map(|ty| ty.oid()).collect();
                self.output.put(&ParameterDescription::new(types));
                let formats = description.columns.as_ref().map_or(0, |columns| columns.len());
                (description.columns, vec![Format::Text; formats])
            }
            Target::Portal => self.session.describe_portal(name)?.map_or((None, Vec::new()), |(columns, formats)| (Some(columns), formats)),
        };
        match columns {
            Some(columns) => self.describe_rows(&columns, &formats),
            None => self.output.put(&NoData::new()),
        }
        Ok(())
    }

    /// `max_rows`: 0 and less is all.
    pub(super) async fn execute(&mut self, portal: &str, max_rows: i32) -> Result<(), Failure> {
        let response = watched(&mut self.input, Box::pin(self.session.execute_portal(portal))).await??;
        let limit = usize::try_from(max_rows).ok().filter(|limit| *limit > 0);
        let mut rows = match (response, limit) {
            (Response::Rows(rows), Some(_)) => rows,
            (response, _) => {
                // When the pipeline ends here, it commits before the client hears that the statement is complete.
                let last = self.input.sync_follows();
                return Box::pin(self.answer(response, last)).await;
            }
        };
        let limit = limit.unwrap_or(usize::MAX);
        match Box::pin(self.send_rows(&mut rows, limit)).await? {
            Sent::All => {
                let last = self.input.sync_follows();
                let tag = rows.tag();
                // The transaction can only end when nothing reads in it any more.
                drop(rows);
                self.finish(tag, last).await
            }
            Sent::Limit => {
                self.session.suspend_portal(portal, rows);
                self.send_notices();
                self.output.put(&PortalSuspended::new());
                Ok(())
            }
        }
    }

    pub(super) fn close(&mut self, target: Target, name: &str) {
        match target {
            Target::Statement => self.session.close_statement(name),
            Target::Portal => self.session.close_portal(name),
        }
        self.output.put(&CloseComplete::new());
    }

    /// The end of a pipeline: what was implicit commits.
    pub(super) async fn sync(&mut self) -> Result<(), Failure> {
        Ok(self.session.complete(true).await?)
    }
}
