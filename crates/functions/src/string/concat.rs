//! `concat` and `concat_ws`: values of any types written after another. NULLs are left out.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;

use super::TEXT;
use crate::cast::TextOf;
use crate::failure::{Outcome, too_large};
use crate::kernel::column::{Column, Text, Typed};
use crate::kernel::lift::text_rows;
use crate::kernel::write::Out;
use crate::kernel::{Args, function};
use crate::registry::{ArgType, Call, Function};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("concat", &[ArgType::Any], PgType::TEXT, concat).variadic().lenient().stable(),
        Function::fixed("concat_ws", &[TEXT, ArgType::Any], PgType::TEXT, concat_ws).variadic().lenient().stable(),
    ]
}

/// The writers of arguments of any type.
pub(super) fn writers(call: &Call<'_>) -> Vec<TextOf> {
    call.arguments.iter().map(|ty| TextOf::output(*ty, &call.session.settings)).collect()
}

/// The arguments as text.
pub(super) fn texts(writers: &[TextOf], args: &Args) -> Outcome<Vec<Column>> {
    writers.iter().zip(&args.columns).map(|(writer, column)| writer.column(column)).collect()
}

fn concat(call: &Call<'_>) -> Arc<ScalarUDF> {
    let writers = writers(call);
    function(call, move |args| {
        let columns = texts(&writers, args)?;
        let columns = columns.iter().map(Column::read::<Text>).collect::<Outcome<Vec<_>>>()?;
        text_rows(args.rows, |row, out| {
            join(&columns, row, "", out)?;
            Ok(true)
        })
    })
}

fn concat_ws(call: &Call<'_>) -> Arc<ScalarUDF> {
    let writers = writers(call);
    function(call, move |args| {
        let columns = texts(&writers, args)?;
        let columns = columns.iter().map(Column::read::<Text>).collect::<Outcome<Vec<_>>>()?;
        let (separator, values) = columns.split_first().ok_or_else(|| crate::failure::internal("concat_ws without separator"))?;
        text_rows(args.rows, |row, out| match separator.get(row) {
            Some(separator) => {
                join(values, row, separator, out)?;
                Ok(true)
            }
            None => Ok(false),
        })
    })
}

fn join(columns: &[Typed<'_, Text>], row: usize, separator: &str, out: &mut Out) -> Outcome<()> {
    let mut size = 0usize;
    let mut first = true;
    for value in columns.iter().filter_map(|column| column.get(row)) {
        let more = if first { value.len() } else { value.len() + separator.len() };
        size = size.checked_add(more).ok_or_else(too_large)?;
        out.admit(size)?;
        if !first {
            out.push_str(separator);
        }
        out.push_str(value);
        first = false;
    }
    Ok(())
}
