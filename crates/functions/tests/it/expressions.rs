//! Functions, operators and casts against PostgreSQL 15: every line of `expressions/*.txt` is an expression, a tab,
//! and what PostgreSQL answered to it (`ERROR state: message` for an error, `<null>` for NULL).
//!
//! The expressions are constants, casts, calls and single operators; overloads are chosen by a simple rule of this
//! test. Choosing as PostgreSQL does is the binder's affair.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use kura_functions::{ArgType, Function, cast, exact_type, operator_functions, scalar_functions};
use kura_pgtypes::{OutputSettings, PgType, Scalar, SqlError, SqlState, decode, encode};

use crate::session;

/// A value: one row.
#[derive(Clone)]
struct Value {
    array: ArrayRef,
    ty: PgType,
    constant: Option<i64>,
}

fn failed(error: &DataFusionError) -> SqlError {
    match error.find_root() {
        DataFusionError::External(source) => match source.downcast_ref::<SqlError>() {
            Some(error) => error.clone(),
            None => SqlError::new(SqlState::INTERNAL_ERROR, source.to_string()),
        },
        other => SqlError::new(SqlState::INTERNAL_ERROR, other.to_string()),
    }
}

fn parse_value(text: &str, ty: PgType) -> Result<Value, SqlError> {
    let mut builder = decode::ColumnBuilder::new(ty, &OutputSettings::default());
    builder.append_text(text)?;
    Ok(Value { array: builder.finish(), ty, constant: None })
}

/// Calls with constants, then with columns of two rows, which must agree.
fn invoke(function: &Arc<ScalarUDF>, arguments: &[Value], returns: PgType) -> Result<ArrayRef, SqlError> {
    let call = |args: Vec<ColumnarValue>, rows| {
        let fields = args.iter().map(|arg| Arc::new(Field::new("a", arg.data_type(), true))).collect();
        let field = Arc::new(Field::new("r", returns.arrow(), true));
        let options = Arc::new(ConfigOptions::default());
        let args = ScalarFunctionArgs { args, arg_fields: fields, number_rows: rows, return_field: field, config_options: options };
        function.inner().invoke_with_args(args).and_then(|value| value.into_array(rows)).map_err(|error| failed(&error))
    };
    let constants = arguments.iter().map(|value| ColumnarValue::Scalar(ScalarValue::try_from_array(&value.array, 0).unwrap())).collect();
    let once = call(constants, 1);
    let twice =
        arguments.iter().map(|value| ColumnarValue::Array(concat(&[value.array.as_ref(), value.array.as_ref()]).unwrap())).collect();
    let twice = call(twice, 2);
    match (&once, &twice) {
        (Ok(once), Ok(twice)) => {
            assert_eq!(once.data_type(), &returns.arrow(), "{} returns its type", function.name());
            for row in [0, 1] {
                assert_eq!(once.as_ref(), twice.slice(row, 1).as_ref(), "{} of columns", function.name());
            }
        }
        (Err(once), Err(twice)) => assert_eq!(once.message, twice.message),
        _ => panic!("{}: constants give {once:?}, columns {twice:?}", function.name()),
    }
    once
}

fn convert(value: &Value, to: PgType, explicit: bool) -> Result<Value, SqlError> {
    if value.ty == PgType::UNKNOWN && to != PgType::UNKNOWN {
        if value.array.is_null(0) {
            let mut builder = decode::ColumnBuilder::new(to, &OutputSettings::default());
            builder.append_null();
            return Ok(Value { array: builder.finish(), ty: to, constant: None });
        }
        let text = encode::text_array(&value.array, PgType::TEXT, &OutputSettings::default())?;
        // An explicit cast cuts where an input function refuses.
        let through = if matches!(to.scalar, Scalar::Varchar | Scalar::Bpchar) && !to.array { PgType::TEXT } else { to };
        let parsed = parse_value(text.value(0), through)?;
        return if through == to { Ok(parsed) } else { convert(&parsed, to, explicit) };
    }
    let cast = cast::cast(value.ty, to, explicit, &session()).ok_or_else(|| {
        let names = (value.ty.with_typmod(-1).display(), to.with_typmod(-1).display());
        SqlError::new(SqlState::CANNOT_COERCE, format!("cannot cast type {} to {}", names.0, names.1))
    })?;
    let array = match &cast.function {
        Some(function) => invoke(function, std::slice::from_ref(value), cast.returns)?,
        None => Arc::clone(&value.array),
    };
    Ok(Value { array, ty: cast.returns, constant: value.constant })
}

