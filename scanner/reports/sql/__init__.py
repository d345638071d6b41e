"""SQL over committed scans: read-only, streamed and locked down."""
