//! What a session can ask about itself and the server, and helpers of the catalog that need no catalog.
//!
//! Functions that look at relations, roles or privileges are the binder's, which knows the catalog.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;

use crate::kernel::column::{Bool, Int4, Oid};
use crate::kernel::lift::{rows, text_rows, text1};
use crate::kernel::list::TextLists;
use crate::kernel::{Args, function};
use crate::math::INT4;
use crate::registry::{ArgType, Call, Function};

mod advisory;
mod hash;
mod random;
mod size;
mod type_name;

const BOOL: ArgType = ArgType::Exact(PgType::BOOL);
const OID: ArgType = ArgType::Exact(PgType::OID);
/// The version of PostgreSQL whose behaviour is followed.
const POSTGRES_VERSION: &str = "15.20";
/// The number PostgreSQL gives UTF8.
const UTF8: i32 = 6;

/// The functions of this family.
pub(crate) fn functions() -> Vec<Function> {
    let mut all = session();
    all.extend(server());
    all.extend(nulls());
    all.extend(advisory::functions());
    all.extend(hash::functions());
    all.extend(random::functions());
    all.extend(size::functions());
    all.extend(type_name::functions());
    all
}

/// The text of `version()`.
fn version() -> String {
    format!(
        "PostgreSQL {POSTGRES_VERSION} (Kura {}) on {}-{}, {}-bit",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS,
        usize::BITS
    )
}

/// A function of the session's facts: the same text for every row, `None` is NULL.
fn fact(call: &Call<'_>, value: Option<String>) -> Arc<ScalarUDF> {
    function(call, move |args| {
        text_rows(args.rows, |_, out| {
            out.push_str(value.as_deref().unwrap_or_default());
            Ok(value.is_some())
        })
    })
}

fn session() -> Vec<Function> {
    const NAMES: PgType = PgType { array: true, ..PgType::NAME };
    let name = |name, make| Function::fixed(name, &[], PgType::NAME, make).stable();
    let mut all = vec![];
    for same in ["current_user", "user", "current_role"] {
        all.push(name(same, |call| fact(call, Some(call.session.user.clone()))));
    }
    all.push(name("session_user", |call| fact(call, Some(call.session.session_user.clone()))));
    for same in ["current_database", "current_catalog"] {
        all.push(name(same, |call| fact(call, Some(call.session.database.clone()))));
    }
    all.push(name("current_schema", |call| fact(call, call.session.search_path.first().cloned())));
    all.push(Function::fixed("current_schemas", &[BOOL], NAMES, schemas).stable());
    all.push(
        Function::fixed("pg_backend_pid", &[], PgType::INT4, |call| {
            let pid = call.session.backend_pid;
            function(call, move |args| rows::<i32>(args.rows, &PgType::INT4.arrow(), |_| Ok(Some(pid))))
        })
        .stable(),
    );
    // No transaction has a number before it commits. The moment it began, with the session, is as good a name for it.
    all.push(
        Function::fixed("txid_current", &[], PgType::INT8, |call| {
            let number = call.session.now_micros.wrapping_shl(10) | i64::from(call.session.backend_pid & 1023);
            function(call, move |args| rows::<i64>(args.rows, &PgType::INT8.arrow(), |_| Ok(Some(number & i64::MAX))))
        })
        .stable(),
    );
    all
}

/// The search path; with `true` the schema looked in first of all.
fn schemas(call: &Call<'_>) -> Arc<ScalarUDF> {
    let path = call.session.search_path.clone();
    let implicit = !path.iter().any(|schema| schema == "pg_catalog");
    function(call, move |args| {
        let all = args.column(0)?.read::<Bool>()?;
        let mut lists = TextLists::new(args.rows);
        for row in 0..args.rows {
            let Some(all) = all.get(row) else {
                lists.end(false)?;
                continue;
            };
            if all && implicit {
                lists.push(Some("pg_catalog"))?;
            }
            for schema in &path {
                lists.push(Some(schema))?;
            }
            lists.end(true)?;
        }
        lists.finish()
    })
}

fn server() -> Vec<Function> {
    vec![
        Function::fixed("version", &[], PgType::TEXT, |call| fact(call, Some(version()))).stable(),
        Function::fixed("pg_client_encoding", &[], PgType::NAME, |call| fact(call, Some("UTF8".to_owned()))).stable(),
        Function::fixed("getdatabaseencoding", &[], PgType::NAME, |call| fact(call, Some("UTF8".to_owned()))).stable(),
        Function::fixed("pg_encoding_to_char", &[INT4], PgType::NAME, |call| {
            text1::<Int4>(call, |encoding, out| {
                out.push_str(match encoding {
                    0 => "SQL_ASCII",
                    UTF8 => "UTF8",
                    8 => "LATIN1",
                    _ => "",
                });
                Ok(true)
            })
        })
        .stable(),
        // There is no standby and there are no temporary schemas.
        Function::fixed("pg_is_in_recovery", &[], PgType::BOOL, |call| {
            function(call, |args| rows::<bool>(args.rows, &PgType::BOOL.arrow(), |_| Ok(Some(false))))
        })
        .stable(),
        Function::fixed("pg_my_temp_schema", &[], PgType::OID, |call| {
            function(call, |args| rows::<u32>(args.rows, &PgType::OID.arrow(), |_| Ok(Some(0))))
        })
        .stable(),
        Function::fixed("pg_is_other_temp_schema", &[OID], PgType::BOOL, |call| {
            function(call, |args| {
                let schemas = args.column(0)?.read::<Oid>()?;
                rows::<bool>(args.rows, &PgType::BOOL.arrow(), |row| Ok(schemas.get(row).map(|_| false)))
            })
        })
        .stable(),
    ]
}

fn nulls() -> Vec<Function> {
    vec![
        Function::fixed("num_nulls", &[ArgType::Any], PgType::INT4, |call| function(call, |args| count(args, true))).variadic().lenient(),
        Function::fixed("num_nonnulls", &[ArgType::Any], PgType::INT4, |call| function(call, |args| count(args, false)))
            .variadic()
            .lenient(),
    ]
}

fn count(args: &Args, null: bool) -> crate::failure::Outcome<arrow::array::ArrayRef> {
    rows::<i32>(args.rows, &PgType::INT4.arrow(), |row| {
        let count = args.columns.iter().filter(|column| column.is_null(row) == null).count();
        Ok(i32::try_from(count).ok())
    })
}
