//! The bucket transform: Murmur3 of a value in 32 bits, as Iceberg specifies it and `DuckLake` uses it.

use arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use arrow::datatypes::{DataType, Date32Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};

use crate::error::{Error, Result};
use crate::parquet::text;

/// The bucket of each value, NULL for NULL.
///
/// # Errors
/// `Unsupported` for types whose hash is not known for certain; a wrong one would hide rows from `DuckDB`.
pub(crate) fn buckets(array: &ArrayRef, count: u32) -> Result<Int32Array> {
    let hashes: Vec<Option<u32>> = match array.data_type() {
        DataType::Int16 => array.as_primitive::<Int16Type>().iter().map(|v| v.map(|v| long(v.into()))).collect(),
        DataType::Int32 => array.as_primitive::<Int32Type>().iter().map(|v| v.map(|v| long(v.into()))).collect(),
        DataType::Int64 => array.as_primitive::<Int64Type>().iter().map(|v| v.map(long)).collect(),
        DataType::Date32 => array.as_primitive::<Date32Type>().iter().map(|v| v.map(|v| long(v.into()))).collect(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            array.as_primitive::<TimestampMicrosecondType>().iter().map(|v| v.map(long)).collect()
        }
        DataType::Utf8View => array.as_string_view().iter().map(|v| v.map(|v| murmur3(v.as_bytes()))).collect(),
        DataType::FixedSizeBinary(16) => {
            let ids = array.as_fixed_size_binary();
            ids.iter().map(|v| v.map(|v| murmur3(text::uuid(v).as_bytes()))).collect()
        }
        other => {
            return Err(Error::Unsupported { what: format!("partitioning by bucket of a column of type {other}") });
        }
    };
    let count = count.max(1);
    Ok(hashes.into_iter().map(|hash| hash.and_then(|hash| i32::try_from((hash & 0x7fff_ffff) % count).ok())).collect())
}

fn long(value: i64) -> u32 {
    murmur3(&value.to_le_bytes())
}

fn murmur3(bytes: &[u8]) -> u32 {
    let scramble = |block: u32| block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash = 0_u32;
    let (blocks, rest) = bytes.as_chunks::<4>();
    for block in blocks {
        hash = (hash ^ scramble(u32::from_le_bytes(*block))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    if !rest.is_empty() {
        hash ^= scramble(rest.iter().rev().fold(0, |tail, byte| tail << 8 | u32::from(*byte)));
    }
    // Only the low bits of the length count, as in the reference implementation.
    #[expect(clippy::cast_possible_truncation, reason = "the algorithm takes the length modulo 2^32")]
    let length = bytes.len() as u32;
    hash ^= length;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use arrow::array::{Date32Array, Int32Array, StringViewArray, TimestampMicrosecondArray};

    #[test]
    fn buckets_are_those_of_duckdb() {
        // What DuckDB 1.5.5 records as partition values of bucket(16, …).
        let cases: [(ArrayRef, i32); 5] = [
            (Arc::new(Int32Array::from(vec![34])), 3),
            (Arc::new(StringViewArray::from(vec!["iceberg"])), 9),
            (Arc::new(Date32Array::from(vec![17_486])), 10),
            (Arc::new(TimestampMicrosecondArray::from(vec![1_510_871_468_000_000])), 7),
            (uuid_array("f79c3e09-677c-4bbd-a479-3f349cb785e7"), 15),
        ];
        for (array, bucket) in cases {
            assert_eq!(buckets(&array, 16).unwrap().value(0), bucket, "{}", array.data_type());
        }
    }

    fn uuid_array(text: &str) -> ArrayRef {
        let bytes = *uuid::Uuid::parse_str(text).unwrap().as_bytes();
        Arc::new(arrow::array::FixedSizeBinaryArray::try_from_iter(std::iter::once(bytes)).unwrap())
    }
}
