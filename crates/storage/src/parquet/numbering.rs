//! Positions of rows in their file, as the decoder counts them: it alone knows which rows it skipped for a selection or a filter.
//!
//! Costs a column of numbers in every batch, so files are numbered only for who asks.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use parquet::arrow::RowNumber;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use crate::error::Result;
use crate::object::ObjectFile;
use crate::parquet::footer::Footer;
use crate::parquet::reader::readable;

/// How one file is decoded with numbers.
#[derive(Debug)]
pub(crate) struct Numbering {
    /// The footer's, with one more root at the end that is not in the file: every batch then ends with the numbers of its rows,
    /// whatever columns it has besides.
    pub(crate) metadata: ArrowReaderMetadata,
    corrections: Vec<i64>,
}

impl Numbering {
    /// For a file of that footer.
    ///
    /// # Errors
    /// `Corrupt` where the decoder finds something in the footer that it let pass before.
    pub(crate) fn new(file: &ObjectFile, footer: &Footer) -> Result<Self> {
        let metadata = numbered(footer.metadata(), footer.arrow.schema()).map_err(|error| file.corrupt(readable(&error)))?;
        let corrections = corrections(metadata.metadata().row_groups());
        Ok(Self { metadata, corrections })
    }

    /// What makes positions of the numbers of a row group when it is added.
    pub(crate) fn correction(&self, row_group: usize) -> i64 {
        self.corrections.get(row_group).copied().unwrap_or(0)
    }
}

fn numbered(metadata: &Arc<ParquetMetaData>, schema: &SchemaRef) -> Result<ArrowReaderMetadata, ParquetError> {
    let number = Field::new("row number", DataType::Int64, false).with_extension_type(RowNumber);
    let options = ArrowReaderOptions::new().with_schema(Arc::clone(schema)).with_virtual_columns(vec![Arc::new(number)])?;
    ArrowReaderMetadata::try_new(Arc::clone(metadata), options)
}

/// The corrections of all row groups.
///
/// The decoder takes a row group for the last one that has the same ordinal. These are optional, and nothing else goes by them; where
/// another program has written nonsense, its numbers are off by as many rows as lie between the two.
fn corrections(groups: &[RowGroupMetaData]) -> Vec<i64> {
    let mut taken = HashMap::new();
    let mut starts = Vec::with_capacity(groups.len());
    let mut start = 0_i64;
    for group in groups {
        starts.push(start);
        taken.insert(group.ordinal(), start);
        start = start.saturating_add(group.num_rows());
    }
    groups.iter().zip(starts).map(|(group, start)| start - taken.get(&group.ordinal()).copied().unwrap_or(start)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
    use arrow::datatypes::Int64Type;
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection, RowSelector};

    /// Three row groups of 10 rows that count up.
    fn file() -> Bytes {
        let mut writer: Option<ArrowWriter<Vec<u8>>> = None;
        for group in 0..3 {
            let values: ArrayRef = Arc::new(Int64Array::from_iter_values(group * 10..group * 10 + 10));
            let batch = RecordBatch::try_from_iter([("value", values)]).unwrap();
            let writer = writer.get_or_insert_with(|| ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap());
            writer.write(&batch).unwrap();
            writer.flush().unwrap();
        }
        Bytes::from(writer.unwrap().into_inner().unwrap())
    }

    /// The same metadata with these ordinals.
    fn renumbered(metadata: &ParquetMetaData, ordinals: [i16; 3]) -> Arc<ParquetMetaData> {
        let groups = metadata.row_groups().iter().zip(ordinals);
        let groups = groups.map(|(group, ordinal)| group.clone().into_builder().set_ordinal(ordinal).build().unwrap());
        Arc::new(ParquetMetaData::new(metadata.file_metadata().clone(), groups.collect()))
    }

    #[test]
    fn ordinals_do_not_matter() {
        let file = file();
        let written = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).unwrap();
        for ordinals in [[0, 1, 2], [7, 6, 9], [0, 0, 0], [5, 3, 5], [2, 1, 0]] {
            let metadata = renumbered(written.metadata(), ordinals);
            let corrections = corrections(metadata.row_groups());
            let numbered = numbered(&metadata, written.schema()).unwrap();
            for (row_group, correction) in corrections.into_iter().enumerate() {
                let selection = vec![RowSelector::skip(3), RowSelector::select(4), RowSelector::skip(3)];
                let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), numbered.clone())
                    .with_row_groups(vec![row_group])
                    .with_row_selection(RowSelection::from(selection));
                for batch in reader.build().unwrap() {
                    let batch = batch.unwrap();
                    let [values, numbers] = [0, 1].map(|column| batch.column(column).as_primitive::<Int64Type>().values().to_vec());
                    assert_eq!(numbers.iter().map(|number| number + correction).collect::<Vec<_>>(), values, "{ordinals:?}");
                    assert_eq!(values.len(), 4);
                }
            }
        }
        assert!(corrections(&[]).is_empty());
    }
}
