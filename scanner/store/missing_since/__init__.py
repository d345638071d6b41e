"""Tells since when each patch is lacking, by what the scans of a store have seen of every node."""
