//! Set-returning functions: rows from lists, and `generate_series` as a stream of its own.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::{Column, JoinType, NullHandling, ScalarValue, UnnestOptions};
use datafusion::datasource::provider_as_source;
use datafusion::functions_table::generate_series::{GenSeriesArgs, GenerateSeriesTable};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Unnest, lit};
use datafusion::sql::sqlparser::ast;
use kura_pgtypes::{PgType, SqlState};

use super::expression::{At, Clause};
use super::relation::{Factor, aliased, scope_column};
use super::scope::{Env, Scope, ScopeColumn, folded};
use super::select::QueryColumn;
use super::typed::{Typed, common_of, is_integer};
use super::{Binder, group};
use crate::{Error, Result};

impl Binder<'_> {
    /// A function in FROM.
    pub(crate) fn table_function(
        &self,
        name: &ast::ObjectName,
        arguments: &[ast::FunctionArg],
        ordinality: bool,
        alias: Option<&ast::TableAlias>,
        left: Option<&Scope>,
        env: &Env<'_>,
    ) -> Result<Factor> {
        let function = super::object::parts(name)?.last().map(folded).unwrap_or_default();
        let empty = Scope::default();
        let around = Env { scope: left.unwrap_or(&empty), ..*env };
        let at = At { env: &around, clause: Clause::From, operand: false };
        let mut bound = Vec::with_capacity(arguments.len());
        for argument in arguments {
            bound.push(self.expr(super::function::positional(argument)?, at)?);
        }
        match function.as_str() {
            "generate_series" => self.generate_series(bound, ordinality, alias, left),
            "unnest" => {
                let lists = bound.into_iter().map(|typed| self.array_value(typed)).collect::<Result<Vec<_>>>()?;
                self.expanded("unnest", lists, ordinality, alias, left)
            }
            _ => {
                let list = self.set_returning(&function, bound)?;
                match list {
                    Ok(list) => self.expanded(&function, vec![list], ordinality, alias, left),
                    // A function of one value is a relation of one row.
                    Err(value) => {
                        let list = self.array_literal(vec![value.clone()], value.ty)?;
                        self.expanded(&function, vec![list], ordinality, alias, left)
                    }
                }
            }
        }
    }

    /// The list behind a set-returning function, or the value of one that is not.
    fn set_returning(&self, name: &str, arguments: Vec<Typed>) -> Result<Result<Typed, Typed>> {
        match self.series_list(name, &arguments)? {
            Some(list) => Ok(Ok(list)),
            None => Ok(Err(self.scalar_call(name, arguments)?)),
        }
    }

    /// The array whose elements a set-returning function yields; `None` for other functions.
    pub(crate) fn series_list(&self, name: &str, arguments: &[Typed]) -> Result<Option<Typed>> {
        let by_array = match name {
            "generate_series" => {
                let (ty, bounds) = self.series_bounds(arguments.to_vec())?;
                return self.scalar_call("generate_series", bounds).map(|list| Some(Typed::new(list.expr, ty.array_of())));
            }
            "unnest" => {
                let [array] = arguments else {
                    return Err(Error::new(SqlState::UNDEFINED_FUNCTION, "unnest of several arrays belongs into FROM"));
                };
                return self.array_value(array.clone()).map(Some);
            }
            "regexp_split_to_table" => "regexp_split_to_array",
            "string_to_table" => "string_to_array",
            "json_array_elements" => "json_array_elements",
            "json_array_elements_text" => "json_array_elements_text",
            "jsonb_array_elements" => "jsonb_array_elements",
            "jsonb_array_elements_text" => "jsonb_array_elements_text",
            "json_object_keys" => "json_object_keys",
            "jsonb_object_keys" => "jsonb_object_keys",
            "generate_subscripts" => "generate_subscripts",
            "regexp_matches" => "regexp_matches",
            _ => return Ok(None),
        };
        let list = self.scalar_call(by_array, arguments.to_vec())?;
        if !list.ty.array && by_array != "regexp_matches" {
            return Err(Error::unsupported(format!("{name} is not supported")));
        }
        Ok(Some(list))
    }

    /// A call of a set-returning function in the select list.
    pub(crate) fn series_call(&self, name: &str, list: Typed, at: At<'_>) -> Result<Typed> {
        if at.clause != Clause::Select && at.clause != Clause::OrderBy {
            return Err(Error::unsupported(format!("set-returning functions are not allowed in {}", at.clause.words())));
        }
        let ty = series_element(name, list.ty);
        self.collect(group::List::Series, list.expr, name, ty)
    }

    /// Brings the bounds of a series to one type; gives the type of its elements.
    fn series_bounds(&self, arguments: Vec<Typed>) -> Result<(PgType, Vec<Typed>)> {
        let wrong = || {
            Error::new(SqlState::UNDEFINED_FUNCTION, "function generate_series with these arguments does not exist")
                .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
        };
        let mut arguments = arguments.into_iter();
        let (Some(start), Some(stop), step, None) = (arguments.next(), arguments.next(), arguments.next(), arguments.next()) else {
            return Err(wrong());
        };
        let calendar = [&start, &stop].iter().any(|t| super::typed::time_rank(t.ty).is_some());
        if calendar {
            let ty = match common_of("generate_series", [start.ty, stop.ty])? {
                PgType::DATE => PgType::TIMESTAMPTZ,
                ty => ty,
            };
            let step = step.ok_or_else(wrong)?;
            let step = self.coerce(step, PgType::INTERVAL)?;
            return Ok((ty, vec![self.coerce(start, ty)?, self.coerce(stop, ty)?, step]));
        }
        let types = [Some(start.ty), Some(stop.ty), step.as_ref().map(|s| s.ty)];
        let ty = common_of("generate_series", types.into_iter().flatten())?;
        let ty = if ty == PgType::INT2 || ty == PgType::TEXT { PgType::INT4 } else { ty };
        if ty.scalar == kura_pgtypes::Scalar::Numeric && !ty.array {
            let step = step.unwrap_or_else(|| Typed::new(lit(1_i32), PgType::INT4));
            return Ok((ty, vec![self.coerce(start, ty)?, self.coerce(stop, ty)?, self.coerce(step, ty)?]));
        }
        if !is_integer(ty) {
            return Err(Error::unsupported(format!("generate_series of {} is not supported", ty.display()))
                .hint("Generate integers and compute from them."));
        }
        let step = step.unwrap_or_else(|| Typed::new(lit(1_i32), PgType::INT4));
        Ok((ty, vec![self.coerce(start, ty)?, self.coerce(stop, ty)?, self.coerce(step, ty)?]))
    }

    /// `generate_series` in FROM: streamed when its bounds are constants, a list per row otherwise.
    fn generate_series(
        &self,
        arguments: Vec<Typed>,
        ordinality: bool,
        alias: Option<&ast::TableAlias>,
        left: Option<&Scope>,
    ) -> Result<Factor> {
        let (ty, bounds) = self.series_bounds(arguments)?;
        let constants = bounds.iter().map(|b| self.constant(b)).collect::<Result<Option<Vec<_>>>>()?;
        let streamed = !ordinality && ty.scalar != kura_pgtypes::Scalar::Numeric;
        let (Some(constants), true) = (constants, streamed) else {
            let list = self.scalar_call("generate_series", bounds)?;
            return self.expanded("generate_series", vec![Typed::new(list.expr, ty.array_of())], ordinality, alias, left);
        };
        let raw = self.fresh("series");
        let (arguments, arrow) = series_arguments(&constants, ty, &self.context.info.timezone)?;
        let schema = Arc::new(Schema::new(vec![Field::new(raw.clone(), arrow, false)]));
        let table = GenerateSeriesTable::new(schema, arguments);
        let reference = datafusion::common::TableReference::bare("generate_series");
        let plan = LogicalPlanBuilder::scan(reference.clone(), provider_as_source(Arc::new(table)), None)?;
        let column = self.fresh_column("generate_series");
        let value = datafusion::logical_expr::cast(Expr::Column(Column::new(Some(reference), raw)), ty.arrow());
        let plan = plan.project(vec![value.alias(column.name.clone())])?.build()?;
        let output = QueryColumn { name: "generate_series".to_owned(), ty, column, origin: None };
        Ok(Factor::Relation(plan, function_scope("generate_series", vec![output], alias)?))
    }

    /// Rows from lists, in lockstep; over the columns to the left when the lists use them.
    pub(crate) fn expanded(
        &self,
        function: &str,
        lists: Vec<Typed>,
        ordinality: bool,
        alias: Option<&ast::TableAlias>,
        left: Option<&Scope>,
    ) -> Result<Factor> {
        let mut pairs = Vec::with_capacity(lists.len() + 1);
        let mut columns = Vec::with_capacity(lists.len() + 1);
        if ordinality {
            let [list] = lists.as_slice() else {
                return Err(Error::unsupported("WITH ORDINALITY over several lists is not supported"));
            };
            let numbers = self.scalar_call(
                "generate_series",
                vec![
                    Typed::new(lit(1_i64), PgType::INT8),
                    self.coerce(self.scalar_call("cardinality", vec![list.clone()])?, PgType::INT8)?,
                    Typed::new(lit(1_i64), PgType::INT8),
                ],
            )?;
            let column = self.fresh_column("ordinality");
            columns.push(QueryColumn { name: "ordinality".to_owned(), ty: PgType::INT8, column: column.clone(), origin: None });
            pairs.push((numbers.expr, column));
        }
        for list in lists.into_iter().rev() {
            let column = self.fresh_column(function);
            let ty = series_element(function, list.ty);
            columns.insert(0, QueryColumn { name: series_column(function).to_owned(), ty, column: column.clone(), origin: None });
            pairs.insert(0, (list.expr, column));
        }
        let scope = function_scope(function, columns, alias)?;
        let over: Vec<Column> = left.map(|s| s.columns.iter().map(|c| c.column.clone()).collect()).unwrap_or_default();
        if pairs.iter().any(|(list, _)| group::mentions(list, &over)) {
            return Ok(Factor::Expand { lists: pairs, scope });
        }
        let one = LogicalPlanBuilder::empty(true).build()?;
        Ok(Factor::Relation(expand(one, pairs, JoinType::Inner)?, scope))
    }
}

