//! From the columns a file has to the columns a table has: by field id, with defaults for columns added later, widened where a
//! column's type was, and in canonical Arrow types. Where rows are to be found again, their file and position are columns too.
//!
//! Knows nothing of filters and row groups.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Int64Type, IntervalUnit, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::scalar::ScalarValue;
use kura_catalog::Column;
use kura_pgtypes::OutputSettings;
use parquet::arrow::ProjectionMask;
use parquet::schema::types::TypePtr;

use crate::error::{Error, Result};
use crate::object::ObjectFile;
use crate::parquet::footer::Footer;
use crate::parquet::interval;
use crate::parquet::statistics::infinities_from_lake;

/// Where a file keeps each column of a table.
#[derive(Debug)]
pub(crate) struct FileColumns {
    columns: Vec<Place>,
}

/// Where a file keeps one column.
#[derive(Debug, Clone)]
enum Place {
    /// A root of the file's schema, and that of an interval's companion.
    Root { root: usize, companion: Option<usize> },
    /// Not there: every row has this value.
    Constant(ScalarValue),
    /// Not there either: the row's position, as the decoder of a numbered file counts it.
    Position,
}

/// Decoding of chosen columns of one file.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    /// What to decode.
    pub(crate) mask: ProjectionMask,
    columns: Vec<Slot>,
    schema: SchemaRef,
    /// What makes positions of the decoder's numbers.
    correction: i64,
}

#[derive(Debug, Clone)]
enum Slot {
    /// Positions in the decoded batch.
    Decoded {
        position: usize,
        companion: Option<usize>,
    },
    Constant(ScalarValue),
    /// The last column of a decoded batch.
    Position,
}

impl FileColumns {
    /// Looks the columns of a table up in a file.
    ///
    /// # Errors
    /// `Internal` for a default that is no value of its column's type.
    pub(crate) fn new(columns: &[Column], footer: &Footer) -> Result<Self> {
        let roots = footer.arrow.parquet_schema().root_schema().get_fields();
        let places = columns.iter().map(|column| place(column, roots));
        Ok(Self { columns: places.collect::<Result<_>>()? })
    }

    /// The same with two more columns behind those of the table: `file`, and each row's position.
    pub(crate) fn with_row_identity(mut self, file: i64) -> Self {
        self.columns.extend([Place::Constant(ScalarValue::Int64(Some(file))), Place::Position]);
        self
    }

    /// The root of the file's schema that holds a column.
    pub(crate) fn root(&self, column: usize) -> Option<usize> {
        match self.columns.get(column)? {
            Place::Root { root, .. } => Some(*root),
            Place::Constant(_) | Place::Position => None,
        }
    }

    /// How to decode `columns` of the table into batches of `schema`, which has one field for each of them. Positions among them
    /// need a file that is decoded with a [`Numbering`](crate::parquet::numbering::Numbering).
    pub(crate) fn adapter(&self, columns: &[usize], schema: SchemaRef, footer: &Footer) -> Adapter {
        let chosen = || columns.iter().filter_map(|column| self.columns.get(*column));
        let mut roots: Vec<usize> = chosen()
            .flat_map(|place| match place {
                Place::Root { root, companion } => [Some(*root), *companion],
                Place::Constant(_) | Place::Position => [None, None],
            })
            .flatten()
            .collect();
        roots.sort_unstable();
        roots.dedup();
        let position = |root: usize| roots.binary_search(&root).expect("all chosen roots were collected above");
        let slots = chosen()
            .map(|place| match place {
                Place::Root { root, companion } => Slot::Decoded { position: position(*root), companion: companion.map(position) },
                Place::Constant(value) => Slot::Constant(value.clone()),
                Place::Position => Slot::Position,
            })
            .collect();
        let mask = ProjectionMask::roots(footer.arrow.parquet_schema(), roots.iter().copied());
        Adapter { mask, columns: slots, schema, correction: 0 }
    }
}

fn node_id(node: &TypePtr) -> Option<i64> {
    let info = node.get_basic_info();
    info.has_id().then(|| i64::from(info.id()))
}

fn place(column: &Column, roots: &[TypePtr]) -> Result<Place> {
    let by_id = |id: i64| roots.iter().position(|node| node_id(node) == Some(id));
    if let Some(root) = by_id(column.id) {
        return Ok(Place::Root { root, companion: by_id(interval::companion_id(column.id)) });
    }
    // Files registered from elsewhere may have no ids at all; then names decide, as they do for DuckDB.
    if roots.iter().all(|node| node_id(node).is_none())
        && let Some(root) = roots.iter().position(|node| node.name() == column.name)
    {
        return Ok(Place::Root { root, companion: None });
    }
    Ok(Place::Constant(initial_value(column)?))
}

