//! COPY: its table or query, its columns, its options.

use datafusion::sql::sqlparser::ast::Ident;
use kura_pgtypes::SqlState;
use kura_pgtypes::copy::{CopyOption, CopyOptions};

use super::insert::column_position;
use super::scope::{Env, Scope};
use super::select::{BoundQuery, QueryColumn};
use super::{Binder, empty_env};
use crate::authorize::Need;
use crate::parse::{Copy, CopySubject, CopyValue, modified};
use crate::statement::{CopyEncoding, CopyEndpoint, CopyInput, Query, Statement};
use crate::{Error, Result};

impl Binder<'_> {
    pub(super) fn copy(&self, copy: &Copy) -> Result<Statement> {
        let endpoint = match &copy.file {
            Some(path) => {
                self.need(Need::ServerFiles);
                CopyEndpoint::File(path.clone())
            }
            None => CopyEndpoint::Client,
        };
        let encoding = encoding(copy)?;
        match (&copy.subject, copy.from) {
            (CopySubject::Table(name, columns), true) => self.copy_from(name, columns, endpoint, encoding),
            (CopySubject::Query(_), true) => Err(Error::new(SqlState::SYNTAX_ERROR, "COPY FROM needs the name of a table")),
            (subject, false) => {
                let query = self.copied(subject)?;
                let names: Vec<&str> = query.columns.iter().map(|c| c.name.as_str()).collect();
                if let CopyEncoding::Delimited(options) = &encoding {
                    options.check_columns(&names)?;
                }
                Ok(Statement::CopyTo { query, to: endpoint, encoding })
            }
        }
    }

    fn copy_from(&self, name: &[Ident], columns: &[String], from: CopyEndpoint, encoding: CopyEncoding) -> Result<Statement> {
        let table = self.find_table(name, "copy to")?;
        table.check_readable().map_err(|error| Error::Sql(kura_pgtypes::Diagnostic::to_sql_error(&error)))?;
        self.need(Need::Write { owner: table.owner, name: table.name.clone() });
        let mut positions = Vec::with_capacity(columns.len());
        for column in columns {
            let position = column_position(&table, column)?;
            if positions.contains(&position) {
                return Err(Error::new(SqlState::DUPLICATE_COLUMN, format!("column \"{column}\" specified more than once")));
            }
            positions.push(position);
        }
        if columns.is_empty() {
            positions = (0..table.columns.len()).collect();
        }
        if let CopyEncoding::Delimited(options) = &encoding {
            let names: Vec<&str> = positions.iter().filter_map(|p| table.columns.get(*p)).map(|c| c.name.as_str()).collect();
            options.check_columns(&names)?;
        }
        let mut defaults = Vec::with_capacity(table.columns.len());
        for (position, column) in table.columns.iter().enumerate() {
            if positions.contains(&position) {
                defaults.push(None);
                continue;
            }
            let value = self.default_of(column)?;
            let rows = self.values_of(vec![vec![value]], &[column.ty])?;
            defaults.push(Some(self.plain_query(rows)?));
        }
        Ok(Statement::CopyFrom { table, columns: positions, from, encoding, input: CopyInput { defaults } })
    }

    /// The rows that COPY TO writes.
    fn copied(&self, subject: &CopySubject) -> Result<Query> {
        match subject {
            CopySubject::Query(query) if super::query_is_select_into(query) => {
                Err(Error::unsupported("COPY (SELECT INTO) is not supported"))
            }
            CopySubject::Query(query) => match modified(&query.body) {
                Some(change) => self.plain_query(self.copied_change(query.with.as_ref(), change)?),
                None => self.top_query(query),
            },
            CopySubject::Table(name, columns) => {
                if let kura_catalog::Relation::View(view) = self.find_relation(name)? {
                    return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot copy from view \"{}\"", view.name))
                        .hint("Try the COPY (SELECT ...) TO variant."));
                }
                let table = self.find_table(name, "copy from")?;
                let scope = Scope::default();
                let env: Env<'_> = empty_env(&scope);
                let whole = self.whole_table(name, &env)?;
                if columns.is_empty() {
                    return self.plain_query(whole);
                }
                let mut chosen: Vec<QueryColumn> = Vec::with_capacity(columns.len());
                for column in columns {
                    let position = column_position(&table, column)?;
                    let found = whole.columns.get(position).cloned();
                    let found = found.ok_or_else(|| Error::new(SqlState::INTERNAL_ERROR, "a table without its column"))?;
                    if chosen.iter().any(|c| c.name == found.name) {
                        return Err(Error::new(SqlState::DUPLICATE_COLUMN, format!("column \"{column}\" specified more than once")));
                    }
                    chosen.push(found);
                }
                self.plain_query(BoundQuery { plan: whole.plan, columns: chosen })
            }
        }
    }

    fn plain_query(&self, bound: BoundQuery) -> Result<Query> {
        let columns = bound.columns.iter().map(QueryColumn::output).collect();
        let plan = self.exact_fields(bound.plan, &bound.columns)?;
        Ok(Query { plan, columns })
    }
}

/// Text and csv with their options; parquet and json, which have none, for files.
fn encoding(copy: &Copy) -> Result<CopyEncoding> {
    let format = copy.options.iter().find(|(name, _)| name == "format");
    let whole_file = match format {
        Some((_, CopyValue::Text(value))) => match value.to_lowercase().as_str() {
            "parquet" => Some(CopyEncoding::Parquet),
            "json" => Some(CopyEncoding::Json),
            _ => None,
        },
        _ => None,
    };
    let Some(encoding) = whole_file else {
        let options: Vec<(&str, CopyOption<'_>)> = copy
            .options
            .iter()
            .map(|(name, value)| {
                let value = match value {
                    CopyValue::Absent => CopyOption::Absent,
                    CopyValue::Text(text) => CopyOption::Text(text),
                    CopyValue::Columns(columns) => CopyOption::Columns(columns),
                    CopyValue::All => CopyOption::All,
                };
                (name.as_str(), value)
            })
            .collect();
        return Ok(CopyEncoding::Delimited(CopyOptions::parse(&options, copy.from)?));
    };
    if let Some((other, _)) = copy.options.iter().find(|(name, _)| name != "format") {
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("COPY {other} is not an option of this format")));
    }
    if copy.file.is_none() {
        return Err(Error::unsupported("COPY in parquet and json format needs a file").hint("Use csv or text with STDIN and STDOUT."));
    }
    Ok(encoding)
}
