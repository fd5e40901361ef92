//! Binding: names to objects of one snapshot, expressions to PostgreSQL types, statements to plans.
//!
//! Kura binds the syntax tree itself instead of going through DataFusion's SQL planner: types decide PostgreSQL's
//! meaning of almost every operator, and every column of the plan needs a name of its own (the engine maps pushed
//! filters by name). See `docs/decisions/0001-own-binder.md`. Binding reads the snapshot only; it does no I/O.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::common::{Column, ScalarValue};
use datafusion::sql::sqlparser::ast::{CloseCursor, Expr as AstExpr, Ident, SetExpr, Spanned};
use kura_catalog::{Role, Snapshot, View};
use kura_functions::SessionInfo;
use kura_pgtypes::{PgType, SqlError, SqlState};
use kura_storage::Storage;

use crate::authorize::{Need, add_need};
use crate::parse::{Ast, Merge, Parsed, Strength, modified, unpack};
use crate::statement::{Lock, OutputColumn, Part, Query, Statement};
use crate::{Error, Result};

mod advisory;
mod aggregate;
mod alter;
mod array;
mod cast;
mod comment;
mod constant;
mod copy;
mod create;
mod create_view;
mod delete;
mod dependency;
mod drop;
mod expression;
mod function;
mod group;
mod group_by;
mod insert;
mod join;
mod literal;
mod lock;
mod merge;
mod modify;
mod object;
mod operator;
mod order;
mod output;
mod part;
mod predicate;
mod query;
mod recursive;
mod relation;
mod scope;
mod select;
mod series;
mod set_operation;
mod special;
mod stages;
mod subquery;
mod truncate;
pub(crate) mod type_name;
mod typed;
mod update;
mod view;
mod window;

use modify::Modification;
use scope::Env;
use typed::Typed;

/// Views inside views, at most.
const VIEW_DEPTH_MAX: usize = 64;

/// Looks a setting's value up by name, for `current_setting`.
pub type SettingLookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What a statement is bound against.
#[derive(Clone)]
pub struct BindContext {
    /// The catalog as the statement sees it.
    pub snapshot: Arc<Snapshot>,
    /// Where tables are read from.
    pub storage: Arc<Storage>,
    /// The session's facts.
    pub info: Arc<SessionInfo>,
    /// Schemas to look unqualified names up in, in order.
    pub search_path: Vec<String>,
    /// Who runs it.
    pub role: Arc<Role>,
    /// The parameters `$1`, `$2`, ….
    pub parameters: Parameters,
    /// Values of settings.
    pub setting: Arc<SettingLookup>,
}

/// A statement's parameters.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    /// Declared types in order; `None` is to be inferred.
    pub types: Vec<Option<PgType>>,
    /// Values, one array of length 1 each, once the statement is to be run.
    pub values: Option<Vec<ArrayRef>>,
}

/// A bound statement, not yet authorised.
#[derive(Debug)]
pub struct Bound {
    statement: Statement,
    needs: Vec<Need>,
    parameters: Vec<PgType>,
    notices: Vec<SqlError>,
    explained: Vec<OutputColumn>,
    locks: Vec<Lock>,
    row_strength: Option<Strength>,
}

impl Bound {
    /// The columns of the rows it returns; `None` when it returns none.
    pub fn columns(&self) -> Option<&[OutputColumn]> {
        match &self.statement {
            Statement::Query(query) => Some(&query.columns),
            Statement::Explain { .. } => Some(&self.explained),
            Statement::Modify(modify) => modify.returning.as_deref(),
            Statement::With { body, .. } => match &**body {
                Statement::Query(query) => Some(&query.columns),
                Statement::Modify(modify) => modify.returning.as_deref(),
                _ => None,
            },
            _ => None,
        }
    }

    /// Types of its parameters, in order.
    pub fn parameters(&self) -> &[PgType] {
        &self.parameters
    }

