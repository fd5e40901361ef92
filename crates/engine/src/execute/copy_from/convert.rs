//! Columns of Parquet files as the table's: found by name, converted as an assignment converts.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use futures::{StreamExt, TryStreamExt};
use kura_functions::SessionInfo;
use kura_functions::cast::cast;
use kura_pgtypes::{PgType, Scalar, SqlError, SqlState};

use crate::error::{Error, Result};
use crate::execute::copy_from::InputRows;

/// How one column of the table comes out of a file.
struct Conversion {
    /// The file's column.
    index: usize,
    /// The canonical Arrow type of what the file has.
    canonical: DataType,
    /// Makes the table's type of it.
    function: Option<Arc<ScalarUDF>>,
    target: DataType,
}

/// The rows of `files` (as the user named them) with the columns of the table.
///
/// # Errors
/// 42703 for a column that the file does not have, 42804 for one whose type cannot become the table's.
pub(super) fn converted(
    rows: SendableRecordBatchStream,
    columns: &[(String, PgType)],
    files: &str,
    info: &SessionInfo,
) -> Result<InputRows> {
    let given = rows.schema();
    let conversions = columns.iter().map(|(name, ty)| conversion(&given, name, *ty, files, info)).collect::<Result<Vec<_>>>()?;
    let fields = columns.iter().map(|(name, ty)| Field::new(name, ty.arrow(), true)).collect::<Vec<_>>();
    let schema = Arc::new(Schema::new(fields));
    let options = Arc::new(ConfigOptions::default());
    let rows = rows.map_err(Error::from).map(move |batch| {
        let batch = batch?;
        let columns = conversions.iter().map(|conversion| conversion.apply(&batch, &options)).collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns);
        Ok(batch.map_err(datafusion::error::DataFusionError::from)?)
    });
    Ok(rows.boxed())
}

fn conversion(given: &SchemaRef, name: &str, ty: PgType, files: &str, info: &SessionInfo) -> Result<Conversion> {
    let Ok(index) = given.index_of(name) else {
        let there: Vec<String> = given.fields().iter().take(50).map(|field| format!("\"{}\"", field.name())).collect();
        let error = SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist in file \"{files}\""));
        return Err(Error::Sql(error.detail(format!("The file has the columns {}.", there.join(", "))).hint(
            "Columns are found by name. Name those the file has: COPY table (column, ...) FROM ...; the others get their defaults.",
        )));
    };
    let file_type = given.field(index).data_type();
    let from = PgType::from_arrow(file_type);
    // A numeric column without modifier is stored as numeric(38,9); a cast to it would keep the file's own scale.
    let to = if ty.scalar == Scalar::Numeric && ty.numeric_parts().is_none() {
        PgType { array: ty.array, ..PgType::numeric(38, 9) }
    } else {
        ty
    };
    let found = cast(from, to, false, info).filter(|cast| cast.returns.arrow() == ty.arrow());
    let Some(found) = found.filter(|_| !matches!(file_type, DataType::Struct(_) | DataType::Map(..) | DataType::Union(..))) else {
        let message = format!("column \"{name}\" is of type {} but file \"{files}\" has type {}", ty.display(), shown(file_type, from));
        return Err(Error::new(SqlState::DATATYPE_MISMATCH, message));
    };
    Ok(Conversion { index, canonical: from.arrow(), function: found.function, target: ty.arrow() })
}

/// A file's type as an error names it.
fn shown(data_type: &DataType, ty: PgType) -> String {
    match data_type {
        DataType::Struct(_) => "struct".to_owned(),
        DataType::Map(..) => "map".to_owned(),
        DataType::Union(..) => "union".to_owned(),
        _ => ty.display(),
    }
}

impl Conversion {
    fn apply(&self, batch: &RecordBatch, options: &Arc<ConfigOptions>) -> Result<ArrayRef> {
        let column = batch.columns().get(self.index).ok_or_else(|| Error::internal("a file's rows without one of its columns"))?;
        let column = recast(column, &self.canonical)?;
        let Some(function) = &self.function else { return recast(&column, &self.target) };
        let rows = column.len();
        let result = function.invoke_with_args(ScalarFunctionArgs {
            args: vec![ColumnarValue::Array(column)],
            arg_fields: vec![Arc::new(Field::new("value", self.canonical.clone(), true))],
            number_rows: rows,
            return_field: Arc::new(Field::new("value", self.target.clone(), true)),
            config_options: Arc::clone(options),
        })?;
        recast(&result.into_array(rows)?, &self.target)
    }
}

/// The same values in another representation.
fn recast(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if column.data_type() == to {
        return Ok(Arc::clone(column));
    }
    let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
    Ok(arrow::compute::cast_with_options(column, to, &options).map_err(datafusion::error::DataFusionError::from)?)
}