/// What a set-returning function calls its column; an alias renames it only when that is the function's own name.
fn series_column(function: &str) -> &str {
    match function {
        "json_array_elements" | "json_array_elements_text" | "jsonb_array_elements" | "jsonb_array_elements_text" => "value",
        other => other,
    }
}

/// The type of the values a set-returning function yields. `regexp_matches` yields arrays.
fn series_element(function: &str, list: PgType) -> PgType {
    if function == "regexp_matches" { list } else { list.element().unwrap_or(list) }
}

/// The columns of a function in FROM: an alias names the relation, and the column too when there is one.
fn function_scope(function: &str, mut columns: Vec<QueryColumn>, alias: Option<&ast::TableAlias>) -> Result<Scope> {
    let mut scope = match alias {
        None => Scope { columns: columns.into_iter().map(|c| scope_column(c, Some(function.to_owned()))).collect() },
        Some(alias) => {
            if alias.columns.is_empty()
                && series_column(function) == function
                && let Some(first) = columns.first_mut()
            {
                first.name = folded(&alias.name);
            }
            let columns: Vec<ScopeColumn> = columns.into_iter().map(|c| scope_column(c, None)).collect();
            aliased(columns, alias)?
        }
    };
    if let [only] = scope.columns.as_mut_slice() {
        only.whole = true;
    }
    Ok(scope)
}