/// What rows have that were written before the column was added.
fn initial_value(column: &Column) -> Result<ScalarValue> {
    let data_type = column.ty.arrow();
    let invalid = |reason: String| Error::internal(format!("the default of column \"{}\" cannot be read: {reason}", column.name));
    let Some(text) = &column.initial_default else {
        return ScalarValue::try_from(&data_type).map_err(|error| invalid(error.to_string()));
    };
    let texts = arrow::array::StringArray::from(vec![text.as_str()]);
    let parsed =
        kura_pgtypes::decode::parse_array(&texts, column.ty, &OutputSettings::default()).map_err(|error| invalid(error.to_string()))?;
    ScalarValue::try_from_array(&parsed, 0).map_err(|error| invalid(error.to_string()))
}

impl Adapter {
    /// The same for a row group whose numbers are off by as much.
    pub(crate) fn corrected(mut self, correction: i64) -> Self {
        self.correction = correction;
        self
    }

    /// Turns a decoded batch into one of the table's columns.
    ///
    /// # Errors
    /// When a value does not fit, or a NULL is where none may be.
    pub(crate) fn adapt(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let fields = self.schema.fields();
        let arrays = self.columns.iter().zip(fields).map(|(slot, field)| self.adapt_column(slot, field.data_type(), batch));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays.collect::<Result<_, _>>()?, &options)
    }

    fn adapt_column(&self, slot: &Slot, data_type: &DataType, batch: &RecordBatch) -> Result<ArrayRef, ArrowError> {
        match slot {
            Slot::Constant(value) => value.to_array_of_size(batch.num_rows()).map_err(|error| ArrowError::ExternalError(Box::new(error))),
            Slot::Decoded { position, companion } => {
                let decoded = batch.columns().get(*position).ok_or_else(|| missing(*position))?;
                let companion = companion.and_then(|position| batch.columns().get(position));
                canonical(decoded, companion, data_type)
            }
            Slot::Position => {
                let numbers = batch.columns().last().and_then(|last| last.as_primitive_opt::<Int64Type>());
                let numbers = numbers.ok_or_else(|| ArrowError::SchemaError("rows were not numbered".to_owned()))?;
                Ok(Arc::new(numbers.unary::<_, Int64Type>(|number| number.saturating_add(self.correction))))
            }
        }
    }
}

fn missing(position: usize) -> ArrowError {
    ArrowError::SchemaError(format!("column {position} was not decoded"))
}

/// Brings a decoded array into a canonical type.
pub(crate) fn canonical(array: &ArrayRef, companion: Option<&ArrayRef>, target: &DataType) -> Result<ArrayRef, ArrowError> {
    match (array.data_type(), target) {
        (from, to) if from == to => Ok(infinities_from_lake(Arc::clone(array))),
        (DataType::List(_), DataType::List(element)) => list(array, companion, element),
        (DataType::FixedSizeBinary(interval::WIDTH), DataType::Interval(IntervalUnit::MonthDayNano)) => {
            interval::decode(array, companion.map(AsRef::as_ref))
        }
        (DataType::Null, to) => Ok(new_null_array(to, array.len())),
        (_, to) => cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() }).map(infinities_from_lake),
    }
}

fn list(array: &ArrayRef, companion: Option<&ArrayRef>, element: &Arc<Field>) -> Result<ArrayRef, ArrowError> {
    let list = array.as_list::<i32>();
    let companion = companion.and_then(|array| array.as_list_opt::<i32>()).filter(|exact| exact.offsets() == list.offsets());
    let values = canonical(list.values(), companion.map(ListArray::values), element.data_type())?;
    let rebuilt = ListArray::try_new(Arc::clone(element), list.offsets().clone(), values, list.nulls().cloned())?;
    Ok(Arc::new(rebuilt))
}

/// Bounds of a column out of row group statistics are in the file's type; this brings them into the table's.
///
/// `None` where that is not possible; then nothing is known.
pub(crate) fn canonical_bounds(bounds: &ArrayRef, target: &DataType) -> Option<ArrayRef> {
    if matches!(target, DataType::List(_) | DataType::Interval(_)) {
        return None;
    }
    canonical(bounds, None, target).ok()
}

/// The fields of `schema` at `columns`, in that order.
pub(crate) fn project(schema: &Schema, columns: &[usize]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|column| schema.field(*column).clone()).collect::<Vec<_>>()))
}

/// Checks that the file has the rows the catalog counts.
pub(crate) fn check_rows(file: &ObjectFile, footer: &Footer, expected: u64) -> Result<()> {
    if footer.rows == expected {
        return Ok(());
    }
    Err(file.corrupt(format!("it has {} rows, the catalog counts {expected}", footer.rows)))
}
