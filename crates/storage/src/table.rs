//! [`Table`]: a table of the catalog as the engine's `TableProvider`. It only describes and plans; reading is `scan`, writing is
//! never done through this door.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Statistics, stats::Precision};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::error::Error;
use crate::scan::exec::{Plan, ScanExec};
use crate::storage::Storage;

/// A table as of one snapshot, under column names that are unique in a plan; with the identity of its rows, if wanted.
#[derive(Debug)]
pub struct Table {
    storage: Arc<Storage>,
    table: Arc<kura_catalog::Table>,
    schema: SchemaRef,
}

impl Table {
    /// `names` are the internal names of the table's columns, in their order.
    ///
    /// # Panics
    /// Never; missing names are replaced by the columns' own.
    #[must_use]
    pub fn new(storage: Arc<Storage>, table: Arc<kura_catalog::Table>, names: Vec<String>) -> Self {
        let schema = Arc::new(Schema::new(fields(&table, names)));
        Self { storage, table, schema }
    }

    /// The same with two more columns at the end, both `int8` and never NULL: the identity of the data file that holds a row, called
    /// `file`, and the row's position in that file, called `position`, counted from its first row with those that are deleted. They
    /// are what [`RowSet::insert`](crate::write::RowSet::insert) takes.
    #[must_use]
    pub fn with_row_identity(
        storage: Arc<Storage>,
        table: Arc<kura_catalog::Table>,
        names: Vec<String>,
        file: String,
        position: String,
    ) -> Self {
        let mut fields = fields(&table, names);
        fields.extend([file, position].map(|name| Field::new(name, DataType::Int64, false)));
        Self { storage, table, schema: Arc::new(Schema::new(fields)) }
    }

    /// The catalog's table.
    #[must_use]
    pub fn table(&self) -> &Arc<kura_catalog::Table> {
        &self.table
    }
}

/// The columns of a table; missing names are replaced by the columns' own.
fn fields(table: &kura_catalog::Table, names: Vec<String>) -> Vec<Field> {
    let mut names = names.into_iter();
    let fields = table.columns.iter().map(|column| {
        let name = names.next().unwrap_or_else(|| column.name.clone());
        Field::new(name, column.ty.arrow(), column.nullable)
    });
    fields.collect()
}

/// Whether a condition can be evaluated row by row on nothing but the table's columns, with the same result each time.
fn is_evaluable(filter: &Expr, schema: &Schema) -> bool {
    let foreign = filter.exists(|node| {
        Ok(match node {
            Expr::Column(column) => schema.index_of(column.name()).is_err(),
            Expr::ScalarSubquery(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::SetComparison(_)
            | Expr::OuterReferenceColumn(_, _)
            | Expr::Placeholder(_)
            | Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::Unnest(_) => true,
            _ => false,
        })
    });
    matches!(foreign, Ok(false)) && !filter.is_volatile()
}

#[async_trait]
impl TableProvider for Table {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| {
            if is_evaluable(filter, &self.schema) { TableProviderFilterPushDown::Exact } else { TableProviderFilterPushDown::Unsupported }
        };
        Ok(filters.iter().map(answer).collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        let rows = usize::try_from(self.table.record_count).ok()?;
        Some(Statistics::new_unknown(&self.schema).with_num_rows(Precision::Exact(rows)))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.table.check_readable().map_err(|error| {
            use kura_pgtypes::Diagnostic;
            DataFusionError::External(Box::new(error.to_sql_error()))
        })?;
        let columns = DFSchema::try_from(self.schema.as_ref().clone())?;
        let filters = filters.iter().map(|filter| state.create_physical_expr(filter.clone(), &columns)).collect::<Result<_>>()?;
        let width = self.schema.fields().len();
        let projection = projection.cloned().unwrap_or_else(|| (0..width).collect());
        if projection.iter().any(|column| *column >= width) {
            return Err(Error::internal("a scan of a column the table does not have").into());
        }
        let scan = ScanExec::new(Plan {
            storage: Arc::clone(&self.storage),
            table: Arc::clone(&self.table),
            schema: Arc::clone(&self.schema),
            projection,
            filters,
            limit,
            partitions: state.config().target_partitions(),
        })?;
        Ok(Arc::new(scan))
    }
}
