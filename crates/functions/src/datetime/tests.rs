//! Calls with the values a PostgreSQL 15 server gave them, one a line in `tests/*.txt`.
//!
//! `zone X` sets the session's zone for the lines below it; `name(type 'value', ..) => text` is a call of a function or
//! an operator, its result as text, `NULL`, or `ERROR <SQLSTATE>: <message>`.

use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use kura_pgtypes::{Format, OutputSettings, PgType, SqlError, TimeZone, decode, encode};

use crate::registry::{ArgType, Function, operator_functions, scalar_functions};
use crate::session_info::SessionInfo;

/// A session in a zone.
pub(crate) fn session(zone: &str) -> SessionInfo {
    let timezone = TimeZone::from_name(zone).expect("a zone of the tests");
    SessionInfo {
        user: "kura".to_owned(),
        database: "kura".to_owned(),
        session_user: "kura".to_owned(),
        search_path: vec![],
        now_micros: 1_710_078_330_123_456,
        statement_micros: 1_710_078_330_123_456,
        timezone: timezone.clone(),
        settings: OutputSettings { timezone, ..OutputSettings::default() },
        backend_pid: 1,
        advisory: None,
    }
}

/// One argument: its type and, unless NULL, its text.
type Argument = (PgType, Option<String>);

fn arguments(mut text: &str) -> Vec<Argument> {
    let mut all = vec![];
    while !text.is_empty() {
        let (name, rest) = text.split_once(' ').expect("a type, then a value");
        let ty = PgType::parse_name(name).expect("a type");
        if let Some(rest) = rest.strip_prefix("null") {
            all.push((ty, None));
            text = rest;
        } else {
            let rest = rest.strip_prefix('\'').expect("a quoted value");
            let (value, rest) = rest.split_once('\'').expect("the end of a value");
            all.push((ty, Some(value.to_owned())));
            text = rest;
        }
        text = text.strip_prefix(", ").unwrap_or(text);
    }
    all
}

fn overload(name: &str, types: &[PgType]) -> &'static Function {
    let fits = |function: &&Function| {
        let least = function.arguments.len() - function.optional;
        (least..=function.arguments.len()).contains(&types.len())
            && types.iter().zip(function.arguments).all(|(ty, want)| *want == ArgType::Exact(*ty))
    };
    let candidates = [scalar_functions(name), operator_functions(name)];
    candidates.into_iter().flatten().find(fits).unwrap_or_else(|| panic!("no function {name}({types:?})"))
}

fn sql_error(error: &DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::External(source) => source
            .downcast_ref::<SqlError>()
            .map_or_else(|| error.to_string(), |error| format!("ERROR {}: {}", error.state.code(), error.message)),
        other => other.to_string(),
    }
}

