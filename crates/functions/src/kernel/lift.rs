//! Row functions lifted to columns. All lifted functions are strict: NULL in, NULL out.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use super::column::Read;
use super::function;
use super::write::{Out, TextBuilder, Write};
use crate::failure::Outcome;
use crate::registry::Call;

/// `f(a)`
pub(crate) fn map1<A: Read, R: Write + 'static>(
    call: &Call<'_>,
    f: impl for<'a> Fn(A::Item<'a>) -> Outcome<R> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    maybe1::<A, R>(call, move |a| f(a).map(Some))
}

/// `f(a)`, which may be NULL
pub(crate) fn maybe1<A: Read, R: Write + 'static>(
    call: &Call<'_>,
    f: impl for<'a> Fn(A::Item<'a>) -> Outcome<Option<R>> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    let data_type = call.returns.arrow();
    function(call, move |args| {
        let a = args.column(0)?.read::<A>()?;
        let mut builder = R::builder(args.rows);
        for row in 0..args.rows {
            let value = match a.get(row) {
                Some(a) => f(a)?,
                None => None,
            };
            R::append(&mut builder, value)?;
        }
        R::finish(builder, &data_type)
    })
}

/// `f(a, b)`
pub(crate) fn map2<A: Read, B: Read, R: Write + 'static>(
    call: &Call<'_>,
    f: impl for<'a> Fn(A::Item<'a>, B::Item<'a>) -> Outcome<R> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    maybe2::<A, B, R>(call, move |a, b| f(a, b).map(Some))
}

/// `f(a, b)`, which may be NULL
pub(crate) fn maybe2<A: Read, B: Read, R: Write + 'static>(
    call: &Call<'_>,
    f: impl for<'a> Fn(A::Item<'a>, B::Item<'a>) -> Outcome<Option<R>> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    let data_type = call.returns.arrow();
    function(call, move |args| {
        let a = args.column(0)?.read::<A>()?;
        let b = args.column(1)?.read::<B>()?;
        let mut builder = R::builder(args.rows);
        for row in 0..args.rows {
            let value = match (a.get(row), b.get(row)) {
                (Some(a), Some(b)) => f(a, b)?,
                _ => None,
            };
            R::append(&mut builder, value)?;
        }
        R::finish(builder, &data_type)
    })
}

/// `f(a, b, c)`
pub(crate) fn map3<A: Read, B: Read, C: Read, R: Write + 'static>(
    call: &Call<'_>,
    f: impl for<'a> Fn(A::Item<'a>, B::Item<'a>, C::Item<'a>) -> Outcome<R> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    let data_type = call.returns.arrow();
    function(call, move |args| {
        let a = args.column(0)?.read::<A>()?;
        let b = args.column(1)?.read::<B>()?;
        let c = args.column(2)?.read::<C>()?;
        let mut builder = R::builder(args.rows);
        for row in 0..args.rows {
            let value = match (a.get(row), b.get(row), c.get(row)) {
                (Some(a), Some(b), Some(c)) => Some(f(a, b, c)?),
                _ => None,
            };
            R::append(&mut builder, value)?;
        }
        R::finish(builder, &data_type)
    })
}

/// `f(a)` that writes text; returning `false` means NULL.
pub(crate) fn text1<A: Read>(
    call: &Call<'_>,
    f: impl for<'a> Fn(A::Item<'a>, &mut Out) -> Outcome<bool> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let a = args.column(0)?.read::<A>()?;
        text_rows(args.rows, |row, out| a.get(row).map_or(Ok(false), |a| f(a, out)))
    })
}

/// `f(a, b)` that writes text; returning `false` means NULL.
pub(crate) fn text2<A: Read, B: Read>(
    call: &Call<'_>,
    f: impl for<'a> Fn(A::Item<'a>, B::Item<'a>, &mut Out) -> Outcome<bool> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let a = args.column(0)?.read::<A>()?;
        let b = args.column(1)?.read::<B>()?;
        text_rows(args.rows, |row, out| match (a.get(row), b.get(row)) {
            (Some(a), Some(b)) => f(a, b, out),
            _ => Ok(false),
        })
    })
}

/// `f(a, b, c)` that writes text; returning `false` means NULL.
pub(crate) fn text3<A: Read, B: Read, C: Read>(
    call: &Call<'_>,
    f: impl for<'a> Fn(A::Item<'a>, B::Item<'a>, C::Item<'a>, &mut Out) -> Outcome<bool> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    function(call, move |args| {
        let a = args.column(0)?.read::<A>()?;
        let b = args.column(1)?.read::<B>()?;
        let c = args.column(2)?.read::<C>()?;
        text_rows(args.rows, |row, out| match (a.get(row), b.get(row), c.get(row)) {
            (Some(a), Some(b), Some(c)) => f(a, b, c, out),
            _ => Ok(false),
        })
    })
}

/// A column of text, written row by row; `false` means NULL.
pub(crate) fn text_rows(rows: usize, mut f: impl FnMut(usize, &mut Out) -> Outcome<bool>) -> Outcome<arrow::array::ArrayRef> {
    let mut builder = TextBuilder::new(rows);
    let mut out = Out::new();
    for row in 0..rows {
        out.reset(builder.left());
        if f(row, &mut out)? {
            builder.append(&out.text)?;
        } else {
            builder.append_null();
        }
    }
    Ok(builder.finish())
}

/// A column written row by row.
pub(crate) fn rows<R: Write>(
    count: usize,
    data_type: &arrow::datatypes::DataType,
    mut f: impl FnMut(usize) -> Outcome<Option<R>>,
) -> Outcome<arrow::array::ArrayRef> {
    let mut builder = R::builder(count);
    for row in 0..count {
        R::append(&mut builder, f(row)?)?;
    }
    R::finish(builder, data_type)
}
