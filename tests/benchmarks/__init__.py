"""Benchmarks against peers; run them with `python -m tests.benchmarks`."""
