"""Imports what commands import, in the process that the tests fork them from: `tests.forks` names this module to it."""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages

from coverage import Coverage

#: What the commands import only when they need it; not the packages of extras, whose absence a command has to notice.
_PACKAGES = ("aioboto3", "anyio._backends._asyncio", "duckdb", "jinja2", "pyarrow.dataset", "rich.progress", "uvloop")
_ROOMS_BELOW = ("scanner.files.s3", "scanner.sinks.folder.folder", "scanner.reports.html.page")
_COMMANDS = ("scanner.cli", "scanner.app")

# What is forked is not measured: most of it is killed, and saves nothing.
if (measuring := Coverage.current()) is not None:
    measuring.stop()
for _name in (*_PACKAGES, *_ROOMS_BELOW):
    import_module(_name)
for _name in _COMMANDS:
    for _module in walk_packages(import_module(_name).__path__, f"{_name}."):
        import_module(_module.name)
