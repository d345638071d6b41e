"""`postgresql://user:password@host/database`: the four tables in a PostgreSQL database, scan by scan."""
