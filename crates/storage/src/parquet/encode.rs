//! Rows to column chunks: the CPU's part of writing Parquet. Blocks; touches no file but the one it is given.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use kura_catalog::ColumnStats;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::parquet::layout::{Layout, Leaf};
use crate::parquet::statistics::Gathered;

/// Rows of a full row group. It is what one partition of a scan holds in memory at a time and skips at a time, so it is near the
/// lower end of what is usual (`DuckDB`: 122,880), and a multiple of the engine's batch.
pub(crate) const ROW_GROUP_ROWS: usize = 1 << 17;
/// Bytes of rows in memory after which a row group is closed with fewer.
pub(crate) const ROW_GROUP_BYTES: usize = 128 << 20;

/// Bytes of a page before compression: what a scan holds of each column, several times over while it decodes.
const PAGE_BYTES: usize = 256 << 10;
/// Bytes of a dictionary, which a scan holds as long as the row group; columns of more different values do without.
const DICTIONARY_BYTES: usize = 512 << 10;

/// The program that wrote a file, as its footer says.
pub(crate) const CREATED_BY: &str = "kura";

/// Statistics by chunk, dictionaries; zstd at its fastest level, which the disk and the bucket are paid by and which decodes about as
/// fast as anything with its ratio. No page indexes: nothing here reads them, and checksums do not cover what follows the pages.
fn properties() -> WriterPropertiesBuilder {
    let compression = ZstdLevel::try_new(1).map_or(Compression::SNAPPY, Compression::ZSTD);
    WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(compression)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
}

static PROPERTIES: LazyLock<WriterPropertiesPtr> = LazyLock::new(|| Arc::new(properties().build()));

/// Encodes row groups of one layout, on any number of threads at once.
pub(crate) struct Encoder {
    layout: Layout,
    leaves: Vec<Leaf>,
    factory: ArrowRowGroupWriterFactory,
    properties: WriterPropertiesPtr,
}

/// An encoded row group, to be appended to a file.
pub(crate) struct RowGroup {
    chunks: Vec<ArrowColumnChunk>,
    gathered: Vec<Gathered>,
    rows: u64,
}

impl Encoder {
    /// For files of that layout.
    pub(crate) fn new(layout: Layout) -> Result<Self> {
        Self::with_properties(layout, Arc::clone(&PROPERTIES))
    }

    /// For files of that layout in which one column has ascending integers: their differences are stored, in a byte or so each.
    pub(crate) fn ascending(layout: Layout, column: &str) -> Result<Self> {
        let column = ColumnPath::from(column);
        let properties =
            properties().set_column_dictionary_enabled(column.clone(), false).set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
        Self::with_properties(layout, Arc::new(properties.build()))
    }

    fn with_properties(layout: Layout, properties: WriterPropertiesPtr) -> Result<Self> {
        // The factory wants a writer only for its schema and properties, which all files share.
        let template = SerializedFileWriter::new(std::io::sink(), Arc::clone(&layout.parquet), Arc::clone(&properties));
        let factory = ArrowRowGroupWriterFactory::new(&template.map_err(Error::Encode)?, Arc::clone(&layout.arrow));
        let leaves = layout.leaves();
        Ok(Self { layout, leaves, factory, properties })
    }

    /// The leaves of a file in order.
    pub(crate) fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// Begins a file.
    pub(crate) fn file<W: Write + Send>(&self, sink: W) -> Result<SerializedFileWriter<W>> {
        SerializedFileWriter::new(sink, Arc::clone(&self.layout.parquet), Arc::clone(&self.properties)).map_err(Error::Encode)
    }

    /// Encodes all rows of `batches` as one row group, columns in parallel. Columns are in the layout's order.
    pub(crate) fn encode(&self, batches: &[RecordBatch]) -> Result<RowGroup> {
        if let Some(odd) = batches.iter().find(|batch| batch.num_columns() != self.layout.len()) {
            return Err(Error::internal(format!("{} columns were given for {}", odd.num_columns(), self.layout.len())));
        }
        let mut writers = self.factory.create_column_writers(0).map_err(Error::Encode)?.into_iter();
        let mut tasks = Vec::with_capacity(self.layout.len());
        let mut leaf = 0;
        for column in 0..self.layout.len() {
            let width = self.layout.width(column);
            tasks.push((column, leaf, writers.by_ref().take(width).collect::<Vec<_>>()));
            leaf += width;
        }
        let encoded = tasks
            .into_par_iter()
            .map(|(column, leaf, writers)| self.encode_column(column, leaf, writers, batches))
            .collect::<Result<Vec<_>>>()?;
        let (chunks, gathered): (Vec<_>, Vec<_>) = encoded.into_iter().unzip();
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        Ok(RowGroup { chunks: chunks.into_iter().flatten().collect(), gathered: gathered.into_iter().flatten().collect(), rows })
    }

