//! What a bound statement is: one variant per statement the engine runs.

use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use kura_catalog::{NewTable, Schema, Table, View};
use kura_pgtypes::PgType;
use kura_pgtypes::copy::CopyOptions;

mod alter;
mod lock;
mod modify;

pub use alter::{AlterObject, AlterTable, AlteredObject, ColumnChange, ExistingRows, NullCheck, ObjectChange};
pub use lock::Lock;
pub use modify::{Action, Modify, Part, Twice};

/// A column of a statement's result as the client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputColumn {
    /// The name PostgreSQL would give it; need not be unique.
    pub name: String,
    /// Its type.
    pub ty: PgType,
    /// OID of the table it comes from unchanged, or 0.
    pub table_oid: u32,
    /// Its 1-based number in that table, or 0.
    pub attnum: i16,
}

/// A bound query: a plan whose fields have unique internal names, and the client's view of its columns, in order.
#[derive(Clone, Debug)]
pub struct Query {
    /// The plan; its schema has exactly one field per entry of `columns`.
    pub plan: LogicalPlan,
    /// The client's columns.
    pub columns: Vec<OutputColumn>,
}

/// Where COPY reads from or writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyEndpoint {
    /// The client's connection.
    Client,
    /// A file on the server, below one of the configured roots.
    File(String),
}

/// How the rows of a COPY are written down.
#[derive(Clone, Debug)]
pub enum CopyEncoding {
    /// PostgreSQL's text and csv.
    Delimited(CopyOptions),
    /// Apache Parquet (files only).
    Parquet,
    /// One JSON object per line (files only).
    Json,
}

/// A statement that the engine runs.
#[derive(Clone, Debug)]
pub enum Statement {
    /// SELECT, VALUES, TABLE.
    Query(Query),
    /// EXPLAIN of a query.
    Explain {
        /// The statement explained.
        statement: Box<Statement>,
        /// Whether it is run and its figures shown.
        analyze: bool,
        /// Whether every detail is shown.
        verbose: bool,
        /// Whether the plan is printed as one JSON document.
        json: bool,
    },
    /// CREATE SCHEMA. `None`: it exists already and IF NOT EXISTS was given; `name` is for the notice.
    CreateSchema {
        /// Its name.
        name: String,
        /// Whether it exists already.
        exists: bool,
        /// OID of the role that will own it.
        owner: u32,
    },
    /// DROP SCHEMA, with everything in them when CASCADE was given.
    DropSchema {
        /// The schemas.
        schemas: Vec<Arc<Schema>>,
        /// Tables in them or depending on them, dropped as well.
        tables: Vec<Arc<Table>>,
        /// Views in them or depending on them, dropped as well.
        views: Vec<Arc<View>>,
    },
    /// CREATE TABLE, CREATE TABLE AS.
    CreateTable {
        /// The table to create; `None` when it exists already and IF NOT EXISTS was given.
        table: Option<NewTable>,
        /// Where the first rows come from.
        source: Option<Query>,
        /// Whether it is CREATE TABLE AS: its tag is `SELECT n`, or `CREATE TABLE AS` when no rows were to be stored
        /// (it exists already, or WITH NO DATA: no `source`).
        with_rows: bool,
        /// Comments on columns, by name.
        comments: Vec<(String, String)>,
    },
    /// DROP TABLE, DROP VIEW.
    DropRelations {
        /// "DROP TABLE" or "DROP VIEW".
        tag: &'static str,
        /// Tables to drop.
        tables: Vec<Arc<Table>>,
        /// Views to drop, dependent ones first.
        views: Vec<Arc<View>>,
    },
    /// CREATE \[OR REPLACE\] VIEW.
    CreateView {
        /// The view it replaces.
        replaces: Option<Arc<View>>,
        /// The view to create.
        view: kura_catalog::NewView,
    },
    /// ALTER TABLE, of its columns.
    AlterTable(Box<AlterTable>),
    /// ALTER TABLE, VIEW, SCHEMA, of the object as a whole.
    AlterObject(AlterObject),
    /// COMMENT ON.
    Comment {
        /// What it is about.
        on: CommentTarget,
        /// The text; `None` removes it.
        text: Option<String>,
    },
    /// INSERT.
    Insert {
        /// Where the rows go.
        table: Arc<Table>,
        /// Rows in the table's column order and types.
        source: Query,
    },
    /// DELETE, UPDATE, MERGE, and INSERT with RETURNING.
    Modify(Box<Modify>),
    /// A statement whose WITH list changes rows. All of it is bound to the same snapshot, so that no part sees what another does.
    With {
        /// The changes, in the order of the list; each is made once.
        parts: Vec<Part>,
        /// The statement behind the list: a query, INSERT or [`Statement::Modify`].
        body: Box<Statement>,
    },
    /// TRUNCATE.
    Truncate {
        /// The tables, none of them twice.
        tables: Vec<Arc<Table>>,
    },
    /// COPY table FROM.
    CopyFrom {
        /// Where the rows go.
        table: Arc<Table>,
        /// Positions in the table of the columns that the input has, in the input's order.
        columns: Vec<usize>,
        /// Where from.
        from: CopyEndpoint,
        /// In which form.
        encoding: CopyEncoding,
        /// A plan that turns input rows into table rows, and the name of the input table in it.
        input: CopyInput,
    },
    /// COPY … TO.
    CopyTo {
        /// The rows.
        query: Query,
        /// Where to.
        to: CopyEndpoint,
        /// In which form.
        encoding: CopyEncoding,
    },
    /// A statement accepted because what it asks is true already; only its tag and notices are sent.
    Nothing {
        /// The command tag.
        tag: &'static str,
    },
}

