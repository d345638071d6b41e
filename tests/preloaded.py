"""Imports what commands import, in the process that the tests fork them from: `tests.forks` names this module to it."""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages

import scanner.app
import scanner.cli

#: What the commands import only when they need it; not the packages of extras, whose absence a command has to notice.
_PACKAGES = ("aioboto3", "anyio._backends._asyncio", "duckdb", "jinja2", "pyarrow.dataset", "rich.progress", "uvloop")
_ROOMS_BELOW = ("scanner.files.s3", "scanner.sinks.folder.folder", "scanner.reports.html.page")

for _name in (*_PACKAGES, *_ROOMS_BELOW):
    import_module(_name)
for _room in (scanner.cli, scanner.app):
    for _module in walk_packages(_room.__path__, f"{_room.__name__}."):
        import_module(_module.name)
