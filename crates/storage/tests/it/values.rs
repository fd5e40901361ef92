//! Random columns of every type, by seed.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray, RecordBatch, StringViewArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, IntervalMonthDayNano};
use kura_pgtypes::{PgType, Scalar};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::lake::schema_of;

/// One column of each type, and of each type's arrays; the first is `id`.
pub(crate) fn every_type() -> Vec<(String, PgType)> {
    let scalars = [
        PgType::BOOL,
        PgType::INT2,
        PgType::INT4,
        PgType::INT8,
        PgType::FLOAT4,
        PgType::FLOAT8,
        PgType::numeric(1, 0),
        PgType::numeric(9, 2),
        PgType::numeric(18, 18),
        PgType::numeric(38, 10),
        PgType::NUMERIC,
        PgType::TEXT,
        PgType::varchar(20),
        PgType::BYTEA,
        PgType::DATE,
        PgType::TIME,
        PgType::TIMESTAMP,
        PgType::TIMESTAMPTZ,
        PgType::INTERVAL,
        PgType::UUID,
        PgType::JSON,
        PgType::JSONB,
        PgType::OID,
    ];
    let mut columns = vec![("id".to_owned(), PgType::INT8)];
    columns.extend(scalars.iter().enumerate().map(|(number, ty)| (format!("c{number}"), *ty)));
    columns.extend(scalars.iter().enumerate().map(|(number, ty)| (format!("a{number}"), ty.array_of())));
    columns
}

pub(crate) fn borrowed(columns: &[(String, PgType)]) -> Vec<(&str, PgType)> {
    columns.iter().map(|(name, ty)| (name.as_str(), *ty)).collect()
}

/// `rows` random rows, of which the first column counts up from `first`.
pub(crate) fn random_rows(columns: &[(String, PgType)], first: i64, rows: usize, seed: u64) -> RecordBatch {
    let mut rng = StdRng::seed_from_u64(seed);
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + rows as i64));
    let others = columns[1..].iter().map(|(_, ty)| random(*ty, rows, &mut rng));
    let arrays = std::iter::once(ids).chain(others).collect();
    RecordBatch::try_new(schema_of(&borrowed(columns)), arrays).expect("columns fit their schema")
}

fn random(ty: PgType, rows: usize, rng: &mut StdRng) -> ArrayRef {
    let Some(element) = ty.element() else {
        return scalars(ty, rows, rng);
    };
    let lengths: Vec<usize> = (0..rows).map(|_| rng.random_range(0..4)).collect();
    let values = scalars(element, lengths.iter().sum(), rng);
    let nulls: NullBuffer = lengths.iter().map(|length| *length != 3).collect();
    let field = Arc::new(Field::new_list_field(element.arrow(), true));
    Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), values, Some(nulls)))
}

fn some<T>(rows: usize, rng: &mut StdRng, mut value: impl FnMut(&mut StdRng) -> T) -> Vec<Option<T>> {
    // Whole columns of NULLs, and none at all, are worth being met.
    let share = [0.0, 0.2, 1.0][rng.random_range(0..10_usize).min(1) + usize::from(rng.random_bool(0.05))];
    (0..rows).map(|_| (!rng.random_bool(share)).then(|| value(rng))).collect()
}

fn edge(rng: &mut StdRng, low: i64, high: i64) -> i64 {
    match rng.random_range(0..8) {
        0 => low,
        1 => high,
        2..=4 => rng.random_range(-5..=5_i64).clamp(low, high),
        _ => rng.random_range(low..=high),
    }
}

fn float(rng: &mut StdRng) -> f64 {
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MIN_POSITIVE, f64::MAX, 1.5];
    if rng.random_bool(0.3) { special[rng.random_range(0..special.len())] } else { rng.random_range(-1e6..1e6) }
}

fn text(rng: &mut StdRng) -> String {
    let letters = ['a', 'b', 'Z', ' ', 'é', '漢', '\n', '"', '\u{10ffff}'];
    let length = if rng.random_bool(0.02) { 400 } else { rng.random_range(0..16) };
    (0..length).map(|_| letters[rng.random_range(0..letters.len())]).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "the range is that of the type")]
