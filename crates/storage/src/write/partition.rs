//! Tells rows apart by the values of a table's partition keys.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{DatePart, date_part, take_record_batch};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use kura_catalog::{Table, Transform};

use crate::error::{Error, Result};
use crate::parquet::text;
use crate::write::bucket;

/// More partitions than this in one statement are a mistake, and would be as many files.
const PARTITIONS_MAX: usize = 20_000;

/// Divides batches among partitions, which are numbered in the order they turn up.
pub(crate) struct Router {
    keys: Vec<(usize, Transform)>,
    converter: Option<RowConverter>,
    numbers: HashMap<Box<[u8]>, usize>,
    values: Vec<Vec<Option<String>>>,
}

/// Rows of one partition.
pub(crate) type Share = (usize, RecordBatch);

impl Router {
    /// For the current partitioning of a table; a table without has one partition.
    pub(crate) fn new(table: &Table) -> Result<Self> {
        let columns = table.partition.as_ref().map_or(&[][..], |partition| &partition.columns);
        let position = |id: i64| table.columns.iter().position(|column| column.id == id);
        let keys = columns.iter().map(|key| {
            let column = position(key.column_id).ok_or_else(|| Error::internal("a partition key without column"))?;
            if table.columns.get(column).is_some_and(|column| column.ty.array) {
                return Err(Error::Unsupported { what: "partitioning by an array".to_owned() });
            }
            Ok((column, key.transform))
        });
        Ok(Self { keys: keys.collect::<Result<_>>()?, converter: None, numbers: HashMap::new(), values: Vec::new() })
    }

    /// The values of a partition's keys, as the catalog writes them.
    pub(crate) fn values(&self, partition: usize) -> Vec<Option<String>> {
        self.values.get(partition).cloned().unwrap_or_default()
    }

    /// Divides the rows of a batch; each share keeps their order.
    pub(crate) fn split(&mut self, batch: RecordBatch) -> Result<Vec<Share>> {
        if self.keys.is_empty() {
            return Ok(vec![(0, batch)]);
        }
        let keys = self.keys.iter().map(|(column, transform)| key(batch.column(*column), *transform)).collect::<Result<Vec<_>>>()?;
        let rows = self.number_rows(&keys)?;
        let Some(first) = rows.first().copied() else {
            return Ok(Vec::new());
        };
        if rows.iter().all(|number| *number == first) {
            return Ok(vec![(first, batch)]);
        }
        let mut indices: Vec<(usize, Vec<u32>)> = Vec::new();
        let mut places: HashMap<usize, usize> = HashMap::new();
        for (row, number) in (0_u32..).zip(rows) {
            let place = *places.entry(number).or_insert_with(|| {
                indices.push((number, Vec::new()));
                indices.len() - 1
            });
            indices[place].1.push(row);
        }
        let shares = indices.into_iter().map(|(number, rows)| {
            let share = take_record_batch(&batch, &UInt32Array::from(rows)).map_err(|error| Error::Encode(error.into()))?;
            Ok((number, share))
        });
        shares.collect()
    }

    /// The number of each row's partition.
    fn number_rows(&mut self, keys: &[ArrayRef]) -> Result<Vec<usize>> {
        let failed = |error: arrow::error::ArrowError| Error::Encode(error.into());
        let converter = match &mut self.converter {
            Some(converter) => converter,
            None => {
                let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
                self.converter.insert(RowConverter::new(fields).map_err(failed)?)
            }
        };
        let rows = converter.convert_columns(keys).map_err(failed)?;
        let mut numbers = Vec::with_capacity(rows.num_rows());
        for (index, row) in rows.iter().enumerate() {
            if let Some(number) = self.numbers.get(row.as_ref()) {
                numbers.push(*number);
                continue;
            }
            let number = self.values.len();
            if number == PARTITIONS_MAX {
                return Err(Error::Unsupported { what: format!("writing to more than {PARTITIONS_MAX} partitions at once") });
            }
            self.numbers.insert(row.as_ref().into(), number);
            self.values.push(keys.iter().map(|key| key_text(key, index)).collect::<Result<_>>()?);
            numbers.push(number);
        }
        Ok(numbers)
    }
}

/// A partition key for each row.
fn key(array: &ArrayRef, transform: Transform) -> Result<ArrayRef> {
    let part = match transform {
        Transform::Identity if matches!(array.data_type(), DataType::Binary | DataType::Interval(_)) => {
            return Err(Error::Unsupported { what: format!("partitioning by a column of type {}", array.data_type()) });
        }
        Transform::Identity => return Ok(Arc::clone(array)),
        Transform::Bucket(count) => return bucket::buckets(array, count).map(|buckets| Arc::new(buckets) as ArrayRef),
        Transform::Year => DatePart::Year,
        Transform::Month => DatePart::Month,
        Transform::Day => DatePart::Day,
        Transform::Hour => DatePart::Hour,
    };
    date_part(array, part)
        .map_err(|_| Error::Unsupported { what: format!("partitioning by {transform} of a column of type {}", array.data_type()) })
}

fn key_text(key: &ArrayRef, row: usize) -> Result<Option<String>> {
    if key.is_null(row) {
        return Ok(None);
    }
    let text = text::of(key.as_ref(), row);
    text.map(Some).ok_or_else(|| Error::Unsupported { what: format!("this value as partition key of type {}", key.data_type()) })
}
