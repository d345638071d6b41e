"""Finds the patch rows in which two scans differ, whatever their size: equal nodes by sums, the others in groups."""
