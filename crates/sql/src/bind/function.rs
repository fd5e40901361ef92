//! Function calls: which overload is meant, by PostgreSQL's rules, and the call of it.
//!
//! The rules are those of the PostgreSQL manual, chapter "Type Conversion", sections "Operators" and "Functions".

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::sql::sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments};
use kura_functions::{ArgType, Function, aggregate_functions, scalar_functions, window_functions};
use kura_pgtypes::{PgType, SqlState};

use super::Binder;
use super::cast::implicit;
use super::expression::At;
use super::scope::folded;
use super::typed::{Typed, common};
use crate::{Error, Result};

/// Arguments of one call, at most, as in PostgreSQL.
const ARGUMENTS_MAX: usize = 100;

/// The expression of a positional argument.
pub(crate) fn positional(argument: &FunctionArg) -> Result<&ast::Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
        FunctionArg::Named { name, .. } => Err(Error::unsupported(format!("named argument \"{name}\" is not supported"))),
        FunctionArg::ExprNamed { .. } => Err(Error::unsupported("named arguments are not supported")),
        FunctionArg::Unnamed(_) => Err(Error::new(SqlState::SYNTAX_ERROR, "* is allowed only as count(*)")),
    }
}

impl Binder<'_> {
    /// A call as written: aggregate, window function, set-returning function or plain function.
    pub(crate) fn function(&self, call: &ast::Function, at: At<'_>) -> Result<Typed> {
        let parts = super::object::parts(&call.name)?;
        let name = match parts.as_slice() {
            [name] => folded(name),
            [schema, name] if matches!(folded(schema).as_str(), "pg_catalog" | "information_schema") => folded(name),
            [schema, _] if self.context.snapshot.schema(&folded(schema)).is_none() => {
                return Err(super::object::missing_schema(&folded(schema)));
            }
            _ => return Err(missing(&call.name.to_string(), &[])),
        };
        let list = match &call.args {
            FunctionArguments::List(list) => Some(list),
            FunctionArguments::None => None,
            FunctionArguments::Subquery(query) if name == "array" => return self.array_subquery(query, at),
            FunctionArguments::Subquery(query) => {
                let value = self.scalar_subquery(query, at)?;
                return self.scalar_call(&name, vec![value]);
            }
        };
        if call.over.is_some() {
            return self.window_call(&name, call, list, at);
        }
        if !aggregate_functions(&name).is_empty() && (scalar_functions(&name).is_empty() || is_aggregate_call(call, list)) {
            return self.aggregate_call(&name, call, list, at);
        }
        if name == "grouping" {
            return self.grouping(list, at);
        }
        let plain = call.filter.is_none()
            && call.within_group.is_empty()
            && list.is_none_or(|l| l.duplicate_treatment.is_none() && l.clauses.is_empty());
        if !plain {
            let known = !scalar_functions(&name).is_empty() || !window_functions(&name).is_empty();
            if known {
                return Err(Error::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    match list.and_then(|l| l.duplicate_treatment) {
                        Some(_) => format!("DISTINCT specified, but {name} is not an aggregate function"),
                        None => format!("{name} is not an aggregate function"),
                    },
                ));
            }
        }
        if !window_functions(&name).is_empty() && scalar_functions(&name).is_empty() {
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("window function {name} requires an OVER clause")));
        }
        let written = list.map(|l| l.args.as_slice()).unwrap_or_default();
        if written.iter().any(|argument| matches!(argument, FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. })) {
            return self.named_call(&name, written, at);
        }
        let mut arguments = Vec::new();
        for argument in written {
            arguments.push(positional(argument)?);
        }
        self.call(&name, &arguments, at)
    }

    /// A call with `name => value`: arguments left out before a named one are zero, those behind it are not passed.
    fn named_call(&self, name: &str, written: &[FunctionArg], at: At<'_>) -> Result<Typed> {
        let mut given: Vec<(Option<String>, Typed)> = Vec::with_capacity(written.len());
        for argument in written {
            given.push(match argument {
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(expr), .. }
                | FunctionArg::ExprNamed { name: ast::Expr::Identifier(name), arg: FunctionArgExpr::Expr(expr), .. } => {
                    (Some(folded(name)), self.expr(expr, at)?)
                }
                other => (None, self.expr(positional(other)?, at)?),
            });
        }
        for candidate in scalar_functions(name).iter().filter(|f| !f.argument_names.is_empty()) {
            let mut places: Vec<Option<Typed>> = candidate.arguments.iter().map(|_| None).collect();
            let fits = given.iter().enumerate().all(|(index, (key, value))| {
                let place = match key {
                    Some(key) => candidate.argument_names.iter().position(|n| n == key),
                    None => Some(index),
                };
                match place.and_then(|p| places.get_mut(p)) {
                    Some(slot @ None) => {
                        *slot = Some(value.clone());
                        true
                    }
                    _ => false,
                }
            });
            let last = places.iter().rposition(Option::is_some).map_or(0, |p| p + 1);
            let gaps = places.iter().take(last).any(Option::is_none);
            if !fits || (gaps && candidate.optional < candidate.arguments.len()) || last + candidate.optional < candidate.arguments.len() {
                continue;
            }
            let zero = || Typed::new(datafusion::logical_expr::lit(ScalarValue::Utf8View(Some("0".to_owned()))), PgType::UNKNOWN);
            let arguments = places.into_iter().take(last).map(|place| place.unwrap_or_else(zero)).collect();
            return self.build(candidate, arguments);
        }
        Err(missing(name, &given.into_iter().map(|(_, value)| value).collect::<Vec<_>>()))
    }

    /// A call of a function that is no aggregate, by name.
    pub(crate) fn call(&self, name: &str, arguments: &[&ast::Expr], at: At<'_>) -> Result<Typed> {
        if arguments.len() > ARGUMENTS_MAX {
            return Err(Error::new(SqlState::TOO_MANY_ARGUMENTS, format!("cannot pass more than {ARGUMENTS_MAX} arguments to a function")));
        }
        if let Some(typed) = self.special_call(name, arguments, at)? {
            return Ok(typed);
        }
        let mut bound = Vec::with_capacity(arguments.len());
        for argument in arguments {
            bound.push(self.expr(argument, at)?);
        }
        if let Some(list) = self.series_list(name, &bound)? {
            return self.series_call(name, list, at);
        }
        self.scalar_call(name, bound)
    }

    /// A call of a scalar function with bound arguments.
    pub(crate) fn scalar_call(&self, name: &str, arguments: Vec<Typed>) -> Result<Typed> {
        let candidates = scalar_functions(name);
        match choose(candidates, &arguments) {
            Choice::One(function) => self.build(function, arguments),
            // type(value) is a cast, when no function has the name.
            Choice::None => match (PgType::parse_name(name), arguments.len()) {
                (Some(ty), 1) => match arguments.into_iter().next() {
                    Some(value) => self.cast(value, ty),
                    None => Err(missing(name, &[])),
                },
                _ => Err(missing(name, &arguments)),
            },
            Choice::Many => {
                Err(Error::new(SqlState::AMBIGUOUS_FUNCTION, format!("function {} is not unique", signature(name, &arguments)))
                    .hint("Could not choose a best candidate function. You might need to add explicit type casts."))
            }
        }
    }

    /// Coerces the arguments to what an overload declares and calls it.
    pub(crate) fn build(&self, function: &Function, arguments: Vec<Typed>) -> Result<Typed> {
        let arguments = self.declared(function.arguments, function.variadic, arguments)?;
        let constants: Vec<Option<i64>> = arguments.iter().map(integer_constant).collect();
        Ok(self.built(function, arguments, &constants))
    }

    /// The call of an overload whose arguments have the declared types; `constants` may decide the result's type.
    pub(crate) fn built(&self, function: &Function, arguments: Vec<Typed>, constants: &[Option<i64>]) -> Typed {
        let types: Vec<PgType> = arguments.iter().map(|a| a.ty).collect();
        let udf = function.build(&self.context.info, &types, constants);
        let expr = Expr::ScalarFunction(ScalarFunction { func: udf, args: arguments.into_iter().map(|a| a.expr).collect() });
        Typed::new(expr, function.result(&types, constants))
    }

    /// Arguments cast to the declared types; polymorphic ones to the type they meet in.
    pub(crate) fn declared(&self, declared: &[ArgType], variadic: bool, arguments: Vec<Typed>) -> Result<Vec<Typed>> {
        let element = polymorphic(declared, variadic, &arguments)?;
        let mut result = Vec::with_capacity(arguments.len());
        for (index, argument) in arguments.into_iter().enumerate() {
            let Some(want) = declared_at(declared, variadic, index) else {
                return Err(Error::new(SqlState::INTERNAL_ERROR, "more arguments than the overload declares"));
            };
            result.push(match want {
                ArgType::Exact(ty) => self.coerce(argument, ty)?,
                ArgType::Any => self.settle(argument)?,
                ArgType::AnyElement => self.coerce(argument, element.unwrap_or(PgType::TEXT))?,
                ArgType::AnyArray => {
                    let array = element.unwrap_or(PgType::TEXT);
                    self.coerce(argument, if array.array { array } else { array.array_of() })?
                }
            });
        }
        Ok(result)
    }
}

