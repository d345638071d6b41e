"""Generates believable nodes and patches, the same ones for the same seed."""
