//! Window functions: OVER with its partitioning, order and frame, and named windows.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, SortExpr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition};
use datafusion::sql::sqlparser::ast::{
    self, FunctionArgumentList, NamedWindowDefinition, NamedWindowExpr, NullTreatment, WindowSpec, WindowType,
};
use kura_functions::{aggregate_functions, window_functions};
use kura_pgtypes::{PgType, SqlState};

use super::Binder;
use super::expression::{At, Clause};
use super::function::{Shape, choose_shape, missing, positional};
use super::group::List;
use super::scope::folded;
use super::typed::{Typed, is_integer, number_rank};
use crate::{Error, Result};

/// A window as a call means it.
struct Definition {
    partition_by: Vec<Expr>,
    order_by: Vec<SortExpr>,
    /// Types of the ordering expressions, for RANGE offsets.
    order_types: Vec<PgType>,
    frame: Option<ast::WindowFrame>,
}

impl Binder<'_> {
    /// Runs `work` with the WINDOW clause's definitions in reach.
    pub(crate) fn windows_named<T>(&self, named: &[NamedWindowDefinition], work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.named_windows.borrow_mut().push(named.to_vec());
        let result = work();
        self.named_windows.borrow_mut().pop();
        result
    }

    fn named_window(&self, name: &ast::Ident) -> Result<WindowSpec> {
        let wanted = folded(name);
        let stack = self.named_windows.borrow();
        let found = stack.last().and_then(|list| list.iter().find(|d| folded(&d.0) == wanted)).cloned();
        drop(stack);
        match found {
            Some(NamedWindowDefinition(_, NamedWindowExpr::WindowSpec(spec))) => Ok(spec),
            Some(NamedWindowDefinition(_, NamedWindowExpr::NamedWindow(other))) if folded(&other) != wanted => self.named_window(&other),
            _ => Err(Error::new(SqlState::UNDEFINED_OBJECT, format!("window \"{wanted}\" does not exist")).at(super::position_of(name))),
        }
    }

    pub(crate) fn window_call(&self, name: &str, call: &ast::Function, list: Option<&FunctionArgumentList>, at: At<'_>) -> Result<Typed> {
        match at.clause {
            Clause::Select | Clause::OrderBy | Clause::Qualify => {}
            Clause::Aggregate => {
                return Err(Error::new(SqlState::GROUPING_ERROR, "aggregate function calls cannot contain window function calls"));
            }
            Clause::Window => {
                return Err(Error::new(SqlState::WINDOWING_ERROR, "window function calls cannot be nested"));
            }
            other => return Err(Error::new(SqlState::WINDOWING_ERROR, format!("window functions are not allowed in {}", other.words()))),
        }
        let inside = at.within(Clause::Window);
        let definition = match &call.over {
            Some(WindowType::WindowSpec(spec)) => self.definition(spec, inside)?,
            Some(WindowType::NamedWindow(name)) => self.definition(&self.named_window(name)?, inside)?,
            None => return Err(Error::new(SqlState::INTERNAL_ERROR, "a window call without OVER")),
        };
        let (fun, args, distinct, filter, ty) = if window_functions(name).is_empty() {
            if aggregate_functions(name).is_empty() {
                return Err(Error::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("OVER specified, but {name} is not a window function nor an aggregate function"),
                ));
            }
            if !call.within_group.is_empty() {
                return Err(Error::unsupported(format!("OVER is not supported for ordered-set aggregate {name}")));
            }
            let parts = self.aggregate_parts(name, call, list, inside)?;
            if parts.expr.params.distinct {
                return Err(Error::unsupported("DISTINCT is not implemented for window functions"));
            }
            if !parts.expr.params.order_by.is_empty() {
                return Err(Error::unsupported("aggregate ORDER BY is not implemented for window functions"));
            }
            let params = parts.expr.params;
            (WindowFunctionDefinition::AggregateUDF(parts.expr.func), params.args, false, params.filter, parts.ty)
        } else {
            let (fun, args, ty) = self.window_function(name, list, inside)?;
            (fun, args, false, None, ty)
        };
        let frame = self.frame(&definition)?;
        let null_treatment = nulls(call, list)?;
        let window = Expr::WindowFunction(Box::new(WindowFunction {
            fun,
            params: WindowFunctionParams {
                args,
                partition_by: definition.partition_by,
                order_by: definition.order_by,
                window_frame: frame,
                filter,
                null_treatment,
                distinct,
            },
        }));
        self.collect(List::Windows, window, name, ty)
    }

    fn window_function(
        &self,
        name: &str,
        list: Option<&FunctionArgumentList>,
        at: At<'_>,
    ) -> Result<(WindowFunctionDefinition, Vec<Expr>, PgType)> {
        let mut arguments = Vec::new();
        for argument in list.map(|l| l.args.as_slice()).unwrap_or_default() {
            arguments.push(self.expr(positional(argument)?, at)?);
        }
        let candidates = window_functions(name);
        let shapes: Vec<Shape<'_>> = candidates.iter().map(|w| Shape { arguments: w.arguments, variadic: false, optional: 0 }).collect();
        let types: Vec<PgType> = arguments.iter().map(|a| a.ty).collect();
        let index = choose_shape(&shapes, &types).map_err(|_| missing(name, &arguments))?;
        let Some(overload) = candidates.get(index) else {
            return Err(missing(name, &arguments));
        };
        let arguments = self.declared(overload.arguments, false, arguments)?;
        let types: Vec<PgType> = arguments.iter().map(|a| a.ty).collect();
        let fun = WindowFunctionDefinition::WindowUDF((overload.make)(&types));
        Ok((fun, arguments.into_iter().map(|a| a.expr).collect(), overload.result(&types)))
    }

    /// A window's definition; one that names another takes over its partitioning and order.
    fn definition(&self, spec: &WindowSpec, at: At<'_>) -> Result<Definition> {
        let base = match &spec.window_name {
            Some(name) => Some(self.definition(&self.named_window(name)?, at)?),
            None => None,
        };
        let mut partition_by = Vec::with_capacity(spec.partition_by.len());
        for expr in &spec.partition_by {
            let typed = self.expr(expr, at)?;
            let typed = self.settle(typed)?;
            partition_by.push(self.sort_value(typed)?.expr);
        }
        let mut order_by = Vec::with_capacity(spec.order_by.len());
        let mut order_types = Vec::with_capacity(spec.order_by.len());
        for key in &spec.order_by {
            let typed = self.expr(&key.expr, at)?;
            let typed = self.settle(typed)?;
            order_types.push(typed.ty);
            let (ascending, nulls_first) = super::order::direction(key.options);
            order_by.push(SortExpr::new(self.sort_value(typed)?.expr, ascending, nulls_first));
        }
        let frame = spec.window_frame.clone();
        Ok(match base {
            None => Definition { partition_by, order_by, order_types, frame },
            Some(base) => {
                if !partition_by.is_empty() {
                    return Err(Error::new(SqlState::WINDOWING_ERROR, "cannot override PARTITION BY clause of a window"));
                }
                let inherits = order_by.is_empty();
                Definition {
                    partition_by: base.partition_by,
                    order_by: if inherits { base.order_by } else { order_by },
                    order_types: if inherits { base.order_types } else { order_types },
                    frame: frame.or(base.frame),
                }
            }
        })
    }

    fn frame(&self, definition: &Definition) -> Result<WindowFrame> {
        let ordered = !definition.order_by.is_empty();
        let Some(frame) = &definition.frame else {
            return Ok(WindowFrame::new(ordered.then_some(false)));
        };
        let units = match frame.units {
            ast::WindowFrameUnits::Rows => WindowFrameUnits::Rows,
            ast::WindowFrameUnits::Range => WindowFrameUnits::Range,
            ast::WindowFrameUnits::Groups => WindowFrameUnits::Groups,
        };
        if units == WindowFrameUnits::Groups && !ordered {
            return Err(Error::new(SqlState::WINDOWING_ERROR, "GROUPS mode requires an ORDER BY clause"));
        }
        let start = self.bound(&frame.start_bound, units, definition)?;
        let end = match &frame.end_bound {
            Some(bound) => self.bound(bound, units, definition)?,
            None => WindowFrameBound::CurrentRow,
        };
        if matches!(start, WindowFrameBound::Following(ref v) if v.is_null()) {
            return Err(Error::new(SqlState::WINDOWING_ERROR, "frame start cannot be UNBOUNDED FOLLOWING"));
        }
        if matches!(end, WindowFrameBound::Preceding(ref v) if v.is_null()) {
            return Err(Error::new(SqlState::WINDOWING_ERROR, "frame end cannot be UNBOUNDED PRECEDING"));
        }
        if matches!((&start, &end), (WindowFrameBound::CurrentRow, WindowFrameBound::Preceding(_))) {
            return Err(Error::new(SqlState::WINDOWING_ERROR, "frame starting from current row cannot have preceding rows"));
        }
        if matches!((&start, &end), (WindowFrameBound::Following(_), WindowFrameBound::CurrentRow | WindowFrameBound::Preceding(_))) {
            return Err(Error::new(SqlState::WINDOWING_ERROR, "frame starting from following row cannot have preceding rows"));
        }
        // Without an order all rows are peers: RANGE between unbounded or current bounds is the whole partition.
        if units == WindowFrameUnits::Range && !ordered {
            return Ok(WindowFrame::new(None));
        }
        Ok(WindowFrame::new_bounds(units, start, end))
    }

    fn bound(&self, bound: &ast::WindowFrameBound, units: WindowFrameUnits, definition: &Definition) -> Result<WindowFrameBound> {
        let (expr, preceding) = match bound {
            ast::WindowFrameBound::CurrentRow => return Ok(WindowFrameBound::CurrentRow),
            ast::WindowFrameBound::Preceding(expr) => (expr, true),
            ast::WindowFrameBound::Following(expr) => (expr, false),
        };
        let value = match expr {
            None if units == WindowFrameUnits::Range => ScalarValue::Null,
            None => ScalarValue::UInt64(None),
            Some(expr) => self.offset(expr, units, definition)?,
        };
        Ok(if preceding { WindowFrameBound::Preceding(value) } else { WindowFrameBound::Following(value) })
    }

    /// A frame's offset: rows or groups as a count, a range in the type of the ordering column.
    fn offset(&self, expr: &ast::Expr, units: WindowFrameUnits, definition: &Definition) -> Result<ScalarValue> {
        let scope = super::scope::Scope::default();
        let env = super::empty_env(&scope);
        let typed = self.expr(expr, At { env: &env, clause: Clause::Window, operand: false })?;
        let negative = || Error::new(SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE, "frame offset must not be negative");
        if units != WindowFrameUnits::Range {
            let typed = self.coerce(typed, PgType::INT8)?;
            return match self.constant(&typed)? {
                Some(ScalarValue::Int64(Some(n))) => u64::try_from(n).map(|n| ScalarValue::UInt64(Some(n))).map_err(|_| negative()),
                Some(_) => Err(Error::new(SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE, "frame offset must not be null")),
                None => Err(Error::unsupported("frame offsets must be constants")),
            };
        }
        let [ty] = definition.order_types.as_slice() else {
            return Err(Error::new(
                SqlState::WINDOWING_ERROR,
                "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column",
            ));
        };
        let wanted = match ty {
            ty if number_rank(*ty).is_some() => *ty,
            ty if super::typed::time_rank(*ty).is_some() => PgType::INTERVAL,
            other => {
                return Err(Error::unsupported(format!(
                    "RANGE with offset PRECEDING/FOLLOWING is not supported for column type {}",
                    other.display()
                )));
            }
        };
        let typed = if is_integer(wanted) && !is_integer(typed.ty) && !typed.is_unknown() { typed } else { self.coerce(typed, wanted)? };
        self.constant(&typed)?.ok_or_else(|| Error::unsupported("frame offsets must be constants"))
    }
}

fn nulls(call: &ast::Function, list: Option<&FunctionArgumentList>) -> Result<Option<datafusion::logical_expr::expr::NullTreatment>> {
    let inside = list.and_then(|l| {
        l.clauses.iter().find_map(|c| match c {
            ast::FunctionArgumentClause::IgnoreOrRespectNulls(treatment) => Some(*treatment),
            _ => None,
        })
    });
    Ok(match call.null_treatment.or(inside) {
        None | Some(NullTreatment::RespectNulls) => None,
        Some(NullTreatment::IgnoreNulls) => Some(datafusion::logical_expr::expr::NullTreatment::IgnoreNulls),
    })
}

/// `rank() OVER (ORDER BY …)`.
pub(crate) fn ranked(order_by: Vec<SortExpr>) -> Expr {
    Expr::WindowFunction(Box::new(WindowFunction {
        fun: WindowFunctionDefinition::WindowUDF(datafusion::functions_window::rank::rank_udwf()),
        params: WindowFunctionParams {
            args: Vec::new(),
            partition_by: Vec::new(),
            order_by,
            window_frame: WindowFrame::new(Some(false)),
            filter: None,
            null_treatment: None,
            distinct: false,
        },
    }))
}