/// The value of an integer literal, which may decide the result's type: `round(x, 2)`.
fn integer_constant(argument: &Typed) -> Option<i64> {
    match argument.literal()? {
        ScalarValue::Int16(value) => value.map(i64::from),
        ScalarValue::Int32(value) => value.map(i64::from),
        ScalarValue::Int64(value) => *value,
        _ => None,
    }
}

/// What overload resolution found.
pub(crate) enum Choice<'f> {
    One(&'f Function),
    None,
    Many,
}

fn declared_at(declared: &[ArgType], variadic: bool, index: usize) -> Option<ArgType> {
    match declared.get(index) {
        Some(ty) => Some(*ty),
        None if variadic => declared.last().copied(),
        None => None,
    }
}

/// The type that `anyelement` stands for in a call.
fn polymorphic(declared: &[ArgType], variadic: bool, arguments: &[Typed]) -> Result<Option<PgType>> {
    let mut element: Option<PgType> = None;
    for (index, argument) in arguments.iter().enumerate() {
        let ty = match declared_at(declared, variadic, index) {
            Some(ArgType::AnyElement) => argument.ty,
            Some(ArgType::AnyArray) => argument.ty.element().unwrap_or(PgType::UNKNOWN),
            _ => continue,
        };
        element = Some(match element {
            None => ty,
            Some(known) => common(known, ty).ok_or_else(|| {
                Error::new(SqlState::DATATYPE_MISMATCH, "arguments declared \"anycompatible\" are not all alike").detail(format!(
                    "{} versus {}",
                    known.display(),
                    ty.display()
                ))
            })?,
        });
    }
    Ok(element.map(|ty| if ty == PgType::UNKNOWN { PgType::TEXT } else { ty }))
}

