//! Partitioned writes: which rows go together, what the catalog is told, what pruning makes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::Int64Type;
use datafusion::logical_expr::{col, lit};
use datafusion::physical_plan::displayable;
use kura_catalog::{Table, Transform};
use kura_pgtypes::{Diagnostic, PgType};
use kura_storage::write::{self, AppendOptions};

use crate::lake::{Lake, rows, scan, schema_of, stream_of};
use crate::values::{borrowed, every_type, random_rows};

const COLUMNS: [(&str, PgType); 3] = [("id", PgType::INT8), ("at", PgType::TIMESTAMP), ("kind", PgType::TEXT)];
const HOUR: i64 = 3_600_000_000;

/// One row for each hour of 2013 from `first` on; every tenth has no kind.
fn hours(first: i64, count: i64) -> RecordBatch {
    let begin = 1_356_998_400_000_000;
    let at = TimestampMicrosecondArray::from_iter_values((first..first + count).map(|hour| begin + hour * HOUR));
    let kind: StringViewArray = (first..first + count).map(|hour| (hour % 10 != 0).then(|| format!("k{}", hour % 3))).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(first..first + count)), Arc::new(at), Arc::new(kind)];
    RecordBatch::try_new(schema_of(&COLUMNS), columns).unwrap()
}

async fn partitioned(lake: &Lake, name: &str, keys: &[(&str, Transform)]) -> Arc<Table> {
    let table = lake.create(name, &COLUMNS, keys).await;
    let batches = (0..12).map(|part| hours(part * 730, 730)).collect();
    lake.append(&table, batches).await
}

fn values(table: &Table) -> BTreeSet<String> {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    table.files.iter().map(|file| file.partition_values.iter().map(shown).collect::<Vec<_>>().join("/")).collect()
}

#[tokio::test]
async fn rows_go_to_their_partitions() {
    let lake = Lake::new().await;
    let months = partitioned(&lake, "months", &[("at", Transform::Year), ("at", Transform::Month)]).await;
    assert_eq!(values(&months), (1..=12).map(|month| format!("2013/{month}")).collect());
    assert_eq!(months.files.len(), 12);
    let kinds = partitioned(&lake, "kinds", &[("kind", Transform::Identity)]).await;
    assert_eq!(values(&kinds), ["NULL", "k0", "k1", "k2"].map(str::to_owned).into());
    let days = partitioned(&lake, "days", &[("at", Transform::Day), ("at", Transform::Hour)]).await;
    assert_eq!(days.files.len(), 31 * 24);
    let buckets = partitioned(&lake, "buckets", &[("id", Transform::Bucket(8))]).await;
    assert_eq!(values(&buckets), (0..8).map(|bucket| bucket.to_string()).collect());
    for table in [&months, &kinds, &days, &buckets] {
        let read = rows(scan(&lake.storage, table, 2)).await.unwrap();
        let ids: Vec<i64> = read.column(0).as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(ids, (0..8760).collect::<Vec<_>>());
        assert_eq!(read.column(2).null_count(), 876);
    }
    let june = scan(&lake.storage, &months, 2)
        .filter(col("at").gt_eq(lit("2013-06-05 00:00:00")).and(col("at").lt(lit("2013-06-06 00:00:00"))))
        .unwrap();
    let plan = june.clone().create_physical_plan().await.unwrap();
    assert!(displayable(plan.as_ref()).one_line().to_string().contains("files=1/12"), "{}", displayable(plan.as_ref()).indent(false));
    assert_eq!(rows(june).await.unwrap().num_rows(), 24);
    let nothing = scan(&lake.storage, &kinds, 2).filter(col("kind").is_null()).unwrap();
    assert_eq!(rows(nothing).await.unwrap().num_rows(), 876);
    let one = scan(&lake.storage, &kinds, 2).filter(col("kind").eq(lit("k1"))).unwrap();
    let plan = one.create_physical_plan().await.unwrap();
    assert!(displayable(plan.as_ref()).one_line().to_string().contains("files=1/4"));
}

#[tokio::test]
async fn few_files_are_open_at_a_time() {
    let lake = Lake::new().await;
    let table = lake.create("t", &COLUMNS, &[("at", Transform::Month)]).await;
    let options = AppendOptions { memory_bytes: 1 << 14, open_files: 3, ..AppendOptions::default() };
    // The months come round again and again.
    let batches: Vec<RecordBatch> =
        (0..40).map(|part| hours(part * 219, 219)).chain((0..40).map(|part| hours(8760 + part * 219, 219))).collect();
    let files = write::append(&lake.storage, &table, stream_of(batches), &options).await.unwrap();
    assert!(files.len() >= 12, "{}", files.len());
    assert_eq!(files.iter().map(|file| file.record_count).sum::<u64>(), 17_520);
}

#[tokio::test]
async fn every_type_can_be_a_key_or_is_refused() {
    let lake = Lake::new().await;
    let columns = every_type();
    let transforms = [Transform::Identity, Transform::Year, Transform::Month, Transform::Day, Transform::Hour, Transform::Bucket(4)];
    for (name, ty) in columns.into_iter().filter(|(_, ty)| !ty.array) {
        let columns = [("id".to_owned(), PgType::INT8), ("key".to_owned(), ty)];
        let batch = random_rows(&columns, 0, 30, 3);
        for transform in transforms {
            let table = lake.create(&format!("{name}_{transform}"), &borrowed(&columns), &[("key", transform)]).await;
            let input = stream_of(vec![batch.clone()]);
            match write::append(&lake.storage, &table, input, &AppendOptions::default()).await {
                Ok(files) => {
                    assert_eq!(files.iter().map(|file| file.record_count).sum::<u64>(), 30, "{transform} of {}", ty.display());
                    assert!(files.iter().all(|file| file.partition_values.len() == 1));
                }
                Err(error) => assert_eq!(error.sqlstate().code(), "0A000", "{transform} of {}: {error}", ty.display()),
            }
        }
    }
}
