//! Values of every type come back as they went in.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::TimestampMicrosecondType;
use kura_pgtypes::{OutputSettings, PgType};

use crate::lake::{Lake, rows, scan, schema_of};
use crate::values::{borrowed, every_type, random_rows};

#[tokio::test]
async fn every_type_comes_back() {
    let lake = Lake::new().await;
    let columns = every_type();
    let table = lake.create("t", &borrowed(&columns), &[]).await;
    for seed in 0..6 {
        let batch = random_rows(&columns, 0, 300, seed);
        let own = lake.append(&table, vec![batch.clone()]).await;
        let last = own.files.last().expect("a file");
        let mut only = own.as_ref().clone();
        only.files = Arc::new(vec![Arc::clone(last)]);
        let only = Arc::new(only);
        let read = rows(scan(&lake.storage, &only, 2)).await.expect("rows");
        for (index, (name, ty)) in columns.iter().enumerate() {
            assert_eq!(read.column(index), batch.column(index), "{name} {}", ty.display());
        }
    }
}

#[tokio::test]
async fn statistics_are_in_the_text_of_duckdb() {
    let lake = Lake::new().await;
    let columns = every_type();
    let table = lake.create("t", &borrowed(&columns), &[]).await;
    let table = lake.append(&table, vec![random_rows(&columns, 10, 300, 1)]).await;
    let file = &table.files[0];
    assert_eq!(file.record_count, 300);
    for column in &table.columns {
        let stats = file.columns.get(&column.leaf_id()).unwrap_or_else(|| panic!("no statistics of {}", column.name));
        if !column.ty.array {
            assert_eq!(stats.value_count.unwrap() + stats.null_count.unwrap(), 300, "{}", column.name);
        }
    }
    let id = &file.columns[&table.columns[0].id];
    assert_eq!((id.min.as_deref(), id.max.as_deref()), (Some("10"), Some("309")));
}

/// Other programs read minus infinity as another number than PostgreSQL; inside of arrays too.
#[tokio::test]
async fn infinities_are_those_of_the_lake() {
    let lake = Lake::new().await;
    let columns = [("id".to_owned(), PgType::INT8), ("at".to_owned(), PgType::TIMESTAMP.array_of())];
    let table = lake.create("t", &borrowed(&columns), &[]).await;
    let texts = StringArray::from(vec!["{-infinity,infinity,\"2013-01-01 00:00:00\"}"]);
    let at = kura_pgtypes::decode::parse_array(&texts, columns[1].1, &OutputSettings::default()).unwrap();
    let batch = RecordBatch::try_new(schema_of(&borrowed(&columns)), vec![Arc::new(Int64Array::from(vec![1])), at]).unwrap();
    let table = lake.append(&table, vec![batch.clone()]).await;
    let file = std::fs::File::open(lake.storage.root().join(&table.files[0].path)).unwrap();
    let mut plain = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(file, 10).unwrap();
    let stored = plain.next().unwrap().unwrap();
    let stored = stored.column(1).as_list::<i32>().values().as_primitive::<TimestampMicrosecondType>().values().to_vec();
    assert_eq!(stored, [-i64::MAX, i64::MAX, 1_356_998_400_000_000]);
    assert_eq!(rows(scan(&lake.storage, &table, 1)).await.unwrap().columns(), batch.columns());
}