/// How far a value is from a declared argument; `None`: it cannot be passed.
fn distance(want: ArgType, have: PgType) -> Option<u32> {
    let ArgType::Exact(want) = want else {
        return match want {
            ArgType::Any => Some(5),
            ArgType::AnyElement => (!have.array).then_some(5),
            _ => (have.array || have == PgType::UNKNOWN).then_some(4),
        };
    };
    let have = have.with_typmod(-1);
    if have == want {
        return Some(0);
    }
    if have.array || want.array {
        return (have == PgType::UNKNOWN).then_some(3);
    }
    let rank = |scalar| {
        [Scalar::Int2, Scalar::Int4, Scalar::Int8, Scalar::Numeric, Scalar::Float4, Scalar::Float8].iter().position(|s| *s == scalar)
    };
    match (have.scalar, want.scalar) {
        (Scalar::Unknown, Scalar::Text) => Some(1),
        (Scalar::Unknown, _) => Some(3),
        (Scalar::Varchar | Scalar::Bpchar | Scalar::Name | Scalar::Text, Scalar::Text | Scalar::Name) => Some(1),
        (Scalar::Int4, Scalar::Oid) => Some(2),
        (a, Scalar::Float8) if rank(a).is_some() => Some(2),
        (a, b) => (rank(a)? < rank(b)?).then_some(3),
    }
}

fn choose<'f>(candidates: &'f [Function], arguments: &[Value]) -> Option<&'f Function> {
    let total = |function: &Function| {
        let fits = function.arguments.len() == arguments.len() || (function.variadic && arguments.len() >= function.arguments.len());
        let declared = |index: usize| function.arguments.get(index).or(function.arguments.last()).copied();
        arguments.iter().enumerate().try_fold(0, |sum, (index, value)| Some(sum + distance(declared(index)?, value.ty)?)).filter(|_| fits)
    };
    candidates
        .iter()
        .filter_map(|function| Some((total(function)?, function)))
        .min_by_key(|(total, _)| *total)
        .map(|(_, function)| function)
}

