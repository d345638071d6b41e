"""Simulates an organization: a pure, seeded model of accounts, Regions, nodes and patches that speaks AWS's protocols.

`server` serves a world, `build` and `demo` make worlds, `faults` lists what can go wrong, `truth` says what a scan
must find.
"""