/// Calls a function for 3 rows: with constants and with columns, which must agree.
fn call(name: &str, arguments: &[Argument], session: &SessionInfo) -> String {
    const ROWS: usize = 3;
    let types: Vec<PgType> = arguments.iter().map(|(ty, _)| *ty).collect();
    let function = overload(name, &types);
    let constants: Vec<Option<i64>> = match (name, arguments) {
        ("extract", [(_, Some(field)), (ty, _)]) => vec![Some(super::extract_scale(field, *ty)), None],
        _ => vec![],
    };
    let udf = function.build(session, &types, &constants);
    let returns = function.result(&types, &constants);
    let values: Vec<ScalarValue> = arguments
        .iter()
        .map(|(ty, text)| {
            let text = text.as_ref().map(String::as_bytes);
            let array = decode::parameter(*ty, Format::Text, text, &session.settings).expect("an argument of the tests");
            ScalarValue::try_from_array(&array, 0).expect("one value")
        })
        .collect();
    let results = [0, usize::MAX, 1, 2].map(|columns| {
        let args = values
            .iter()
            .enumerate()
            .map(|(index, value)| {
                if columns & (1 << index) == 0 {
                    return ColumnarValue::Scalar(value.clone());
                }
                ColumnarValue::Array(value.to_array_of_size(ROWS).expect("an array"))
            })
            .collect();
        let invocation = ScalarFunctionArgs {
            args,
            arg_fields: values.iter().map(|value| Arc::new(Field::new("a", value.data_type(), true))).collect(),
            number_rows: ROWS,
            return_field: Arc::new(Field::new("r", returns.arrow(), true)),
            config_options: Arc::new(ConfigOptions::default()),
        };
        match udf.invoke_with_args(invocation).and_then(|value| value.into_array(ROWS)) {
            Err(error) => sql_error(&error),
            Ok(array) => {
                assert_eq!((array.len(), array.data_type()), (ROWS, &returns.arrow()), "{name}");
                let show = |row| {
                    if array.is_null(row) {
                        return "NULL".to_owned();
                    }
                    let mut text = Vec::new();
                    encode::write_text(array.as_ref(), row, returns, &session.settings, &mut text).expect("text");
                    String::from_utf8(text).expect("UTF-8")
                };
                assert_eq!(show(0), show(ROWS - 1), "{name}");
                show(0)
            }
        }
    });
    let [first, rest @ ..] = &results;
    for other in rest {
        assert_eq!(first, other, "{name}{arguments:?}: constants and columns");
    }
    first.clone()
}

/// Runs the lines of a file; reports all that differ.
fn check(lines: &str) {
    let mut session = session("UTC");
    let mut wrong = vec![];
    for line in lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(zone) = line.strip_prefix("zone ") {
            session = self::session(zone);
            continue;
        }
        let (expression, expected) = line.split_once(" => ").expect("an expression and its value");
        let (name, list) = expression.split_once('(').expect("a call");
        let list = list.strip_suffix(')').expect("the end of a call");
        let got = call(name, &arguments(list), &session);
        // PostgreSQL writes booleans of casts in full.
        let expected = match expected {
            "true" => "t",
            "false" => "f",
            other => other,
        };
        if got != expected {
            wrong.push(format!("[{}] {expression}\n  want {expected}\n  have {got}", session.timezone));
        }
    }
    assert!(wrong.is_empty(), "{} lines differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn truncation() {
    check(include_str!("tests/truncate.txt"));
}

#[test]
fn extraction() {
    check(include_str!("tests/extract.txt"));
}

#[test]
fn fields() {
    check(include_str!("tests/fields.txt"));
}

#[test]
fn operators() {
    check(include_str!("tests/operators.txt"));
}

#[test]
fn to_char() {
    check(include_str!("tests/to_char.txt"));
}

#[test]
fn to_date() {
    check(include_str!("tests/to_date.txt"));
}

#[test]
fn current_times() {
    let session = session("Asia/Tokyo");
    for name in ["now", "transaction_timestamp", "statement_timestamp"] {
        assert_eq!(call(name, &[], &session), "2024-03-10 22:45:30.123456+09");
    }
    assert_eq!(call("age", &arguments("timestamp '2024-03-08 12:00'"), &session), "1 day 12:00:00");
    let build = |name| overload(name, &[]).build(&session, &[], &[]);
    let invocation = |returns: PgType| ScalarFunctionArgs {
        args: vec![],
        arg_fields: vec![],
        number_rows: 2,
        return_field: Arc::new(Field::new("r", returns.arrow(), true)),
        config_options: Arc::new(ConfigOptions::default()),
    };
    let run = |name, returns| build(name).invoke_with_args(invocation(returns)).expect("a time").into_array(2).expect("rows");
    let clock = run("clock_timestamp", PgType::TIMESTAMPTZ);
    assert_eq!((clock.len(), clock.null_count()), (2, 0));
    let day = run("timeofday", PgType::TEXT);
    let text = ScalarValue::try_from_array(&day, 0).expect("a value").to_string();
    assert!(text.starts_with("Sun Mar 10 22:45:3") && text.ends_with(" 2024 JST"), "{text}");
}
