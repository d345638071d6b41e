"""`duckdb:FILE`: every table in one DuckDB database, scan by scan."""
