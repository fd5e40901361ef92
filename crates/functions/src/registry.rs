//! The catalogue of functions by PostgreSQL name: declarations as data, one entry per overload.
//!
//! Overload resolution is the binder's; this only answers what is declared, and builds the chosen entry for the types
//! of a call.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::logical_expr::{AggregateUDF, ScalarUDF, Volatility, WindowUDF};
use kura_pgtypes::PgType;

use crate::session_info::SessionInfo;
use crate::{aggregate, array, datetime, json, math, op, string, system, window};

/// What a declaration says of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgType {
    /// This type, whatever its modifier.
    Exact(PgType),
    /// `"any"`: every type, independent of the other arguments. An unknown literal becomes text.
    Any,
    /// `anyelement` / `anycompatible`: every type that is no array; all such arguments of a call have one type.
    AnyElement,
    /// `anyarray` / `anycompatiblearray`: an array whose element is the call's `AnyElement`.
    AnyArray,
}

/// The type a function returns.
#[derive(Clone, Copy)]
pub enum Returns {
    /// Always this type.
    Fixed(PgType),
    /// The type of the argument with this index, with its modifier.
    SameAs(usize),
    /// Computed from the types of the arguments, modifiers included (for `numeric`, the modifier is the Arrow scale),
    /// and from the integer constants among them: `round(x, 2)` has two decimals. The second slice may be shorter.
    Computed(fn(&[PgType], &[Option<i64>]) -> PgType),
}

impl Returns {
    /// The type returned for arguments of these types, as they arrive after the binder's casts. `constants`: the value
    /// of each argument that is an integer constant; may be empty.
    #[must_use]
    pub fn of(&self, arguments: &[PgType], constants: &[Option<i64>]) -> PgType {
        match self {
            Self::Fixed(ty) => *ty,
            Self::SameAs(index) => arguments.get(*index).copied().unwrap_or(PgType::TEXT),
            Self::Computed(compute) => compute(arguments, constants),
        }
    }
}

/// One call of a scalar function, resolved: what a [`Function::make`] builds from.
pub struct Call<'a> {
    /// PostgreSQL's name of the function.
    pub name: &'a str,
    /// The types of the arguments as they arrive, in order, a variadic tail spelled out.
    pub arguments: &'a [PgType],
    /// The type the result must have.
    pub returns: PgType,
    /// The declared volatility.
    pub volatility: Volatility,
    /// The session of the statement.
    pub session: &'a SessionInfo,
}

/// One overload of a scalar function.
pub struct Function {
    /// PostgreSQL's name.
    pub name: &'static str,
    /// The declared arguments.
    pub arguments: &'static [ArgType],
    /// Names of the arguments for `name => value` notation; empty where PostgreSQL has none.
    pub argument_names: &'static [&'static str],
    /// Arguments from the end that may be left out; the function is then called without them.
    pub optional: usize,
    /// Whether the last declared argument stands for one or more.
    pub variadic: bool,
    /// The type returned.
    pub returns: Returns,
    /// PostgreSQL's volatility.
    pub volatility: Volatility,
    /// Whether the result is NULL as soon as one argument is.
    pub strict: bool,
    /// Builds the function for one call.
    pub make: fn(&Call<'_>) -> Arc<ScalarUDF>,
}

impl Function {
    pub(crate) const fn new(
        name: &'static str,
        arguments: &'static [ArgType],
        returns: Returns,
        make: fn(&Call<'_>) -> Arc<ScalarUDF>,
    ) -> Self {
        Self {
            name,
            arguments,
            argument_names: &[],
            optional: 0,
            variadic: false,
            returns,
            volatility: Volatility::Immutable,
            strict: true,
            make,
        }
    }

    /// A function of fixed result type.
    pub(crate) const fn fixed(
        name: &'static str,
        arguments: &'static [ArgType],
        returns: PgType,
        make: fn(&Call<'_>) -> Arc<ScalarUDF>,
    ) -> Self {
        Self::new(name, arguments, Returns::Fixed(returns), make)
    }

    pub(crate) const fn stable(mut self) -> Self {
        self.volatility = Volatility::Stable;
        self
    }

    pub(crate) const fn volatile(mut self) -> Self {
        self.volatility = Volatility::Volatile;
        self
    }

    pub(crate) const fn variadic(mut self) -> Self {
        self.variadic = true;
        self
    }

    pub(crate) const fn lenient(mut self) -> Self {
        self.strict = false;
        self
    }

    pub(crate) const fn named(mut self, names: &'static [&'static str]) -> Self {
        self.argument_names = names;
        self
    }

    /// The type this overload returns for arguments of these types. `constants`: the value of each argument that is an
    /// integer constant, by position; may be empty.
    #[must_use]
    pub fn result(&self, arguments: &[PgType], constants: &[Option<i64>]) -> PgType {
        self.returns.of(arguments, constants)
    }

    /// Builds the function for arguments that arrive with these types (canonical Arrow types of each). `constants` as
    /// for [`Function::result`], and the same.
    #[must_use]
    pub fn build(&self, session: &SessionInfo, arguments: &[PgType], constants: &[Option<i64>]) -> Arc<ScalarUDF> {
        (self.make)(&Call { name: self.name, arguments, returns: self.result(arguments, constants), volatility: self.volatility, session })
    }
}

/// One call of an aggregate, resolved.
pub struct AggregateCall<'a> {
    /// PostgreSQL's name of the aggregate.
    pub name: &'a str,
    /// The types of the arguments as they arrive. Of an ordered-set aggregate: the `WITHIN GROUP` expression first,
    /// then the direct arguments.
    pub arguments: &'a [PgType],
    /// The type the result must have.
    pub returns: PgType,
    /// Of an ordered-set aggregate: whether `WITHIN GROUP (ORDER BY x DESC)`.
    pub descending: bool,
    /// The session of the statement.
    pub session: &'a SessionInfo,
}

