//! Quoting for SQL texts, and reading quoted names.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::identifier::unquoted;
use kura_pgtypes::{PgType, SqlError};

use super::TEXT;
use crate::cast::TextOf;
use crate::failure::{Outcome, invalid_parameter};
use crate::kernel::column::{Bool, Text};
use crate::kernel::function;
use crate::kernel::lift::{text_rows, text1};
use crate::kernel::list::TextLists;
use crate::registry::{ArgType, Call, Function};

pub(super) fn functions() -> Vec<Function> {
    const BOOL: ArgType = ArgType::Exact(PgType::BOOL);
    const NAMES: PgType = PgType { array: true, ..PgType::TEXT };
    vec![
        Function::fixed("quote_ident", &[TEXT], PgType::TEXT, |call| {
            text1::<Text>(call, |a, out| {
                push_identifier(a, &mut out.text);
                Ok(true)
            })
        }),
        Function::fixed("quote_literal", &[TEXT], PgType::TEXT, |call| literal(call, false)),
        Function::fixed("quote_literal", &[ArgType::AnyElement], PgType::TEXT, |call| literal(call, false)).stable(),
        Function::fixed("quote_nullable", &[TEXT], PgType::TEXT, |call| literal(call, true)).lenient(),
        Function::fixed("quote_nullable", &[ArgType::AnyElement], PgType::TEXT, |call| literal(call, true)).lenient().stable(),
        Function::fixed("parse_ident", &[TEXT], NAMES, identifiers),
        Function::fixed("parse_ident", &[TEXT, BOOL], NAMES, identifiers),
    ]
}

/// Words that are no names without quotes, in order.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// Appends a name, quoted where SQL needs it.
pub(super) fn push_identifier(name: &str, out: &mut String) {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && RESERVED.binary_search(&name).is_err();
    if plain {
        out.push_str(name);
        return;
    }
    out.push('"');
    for c in name.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    out.push('"');
}

/// Appends a string literal.
pub(super) fn push_literal(text: &str, out: &mut String) {
    if text.contains('\\') {
        out.push('E');
    }
    out.push('\'');
    for c in text.chars() {
        if matches!(c, '\'' | '\\') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
}

fn literal(call: &Call<'_>, nullable: bool) -> Arc<ScalarUDF> {
    let writer = call.arguments.first().map(|ty| TextOf::new(*ty, &call.session.settings));
    function(call, move |args| {
        let column = args.column(0)?;
        let column = match &writer {
            Some(writer) => writer.column(column)?,
            None => return Err(crate::failure::internal("quote_literal without argument")),
        };
        let texts = column.read::<Text>()?;
        text_rows(args.rows, |row, out| match texts.get(row) {
            Some(text) => {
                out.admit(text.len().saturating_mul(2).min(text.len() + (1 << 20)))?;
                push_literal(text, &mut out.text);
                Ok(true)
            }
            None if nullable => {
                out.push_str("NULL");
                Ok(true)
            }
            None => Ok(false),
        })
    })
}

fn identifiers(call: &Call<'_>) -> Arc<ScalarUDF> {
    function(call, |args| {
        let texts = args.column(0)?.read::<Text>()?;
        let strict = args.columns.get(1).map(crate::kernel::Column::read::<Bool>).transpose()?;
        let mut lists = TextLists::new(args.rows);
        for row in 0..args.rows {
            let strict = match &strict {
                None => Some(true),
                Some(strict) => strict.get(row),
            };
            match (texts.get(row), strict) {
                (Some(text), Some(strict)) => {
                    for name in parse(text, strict)? {
                        lists.push(Some(&name))?;
                    }
                    lists.end(true)?;
                }
                _ => lists.end(false)?,
            }
        }
        lists.finish()
    })
}

/// Splits a qualified name into its parts. `strict`: nothing may follow the name.
fn parse(text: &str, strict: bool) -> Outcome<Vec<String>> {
    let invalid = |detail: &str| -> SqlError {
        let error = invalid_parameter(format!("string is not a valid identifier: \"{text}\""));
        if detail.is_empty() { error } else { error.detail(detail) }
    };
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
    let mut names = vec![];
    let mut rest = text.trim_start_matches(blank);
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (name, after) = unquoted(quoted).ok_or_else(|| invalid("String has unclosed double quotes."))?;
            if name.is_empty() {
                return Err(invalid("Quoted identifier must not be empty."));
            }
            names.push(name);
            rest = after;
        } else if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()) {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii())).unwrap_or(rest.len());
            names.push(rest[..end].to_ascii_lowercase());
            rest = &rest[end..];
        } else if rest.starts_with('.') {
            return Err(invalid("No valid identifier before \".\"."));
        } else if names.is_empty() {
            return Err(invalid(""));
        } else {
            return Err(invalid("No valid identifier after \".\"."));
        }
        rest = rest.trim_start_matches(blank);
        match rest.strip_prefix('.') {
            Some(after) => rest = after.trim_start_matches(blank),
            None if rest.is_empty() || !strict => return Ok(names),
            None => return Err(invalid("")),
        }
    }
}
