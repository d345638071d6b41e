"""Benchmarks: patchsweep against what people write with the SDK, on the same simulated data, in one run.

    python -m tests.benchmarks --json runs.json
    python -m tests.benchmarks --only rate,memory

Each client is a process of its own on one core, the server another on the next; clients take turns in random order,
and every run's rows are counted. Look at ratios, not at seconds: other work on the machine moves those by half.
"""
