"""What can be asked of committed scans: SQL, and the tallies a summary shows."""
