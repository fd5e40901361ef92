//! A bank under fire: eight sessions move money between tables while the tables are swapped and altered, and the server is killed again and
//! again. Money is neither made nor lost, and every acknowledged transfer is in the books once.
//!
//! `KURA_BANK_ROUNDS` (10; 200 for a long run) and `KURA_SEED` set size and course.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kura_testkit::random::Random;
use kura_testkit::server::is_optimised;
use kura_testkit::wire::Error;
use kura_testkit::{Client, Dsn, TestServer};

use crate::{clients, setting, turn};

/// Tables of accounts.
const BRANCHES: u64 = 3;
/// Accounts of each.
const ACCOUNTS: u64 = 40;
/// What each account begins with.
const DEPOSIT: i64 = 1_000;
/// Sessions that move money; one more changes tables.
const CLERKS: u64 = 7;

/// What became of a transfer as far as its session knows.
#[derive(Debug, Default)]
struct Books {
    /// Committed and acknowledged.
    acknowledged: BTreeSet<u64>,
    /// Sent, and the server was gone before it answered.
    unknown: BTreeSet<u64>,
    /// Changes of definitions that were acknowledged.
    definitions: u64,
}

#[test]
fn money_is_neither_made_nor_lost() -> Result<()> {
    let _turn = turn();
    let rounds = setting("KURA_BANK_ROUNDS", 10);
    let seed = setting("KURA_SEED", 20_130_101);
    println!("{rounds} rounds, KURA_SEED={seed}");
    let mut random = Random::new(seed);
    let mut server = TestServer::start()?;
    open_bank(&mut server.client()?)?;
    let mut books = Books::default();
    for round in 0..rounds {
        let sessions: Vec<_> = (0..=CLERKS)
            .map(|session| {
                let (dsn, random) = (server.dsn(), Random::new(random.next_u64()));
                let first = (round * (CLERKS + 1) + session) * 1_000_000;
                thread::spawn(move || if session < CLERKS { clerk(&dsn, first, random) } else { architect(&dsn, random) })
            })
            .collect();
        thread::sleep(Duration::from_millis(300 + random.below(1_500)));
        server.kill()?;
        for session in sessions {
            let own = session.join().expect("a session does not panic").with_context(|| format!("round {round}, seed {seed}"));
            let own = own.with_context(|| server.log_tail())?;
            books.acknowledged.extend(own.acknowledged);
            books.unknown.extend(own.unknown);
            books.definitions += own.definitions;
        }
        server.start_again().with_context(|| format!("round {round}"))?;
        audit(&server, &books).with_context(|| format!("round {round}, seed {seed}"))?;
    }
    server.stop()?;
    println!("{} transfers and {} changes of tables survived {rounds} kills", books.acknowledged.len(), books.definitions);
    // A debug build needs most of a round to let its sessions in.
    let (transfers, definitions) = if is_optimised() { (rounds * 5, rounds) } else { (rounds, rounds / 3) };
    ensure!(books.acknowledged.len() as u64 >= transfers, "hardly anything was transferred: the test tests nothing");
    ensure!(books.definitions >= definitions, "hardly any table was changed: the test tests nothing");
    Ok(())
}

fn open_bank(client: &mut Client) -> Result<()> {
    for branch in 0..BRANCHES {
        client.simple(&format!(
            "CREATE TABLE branch{branch} AS SELECT g AS account, {DEPOSIT}::bigint AS balance FROM generate_series(1, {ACCOUNTS}) AS s(g)"
        ))?;
    }
    client.simple("CREATE TABLE transfers (id bigint NOT NULL, giver bigint, taker bigint, amount bigint)")?;
    Ok(())
}

/// What a failed attempt means.
enum Failure {
    /// The transaction is undone; the session goes on.
    Refused,
    /// The server is gone.
    Gone,
}

/// Sorts an error; one that nobody should see is passed on.
fn judge(error: Error, client: &mut Client) -> Result<Failure> {
    match error {
        Error::Io(_) => Ok(Failure::Gone),
        // Another session was first, or two waited for each other; a table was swapped away between parsing and locking.
        Error::Server(error) if ["40001", "40P01", "42P01"].contains(&error.field('C')) => match client.simple("ROLLBACK") {
            Ok(_) => Ok(Failure::Refused),
            Err(Error::Io(_)) => Ok(Failure::Gone),
            Err(other) => bail!("ROLLBACK failed: {other}"),
        },
        Error::Server(error) if error.field('C') == "57P01" => Ok(Failure::Gone),
        other => bail!("{other}"),
    }
}

/// Moves money until the server is gone.
fn clerk(dsn: &Dsn, first: u64, mut random: Random) -> Result<Books> {
    let mut books = Books::default();
    let Ok(mut client) = Client::connect(dsn) else { return Ok(books) };
    for id in first.. {
        // The commit is the only statement of which nobody knows the outcome when its answer is missing.
        let committing = match transfer(&mut client, id, &mut random) {
            Ok(()) => client.simple("COMMIT").map(drop),
            Err(error) => match judge(error, &mut client)? {
                Failure::Refused => continue,
                Failure::Gone => return Ok(books),
            },
        };
        match committing {
            Ok(()) => drop(books.acknowledged.insert(id)),
            Err(error) => {
                if let Failure::Gone = judge(error, &mut client)? {
                    books.unknown.insert(id);
                    return Ok(books);
                }
            }
        }
    }
    Ok(books)
}

