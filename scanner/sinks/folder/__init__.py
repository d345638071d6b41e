"""Folders that hold one scan as one text file a table."""