    /// PostgreSQL's name of the command, without counts: "SELECT", "INSERT", "CREATE TABLE".
    pub fn command(&self) -> &'static str {
        self.statement.command()
    }

    /// Whether it changes neither the catalog nor data.
    pub fn read_only(&self) -> bool {
        self.statement.read_only()
    }

    /// The name of the command that a read-only transaction refuses; `None` when it refuses nothing.
    pub fn refused_read_only(&self) -> Option<String> {
        if let Some(strength) = self.row_strength {
            return Some(format!("SELECT {strength}"));
        }
        let mut statement = &self.statement;
        while let Statement::Explain { statement: inner, .. } = statement
            && !statement.read_only()
        {
            statement = inner;
        }
        let command = if matches!(statement, Statement::CopyFrom { .. }) { "COPY FROM" } else { statement.command() };
        (!statement.read_only()).then(|| command.to_owned())
    }

    /// What is to be locked before it runs, in order.
    pub fn locks(&self) -> &[Lock] {
        &self.locks
    }

    /// Notices for the client, as errors of a lesser severity.
    pub fn notices(&self) -> &[SqlError] {
        &self.notices
    }

    pub(crate) fn needs(&self) -> &[Need] {
        &self.needs
    }

    pub(crate) fn into_statement(self) -> Statement {
        self.statement
    }
}

/// Binds a statement.
///
/// # Errors
/// PostgreSQL's errors of parse analysis (42P01, 42703, 42883, 42804, …), with their position.
pub fn bind(parsed: &Parsed, context: &BindContext) -> Result<Bound> {
    let binder = Binder::new(context, &parsed.text);
    let statement = binder.statement(&parsed.ast).and_then(|statement| part::with_parts(statement, binder.parts.take()));
    let statement = statement.map_err(|error| unpack(error, &parsed.text))?;
    let explained = match &statement {
        Statement::Explain { json, .. } => {
            let ty = if *json { PgType::JSON } else { PgType::TEXT };
            vec![OutputColumn { name: "QUERY PLAN".to_owned(), ty, table_oid: 0, attnum: 0 }]
        }
        _ => Vec::new(),
    };
    let parameters = binder.parameters.into_inner().into_iter().map(|ty| ty.unwrap_or(PgType::TEXT)).collect();
    let mut locks = statement.locks();
    let mut row_strength = None;
    if lock::runs_queries(&statement) {
        locks.extend(binder.locks.into_inner());
        row_strength = binder.row_strength.get();
    }
    let (needs, notices) = (binder.needs.into_inner(), binder.notices.into_inner());
    Ok(Bound { statement, needs, parameters, notices, explained, locks, row_strength })
}

/// The state of binding one statement.
pub(crate) struct Binder<'a> {
    pub(crate) context: &'a BindContext,
    /// The statement's text, for positions and for views, which keep their text.
    pub(crate) text: &'a str,
    names: Cell<u64>,
    needs: RefCell<Vec<Need>>,
    notices: RefCell<Vec<SqlError>>,
    parameters: RefCell<Vec<Option<PgType>>>,
    /// Names of the views being bound, outermost first.
    views: RefCell<Vec<i64>>,
    /// Subqueries of expressions around the place being bound.
    pub(crate) depth: Cell<usize>,
    /// What the view being bound reads.
    reads: RefCell<dependency::Reads>,
    /// Search path of the view being bound, instead of the session's.
    path: RefCell<Vec<Vec<String>>>,
    /// Queries of the WITH list that change rows.
    parts: RefCell<Vec<Part>>,
    /// Collects aggregates, window functions and set-returning functions of the query being bound.
    pub(crate) collected: RefCell<Vec<group::Collected>>,
    /// What the statement locks because its text says so.
    locks: RefCell<Vec<Lock>>,
    /// The strongest locking clause of its queries.
    row_strength: Cell<Option<Strength>>,
    /// What the SELECT bound last calls.
    selected: Cell<lock::Calls>,
    /// Calls that wait for a lock which may still come.
    waits_left: Cell<usize>,
    /// WINDOW clauses of the queries being bound.
    pub(crate) named_windows: RefCell<Vec<Vec<datafusion::sql::sqlparser::ast::NamedWindowDefinition>>>,
}

impl<'a> Binder<'a> {
    fn new(context: &'a BindContext, text: &'a str) -> Self {
        Self {
            context,
            text,
            names: Cell::new(0),
            needs: RefCell::default(),
            notices: RefCell::default(),
            parameters: RefCell::new(context.parameters.types.clone()),
            views: RefCell::default(),
            depth: Cell::new(0),
            reads: RefCell::default(),
            path: RefCell::new(vec![context.search_path.clone()]),
            parts: RefCell::default(),
            collected: RefCell::default(),
            locks: RefCell::default(),
            row_strength: Cell::default(),
            selected: Cell::default(),
            waits_left: Cell::default(),
            named_windows: RefCell::default(),
        }
    }