fn scalars(ty: PgType, rows: usize, rng: &mut StdRng) -> ArrayRef {
    match ty.arrow() {
        DataType::Boolean => Arc::new(BooleanArray::from(some(rows, rng, |rng| rng.random_bool(0.5)))),
        DataType::Int16 => Arc::new(Int16Array::from(some(rows, rng, |rng| edge(rng, -32_768, 32_767) as i16))),
        DataType::Int32 => Arc::new(Int32Array::from(some(rows, rng, |rng| edge(rng, i32::MIN.into(), i32::MAX.into()) as i32))),
        DataType::Int64 => Arc::new(Int64Array::from(some(rows, rng, |rng| edge(rng, i64::MIN, i64::MAX)))),
        DataType::UInt32 => Arc::new(UInt32Array::from(some(rows, rng, |rng| rng.random::<u32>()))),
        DataType::Float32 => Arc::new(Float32Array::from(some(rows, rng, |rng| float(rng) as f32))),
        DataType::Float64 => Arc::new(Float64Array::from(some(rows, rng, float))),
        DataType::Decimal128(precision, scale) => {
            let most = 10_i128.pow(precision.into()) - 1;
            let values = some(rows, rng, |rng| rng.random_range(-most..=most) >> rng.random_range(0..60));
            Arc::new(Decimal128Array::from(values).with_precision_and_scale(precision, scale).expect("a decimal"))
        }
        DataType::Utf8View if matches!(ty.scalar, Scalar::Json | Scalar::Jsonb) => {
            Arc::new(StringViewArray::from(some(rows, rng, |rng| format!("{{\"n\": {}}}", rng.random::<u8>()))))
        }
        DataType::Utf8View => Arc::new(StringViewArray::from(some(rows, rng, text))),
        DataType::Binary => {
            let values = some(rows, rng, |rng| (0..rng.random_range(0..9)).map(|_| rng.random()).collect::<Vec<u8>>());
            Arc::new(values.iter().map(Option::as_deref).collect::<BinaryArray>())
        }
        DataType::Date32 => {
            // Years 1 to 9999, and the infinities.
            let infinite = |rng: &mut StdRng| [i32::MIN, i32::MAX][rng.random_range(0..2_usize)];
            let day = |rng: &mut StdRng| {
                if rng.random_bool(0.1) { infinite(rng) } else { edge(rng, -719_162, 2_932_896) as i32 }
            };
            Arc::new(Date32Array::from(some(rows, rng, day)))
        }
        DataType::Time64(_) => Arc::new(Time64MicrosecondArray::from(some(rows, rng, |rng| edge(rng, 0, 86_399_999_999)))),
        DataType::Timestamp(_, zone) => {
            let infinite = |rng: &mut StdRng| [i64::MIN, i64::MAX][rng.random_range(0..2_usize)];
            let (first, last) = (-62_135_596_800_000_000, 253_402_300_799_999_999);
            let instant = |rng: &mut StdRng| {
                if rng.random_bool(0.1) { infinite(rng) } else { edge(rng, first, last) }
            };
            Arc::new(TimestampMicrosecondArray::from(some(rows, rng, instant)).with_timezone_opt(zone))
        }
        DataType::Interval(_) => {
            let value = |rng: &mut StdRng| {
                IntervalMonthDayNano::new(edge(rng, -400, 400) as i32, edge(rng, -400, 400) as i32, edge(rng, -1 << 50, 1 << 50) * 1000)
            };
            Arc::new(IntervalMonthDayNanoArray::from(some(rows, rng, value)))
        }
        DataType::FixedSizeBinary(16) => {
            let values = some(rows, rng, |rng| rng.random::<[u8; 16]>());
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.into_iter(), 16).expect("identifiers"))
        }
        other => panic!("no values of type {other}"),
    }
}
