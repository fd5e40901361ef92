"""How the programs print tables: tab-separated values, \\N for NULL, an empty line after each table."""


def print_rows(rows):
    for row in rows:
        print("\t".join("\\N" if value is None else str(value) for value in row))
    print(flush=True)
