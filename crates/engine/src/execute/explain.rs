//! EXPLAIN: the operators of a query, and with ANALYZE what each of them did; a statement that changes rows changes them then.
//! Columns are shown without the part of their internal names that makes them unique.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use futures::StreamExt;
use kura_pgtypes::PgType;
use kura_sql::statement::Query;
use kura_sql::{OutputColumn, Statement};
use serde_json::{Map, Value, json};

use crate::admission::Permit;
use crate::context::StatementContext;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::execute::modify::{self, Change};
use crate::outcome::Outcome;
use crate::planner::Operators;
use crate::query_log::Record;
use crate::rows::RowStream;

/// Options of EXPLAIN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Whether the query is run.
    pub(crate) analyze: bool,
    /// Whether the optimised logical plan and all figures are shown.
    pub(crate) verbose: bool,
    /// Whether the answer is one JSON document.
    pub(crate) json: bool,
}

/// What an operator did.
struct Figures {
    rows: Option<usize>,
    time: Option<Duration>,
}

/// What a run took.
struct Run {
    rows: usize,
    time: Duration,
    memory_peak: usize,
}

/// A statement around the query, such as `Insert on t`.
struct Around {
    kind: &'static str,
    table: String,
}

/// What is told of a plan.
struct Explained {
    around: Option<Around>,
    logical: Option<String>,
    operators: Operators,
    planning: Duration,
    run: Option<Run>,
    options: Options,
}

/// EXPLAIN.
pub(crate) async fn run(
    engine: &Engine,
    statement: Statement,
    options: Options,
    context: StatementContext,
    record: &mut Option<Record>,
) -> Result<Outcome> {
    let (query_id, cancel) = (context.query_id, context.cancel.clone());
    let (query, around, change) = subject(statement)?;
    let permit = engine.admit().await?;
    let mut explained = plan(engine, query, around, options, query_id).await?;
    if options.analyze {
        let operators = explained.operators.clone();
        explained.run = Some(match change {
            Some(change) => applied(engine, &change, operators, permit, &context).await?,
            None => {
                let stop = operators.stop();
                // The turn ends with the run, not with this future.
                let running = engine.runtime().spawn(async move {
                    let _permit = permit;
                    execute(&operators).await
                });
                running.stopping(stop).await??
            }
        });
    }
    // Whoever ends the transaction must not wait for the rows.
    drop(context);
    let (document, columns) = engine
        .runtime()
        .try_plan(move || {
            let ty = if options.json { PgType::JSON } else { PgType::TEXT };
            let column = OutputColumn { name: "QUERY PLAN".to_owned(), ty, table_oid: 0, attnum: 0 };
            let lines = if options.json { vec![explained.json()?] } else { explained.text() };
            Ok((lines, vec![column]))
        })
        .await?;
    let record = record.take().unwrap_or_else(|| Record::start(query_id, "EXPLAIN"));
    let rows = RowStream::ready(engine.runtime(), vec![batch(&document)?], cancel, record);
    Ok(Outcome::Rows { columns, rows })
}

/// The query in a statement, what is around it, and what running it changes.
fn subject(statement: Statement) -> Result<(Query, Option<Around>, Option<Change>)> {
    match statement {
        Statement::Query(query) => Ok((query, None, None)),
        Statement::Insert { table, source } => Ok((source, Some(Around { kind: "Insert", table: table.name.clone() }), None)),
        Statement::Modify(modify) => {
            let kind = match modify.command {
                "DELETE" => "Delete",
                "UPDATE" => "Update",
                "MERGE" => "Merge",
                _ => "Insert",
            };
            let around = Around { kind, table: modify.table.name.clone() };
            let (change, query) = Change::of(*modify);
            Ok((query, Some(around), Some(change)))
        }
        other => Err(Error::new(kura_pgtypes::SqlState::FEATURE_NOT_SUPPORTED, format!("EXPLAIN of {} is not supported", other.command()))),
    }
}

