#!/usr/bin/env python3
"""DELETE, UPDATE and MERGE on a table of ten million rows: Kura over the wire against DuckDB on a table of its own, in one run.

    python benches/dml.py --dsn "host=127.0.0.1 port=5432 user=kura dbname=kura" [--rows N] [--rounds N] [--pid SERVER] [--lake DIR]

Wants psycopg and duckdb (crates/testkit/requirements.txt). Both engines make the same rows, then take turns statement by statement, so that
a drift of the machine's speed strikes both alike; a time is what a client waits, the commit included. After each statement the tables
must agree. Prints the best time of each and the ratio; with --pid the server's peak of resident memory, with --lake the bytes
each statement added to the lake.
"""
import argparse
import os
import sys
import tempfile
import time

import duckdb
import psycopg

TABLE = """CREATE TABLE dml_bench AS
SELECT g AS id, (g * 7919 % 1000)::int AS k, (g % 10007) * 0.25::float8 AS amount, 'name ' || (g * 31 % 5003) AS name,
       timestamp '2024-01-01 00:00:00' + to_seconds_of(g) AS at
FROM {series} AS s(g)"""

SOURCE = "CREATE TABLE dml_source AS SELECT g * {step} AS id, (g % 17)::int AS k, 1.5::float8 AS amount FROM {series} AS s(g)"

# {r} is the round: every round meets other rows.
STATEMENTS = [
    ("delete 1 % scattered", "DELETE FROM dml_bench WHERE id % 100 = {r}"),
    ("delete 5 % in a range", "DELETE FROM dml_bench WHERE id > {rows} * 0.05 * {r} AND id <= {rows} * 0.05 * ({r} + 1)"),
    ("delete IN (subquery)", "DELETE FROM dml_bench WHERE id IN (SELECT id + {r} FROM dml_source)"),
    ("delete USING", "DELETE FROM dml_bench USING dml_source s WHERE dml_bench.id = s.id + 10 + {r}"),
    ("update 1 % scattered", "UPDATE dml_bench SET amount = amount + 1 WHERE id % 100 = 50 + {r}"),
    ("update 10 %", "UPDATE dml_bench SET amount = amount * 2, name = name || '!' WHERE k < 100"),
    ("update FROM", "UPDATE dml_bench SET k = s.k FROM dml_source s WHERE dml_bench.id = s.id + 20 + {r}"),
    (
        "merge",
        "MERGE INTO dml_bench t USING (SELECT id + 30 + {r} + CASE WHEN k < 8 THEN 0 ELSE {rows} * (2 + {r}) END AS id, k, amount FROM dml_source) s "
        "ON t.id = s.id WHEN MATCHED THEN UPDATE SET amount = s.amount, k = s.k "
        "WHEN NOT MATCHED THEN INSERT (id, k, amount) VALUES (s.id, s.k, s.amount)",
    ),
]

STATE = "SELECT count(*), sum(id), sum(k), sum(amount), count(name), sum(length(name)) FROM dml_bench"


class Kura:
    """The server, over its wire."""

    name = "kura"

    def __init__(self, dsn):
        self.connection = psycopg.connect(dsn, autocommit=True)

    def make(self, rows, step):
        self.run("DROP TABLE IF EXISTS dml_bench")
        self.run("DROP TABLE IF EXISTS dml_source")
        series = "generate_series(1, {}::bigint)"
        self.run(TABLE.replace("to_seconds_of(g)", "g * interval '1 second'").format(series=series.format(rows)))
        self.run(SOURCE.format(series=series.format(rows // step), step=step))

    def run(self, text):
        cursor = self.connection.execute(text)
        return cursor.fetchall() if cursor.description else []


class DuckDB:
    """DuckDB with a database file of its own."""

    name = "duckdb"

    def __init__(self, directory):
        self.connection = duckdb.connect(os.path.join(directory, "peer.duckdb"))

    def make(self, rows, step):
        series = "generate_series(1, {}::bigint)"
        self.run(TABLE.replace("to_seconds_of(g)", "to_seconds(g)").format(series=series.format(rows)))
        self.run(SOURCE.format(series=series.format(rows // step), step=step))

    def run(self, text):
        return self.connection.execute(text).fetchall()


def timed(engine, text):
    begin = time.perf_counter()
    engine.run(text)
    return time.perf_counter() - begin


def agree(engines):
    """The tables hold the same."""
    (first, *_), (second, *_) = (engine.run(STATE) for engine in engines)
    for ours, theirs in zip(first, second):
        if abs(float(ours) - float(theirs)) > 1e-9 * max(1.0, abs(float(theirs))):
            sys.exit(f"the tables differ: {first} and {second}")


def lake_bytes(lake):
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(lake) for name in names)


def peak_memory(pid):
    """Peak of resident memory in MiB."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", type=int, default=100, help="the source has one row for so many of the table")
    parser.add_argument("--pid", type=int, help="the server's process, for its memory")
    parser.add_argument("--lake", help="the lake's directory, for the bytes written")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        engines = [Kura(options.dsn), DuckDB(directory)]
        for engine in engines:
            print(f"{engine.name}: {options.rows} rows made in {timed_make(engine, options):.2f} s")
        agree(engines)
        table = lake_bytes(options.lake) if options.lake else 0
        print(f"{'statement':24} {'kura s':>8} {'duckdb s':>8} {'ratio':>6}   written")
        for label, text in STATEMENTS:
            best, written = {}, []
            for r in range(options.rounds):
                statement = text.format(r=r, rows=options.rows)
                for engine in engines:
                    before = lake_bytes(options.lake) if options.lake and engine.name == "kura" else None
                    took = timed(engine, statement)
                    best[engine.name] = min(best.get(engine.name, took), took)
                    if before is not None:
                        written.append(lake_bytes(options.lake) - before)
                agree(engines)
            share = f"{max(written) / table:.1%} of the table" if written else ""
            print(f"{label:24} {best['kura']:8.3f} {best['duckdb']:8.3f} {best['kura'] / best['duckdb']:6.2f}   {share}")
        if options.pid:
            print(f"peak of the server's memory: {peak_memory(options.pid)} MiB")


def timed_make(engine, options):
    begin = time.perf_counter()
    engine.make(options.rows, options.step)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
