//! Errors and notices as messages. Chapter "Error and Notice Message Fields".

use kura_pgtypes::{Diagnostic, SqlError, SqlState};
use kura_session::Notice;
use pgwire::messages::response::{ErrorResponse, NoticeResponse};

/// Why a statement or a connection ended.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The statement failed; the conversation goes on.
    Statement(kura_session::Error),
    /// The conversation ends; the client is told why.
    Fatal(SqlError),
    /// The client is gone.
    Gone,
}

impl From<kura_session::Error> for Failure {
    fn from(error: kura_session::Error) -> Self {
        Self::Statement(error)
    }
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Statement(kura_session::Error::Session(error))
    }
}

impl From<std::io::Error> for Failure {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

/// The message for an error. A bug of ours (class XX) is logged whole and shown with its query id only.
pub(crate) fn response(error: &(impl Diagnostic + ?Sized), severity: &str, query_id: u64) -> ErrorResponse {
    let sql = error.to_sql_error();
    if sql.state == SqlState::INTERNAL_ERROR {
        let cause = chain(error);
        tracing::error!(query_id, cause, "internal error");
        let masked = SqlError::new(SqlState::INTERNAL_ERROR, "internal error")
            .detail(format!("Query id {query_id}; the server's log has the cause."));
        return ErrorResponse::new(fields(&masked, severity));
    }
    ErrorResponse::new(fields(&sql, severity))
}

/// The message for an error that ends the connection.
pub(crate) fn fatal(error: &SqlError) -> ErrorResponse {
    ErrorResponse::new(fields(error, "FATAL"))
}

/// The message for a notice.
pub(crate) fn notice(notice: &Notice) -> NoticeResponse {
    NoticeResponse::new(fields(&notice.message, notice.severity.word()))
}

fn fields(error: &SqlError, severity: &str) -> Vec<(u8, String)> {
    let mut fields = vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', error.state.code().to_owned()),
        (b'M', clean(&error.message)),
    ];
    let optional = [(b'D', &error.detail), (b'H', &error.hint), (b'W', &error.context)];
    fields.extend(optional.into_iter().filter_map(|(code, text)| Some((code, clean(text.as_deref()?)))));
    fields.extend(error.position.map(|position| (b'P', position.to_string())));
    fields
}

/// A NUL would end the field.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The error and what caused it, in one line.
fn chain(error: &(impl Diagnostic + ?Sized)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_sent_and_bugs_are_masked() {
        let error = SqlError::new(SqlState::SYNTAX_ERROR, "syntax error at or near \"x\"").detail("d").hint("h").position(7).context("w");
        let response = response(&error, "ERROR", 1);
        let text: String = response.fields.iter().map(|(code, value)| format!("{}={value};", char::from(*code))).collect();
        assert_eq!(text, "S=ERROR;V=ERROR;C=42601;M=syntax error at or near \"x\";D=d;H=h;W=w;P=7;");
        let bug = SqlError::new(SqlState::INTERNAL_ERROR, "secret path /x");
        let response = super::response(&bug, "ERROR", 42);
        assert!(response.fields.iter().all(|(_, value)| !value.contains("secret")));
        assert!(response.fields.iter().any(|(_, value)| value.contains("42")));
    }
}
