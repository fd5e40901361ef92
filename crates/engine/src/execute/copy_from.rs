//! COPY … FROM the client or files: input in some form becomes rows of the table, all or none.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use kura_catalog::Table;
use kura_pgtypes::{OutputSettings, PgType};
use kura_sql::statement::CopyInput;

use crate::context::StatementContext;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::execute::query;
use crate::execute::table_rows::checked;

mod client;
mod convert;
mod delimited;
mod file;
mod json;

pub use client::CopyIn;
pub(crate) use client::from_client;
pub(crate) use file::from_file;

/// Rows of the input: one column per column of the table that the input has, in the input's order and the table's types.
type InputRows = BoxStream<'static, Result<RecordBatch>>;

/// What a COPY loads into.
pub(crate) struct Target {
    /// The table.
    pub(crate) table: Arc<Table>,
    /// Positions in the table of the input's columns, in the input's order.
    pub(crate) columns: Vec<usize>,
    /// Defaults for the other columns.
    pub(crate) input: CopyInput,
}

impl Target {
    /// Names and types of the input's columns.
    fn input_columns(&self) -> Vec<(String, PgType)> {
        let columns = self.columns.iter().filter_map(|position| self.table.columns.get(*position));
        columns.map(|column| (column.name.clone(), column.ty)).collect()
    }

    /// Computes the defaults, once for the whole load.
    async fn complete(self, engine: &Engine, context: &StatementContext) -> Result<Complete> {
        let mut sources: Vec<Source> = Vec::with_capacity(self.table.columns.len());
        let mut defaults = self.input.defaults.into_iter();
        for (position, column) in self.table.columns.iter().enumerate() {
            let default = defaults.next().flatten();
            sources.push(match self.columns.iter().position(|own| *own == position) {
                Some(index) => Source::Input(index),
                None => match default {
                    Some(default) => Source::Value(query::value(engine, default, context.query_id).await?),
                    None => Source::Value(ScalarValue::try_from(&column.ty.arrow())?),
                },
            });
        }
        let fields = self.table.columns.iter().map(|column| Field::new(&column.name, column.ty.arrow(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Complete { table: self.table, schema, sources, settings: context.info.settings.clone() })
    }
}

/// Where a column of the table comes from.
enum Source {
    /// A column of the input.
    Input(usize),
    /// The same value for every row.
    Value(ScalarValue),
}

/// Makes rows of the table of rows of the input.
struct Complete {
    table: Arc<Table>,
    schema: SchemaRef,
    sources: Vec<Source>,
    settings: OutputSettings,
}

impl Complete {
    /// The table's rows, checked.
    fn rows(self, input: InputRows) -> SendableRecordBatchStream {
        let Self { table, schema, sources, settings } = self;
        let outer = Arc::clone(&schema);
        let rows = input.and_then(move |batch| {
            let row = complete(&batch, &outer, &sources);
            futures::future::ready(row)
        });
        let rows = RecordBatchStreamAdapter::new(schema, rows.map_err(Error::into_datafusion));
        checked(Box::pin(rows), table, settings)
    }
}

fn complete(batch: &RecordBatch, schema: &SchemaRef, sources: &[Source]) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(sources.len());
    for (source, field) in sources.iter().zip(schema.fields()) {
        let column = match source {
            Source::Input(index) => {
                let column = batch.columns().get(*index).map(Arc::clone);
                column.ok_or_else(|| Error::internal("an input row without one of its columns"))?
            }
            Source::Value(value) if value.is_null() => new_null_array(field.data_type(), rows),
            Source::Value(value) => value.to_array_of_size(rows)?,
        };
        columns.push(if column.data_type() == field.data_type() {
            column
        } else {
            let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
            arrow::compute::cast_with_options(&column, field.data_type(), &options).map_err(datafusion::error::DataFusionError::from)?
        });
    }
    let batch = RecordBatch::try_new(Arc::clone(schema), columns);
    Ok(batch.map_err(datafusion::error::DataFusionError::from)?)
}

/// Rows behind one another.
fn one_after_another(parts: Vec<InputRows>) -> InputRows {
    futures::stream::iter(parts).flatten().boxed()
}
