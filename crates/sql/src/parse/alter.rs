//! ALTER TABLE, ALTER VIEW and ALTER SCHEMA. The grammar crate is asked for column definitions, types and expressions only.

use datafusion::sql::sqlparser::ast::{ColumnDef, DataType, Expr, Ident};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Fault, KuraDialect, depth, near};
use crate::Error;

/// An ALTER as written.
#[derive(Debug)]
pub(crate) struct Alter {
    /// What is altered.
    pub(crate) kind: AlterKind,
    /// Its name.
    pub(crate) name: Vec<Ident>,
    /// Whether it need not exist.
    pub(crate) if_exists: bool,
    /// What is to be done. More than one only to columns of tables.
    pub(crate) actions: Vec<Action>,
}

/// The kind of object that an ALTER names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AlterKind {
    Table,
    View,
    Schema,
}

/// One action of an ALTER.
#[derive(Debug)]
pub(crate) enum Action {
    /// RENAME TO.
    Rename(Ident),
    /// SET SCHEMA.
    SetSchema(Ident),
    /// OWNER TO.
    Owner(RoleName),
    /// RENAME COLUMN.
    RenameColumn { from: Ident, to: Ident },
    /// ADD COLUMN.
    AddColumn { definition: Box<ColumnDef>, if_not_exists: bool },
    /// DROP COLUMN.
    DropColumn { column: Ident, if_exists: bool, cascade: bool },
    /// ALTER COLUMN TYPE.
    Type { column: Ident, ty: DataType, using: Option<Box<Expr>> },
    /// ALTER COLUMN SET DEFAULT, or, without a value, DROP DEFAULT.
    Default { column: Ident, value: Option<Box<Expr>> },
    /// ALTER COLUMN SET or DROP NOT NULL.
    Nullable { column: Ident, nullable: bool },
    /// DROP CONSTRAINT.
    DropConstraint { name: Ident, if_exists: bool },
}

impl Action {
    /// The action in PostgreSQL's words, for "ALTER action … cannot be performed on relation".
    pub(crate) fn words(&self) -> &'static str {
        match self {
            Self::Rename(_) => "RENAME",
            Self::SetSchema(_) => "SET SCHEMA",
            Self::Owner(_) => "OWNER TO",
            Self::RenameColumn { .. } => "RENAME COLUMN",
            Self::AddColumn { .. } => "ADD COLUMN",
            Self::DropColumn { .. } => "DROP COLUMN",
            Self::Type { .. } => "ALTER COLUMN ... SET DATA TYPE",
            Self::Default { .. } => "ALTER COLUMN ... SET DEFAULT",
            Self::Nullable { nullable: true, .. } => "ALTER COLUMN ... DROP NOT NULL",
            Self::Nullable { nullable: false, .. } => "ALTER COLUMN ... SET NOT NULL",
            Self::DropConstraint { .. } => "DROP CONSTRAINT",
        }
    }
}

/// A role as a statement names it.
#[derive(Debug)]
pub(crate) enum RoleName {
    /// The role of the session, by one of SQL's words for it.
    Current,
    /// By name.
    Named(Ident),
}

/// What PostgreSQL alters as well, and the grammar crate does not know.
const OTHER_KINDS: [&str; 8] = ["MATERIALIZED", "SEQUENCE", "DATABASE", "DOMAIN", "DEFAULT", "FOREIGN", "SYSTEM", "EXTENSION"];

/// Reads an ALTER of a table, view or schema; `None` when the statement is something else.
pub(super) fn parse(tokens: &[TokenWithSpan]) -> Result<Option<Alter>, Fault> {
    let dialect = KuraDialect;
    let parser = Parser::new(&dialect).with_recursion_limit(depth::PARSER_DEPTH).with_tokens_with_locations(tokens.to_vec());
    let mut reader = Reader { parser };
    if !reader.word("ALTER") {
        return Ok(None);
    }
    let kind = if reader.word("TABLE") {
        AlterKind::Table
    } else if reader.word("VIEW") {
        AlterKind::View
    } else if reader.word("SCHEMA") {
        AlterKind::Schema
    } else if let Some(other) = OTHER_KINDS.iter().find(|word| reader.is_word(word)) {
        return Err(Fault::Ours(Error::unsupported(format!("ALTER {other} is not supported"))));
    } else {
        return Ok(None);
    };
    let alter = match kind {
        AlterKind::Schema => reader.schema()?,
        AlterKind::Table | AlterKind::View => reader.relation(kind)?,
    };
    match reader.parser.peek_token() {
        end if end.token == Token::EOF => Ok(Some(alter)),
        next => Err(Fault::Ours(near(&next))),
    }
}

