//! Which files and row groups cannot hold a matching row, by the catalog's statistics, by partition values, and by the statistics
//! in the footers. Nothing is read here.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Column as ColumnName;
use datafusion::common::pruning::PruningStatistics;
use datafusion::physical_expr::{PhysicalExpr, conjunction};
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use datafusion::scalar::ScalarValue;
use kura_catalog::{ColumnStats, DataFile, Table, Transform};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::basic::Type as Physical;
use parquet::file::metadata::RowGroupMetaData;

use crate::parquet::adapter::{FileColumns, canonical_bounds};
use crate::parquet::footer::Footer;
use crate::parquet::statistics::{End, parse_bounds, widened};

/// Conditions turned into questions about bounds; `None` when bounds cannot answer any of them.
pub(crate) fn predicate(filters: &[Arc<dyn PhysicalExpr>], schema: &SchemaRef) -> Option<Arc<PruningPredicate>> {
    if filters.is_empty() {
        return None;
    }
    PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema)).build(conjunction(filters.iter().cloned()))
}

/// For each of `files`, whether it may hold a matching row. A question that cannot be answered keeps all.
pub(crate) fn files(predicate: &PruningPredicate, table: &Table, schema: &SchemaRef, files: &[Arc<DataFile>]) -> Vec<bool> {
    let statistics = FileStatistics { table, schema, files };
    predicate.prune(&statistics).unwrap_or_else(|error| {
        tracing::debug!(%error, table = %table.name, "files could not be pruned");
        vec![true; files.len()]
    })
}

/// For each row group of a file, whether it may hold a matching row.
pub(crate) fn row_groups(
    predicate: &PruningPredicate,
    table: &Table,
    schema: &SchemaRef,
    file: &DataFile,
    footer: &Footer,
    places: &FileColumns,
) -> Vec<bool> {
    let groups = footer.metadata().row_groups();
    let statistics = GroupStatistics { table, schema, file, footer, places, groups };
    predicate.prune(&statistics).unwrap_or_else(|error| {
        tracing::debug!(%error, table = %table.name, "row groups could not be pruned");
        vec![true; groups.len()]
    })
}

/// The catalog's knowledge of many files.
struct FileStatistics<'a> {
    table: &'a Table,
    schema: &'a SchemaRef,
    files: &'a [Arc<DataFile>],
}

/// Bounds speak of values, and a column of lists has only those of the elements.
fn scalar_column(table: &Table, schema: &SchemaRef, name: &ColumnName) -> Option<usize> {
    let index = schema.index_of(name.name()).ok()?;
    table.columns.get(index).filter(|column| !column.ty.array)?;
    Some(index)
}

/// NaN is above every bound, and below it with its sign set.
fn may_have_nan(data_type: &DataType, stats: Option<&ColumnStats>) -> bool {
    data_type.is_floating() && stats.and_then(|stats| stats.contains_nan) != Some(false)
}

impl FileStatistics<'_> {
    fn bounds(&self, name: &ColumnName, end: End) -> Option<ArrayRef> {
        let index = scalar_column(self.table, self.schema, name)?;
        let id = self.table.columns.get(index)?.id;
        let data_type = self.schema.field(index).data_type();
        let key = self.identity_key(id);
        let texts = self.files.iter().map(|file| {
            let stats = file.columns.get(&id);
            if may_have_nan(data_type, stats) {
                return None;
            }
            let own = stats.and_then(|stats| if end == End::Min { stats.min.as_deref() } else { stats.max.as_deref() });
            own.or_else(|| self.partition_value(file, key?))
        });
        parse_bounds(texts, data_type, end)
    }

    /// The position of the partition key that is the column itself.
    fn identity_key(&self, column: i64) -> Option<usize> {
        let keys = &self.table.partition.as_ref()?.columns;
        keys.iter().position(|key| key.column_id == column && key.transform == Transform::Identity)
    }

    /// All values of a partition key are one, if the file was written under the table's current partition.
    fn partition_value<'f>(&self, file: &'f DataFile, key: usize) -> Option<&'f str> {
        let current = self.table.partition.as_ref()?.id;
        if file.partition_id != Some(current) {
            return None;
        }
        file.partition_values.get(key)?.as_deref()
    }
}

