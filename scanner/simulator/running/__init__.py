"""The state of a running simulation between two requests."""