    fn encode_column(
        &self,
        column: usize,
        leaf: usize,
        mut writers: Vec<ArrowColumnWriter>,
        batches: &[RecordBatch],
    ) -> Result<(Vec<ArrowColumnChunk>, Vec<Gathered>)> {
        let mut gathered = vec![Gathered::default(); writers.len()];
        for batch in batches {
            let array = batch.column(column);
            if let (Some(own), true) = (gathered.first_mut(), self.leaves[leaf].id.is_some()) {
                own.merge(gather(array));
            }
            for (offset, stored) in self.layout.store(column, array)?.iter().enumerate() {
                let field = self.layout.arrow.field(leaf + offset);
                let writer = writers.get_mut(offset).ok_or_else(|| Error::internal("a column has too few writers"))?;
                write(writer, field, stored).map_err(Error::Encode)?;
            }
        }
        let chunks = writers.into_iter().map(ArrowColumnWriter::close).collect::<Result<Vec<_>, _>>().map_err(Error::Encode)?;
        Ok((chunks, gathered))
    }
}

fn write(writer: &mut ArrowColumnWriter, field: &arrow::datatypes::Field, array: &ArrayRef) -> Result<(), ParquetError> {
    compute_leaves(field, array)?.iter().try_for_each(|leaf| writer.write(leaf))
}

/// What an array of a canonical type, or the elements of a list, add to the statistics.
fn gather(array: &ArrayRef) -> Gathered {
    let Some(list) = array.as_list_opt::<i32>() else {
        return Gathered::of(array);
    };
    let offsets = list.value_offsets();
    let (first, last) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
    let start = usize::try_from(first).unwrap_or(0);
    let length = usize::try_from(last - first).unwrap_or(0);
    Gathered::of(list.values().slice(start, length).as_ref())
}

/// Statistics of a file as it grows, in the order of its leaves.
#[derive(Debug, Default)]
pub(crate) struct FileStatistics {
    /// Rows so far.
    pub(crate) rows: u64,
    leaves: Vec<LeafStatistics>,
}

#[derive(Debug, Default, Clone)]
struct LeafStatistics {
    gathered: Gathered,
    values: u64,
    nulls: u64,
    bytes: u64,
}

impl RowGroup {
    /// Appends the row group to a file and its statistics to the file's.
    pub(crate) fn append_to<W: Write + Send>(self, file: &mut SerializedFileWriter<W>, statistics: &mut FileStatistics) -> Result<()> {
        statistics.leaves.resize(self.chunks.len(), LeafStatistics::default());
        let mut group = file.next_row_group().map_err(Error::Encode)?;
        for ((chunk, gathered), leaf) in self.chunks.into_iter().zip(self.gathered).zip(&mut statistics.leaves) {
            let metadata = &chunk.close().metadata;
            let nulls = metadata.statistics().and_then(parquet::file::statistics::Statistics::null_count_opt).unwrap_or(0);
            let slots = u64::try_from(metadata.num_values()).unwrap_or(0);
            leaf.values += slots.saturating_sub(nulls);
            leaf.nulls += nulls;
            leaf.bytes += u64::try_from(metadata.compressed_size()).unwrap_or(0);
            leaf.gathered.merge(gathered);
            chunk.append_to_row_group(&mut group).map_err(Error::Encode)?;
        }
        group.close().map_err(Error::Encode)?;
        statistics.rows += self.rows;
        Ok(())
    }
}

impl FileStatistics {
    /// The catalog's form, by field id. `leaves` are the encoder's.
    pub(crate) fn into_columns(self, leaves: &[Leaf]) -> std::collections::HashMap<i64, ColumnStats> {
        let named = self.leaves.into_iter().zip(leaves);
        named
            .filter_map(|(own, leaf)| Some((leaf.id?, own.gathered.into_stats(&leaf.data_type, own.values, own.nulls, own.bytes))))
            .collect()
    }
}
