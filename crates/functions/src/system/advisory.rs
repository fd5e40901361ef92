//! Advisory locks: the functions that take and release them without waiting.
//!
//! Whose they are and who else holds them the session knows; here are only the calls. Those that wait are the binder's: a lock
//! is waited for before its statement runs, never by a thread that runs queries.

use std::sync::Arc;

use arrow::array::NullArray;
use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;

use crate::failure::{Outcome, unsupported};
use crate::kernel::column::{Int4, Int8};
use crate::kernel::lift::rows;
use crate::kernel::{Args, function};
use crate::math::{INT4, INT8};
use crate::registry::{Call, Function};
use crate::session_info::{AdvisoryRequest, pair_key};

/// Number and whether it is a pair of integers, the first one in the upper half.
type Key = (i64, bool);

pub(super) fn functions() -> Vec<Function> {
    let mut all = Vec::new();
    for (name, make) in WAITING {
        all.push(Function::fixed(name, &[INT8], PgType::VOID, make).volatile());
        all.push(Function::fixed(name, &[INT4, INT4], PgType::VOID, make).volatile());
    }
    for (name, make) in AT_ONCE {
        all.push(Function::fixed(name, &[INT8], PgType::BOOL, make).volatile());
        all.push(Function::fixed(name, &[INT4, INT4], PgType::BOOL, make).volatile());
    }
    all.push(Function::fixed("pg_advisory_unlock_all", &[], PgType::VOID, unlock_all).volatile());
    all
}

type Make = fn(&Call<'_>) -> Arc<ScalarUDF>;

/// Calls that the binder turns into locks of the statement. One that it left in a plan cannot be evaluated.
const WAITING: [(&str, Make); 4] = [
    ("pg_advisory_lock", waits),
    ("pg_advisory_lock_shared", waits),
    ("pg_advisory_xact_lock", waits),
    ("pg_advisory_xact_lock_shared", waits),
];

const AT_ONCE: [(&str, Make); 6] = [
    ("pg_try_advisory_lock", |call| asks(call, |(key, pair)| AdvisoryRequest::TryLock { key, pair, shared: false, session: true })),
    ("pg_try_advisory_lock_shared", |call| asks(call, |(key, pair)| AdvisoryRequest::TryLock { key, pair, shared: true, session: true })),
    ("pg_try_advisory_xact_lock", |call| asks(call, |(key, pair)| AdvisoryRequest::TryLock { key, pair, shared: false, session: false })),
    ("pg_try_advisory_xact_lock_shared", |call| {
        asks(call, |(key, pair)| AdvisoryRequest::TryLock { key, pair, shared: true, session: false })
    }),
    ("pg_advisory_unlock", |call| asks(call, |(key, pair)| AdvisoryRequest::Unlock { key, pair, shared: false })),
    ("pg_advisory_unlock_shared", |call| asks(call, |(key, pair)| AdvisoryRequest::Unlock { key, pair, shared: true })),
];

fn waits(call: &Call<'_>) -> Arc<ScalarUDF> {
    function(call, |_| Err(unsupported("a lock cannot be waited for while a query runs").hint("Use pg_try_advisory_lock.")))
}

fn unlock_all(call: &Call<'_>) -> Arc<ScalarUDF> {
    let locks = call.session.advisory.clone();
    function(call, move |args| {
        if let Some(locks) = locks.as_ref().filter(|_| args.rows > 0) {
            locks(AdvisoryRequest::UnlockAll)?;
        }
        Ok(Arc::new(NullArray::new(args.rows)))
    })
}

/// A function that asks the session once for every row.
fn asks(call: &Call<'_>, request: fn(Key) -> AdvisoryRequest) -> Arc<ScalarUDF> {
    let locks = call.session.advisory.clone();
    function(call, move |args| {
        let Some(locks) = &locks else {
            return Err(unsupported("there is no session that could hold advisory locks"));
        };
        let keys = keys(args)?;
        rows::<bool>(args.rows, &PgType::BOOL.arrow(), |row| keys[row].map(|key| locks(request(key))).transpose())
    })
}

fn keys(args: &Args) -> Outcome<Vec<Option<Key>>> {
    if args.columns.len() == 1 {
        let keys = args.column(0)?.read::<Int8>()?;
        return Ok((0..args.rows).map(|row| keys.get(row).map(|key| (key, false))).collect());
    }
    let (first, second) = (args.column(0)?.read::<Int4>()?, args.column(1)?.read::<Int4>()?);
    Ok((0..args.rows).map(|row| Some((pair_key(first.get(row)?, second.get(row)?), true))).collect())
}