    /// A column name that nothing else in the plan has; `hint` makes plans readable.
    pub(crate) fn fresh(&self, hint: &str) -> String {
        let number = self.names.get() + 1;
        self.names.set(number);
        let short: String = hint.chars().filter(|c| c.is_alphanumeric() || *c == '_').take(24).collect();
        format!("{short}#{number}")
    }

    pub(crate) fn fresh_column(&self, hint: &str) -> Column {
        Column::new_unqualified(self.fresh(hint))
    }

    pub(crate) fn need(&self, need: Need) {
        // Inside a view the owner's rights count, not the reader's.
        if self.views.borrow().is_empty() {
            add_need(&mut self.needs.borrow_mut(), need);
        }
    }

    /// Whether what is bound stands in a view's query.
    pub(crate) fn is_in_view(&self) -> bool {
        !self.views.borrow().is_empty()
    }

    pub(crate) fn notice(&self, state: SqlState, message: String) {
        self.notices.borrow_mut().push(SqlError::new(state, message));
    }

    pub(crate) fn search_path(&self) -> Vec<String> {
        self.path.borrow().last().cloned().unwrap_or_default()
    }

    /// Runs `work` as the body of a view, with the view's search path.
    pub(crate) fn inside_view<T>(&self, view: &View, path: Vec<String>, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.views.borrow().len() >= VIEW_DEPTH_MAX {
            return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, format!("views are nested more than {VIEW_DEPTH_MAX} deep")));
        }
        if self.views.borrow().contains(&view.id) {
            return Err(Error::new(
                SqlState::INVALID_OBJECT_DEFINITION,
                format!("infinite recursion detected in rules for relation \"{}\"", view.name),
            ));
        }
        self.views.borrow_mut().push(view.id);
        self.path.borrow_mut().push(path);
        let result = work();
        self.path.borrow_mut().pop();
        self.views.borrow_mut().pop();
        result
    }

    /// The parameter `$number`: its value when there is one, a placeholder otherwise.
    pub(crate) fn parameter(&self, number: usize) -> Result<Typed> {
        if number == 0 || number > 65_535 {
            return Err(Error::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter ${number}")));
        }
        let index = number - 1;
        if let Some(values) = &self.context.parameters.values {
            let value =
                values.get(index).ok_or_else(|| Error::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter ${number}")))?;
            let ty = self.context.parameters.types.get(index).copied().flatten().unwrap_or(PgType::TEXT);
            let (value, ty) = literal::trimmed(ScalarValue::try_from_array(value, 0)?, ty);
            return Ok(Typed::new(datafusion::logical_expr::lit(value), ty));
        }
        let mut types = self.parameters.borrow_mut();
        if types.len() <= index {
            types.resize(index + 1, None);
        }
        let ty = types.get(index).copied().flatten().unwrap_or(PgType::UNKNOWN);
        Ok(Typed::new(literal::placeholder(number, ty), ty))
    }

    /// Settles the type of a parameter that had none.
    pub(crate) fn infer_parameter(&self, number: usize, ty: PgType) {
        if let Some(slot @ None) = self.parameters.borrow_mut().get_mut(number - 1) {
            *slot = Some(ty);
        }
    }

    fn statement(&self, ast: &Ast) -> Result<Statement> {
        use datafusion::sql::sqlparser::ast::Statement as Sql;
        match ast {
            Ast::Session => Err(Error::new(SqlState::INTERNAL_ERROR, "a session command reached the binder")),
            Ast::Alter(alter) => self.alter(alter),
            Ast::Copy(copy) => self.copy(copy),
            Ast::Merge(merge) => self.merge_statement(merge),
            Ast::Locked(query, clauses) => Ok(Statement::Query(self.locked_query(query, clauses)?)),
            Ast::CreateTable(table, extras) => self.create_table(table, extras),
            Ast::Statement(statement) => match &**statement {
                Sql::Query(query) if query_is_select_into(query) => self.select_into(query),
                Sql::Query(query) => match modified(&query.body) {
                    Some(body) => self.modification(query.with.as_ref(), Modification::Sql(body), false),
                    None => {
                        self.expect_waits(query);
                        Ok(Statement::Query(self.top_query(query)?))
                    }
                },
                Sql::Lock(lock) => self.lock_tables(lock),
                Sql::Explain { .. } => self.explain(statement, None),
                Sql::Insert(_) | Sql::Update(_) | Sql::Delete(_) => self.modification(None, Modification::Sql(statement), false),
                Sql::Truncate(truncate) => self.truncate(truncate),
                Sql::CreateSchema { .. } => self.create_schema(statement),
                Sql::CreateView(view) => self.create_view(view),
                Sql::Drop { .. } => self.drop(statement),
                Sql::Comment { .. } => self.comment(statement),
                // There are no cursors and no channels, so nothing is left to close.
                Sql::Close { cursor: CloseCursor::All } => Ok(Statement::Nothing { tag: "CLOSE CURSOR ALL" }),
                Sql::UNLISTEN { .. } => Ok(Statement::Nothing { tag: "UNLISTEN" }),
                other => Err(unsupported_statement(other)),
            },
        }
    }

    /// Binds a query that stands alone.
    pub(crate) fn top_query(&self, query: &datafusion::sql::sqlparser::ast::Query) -> Result<Query> {
        let bound = self.query(query, None)?;
        self.alone(bound)
    }

    /// A bound query as a statement's.
    fn alone(&self, bound: select::BoundQuery) -> Result<Query> {
        let columns = bound.columns.iter().map(select::QueryColumn::output).collect();
        // Exactly one field per column, in order: a column selected twice is one field of the plan otherwise.
        let plan = self.exact_fields(bound.plan, &bound.columns)?;
        Ok(Query { plan, columns })
    }

    /// EXPLAIN. `merge`: stands in the place of the query explained.
    fn explain(&self, statement: &datafusion::sql::sqlparser::ast::Statement, merge: Option<&Merge>) -> Result<Statement> {
        use datafusion::sql::sqlparser::ast::Statement as Sql;
        let Sql::Explain { analyze, verbose, statement, options, format, .. } = statement else {
            return Err(unsupported_statement(statement));
        };
        let mut flags = output::explain_options(options.as_deref().unwrap_or_default())?;
        flags.analyze |= *analyze;
        flags.verbose |= *verbose;
        flags.json |= output::explain_format(format.as_ref())?;
        let run = flags.analyze;
        let statement = match &**statement {
            Sql::Query(query) => match merge.map(Modification::Merge).or_else(|| modified(&query.body).map(Modification::Sql)) {
                Some(change) => self.modification(query.with.as_ref(), change, run)?,
                None => Statement::Query(self.top_query(query)?),
            },
            Sql::Insert(_) | Sql::Update(_) | Sql::Delete(_) => self.modification(None, Modification::Sql(statement), run)?,
            other => return Err(Error::unsupported(format!("EXPLAIN of {} is not supported", output::statement_name(other)))),
        };
        Ok(Statement::Explain { statement: Box::new(statement), analyze: flags.analyze, verbose: flags.verbose, json: flags.json })
    }
}

/// Whether a query is `SELECT … INTO`, which makes a table.
pub(crate) fn query_is_select_into(query: &datafusion::sql::sqlparser::ast::Query) -> bool {
    let mut leftmost = &*query.body;
    while let SetExpr::SetOperation { left, .. } = leftmost {
        leftmost = left;
    }
    matches!(leftmost, SetExpr::Select(select) if select.into.is_some())
}

fn unsupported_statement(statement: &datafusion::sql::sqlparser::ast::Statement) -> Error {
    Error::unsupported(format!("{} is not supported yet", output::statement_name(statement)))
}

/// An identifier's place, line and column in one number, until [`unpack`] turns it into characters.
pub(crate) fn position_of(ident: &Ident) -> Option<usize> {
    pack(ident.span.start.line, ident.span.start.column)
}

/// An expression's place, as [`position_of`].
pub(crate) fn place_of(expr: &AstExpr) -> Option<usize> {
    let start = expr.span().start;
    pack(start.line, start.column)
}

/// Line and column in one number.
pub(crate) fn pack(line: u64, column: u64) -> Option<usize> {
    let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?);
    (line > 0).then_some((line << 32) | column)
}

/// Environment of a query without a FROM clause around it.
pub(crate) fn empty_env<'e>(scope: &'e scope::Scope) -> Env<'e> {
    Env { scope, outer: None, ctes: None, depth: 0 }
}