/// Chooses among overloads.
pub(crate) fn choose<'f>(candidates: &'f [Function], arguments: &[Typed]) -> Choice<'f> {
    let types: Vec<PgType> = arguments.iter().map(|a| a.ty).collect();
    let shapes: Vec<Shape<'_>> =
        candidates.iter().map(|f| Shape { arguments: f.arguments, variadic: f.variadic, optional: f.optional }).collect();
    match choose_shape(&shapes, &types) {
        Ok(index) => candidates.get(index).map_or(Choice::None, Choice::One),
        Err(true) => Choice::Many,
        Err(false) => Choice::None,
    }
}

/// The declared arguments of an overload.
pub(crate) struct Shape<'s> {
    pub(crate) arguments: &'s [ArgType],
    pub(crate) variadic: bool,
    pub(crate) optional: usize,
}

impl Shape<'_> {
    fn takes(&self, count: usize) -> bool {
        let declared = self.arguments.len();
        count == declared || (self.variadic && count + 1 > declared) || (count < declared && count + self.optional >= declared)
    }

    fn at(&self, index: usize) -> ArgType {
        declared_at(self.arguments, self.variadic, index).unwrap_or(ArgType::Any)
    }
}

/// How well a declared type takes an actual one.
fn accepts(want: ArgType, have: PgType) -> bool {
    match want {
        ArgType::Exact(ty) => have == PgType::UNKNOWN || same(ty, have) || implicit(have, ty),
        ArgType::Any => true,
        ArgType::AnyElement => !have.array,
        ArgType::AnyArray => have.array || have == PgType::UNKNOWN,
    }
}

fn same(a: PgType, b: PgType) -> bool {
    a.scalar == b.scalar && a.array == b.array
}

fn exact(want: ArgType, have: PgType) -> bool {
    match want {
        ArgType::Exact(ty) => same(ty, have),
        // As in PostgreSQL a polymorphic argument takes a type but is never the type.
        ArgType::Any | ArgType::AnyElement | ArgType::AnyArray => false,
    }
}

fn category(want: ArgType) -> Option<char> {
    match want {
        ArgType::Exact(ty) => Some(ty.category()),
        _ => None,
    }
}

fn preferred(want: ArgType) -> bool {
    matches!(want, ArgType::Exact(ty) if !ty.array && ty.is_preferred())
}

