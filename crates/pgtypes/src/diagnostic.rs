//! What an error tells a PostgreSQL client: [`SqlError`] and the trait [`Diagnostic`] of every crate's own `Error`.
//!
//! Nothing is written to a wire here; the fields are those of the chapter "Error and Notice Message Fields".

use crate::sqlstate::SqlState;

/// An error in the shape a PostgreSQL client receives it.
///
/// `Display` prints the message only. Messages follow PostgreSQL's style: lower case, no full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// Field `C`.
    pub state: SqlState,
    /// Field `M`, the primary message.
    pub message: String,
    /// Field `D`.
    pub detail: Option<String>,
    /// Field `H`.
    pub hint: Option<String>,
    /// Field `P`: 1-based character in the statement.
    pub position: Option<usize>,
    /// Field `W`: where the error happened, such as `COPY t, line 3, column b: "x"`.
    pub context: Option<String>,
}

impl SqlError {
    /// An error with a code and a primary message.
    #[must_use]
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        Self { state, message: message.into(), detail: None, hint: None, position: None, context: None }
    }

    /// Sets the detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Sets the hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the position, a 1-based character in the statement.
    #[must_use]
    pub fn position(mut self, position: usize) -> Self {
        self.position = Some(position);
        self
    }

    /// Sets the context; an inner context already present stays first, as PostgreSQL prints it.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        let outer = context.into();
        self.context = Some(match self.context {
            Some(inner) => format!("{inner}\n{outer}"),
            None => outer,
        });
        self
    }
}

/// How an error of any crate answers a client. Each crate's `Error` implements it with exhaustive matches.
pub trait Diagnostic: std::error::Error {
    /// The code of the error.
    fn sqlstate(&self) -> SqlState;

    /// The detail, where there is more to say than the message does.
    fn detail(&self) -> Option<String> {
        None
    }

    /// What the user could do about it.
    fn hint(&self) -> Option<String> {
        None
    }

    /// 1-based character in the statement.
    fn position(&self) -> Option<usize> {
        None
    }

    /// Where it happened, such as the line of a COPY.
    fn context(&self) -> Option<String> {
        None
    }

    /// All of the above in one value, with `Display` as the message.
    fn to_sql_error(&self) -> SqlError {
        SqlError {
            state: self.sqlstate(),
            message: self.to_string(),
            detail: self.detail(),
            hint: self.hint(),
            position: self.position(),
            context: self.context(),
        }
    }
}

impl Diagnostic for SqlError {
    fn sqlstate(&self) -> SqlState {
        self.state
    }

    fn detail(&self) -> Option<String> {
        self.detail.clone()
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    fn position(&self) -> Option<usize> {
        self.position
    }

    fn context(&self) -> Option<String> {
        self.context.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builder_and_round_trip() {
        let error =
            SqlError::new(SqlState::SYNTAX_ERROR, "syntax error").detail("d").hint("h").position(3).context("inner").context("outer");
        assert_eq!(error.context.as_deref(), Some("inner\nouter"));
        assert_eq!(error.to_string(), "syntax error");
        assert_eq!(error.to_sql_error(), error);
    }
}
