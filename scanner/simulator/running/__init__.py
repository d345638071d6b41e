"""All that lives between two requests of a running simulation."""
