//! [`ScanExec`]: the physical operator that reads a table's files. Its work is done by the other modules of `scan`.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions, StatisticsArgs,
};
use kura_catalog::{DataFile, Table};

use crate::parquet::adapter;
use crate::scan::filter::Filters;
use crate::scan::split::{self, Slice};
use crate::scan::stream::{Pace, ScanStream, Shared};
use crate::scan::{estimate, prune};
use crate::storage::Storage;

/// What a scan is made of.
pub(crate) struct Plan {
    /// Where the files are.
    pub(crate) storage: Arc<Storage>,
    /// Whose files they are.
    pub(crate) table: Arc<Table>,
    /// The table's fields under their internal names, and behind them those of file and position where rows are to be found again.
    pub(crate) schema: SchemaRef,
    /// Columns that are given out, in that order.
    pub(crate) projection: Vec<usize>,
    /// Conditions over the table's schema that every row given out meets.
    pub(crate) filters: Vec<Arc<dyn PhysicalExpr>>,
    /// Rows after which no partition needs to give out more.
    pub(crate) limit: Option<usize>,
    /// Partitions wanted.
    pub(crate) partitions: usize,
}

/// Reads the files of a table: those that may hold matching rows, and of these the columns and rows that are wanted.
#[derive(Debug, Clone)]
pub struct ScanExec {
    shared: Arc<Shared>,
    filters: Vec<Arc<dyn PhysicalExpr>>,
    /// Files left after pruning.
    files: Arc<Vec<Arc<DataFile>>>,
    slices: Arc<Vec<Vec<Slice>>>,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
    statistics: Arc<OnceLock<Statistics>>,
    metrics: ExecutionPlanMetricsSet,
}

