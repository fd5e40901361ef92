//! `kill -9` at random moments while sessions load: what was acknowledged is there once, what was not is there whole or not at all.
//!
//! `KURA_DURABILITY_ROUNDS` (50) and `KURA_SEED` set size and course. A power cut is not simulated: the kernel keeps what was written.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kura_testkit::random::Random;
use kura_testkit::wire::Error;
use kura_testkit::{Client, Dsn, TestServer};

use crate::{clients, setting, turn};

/// Rounds on one pair of tables; then a new pair starts, so that checks stay short.
const ROUNDS_PER_PAIR: u64 = 10;

/// Sessions that write at once.
const WRITERS: u64 = 2;

/// How a batch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `INSERT INTO a VALUES ...`
    Insert,
    /// `COPY a FROM STDIN`
    Copy,
    /// `BEGIN; INSERT INTO a; COPY b; COMMIT`: in both tables or in none.
    Both,
}

/// One attempt to write `rows` rows under a number of its own.
#[derive(Clone, Debug)]
struct Batch {
    way: Way,
    rows: u64,
    acknowledged: bool,
}

type Batches = BTreeMap<u64, Batch>;

#[test]
fn acknowledged_rows_survive_kill_9() -> Result<()> {
    let _turn = turn();
    let rounds = setting("KURA_DURABILITY_ROUNDS", 50);
    let seed = setting("KURA_SEED", 20_130_101);
    println!("{rounds} rounds, KURA_SEED={seed}");
    let mut random = Random::new(seed);
    let mut server = TestServer::start()?;
    let mut pairs: Vec<Batches> = Vec::new();
    let mut slowest_start = Duration::ZERO;
    for round in 0..rounds {
        if round % ROUNDS_PER_PAIR == 0 {
            let pair = pairs.len();
            let mut client = server.client()?;
            for table in ["a", "b"] {
                client.simple(&format!("CREATE TABLE {table}{pair} (batch bigint NOT NULL, row integer NOT NULL, payload text)"))?;
            }
            pairs.push(Batches::new());
        }
        let pair = pairs.len() - 1;
        let dsn = server.dsn();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (dsn, random) = (dsn.clone(), Random::new(random.next_u64()));
                let first = (round * WRITERS + writer) * 1_000_000;
                thread::spawn(move || write_until_it_ends(&dsn, pair, first, random))
            })
            .collect();
        thread::sleep(Duration::from_millis(20 + random.below(800)));
        server.kill()?;
        for writer in writers {
            let (batches, problem) = writer.join().expect("a writer does not panic");
            if let Some(problem) = problem {
                anyhow::bail!("round {round}: {problem}\n{}", server.log_tail());
            }
            pairs[pair].extend(batches);
        }
        if random.below(4) == 0 {
            server.start_and_kill(Duration::from_millis(random.below(400)))?;
        }
        let begin = Instant::now();
        server.start_again().with_context(|| format!("round {round}"))?;
        slowest_start = slowest_start.max(begin.elapsed());
        check(&server, pair, &pairs[pair]).with_context(|| format!("round {round}, seed {seed}"))?;
        if (round + 1) % ROUNDS_PER_PAIR == 0 || round + 1 == rounds {
            check_with_duckdb(&server, pair)?;
        }
    }
    // All of it once more, after an orderly stop.
    server.stop()?;
    server.start_again()?;
    let mut acknowledged = 0;
    for (pair, batches) in pairs.iter().enumerate() {
        check(&server, pair, batches)?;
        check_with_duckdb(&server, pair)?;
        acknowledged += batches.values().filter(|batch| batch.acknowledged).count();
    }
    println!("{acknowledged} acknowledged batches survived {rounds} kills; slowest start {slowest_start:?}");
    ensure!(acknowledged as u64 >= rounds, "hardly anything was acknowledged: the test tests nothing");
    Ok(())
}