struct Reader<'a> {
    parser: Parser<'a>,
}

impl Reader<'_> {
    fn schema(&mut self) -> Result<Alter, Fault> {
        let name = vec![self.identifier()?];
        let action = if self.words(&["RENAME", "TO"]) {
            Action::Rename(self.identifier()?)
        } else if self.words(&["OWNER", "TO"]) {
            Action::Owner(self.role()?)
        } else {
            return Err(self.fault());
        };
        Ok(Alter { kind: AlterKind::Schema, name, if_exists: false, actions: vec![action] })
    }

    fn relation(&mut self, kind: AlterKind) -> Result<Alter, Fault> {
        if kind == AlterKind::Table && self.words(&["ALL", "IN", "TABLESPACE"]) {
            return Err(Fault::Ours(Error::unsupported("tablespaces are not supported")));
        }
        let if_exists = self.words(&["IF", "EXISTS"]);
        // There is no inheritance: ONLY this table and this table with its children are the same.
        let only = kind == AlterKind::Table && self.word("ONLY");
        let enclosed = only && self.token(&Token::LParen);
        let name = self.name()?;
        if enclosed && !self.token(&Token::RParen) {
            return Err(self.fault());
        }
        if kind == AlterKind::Table && !only {
            self.token(&Token::Mul);
        }
        let mut actions = Vec::new();
        if let Some(whole) = self.whole()? {
            actions.push(whole);
            return Ok(Alter { kind, name, if_exists, actions });
        }
        loop {
            actions.push(self.action(kind)?);
            if kind == AlterKind::View || !self.token(&Token::Comma) {
                return Ok(Alter { kind, name, if_exists, actions });
            }
        }
    }

    /// What stands alone in its statement: RENAME and SET SCHEMA.
    fn whole(&mut self) -> Result<Option<Action>, Fault> {
        if self.words(&["SET", "SCHEMA"]) {
            return Ok(Some(Action::SetSchema(self.identifier()?)));
        }
        if !self.word("RENAME") {
            return Ok(None);
        }
        if self.word("TO") {
            return Ok(Some(Action::Rename(self.identifier()?)));
        }
        if self.word("CONSTRAINT") {
            return Err(no_constraints());
        }
        self.word("COLUMN");
        let from = self.identifier()?;
        self.expect("TO")?;
        Ok(Some(Action::RenameColumn { from, to: self.identifier()? }))
    }

    /// One of the actions that commas separate.
    fn action(&mut self, kind: AlterKind) -> Result<Action, Fault> {
        if self.words(&["OWNER", "TO"]) {
            return Ok(Action::Owner(self.role()?));
        }
        if self.word("ALTER") {
            return self.alter_column();
        }
        if kind == AlterKind::Table && self.word("ADD") {
            return self.add();
        }
        if kind == AlterKind::Table && self.word("DROP") {
            return self.drop();
        }
        Err(self.unsupported_action(kind))
    }

    fn add(&mut self) -> Result<Action, Fault> {
        for constraint in ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"] {
            if self.is_word(constraint) {
                return Err(no_constraints());
            }
        }
        self.word("COLUMN");
        let if_not_exists = self.words(&["IF", "NOT", "EXISTS"]);
        let definition = Box::new(self.parser.parse_column_def()?);
        Ok(Action::AddColumn { definition, if_not_exists })
    }

    fn drop(&mut self) -> Result<Action, Fault> {
        if self.word("CONSTRAINT") {
            let if_exists = self.words(&["IF", "EXISTS"]);
            let name = self.identifier()?;
            self.behaviour();
            return Ok(Action::DropConstraint { name, if_exists });
        }
        self.word("COLUMN");
        let if_exists = self.words(&["IF", "EXISTS"]);
        let column = self.identifier()?;
        Ok(Action::DropColumn { column, if_exists, cascade: self.behaviour() })
    }

    /// RESTRICT or CASCADE; whether it is the latter.
    fn behaviour(&mut self) -> bool {
        let cascade = self.word("CASCADE");
        if !cascade {
            self.word("RESTRICT");
        }
        cascade
    }

    fn alter_column(&mut self) -> Result<Action, Fault> {
        if self.is_word("CONSTRAINT") {
            return Err(no_constraints());
        }
        self.word("COLUMN");
        let column = self.identifier()?;
        if self.words(&["SET", "DEFAULT"]) {
            return Ok(Action::Default { column, value: Some(Box::new(self.parser.parse_expr()?)) });
        }
        if self.words(&["DROP", "DEFAULT"]) {
            return Ok(Action::Default { column, value: None });
        }
        if self.words(&["SET", "NOT", "NULL"]) {
            return Ok(Action::Nullable { column, nullable: false });
        }
        if self.words(&["DROP", "NOT", "NULL"]) {
            return Ok(Action::Nullable { column, nullable: true });
        }
        if self.word("TYPE") || self.words(&["SET", "DATA", "TYPE"]) {
            let ty = self.parser.parse_data_type()?;
            if self.is_word("COLLATE") {
                return Err(Fault::Ours(Error::unsupported("collations of columns are not supported")));
            }
            let using = if self.word("USING") { Some(Box::new(self.parser.parse_expr()?)) } else { None };
            return Ok(Action::Type { column, ty, using });
        }
        let known = ["SET", "RESET", "ADD", "DROP"];
        if known.iter().any(|word| self.word(word)) && !self.at_end() {
            return Err(Fault::Ours(Error::unsupported(
                "generated columns, identity columns, storage and statistics options of columns are not supported",
            )));
        }
        Err(self.fault())
    }

    /// An error for an action that PostgreSQL knows; a syntax error for others.
    fn unsupported_action(&self, kind: AlterKind) -> Fault {
        let known = [
            "CLUSTER", "ENABLE", "DISABLE", "FORCE", "NO", "INHERIT", "OF", "NOT", "REPLICA", "VALIDATE", "ATTACH", "DETACH", "SET",
            "RESET",
        ];
        match known.iter().find(|word| self.is_word(word)) {
            Some(word) => {
                let statement = if kind == AlterKind::View { "ALTER VIEW" } else { "ALTER TABLE" };
                Fault::Ours(Error::unsupported(format!("{statement} ... {word} is not supported")))
            }
            None => self.fault(),
        }
    }

    fn role(&mut self) -> Result<RoleName, Fault> {
        for word in ["CURRENT_USER", "CURRENT_ROLE", "SESSION_USER"] {
            if self.word(word) {
                return Ok(RoleName::Current);
            }
        }
        Ok(RoleName::Named(self.identifier()?))
    }

    /// A dotted name.
    fn name(&mut self) -> Result<Vec<Ident>, Fault> {
        let mut parts = vec![self.identifier()?];
        while self.token(&Token::Period) {
            parts.push(self.identifier()?);
        }
        Ok(parts)
    }

    fn identifier(&mut self) -> Result<Ident, Fault> {
        let next = self.parser.peek_token();
        match next.token {
            Token::Word(word) => {
                self.parser.advance_token();
                Ok(word.into_ident(next.span))
            }
            _ => Err(self.fault()),
        }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.parser.peek_token_ref().token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.parser.advance_token();
        }
        found
    }

    /// Eats all the words in order, or none.
    fn words(&mut self, words: &[&str]) -> bool {
        for (eaten, word) in words.iter().enumerate() {
            if !self.word(word) {
                (0..eaten).for_each(|_| self.parser.prev_token());
                return false;
            }
        }
        true
    }

    fn expect(&mut self, word: &str) -> Result<(), Fault> {
        if self.word(word) { Ok(()) } else { Err(self.fault()) }
    }

    fn token(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    fn at_end(&self) -> bool {
        self.parser.peek_token_ref().token == Token::EOF
    }

    /// A syntax error at the next token.
    fn fault(&self) -> Fault {
        Fault::Ours(near(&self.parser.peek_token()))
    }
}

fn no_constraints() -> Fault {
    Fault::Ours(
        Error::unsupported("constraints other than NOT NULL are not supported")
            .hint("Kura does not enforce keys; leave the constraint away."),
    )
}
