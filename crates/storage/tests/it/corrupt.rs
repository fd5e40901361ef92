//! Damaged files: the error says so and names the file, or the rows are right all the same. Never a panic, never other rows.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::logical_expr::{col, lit};
use kura_catalog::Table;
use kura_pgtypes::Diagnostic;
use kura_storage::external::{self, FileAccess};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::lake::{Lake, client_error, rows, scan};
use crate::values::{borrowed, every_type, random_rows};

struct Victim {
    lake: Lake,
    table: Arc<Table>,
    path: PathBuf,
    intact: Vec<u8>,
    rows: RecordBatch,
}

impl Victim {
    async fn new() -> Self {
        let lake = Lake::new().await;
        let columns = every_type();
        let rows = random_rows(&columns, 0, 60, 5);
        let table = lake.create("t", &borrowed(&columns), &[]).await;
        let table = lake.append(&table, vec![rows.clone()]).await;
        let path = lake.storage.root().join(&table.files[0].path);
        let intact = std::fs::read(&path).expect("the file");
        Self { lake, table, path, intact, rows }
    }

    /// Scans the file with these contents; true when the rows came out unharmed.
    async fn survives(&self, contents: &[u8], what: &str) -> bool {
        std::fs::write(&self.path, contents).expect("another file");
        let storage = self.lake.reopened();
        let all = rows(scan(&storage, &self.table, 1)).await;
        let some = rows(scan(&storage, &self.table, 1).filter(col("id").gt_eq(lit(30_i64))).expect("a filter")).await;
        if let Ok(some) = &some {
            assert_eq!(some.columns(), self.rows.slice(30, 30).columns(), "{what}");
        }
        match all {
            Ok(all) => {
                assert_eq!(all.columns(), self.rows.columns(), "{what}");
                true
            }
            Err(error) => {
                let error = client_error(&error);
                assert_eq!(error.state.code(), "XX001", "{what}: {error}");
                assert!(error.message.contains(&self.table.files[0].path), "{what}: {error}");
                false
            }
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_is_noticed() {
    let victim = Victim::new().await;
    assert!(victim.survives(&victim.intact, "intact").await);
    let mut rng = StdRng::seed_from_u64(20_130_101);
    let mut unharmed = 0;
    for round in 0..1000 {
        let mut damaged = victim.intact.clone();
        // The ends are few bytes of many and worth more attention.
        let position = match round % 4 {
            0 => rng.random_range(0..24.min(damaged.len())),
            1 => damaged.len() - 1 - rng.random_range(0..64),
            _ => rng.random_range(0..damaged.len()),
        };
        damaged[position] ^= 1 << rng.random_range(0..8);
        unharmed += usize::from(victim.survives(&damaged, &format!("byte {position}")).await);
    }
    assert_eq!(unharmed, 0, "every byte is covered by a checksum");
}

#[tokio::test]
async fn a_truncated_file_is_noticed() {
    let victim = Victim::new().await;
    let length = victim.intact.len();
    let ends = (0..32).chain(length - 300..length).chain((0..length).step_by(211));
    for end in ends {
        assert!(!victim.survives(&victim.intact[..end], &format!("the first {end} bytes")).await);
    }
    // More than was written is not looked at.
    let mut longer = victim.intact.clone();
    longer.extend_from_slice(b"rubbish");
    assert!(victim.survives(&longer, "a longer file").await);
}

#[tokio::test]
async fn rubbish_is_noticed() {
    let victim = Victim::new().await;
    let mut rng = StdRng::seed_from_u64(7);
    for round in 0..60 {
        let mut damaged = victim.intact.clone();
        let start = rng.random_range(0..damaged.len());
        let end = rng.random_range(start..damaged.len()).min(start + 4096) + 1;
        match round % 3 {
            0 => damaged[start..end].fill(0),
            1 => rng.fill(&mut damaged[start..end]),
            _ => damaged.rotate_left(start.max(1)),
        }
        if damaged != victim.intact {
            assert!(!victim.survives(&damaged, &format!("rubbish in {start}..{end}, round {round}")).await);
        }
    }
}

/// Files of others have no checksums: damage may go unnoticed in values, but never ends more than the statement.
#[tokio::test]
async fn foreign_files_never_panic() {
    let lake = Lake::new().await;
    let columns = every_type();
    let batch = random_rows(&columns, 0, 60, 5);
    let path = lake.scratch().canonicalize().expect("a directory").join("foreign.parquet");
    let file = std::fs::File::create(&path).expect("a file");
    // Arrow's own writer has no intervals of this kind.
    let kept: Vec<usize> =
        (0..columns.len()).filter(|index| !format!("{}", batch.column(*index).data_type()).contains("Interval")).collect();
    let batch = batch.project(&kept).expect("columns");
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.close().expect("a file");
    let intact = std::fs::read(&path).expect("the file");
    let access = FileAccess::new(vec![lake.scratch().to_owned()]);
    let shown = path.display().to_string();
    let mut rng = StdRng::seed_from_u64(99);
    for round in 0..1500 {
        let mut damaged = intact.clone();
        for _ in 0..rng.random_range(1..4) {
            let position = rng.random_range(0..damaged.len());
            damaged[position] = rng.random();
        }
        if round % 5 == 0 {
            damaged.truncate(rng.random_range(0..damaged.len()));
        }
        std::fs::write(&path, &damaged).expect("another file");
        let code = match external::read_parquet(&access, &shown).await {
            Ok(mut stream) => loop {
                match futures::StreamExt::next(&mut stream).await {
                    None => break None,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break Some(client_error(&error).state.code()),
                }
            },
            Err(error) => {
                assert!(error.to_string().contains("foreign.parquet"), "{error}");
                Some(error.sqlstate().code())
            }
        };
        assert!(matches!(code, None | Some("22P04" | "0A000")), "round {round}: {code:?}");
    }
}
