"""Keeps the addresses under which plug-ins of version 0.1.0 import modules that have moved since."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from importlib.abc import Loader

#: The old address of each module that plug-ins may import, and where it lives now.
MOVED = {
    "scanner.errors": "scanner.core.errors",
    "scanner.interfaces": "scanner.core.interfaces",
    "scanner.sinks.contract": "scanner.sinks.testing.contract",
}


class _MovedModules:
    """Finds a moved module under its old address, with the same objects in it; nothing is loaded before it is asked.

    It is a finder and a loader by its methods: the base classes of `importlib.abc` take 20 ms to import.
    """

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, cast("Loader", self)) if fullname in MOVED else None

    def create_module(self, _spec: ModuleSpec) -> None:
        """Leaves the making of a module to the import system."""

    def exec_module(self, module: ModuleType) -> None:
        moved = vars(import_module(MOVED[module.__name__]))
        vars(module).update({name: value for name, value in moved.items() if not name.startswith("__")})


def keep_old_addresses() -> None:
    """Lets the old addresses be imported, after every other finder has had its turn."""
    sys.meta_path.append(_MovedModules())
