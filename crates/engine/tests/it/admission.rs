//! How many statements run and wait.

use std::time::Duration;

use kura_engine::Outcome;
use kura_pgtypes::SqlState;
use tokio_util::sync::CancellationToken;

use crate::lake::Lake;

const LONG: &str = "SELECT count(*) FROM generate_series(1, 1000000) a CROSS JOIN generate_series(1, 1000000) b WHERE a + b < 0";

#[tokio::test]
async fn the_queue_has_an_end_and_can_be_left() {
    let lake = Lake::with(|config| {
        config.max_running = 1;
        config.queue_length = 1;
    })
    .await;
    let running = lake.start(LONG, &CancellationToken::new()).await.expect("a free slot");
    let cancel = CancellationToken::new();
    let waiting = lake.start("SELECT 2", &cancel);
    let refused = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let refused = lake.failure("SELECT 3").await;
        cancel.cancel();
        refused
    };
    let (waiting, refused) = tokio::join!(waiting, refused);
    assert_eq!(refused.state, SqlState::CONFIGURATION_LIMIT_EXCEEDED);
    assert_eq!(waiting.map(|_| ()).expect_err("cancelled").state, SqlState::QUERY_CANCELED);
    // Definitions need no slot.
    lake.setup(&["CREATE TABLE t (a int)"]).await;
    let Outcome::Rows { rows, .. } = running.outcome else { panic!("rows") };
    drop(rows);
    assert_eq!(lake.lines("SELECT 4").await, ["4"]);
}