/// Runs a statement that changes rows; nobody sees those it returns.
async fn applied(engine: &Engine, change: &Change, operators: Operators, permit: Permit, context: &StatementContext) -> Result<Run> {
    let (started, counted) = (Instant::now(), operators.clone());
    let done = modify::apply(engine, change, operators, permit, context, None).await?;
    let rows = usize::try_from(done.rows).unwrap_or(usize::MAX);
    Ok(Run { rows, time: started.elapsed(), memory_peak: counted.memory_peak() })
}

async fn plan(engine: &Engine, query: Query, around: Option<Around>, options: Options, query_id: u64) -> Result<Explained> {
    let (planner, runtime) = (Arc::clone(engine.planner()), engine.runtime().handle());
    let planned = engine.runtime().try_plan(move || {
        let started = Instant::now();
        let logical = if options.verbose { Some(planner.optimise(&query.plan)?.display_indent().to_string()) } else { None };
        let operators = planner.operators(query.plan, query_id, &runtime)?;
        Ok(Explained { around, logical, operators, planning: started.elapsed(), run: None, options })
    });
    planned.await
}

/// Runs the query to its end; nobody sees its rows.
async fn execute(operators: &Operators) -> Result<Run> {
    let started = Instant::now();
    let mut stream = operators.start()?;
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        rows += batch?.num_rows();
    }
    drop(stream);
    Ok(Run { rows, time: started.elapsed(), memory_peak: operators.memory_peak() })
}

impl Explained {
    fn text(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut depth = 0;
        if let Some(around) = &self.around {
            lines.push(format!("{} on {}", around.kind, around.table));
            depth = 1;
        }
        self.operator(visible(&self.operators.root), depth, &mut lines);
        if let Some(logical) = &self.logical {
            lines.push("Logical plan:".to_owned());
            lines.extend(logical.lines().map(|line| format!("  {}", readable(line))));
        }
        if let Some(run) = &self.run {
            lines.push(format!("Planning Time: {:.3} ms", millis(self.planning)));
            lines.push(format!("Peak Memory: {} kB", run.memory_peak.div_ceil(1024)));
            lines.push(format!("Execution Time: {:.3} ms", millis(run.time)));
        }
        lines
    }

    fn operator(&self, operator: &dyn ExecutionPlan, depth: usize, lines: &mut Vec<String>) {
        let arrow = if depth == 0 { String::new() } else { format!("{}->  ", "      ".repeat(depth - 1)) };
        let mut line = format!("{arrow}{}", describe(operator, self.options.verbose));
        if let Some(figures) = self.run.as_ref().map(|_| figures(operator)) {
            line.push_str(&figures.text());
        }
        lines.push(line);
        if let (true, Some(metrics)) = (self.run.is_some() && self.options.verbose, operator.metrics()) {
            let all = metrics.aggregate_by_name().sorted_for_display().timestamps_removed().to_string();
            if !all.is_empty() {
                lines.push(format!("{}{all}", " ".repeat(depth * 6 + 2)));
            }
        }
        for child in operator.children() {
            self.operator(visible(child), depth + 1, lines);
        }
    }

    fn json(&self) -> Result<String> {
        let mut plan = self.operator_json(visible(&self.operators.root));
        if let Some(around) = &self.around {
            plan = json!({ "Node Type": around.kind, "Detail": format!("{} on {}", around.kind, around.table), "Plans": [plan] });
        }
        let mut document = Map::new();
        document.insert("Plan".to_owned(), plan);
        if let Some(logical) = &self.logical {
            document.insert("Logical Plan".to_owned(), Value::from(readable(logical)));
        }
        if let Some(run) = &self.run {
            document.insert("Planning Time".to_owned(), json!(millis(self.planning)));
            document.insert("Peak Memory".to_owned(), json!(run.memory_peak));
            document.insert("Rows".to_owned(), json!(run.rows));
            document.insert("Execution Time".to_owned(), json!(millis(run.time)));
        }
        serde_json::to_string_pretty(&json!([document])).map_err(|error| Error::internal(error.to_string()))
    }

