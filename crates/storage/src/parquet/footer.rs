//! Footers: fetched, checked against what the catalog and the file say, decoded once. Caching them is done in `storage`.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::basic::{Compression, ConvertedType, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use crate::error::{Error, Result};
use crate::object::ObjectFile;
use crate::parquet::checksum::{self, Checksums};
use crate::parquet::encode::CREATED_BY;
use crate::parquet::reader::readable;
use crate::parquet::thrift;

const MAGIC: &[u8; 4] = b"PAR1";
/// Length of the footer, and magic.
const TRAILER: u64 = 8;
/// Read from the end of a file of unknown footer size at first.
const GUESS: u64 = 64 << 10;
/// No footer is as long as this.
const FOOTER_MAX: u64 = 256 << 20;

/// The decoded metadata of one file.
#[derive(Debug)]
pub(crate) struct Footer {
    /// Metadata with the Arrow schema in which columns are decoded: strings as views, intervals as their twelve bytes.
    pub(crate) arrow: ArrowReaderMetadata,
    /// Rows in the file.
    pub(crate) rows: u64,
    /// Roots of the schema that are intervals or hold some.
    pub(crate) intervals: Vec<usize>,
    /// Of the pages, if the file has any.
    pub(crate) checksums: Option<Arc<Checksums>>,
}

impl Footer {
    /// The Parquet metadata.
    pub(crate) fn metadata(&self) -> &Arc<ParquetMetaData> {
        self.arrow.metadata()
    }

    /// What the cache accounts.
    pub(crate) fn memory_bytes(&self) -> usize {
        let checksums = self.checksums.as_ref().map_or(0, |checksums| checksums.memory_bytes());
        self.metadata().memory_size() + self.arrow.schema().fields().len() * 512 + checksums
    }
}

/// Reads the footer of a file. `footer_size` is without the trailer, 0 when not known.
///
/// # Errors
/// `Corrupt` for whatever the file has wrong; `Missing`, `Store`.
pub(crate) async fn load(file: &ObjectFile, footer_size: u64) -> Result<Footer> {
    let Encoded { bytes, has_checksum } = fetch(file, footer_size).await?;
    if !thrift::is_well_formed(&bytes) {
        return Err(file.corrupt("its footer is damaged"));
    }
    // The decoder is written for files it wrote itself; what it trips over must not end more than this statement.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(&bytes)))
        .unwrap_or_else(|_| Err(ParquetError::General("its footer makes no sense".to_owned())));
    let (arrow, intervals) = decoded.map_err(|error| file.corrupt(readable(&error)))?;
    check_codecs(file, arrow.metadata())?;
    let rows = check(arrow.metadata(), file.size).map_err(|reason| file.corrupt(reason))?;
    let checksums = checksums(arrow.metadata().file_metadata(), has_checksum).map_err(|reason| file.corrupt(reason))?;
    Ok(Footer { arrow, rows, intervals, checksums })
}

/// The checksums of the pages. Programs that copy a file's metadata into one of their own leave entries that mean nothing; only in our
/// own files they must be there, and be right.
fn checksums(metadata: &FileMetaData, has_checksum: bool) -> Result<Option<Arc<Checksums>>, &'static str> {
    if has_checksum {
        return Checksums::of(metadata).map(|own| Some(Arc::new(own))).ok_or("it has lost its checksums");
    }
    if metadata.created_by() == Some(CREATED_BY) { Err("it has lost the checksum of its footer") } else { Ok(None) }
}

/// Encoded metadata as it was found.
struct Encoded {
    /// Without trailer.
    bytes: Bytes,
    /// Whether it was compared with one.
    has_checksum: bool,
}

