//! Rows per second between columns and the bytes clients see: what a SELECT sends, and what a COPY takes in once lines are cut up.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kura_benches::{BATCH_ROWS, COLUMNS, batch};
use kura_pgtypes::encode::{RowEncoder, text_array};
use kura_pgtypes::{Format, OutputSettings, PgType, decode};

fn encode(criterion: &mut Criterion) {
    let rows = batch(0);
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(BATCH_ROWS as u64));
    for (name, format) in [("text rows", Format::Text), ("binary rows", Format::Binary)] {
        let columns = COLUMNS.iter().map(|(_, ty)| (*ty, format)).collect();
        let encoder = RowEncoder::new(columns, OutputSettings::default());
        let mut out = bytes::BytesMut::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                encoder.encode(&rows, 0..BATCH_ROWS, &mut out).expect("rows");
                out.len()
            });
        });
    }
    group.finish();
}

fn parse(criterion: &mut Criterion) {
    let rows = batch(0);
    let settings = OutputSettings::default();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(BATCH_ROWS as u64));
    for (index, (_, ty)) in COLUMNS.iter().enumerate() {
        let texts = text_array(rows.column(index), *ty, &settings).expect("texts");
        if *ty == PgType::TEXT && index > 1 {
            continue;
        }
        group.bench_function(ty.name(), |bencher| {
            bencher.iter(|| decode::parse_array(&texts, *ty, &settings).expect("values"));
        });
    }
    group.finish();
}

criterion_group!(benches, encode, parse);
criterion_main!(benches);
