//! `||` of text and bytes. That of arrays and JSON is with those families.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;

use crate::cast::TextOf;
use crate::failure::too_large;
use crate::kernel::column::{Bytea, Text};
use crate::kernel::function;
use crate::kernel::lift::{map2, text_rows, text2};
use crate::kernel::write::VALUE_BYTES_MAX;
use crate::registry::{ArgType, Call, Function};

const TEXT: ArgType = ArgType::Exact(PgType::TEXT);
const BYTEA: ArgType = ArgType::Exact(PgType::BYTEA);

pub(super) fn operators() -> Vec<Function> {
    vec![
        Function::fixed("||", &[TEXT, TEXT], PgType::TEXT, |call| {
            text2::<Text, Text>(call, |a, b, out| {
                out.admit(a.len() + b.len())?;
                out.push_str(a);
                out.push_str(b);
                Ok(true)
            })
        }),
        Function::fixed("||", &[TEXT, ArgType::AnyElement], PgType::TEXT, mixed).stable(),
        Function::fixed("||", &[ArgType::AnyElement, TEXT], PgType::TEXT, mixed).stable(),
        Function::fixed("||", &[BYTEA, BYTEA], PgType::BYTEA, |call| {
            map2::<Bytea, Bytea, Vec<u8>>(call, |a, b| {
                if a.len() + b.len() > VALUE_BYTES_MAX {
                    return Err(too_large());
                }
                Ok([a, b].concat())
            })
        }),
    ]
}

/// One side is text, the other is written as text.
fn mixed(call: &Call<'_>) -> Arc<ScalarUDF> {
    let writers: Vec<TextOf> = call.arguments.iter().map(|ty| TextOf::new(*ty, &call.session.settings)).collect();
    function(call, move |args| {
        let a = writers[0].column(args.column(0)?)?;
        let b = writers[1].column(args.column(1)?)?;
        let (a, b) = (a.read::<Text>()?, b.read::<Text>()?);
        text_rows(args.rows, |row, out| {
            let (Some(a), Some(b)) = (a.get(row), b.get(row)) else {
                return Ok(false);
            };
            out.admit(a.len() + b.len())?;
            out.push_str(a);
            out.push_str(b);
            Ok(true)
        })
    })
}