fn call(name: &str, candidates: &[Function], arguments: &[Value]) -> Result<Value, SqlError> {
    let types: Vec<String> = arguments.iter().map(|value| value.ty.display()).collect();
    let function = choose(candidates, arguments).unwrap_or_else(|| panic!("no {name}({})", types.join(", ")));
    let mut passed = Vec::new();
    for (index, value) in arguments.iter().enumerate() {
        let want = function.arguments.get(index).or(function.arguments.last()).copied();
        let element = arguments.iter().map(|value| value.ty).find(|ty| *ty != PgType::UNKNOWN).unwrap_or(PgType::TEXT);
        let to = match want.unwrap() {
            ArgType::Exact(PgType::NUMERIC) => match value.ty.scalar {
                Scalar::Numeric => value.ty,
                _ => exact_type(value.ty),
            },
            ArgType::Exact(ty) => ty,
            ArgType::AnyArray if value.ty == PgType::UNKNOWN => PgType::new(element.scalar).array_of(),
            _ if value.ty == PgType::UNKNOWN => PgType::TEXT,
            _ => value.ty,
        };
        passed.push(if to == value.ty { value.clone() } else { convert(value, to, false)? });
    }
    let types: Vec<PgType> = passed.iter().map(|value| value.ty).collect();
    let constants: Vec<Option<i64>> = passed.iter().map(|value| value.constant).collect();
    let ty = function.result(&types, &constants);
    let array = invoke(&function.build(&session(), &types, &constants), &passed, ty)?;
    Ok(Value { array, ty, constant: None })
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, text: &str) -> bool {
        self.blanks();
        let found = self.rest.strip_prefix(text);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn take(&mut self, while_: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !while_(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn operator(&mut self) -> &'a str {
        self.blanks();
        self.take(|c| "+-*/<>=~!@#%^&|`?".contains(c))
    }

    /// An operand, or two with an operator between.
    fn expression(&mut self) -> Result<Value, SqlError> {
        self.blanks();
        let prefix =
            if self.rest.starts_with('-') && self.rest[1..].starts_with(|c: char| c.is_ascii_digit()) { "" } else { self.operator() };
        let mut value = self.operand()?;
        if !prefix.is_empty() {
            value = call(prefix, operator_functions(prefix), &[value])?;
        }
        let symbol = self.operator();
        if symbol.is_empty() {
            return Ok(value);
        }
        let right = self.operand()?;
        call(symbol, operator_functions(symbol), &[value, right])
    }

    fn operand(&mut self) -> Result<Value, SqlError> {
        self.blanks();
        let mut value = self.primary()?;
        while self.eat("::") {
            let ty = self.type_name();
            value = convert(&value, ty, true)?;
        }
        Ok(value)
    }

    fn primary(&mut self) -> Result<Value, SqlError> {
        let first = self.rest.chars().next().expect("an operand");
        match first {
            '(' => {
                self.eat("(");
                let value = self.expression()?;
                assert!(self.eat(")"), "closing parenthesis");
                Ok(value)
            }
            '\'' => {
                let mut text = String::new();
                self.rest = &self.rest[1..];
                loop {
                    text.push_str(self.take(|c| c != '\''));
                    self.rest = &self.rest[1..];
                    if !self.rest.starts_with('\'') {
                        break;
                    }
                    text.push('\'');
                    self.rest = &self.rest[1..];
                }
                parse_value(&text, PgType::TEXT).map(|value| Value { ty: PgType::UNKNOWN, ..value })
            }
            '-' | '0'..='9' => self.number(),
            _ => self.word(),
        }
    }

    fn number(&mut self) -> Result<Value, SqlError> {
        let text = self.take(|c| c.is_ascii_digit() || c == '.' || c == '-');
        if let Some((whole, decimals)) = text.split_once('.') {
            let digits = whole.trim_start_matches(['-', '0']).len() + decimals.len();
            return parse_value(text, PgType::numeric(u8::try_from(digits.max(1)).unwrap(), i8::try_from(decimals.len()).unwrap()));
        }
        let constant = text.parse::<i64>().ok();
        let ty = match text.parse::<i128>().unwrap() {
            n if i32::try_from(n).is_ok() => PgType::INT4,
            n if i64::try_from(n).is_ok() => PgType::INT8,
            _ => PgType::numeric(38, 0),
        };
        Ok(Value { constant, ..parse_value(text, ty)? })
    }

    fn word(&mut self) -> Result<Value, SqlError> {
        let name = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
        match name {
            "true" | "false" => return parse_value(name, PgType::BOOL),
            "null" => {
                return Ok(Value { array: arrow::array::new_null_array(&PgType::TEXT.arrow(), 1), ty: PgType::UNKNOWN, constant: None });
            }
            _ => {}
        }
        assert!(self.eat("("), "a call, at {name}{}", self.rest);
        let mut arguments = vec![];
        while !self.eat(")") {
            arguments.push(self.expression()?);
            self.eat(",");
        }
        call(name, scalar_functions(name), &arguments)
    }

    fn type_name(&mut self) -> PgType {
        let name = self.take(|c| c.is_ascii_alphanumeric() || c == '_' || c == '"');
        let mut ty = PgType::parse_name(name.trim_matches('"')).unwrap_or_else(|| panic!("no type {name}"));
        if name == "\"char\"" {
            ty = PgType::CHAR;
        }
        if self.eat("(") {
            let numbers: Vec<i32> = self.take(|c| c != ')').split(',').map(|n| n.trim().parse().unwrap()).collect();
            self.eat(")");
            ty = match (ty.scalar, numbers.as_slice()) {
                (Scalar::Numeric, [precision, scale]) => PgType::numeric(u8::try_from(*precision).unwrap(), i8::try_from(*scale).unwrap()),
                (Scalar::Numeric, [precision]) => PgType::numeric(u8::try_from(*precision).unwrap(), 0),
                (Scalar::Varchar, [n]) => PgType::varchar(u32::try_from(*n).unwrap()),
                (Scalar::Bpchar, [n]) => PgType::bpchar(u32::try_from(*n).unwrap()),
                (_, [n]) => ty.with_typmod(*n),
                _ => panic!("modifier of {name}"),
            };
        }
        if self.eat("[]") { ty.array_of() } else { ty }
    }
}

fn evaluate(expression: &str) -> Result<(String, PgType), SqlError> {
    let mut parser = Parser { rest: expression };
    let value = parser.expression()?;
    assert!(parser.rest.trim().is_empty(), "{expression}: left over {}", parser.rest);
    if value.array.is_null(0) {
        return Ok(("<null>".to_owned(), value.ty));
    }
    let text = encode::text_array(&value.array, value.ty, &OutputSettings::default())?;
    Ok((text.value(0).replace('\\', "\\\\").replace('\n', "\\n"), value.ty))
}

/// Numbers agree when they are the same but for zeros at the end, or for the digits beyond the fourteenth of one that
/// has no exact decimals.
fn agree(ours: &str, theirs: &str, ty: PgType) -> bool {
    if ours == theirs {
        return true;
    }
    if ty.array || !matches!(ty.scalar, Scalar::Numeric | Scalar::Float8 | Scalar::Float4) {
        return false;
    }
    let (Ok(a), Ok(b)) = (ours.parse::<f64>(), theirs.parse::<f64>()) else {
        return false;
    };
    (a - b).abs() <= 1e-14 * a.abs().max(1.0)
}

fn check(lines: &str) {
    let mut wrong = Vec::new();
    for line in lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (expression, theirs) = line.split_once('\t').expect("an expression, a tab, an answer");
        let (ours, ty) = match evaluate(expression) {
            Ok(answer) => answer,
            Err(error) => (format!("ERROR {}: {}", error.state.code(), error.message), PgType::TEXT),
        };
        if !agree(&ours, theirs, ty) {
            wrong.push(format!("{expression}\n  ours   {ours}\n  theirs {theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ from PostgreSQL:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn strings() {
    check(include_str!("expressions/strings.txt"));
}

#[test]
fn regexp() {
    check(include_str!("expressions/regexp.txt"));
}

#[test]
fn to_char() {
    check(include_str!("expressions/to_char.txt"));
}

#[test]
fn bytes() {
    check(include_str!("expressions/bytes.txt"));
}

#[test]
fn operators() {
    check(include_str!("expressions/operators.txt"));
}

#[test]
fn casts() {
    check(include_str!("expressions/casts.txt"));
}

#[test]
fn system() {
    check(include_str!("expressions/system.txt"));
}

#[test]
fn arrays() {
    check(include_str!("expressions/arrays.txt"));
}

#[test]
fn json() {
    check(include_str!("expressions/json.txt"));
}