/// One overload of an aggregate.
pub struct Aggregate {
    /// PostgreSQL's name.
    pub name: &'static str,
    /// The declared arguments; of an ordered-set aggregate the `WITHIN GROUP` expression first, then the direct ones.
    /// `count(*)` is `count` without arguments.
    pub arguments: &'static [ArgType],
    /// Whether the call must have `WITHIN GROUP (ORDER BY ..)`. The built aggregate takes the ordered expression as
    /// its first argument, sorts by itself and wants no `order_by` from the plan.
    pub ordered_set: bool,
    /// The type returned.
    pub returns: Returns,
    /// Builds the aggregate for one call.
    pub make: fn(&AggregateCall<'_>) -> Arc<AggregateUDF>,
}

impl Aggregate {
    pub(crate) const fn new(
        name: &'static str,
        arguments: &'static [ArgType],
        returns: Returns,
        make: fn(&AggregateCall<'_>) -> Arc<AggregateUDF>,
    ) -> Self {
        Self { name, arguments, ordered_set: false, returns, make }
    }

    pub(crate) const fn ordered_set(mut self) -> Self {
        self.ordered_set = true;
        self
    }

    /// The type this overload returns for arguments of these types.
    #[must_use]
    pub fn result(&self, arguments: &[PgType]) -> PgType {
        self.returns.of(arguments, &[])
    }

    /// Builds the aggregate. `descending`: of an ordered-set aggregate, the direction of its ordering.
    #[must_use]
    pub fn build(&self, session: &SessionInfo, arguments: &[PgType], descending: bool) -> Arc<AggregateUDF> {
        (self.make)(&AggregateCall { name: self.name, arguments, returns: self.result(arguments), descending, session })
    }
}

/// One overload of a window function.
pub struct Window {
    /// PostgreSQL's name.
    pub name: &'static str,
    /// The declared arguments.
    pub arguments: &'static [ArgType],
    /// The type returned.
    pub returns: Returns,
    /// Builds the function for arguments of these types.
    pub make: fn(&[PgType]) -> Arc<WindowUDF>,
}

impl Window {
    /// The type this overload returns for arguments of these types.
    #[must_use]
    pub fn result(&self, arguments: &[PgType]) -> PgType {
        self.returns.of(arguments, &[])
    }
}

type Catalogue<T> = LazyLock<HashMap<&'static str, Vec<T>>>;

static SCALARS: Catalogue<Function> = LazyLock::new(|| {
    let families =
        [math::functions(), string::functions(), datetime::functions(), array::functions(), json::functions(), system::functions()];
    by_name(families.into_iter().flatten(), |function| function.name)
});

static OPERATORS: Catalogue<Function> = LazyLock::new(|| by_name(op::operators().into_iter(), |function| function.name));

static AGGREGATES: Catalogue<Aggregate> = LazyLock::new(|| by_name(aggregate::aggregates().into_iter(), |aggregate| aggregate.name));

static WINDOWS: Catalogue<Window> = LazyLock::new(|| by_name(window::windows().into_iter(), |window| window.name));

fn by_name<T>(entries: impl Iterator<Item = T>, name: impl Fn(&T) -> &'static str) -> HashMap<&'static str, Vec<T>> {
    let mut map: HashMap<&'static str, Vec<T>> = HashMap::new();
    for entry in entries {
        map.entry(name(&entry)).or_default().push(entry);
    }
    map
}

/// All overloads of a scalar function, in declaration order; empty when the name is unknown. `name`: lower case.
#[must_use]
pub fn scalar_functions(name: &str) -> &'static [Function] {
    SCALARS.get(name).map_or(&[], Vec::as_slice)
}

/// All overloads of an operator by its symbol, such as `+`, `||`, `~`, `->>`; one argument is the prefix operator.
///
/// Comparisons (`=`, `<`, ..) are not among them: the engine compares every Arrow type itself, except intervals, which
/// compare by [`crate::op::interval_key`].
#[must_use]
pub fn operator_functions(symbol: &str) -> &'static [Function] {
    OPERATORS.get(symbol).map_or(&[], Vec::as_slice)
}

/// All overloads of an aggregate; empty when the name is unknown.
#[must_use]
pub fn aggregate_functions(name: &str) -> &'static [Aggregate] {
    AGGREGATES.get(name).map_or(&[], Vec::as_slice)
}

/// All overloads of a window function; empty when the name is unknown. Aggregates are window functions too.
#[must_use]
pub fn window_functions(name: &str) -> &'static [Window] {
    WINDOWS.get(name).map_or(&[], Vec::as_slice)
}

/// Every scalar function, for `pg_proc`. No particular order.
pub fn all_scalar_functions() -> impl Iterator<Item = &'static Function> {
    SCALARS.values().flatten()
}

/// Every operator, for `pg_operator`: symbols only, not the words of the grammar. No particular order.
pub fn all_operator_functions() -> impl Iterator<Item = &'static Function> {
    OPERATORS.values().flatten().filter(|operator| !operator.name.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Every aggregate, for `pg_proc`. No particular order.
pub fn all_aggregate_functions() -> impl Iterator<Item = &'static Aggregate> {
    AGGREGATES.values().flatten()
}

/// Every window function, for `pg_proc`. No particular order.
pub fn all_window_functions() -> impl Iterator<Item = &'static Window> {
    WINDOWS.values().flatten()
}
