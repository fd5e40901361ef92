"""DuckDB, in this process, reads each table after every kind of change, travels in its time, and changes it in turn: dsn, catalog.

After each step both must show the same rows; at the end DuckDB shows every earlier state again, by its snapshot.
"""

import sys

import psycopg

from attach import attach

dsn, catalog = sys.argv[1:]
server = psycopg.connect(dsn, autocommit=True)
history = []  # (what was done, snapshot, table, rows)


def rows(connection, table, at=""):
    """All rows as text, in an order that both agree on."""
    found = connection.execute(f"SELECT * FROM {table} {at}").fetchall()
    return sorted([tuple(str(value) for value in row) for row in found])


def agree(done, table="s.t"):
    """Both show the same rows now. Remembers them."""
    lake = attach(catalog)
    ours, theirs = rows(server, table), rows(lake, table)
    assert ours == theirs, (done, "only here", sorted(set(ours) - set(theirs))[:5], "only DuckDB", sorted(set(theirs) - set(ours))[:5])
    counted = (server.execute(f"SELECT count(*) FROM {table}").fetchone(), lake.execute(f"SELECT count(*) FROM {table}").fetchone())
    assert counted[0] == counted[1] == (len(ours),), (done, counted, len(ours))
    snapshot = lake.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchone()[0]
    history.append((done, snapshot, table, ours))


def here(statement, table="s.t"):
    server.execute(statement)
    agree(statement, table)


def there(statement, table="s.t"):
    lake = attach(catalog, read_only=False)
    lake.execute(statement)
    lake.close()
    agree("DuckDB: " + statement, table)


server.execute("CREATE SCHEMA s")
server.execute("CREATE TABLE s.t (id integer, name text, amount numeric(10,2), day date)")
here("INSERT INTO s.t SELECT g, 'row ' || g, g / 4.0, date '2024-01-01' + g FROM generate_series(1, 1000) AS g")
here("DELETE FROM s.t WHERE id % 10 = 3")
here("DELETE FROM s.t WHERE id % 10 = 4")
there("DELETE FROM s.t WHERE id % 10 = 5")
here("DELETE FROM s.t WHERE id % 10 = 6")
here("UPDATE s.t SET amount = amount + 1, name = name || '!' WHERE id <= 100")
there("UPDATE s.t SET amount = amount * 2 WHERE id BETWEEN 50 AND 150")
here("UPDATE s.t SET day = NULL WHERE id = 7")
there("INSERT INTO s.t VALUES (5001, 'of DuckDB', 1.25, DATE '1999-12-31'), (5002, NULL, NULL, NULL)")
here("MERGE INTO s.t USING (SELECT g AS id FROM generate_series(990, 1010) AS g) n ON t.id = n.id "
     "WHEN MATCHED AND t.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET name = 'merged' "
     "WHEN NOT MATCHED THEN INSERT (id, name) VALUES (n.id, 'new')")
here("DELETE FROM s.t USING (SELECT 1001 AS id) d WHERE t.id = d.id")

# definitions
here("ALTER TABLE s.t ADD COLUMN flag boolean DEFAULT true")
here("ALTER TABLE s.t ADD COLUMN note text")
here("UPDATE s.t SET note = 'noted' WHERE id < 20")
here("ALTER TABLE s.t RENAME COLUMN note TO remark")
here("ALTER TABLE s.t ALTER COLUMN id TYPE bigint")
here("INSERT INTO s.t (id, remark) VALUES (9000000000, 'wide')")
there("INSERT INTO s.t (id, remark) VALUES (9000000001, 'wide too')")
here("ALTER TABLE s.t ALTER COLUMN amount TYPE text")
here("ALTER TABLE s.t DROP COLUMN name")
here("ALTER TABLE s.t RENAME TO u", "s.u")
here("DELETE FROM s.u WHERE remark IS NULL AND id > 500", "s.u")
there("DELETE FROM s.u WHERE id = 9000000001", "s.u")

# a swap, as dbt makes it
with server.transaction():
    server.execute("CREATE TABLE s.u_tmp AS SELECT id, remark, amount FROM s.u WHERE id < 300")
    server.execute("ALTER TABLE s.u RENAME TO u_backup")
    server.execute("ALTER TABLE s.u_tmp RENAME TO u")
agree("swap", "s.u")
agree("swap", "s.u_backup")
here("DROP TABLE s.u_backup", "s.u")

# everything goes, and comes again
here("DELETE FROM s.u", "s.u")
here("INSERT INTO s.u SELECT g, 'again', 'x' FROM generate_series(1, 50) AS g", "s.u")
here("TRUNCATE s.u", "s.u")
here("INSERT INTO s.u VALUES (1, 'last', 'y')", "s.u")

# several changes in one transaction, the second on what the first made
with server.transaction():
    server.execute("INSERT INTO s.u SELECT g, 'inner', 'z' FROM generate_series(100, 120) AS g")
    server.execute("DELETE FROM s.u WHERE id % 2 = 0")
    server.execute("UPDATE s.u SET remark = 'twice' WHERE id > 110")
    server.execute("DELETE FROM s.u WHERE id = 119")
agree("one transaction", "s.u")

lake = attach(catalog)
for done, snapshot, table, expected in history:
    found = rows(lake, table, f"AT (VERSION => {snapshot})")
    assert found == expected, ("DuckDB shows another past", done, snapshot, len(found), len(expected))
print(f"{len(history)} states")
print("ok")
