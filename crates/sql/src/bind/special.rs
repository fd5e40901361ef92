//! Calls that the grammar or the binder treats specially: results that depend on the types or names of the arguments,
//! keywords without parentheses, and the SQL-standard spellings of plain functions.

use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn as core;
use datafusion::logical_expr::{Case, Expr, Operator, lit};
use datafusion::sql::sqlparser::ast::{self, TrimWhereField};
use kura_pgtypes::{Diagnostic, PgType, Scalar, SqlState};

use super::Binder;
use super::expression::At;
use super::function::{Choice, choose};
use super::typed::{Typed, common_of};
use crate::{Error, Result};

impl Binder<'_> {
    /// A function whose meaning needs more than its overloads; `None` for all others.
    pub(crate) fn special_call(&self, name: &str, arguments: &[&ast::Expr], at: At<'_>) -> Result<Option<Typed>> {
        if let Some(typed) = self.advisory_wait(name, arguments, at)? {
            return Ok(Some(typed));
        }
        match name {
            "coalesce" => self.coalesce(arguments, at).map(Some),
            "nullif" => self.nullif(arguments, at).map(Some),
            "greatest" => self.extreme(arguments, at, true).map(Some),
            "least" => self.extreme(arguments, at, false).map(Some),
            "current_setting" => self.current_setting(arguments, at).map(Some),
            "pg_typeof" => self.pg_typeof(arguments, at).map(Some),
            "to_regclass" => self.to_regclass(arguments, at).map(Some),
            "set_config" => Err(Error::unsupported("set_config is not supported yet").hint("Use SET.")),
            "row" => Err(Error::unsupported("row values are supported only in comparisons and IN")),
            _ if arguments.is_empty() => self.keyword_function(name),
            _ => Ok(None),
        }
    }

    /// Functions that are written without parentheses.
    pub(crate) fn keyword_function(&self, name: &str) -> Result<Option<Typed>> {
        let name = name.to_lowercase();
        Ok(Some(match name.as_str() {
            "current_date" => self.cast(self.scalar_call("now", Vec::new())?, PgType::DATE)?,
            "current_timestamp" => self.scalar_call("now", Vec::new())?,
            "localtimestamp" => self.cast(self.scalar_call("now", Vec::new())?, PgType::TIMESTAMP)?,
            "localtime" => self.cast(self.scalar_call("now", Vec::new())?, PgType::TIME)?,
            "current_time" => return Err(Error::unsupported("type time with time zone is not supported").hint("Use LOCALTIME.")),
            "current_user" | "user" | "current_role" => self.scalar_call("current_user", Vec::new())?,
            "session_user" => self.scalar_call("session_user", Vec::new())?,
            "current_catalog" => self.scalar_call("current_database", Vec::new())?,
            "current_schema" => self.scalar_call("current_schema", Vec::new())?,
            _ => return Ok(None),
        }))
    }

    fn bound_all(&self, arguments: &[&ast::Expr], at: At<'_>) -> Result<Vec<Typed>> {
        arguments.iter().map(|argument| self.expr(argument, at)).collect()
    }

    /// Arguments brought to the one type they meet in.
    fn alike(&self, construct: &str, arguments: &[&ast::Expr], at: At<'_>) -> Result<(Vec<Expr>, PgType)> {
        let bound = self.bound_all(arguments, at)?;
        if bound.is_empty() {
            return Err(Error::new(SqlState::SYNTAX_ERROR, format!("{construct} needs at least one argument")));
        }
        let ty = common_of(construct, bound.iter().map(|t| t.ty))?;
        let exprs = bound.into_iter().map(|t| Ok(self.coerce(t, ty)?.expr)).collect::<Result<Vec<_>>>()?;
        Ok((exprs, ty))
    }

    fn coalesce(&self, arguments: &[&ast::Expr], at: At<'_>) -> Result<Typed> {
        let (mut exprs, ty) = self.alike("COALESCE", arguments, at)?;
        if exprs.len() == 1 {
            return Ok(Typed::new(exprs.remove(0), ty));
        }
        Ok(Typed::new(core::coalesce(exprs), ty))
    }

    fn nullif(&self, arguments: &[&ast::Expr], at: At<'_>) -> Result<Typed> {
        let [value, other] = arguments else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "NULLIF takes two arguments"));
        };
        let (value, other) = (self.expr(value, at)?, self.expr(other, at)?);
        let equal = self.compare(value.clone(), Operator::Eq, other)?;
        let value = self.settle(value)?;
        let null = lit(ScalarValue::try_from(&value.ty.arrow())?);
        let case = Case::new(None, vec![(Box::new(equal.expr), Box::new(null))], Some(Box::new(value.expr)));
        Ok(Typed::new(Expr::Case(case), value.ty))
    }

    /// GREATEST and LEAST: NULLs do not count.
    fn extreme(&self, arguments: &[&ast::Expr], at: At<'_>, greatest: bool) -> Result<Typed> {
        let construct = if greatest { "GREATEST" } else { "LEAST" };
        let (exprs, ty) = self.alike(construct, arguments, at)?;
        if ty.array || !matches!(ty.scalar, Scalar::Interval | Scalar::Bpchar) {
            let expr = if greatest { core::greatest(exprs) } else { core::least(exprs) };
            return Ok(Typed::new(expr, ty));
        }
        let operator = if greatest { Operator::GtEq } else { Operator::LtEq };
        let mut exprs = exprs.into_iter();
        let mut best = exprs.next().unwrap_or_else(|| lit(ScalarValue::Null));
        for next in exprs {
            let keep = self.compare(Typed::new(best.clone(), ty), operator, Typed::new(next.clone(), ty))?.expr;
            let keep = keep.or(next.clone().is_null());
            best = Expr::Case(Case::new(None, vec![(Box::new(keep), Box::new(best))], Some(Box::new(next))));
        }
        Ok(Typed::new(best, ty))
    }

    /// A text argument that is known while binding.
    fn constant_text(&self, function: &str, argument: &ast::Expr, at: At<'_>) -> Result<Option<String>> {
        let typed = self.expr(argument, at)?;
        let typed = self.coerce(typed, PgType::TEXT)?;
        match self.constant(&typed)? {
            Some(value) => Ok(value.try_as_str().flatten().map(str::to_owned)),
            None => Err(Error::unsupported(format!("{function} takes a constant name"))),
        }
    }

    fn current_setting(&self, arguments: &[&ast::Expr], at: At<'_>) -> Result<Typed> {
        let (name, missing_ok) = match arguments {
            [name] => (name, false),
            [name, missing_ok] => {
                let flag = self.expr(missing_ok, at)?;
                let flag = self.coerce(flag, PgType::BOOL)?;
                (name, matches!(self.constant(&flag)?, Some(ScalarValue::Boolean(Some(true)))))
            }
            _ => return Err(super::function::missing("current_setting", &self.bound_all(arguments, at)?)),
        };
        let text = |value: Option<String>| Typed::new(lit(ScalarValue::Utf8View(value)), PgType::TEXT);
        let Some(name) = self.constant_text("current_setting", name, at)? else {
            return Ok(text(None));
        };
        match (self.context.setting)(&name.to_lowercase()) {
            Some(value) => Ok(text(Some(value))),
            None if missing_ok => Ok(text(None)),
            None => Err(Error::new(SqlState::UNDEFINED_OBJECT, format!("unrecognized configuration parameter \"{name}\""))),
        }
    }

    fn pg_typeof(&self, arguments: &[&ast::Expr], at: At<'_>) -> Result<Typed> {
        let bound = self.bound_all(arguments, at)?;
        match bound.as_slice() {
            [value] => Ok(Typed::new(lit(value.ty.oid()), PgType::REGTYPE)),
            _ => Err(super::function::missing("pg_typeof", &bound)),
        }
    }

    fn to_regclass(&self, arguments: &[&ast::Expr], at: At<'_>) -> Result<Typed> {
        let [name] = arguments else {
            return Err(super::function::missing("to_regclass", &self.bound_all(arguments, at)?));
        };
        let oid = match self.constant_text("to_regclass", name, at)? {
            Some(name) => match self.cast(Typed::new(lit(ScalarValue::Utf8View(Some(name))), PgType::UNKNOWN), PgType::REGCLASS) {
                Ok(found) => return Ok(found),
                Err(error) if matches!(error.sqlstate(), SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME) => None,
                Err(error) => return Err(error),
            },
            None => None,
        };
        Ok(Typed::new(lit(ScalarValue::UInt32(oid)), PgType::REGCLASS))
    }

    /// `EXTRACT(field FROM value)`.
    pub(crate) fn extract(&self, field: &ast::DateTimeField, expr: &ast::Expr, at: At<'_>) -> Result<Typed> {
        let field = field.to_string().trim_matches(['\'', '"']).to_lowercase();
        let value = self.expr(expr, at)?;
        let text = Typed::new(lit(ScalarValue::Utf8View(Some(field.clone()))), PgType::TEXT);
        let arguments = vec![text, value];
        let Choice::One(function) = choose(kura_functions::scalar_functions("extract"), &arguments) else {
            return self.scalar_call("extract", arguments);
        };
        let arguments = self.declared(function.arguments, function.variadic, arguments)?;
        let source = arguments.last().map_or(PgType::TIMESTAMP, |a| a.ty);
        let scale = kura_functions::datetime::extract_scale(&field, source);
        Ok(self.built(function, arguments, &[Some(scale), None]))
    }

    /// `SUBSTRING(text FROM start FOR length)`, `SUBSTRING(text FROM pattern)`.
    pub(crate) fn substring(&self, expr: &ast::Expr, from: Option<&ast::Expr>, length: Option<&ast::Expr>, at: At<'_>) -> Result<Typed> {
        let value = self.expr(expr, at)?;
        let mut arguments = vec![value];
        match from {
            Some(from) => arguments.push(self.expr(from, at)?),
            None => arguments.push(Typed::new(lit(1_i32), PgType::INT4)),
        }
        if let Some(length) = length {
            arguments.push(self.expr(length, at)?);
        }
        self.scalar_call("substring", arguments)
    }

    /// `TRIM([BOTH | LEADING | TRAILING] [what] FROM text)`, `TRIM(text, what)`.
    pub(crate) fn trim(
        &self,
        side: Option<&TrimWhereField>,
        what: Option<&ast::Expr>,
        expr: &ast::Expr,
        characters: Option<&[ast::Expr]>,
        at: At<'_>,
    ) -> Result<Typed> {
        let name = match side {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            Some(TrimWhereField::Both) | None => "btrim",
        };
        let mut arguments = vec![expr];
        arguments.extend(what);
        arguments.extend(characters.unwrap_or_default());
        self.call(name, &arguments, at)
    }
}
