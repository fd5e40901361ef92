"""Runs queries from files in DuckDB on the lake and prints the rows: catalog, files."""

import sys

from attach import attach
from printing import print_rows

catalog, *files = sys.argv[1:]
connection = attach(catalog)
for file in files:
    with open(file) as query:
        print_rows(connection.execute(query.read()).fetchall())
