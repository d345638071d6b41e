"""`postgresql://user:password@host/database`: the tables of a scan in a PostgreSQL database, scan by scan."""