/// Writes batches until the server is gone. Returns what it tried, and an error that is not the server's end.
fn write_until_it_ends(dsn: &Dsn, pair: usize, first: u64, mut random: Random) -> (Batches, Option<String>) {
    let mut batches = Batches::new();
    let mut client = match Client::connect(dsn) {
        Ok(client) => client,
        Err(Error::Io(_)) => return (batches, None),
        Err(error) => return (batches, Some(error.to_string())),
    };
    for number in first.. {
        let way = [Way::Insert, Way::Copy, Way::Both][usize::try_from(random.below(3)).unwrap_or_default()];
        let rows = 1 + random.below(if way == Way::Insert { 20 } else { 2_000 });
        let mut batch = Batch { way, rows, acknowledged: false };
        let result = write(&mut client, pair, number, &batch);
        batch.acknowledged = result.is_ok();
        match result {
            Ok(()) => drop(batches.insert(number, batch)),
            // Refused for a conflict with the other session: rolled back, nothing may be there.
            Err(Error::Server(error)) if error.field('C') == "40001" => {
                if client.transaction_status() != 'I' && client.simple("ROLLBACK").is_err() {
                    return (batches, None);
                }
            }
            Err(Error::Server(error)) => return (batches, Some(error.to_string())),
            Err(Error::Protocol(problem)) => return (batches, Some(problem)),
            Err(Error::Io(_)) => {
                batches.insert(number, batch);
                return (batches, None);
            }
        }
    }
    (batches, None)
}

fn write(client: &mut Client, pair: usize, number: u64, batch: &Batch) -> Result<(), Error> {
    let insert = || {
        let rows: Vec<String> = (0..batch.rows).map(|row| format!("({number}, {row}, 'inserted {row}')")).collect();
        format!("INSERT INTO a{pair} VALUES {}", rows.join(", "))
    };
    let lines: Vec<String> = (0..batch.rows).map(|row| format!("{number}\t{row}\tcopied {row}\n")).collect();
    let chunks: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
    match batch.way {
        Way::Insert => client.simple(&insert()).map(drop),
        Way::Copy => client.simple_with(&format!("COPY a{pair} FROM STDIN"), &chunks).map(drop),
        Way::Both => {
            client.simple("BEGIN")?;
            client.simple(&insert())?;
            client.simple_with(&format!("COPY b{pair} FROM STDIN"), &chunks)?;
            client.simple("COMMIT").map(drop)
        }
    }
}

/// Compares both tables with what was tried.
fn check(server: &TestServer, pair: usize, batches: &Batches) -> Result<()> {
    let mut client = server.client()?;
    let a = counts(&mut client, &format!("a{pair}"))?;
    let b = counts(&mut client, &format!("b{pair}"))?;
    for number in a.keys().chain(b.keys()) {
        ensure!(batches.contains_key(number), "batch {number} is there but was refused or never sent");
    }
    for (number, batch) in batches {
        let in_a = a.get(number).copied().unwrap_or_default();
        let in_b = b.get(number).copied().unwrap_or_default();
        let whole = (batch.rows, if batch.way == Way::Both { batch.rows } else { 0 });
        if batch.acknowledged {
            ensure!((in_a, in_b) == whole, "batch {number} {batch:?} has {in_a} and {in_b} rows");
        } else {
            let nothing = (in_a, in_b) == (0, 0);
            ensure!(nothing || (in_a, in_b) == whole, "batch {number} {batch:?} is there in part: {in_a} and {in_b} rows");
        }
    }
    Ok(())
}

/// Rows by batch; an error when a row is there twice.
fn counts(client: &mut Client, table: &str) -> Result<BTreeMap<u64, u64>> {
    let rows = client.rows(&format!("SELECT batch, count(*), count(DISTINCT row), max(length(payload)) FROM {table} GROUP BY batch"))?;
    let mut counts = BTreeMap::new();
    for row in rows {
        let mut numbers = row.iter().map(|value| value.as_deref().unwrap_or_default().parse::<u64>());
        let mut next = || numbers.next().context("four columns");
        let (batch, rows, distinct) = (next()??, next()??, next()??);
        ensure!(rows == distinct, "{table}: batch {batch} has {rows} rows, {distinct} of them different");
        counts.insert(batch, rows);
    }
    Ok(counts)
}

fn check_with_duckdb(server: &TestServer, pair: usize) -> Result<()> {
    let mut client = server.client()?;
    for table in ["a", "b"] {
        let query = format!("SELECT count(*), count(DISTINCT (batch, row)), sum(length(payload)) FROM public.{table}{pair}");
        let theirs = clients::duckdb(server, &query.replace("public.", "lake.public."))?;
        let query = query.replace("DISTINCT (batch, row)", "DISTINCT batch * 100000 + row");
        let ours = client.rows(&query)?;
        let ours: Vec<Vec<String>> =
            ours.into_iter().map(|row| row.into_iter().map(|value| value.unwrap_or_else(|| "\\N".to_owned())).collect()).collect();
        ensure!(ours == theirs, "{table}{pair}: Kura counts {ours:?}, DuckDB {theirs:?}");
    }
    Ok(())
}
