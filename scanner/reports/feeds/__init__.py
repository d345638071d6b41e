"""Reads vulnerability feeds that the user downloaded: parsers from bytes to tables, each of a published format."""