/// Compares the metadata, given with the trailer, with the hash in the file's head.
fn verified(file: &ObjectFile, head: &[u8], footer: &Bytes) -> Result<Encoded> {
    let bytes = footer.slice(..footer.len().saturating_sub(TRAILER as usize));
    let hash = head.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(checksum::TAG)).and_then(|hash| hash.first_chunk::<8>());
    match hash {
        None => Ok(Encoded { bytes, has_checksum: false }),
        Some(hash) if u64::from_le_bytes(*hash) == checksum::of_footer(footer) => Ok(Encoded { bytes, has_checksum: true }),
        Some(_) => Err(file.corrupt("its footer does not match its checksum")),
    }
}

/// The encoded metadata.
async fn fetch(file: &ObjectFile, footer_size: u64) -> Result<Encoded> {
    let head = 0..checksum::HEAD.min(file.size);
    let magic_end = MAGIC.len() as u64;
    let Some(end) = file.size.checked_sub(TRAILER).filter(|end| *end > magic_end) else {
        return Err(file.corrupt(format!("a file of {} bytes is no Parquet file", file.size)));
    };
    let guess = if footer_size == 0 { GUESS } else { footer_size };
    if footer_size > end - magic_end {
        return Err(file.corrupt(format!("a footer of {footer_size} bytes does not fit into {} bytes", file.size)));
    }
    let start = end.saturating_sub(guess).max(magic_end);
    let mut read = file.ranges(&[head, start..file.size]).await?.into_iter();
    let (Some(first), Some(tail)) = (read.next(), read.next()) else {
        return Err(file.corrupt("it cannot be read"));
    };
    let (encoded, trailer) = tail.split_at(tail.len() - TRAILER as usize);
    if !first.starts_with(MAGIC) || !trailer.ends_with(MAGIC) {
        return Err(file.corrupt("it does not begin and end as a Parquet file does"));
    }
    let length = u64::from(u32::from_le_bytes([trailer[0], trailer[1], trailer[2], trailer[3]]));
    if (footer_size != 0 && length != footer_size) || length > end - magic_end || length > FOOTER_MAX {
        return Err(file.corrupt(format!("its footer cannot have {length} bytes")));
    }
    if length <= encoded.len() as u64 {
        let skipped = encoded.len() - usize::try_from(length).unwrap_or(encoded.len());
        return verified(file, &first, &tail.slice(skipped..));
    }
    let whole: Vec<Bytes> = file.ranges(std::slice::from_ref(&(end - length..file.size))).await?;
    let whole = whole.into_iter().next().ok_or_else(|| file.corrupt("it cannot be read"))?;
    verified(file, &first, &whole)
}

/// The metadata, and the roots that have intervals.
fn decode(bytes: &[u8]) -> Result<(ArrowReaderMetadata, Vec<usize>), ParquetError> {
    let written = ParquetMetaDataReader::decode_schema(bytes)?.root_schema_ptr();
    let root = without_intervals(&written)?;
    let changed = root.get_fields().iter().zip(written.get_fields()).enumerate();
    let intervals = changed.filter(|(_, (new, old))| !Arc::ptr_eq(new, old)).map(|(number, _)| number).collect();
    let schema = Arc::new(SchemaDescriptor::new(root));
    let options = ParquetMetaDataOptions::new().with_schema(Arc::clone(&schema));
    let metadata = ParquetMetaDataReader::decode_metadata_with_options(bytes, Some(&options))?;
    let inferred = parquet_to_arrow_schema(&schema, None)?;
    let decoded: Vec<Field> =
        inferred.fields().iter().zip(schema.root_schema().get_fields()).map(|(field, node)| decoded_as(field, node)).collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(decoded)));
    Ok((ArrowReaderMetadata::try_new(Arc::new(metadata), options)?, intervals))
}

