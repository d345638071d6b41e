"""Keeps the addresses under which plug-ins of version 0.1.0 import modules that have moved since."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

#: The old address of each module that plug-ins may import, and where it lives now.
MOVED = {
    "scanner.errors": "scanner.core.errors",
    "scanner.interfaces": "scanner.core.interfaces",
    "scanner.sinks.contract": "scanner.sinks.testing.contract",
}


class _MovedModules(MetaPathFinder, Loader):
    """Finds a moved module under its old address, with the same objects in it; nothing is loaded before it is asked."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        moved = vars(import_module(MOVED[module.__name__]))
        vars(module).update({name: value for name, value in moved.items() if not name.startswith("__")})


def keep_old_addresses() -> None:
    """Lets the old addresses be imported, after every other finder has had its turn."""
    sys.meta_path.append(_MovedModules())