/// Adds the elements of lists to each row.
pub(crate) fn expand(input: LogicalPlan, lists: Vec<(Expr, Column)>, kind: JoinType) -> Result<LogicalPlan> {
    let mut exprs: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    let columns: Vec<Column> = lists.iter().map(|(_, column)| column.clone()).collect();
    exprs.extend(lists.into_iter().map(|(list, column)| list.alias(column.name)));
    let projected = LogicalPlanBuilder::from(input).project(exprs)?.build()?;
    match kind {
        JoinType::Inner => unnested(projected, columns),
        JoinType::Left => unnest_with(projected, columns, NullHandling::PreserveAndExpandEmpty),
        _ => Err(Error::unsupported("RIGHT and FULL JOIN with a function over the left side are not possible")),
    }
}

/// Replaces list columns by their elements, one row each; rows without elements vanish.
pub(crate) fn unnested(input: LogicalPlan, columns: Vec<Column>) -> Result<LogicalPlan> {
    unnest_with(input, columns, NullHandling::Drop)
}

fn unnest_with(input: LogicalPlan, columns: Vec<Column>, null_handling: NullHandling) -> Result<LogicalPlan> {
    let options = UnnestOptions { null_handling, recursions: Vec::new() };
    Ok(LogicalPlan::Unnest(Unnest::try_new(Arc::new(input), columns, options)?))
}