/// The same schema with intervals as plain bytes: the reader would keep eight of their twelve.
fn without_intervals(node: &TypePtr) -> Result<TypePtr, ParquetError> {
    let info = node.get_basic_info();
    let id = info.has_id().then(|| info.id());
    if node.is_primitive() {
        if info.converted_type() != ConvertedType::INTERVAL {
            return Ok(Arc::clone(node));
        }
        let plain = Type::primitive_type_builder(node.name(), Physical::FIXED_LEN_BYTE_ARRAY)
            .with_repetition(info.repetition())
            .with_length(12)
            .with_id(id);
        return Ok(Arc::new(plain.build()?));
    }
    let children = node.get_fields().iter().map(without_intervals).collect::<Result<Vec<_>, _>>()?;
    if children.iter().zip(node.get_fields()).all(|(new, old)| Arc::ptr_eq(new, old)) {
        return Ok(Arc::clone(node));
    }
    let mut group = Type::group_type_builder(node.name())
        .with_fields(children)
        .with_converted_type(info.converted_type())
        .with_logical_type(info.logical_type_ref().cloned())
        .with_id(id);
    if info.has_repetition() {
        group = group.with_repetition(info.repetition());
    }
    Ok(Arc::new(group.build()?))
}

/// The Arrow type a column is decoded into, where it is not the obvious one.
fn decoded_as(field: &Field, node: &TypePtr) -> Field {
    let data_type = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        // Spark's old timestamps; in nanoseconds they would end in 2262.
        DataType::Timestamp(TimeUnit::Nanosecond, None) if node.is_primitive() && node.get_physical_type() == Physical::INT96 => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        DataType::List(element) => match innermost(node) {
            Some(inner) => DataType::List(Arc::new(decoded_as(element, inner))),
            None => field.data_type().clone(),
        },
        other => other.clone(),
    };
    field.clone().with_data_type(data_type)
}

/// The element of a list in three levels; lists in older shapes are decoded as the reader likes.
fn innermost(list: &TypePtr) -> Option<&TypePtr> {
    let [repeated] = list.get_fields() else { return None };
    if repeated.is_primitive() {
        return None;
    }
    let [element] = repeated.get_fields() else { return None };
    Some(element)
}

/// Refuses what the decoder is built without.
fn check_codecs(file: &ObjectFile, metadata: &ParquetMetaData) -> Result<()> {
    let mut chunks = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let foreign = chunks.find(|chunk| matches!(chunk.compression(), Compression::BROTLI(_) | Compression::LZO));
    let Some(chunk) = foreign else { return Ok(()) };
    let codec = if chunk.compression() == Compression::LZO { "lzo" } else { "brotli" };
    Err(Error::Unsupported { what: format!("compression {codec} of file \"{}\"", file.name) })
}

/// Refuses metadata that the decoder would panic at, or that points outside of the file. Returns the number of rows.
fn check(metadata: &ParquetMetaData, file_size: u64) -> Result<u64, String> {
    let mut rows = 0_u64;
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let count = u64::try_from(group.num_rows()).map_err(|_| format!("row group {number} has {} rows", group.num_rows()))?;
        rows = rows.checked_add(count).ok_or("it has too many rows")?;
        for chunk in group.columns() {
            let range = chunk_range(chunk).ok_or_else(|| format!("row group {number} has an impossible column chunk"))?;
            if range.start < 4 || range.end > file_size {
                return Err(format!("row group {number} points outside of the file"));
            }
        }
    }
    let claimed = metadata.file_metadata().num_rows();
    if u64::try_from(claimed) != Ok(rows) {
        return Err(format!("its row groups have {rows} rows, not {claimed}"));
    }
    Ok(rows)
}

/// Where a column chunk lies; `None` where the metadata is absurd.
fn chunk_range(chunk: &ColumnChunkMetaData) -> Option<Range<u64>> {
    let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
    let start = u64::try_from(start).ok()?;
    u64::try_from(chunk.data_page_offset()).ok()?;
    u64::try_from(chunk.num_values()).ok()?;
    u64::try_from(chunk.uncompressed_size()).ok()?;
    let length = u64::try_from(chunk.compressed_size()).ok()?;
    Some(start..start.checked_add(length)?)
}