/// Default values for the columns that a COPY does not name: one expression per table column, constant ones only.
#[derive(Clone, Debug)]
pub struct CopyInput {
    /// Per table column: `None` when the input has it, otherwise a one-row query with one column, the default.
    pub defaults: Vec<Option<Query>>,
}

/// The object of a COMMENT ON.
#[derive(Clone, Debug)]
pub enum CommentTarget {
    /// A schema.
    Schema(Arc<Schema>),
    /// A table.
    Table(Arc<Table>),
    /// A view.
    View(Arc<View>),
    /// A column of a table: the table and the column's id.
    Column(Arc<Table>, i64),
}

impl Statement {
    /// PostgreSQL's name of the command, without counts.
    pub fn command(&self) -> &'static str {
        match self {
            Self::Query(_) => "SELECT",
            Self::Explain { .. } => "EXPLAIN",
            Self::CreateSchema { .. } => "CREATE SCHEMA",
            Self::DropSchema { .. } => "DROP SCHEMA",
            Self::CreateTable { with_rows: true, .. } => "CREATE TABLE AS",
            Self::CreateTable { .. } => "CREATE TABLE",
            Self::DropRelations { tag, .. } | Self::Nothing { tag } => tag,
            Self::CreateView { .. } => "CREATE VIEW",
            Self::AlterTable(_) => "ALTER TABLE",
            Self::AlterObject(alter) => alter.tag,
            Self::Comment { .. } => "COMMENT",
            Self::Insert { .. } => "INSERT",
            Self::Modify(modify) => modify.command,
            Self::With { body, .. } => body.command(),
            Self::Truncate { .. } => "TRUNCATE TABLE",
            Self::CopyFrom { .. } | Self::CopyTo { .. } => "COPY",
        }
    }

    /// Whether it changes neither the catalog nor data.
    pub fn read_only(&self) -> bool {
        match self {
            Self::Query(_) | Self::CopyTo { .. } | Self::Nothing { .. } => true,
            Self::Explain { statement, analyze, .. } => !analyze || statement.read_only(),
            _ => false,
        }
    }
}
