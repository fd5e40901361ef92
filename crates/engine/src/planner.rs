//! From a bound query to operators: DataFusion's optimiser and physical planner under our configuration.
//!
//! Everything here blocks and recurses over the plan: it belongs on a thread of [`Runtime::plan`](crate::runtime::Runtime::plan).

use std::path::Path;
use std::sync::Arc;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionConfig;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::interrupt::interruptible;
use crate::memory::{Memory, StatementMemory};
use crate::rows::guarded;
use crate::rules;

/// Rows in a batch.
const BATCH_ROWS: usize = 8192;
/// Memory a sort keeps back for merging what it has written to disk.
const SORT_MERGE_BYTES: usize = 4 << 20;

/// Makes operators of plans. Shared by all statements; nothing in it belongs to one.
pub(crate) struct Planner {
    state: SessionState,
    environment: Arc<RuntimeEnv>,
    memory: Arc<Memory>,
}

impl Planner {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        prepare_spill_directory(&config.spill_dir)?;
        let disk = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![config.spill_dir.clone()]))
            .with_max_temp_directory_size(config.spill_limit);
        let environment = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(disk)
            .build_arc()
            .map_err(|error| Error::Start { what: error.to_string() })?;
        let memory = Memory::new(config.memory_limit);
        let state = SessionStateBuilder::new()
            .with_config(session_config(config))
            .with_runtime_env(Arc::clone(&environment))
            .with_optimizer_rules(rules::logical())
            .with_physical_optimizer_rules(rules::physical())
            .build();
        Ok(Self { state, environment, memory })
    }

    /// Bytes held by the operators of all statements.
    pub(crate) fn memory_reserved(&self) -> usize {
        self.memory.reserved()
    }

    /// The plan as the optimiser leaves it.
    pub(crate) fn optimise(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        Ok(self.state.optimize(&rules::short(plan.clone())?)?)
    }

    /// Operators for a plan. Blocks; `runtime` only drives what does no I/O.
    pub(crate) fn operators(&self, plan: LogicalPlan, query_id: u64, runtime: &Handle) -> Result<Operators> {
        let plan = rules::short(plan)?;
        let root = runtime.block_on(self.state.create_physical_plan(&plan))?;
        drop(plan);
        let stop = CancellationToken::new();
        let root = interruptible(root, &stop)?;
        let memory = StatementMemory::new(&self.memory);
        let environment = RuntimeEnv { memory_pool: Arc::clone(&memory) as _, ..self.environment.as_ref().clone() };
        let task = TaskContext::new(
            Some(query_id.to_string()),
            self.state.session_id().to_owned(),
            self.state.config().clone(),
            self.state.scalar_functions().clone(),
            self.state.higher_order_functions().clone(),
            self.state.aggregate_functions().clone(),
            self.state.window_functions().clone(),
            Arc::new(environment),
        );
        Ok(Operators { root, task: Arc::new(task), memory, stop })
    }
}

impl std::fmt::Debug for Planner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planner").finish_non_exhaustive()
    }
}

/// A query ready to run.
#[derive(Clone)]
pub(crate) struct Operators {
    pub(crate) root: Arc<dyn ExecutionPlan>,
    task: Arc<TaskContext>,
    memory: Arc<StatementMemory>,
    stop: CancellationToken,
}

impl Operators {
    /// Raised to end what they do at once; whoever lets go of their rows raises it.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts them. Rows come in the order the query asks for. Belongs into a task of the engine's runtime, where what the
    /// operators start runs as well.
    pub(crate) fn start(&self) -> Result<SendableRecordBatchStream> {
        let rows = execute_stream(Arc::clone(&self.root), Arc::clone(&self.task))?;
        Ok(guarded(rows, self.memory.overrun()))
    }

    /// Takes memory of the statement's share for what is gathered of its rows.
    pub(crate) fn reservation(&self, name: &str) -> MemoryReservation {
        let pool = Arc::clone(&self.memory) as Arc<dyn MemoryPool>;
        MemoryConsumer::new(name).register(&pool)
    }

    /// The most bytes its operators held at a time so far.
    pub(crate) fn memory_peak(&self) -> usize {
        self.memory.peak()
    }
}

fn session_config(config: &Config) -> SessionConfig {
    let mut session = SessionConfig::new()
        .with_target_partitions(config.cores())
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_repartition_file_scans(false);
    let options = session.options_mut();
    options.execution.sort_spill_reservation_bytes = SORT_MERGE_BYTES;
    // A join of one row with many would pass all of them on at once.
    options.execution.enforce_batch_size_in_joins = true;
    let optimizer = &mut options.optimizer;
    // All of these push filters made while running into scans, mapped by column name; an aggregate's prunes rows that other
    // aggregates need (apache/datafusion#24817).
    optimizer.enable_dynamic_filter_pushdown = false;
    optimizer.enable_topk_dynamic_filter_pushdown = false;
    optimizer.enable_join_dynamic_filter_pushdown = false;
    optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    optimizer.enable_window_limits = false;
    session
}

/// Creates the directory, and removes what statements of an earlier run left in it.
fn prepare_spill_directory(directory: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::Start { what: format!("directory \"{}\": {error}", directory.display()) };
    std::fs::create_dir_all(directory).map_err(failed)?;
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_ours = entry.file_name().to_string_lossy().starts_with("datafusion-");
        if is_ours && entry.file_type().map_err(failed)?.is_dir() {
            std::fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}
