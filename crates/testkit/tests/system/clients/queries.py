"""Runs queries from files with psycopg 3 and prints the rows: dsn, text or binary, files."""

import sys

import psycopg

from printing import print_rows

dsn, form, *files = sys.argv[1:]
with psycopg.connect(dsn, autocommit=True) as connection:
    for file in files:
        with open(file) as query, connection.cursor(binary=form == "binary") as cursor:
            print_rows(cursor.execute(query.read()).fetchall())
