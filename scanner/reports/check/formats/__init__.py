"""Writes the result of a check for people, for programs and for pipelines: one module a form."""
