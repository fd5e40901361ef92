"""Attaches a lake in DuckDB with the extensions that come as Python packages."""

import pathlib

import duckdb
import duckdb_extension_ducklake
import duckdb_extension_sqlite_scanner


def attach(catalog, read_only=True):
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for package, name in ((duckdb_extension_sqlite_scanner, "sqlite_scanner"), (duckdb_extension_ducklake, "ducklake")):
        folder = pathlib.Path(package.__file__).parent / "extensions" / f"v{duckdb.__version__}"
        connection.execute(f"LOAD '{folder / name}.duckdb_extension'")
    options = " (READ_ONLY)" if read_only else ""
    connection.execute(f"ATTACH 'ducklake:sqlite:{catalog}' AS lake{options}")
    connection.execute("USE lake.public")
    return connection
