"""Scans by workers, of whose processes one is killed, or frozen until the scan is committed."""
