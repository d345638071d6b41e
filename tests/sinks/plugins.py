"""Distributions with sinks, laid out in a folder as an installer leaves them."""

from __future__ import annotations

import importlib
from importlib.metadata import distributions

from scanner.sinks.registry import ENTRY_POINT_GROUP


def distribution(folder, name, sinks, modules):
    """Version 1.2 of a distribution with these sinks (name -> `module:factory`) and modules (name -> source)."""
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    lines = [f"{sink} = {target}" for sink, target in sinks.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{ENTRY_POINT_GROUP}]", *lines, ""]))
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)


def entry_points_in(folder):
    """The sinks of the distributions in this folder alone."""
    importlib.invalidate_caches()
    found = distributions(path=[str(folder)])
    return [entry for dist in found for entry in dist.entry_points.select(group=ENTRY_POINT_GROUP)]