/// PostgreSQL's `func_select_candidate`: the index of the one overload, or whether there were several.
pub(crate) fn choose_shape(shapes: &[Shape<'_>], types: &[PgType]) -> Result<usize, bool> {
    let mut left: Vec<usize> = (0..shapes.len())
        .filter(|i| shapes.get(*i).is_some_and(|s| s.takes(types.len()) && types.iter().enumerate().all(|(n, ty)| accepts(s.at(n), *ty))))
        .collect();
    let at = |i: usize, n: usize| shapes.get(i).map_or(ArgType::Any, |s| s.at(n));
    if left.len() <= 1 {
        return left.first().copied().ok_or(false);
    }
    // Binary operators with one unknown side: the other side's type first.
    if let [a, b] = types
        && (*a == PgType::UNKNOWN) != (*b == PgType::UNKNOWN)
    {
        let known = if *a == PgType::UNKNOWN { *b } else { *a };
        if let Some(hit) = left.iter().copied().find(|i| exact(at(*i, 0), known) && exact(at(*i, 1), known)) {
            return Ok(hit);
        }
    }
    keep_best(&mut left, |i| types.iter().enumerate().filter(|(n, ty)| exact(at(i, *n), **ty)).count());
    if let [one] = left.as_slice() {
        return Ok(*one);
    }
    keep_best(&mut left, |i| {
        let fits = |n: usize, ty: PgType| exact(at(i, n), ty) || (preferred(at(i, n)) && category(at(i, n)) == Some(ty.category()));
        types.iter().enumerate().filter(|(n, ty)| fits(*n, **ty)).count()
    });
    if let [one] = left.as_slice() {
        return Ok(*one);
    }
    by_unknowns(&mut left, types, &at);
    match left.as_slice() {
        [one] => return Ok(*one),
        [] => return Err(false),
        _ => {}
    }
    // Unknown arguments are taken for the type of the known ones, when those are all of one type.
    let mut known = types.iter().filter(|ty| **ty != PgType::UNKNOWN);
    if let Some(first) = known.next()
        && known.all(|ty| same(*ty, *first))
    {
        let hits: Vec<usize> = left.iter().copied().filter(|i| (0..types.len()).all(|n| accepts(at(*i, n), *first))).collect();
        if let [one] = hits.as_slice() {
            return Ok(*one);
        }
    }
    Err(true)
}

/// Narrows by the categories that unknown arguments may have: text first, otherwise the one all candidates agree on.
fn by_unknowns(left: &mut Vec<usize>, types: &[PgType], at: &dyn Fn(usize, usize) -> ArgType) {
    for (n, ty) in types.iter().enumerate() {
        if *ty != PgType::UNKNOWN {
            continue;
        }
        let categories: Vec<Option<char>> = left.iter().map(|i| category(at(*i, n))).collect();
        let chosen = if categories.contains(&Some('S')) {
            Some('S')
        } else {
            let first = categories.first().copied().flatten();
            if categories.iter().all(|c| *c == first) { first } else { None }
        };
        let Some(chosen) = chosen else {
            continue;
        };
        left.retain(|i| category(at(*i, n)) == Some(chosen));
        if left.iter().any(|i| preferred(at(*i, n))) {
            left.retain(|i| preferred(at(*i, n)));
        }
    }
}

fn keep_best(left: &mut Vec<usize>, score: impl Fn(usize) -> usize) {
    let best = left.iter().map(|i| score(*i)).max().unwrap_or(0);
    left.retain(|i| score(*i) == best);
}

/// Whether the call has a form that only aggregates have.
fn is_aggregate_call(call: &ast::Function, list: Option<&ast::FunctionArgumentList>) -> bool {
    call.filter.is_some()
        || !call.within_group.is_empty()
        || list.is_some_and(|l| {
            l.duplicate_treatment.is_some()
                || !l.clauses.is_empty()
                || matches!(l.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)])
        })
}

/// `name(type, type)`, for errors.
pub(crate) fn signature(name: &str, arguments: &[Typed]) -> String {
    let types: Vec<String> = arguments.iter().map(|a| a.ty.with_typmod(-1).display()).collect();
    format!("{name}({})", types.join(", "))
}

pub(crate) fn missing(name: &str, arguments: &[Typed]) -> Error {
    Error::new(SqlState::UNDEFINED_FUNCTION, format!("function {} does not exist", signature(name, arguments)))
        .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}