/// The engine's arguments for a series of constants, and the Arrow type it yields.
fn series_arguments(bounds: &[ScalarValue], ty: PgType, zone: &kura_pgtypes::TimeZone) -> Result<(GenSeriesArgs, DataType)> {
    let name = "generate_series";
    let arrow = if is_integer(ty) {
        DataType::Int64
    } else {
        let label = (ty == PgType::TIMESTAMPTZ).then(|| Arc::from(zone.name().to_string()));
        DataType::Timestamp(TimeUnit::Nanosecond, label)
    };
    if bounds.iter().any(ScalarValue::is_null) {
        return Ok((GenSeriesArgs::ContainsNull { name }, arrow));
    }
    let zero = || Error::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot equal zero");
    let arguments = match bounds {
        [start, stop, ScalarValue::IntervalMonthDayNano(Some(step))] => {
            if step.months == 0 && step.days == 0 && step.nanoseconds == 0 {
                return Err(zero());
            }
            let DataType::Timestamp(_, tz) = &arrow else {
                return Err(Error::unsupported("generate_series with an interval needs timestamps"));
            };
            GenSeriesArgs::TimestampArgs {
                start: nanoseconds(start)?,
                end: nanoseconds(stop)?,
                step: *step,
                tz: tz.clone(),
                include_end: true,
                name,
            }
        }
        [start, stop, step] => {
            let (start, end, step) = (integer(start)?, integer(stop)?, integer(step)?);
            if step == 0 {
                return Err(zero());
            }
            if (step > 0 && start > end) || (step < 0 && start < end) {
                return Ok((GenSeriesArgs::ContainsNull { name }, arrow));
            }
            GenSeriesArgs::Int64Args { start, end, step, include_end: true, name }
        }
        _ => return Err(Error::new(SqlState::INTERNAL_ERROR, "a series without bounds")),
    };
    Ok((arguments, arrow))
}

fn integer(value: &ScalarValue) -> Result<i64> {
    match value {
        ScalarValue::Int16(Some(v)) => Ok(i64::from(*v)),
        ScalarValue::Int32(Some(v)) => Ok(i64::from(*v)),
        ScalarValue::Int64(Some(v)) => Ok(*v),
        other => Err(Error::new(SqlState::INTERNAL_ERROR, format!("a series bound of type {}", other.data_type()))),
    }
}

fn nanoseconds(value: &ScalarValue) -> Result<i64> {
    match value {
        ScalarValue::TimestampMicrosecond(Some(v), _) => v.checked_mul(1_000).ok_or_else(|| {
            Error::unsupported("generate_series of timestamps works from year 1678 to 2262")
                .hint("Generate integers and add them to a date.")
        }),
        other => Err(Error::new(SqlState::INTERNAL_ERROR, format!("a series bound of type {}", other.data_type()))),
    }
}
