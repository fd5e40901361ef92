"""What Python programs do with psycopg 3 and psycopg 2: dsn."""

import sys
import threading
import time

import psycopg
import psycopg2

(dsn,) = sys.argv[1:]

with psycopg.connect(dsn) as connection:
    assert connection.info.server_version // 10000 == 15, connection.info.server_version
    assert connection.info.parameter_status("server_encoding") == "UTF8"
    assert connection.info.parameter_status("integer_datetimes") == "on"
    connection.execute("CREATE TABLE t (id integer NOT NULL, name text, amount numeric(10,2))")
    connection.commit()

    # transactions: what is rolled back is gone, a failed one refuses until ROLLBACK
    connection.execute("INSERT INTO t VALUES (1, 'one', 1.5)")
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    try:
        connection.execute("SELECT 1/0")
        raise AssertionError("1/0 has an answer")
    except psycopg.errors.DivisionByZero:
        pass
    try:
        connection.execute("SELECT 1")
        raise AssertionError("a failed transaction goes on")
    except psycopg.errors.InFailedSqlTransaction:
        pass
    connection.rollback()

    # many rows, by executemany (a pipeline inside) and by COPY
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s)", [(n, f"row {n}", n / 2) for n in range(50)])
        assert cursor.rowcount == 50, cursor.rowcount
        with cursor.copy("COPY t (id, name) FROM STDIN") as copy:
            for n in range(50, 20_050):
                copy.write_row((n, f"row {n}"))
        assert cursor.rowcount == 20_000, cursor.rowcount
    connection.commit()
    assert connection.execute("SELECT count(*), count(DISTINCT id), sum(amount) FROM t").fetchone()[:2] == (20_050, 20_050)

    # a prepared statement used again, also after the table got more rows
    for n in range(10):
        found = connection.execute("SELECT name FROM t WHERE id = %s", (n,), prepare=True).fetchone()
        assert found == (f"row {n}",), found
    connection.execute("INSERT INTO t VALUES (-1, 'late', NULL)")
    assert connection.execute("SELECT name FROM t WHERE id = %s", (-1,), prepare=True).fetchone() == ("late",)
    connection.commit()

    # one row at a time
    with connection.cursor() as cursor:
        assert sum(1 for _ in cursor.stream("SELECT * FROM t")) == 20_051

    # description: names and types as PostgreSQL would give them
    described = connection.execute("SELECT id, name AS \"Full Name\", amount, count(*) OVER () AS n FROM t LIMIT 1").description
    assert [(column.name, column.type_code) for column in described] == [("id", 23), ("Full Name", 25), ("amount", 1700), ("n", 20)]
    assert (described[2].precision, described[2].scale) == (10, 2)
    connection.commit()

    # errors: code, message, position, detail
    try:
        connection.execute("SELECT nme FROM t")
        raise AssertionError("no error")
    except psycopg.errors.UndefinedColumn as error:
        assert error.diag.sqlstate == "42703" and error.diag.message_primary == 'column "nme" does not exist'
        assert error.diag.statement_position == "8", error.diag.statement_position
    connection.rollback()
    try:
        with connection.cursor().copy("COPY t FROM STDIN") as copy:
            copy.write("1\tone\t1.5\n2\ttwo\tx\n")
        raise AssertionError("no error")
    except psycopg.errors.InvalidTextRepresentation as error:
        assert error.diag.context == 'COPY t, line 2, column amount: "x"', error.diag.context
    connection.rollback()

    # cancel from another thread
    timer = threading.Timer(0.5, connection.cancel)
    timer.start()
    begin = time.monotonic()
    try:
        connection.execute("SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b")
        raise AssertionError("nobody stopped it")
    except psycopg.errors.QueryCanceled:
        assert time.monotonic() - begin < 10
    connection.rollback()

# many statements before the first answer
with psycopg.connect(dsn) as connection, connection.pipeline():
    cursors = [connection.execute("SELECT %s::int * 2", (n,)) for n in range(20)]
    assert [cursor.fetchone()[0] for cursor in cursors] == [2 * n for n in range(20)]

with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT id, name, amount FROM t WHERE id < %s AND id >= 0 ORDER BY id", (2,))
    rows = cursor.fetchall()
    assert [(row[0], row[1]) for row in rows] == [(0, "row 0"), (1, "row 1")], rows
    cursor.execute("SELECT ARRAY[1,2,NULL], now() - now(), DATE '2024-02-29', true, 'é'")
    assert cursor.fetchone()[0] == [1, 2, None]
    connection.commit()
    with open("/dev/null") as nothing:
        cursor.copy_expert("COPY t FROM STDIN", nothing)
    cursor.execute("INSERT INTO t VALUES (%s, %s, %s)", (-2, "it's", None))
    assert cursor.rowcount == 1
    connection.rollback()

print("ok")