    fn operator_json(&self, operator: &dyn ExecutionPlan) -> Value {
        let mut node = Map::new();
        node.insert("Node Type".to_owned(), Value::from(operator.name()));
        node.insert("Detail".to_owned(), Value::from(describe(operator, self.options.verbose)));
        if self.run.is_some() {
            let figures = figures(operator);
            node.insert("Actual Rows".to_owned(), json!(figures.rows));
            node.insert("Actual Total Time".to_owned(), json!(figures.time.map(millis)));
        }
        let children: Vec<Value> = operator.children().into_iter().map(|child| self.operator_json(visible(child))).collect();
        if !children.is_empty() {
            node.insert("Plans".to_owned(), Value::from(children));
        }
        Value::from(node)
    }
}

impl Figures {
    fn text(&self) -> String {
        match (self.rows, self.time) {
            (Some(rows), Some(time)) => format!("  (actual time={:.3} ms rows={rows})", millis(time)),
            (Some(rows), None) => format!("  (actual rows={rows})"),
            (None, Some(time)) => format!("  (actual time={:.3} ms)", millis(time)),
            (None, None) => String::new(),
        }
    }
}

/// Rows given out by all partitions, and the time computing took in all of them together.
fn figures(operator: &dyn ExecutionPlan) -> Figures {
    let metrics = operator.metrics();
    let nanos = metrics.as_ref().and_then(|metrics| metrics.elapsed_compute());
    Figures {
        rows: metrics.as_ref().and_then(|metrics| metrics.output_rows()),
        time: nanos.and_then(|nanos| u64::try_from(nanos).ok()).map(Duration::from_nanos),
    }
}

fn describe(operator: &dyn ExecutionPlan, verbose: bool) -> String {
    let format = if verbose { DisplayFormatType::Verbose } else { DisplayFormatType::Default };
    let line = OneLine { operator, format }.to_string();
    readable(line.lines().next().unwrap_or_default())
}

/// An operator without those below it.
struct OneLine<'a> {
    operator: &'a dyn ExecutionPlan,
    format: DisplayFormatType,
}

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operator.fmt_as(self.format, f)
    }
}

/// The operator itself where it is wrapped for the sake of cancellation.
fn visible(operator: &Arc<dyn ExecutionPlan>) -> &dyn ExecutionPlan {
    match operator.downcast_ref::<CooperativeExec>() {
        Some(wrapper) => visible(wrapper.input()),
        None => operator.as_ref(),
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// `name#12` as `name`, wherever it stands; `name#12@0`, a column's place in a batch, as well.
fn readable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('#') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let digits = after.bytes().skip(1).take_while(u8::is_ascii_digit).count();
        let follows_name = before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        if digits == 0 || !follows_name {
            out.push('#');
            rest = &after[1..];
            continue;
        }
        rest = &after[1 + digits..];
        if let Some(place) = rest.strip_prefix('@') {
            let digits = place.bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 {
                rest = &place[digits..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// One text per row.
fn batch(lines: &[String]) -> Result<RecordBatch> {
    let schema = Schema::new(vec![Field::new("QUERY PLAN", DataType::Utf8View, false)]);
    let column = StringViewArray::from_iter_values(lines);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(column)]);
    Ok(batch.map_err(datafusion::error::DataFusionError::from)?)
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn internal_names_are_shortened() {
        assert_eq!(readable("on=[(id#1@0, id#12@3)], filter=a#2@1 > 5"), "on=[(id, id)], filter=a > 5");
        assert_eq!(readable("x # y, #1, 'it''s # 5'"), "x # y, #1, 'it''s # 5'");
        assert_eq!(readable("ü#7"), "ü");
    }
}