impl ScanExec {
    /// Prunes files and splits the rest. Reads nothing.
    ///
    /// # Errors
    /// For a filter that reads a column the table does not have.
    pub(crate) fn new(plan: Plan) -> Result<Self> {
        let Plan { storage, table, schema, projection, filters, limit, partitions } = plan;
        let pruning = prune::predicate(&filters, &schema);
        let all = table.files.as_slice();
        let kept = match &pruning {
            Some(predicate) => prune::files(predicate, &table, &schema, all),
            None => vec![true; all.len()],
        };
        let mut files: Vec<_> = all.iter().zip(kept).filter(|(_, kept)| *kept).map(|(file, _)| Arc::clone(file)).collect();
        if let (true, Some(limit)) = (filters.is_empty(), limit) {
            files.truncate(enough_files(&files, limit));
        }
        let metrics = ExecutionPlanMetricsSet::new();
        MetricBuilder::new(&metrics).global_counter("files_total").add(all.len());
        MetricBuilder::new(&metrics).global_counter("files_pruned").add(all.len() - files.len());
        let slices = split::split(&files, partitions);
        let output = adapter::project(&schema, &projection);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(output),
            Partitioning::UnknownPartitioning(slices.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        let shared = Shared { storage, table, filters: Filters::new(&filters, &projection, &schema)?, schema, pruning, projection };
        Ok(Self {
            shared: Arc::new(shared),
            filters,
            files: Arc::new(files),
            slices: Arc::new(slices),
            limit,
            properties: Arc::new(properties),
            statistics: Arc::new(OnceLock::new()),
            metrics,
        })
    }

    /// The table that is read.
    #[must_use]
    pub fn table(&self) -> &Arc<Table> {
        &self.shared.table
    }

    /// Statistics of the rows given out by all partitions.
    fn overall(&self) -> &Statistics {
        self.statistics.get_or_init(|| {
            let shared = &self.shared;
            let all = estimate::table(&shared.table.columns, &shared.schema, &self.files);
            estimate::filtered(all, &self.filters, &shared.schema).project(Some(&shared.projection))
        })
    }

    fn column_name(&self, column: usize) -> &str {
        let shared = &self.shared;
        let own = shared.table.columns.get(column).map(|column| &column.name);
        own.or_else(|| shared.schema.fields().get(column).map(|field| field.name())).map_or("?", String::as_str)
    }

    /// A filter with the table's own column names in place of the internal ones.
    fn readable(&self, filter: &Arc<dyn PhysicalExpr>) -> String {
        let named = Arc::clone(filter).transform_up(|node| {
            let Some(column) = node.downcast_ref::<Column>() else {
                return Ok(Transformed::no(node));
            };
            let named = Column::new(self.column_name(column.index()), column.index());
            Ok(Transformed::yes(Arc::new(named) as Arc<dyn PhysicalExpr>))
        });
        named.map_or_else(|_| filter.to_string(), |named| named.data.to_string())
    }
}

/// How many of `files` hold at least `limit` rows.
fn enough_files(files: &[Arc<DataFile>], limit: usize) -> usize {
    let mut rows = 0_u64;
    for (number, file) in files.iter().enumerate() {
        if rows >= limit as u64 {
            return number;
        }
        rows = rows.saturating_add(file.live_rows());
    }
    files.len()
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.shared.table;
        let separator = if matches!(format, DisplayFormatType::TreeRender) { "\n" } else { ", " };
        if !matches!(format, DisplayFormatType::TreeRender) {
            f.write_str("ScanExec: ")?;
        }
        let columns: Vec<&str> = self.shared.projection.iter().map(|column| self.column_name(*column)).collect();
        write!(f, "table={}{separator}files={}/{}{separator}", table.name, self.files.len(), table.files.len())?;
        write!(f, "projection=[{}]", columns.join(", "))?;
        if !self.filters.is_empty() {
            let filters: Vec<String> = self.filters.iter().map(|filter| self.readable(filter)).collect();
            write!(f, "{separator}filters=[{}]", filters.join(", "))?;
        }
        if let Some(limit) = self.limit {
            write!(f, "{separator}limit={limit}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &'static str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(&self, f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        let mut recursion = TreeNodeRecursion::Continue;
        for filter in &self.filters {
            recursion = recursion.visit_sibling(|| f(filter))?;
        }
        Ok(recursion)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { Err(DataFusionError::Internal("a scan has no children".to_owned())) }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let slices = self.slices.get(partition).cloned();
        let slices = slices.ok_or_else(|| DataFusionError::Internal(format!("a scan has no partition {partition}")))?;
        let pace = Pace { batch_size: context.session_config().batch_size(), limit: self.limit };
        let stream = ScanStream::new(Arc::clone(&self.shared), self.schema(), slices, pace, &self.metrics, partition);
        Ok(make_cooperative(Box::pin(stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let overall = self.overall().clone();
        let Some(partition) = args.partition() else {
            return overall.with_fetch(self.limit, 0, 1).map(Arc::new);
        };
        // A partition has its share of the rows; which values are in it is not known.
        let rows = |slices: &[Slice]| slices.iter().map(|slice| slice.rows.end - slice.rows.start).sum::<u64>();
        let total: u64 = self.slices.iter().map(|slices| rows(slices)).sum();
        let own = self.slices.get(partition).map_or(0, |slices| rows(slices));
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let share = own as f64 / total.max(1) as f64;
        let mut statistics = overall.to_inexact();
        statistics.num_rows = statistics.num_rows.with_estimated_selectivity(share);
        statistics.total_byte_size = statistics.total_byte_size.with_estimated_selectivity(share);
        statistics.with_fetch(self.limit, 0, 1).map(Arc::new)
    }

    fn supports_limit_pushdown(&self) -> bool {
        false
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let limit = match (self.limit, limit) {
            (Some(own), Some(new)) => Some(own.min(new)),
            (own, new) => new.or(own),
        };
        Some(Arc::new(Self { limit, ..self.clone() }))
    }

    fn fetch(&self) -> Option<usize> {
        self.limit
    }
}
