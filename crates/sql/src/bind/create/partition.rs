//! The keys of PARTITIONED BY.

use datafusion::sql::sqlparser::ast;
use kura_catalog::{NewColumn, Transform};
use kura_pgtypes::{Scalar, SqlState};

use crate::bind::function::positional;
use crate::bind::scope::folded;
use crate::{Error, Result};

/// One expression of PARTITIONED BY: a column, or `year`, `month`, `day`, `hour` of one, or `bucket(n, column)`.
pub(super) fn partition_key(expr: &ast::Expr, columns: &[NewColumn]) -> Result<(String, Transform)> {
    let wrong = || {
        Error::new(SqlState::SYNTAX_ERROR, format!("\"{expr}\" cannot be partitioned by"))
            .hint("PARTITIONED BY takes columns, year(c), month(c), day(c), hour(c) and bucket(n, c).")
    };
    let column = |expr: &ast::Expr| match expr {
        ast::Expr::Identifier(name) => {
            let name = folded(name);
            match columns.iter().find(|c| c.name == name) {
                Some(column) if column.ty.array => Err(Error::unsupported("partitioning by an array is not supported")),
                Some(column) => Ok(column),
                None => Err(Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" named in key does not exist"))),
            }
        }
        _ => Err(wrong()),
    };
    let ast::Expr::Function(call) = expr else {
        return column(expr).map(|c| (c.name.clone(), Transform::Identity));
    };
    let ast::FunctionArguments::List(list) = &call.args else {
        return Err(wrong());
    };
    let arguments = list.args.iter().map(positional).collect::<Result<Vec<_>>>()?;
    let name = call.name.to_string().to_lowercase();
    let (transform, target) =
        match (name.as_str(), arguments.as_slice()) {
            ("year", [target]) => (Transform::Year, target),
            ("month", [target]) => (Transform::Month, target),
            ("day", [target]) => (Transform::Day, target),
            ("hour", [target]) => (Transform::Hour, target),
            ("bucket", [count, target]) => {
                let count =
                    count.to_string().parse::<u32>().ok().filter(|n| (1..=4_096).contains(n)).ok_or_else(|| {
                        Error::new(SqlState::INVALID_PARAMETER_VALUE, "bucket takes a number of buckets between 1 and 4096")
                    })?;
                (Transform::Bucket(count), target)
            }
            _ => return Err(wrong()),
        };
    let column = column(target)?;
    let calendar = matches!(column.ty.scalar, Scalar::Date | Scalar::Timestamp | Scalar::Timestamptz);
    let fits = match transform {
        Transform::Year | Transform::Month | Transform::Day => calendar,
        Transform::Hour => calendar && column.ty.scalar != Scalar::Date,
        _ => true,
    };
    if !fits {
        return Err(Error::new(
            SqlState::DATATYPE_MISMATCH,
            format!("{name} of column \"{}\" of type {}", column.name, column.ty.display()),
        ));
    }
    Ok((column.name.clone(), transform))
}