impl PruningStatistics for FileStatistics<'_> {
    fn min_values(&self, column: &ColumnName) -> Option<ArrayRef> {
        self.bounds(column, End::Min)
    }

    fn max_values(&self, column: &ColumnName) -> Option<ArrayRef> {
        self.bounds(column, End::Max)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &ColumnName) -> Option<ArrayRef> {
        let index = scalar_column(self.table, self.schema, column)?;
        let id = self.table.columns.get(index)?.id;
        let counts = self.files.iter().map(|file| {
            let stats = file.columns.get(&id)?;
            let nulls = stats.null_count?;
            // Counts that do not add up are not to be relied upon; DuckDB counts nothing in columns of intervals.
            (stats.value_count?.checked_add(nulls)? == file.record_count).then_some(nulls)
        });
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.files.iter().map(|file| Some(file.record_count)).collect::<UInt64Array>()))
    }

    fn contained(&self, _column: &ColumnName, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// The footer's knowledge of the row groups of one file.
struct GroupStatistics<'a> {
    table: &'a Table,
    schema: &'a SchemaRef,
    file: &'a DataFile,
    footer: &'a Footer,
    places: &'a FileColumns,
    groups: &'a [RowGroupMetaData],
}

impl GroupStatistics<'_> {
    /// The column's index in the table, its root and its only leaf in the file.
    fn leaf(&self, name: &ColumnName) -> Option<(usize, usize, usize)> {
        let index = scalar_column(self.table, self.schema, name)?;
        let root = self.places.root(index)?;
        let descriptor = self.footer.arrow.parquet_schema();
        let mut leaves = (0..descriptor.num_columns()).filter(|leaf| descriptor.get_column_root_idx(*leaf) == root);
        let leaf = leaves.next()?;
        leaves.next().is_none().then_some((index, root, leaf))
    }

    fn bounds(&self, name: &ColumnName, end: End) -> Option<ArrayRef> {
        let (index, root, leaf) = self.leaf(name)?;
        let target = self.schema.field(index).data_type();
        let id = self.table.columns.get(index)?.id;
        if may_have_nan(target, self.file.columns.get(&id)) || self.has_signed_order(leaf) {
            return None;
        }
        let field = self.footer.arrow.schema().fields().get(root)?;
        let converter = StatisticsConverter::from_column_index(leaf, field, self.footer.arrow.parquet_schema()).ok()?;
        let bounds = match end {
            End::Min => converter.row_group_mins(self.groups.iter()),
            End::Max => converter.row_group_maxes(self.groups.iter()),
        };
        Some(widened(canonical_bounds(&bounds.ok()?, target)?, end))
    }

    /// Bounds of bytes by an early writer, which compared them as signed numbers.
    fn has_signed_order(&self, leaf: usize) -> bool {
        let physical = self.footer.arrow.parquet_schema().column(leaf).physical_type();
        matches!(physical, Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY)
            && self.groups.iter().any(|group| group.column(leaf).statistics().is_some_and(|own| own.is_min_max_deprecated()))
    }
}

impl PruningStatistics for GroupStatistics<'_> {
    fn min_values(&self, column: &ColumnName) -> Option<ArrayRef> {
        self.bounds(column, End::Min)
    }

    fn max_values(&self, column: &ColumnName) -> Option<ArrayRef> {
        self.bounds(column, End::Max)
    }

    fn num_containers(&self) -> usize {
        self.groups.len()
    }

    fn null_counts(&self, column: &ColumnName) -> Option<ArrayRef> {
        let (_, _, leaf) = self.leaf(column)?;
        let counts = self.groups.iter().map(|group| group.column(leaf).statistics()?.null_count_opt());
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let counts = self.groups.iter().map(|group| u64::try_from(group.num_rows()).ok());
        let counts: UInt64Array = counts.collect();
        (counts.null_count() == 0).then(|| Arc::new(counts) as ArrayRef)
    }

    fn contained(&self, _column: &ColumnName, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