/// One transfer, not yet committed. Sometimes a savepoint takes back a mistake in between.
fn transfer(client: &mut Client, id: u64, random: &mut Random) -> Result<(), Error> {
    let (from, to) = (random.below(BRANCHES), random.below(BRANCHES));
    let (giver, taker) = (1 + random.below(ACCOUNTS), 1 + random.below(ACCOUNTS));
    let amount = 1 + random.below(50);
    client.simple("BEGIN")?;
    client.simple(&format!("UPDATE branch{from} SET balance = balance - {amount} WHERE account = {giver}"))?;
    if random.below(4) == 0 {
        client.simple("SAVEPOINT mistake")?;
        client.simple(&format!("DELETE FROM branch{to}"))?;
        client.simple("ROLLBACK TO mistake")?;
    }
    if random.below(2) == 0 {
        client.simple(&format!("UPDATE branch{to} SET balance = balance + {amount} WHERE account = {taker}"))?;
    } else {
        client.simple(&format!(
            "MERGE INTO branch{to} t USING (SELECT {taker}::bigint AS account, {amount}::bigint AS amount) s ON t.account = s.account \
             WHEN MATCHED THEN UPDATE SET balance = t.balance + s.amount \
             WHEN NOT MATCHED THEN INSERT (account, balance) VALUES (s.account, -1000000)"
        ))?;
    }
    let (giver, taker) = (from * 1_000 + giver, to * 1_000 + taker);
    client.simple(&format!("INSERT INTO transfers VALUES ({id}, {giver}, {taker}, {amount})")).map(drop)
}

/// Swaps, widens and rewrites tables until the server is gone.
fn architect(dsn: &Dsn, mut random: Random) -> Result<Books> {
    let mut books = Books::default();
    let Ok(mut client) = Client::connect(dsn) else { return Ok(books) };
    loop {
        let branch = random.below(BRANCHES);
        let statements = match random.below(3) {
            0 => vec![
                format!("LOCK TABLE branch{branch} IN ACCESS EXCLUSIVE MODE"),
                format!("CREATE TABLE branch{branch}_new AS SELECT account, balance FROM branch{branch}"),
                format!("ALTER TABLE branch{branch} RENAME TO branch{branch}_old"),
                format!("ALTER TABLE branch{branch}_new RENAME TO branch{branch}"),
                format!("DROP TABLE branch{branch}_old"),
            ],
            1 => vec![
                format!("ALTER TABLE branch{branch} ADD COLUMN note text DEFAULT 'new'"),
                format!("ALTER TABLE branch{branch} RENAME COLUMN note TO remark"),
                format!("ALTER TABLE branch{branch} DROP COLUMN remark"),
            ],
            _ => vec![
                format!("LOCK TABLE branch{branch} IN ACCESS EXCLUSIVE MODE"),
                format!("CREATE TABLE moved AS SELECT account, balance FROM branch{branch}"),
                format!("TRUNCATE branch{branch}"),
                format!("INSERT INTO branch{branch} (account, balance) SELECT account, balance FROM moved"),
                "DROP TABLE moved".to_owned(),
            ],
        };
        let mut done = client.simple("BEGIN").map(drop);
        for statement in statements {
            done = done.and_then(|()| client.simple(&statement).map(drop));
        }
        match done.and_then(|()| client.simple("COMMIT").map(drop)) {
            Ok(()) => books.definitions += 1,
            Err(error) => {
                if let Failure::Gone = judge(error, &mut client)? {
                    return Ok(books);
                }
            }
        }
        thread::sleep(Duration::from_millis(random.below(60)));
    }
}

/// Compares accounts, books and what the sessions know; then DuckDB's totals.
fn audit(server: &TestServer, books: &Books) -> Result<()> {
    let mut client = server.client()?;
    let total = i64::try_from(BRANCHES * ACCOUNTS)? * DEPOSIT;
    let accounts: Vec<String> =
        (0..BRANCHES).map(|branch| format!("SELECT {branch} * 1000 + account AS account, balance FROM branch{branch}")).collect();
    let accounts = accounts.join(" UNION ALL ");
    let sums = client.rows(&format!("SELECT count(*), count(DISTINCT account), sum(balance) FROM ({accounts}) a"))?;
    let count = Some((BRANCHES * ACCOUNTS).to_string());
    ensure!(sums == [[count.clone(), count, Some(total.to_string())]], "the accounts hold {sums:?}");
    let wrong = client.rows(&format!(
        "WITH moved AS (SELECT giver AS account, -amount AS amount FROM transfers UNION ALL SELECT taker, amount FROM transfers), \
         booked AS (SELECT account, sum(amount) AS amount FROM moved GROUP BY account) \
         SELECT a.account, a.balance, b.amount FROM ({accounts}) a LEFT JOIN booked b USING (account) \
         WHERE a.balance <> {DEPOSIT} + coalesce(b.amount, 0) ORDER BY 1"
    ))?;
    ensure!(wrong.is_empty(), "balances that are not what the books say: {wrong:?}");
    let mut booked = BTreeSet::new();
    for row in client.rows("SELECT id FROM transfers")? {
        let id: u64 = row[0].as_deref().context("an id")?.parse()?;
        ensure!(booked.insert(id), "transfer {id} is booked twice");
        ensure!(books.acknowledged.contains(&id) || books.unknown.contains(&id), "transfer {id} is booked but was refused");
    }
    let lost: Vec<_> = books.acknowledged.difference(&booked).collect();
    ensure!(lost.is_empty(), "acknowledged transfers that are not in the books: {lost:?}");
    for branch in 0..BRANCHES {
        let query = format!("SELECT count(*), sum(balance), sum(account * balance) FROM branch{branch}");
        let ours: Vec<Vec<String>> =
            client.rows(&query)?.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect()).collect();
        let theirs = clients::duckdb(server, &query.replace("FROM ", "FROM lake.public."))?;
        ensure!(ours == theirs, "branch{branch}: Kura sums {ours:?}, DuckDB {theirs:?}");
    }
    Ok(())
}
