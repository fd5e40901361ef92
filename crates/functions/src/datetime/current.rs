//! `now` and its kin. `current_timestamp` and the other words are the binder's, through these functions.
//!
//! The time of the transaction and of the statement come with the session; only `clock_timestamp` and `timeofday` go
//! on, from the statement's time by the machine's monotonic clock.

use std::sync::Arc;
use std::time::Instant;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;

use super::calendar::{self, HOUR, MINUTE, SECOND};
use super::format::{DAYS, MONTHS};
use crate::failure::timestamp_out_of_range;
use crate::kernel::function;
use crate::kernel::lift::{rows, text_rows};
use crate::registry::{Call, Function};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("now", &[], PgType::TIMESTAMPTZ, |call| fixed(call, call.session.now_micros)).stable(),
        Function::fixed("transaction_timestamp", &[], PgType::TIMESTAMPTZ, |call| fixed(call, call.session.now_micros)).stable(),
        Function::fixed("statement_timestamp", &[], PgType::TIMESTAMPTZ, |call| fixed(call, call.session.statement_micros)).stable(),
        Function::fixed("clock_timestamp", &[], PgType::TIMESTAMPTZ, |call| {
            let running = Running::start(call);
            function(call, move |args| rows::<i64>(args.rows, &PgType::TIMESTAMPTZ.arrow(), |_| Ok(Some(running.micros()))))
        })
        .volatile(),
        Function::fixed("timeofday", &[], PgType::TEXT, time_of_day).volatile(),
    ]
}

fn fixed(call: &Call<'_>, micros: i64) -> Arc<ScalarUDF> {
    function(call, move |args| rows::<i64>(args.rows, &PgType::TIMESTAMPTZ.arrow(), |_| Ok(Some(micros))))
}

/// A time that goes on.
struct Running {
    statement: i64,
    since: Instant,
}

impl Running {
    fn start(call: &Call<'_>) -> Self {
        Self { statement: call.session.statement_micros, since: Instant::now() }
    }

    fn micros(&self) -> i64 {
        self.statement.saturating_add(i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX))
    }
}

/// `Sat Nov 21 03:49:44.123456 2026 UTC`
fn time_of_day(call: &Call<'_>) -> Arc<ScalarUDF> {
    let (running, zone) = (Running::start(call), call.session.timezone.clone());
    function(call, move |args| {
        text_rows(args.rows, |_, out| {
            let instant = running.micros();
            let (day, time) = calendar::split(zone.utc_to_local(instant).ok_or_else(timestamp_out_of_range)?);
            let date = calendar::civil(day);
            out.push_str(&format!(
                "{:.3} {:.3} {:02} {:02}:{:02}:{:02}.{:06} {:04} {}",
                DAYS[calendar::weekday(day) as usize],
                MONTHS[date.month as usize - 1],
                date.day,
                time / HOUR,
                time / MINUTE % 60,
                time / SECOND % 60,
                time % SECOND,
                date.year,
                zone.abbreviation_at_utc(instant)
            ));
            Ok(true)
        })
    })
}
