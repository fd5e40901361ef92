//! `op ANY (array)` and `op ALL (array)`, whose names no expression spells, against PostgreSQL 15.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Field;
use datafusion::common::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use kura_functions::scalar_functions;
use kura_pgtypes::{OutputSettings, PgType, decode};

use crate::session;

/// The answers of a function to rows of a value and an array, both as text.
fn ask(name: &str, element: PgType, rows: &[(Option<&str>, Option<&str>)]) -> Vec<Option<bool>> {
    let column = |ty: PgType, texts: Vec<Option<&str>>| {
        let mut builder = decode::ColumnBuilder::new(ty, &OutputSettings::default());
        for text in texts {
            match text {
                Some(text) => builder.append_text(text).unwrap(),
                None => builder.append_null(),
            }
        }
        ColumnarValue::Array(builder.finish())
    };
    let types = [element, element.array_of()];
    let args = vec![
        column(types[0], rows.iter().map(|(value, _)| *value).collect()),
        column(types[1], rows.iter().map(|(_, array)| *array).collect()),
    ];
    let udf = scalar_functions(name)[0].build(&session(), &types, &[]);
    let field = |ty: &PgType| Arc::new(Field::new("a", ty.arrow(), true));
    let call = ScalarFunctionArgs {
        args,
        arg_fields: types.iter().map(field).collect(),
        number_rows: rows.len(),
        return_field: field(&PgType::BOOL),
        config_options: Arc::new(ConfigOptions::default()),
    };
    let result = udf.inner().invoke_with_args(call).unwrap().into_array(rows.len()).unwrap();
    let result = result.as_boolean();
    (0..rows.len()).map(|row| result.is_valid(row).then(|| result.value(row))).collect()
}

#[test]
fn null_only_where_the_answer_is_open() {
    let rows = [
        (Some("1"), Some("{1,NULL}")),
        (Some("5"), Some("{1,NULL}")),
        (Some("5"), Some("{1,2}")),
        (Some("5"), Some("{}")),
        (Some("5"), None),
        (None, Some("{1}")),
        (None, Some("{}")),
    ];
    assert_eq!(ask("= any", PgType::INT4, &rows), [Some(true), None, Some(false), Some(false), None, None, Some(false)]);
    assert_eq!(ask("<> all", PgType::INT4, &rows), [Some(false), None, Some(true), Some(true), None, None, Some(true)]);
}

#[test]
fn the_value_stands_on_the_left() {
    let rows = [(Some("2"), Some("{1,3}")), (Some("0"), Some("{1,3}")), (Some("4"), Some("{1,3}"))];
    assert_eq!(ask("< any", PgType::INT4, &rows), [Some(true), Some(true), Some(false)]);
    assert_eq!(ask("< all", PgType::INT4, &rows), [Some(false), Some(true), Some(false)]);
    assert_eq!(ask(">= all", PgType::INT4, &rows), [Some(false), Some(false), Some(true)]);
}

#[test]
fn zeros_and_nan_are_one_value_each() {
    let rows = [(Some("-0"), Some("{0}")), (Some("NaN"), Some("{NaN}")), (Some("NaN"), Some("{Infinity}"))];
    assert_eq!(ask("= any", PgType::FLOAT8, &rows), [Some(true), Some(true), Some(false)]);
    assert_eq!(ask("> any", PgType::FLOAT8, &rows), [Some(false), Some(false), Some(true)]);
}

#[test]
fn patterns() {
    let rows = [(Some("abc"), Some("{x%,a%}")), (Some("abc"), Some("{x%,NULL}")), (None, Some("{x%}")), (Some("ABC"), Some("{a%}"))];
    assert_eq!(ask("like any", PgType::TEXT, &rows), [Some(true), None, None, Some(false)]);
    assert_eq!(ask("ilike any", PgType::TEXT, &rows), [Some(true), None, None, Some(true)]);
    assert_eq!(ask("not like all", PgType::TEXT, &rows), [Some(false), None, None, Some(true)]);
}
