"""Sinks of other people, installed in a folder, that break in ways of their own."""

from __future__ import annotations

from pathlib import Path

from tests.sinks.plugins import distribution

AT_IMPORT = "raise RuntimeError('the licence server is closed')"
AT_WRITE = """
class Sink:
    live = True
    api_version = 1
    def __init__(self, where, context): pass
    async def write(self, batch): raise KeyError("no such row")
    async def commit(self, scan): pass
    async def aclose(self): pass
"""


def install_broken_sinks(folder: Path) -> Path:
    """The types `closed` (cannot be imported) and `torn` (cannot write); the folder belongs on PYTHONPATH."""
    folder.mkdir()
    distribution(folder, "broken-sinks", {"closed": "closed_sink:Sink", "torn": "torn_sink:Sink"}, {})
    (folder / "closed_sink.py").write_text(AT_IMPORT)
    (folder / "torn_sink.py").write_text(AT_WRITE)
    return folder
