"""DuckDB, in this process, sees every commit of the server at once: dsn, catalog."""

import sys

import psycopg

from attach import attach

dsn, catalog = sys.argv[1:]
with psycopg.connect(dsn, autocommit=True) as server:
    server.execute("CREATE SCHEMA s")
    server.execute("CREATE TABLE s.t (id integer, name text) PARTITIONED BY (id)")
    lake = attach(catalog)
    total = 0
    for number in range(5):
        with server.transaction():
            server.execute("INSERT INTO s.t SELECT %s, 'row ' || g FROM generate_series(1, 100) AS g", (number,))
            before = lake.execute("SELECT count(*) FROM s.t").fetchone()[0]
            assert before == total, ("DuckDB sees what is not committed", before, total)
        total += 100
        after = lake.execute("SELECT count(*), count(DISTINCT (id, name)) FROM s.t").fetchone()
        assert after == (total, total), (after, total)
        mine = server.execute("SELECT id, count(*), min(name), max(name) FROM s.t GROUP BY id ORDER BY id").fetchall()
        theirs = lake.execute("SELECT id, count(*), min(name), max(name) FROM s.t GROUP BY id ORDER BY id").fetchall()
        assert mine == theirs, (mine, theirs)
    # what the catalog says about a file is true, or DuckDB would prune rows away
    assert lake.execute("SELECT count(*) FROM s.t WHERE id = 3 AND name = 'row 77'").fetchone() == (1,)
    server.execute("CREATE TABLE s.u AS SELECT * FROM s.t WHERE id < 2")
    assert lake.execute("SELECT count(*) FROM s.u").fetchone() == (200,)
    server.execute("DROP TABLE s.u")
    assert lake.execute("SELECT count(*) FROM information_schema.tables WHERE table_name = 'u'").fetchone() == (0,)
    server.execute("CREATE VIEW s.v AS SELECT 1 AS one")
    server.execute("COMMENT ON TABLE s.t IS 'of the server'")
    assert lake.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 't'").fetchone() == ("of the server",)
print("ok")
